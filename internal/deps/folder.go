package deps

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"path"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/python/source"
)

// Bounds of a project's folder.
const (
	// MaxSources bounds the Python files that are read.
	MaxSources = 100_000
	maxSource  = 16 << 20 // bytes
	maxImages  = 100
	maxUnits   = 300

	maxSettings = 1000
)

// folder knows the modules of a project by their places.
type folder struct {
	// module has the files of modules by their paths without the ending, those
	// without text included; packages are the folders with an __init__.
	module   map[string]string
	packages map[string]bool
	// dirs are the folders that have modules below.
	dirs map[string]bool
	// tops are the folders that have a module or a folder of modules of a name.
	tops map[string][]string
	// declaring are the folders that have files which declare something, and
	// dockerfiles those that build images.
	declaring, dockerfiles []string
	// settings are files that may name programs and plug-ins.
	settings []string
}

func newFolder() *folder {
	return &folder{module: map[string]string{}, packages: map[string]bool{}, dirs: map[string]bool{}, tops: map[string][]string{}}
}

func (f *folder) isPackage(dir string) bool { return f.packages[dir] }

// add takes the file of a module.
func (f *folder) add(p, stem string) {
	if old := f.module[stem]; old == "" || path.Ext(old) != ".py" {
		f.module[stem] = p
	}
	dir, base := path.Split(stem)
	dir = path.Clean(dir)
	if base == "__init__" {
		f.packages[dir] = true
	} else {
		f.top(dir, base)
	}
	for ; dir != "." && !f.dirs[dir]; dir = path.Dir(dir) {
		f.dirs[dir] = true
		f.top(path.Dir(dir), path.Base(dir))
	}
}

func (f *folder) top(dir, name string) {
	if !slices.Contains(f.tops[name], dir) {
		f.tops[name] = append(f.tops[name], dir)
	}
}

// in is what a root has of a module: the files of it and of the packages above
// it, and whether all of the name is there.
func (f *folder) in(root, module string) (files []string, whole bool) {
	at := root
	for part := range strings.SplitSeq(module, ".") {
		at = path.Join(at, part)
		switch {
		case f.packages[at]:
			files = append(files, f.module[path.Join(at, "__init__")])
		case f.module[at] != "":
			return append(files, f.module[at]), at == path.Join(root, strings.ReplaceAll(module, ".", "/"))
		case !f.dirs[at]:
			return files, false
		}
	}
	return files, true
}

// files are those of a module and of what a from-import names, in the first
// root that has them. A namespace's folder counts where what is imported is in
// it.
func (f *folder) files(roots []string, module string, names []string) []string {
	for _, root := range roots {
		files, whole := f.in(root, module)
		if whole {
			for _, n := range names {
				below, _ := f.in(root, module+"."+n)
				for _, b := range below {
					if !slices.Contains(files, b) {
						files = append(files, b)
					}
				}
			}
			if len(files) == 0 && len(names) == 0 {
				return []string{path.Join(root, strings.ReplaceAll(module, ".", "/"))} // a namespace alone
			}
		}
		if len(files) > 0 {
			return files
		}
	}
	return nil
}

// find is the file of a module in the first root that has it.
func (f *folder) find(roots []string, module string) (string, bool) {
	for _, root := range roots {
		if files, whole := f.in(root, module); whole && len(files) > 0 {
			return files[len(files)-1], true
		}
	}
	return "", false
}

func (f *folder) has(roots []string, module string) bool {
	return slices.ContainsFunc(roots, func(root string) bool {
		_, whole := f.in(root, module)
		return whole
	})
}

// regular says that a root has the module itself, and not only a folder of
// that name that other code may be in: alembic/ with env.py does not hide the
// distribution alembic.
func (f *folder) regular(roots []string, imp *source.Import) bool {
	top := source.Top(imp.Module)
	return slices.ContainsFunc(roots, func(root string) bool {
		at := path.Join(root, top)
		if f.packages[at] || f.module[at] != "" {
			return true
		}
		files, whole := f.in(root, imp.Module)
		if whole && len(files) > 0 {
			return true
		}
		return slices.ContainsFunc(imp.Names, func(n string) bool {
			below, whole := f.in(root, imp.Module+"."+n)
			return whole && len(below) > 0
		})
	})
}

var (
	declares    = regexp.MustCompile(`(?i)^(pyproject\.toml|setup\.(py|cfg)|Pipfile|pixi\.toml|environment\.ya?ml|(.*[^a-z])?(requirements?|reqs)([^a-z].*)?\.(txt|in))$`)
	container   = regexp.MustCompile(`(?i)(^|[._-])(dockerfile|containerfile)($|[._-])`)
	without     = regexp.MustCompile(`\.(pyx|so|pyd|pyi|cpython-[\w-]+\.so|abi3\.so)$`)
	namesOthers = regexp.MustCompile(`(?i)^(Procfile.*|Makefile|GNUmakefile|justfile|.*\.(sh|bash|ya?ml|ini|conf|service|mk))$`)
	listsOnly   = regexp.MustCompile(`(?i)^(requirements?|reqs|deps)$`)
)

// skippedFolders hold what is not the project's own.
var skippedFolders = []string{"node_modules", "site-packages", "__pycache__", "__pypackages__", "bower_components"}

// collectFiles finds the project's modules and the files that declare something.
func collectFiles(ctx context.Context, t *tree) error {
	t.scans.SetLimit(runtime.GOMAXPROCS(0))
	err := fs.WalkDir(t.fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || ctx.Err() != nil {
			return cmp.Or(ctx.Err(), err)
		}
		if d.IsDir() {
			return entersFolder(t, p, d.Name())
		}
		if !d.Type().IsRegular() {
			return nil
		}
		return takeFile(t, p, d.Name())
	})
	_ = t.scans.Wait() // it has no errors
	for p, src := range t.sources {
		if !notShipped(p) {
			t.platform.takeSource(src)
		}
	}
	return err
}

// entersFolder says which folders are looked into.
func entersFolder(t *tree, p, name string) error {
	if p == "." {
		return nil
	}
	if _, err := fs.Stat(t.fsys, path.Join(p, "pyvenv.cfg")); err == nil {
		if path.Dir(p) == "." && t.venv == nil {
			t.venv = readVenv(t.fsys, p)
		}
		return fs.SkipDir
	}
	if strings.HasPrefix(name, ".") || slices.Contains(skippedFolders, name) {
		return fs.SkipDir
	}
	if name == "build" || name == "dist" {
		for _, made := range []string{"lib", "bdist.linux-x86_64"} {
			if _, err := fs.Stat(t.fsys, path.Join(p, made)); err == nil {
				return fs.SkipDir
			}
		}
	}
	return nil
}

// takeFile looks at one file.
func takeFile(t *tree, p, name string) error {
	switch {
	case declares.MatchString(name):
		dir := path.Dir(p)
		if listsOnly.MatchString(path.Base(dir)) {
			dir = path.Dir(dir)
		}
		if !slices.Contains(t.folder.declaring, dir) {
			t.folder.declaring = append(t.folder.declaring, dir)
		}
	case container.MatchString(name) && len(t.folder.dockerfiles) < maxImages:
		t.folder.dockerfiles = append(t.folder.dockerfiles, p)
	case namesOthers.MatchString(name) && len(t.folder.settings) < maxSettings:
		t.folder.settings = append(t.folder.settings, p)
	}
	t.platform.take(name, func() ([]byte, error) { return t.read(p) })
	if err := t.made.take(p, name, func() ([]byte, error) { return t.read(p) }); err != nil {
		return err
	}
	switch {
	case strings.HasSuffix(p, ".py"):
		if len(t.sources) >= MaxSources {
			return whittle.ErrLimit.Errorf("more than %d Python files", MaxSources)
		}
		return scanFile(t, p)
	case strings.HasSuffix(p, ".ipynb"):
		return notebook(t, p)
	case cython.MatchString(p):
		if err := scanCython(t, p); err != nil || path.Ext(p) != ".pyx" {
			return err
		}
		t.folder.add(p, strings.TrimSuffix(p, ".pyx"))
	case without.MatchString(p):
		dir, base := path.Split(p)
		stem, _, _ := strings.Cut(base, ".")
		t.folder.add(p, path.Join(dir, stem))
	}
	return nil
}

func (t *tree) read(p string) ([]byte, error) {
	f, err := t.fsys.Open(p)
	if err != nil {
		return nil, whittle.ErrUsage.Of(err)
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxSource))
}

// changesPath finds what puts folders on the path of modules.
var changesPath = regexp.MustCompile(`\bsys\s*\.\s*path\s*(\.(insert|append|extend)\s*\(|\[|\+?=[^=])|\bsite\s*\.\s*addsitedir\s*\(|\bsys\s*\.\s*meta_path\b`)

// scanFile has a file scanned while others are read.
func scanFile(t *tree, p string) error {
	b, err := t.read(p)
	if err != nil {
		return err
	}
	facts := &source.Facts{}
	t.sources[p] = facts
	t.scans.Go(func() error {
		*facts = *source.Scan(b)
		return nil
	})
	t.folder.add(p, strings.TrimSuffix(p, ".py"))
	if !notShipped(p) {
		t.adjusts = t.adjusts || changesPath.Match(b)
	}
	if bytes.Contains(b, []byte("# /// script")) {
		if deps, ok := manifest.ScriptDependencies(p, b); ok {
			if t.scripts == nil {
				t.scripts = map[string][]manifest.Dependency{}
			}
			t.scripts[p] = append([]manifest.Dependency{}, deps...) // none is not nil
		}
	}
	return nil
}

// notebook scans the cells of a notebook without the lines for IPython itself.
// https://nbformat.readthedocs.io/en/latest/format_description.html
func notebook(t *tree, p string) error {
	b, err := t.read(p)
	if err != nil {
		return err
	}
	var nb struct {
		Cells []struct {
			Type   string `json:"cell_type"`
			Source any    `json:"source"`
		} `json:"cells"`
	}
	if json.Unmarshal(b, &nb) != nil {
		return nil
	}
	for _, c := range nb.Cells {
		if c.Type != "code" {
			continue
		}
		text, _ := c.Source.(string)
		if lines, ok := c.Source.([]any); ok {
			for _, l := range lines {
				s, _ := l.(string)
				text += s
			}
		}
		var own strings.Builder
		for line := range strings.Lines(text) {
			if l := strings.TrimSpace(line); l != "" && strings.ContainsAny(l[:1], "%!?") {
				line = "pass\n"
			}
			own.WriteString(line)
		}
		t.others = append(t.others, source.Scan([]byte(own.String())))
	}
	return nil
}

// Words in the names of folders that are not shipped; inside of a package, only
// those of tests count.
var (
	testFolders      = []string{"test", "tests", "testing", "testdata", "unittest", "unittests", "e2e", "conftest", "benchmark", "benchmarks", "testsuite"}
	auxiliaryFolders = []string{"doc", "docs", "documentation", "example", "examples", "sample", "samples", "demo", "demos", "tutorial", "tutorials", "notebook",
		"notebooks", "script", "scripts", "tool", "tools", "bench", "benches", "asv", "ci", "contrib", "hack", "release", "releasing", "packaging", "devtools", "dev", "playground",
		"fixture", "fixtures", "template", "templates", "vendor", "vendored", "extern", "dist", "build", "site", "website", "perf", "profiling", "fuzz", "fuzzing", "utils", "misc", "maint", "maintenance", "typings", "stubs", "evaluations", "experiments"}
	auxiliaryFile = regexp.MustCompile(`^(test_.*|.*_test|tests|conftest|setup|noxfile|toxfile|fabfile|dodo|pavement|locustfile|hatch_build|build|bench.*|release.*|versioneer|hubconf|.*conf\.sphinx)\.py$`)
)

func words(name string) []string {
	return strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
}

func anyOf(list, of []string) bool {
	return slices.ContainsFunc(list, func(w string) bool { return slices.Contains(of, w) })
}

// notShipped says that a file is not what ships by its name and folders alone.
func notShipped(p string) bool {
	dir, base := path.Split(p)
	if auxiliaryFile.MatchString(base) || strings.Contains(p, "{{") {
		return true
	}
	for part := range strings.SplitSeq(path.Clean(dir), "/") {
		if anyOf(words(part), testFolders) {
			return true
		}
	}
	return false
}

// vendored says that a folder holds copies of others' code.
func vendored(dir string) bool {
	return slices.ContainsFunc(strings.Split(dir, "/"), func(part string) bool {
		return anyOf(words(part), []string{"vendor", "vendored", "extern", "externals", "external", "thirdparty", "third", "bundled", "patched"})
	})
}

// ships says that a file is a part of what is installed or started.
func (t *tree) ships(p string) bool {
	if notShipped(p) || t.scripts[p] != nil || vendored(path.Dir(p)) || path.Base(p) == "tasks.py" && importsTop(t.sources[p], "invoke") {
		return false
	}
	u := t.unitOf(p)
	if u.auxiliary() {
		return false
	}
	inside := false
	rest := strings.TrimPrefix(p, u.dir+"/")
	at := u.dir
	for part := range strings.SplitSeq(path.Dir(rest), "/") {
		if inside = inside || t.folder.isPackage(at); !inside && part != "." && anyOf(words(part), auxiliaryFolders) {
			return false
		}
		at = path.Join(at, part)
	}
	return len(u.ships) == 0 || slices.ContainsFunc(u.ships, func(s string) bool { return p == s || strings.HasPrefix(p, s+"/") })
}

// importsTop says that a module imports another: tasks.py with invoke has the
// developers' commands.
func importsTop(src *source.Facts, top string) bool {
	return src != nil && slices.ContainsFunc(src.Imports, func(imp source.Import) bool { return imp.Level == 0 && source.Top(imp.Module) == top })
}

var testFile = regexp.MustCompile(`(^|/)(tests?|testdata|docs|examples|benchmarks)/|(^|/)(test_[^/]*|[^/]*_test|conftest|setup|noxfile)\.py$`)

// IsTest says that a path is that of a test, or of what is no part of the
// application, by its name and folders.
func IsTest(p string) bool { return testFile.MatchString(p) }
