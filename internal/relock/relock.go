// Package relock makes generated files of a project again, such as lock files and
// compiled requirements: it runs the tool that makes them in the image of the
// project's own Dockerfile.
package relock

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/rootfs"
	"whittle.dev/whittle/internal/shell"
	"whittle.dev/whittle/internal/states"
)

// remakeFolder is the name under which COPY --from finds the project's files for
// a tool that remakes some of them; remakeDir is where they are while it runs, and
// remakeTools where a tool is installed that the image does not have.
const (
	remakeFolder = "whittle-project"
	remakeDir    = "/whittle/project"
	remakeTools  = "/whittle/tools"
)

// maxRemade is the largest file that is taken from a tool, maxManifest the
// largest file of the project that a tool gets, in bytes.
const (
	maxRemade   = 64 << 20
	maxManifest = 4 << 20
)

// Source is a Dockerfile whose image may run a tool.
type Source struct {
	// Text is the Dockerfile; Build is its build, without target and content.
	Text  []byte
	Build build.Definition
}

// Project is what is needed to make a file of a project again.
type Project struct {
	// Dir is the project's folder.
	Dir string
	// Sources are its Dockerfiles.
	Sources []Source
	// Scratch is a folder for temporary files.
	Scratch string
	// Skip says which folders belong to whittle.
	Skip func(rel string, d fs.DirEntry) bool
	// Builder opens the build engine.
	Builder func(context.Context) (host.Builder, error)
}

// Make runs the tool that makes a generated file, and gives the file's new
// content; old is the present one, which says how it was made. The tool runs in
// the Dockerfile's image right before the step that installs: there it is the
// project's own tool in its version and with its Python, and what it may run
// itself (build backends, plug-ins) does not run on this machine. The file is not
// written. Errors wrap [whittle.ErrUnsupported] if the file cannot be made.
func Make(ctx context.Context, env *host.Env, p Project, file string, old []byte) ([]byte, error) {
	g, ok := manifest.GeneratedFrom(file, old)
	tool, known := remakers()[g.Tool]
	if !ok || !known {
		return nil, whittle.ErrUnsupported.Errorf("how %s is made is not known", file)
	}
	builder, err := p.Builder(ctx)
	if err != nil {
		return nil, err
	}
	env.Listener().Step(fmt.Sprintf("making %s again: %s %s", file, g.Tool, strings.Join(g.Args, " ")))
	d, err := definition(p.Sources, &g, tool)
	if err != nil {
		return nil, err
	}
	manifests, err := os.MkdirTemp(p.Scratch, "remake-*")
	if err != nil {
		return nil, fmt.Errorf("making a folder for %s: %w", g.Tool, err)
	}
	defer os.RemoveAll(manifests)
	err = states.CopyTree(ctx, p.Dir, manifests, func(rel string, d fs.DirEntry) bool { return p.Skip(rel, d) || notForTools(d) })
	if err != nil {
		return nil, fmt.Errorf("copying the project for %s: %w", g.Tool, err)
	}
	d.AddFolder(remakeFolder, manifests)
	archive := filepath.Join(manifests, "made.tar")
	if _, err := builder.Build(ctx, d, build.Output{Archive: archive, Progress: build.Progress{To: env.Listener(), Label: file}}); err != nil {
		return nil, whittle.ErrUnsupported.Errorf("%s %s: %s", g.Tool, strings.Join(g.Args, " "), toolFailure(err))
	}
	return ReadMade(ctx, env, archive, path.Base(file))
}

// notForTools says which paths are not copied for a tool, because no tool that
// locks reads them: large files, environments, version control.
func notForTools(d fs.DirEntry) bool {
	if d.IsDir() {
		return slices.Contains([]string{".git", ".venv", "venv", "node_modules", "__pycache__", ".tox", ".mypy_cache"}, d.Name())
	}
	info, err := d.Info()
	return err != nil || info.Size() > maxManifest
}

var (
	colours      = regexp.MustCompile(`\x1b\[[0-9;]*[A-Za-z]`)
	failureWords = regexp.MustCompile(`(?i)\b(error|failed|failure|because|unable|cannot|could not|can't|no such file|not found|impossible|invalid)\b|[a-z]error\b`)
)

// toolFailure is the last line of a tool's output that mentions a failure,
// otherwise its last line, or the engine's error.
func toolFailure(err error) string {
	var be *build.Error
	if errors.As(err, &be) {
		last := ""
		for _, line := range slices.Backward(be.Tail) {
			line = strings.TrimLeft(colours.ReplaceAllString(line, ""), " \t×╰─▶│├┴╭>")
			if failureWords.MatchString(line) {
				return whittle.OneLine(line)
			}
			last = cmp.Or(last, line)
		}
		if last != "" {
			return whittle.OneLine(last)
		}
	}
	return whittle.OneLine(err.Error())
}

// ReadMade reads the only file of an image in an archive.
func ReadMade(ctx context.Context, env *host.Env, archive, name string) ([]byte, error) {
	img, err := env.Images.Open(ctx, "docker-archive:"+archive)
	if err != nil {
		return nil, err
	}
	defer img.Close()
	made := rootfs.Selection{Name: "made-" + name, Has: func(p string) bool { return p == name }}
	r, err := rootfs.Read(ctx, img, name, rootfs.Options{Index: env.Index, Databases: made})
	if err != nil {
		return nil, err
	}
	text, err := r.ReadFile(name, maxRemade)
	if err == nil && len(text) == 0 {
		err = whittle.ErrUnsupported.Errorf("%s came out empty", name)
	}
	return text, err
}

// remaker is a tool that generates files from others.
type remaker struct {
	// module is run by "python -m", requirements are installed by pip for it;
	// versioned says that it must have the version that made the file.
	module       string
	requirements []string
	versioned    bool
	// args come before the tool's own arguments.
	args []string
	// env are variables that are set, unset those of the image that would keep it
	// from writing.
	env, unset []string
}

// remakers is the table of tools, by the name of their program.
func remakers() map[string]remaker {
	return map[string]remaker{
		"uv":     {module: "uv", requirements: []string{"uv"}, env: []string{"UV_PYTHON_DOWNLOADS=never"}, unset: []string{"UV_FROZEN", "UV_LOCKED", "UV_NO_SYNC"}},
		"poetry": {module: "poetry", requirements: []string{"poetry"}, versioned: true, env: []string{"POETRY_VIRTUALENVS_CREATE=false", "POETRY_NO_INTERACTION=1"}},
		// pdm 2.29 fails with hishel 2, although it permits it.
		"pdm":         {module: "pdm", requirements: []string{"pdm", "hishel<2"}, env: []string{"PDM_NON_INTERACTIVE=1"}, unset: []string{"PDM_FROZEN_LOCKFILE"}},
		"pipenv":      {module: "pipenv", requirements: []string{"pipenv"}, env: []string{"PIPENV_YES=1"}},
		"pip-compile": {module: "piptools", requirements: []string{"pip-tools"}, args: []string{"compile"}},
	}
}

// definition is a build that makes a generated file: the Dockerfile up to the step
// that installs, then the tool, then an image with only the file.
func definition(sources []Source, g *manifest.Generated, tool remaker) (build.Definition, error) {
	var best build.Definition
	for _, source := range sources {
		f, err := dockerfile.Parse(source.Build.Dockerfile, source.Text)
		if err != nil {
			return best, err
		}
		at, own := installStep(f, g.Tool)
		if at == nil || best.Content != nil && !own {
			continue
		}
		best = source.Build
		best.Target = ""
		best.Content = remakeText(f, at, g, tool, own)
		if own {
			break
		}
	}
	if best.Content == nil {
		return best, whittle.ErrUnsupported.Errorf("no Dockerfile installs with %s or pip", g.Tool)
	}
	return best, nil
}

// installStep is the first RUN that uses a tool that was installed before it (own
// is true), otherwise the first that uses pip or the tool.
func installStep(f *dockerfile.File, tool string) (at *dockerfile.Instruction, own bool) {
	for i := range f.Stages {
		for j := range f.Stages[i].Instructions {
			in := &f.Stages[i].Instructions[j]
			if in.Keyword != "RUN" {
				continue
			}
			s, err := in.Shell()
			if err != nil {
				continue
			}
			for k, c := range s.Commands() {
				switch {
				case c.Name() == tool && !installs(s.Commands()[:k], tool):
					return in, true
				case at == nil && (strings.HasPrefix(c.Name(), "pip") || strings.HasPrefix(c.Name(), "python") || c.Name() == tool):
					at = in
				}
			}
		}
	}
	return at, false
}

// installs says that one of some commands mentions a tool, and so may install it.
func installs(before []dockerfile.Command, tool string) bool {
	return slices.ContainsFunc(before, func(c dockerfile.Command) bool {
		return slices.ContainsFunc(c.Words, func(w dockerfile.Word) bool { return strings.Contains(w.Text, tool) })
	})
}

func remakeText(f *dockerfile.File, at *dockerfile.Instruction, g *manifest.Generated, tool remaker, own bool) []byte {
	var b strings.Builder
	b.Write(f.Source[:at.Span.Start])
	flags := runFlags(f, at)
	run := func(flags, script string) { fmt.Fprintf(&b, "RUN %s%s\n", flags, shellForm(script)) }
	command := []string{"env"}
	for _, name := range tool.unset {
		command = append(command, "-u", name)
	}
	command = append(command, tool.env...)
	b.WriteString("USER 0\n")
	if own {
		command = append(command, toolCall(at, g.Tool))
	} else {
		install := "python3 -m pip install --no-cache-dir --disable-pip-version-check --target " + remakeTools
		for i, requirement := range tool.requirements {
			if i == 0 && tool.versioned && g.Version != "" {
				requirement += "==" + g.Version
			}
			install += " " + shell.Quote(requirement)
		}
		run(flags, install)
		command = append(command, "PYTHONPATH="+remakeTools, "python3", "-m", tool.module)
		command = append(command, tool.args...)
	}
	for _, a := range g.Args {
		command = append(command, shell.Quote(a))
	}
	fmt.Fprintf(&b, "COPY --from=%s / %s/\n", remakeFolder, remakeDir)
	run(flags, "cd "+shell.Quote(path.Join(remakeDir, g.Dir()))+" && "+strings.Join(command, " "))
	stage := &f.Stages[at.Stage]
	from := stage.Name
	if from == "" {
		from = fmt.Sprint(stage.Index)
	}
	fmt.Fprintf(&b, "FROM scratch\nCOPY --from=%s %s /\n", from, path.Join(remakeDir, g.File))
	return []byte(b.String())
}

// runFlags are the flags of a RUN, as written: its mounts may hold the tool, its
// cache, or credentials for the package index.
func runFlags(f *dockerfile.File, at *dockerfile.Instruction) string {
	var b strings.Builder
	for _, flag := range at.Flags {
		b.Write(f.Source[flag.Span.Start:flag.Span.End])
		b.WriteByte(' ')
	}
	return b.String()
}

// toolCall is the word by which a RUN calls a tool: its absolute path or its name.
func toolCall(at *dockerfile.Instruction, tool string) string {
	s, err := at.Shell()
	if err != nil {
		return tool
	}
	for _, c := range s.Commands() {
		if c.Name() == tool && path.IsAbs(c.Words[0].Value) {
			return shell.Quote(c.Words[0].Value)
		}
	}
	return tool
}

// shellForm is the exec form of a shell script, which does not depend on SHELL.
func shellForm(script string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(script) // a string is always encoded
	return `["/bin/sh", "-c", ` + strings.TrimSuffix(b.String(), "\n") + "]"
}
