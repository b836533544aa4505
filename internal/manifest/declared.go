// Package manifest reads what a project's files declare and pin: pyproject.toml,
// requirements, setup files, locks.
package manifest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python/source"
)

// DependencyKind says for what a dependency is declared.
type DependencyKind uint8

// The kinds, the most binding first.
const (
	Runtime DependencyKind = iota
	Optional
	Development
	BuildSystem
	Constraint
)

// Dependency is one requirement that a project's file declares.
type Dependency struct {
	pep.Requirement
	// Text is as written, File relative to the project's folder, Line from 1.
	Text, File string
	Line       int
	Kind       DependencyKind
	// Extra and Group name where an Optional or Development one is.
	Extra, Group string
	// Developers says that its table is for developers alone, whatever its group
	// is called: an environment of Hatch's, PDM's dev-dependencies.
	Developers bool
	// Via says that a compiled file has it because of others alone.
	Via bool
}

// ForDevelopment says that a dependency is for development: of a group that an
// application may well run with (server, bot), its name says it.
func (d *Dependency) ForDevelopment() bool {
	return d.Kind == Development && (d.Group == "" || d.Developers || kindOfFile(d.Group+".txt") == Development)
}

// Locked is a version that a lock or constraints file pins.
type Locked struct{ Name, Version, File string }

// Declared is what the files of a project say that it needs.
type Declared struct {
	Name, Version, RequiresPython string
	// Packages are the top-level modules that the project itself ships, Mapped
	// those of them whose folder has another name.
	Packages, Mapped []string
	// Scripts are its console scripts: name to "module:attribute". Plugins are
	// the modules of its other entry points, which other distributions load.
	Scripts      map[string]string
	Plugins      []string
	Dependencies []Dependency
	// Groups say how its groups are installed.
	Groups Groups
	Locked []Locked
	// Lock says what comes along with what is declared, nil where no file does.
	Lock *Lock
	// Roots are folders that modules are found in besides the project's own
	// and src, and Ships the folders and files that a build puts into the
	// distribution, as far as tables of the build say so. Builds says that there
	// is one.
	Roots, Ships []string
	Builds       bool
	// Members are the patterns of the folders of a workspace.
	Members []string
	// Files are those that were read. Unread says, a line each, why what they
	// say is not all that the project needs.
	Files, Unread []string
}

// Names are the distributions that the lock files pin, and those that the
// project requires when it runs or for development. A nil one has none.
func (d *Declared) Names() (pinned, required []string) {
	if d == nil {
		return nil, nil
	}
	for _, l := range d.Locked {
		pinned = append(pinned, l.Name)
	}
	for i := range d.Dependencies {
		if x := &d.Dependencies[i]; x.Kind != BuildSystem {
			required = append(required, x.Name)
		}
	}
	return pinned, required
}

const (
	// MaxDeclared is the size of the largest file that declares something, in
	// bytes.
	MaxDeclared = 8 << 20
	// MaxDeclaredBytes is what all of a project's files may have together,
	// those counted again that are read again.
	MaxDeclaredBytes = 32 << 20
	// MaxDependencies is how many a project may declare.
	MaxDependencies = 1_000_000
	// maxProblems is how many lines that could not be read are named.
	maxProblems = 1000
)

// ReadDeclared reads pyproject.toml (PEP 621, PEP 735, Poetry, PDM, Hatch,
// flit), requirements files with their includes and constraints, setup.cfg, the
// literals of setup.py, Pipfile, environment.yml and pixi.toml of a project's
// folder, and its lock files. The errors are those of files that could not be
// read, joined; what the other files declare is still returned.
func ReadDeclared(fsys fs.FS) (*Declared, error) { return ReadDeclaredIn(fsys, ".") }

// ReadDeclaredIn reads the folder of a project that is a part of fsys; all
// paths are relative to fsys.
func ReadDeclaredIn(fsys fs.FS, dir string) (*Declared, error) {
	d := newDeclaredReader(fsys, dir, &budget{})
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return d.out, fmt.Errorf("listing the project: %w", err)
	}
	d.pyproject()
	d.setupCfg()
	d.setupPy()
	d.pipfile()
	d.pixi()
	for _, e := range entries {
		name := e.Name()
		switch {
		case e.IsDir() && requirementsFile.MatchString(name+".txt"):
			d.requirementsDir(d.at(name), 0)
		case !e.Type().IsRegular():
		case strings.HasPrefix(name, "constraints") && strings.HasSuffix(name, ".txt"):
			d.requirements(d.at(name), Constraint)
		case requirementsFile.MatchString(name) && !d.compiled(d.at(name)):
			d.requirements(d.at(name), kindOfFile(name))
		case condaFile.MatchString(name):
			d.conda(d.at(name))
		case name == "uv.lock", name == "poetry.lock", name == "pdm.lock", name == "pylock.toml":
			d.lock(d.at(name))
		case name == "Pipfile.lock":
			d.pipfileLock(d.at(name))
		}
	}
	d.packages()
	return d.out, errors.Join(d.errs...)
}

type declaredReader struct {
	fsys fs.FS
	dir  string
	out  *Declared
	errs []error
	seen map[string]bool
	// had is what lists of out have already.
	had map[listed]bool
	// names are those of the projects in folders.
	names map[string]string
	// nested counts the projects whose requirements led to this one; they share
	// the budget.
	nested int
	budget *budget
}

// listed is a text in a list of what is declared.
type listed struct {
	list *[]string
	text string
}

// budget is what a project's declarations took so far: one file may be
// read for many others.
type budget struct {
	bytes        int64
	dependencies int
}

func newDeclaredReader(fsys fs.FS, dir string, b *budget) *declaredReader {
	return &declaredReader{fsys: fsys, dir: dir, out: &Declared{Scripts: map[string]string{}}, budget: b,
		seen: map[string]bool{}, had: map[listed]bool{}, names: map[string]string{}}
}

// at is the path of a file of the project's folder.
func (d *declaredReader) at(name string) string { return path.Join(d.dir, name) }

func (d *declaredReader) exists(name string) bool {
	_, err := fs.Stat(d.fsys, d.at(name))
	return err == nil
}

// once adds a text to a list that does not have it.
func (d *declaredReader) once(list *[]string, text string) {
	if l := (listed{list, text}); !d.had[l] {
		d.had[l] = true
		*list = append(*list, text)
	}
}

// unread notes why not all that is needed is known.
func (d *declaredReader) unread(format string, args ...any) {
	if len(d.out.Unread) < maxProblems {
		d.once(&d.out.Unread, fmt.Sprintf(format, args...))
	}
}

// problem notes what could not be read.
func (d *declaredReader) problem(err error) {
	if len(d.errs) < maxProblems {
		d.errs = append(d.errs, err)
	}
}

// read gives a file of the project, nil where there is none.
func (d *declaredReader) read(name string) []byte {
	f, err := d.fsys.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var b []byte
	if err == nil {
		defer f.Close()
		b, err = io.ReadAll(io.LimitReader(f, MaxDeclared+1))
	}
	d.budget.bytes += int64(len(b))
	switch {
	case err != nil:
	case len(b) > MaxDeclared:
		err = whittle.ErrLimit.Errorf("more than %s", whittle.Bytes(MaxDeclared))
	case d.budget.bytes > MaxDeclaredBytes:
		err = whittle.ErrLimit.Errorf("the project's declarations, some read for several others, have more than %s", whittle.Bytes(MaxDeclaredBytes))
	}
	if err != nil {
		d.problem(fmt.Errorf("reading %s: %w", name, err))
		return nil
	}
	d.out.Files = append(d.out.Files, name)
	return b
}

// add declares one requirement in the form of PEP 508; it is nil where the text
// is none.
func (d *declaredReader) add(text, file string, line int, kind DependencyKind, extra, group string) *Dependency {
	r, err := pep.ParseRequirement(text)
	if err != nil {
		d.problem(fmt.Errorf("reading %s:%d: %w", file, line, err))
		return nil
	}
	if d.budget.dependencies++; d.budget.dependencies > MaxDependencies {
		if d.budget.dependencies == MaxDependencies+1 {
			d.problem(whittle.ErrLimit.Errorf("reading %s:%d: the project declares more than %d dependencies", file, line, MaxDependencies))
		}
		return nil
	}
	d.out.Dependencies = append(d.out.Dependencies, Dependency{Requirement: r, Text: text, File: file, Line: line, Kind: kind, Extra: extra, Group: group})
	return &d.out.Dependencies[len(d.out.Dependencies)-1]
}

// packages finds the modules that the project ships by its folders, and by
// what its scripts start.
func (d *declaredReader) packages() {
	add := func(name string) {
		if source.IsIdentifier(name) && !slices.Contains([]string{"tests", "test", "docs", "examples", "scripts"}, name) {
			d.once(&d.out.Packages, name)
		}
	}
	for _, target := range d.out.Scripts {
		module, _, _ := strings.Cut(target, ":")
		top, _, _ := strings.Cut(strings.TrimSpace(module), ".")
		add(top)
	}
	for _, name := range d.out.Mapped {
		add(name)
	}
	for _, dir := range []string{d.at("."), d.at("src")} {
		entries, _ := fs.ReadDir(d.fsys, dir)
		for _, e := range entries {
			if _, err := fs.Stat(d.fsys, path.Join(dir, e.Name(), "__init__.py")); e.IsDir() && err == nil {
				add(e.Name())
			}
			if name, ok := strings.CutSuffix(e.Name(), ".py"); ok && name != "setup" && name != "conftest" {
				add(name)
			}
		}
	}
	slices.Sort(d.out.Packages)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
