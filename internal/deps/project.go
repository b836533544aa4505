// Package deps compares what the code of a project imports with what its files
// declare, without an image. It knows which distributions a lock file, a
// virtual environment or other requirements install besides.
package deps

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/python/source"
)

// Options are what is known of a project besides its folder.
type Options struct {
	// Bound gives the specifiers to declare a distribution with that no file
	// pins; nil knows none.
	Bound func(distribution string) (specifiers string, ok bool)
	// Ships asks the package index whether a distribution has a module; nil
	// does not know.
	Ships func(distribution, module string) source.Truth
	// Resolve asks the package index what is installed for some requirements:
	// versions by name. nil, and false, do not know.
	Resolve func(requirements []pep.Requirement) (versions map[string]string, ok bool)
	// Names say which distribution has a module. Ignore are distributions and
	// modules that nothing is reported of, Development the extras that are for
	// development.
	Names               map[string]string
	Ignore, Development []string
}

// Findings are what is found in a project's folder.
type Findings struct {
	// Project is its name, "" where no file says it.
	Project  string
	Problems []whittle.Problem
	// Unknown says in words what could not be followed.
	Unknown []string
}

// Find looks at what the modules of a project's folder import, from what its
// files start, and compares it with what the files declare. What is declared
// for production, or required by that in its lock file, counts as installed.
//
// An error is certain: an import that runs at start, of a distribution that
// nothing declares and that nothing else requires, by a lock file, a virtual
// environment or because nothing at all is declared. Where something may require
// it, that is in Unknown.
func Find(ctx context.Context, fsys fs.FS, o Options) (*Findings, error) {
	t := &tree{fsys: fsys, options: o, folder: newFolder(), at: map[string]route{}, provided: map[string]bool{}, sources: map[string]*source.Facts{}, bounds: map[string]string{}}
	if err := collectFiles(ctx, t); err != nil {
		return nil, fmt.Errorf("reading the project: %w", err)
	}
	readUnits(t)
	if !slices.ContainsFunc(t.units, func(u *unit) bool { return len(u.declared.Files) > 0 }) && len(t.scripts) == 0 {
		return nil, whittle.WithHint(whittle.ErrUsage.Errorf("the folder declares no dependencies"),
			"whittle reads pyproject.toml, setup.cfg, setup.py, requirements files, Pipfile, environment.yml and pixi.toml; name an image to check without them")
	}
	readImages(t)
	nameUnits(t)
	t.uses = usesOf(t)
	t.starts()
	if err := t.follow(ctx); err != nil {
		return nil, err
	}
	reachRest(t)
	if err := t.follow(ctx); err != nil {
		return nil, err
	}
	soften(t)
	return &Findings{Project: t.units[len(t.units)-1].declared.Name, Problems: append(t.problems, t.unused()...), Unknown: t.unknown}, nil
}

// tree is a project's folder with what was found in it.
type tree struct {
	folder  *folder
	fsys    fs.FS
	options Options
	sources map[string]*source.Facts // by file
	scans   errgroup.Group           // of texts, until all files are read
	// others use what is declared, and nothing that they import is missed: the
	// cells of notebooks, which ship nowhere, and what Cython compiles.
	others []*source.Facts
	made   made
	// scripts are those that declare their dependencies themselves (PEP 723), by
	// file.
	scripts map[string][]manifest.Dependency
	// adjusts says that a module that is shipped changes sys.path.
	adjusts bool
	units   []*unit // the deepest first, the project's own last
	images  []*image
	venv    *venv
	// platform is what runs the code; provided are declared distributions that
	// may have a module that no other is known to have.
	platform platform
	provided map[string]bool
	uses     uses
	at       map[string]route // how a file is reached, by file
	queue    []string         // files that are to be looked at
	// bounds are the answers of options.Bound, by distribution: each reads a long listing.
	bounds map[string]string
	// unknown says in words what could not be followed.
	problems []whittle.Problem
	unknown  []string
}

// level says how certainly the code of a file runs.
type level uint8

// The levels, the most certain first.
const (
	atStart   level = iota
	inCall          // a function or a condition is on the way to it
	unreached       // nothing that the project starts reaches it: others may import it
	guarded         // the failure of its import is caught
)

// route is the way to a file.
type route struct {
	steps []string
	level level
}

// reach adds a file with the way to it; one that was only reached less
// certainly before is looked at again.
func (t *tree) reach(file string, r route) {
	before, seen := t.at[file]
	if t.sources[file] == nil || seen && before.level <= r.level {
		return
	}
	t.at[file] = r
	t.queue = append(t.queue, file)
}

func (t *tree) follow(ctx context.Context) error {
	for len(t.queue) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		file := t.queue[0]
		t.queue = t.queue[1:]
		t.module(file)
	}
	return nil
}

// doubt notes why the verdict may be wrong.
func (t *tree) doubt(format string, args ...any) {
	if line := fmt.Sprintf(format, args...); !slices.Contains(t.unknown, line) {
		t.unknown = append(t.unknown, line)
	}
}

// starts are the console scripts, what Dockerfiles start, the programs of
// packages and, of a library, its packages; of an application that names no
// start, every module that is shipped.
func (t *tree) starts() {
	for _, u := range t.units {
		if u.auxiliary() {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(u.declared.Scripts)) {
			module, _, _ := strings.Cut(u.declared.Scripts[name], ":")
			t.start(u.dir, strings.TrimSpace(module), "console script "+name)
		}
		for _, module := range u.declared.Plugins {
			for _, f := range t.folder.files(t.searchPath(u.dir), module, nil) {
				t.reach(f, route{[]string{"entry point " + module}, unreached})
			}
		}
	}
	for _, r := range t.images {
		r.starts(t)
	}
	for _, p := range slices.Sorted(maps.Keys(t.sources)) {
		if path.Base(p) == "__main__.py" && t.ships(p) {
			t.reach(p, route{steps: []string{"python -m " + path.Dir(p)}})
		}
	}
	for _, u := range t.units {
		if u.declared.Builds || !reachStarted(t, u) {
			t.modules(u)
		}
	}
	if len(t.queue) == 0 && len(t.scripts) == 0 {
		t.doubt("the folder has no Python source that it starts")
	}
}

// reachStarted says that something that is started lies in a unit's folder.
func reachStarted(t *tree, u *unit) bool {
	for p, r := range t.at {
		if t.unitOf(p) == u && r.level < unreached {
			return true
		}
	}
	return false
}

// usualStart are the names of modules that frameworks and servers start.
var usualStart = regexp.MustCompile(`^(manage|wsgi|asgi|app|main|server|run|urls|models|views|apps|admin|settings|celery|tasks|api|bot|worker|cli|handler|lambda_function|streamlit_app|application)\.py$`)

// modules starts what importing a library runs, or of an application that does
// not say what it starts the modules that lie on the path or have a usual name.
func (t *tree) modules(u *unit) {
	roots := append(t.searchPath(u.dir), t.copied()...)
	for _, p := range slices.Sorted(maps.Keys(t.sources)) {
		if t.unitOf(p) != u || !t.ships(p) {
			continue
		}
		dir, base := path.Dir(p), path.Base(p)
		top := base == "__init__.py" && !t.folder.isPackage(path.Dir(dir))
		alone := base != "__init__.py" && slices.Contains(roots, dir) && !t.folder.isPackage(dir)
		if top || alone || !u.declared.Builds && usualStart.MatchString(base) {
			t.reach(p, route{steps: []string{p}})
		}
	}
}

// reachRest adds the shipped modules that nothing reached, and scripts that have
// their own dependencies.
func reachRest(t *tree) {
	for _, p := range slices.Sorted(maps.Keys(t.sources)) {
		if _, seen := t.at[p]; !seen && t.ships(p) {
			t.reach(p, route{[]string{p}, unreached})
		}
	}
	for _, p := range slices.Sorted(maps.Keys(t.scripts)) {
		t.reach(p, route{steps: []string{p}})
	}
}

// start adds a module of the project's own and the packages above it.
func (t *tree) start(dir, module, what string) {
	roots := append(t.searchPath(dir), t.copied()...)
	files := t.folder.files(roots, module, nil)
	for _, f := range files {
		t.reach(f, route{steps: []string{what}})
	}
	if top, ok := t.folder.find(roots, source.Top(module)); ok && path.Base(top) == "__init__.py" && !t.folder.has(roots, module) {
		t.problems = append(t.problems, whittle.Problem{Rule: whittle.CheckMissingEntryPoint, Severity: whittle.SeverityError, Module: module, ReachedFrom: []string{what},
			Message: fmt.Sprintf("%s: the project has no module %s", what, module), Fix: "correct the name"})
	}
}

// module looks at the imports of one file.
func (t *tree) module(file string) {
	src := t.sources[file]
	if src.Broken != "" && t.at[file].level < unreached {
		t.doubt("%s:%d could not be read: %s", file, src.BrokenLine, src.Broken)
	}
	t.alternatives(file, src)
	for i := range src.Imports {
		if imp := &src.Imports[i]; imp.Context&source.TypeChecking == 0 {
			t.imported(file, imp)
		}
	}
}

// imported follows one import: to the project's own modules, to the standard
// library, or to another distribution.
func (t *tree) imported(file string, imp *source.Import) {
	from := t.at[file]
	u := t.unitOf(file)
	held := t.holds(u, imp.Conditions)
	if held == source.No {
		return
	}
	way := route{append(slices.Clone(from.steps), fmt.Sprintf("%s:%d", file, imp.Line)), from.level}
	switch {
	case imp.Context&(source.Guarded|source.Handler) != 0:
		way.level = guarded
	case imp.Context&source.Lazy != 0 || held == source.Maybe:
		way.level = max(way.level, inCall)
	}
	if imp.Level > 0 {
		t.relative(file, imp, way)
		return
	}
	if imp.Module == "" || t.own(file, imp, way) {
		return
	}
	if python.IsStandard(imp.Module) {
		t.standard(u, file, imp, way)
		return
	}
	if held == source.Yes {
		t.foreign(u, file, imp, way)
	}
}

// relative follows "from . import x".
func (t *tree) relative(file string, imp *source.Import, way route) {
	dir := path.Dir(file)
	for range imp.Level - 1 {
		dir = path.Dir(dir)
	}
	if imp.Module == "" {
		init := path.Join(dir, "__init__.py")
		t.reach(init, way)
		for _, n := range t.unbound(file, init, imp.Names) {
			for _, f := range t.folder.files([]string{dir}, n, nil) {
				t.reach(f, way)
			}
		}
		return
	}
	for _, f := range t.named(file, []string{dir}, imp) {
		t.reach(f, way)
	}
}

// named are the files of a module and of what an import statement takes out of
// it.
func (t *tree) named(file string, roots []string, imp *source.Import) []string {
	names := imp.Names
	if of, ok := t.folder.find(roots, imp.Module); ok {
		names = t.unbound(file, of, names)
	}
	return t.folder.files(roots, imp.Module, names)
}

// unbound are those names that a package's __init__ does not bind itself: what
// it binds is no submodule for others.
func (t *tree) unbound(file, init string, names []string) []string {
	src := t.sources[init]
	if src == nil || file == init {
		return names
	}
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool {
		_, bound := slices.BinarySearch(src.Names, n)
		return bound
	})
}

// own follows an import of the project's own module, with the packages above
// it. A folder without modules is none of them, and neither is a module beside
// the file in a package: Python 3 has no implicit relative imports.
func (t *tree) own(file string, imp *source.Import, way route) bool {
	roots := append(t.searchPath(path.Dir(file)), t.copied()...)
	files := t.folder.files(roots, imp.Module, imp.Names)
	standard := python.IsStandard(imp.Module)
	known := standard || t.isKnown(imp)
	if len(files) == 0 || known && !t.folder.regular(roots, imp) {
		return !standard && t.elsewhere(file, imp, known, way)
	}
	if t.scripts[file] == nil { // what a script imports runs with the script's dependencies
		for _, f := range t.named(file, roots, imp) {
			t.reach(f, way)
		}
	}
	return true
}

// elsewhere says that a module of the project's own is meant although nothing
// says that the folder it lies in is on the path: no distribution is known that
// has it, or it is a copy of one.
func (t *tree) elsewhere(file string, imp *source.Import, known bool, way route) bool {
	for _, dir := range t.folder.tops[source.Top(imp.Module)] {
		own := path.Join(dir, source.Top(imp.Module))
		switch {
		case vendored(dir):
			return true
		case file == own+".py" || file == own+"/__init__.py":
		case t.adjusts && !t.folder.isPackage(dir) && !notShipped(own+".py"):
			return true
		case t.uses.more(t.folder, dir, source.Top(imp.Module)): // a distribution of that name has more
		case !known && slices.Contains(t.searchPath(path.Dir(file)), dir):
			// It is looked in, and nothing there has this part of the name.
			if way.level == atStart && !t.isNamed(imp) {
				t.doubt("where %s is, which %s:%d imports", imp.Module, file, imp.Line)
			}
			return true
		case !known, !t.isNamed(imp) && !notShipped(own+".py") && len(t.folder.files([]string{dir}, imp.Module, imp.Names)) > 0:
			t.notOnPath(file, imp, dir, way)
			return true
		}
	}
	return t.isOwnName(imp.Module)
}

// notOnPath says where the project has a module that not every start finds.
func (t *tree) notOnPath(file string, imp *source.Import, dir string, way route) {
	own := path.Join(dir, source.Top(imp.Module))
	if way.level > inCall || notShipped(own+".py") {
		return
	}
	p := whittle.Problem{Rule: whittle.CheckNotOnPath, Severity: whittle.SeverityInfo, Path: file, Line: imp.Line, Module: imp.Module, ReachedFrom: way.steps}
	p.Message = fmt.Sprintf("%s is imported by %s:%d; the project has it, %s, and a start has to look in %s: streamlit and python FILE look in FILE's folder, python -m in the working directory, console scripts in neither",
		imp.Module, file, imp.Line, own, dir)
	p.Fix = fmt.Sprintf("set PYTHONPATH to it where that runs, or package %s", source.Top(imp.Module))
	if t.folder.isPackage(dir) {
		full := imp.Module
		for up := dir; up != "." && t.folder.isPackage(up); up = path.Dir(up) {
			full = path.Base(up) + "." + full
		}
		p.Fix = "import it as " + full + ", or set PYTHONPATH where that runs"
	}
	t.report(p)
}

// isKnown says that a distribution is known that has the module; isNamed that
// the project names it, too.
func (t *tree) isKnown(imp *source.Import) bool {
	return slices.ContainsFunc(t.units[len(t.units)-1].names.OfImport(imp.Module, imp.Names), func(n python.Named) bool { return n.Distribution != "" })
}

func (t *tree) isNamed(imp *source.Import) bool {
	return slices.ContainsFunc(t.units[len(t.units)-1].names.OfImport(imp.Module, imp.Names), func(n python.Named) bool { return n.Evident() })
}

// isOwnName says that a module is named as one of the projects of the folder.
func (t *tree) isOwnName(module string) bool {
	name := pep.Normalize(source.Top(module))
	return slices.ContainsFunc(t.units, func(u *unit) bool {
		return name != "" && cmp.Or(pep.Normalize(u.declared.Name), "-") == name || slices.Contains(u.declared.Mapped, source.Top(module))
	})
}
