package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/states"
)

// testFolder is the name under which COPY --from finds the files for tests.
const testFolder = "whittle-tests"

// test runs the project's tests in an image with a layer on top that has their
// files. If their setup fails, the tests fail.
func (b *bench) test(ctx context.Context, d build.Definition, process whittle.Process, c build.Command, log io.Writer) (build.RunResult, error) {
	b.env.Listener().Step("running the project's tests in " + d.Dockerfile)
	dir, err := os.MkdirTemp("", "whittle-test-*")
	if err != nil {
		return build.RunResult{}, fmt.Errorf("making a folder for the tests: %w", err)
	}
	defer os.RemoveAll(dir)
	for _, name := range b.project.Test.Copy {
		if err := b.copyInside(ctx, name, dir); err != nil {
			return build.RunResult{}, fmt.Errorf("copying %s for the tests: %w", name, err)
		}
	}
	text := d.Content
	if text == nil {
		if text, err = whittle.ReadFile(filepath.Join(d.Folder, d.Dockerfile), dockerfile.MaxSize); err != nil {
			return build.RunResult{}, fmt.Errorf("reading the Dockerfile: %w", err)
		}
	}
	if d, err = withTests(d, text, dir, process, b.project.Test.Setup); err != nil {
		return build.RunResult{}, err
	}
	results, err := b.engine.builder.Run(ctx, d, []build.Command{c}, build.RunOptions{Log: log, Commands: b.env.Listener()})
	var failed *build.Error
	switch {
	case errors.As(err, &failed) && ctx.Err() == nil:
		return build.RunResult{Name: c.Name, Args: c.Args, ExitCode: 1, Stderr: []byte("setting up the tests: " + whittle.OneLine(failed.Error()) + "\n" + strings.Join(failed.Tail, "\n"))}, nil
	case err != nil:
		return build.RunResult{}, fmt.Errorf("running the tests: %w", err)
	}
	return results[0], nil
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
func (b *bench) copyInside(ctx context.Context, name, to string) error {
	from, ok := whittle.Inside(b.project.Dir, name)
	if !ok {
		return whittle.ErrUsage.Errorf("it is a link out of the project")
	}
	return states.CopyTree(ctx, from, filepath.Join(to, name), b.ownFolder)
}
