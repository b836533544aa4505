package check

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"whittle"
	"whittle/internal/dockerfile"
	"whittle/internal/python"
)

// Bounds of a project's folder.
const (
	maxSources = 100_000
	maxSource  = 16 << 20 // bytes
)

// ProjectOptions are what the project's files do not say.
type ProjectOptions struct {
	// Bound gives the specifiers to declare a distribution with that no file
	// pins; nil knows none.
	Bound func(distribution string) (specifiers string, ok bool)
	// Ships asks the package index whether a distribution's newest wheel has a
	// module; nil does not know.
	Ships func(distribution, module string) python.Truth
	// Names are modules and their distributions as the configuration has them.
	Names map[string]string
}

// Project checks a project's folder without an image: what its own modules
// import, from what its files start, against what they declare. What is
// declared for the distribution or pinned by its lock file counts as there.
//
// An import that runs at start and is declared nowhere is an error. The verdict
// is "fails" where a lock file shows that nothing else brings it along, and
// "unknown" without one.
func Project(ctx context.Context, fsys fs.FS, o ProjectOptions) (*whittle.Check, error) {
	t := &tree{fsys: fsys, bound: o.Bound, modules: map[string]string{}, sources: map[string]*python.Source{}, at: map[string]route{}, extras: map[string]bool{}}
	var err error
	if t.declared, err = python.ReadDeclared(fsys); err != nil {
		t.unknown = append(t.unknown, err.Error())
	}
	if len(t.declared.Files) == 0 {
		return nil, whittle.WithHint(fmt.Errorf("the folder declares no dependencies: %w", whittle.ErrUsage),
			"whittle reads pyproject.toml, setup.cfg, setup.py and requirements files; name an image to check without them")
	}
	if err := t.collect(ctx); err != nil {
		return nil, fmt.Errorf("reading the project: %w", err)
	}
	t.places = projectPlaces(t.fsys)
	t.names = python.NewNames(nil, t.declared)
	t.names.Given, t.names.Ships = o.Names, o.Ships
	out := &whittle.Check{Schema: whittle.CheckSchema, Problems: []whittle.Problem{}, Project: t.declared.Name}
	t.starts()
	for len(t.queue) > 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		file := t.queue[0]
		t.queue = t.queue[1:]
		t.module(file)
	}
	if err != nil {
		t.doubt()
	}
	out.Problems = merge(append(t.problems, t.unused()...))
	out.Unknown = t.unknown
	out.Verdict = t.verdict(out)
	return out, nil
}

// doubt makes warnings of what is not declared in those files that could be
// read: the others may declare it.
func (t *tree) doubt() {
	for i := range t.problems {
		if p := &t.problems[i]; p.Rule == "undeclared-dependency" && p.Severity == Error {
			p.Severity = Warning
		}
	}
}

// tree is a project's folder.
type tree struct {
	fsys     fs.FS
	bound    func(distribution string) (string, bool)
	declared *python.Declared
	names    *python.Names
	places   *places
	modules  map[string]string         // own modules to files
	sources  map[string]*python.Source // by file
	at       map[string]route          // how a file is reached, by file
	queue    []string                  // files that are to be looked at
	extras   map[string]bool           // extras that a Dockerfile names
	problems []whittle.Problem
	unknown  []string
}

// route is the way to a file. It is later where a function or a condition
// stands on it.
type route struct {
	steps []string
	later bool
}

// collect finds the project's Python files. A file is the module of its path,
// and that of its path below src too.
func (t *tree) collect(ctx context.Context) error {
	return fs.WalkDir(t.fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || ctx.Err() != nil {
			return cmp.Or(ctx.Err(), err)
		}
		if d.IsDir() {
			if p != "." && aside(t.fsys, p) {
				return fs.SkipDir
			}
			return nil
		}
		stem, isPython := strings.CutSuffix(p, ".py")
		if !isPython || !d.Type().IsRegular() {
			return nil
		}
		if len(t.sources) >= maxSources {
			return fmt.Errorf("more than %d Python files: %w", maxSources, whittle.ErrLimit)
		}
		if t.sources[p], err = t.scan(p); err != nil {
			return err
		}
		for _, root := range []string{"src/", "lib/", ""} {
			if rest, ok := strings.CutPrefix(stem, root); ok {
				t.modules[strings.ReplaceAll(strings.TrimSuffix(rest, "/__init__"), "/", ".")] = p
			}
		}
		return nil
	})
}

func (t *tree) scan(p string) (*python.Source, error) {
	f, err := t.fsys.Open(p)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, whittle.ErrUsage)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSource))
	if err != nil {
		return nil, err
	}
	return python.Scan(b), nil
}

// reach adds a file with the way to it; one that was only reached later before
// is looked at again.
func (t *tree) reach(file string, r route) {
	before, seen := t.at[file]
	if file == "" || seen && (!before.later || r.later) {
		return
	}
	t.at[file] = r
	t.queue = append(t.queue, file)
}

// starts are the console scripts, the programs of packages and what
// Dockerfiles start; where there are none, every module that is no test.
func (t *tree) starts() {
	for _, name := range slices.Sorted(maps.Keys(t.declared.Scripts)) {
		module, _, _ := strings.Cut(t.declared.Scripts[name], ":")
		t.start(module, "console script "+name)
	}
	for _, p := range slices.Sorted(maps.Keys(t.sources)) {
		if path.Base(p) == "__main__.py" {
			t.reach(p, route{steps: []string{"python -m " + path.Dir(p)}})
		}
	}
	entries, _ := fs.ReadDir(t.fsys, ".")
	for _, e := range entries {
		if e.Type().IsRegular() && strings.Contains(strings.ToLower(e.Name()), "dockerfile") {
			t.dockerfile(e.Name())
		}
	}
	if len(t.queue) > 0 {
		return
	}
	for _, p := range slices.Sorted(maps.Keys(t.sources)) {
		if !isTest(p) {
			t.reach(p, route{steps: []string{p}})
		}
	}
	if len(t.queue) == 0 {
		t.unknown = append(t.unknown, "the folder has no Python source that it starts")
	}
}

var testFile = regexp.MustCompile(`(^|/)(tests?|testdata|docs|examples|benchmarks)/|(^|/)(test_[^/]*|[^/]*_test|conftest|setup|noxfile)\.py$`)

func isTest(p string) bool { return testFile.MatchString(p) }

// start adds a module of the project's own and the packages above it.
func (t *tree) start(module, what string) {
	if file, ok := t.modules[module]; ok {
		t.reach(file, route{steps: []string{what}})
		for up, _, ok := cutLast(module); ok; up, _, ok = cutLast(up) {
			t.reach(t.modules[up], route{steps: []string{what}})
		}
		return
	}
	if top := topOf(module); t.modules[top] != "" {
		t.problems = append(t.problems, whittle.Problem{Rule: "missing-entry-point", Severity: Error, Module: module, ReachedFrom: []string{what},
			Message: fmt.Sprintf("%s: the project has no module %s", what, module), Fix: "mend the name"})
	}
}

// namedExtras are those in brackets: pip install ".[dashboard,reports]".
var namedExtras = regexp.MustCompile(`[\w.'"]\[([A-Za-z0-9._, -]+)\]|--extra[= ]([A-Za-z0-9._-]+)|--all-extras`)

// dockerfile adds what the last stage of a Dockerfile starts, as far as it is
// a file or a module of the project.
func (t *tree) dockerfile(name string) {
	b, err := fs.ReadFile(t.fsys, name)
	if err != nil {
		return
	}
	for _, m := range namedExtras.FindAllSubmatch(b, -1) {
		for _, extra := range strings.FieldsFunc(string(m[1])+","+string(m[2]), func(r rune) bool { return r == ',' || r == ' ' }) {
			t.extras[python.Normalize(extra)] = true
		}
		if m[1] == nil && m[2] == nil {
			t.extras["*"] = true
		}
	}
	f, err := dockerfile.Parse(name, b)
	if err != nil || len(f.Stages) == 0 {
		return
	}
	for _, in := range f.Stages[len(f.Stages)-1].Instructions {
		if in.Keyword != "CMD" && in.Keyword != "ENTRYPOINT" {
			continue
		}
		script, err := in.Shell()
		if err != nil {
			continue
		}
		for _, c := range script.Commands() {
			for i, w := range c.Words {
				what := fmt.Sprintf("%s of %s", in.Keyword, name)
				switch file := path.Clean(w.Value); {
				case strings.HasSuffix(file, ".py") && t.sources[file] != nil:
					t.reach(file, route{steps: []string{what}})
				case i > 0 && c.Words[i-1].Value == "-m" && t.modules[w.Value] != "":
					t.start(w.Value, what)
				case appSpec.MatchString(w.Value):
					module, _, _ := strings.Cut(w.Value, ":")
					t.start(module, what)
				}
			}
		}
	}
}

// module looks at the imports of one file.
func (t *tree) module(file string) {
	src := t.sources[file]
	if src.Broken != "" && !isTest(file) {
		t.unknown = append(t.unknown, fmt.Sprintf("%s:%d could not be read: %s", file, src.BrokenLine, src.Broken))
	}
	pkg := t.packageOf(file)
	for i := range src.Imports {
		imp := &src.Imports[i]
		if imp.Context&python.TypeChecking != 0 {
			continue
		}
		base := imp.Module
		if imp.Level > 0 {
			up := pkg
			for range imp.Level - 1 {
				up, _, _ = cutLast(up)
			}
			base = strings.Trim(up+"."+imp.Module, ".")
		}
		t.imported(file, imp, base)
		for _, n := range imp.Names {
			if sub := base + "." + n; t.modules[sub] != "" {
				t.imported(file, imp, sub)
			}
		}
	}
}

// packageOf is the package that a file's relative imports start from.
func (t *tree) packageOf(file string) string {
	stem := strings.TrimSuffix(file, ".py")
	for _, root := range []string{"src/", "lib/"} {
		if rest, ok := strings.CutPrefix(stem, root); ok && t.modules[topOf(strings.ReplaceAll(rest, "/", "."))] != "" {
			stem = rest
		}
	}
	up, _, _ := cutLast(strings.ReplaceAll(stem, "/", "."))
	return up
}

// imported follows one import.
func (t *tree) imported(file string, imp *python.Import, module string) {
	if module == "" {
		return
	}
	from := t.at[file]
	way := route{append(slices.Clone(from.steps), fmt.Sprintf("%s:%d", file, imp.Line)),
		from.later || imp.Context&python.Lazy != 0 || len(imp.Conditions) > 0}
	if t.own(file, module, way) || python.IsStandard(module) {
		return
	}
	t.foreign(file, imp, module, way)
}

// own follows an import of the project's own module, with the packages above
// it; a program finds the modules beside it, too.
func (t *tree) own(file, module string, way route) bool {
	found := false
	for up := module; up != ""; up, _, _ = cutLast(up) {
		if f, ok := t.modules[up]; ok {
			found = true
			t.reach(f, way)
		}
	}
	beside := path.Join(path.Dir(file), topOf(module))
	for _, f := range []string{beside + ".py", beside + "/__init__.py"} {
		if t.sources[f] != nil {
			found = true
			t.reach(f, way)
		}
	}
	return found || t.isFolder(topOf(module))
}

// isFolder: a folder of the project with modules may be a namespace package.
func (t *tree) isFolder(name string) bool {
	return slices.ContainsFunc([]string{".", "src", "lib"}, func(root string) bool { return slices.Contains(t.places.at[name], path.Join(root, name)) })
}
