package analysis

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/python/source"
)

// Project are the files of the project's folder by name, and what they
// import.
type Project struct {
	files    fs.FS
	declared *project.Declared
}

// GeneratedFrom says what makes a file of the project; ok is false for what
// people write, and for what is not there.
func (pr *Project) GeneratedFrom(name string) (g project.Generated, ok bool) {
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
	if g, ok = project.GeneratedFrom(name, head); ok {
		return g, true
	}
	return project.Generated{File: name}, pr.exported(name)
}

// exported says that a requirements file looks like what Poetry or pipenv make
// of a lock file, without a word of it: one lies beside it, and all is pinned.
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

// Written are the files that people edit for what a file says: itself, or what
// a tool makes it of. None where it is not known how the file is made.
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

// Included are the requirements files that one includes, itself first.
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

// each visits the files of the project that are wanted, without folders
// that say nothing about what runs, until visit says that it has enough. It is
// false where there are more than are looked through.
func (pr *Project) each(want, visit func(at string) bool) (all bool) {
	n := 0
	_ = fs.WalkDir(pr.files, ".", func(at string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // what cannot be read is not sent to the build either
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

// File gives a file of the project, nil where it cannot be read.
func (pr *Project) File(name string) []byte {
	b, ok := pr.Read(name)
	if !ok {
		return nil
	}
	return b
}

// Read gives a file of the project, which may be empty; ok is false where there
// is none, or it is larger than what is read.
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

// Patch makes several changes of one file of the project, each made on
// what those before it have left. Edits that do not touch each other
// stay independent, so that other fixes of the file can be made beside them.
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

// Imports are the modules that Python files of the project import, by
// their first parts, also of files that the image does not have: somebody runs
// those, or would if they could. Tests and documents do not count. ok is false
// where there are too many files to read them all.
func (pr *Project) Imports() (modules map[string]bool, ok bool) {
	modules = map[string]bool{}
	if pr.files == nil {
		return modules, true
	}
	n := 0
	_ = fs.WalkDir(pr.files, ".", func(at string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // what cannot be read imports nothing either
		case e.IsDir() && pr.isIgnored(at):
			return fs.SkipDir
		case !e.Type().IsRegular() || path.Ext(at) != ".py" || path.Base(at) == "conftest.py":
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

// Mentioned finds a place in the project that names one of some modules in
// Python, or one of some programs or distributions anywhere, outside of what
// declares dependencies, describes or tests: a name that is made at run time
// begins with one that is written somewhere. It gives "src/x.py:12" and the
// word.
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

// OwnPlace is a problem at the first of its places that is the application's.
func (pr *Project) OwnPlace(q whittle.Problem) *whittle.Problem {
	if i := slices.IndexFunc(q.Places, func(at whittle.Location) bool { return pr.OwnPath(at.Path) }); i >= 0 && !pr.OwnPath(q.Path) {
		q.Path, q.Line, q.ReachedFrom = q.Places[i].Path, q.Places[i].Line, q.Places[i].ReachedFrom
		q.Module = cmp.Or(q.Places[i].Module, q.Module)
	}
	return &q
}

// OwnPath says that the file of a problem is the application's and not a
// library's: problems name files of the application as the project has them,
// and those of distributions by their path in site-packages.
func (pr *Project) OwnPath(at string) bool {
	if pr.File(at) != nil {
		return true
	}
	top := TopFolder(strings.TrimPrefix(at, "/"))
	return slices.Contains(pr.declared.Packages, strings.TrimSuffix(top, ".py"))
}

// isIgnored says that a folder of the project says nothing about what the image
// runs: tests, documents, what tools and builds leave, environments of Python.
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

// maxProjectFile is the largest file of a project that is read, in bytes;
// maxProjectFiles bounds how many are looked through for a name,
// maxProjectSources how many Python files are read for what they import.
const (
	maxProjectFile    = 1 << 20
	MaxProjectFiles   = 2000
	maxProjectSources = 20_000
)

// Change is an edit of one file's text.
type Change func(src []byte) ([]whittle.Edit, error)

// OneEdit is the edit from one text to another: all between what they begin
// and what they end with.
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
