package rule

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle/internal/dockerfile"
	"whittle/internal/python"
	"whittle/internal/python/source"
)

// saidIn is a file of the project, and what in it may be a command or a name:
// all else is blank.
type saidIn struct {
	file string
	text []byte
}

// said are the texts by which the application may name what it does not
// import: strings of its modules, its scripts and settings, what the image
// starts and is built with. Comments, documentation, tests, declarations and
// the settings of development tools say nothing about what runs. ok is false
// where there are too many to read them all.
func said(p *Pass) (out []saidIn, ok bool) {
	out = append(out, saidByImage(p)...)
	if p.Project == nil {
		return out, true
	}
	ok = p.project.each(func(at string) bool { return !forDevelopers(at) && textKind(at) != otherText }, func(at string) bool {
		if text := p.project.file(at); text != nil {
			if text = speech(textKind(at), text); text != nil {
				out = append(out, saidIn{at, text})
			}
		}
		return true
	})
	return out, ok
}

// saidByImage are the commands, the environment and the instructions of the
// image. What installs a distribution does not use it.
func saidByImage(p *Pass) (out []saidIn) {
	if p.Config != nil {
		c := &p.Config.Config
		words := slices.Concat(c.Entrypoint, c.Cmd, c.Env)
		if c.Healthcheck != nil {
			words = append(words, c.Healthcheck.Test...)
		}
		out = append(out, saidIn{"the image's configuration", []byte(strings.Join(words, "\n"))})
	}
	if p.Dockerfile == nil {
		return out
	}
	text := blanks(p.Dockerfile.Source)
	for i := range p.Dockerfile.Stages {
		for j := range p.Dockerfile.Stages[i].Instructions {
			in := &p.Dockerfile.Stages[i].Instructions[j]
			switch in.Keyword {
			case "RUN":
				saidByRun(p, in, text)
			case "CMD", "ENTRYPOINT", "HEALTHCHECK", "ENV":
				copy(text[in.Span.Start:in.Span.End], p.Dockerfile.Source[in.Span.Start:in.Span.End])
			}
		}
	}
	return append(out, saidIn{p.Dockerfile.Name, text})
}

// saidByRun keeps the commands of a RUN that install nothing.
func saidByRun(p *Pass, in *dockerfile.Instruction, text []byte) {
	s, err := in.Shell()
	if err != nil {
		copy(text[in.Span.Start:in.Span.End], p.Dockerfile.Source[in.Span.Start:in.Span.End])
		return
	}
	installs, _ := installing(in)
	installs = append(installs, wheels(s.Commands())...)
	for _, c := range s.Commands() {
		if !slices.ContainsFunc(installs, func(i installation) bool { return i.Span == c.Span }) {
			copy(text[c.Span.Start:c.Span.End], p.Dockerfile.Source[c.Span.Start:c.Span.End])
		}
	}
}

type kindOfText uint8

const (
	otherText kindOfText = iota
	pythonText
	// lineText has comments that start with "#" or ";".
	lineText
	plainText
)

func textKind(at string) kindOfText {
	base := strings.ToLower(path.Base(at))
	switch path.Ext(base) {
	case ".py":
		return pythonText
	case ".sh", ".bash", ".yml", ".yaml", ".ini", ".conf", ".cfg", ".env", ".toml", ".service", ".properties":
		return lineText
	case ".json", ".html", ".jinja", ".jinja2", ".j2", ".xml":
		return plainText
	case "":
		return lineText // a script, a Procfile; what is not text has no words
	}
	if strings.HasPrefix(base, ".env") {
		return lineText
	}
	return otherText
}

// forDevelopers are files that declare, lock, test, describe, or set up tools
// that no image runs.
func forDevelopers(at string) bool {
	base := strings.ToLower(path.Base(at))
	switch base {
	case "pyproject.toml", "setup.py", "setup.cfg", "conftest.py", "makefile", "noxfile.py", "tox.ini", "mypy.ini", "pytest.ini", "ruff.toml", ".ruff.toml",
		"pylintrc", ".pylintrc", ".flake8", "whittle.yaml", "environment.yml", "environment.yaml", "pixi.toml", "pipfile", "justfile", "tasks.py", "fabfile.py",
		"dockerfile", "containerfile", "license", "licence", "readme", "changelog", "authors", "mkdocs.yml", "package.json", "package-lock.json", "renovate.json",
		"codecov.yml", "taskfile.yml", "vercel.json", ".gitignore", ".dockerignore", ".gitattributes", ".editorconfig", "pdm.lock", "poetry.lock", "uv.lock", "pipfile.lock":
		return true
	}
	return strings.HasPrefix(base, "test_") || strings.HasSuffix(base, "_test.py") || strings.HasPrefix(base, "dockerfile.") || strings.HasSuffix(base, ".dockerfile") ||
		strings.HasPrefix(base, ".pre-commit") || strings.Contains(base, "requirements") || strings.HasPrefix(base, "constraints")
}

// blanks is a text of which nothing is left but its line ends.
func blanks(text []byte) []byte {
	out := bytes.Repeat([]byte{' '}, len(text))
	for i, c := range text {
		if c == '\n' {
			out[i] = c
		}
	}
	return out
}

// speech blanks what cannot be a command or a name: of Python all but its
// strings, of others the lines that are comments. What is not text is nil.
func speech(kind kindOfText, text []byte) []byte {
	if bytes.IndexByte(text[:min(len(text), 4096)], 0) >= 0 {
		return nil
	}
	switch kind {
	case pythonText:
		literals, ok := source.Literals(text)
		if !ok {
			return text
		}
		out := blanks(text)
		for _, l := range literals {
			copy(out[l.Start:l.End], text[l.Start:l.End])
		}
		return out
	case lineText:
		out := bytes.Clone(text)
		at := 0
		for line := range bytes.Lines(text) {
			if bare := bytes.TrimLeft(line, " \t"); len(bare) > 0 && (bare[0] == '#' && !bytes.HasPrefix(bare, []byte("#!")) || bare[0] == ';') {
				for i := at; i < at+len(bytes.TrimRight(line, "\r\n")); i++ {
					out[i] = ' '
				}
			}
			at += len(line)
		}
		return out
	}
	return text
}

// wordsFor are the words by which a distribution may be named: its own name, its
// modules, its programs, and the groups in which it offers entry points.
func wordsFor(d *python.Distribution) []string {
	names := []string{d.Name, strings.ReplaceAll(d.Name, "-", "_"), strings.ReplaceAll(d.Name, "-", ".")}
	names = append(names, d.ImportNames()...)
	for _, e := range d.EntryPoints {
		switch e.Group {
		case "console_scripts", "gui_scripts":
			names = append(names, e.Name)
		default:
			names = append(names, e.Group)
		}
	}
	for _, f := range d.Files {
		if dir := path.Dir(f); path.Base(dir) == "bin" || path.Base(dir) == "Scripts" {
			names = append(names, path.Base(f))
		}
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), general)
}

// namedIn is the place where one of some texts names a distribution:
// "start.py:4".
func namedIn(said []saidIn, d *python.Distribution) (where string, found bool) {
	names := wordsFor(d)
	for _, s := range said {
		for _, name := range names {
			if line := lineWith(s.text, name); line > 0 {
				return fmt.Sprintf("%s:%d", s.file, line), true
			}
		}
	}
	return "", false
}
