package runs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/states"
)

// testFolder is the name under which COPY --from finds the files for tests.
const testFolder = "whittle-tests"

// Engine runs commands in what a definition builds.
type Engine interface {
	Run(ctx context.Context, d build.Definition, commands []build.Command, o build.RunOptions) ([]build.RunResult, error)
}

// InTests says how the tests of a project are run.
type InTests struct {
	Project *project.Project
	// Process is that of the image.
	Process whittle.Process
	// Commands are run one after another, each in a container of its own.
	Commands []build.Command
	// Skip says which folders of the project are not copied, nil for none.
	Skip func(rel string, d fs.DirEntry) bool
	// Log takes the log of the build, nil none.
	Log io.Writer
	// Shown shows which command runs.
	Shown whittle.Progress
}

// Run runs the tests in the image that d builds, with a layer on top that has their
// files. If their setup fails, the tests fail.
func (t InTests) Run(ctx context.Context, engine Engine, d build.Definition) ([]build.RunResult, error) {
	dir, err := os.MkdirTemp("", "whittle-test-*")
	if err != nil {
		return nil, fmt.Errorf("making a folder for the tests: %w", err)
	}
	defer os.RemoveAll(dir)
	for _, name := range t.Project.Test.Copy {
		if err := t.copyInside(ctx, name, dir); err != nil {
			return nil, fmt.Errorf("copying %s for the tests: %w", name, err)
		}
	}
	text := d.Content
	if text == nil {
		if text, err = whittle.ReadFile(filepath.Join(d.Folder, d.Dockerfile), dockerfile.MaxSize); err != nil {
			return nil, fmt.Errorf("reading the Dockerfile: %w", err)
		}
	}
	if d, err = withTests(d, text, dir, t.Process, t.Project.Test.Setup); err != nil {
		return nil, err
	}
	results, err := engine.Run(ctx, d, t.Commands, build.RunOptions{Log: t.Log, Commands: t.Shown})
	var failed *build.Error
	switch {
	case errors.As(err, &failed) && ctx.Err() == nil:
		for _, c := range t.Commands {
			results = append(results, build.RunResult{Name: c.Name, Args: c.Args, ExitCode: 1, Stderr: []byte("setting up the tests: " + whittle.OneLine(failed.Error()) + "\n" + strings.Join(failed.Tail, "\n"))})
		}
		return results, nil
	case err != nil:
		return nil, fmt.Errorf("running the tests: %w", err)
	}
	return results, nil
}

// withTests is the definition of an image with the tests on top.
func withTests(d build.Definition, text []byte, folder string, process whittle.Process, setup string) (build.Definition, error) {
	f, err := dockerfile.Parse(d.Dockerfile, text)
	if err != nil {
		return d, err
	}
	target, err := f.Target(d.Target)
	if err != nil {
		return d, err
	}
	// The stages after the target are not needed.
	text, d.Target = text[:target.Span.End], ""
	var more strings.Builder
	more.WriteString("USER 0\nCOPY --from=" + testFolder + " / ./\n")
	if setup != "" {
		more.WriteString("RUN " + setup + "\n")
	}
	if process.User != "" {
		more.WriteString("USER " + process.User + "\n")
	}
	d.Content = append(append(bytes.Clone(text), '\n'), more.String()...)
	d.AddFolder(testFolder, folder)
	return d, nil
}

// copyInside copies a file or folder of the project. A link that leads out of the
// project is an error.
func (t InTests) copyInside(ctx context.Context, name, to string) error {
	from, ok := whittle.Inside(t.Project.Dir, name)
	if !ok {
		return whittle.ErrUsage.Errorf("it is a link out of the project")
	}
	return states.CopyTree(ctx, from, filepath.Join(to, name), t.Skip)
}
