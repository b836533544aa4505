package analysis

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/python/source"
)

// Project is the view of the files in the project's folder.
type Project struct {
	files    fs.FS
	declared *manifest.Declared
}

// GeneratedFrom says how a file of the project is generated; ok is false for files
// that people write and for missing ones.
func (pr *Project) GeneratedFrom(name string) (g manifest.Generated, ok bool) {
	switch path.Ext(name) {
	case ".txt", ".in", ".lock", ".toml", ".yml":
	default:
		return g, false
	}
	f, err := pr.files.Open(name)
	if err != nil {
		return g, false
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, 4<<10))
	if err != nil {
		return g, false
	}
	if g, ok = manifest.GeneratedFrom(name, head); ok {
		return g, true
	}
	return manifest.Generated{File: name}, pr.exported(name)
}

// exported says that a requirements file looks like an export of a lock file by
// Poetry or pipenv, which leave no comment in it: there is a lock file beside it,
// and everything is pinned.
func (pr *Project) exported(name string) bool {
	dir := path.Dir(name)
	if path.Ext(name) != ".txt" || !slices.ContainsFunc([]string{"poetry.lock", "pdm.lock", "uv.lock", "Pipfile.lock"}, func(lock string) bool {
		_, err := fs.Stat(pr.files, path.Join(dir, lock))
		return err == nil
	}) {
		return false
	}
	pinned := false
	for line := range strings.Lines(string(pr.File(name))) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#' || line[0] == '-' && !strings.HasPrefix(line, "-e") && !strings.HasPrefix(line, "-r"):
		case !strings.Contains(line, "=="):
			return false
		default:
			pinned = true
		}
	}
	return pinned
}

// Written are the files that people edit to change a file: itself, or those from
// which a tool generates it. It is empty if that is not known.
func (pr *Project) Written(file string) (out []string) {
	seen := map[string]bool{}
	for todo := []string{file}; len(todo) > 0; todo = todo[1:] {
		name := todo[0]
		if seen[name] {
			continue
		}
		seen[name] = true
		if g, ok := pr.GeneratedFrom(name); ok {
			todo = append(todo, g.Sources...)
		} else if pr.File(name) != nil {
			out = append(out, name)
		}
	}
	return out
}

// Included are a requirements file and those that it includes.
func (pr *Project) Included(file string) []string {
	out := []string{file}
	for i := 0; i < len(out) && len(out) < 50; i++ {
		for line := range strings.Lines(string(pr.File(out[i]))) {
			words := strings.Fields(line)
			if len(words) >= 2 && (words[0] == "-r" || words[0] == "--requirement") {
				if at := path.Join(path.Dir(out[i]), words[1]); !slices.Contains(out, at) {
					out = append(out, at)
				}
			}
		}
	}
	return out
}

// each calls visit for the files of the project that want selects, until it returns
// false. It skips folders that are unrelated to what runs. It is false if there are
// too many files.
func (pr *Project) each(want, visit func(at string) bool) (all bool) {
	n := 0
	_ = fs.WalkDir(pr.files, ".", func(at string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // an unreadable file is not sent to the build either
		case e.IsDir() && pr.isIgnored(at):
			return fs.SkipDir
		case !e.Type().IsRegular() || !want(at):
			return nil
		}
		if n++; n > MaxProjectFiles || !visit(at) {
			return fs.SkipAll
		}
		return nil
	})
	return n <= MaxProjectFiles
}

// File is the content of a file of the project, nil if it cannot be read.
func (pr *Project) File(name string) []byte {
	b, ok := pr.Read(name)
	if !ok {
		return nil
	}
	return b
}

// Read is the content of a file of the project, which may be empty; ok is false if
// the file does not exist or is too large.
func (pr *Project) Read(name string) (text []byte, ok bool) {
	if pr.files == nil {
		return nil, false
	}
	f, err := pr.files.Open(name)
	if err != nil {
		return nil, false
	}
	defer f.Close()
	text, err = io.ReadAll(io.LimitReader(f, maxProjectFile+1))
	return text, err == nil && len(text) <= maxProjectFile
}

// Patch combines several changes of one file of the project, each applied to the
// result of the one before. Edits that do not touch each other remain separate, so
// that other fixes of the file do not conflict with them.
func (pr *Project) Patch(name string, changes []Change) (whittle.Patch, error) {
	src := pr.File(name)
	if src == nil {
		return whittle.Patch{}, whittle.ErrNotFound.Errorf("%s cannot be read", name)
	}
	after := src
	var independent []whittle.Edit
	for _, c := range changes {
		edits, err := c(after)
		if err != nil {
			return whittle.Patch{}, err
		}
		if after, err = whittle.Splice(after, edits); err != nil {
			return whittle.Patch{}, err
		}
		if edits, err = c(src); err != nil {
			return whittle.Patch{}, err
		}
		independent = append(independent, edits...)
	}
	if bytes.Equal(src, after) {
		return whittle.Patch{}, whittle.ErrNotFound.Errorf("nothing to change in %s", name)
	}
	slices.SortStableFunc(independent, func(a, b whittle.Edit) int { return a.Span.Start - b.Span.Start })
	if out, err := whittle.Splice(src, independent); err != nil || !bytes.Equal(out, after) {
		independent = []whittle.Edit{OneEdit(src, after)}
	}
	return whittle.Patch{File: name, Digest: whittle.DigestOf(src), Edits: independent}, nil
}

// Imports are the top-level modules that the project's Python files import,
// including files that are not in the image, because they may be meant to run.
// Tests and documents do not count. ok is false if there are too many files.
func (pr *Project) Imports() (modules map[string]bool, ok bool) {
	modules = map[string]bool{}
	if pr.files == nil {
		return modules, true
	}
	n := 0
	_ = fs.WalkDir(pr.files, ".", func(at string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // an unreadable file cannot be imported either
		case e.IsDir() && pr.isIgnored(at):
			return fs.SkipDir
		case !e.Type().IsRegular() || path.Ext(at) != ".py" || python.ForTests(at):
			return nil
		}
		if n++; n > maxProjectSources {
			return fs.SkipAll
		}
		for _, imp := range source.Scan(pr.File(at)).Imports {
			if imp.Level == 0 && imp.Context&source.TypeChecking == 0 {
				modules[TopModule(imp.Module)] = true
			}
		}
		return nil
	})
	return modules, n <= maxProjectSources
}

// MatchSource says that a Python file of the project matches, or that there are too
// many to say. Tests do not count.
func (pr *Project) MatchSource(words *regexp.Regexp) bool {
	if pr.files == nil {
		return false
	}
	found := false
	all := pr.each(func(at string) bool { return path.Ext(at) == ".py" && !python.ForTests(at) }, func(at string) bool {
		text, ok := pr.Read(at)
		found = !ok || words.Match(text)
		return !found
	})
	return found || !all
}

// Mentioned finds a place in the project that names one of the modules (in Python)
// or of the programs and distributions (in any file), apart from declarations of
// dependencies, documents and tests. Even a name that is composed at run time
// usually has a part that is written somewhere. It gives "src/x.py:12" and the word.
func (pr *Project) Mentioned(modules, programs []string) (where, word string, found bool) {
	if pr.files == nil {
		return "", "", false
	}
	pr.each(mayName, func(at string) bool {
		words := programs
		if path.Ext(at) == ".py" {
			words = slices.Concat(modules, programs)
		}
		text := pr.File(at)
		for _, w := range words {
			if line := LineWith(text, w); line > 0 && !general(w) {
				where, word, found = fmt.Sprintf("%s:%d", at, line), w, true
				return false
			}
		}
		return true
	})
	return where, word, found
}

// OwnPlace is a problem with the first of its places that is in the application.
func (pr *Project) OwnPlace(q whittle.Problem) *whittle.Problem {
	if i := slices.IndexFunc(q.Places, func(at whittle.Location) bool { return pr.OwnPath(at.Path) }); i >= 0 && !pr.OwnPath(q.Path) {
		q.Path, q.Line, q.ReachedFrom = q.Places[i].Path, q.Places[i].Line, q.Places[i].ReachedFrom
		q.Module = cmp.Or(q.Places[i].Module, q.Module)
	}
	return &q
}

// OwnPath says that the file of a problem belongs to the application and not to a
// library. Problems name files of the application by their path in the project, and
// those of distributions by their path in site-packages.
func (pr *Project) OwnPath(at string) bool {
	if pr.File(at) != nil {
		return true
	}
	top := TopFolder(strings.TrimPrefix(at, "/"))
	return slices.Contains(pr.declared.Packages, strings.TrimSuffix(top, ".py"))
}

// isIgnored says that a folder of the project is unrelated to what the image runs:
// tests, documents, output of tools and builds, Python environments.
func (pr *Project) isIgnored(at string) bool {
	folder := path.Base(at)
	has := func(file string) bool {
		_, err := fs.Stat(pr.files, path.Join(at, file))
		return err == nil
	}
	switch folder {
	case ".":
		return false
	case "tests", "test", "node_modules", "venv", ".venv", "__pycache__":
		return true
	case "env":
		return has("pyvenv.cfg")
	case "docs", "doc", "build", "dist":
		return !has("__init__.py")
	case ".git", ".hg", ".svn", ".bzr", ".github", ".gitlab", ".circleci", ".devcontainer", ".vscode", ".idea", ".tox", ".nox", ".eggs", ".hypothesis", ".cache", ".whittle":
		return true
	}
	return strings.HasPrefix(folder, ".") && (strings.HasSuffix(folder, "_cache") || strings.HasSuffix(folder, "_checkpoints") || has("pyvenv.cfg"))
}

// maxProjectFile is the largest file of a project that is read, in bytes.
// maxProjectFiles bounds the files that are searched for a name, maxProjectSources
// the Python files that are read for their imports.
const (
	maxProjectFile    = 1 << 20
	MaxProjectFiles   = 2000
	maxProjectSources = 20_000
)

// Change is an edit of one file's text.
type Change func(src []byte) ([]whittle.Edit, error)

// OneEdit is the edit that turns one text into another: it replaces everything
// between their common prefix and their common suffix.
func OneEdit(a, b []byte) whittle.Edit {
	n := min(len(a), len(b))
	from, back := 0, 0
	for from < n && a[from] == b[from] {
		from++
	}
	for back < n-from && a[len(a)-1-back] == b[len(b)-1-back] {
		back++
	}
	return whittle.Edit{Span: whittle.Span{Start: from, End: len(a) - back}, New: string(b[from : len(b)-back])}
}

// TopModule is the first part of a dotted name.
func TopModule(module string) string {
	top, _, _ := strings.Cut(module, ".")
	return top
}
