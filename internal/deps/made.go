package deps

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle/internal/python/source"
)

var (
	// cython are the sources of Cython. Its cimport statements are imports to
	// the one who declares dependencies: of headers that a distribution has.
	// https://cython.readthedocs.io/en/latest/src/userguide/sharing_declarations.html
	cython        = regexp.MustCompile(`\.(pyx|pxd|pxi)$`)
	cythonImports = regexp.MustCompile(`(?m)^[ \t]*((?:from[ \t]+[\w.]+[ \t]+)?c?import[ \t]+[\w., \t]+)`)
	cimport       = regexp.MustCompile(`\bcimport\b`)

	// builder are the files that name compiled modules: Extension("fast", …),
	// pybind11_add_module(fast …), [lib] name = "fast", %module fast.
	builder = regexp.MustCompile(`^(setup\.py|CMakeLists\.txt|meson\.build|Cargo\.toml|SConstruct|wscript|BUILD|BUILD\.bazel|build\.py|.*_build\.py|.*\.i)$`)

	submodulePath = regexp.MustCompile(`(?m)^\s*path\s*=\s*(\S+)\s*$`)
)

// maxBuilders bounds how many files that say how modules are made are kept, and
// maxBuilder their bytes.
const (
	maxBuilders = 200
	maxBuilder  = 1 << 20
)

// scanCython notes what the sources of Cython import.
func scanCython(t *tree, p string) error {
	b, err := t.read(p)
	if err != nil {
		return err
	}
	lines := []string{"import Cython"}
	for _, m := range cythonImports.FindAllSubmatch(b, -1) {
		lines = append(lines, cimport.ReplaceAllString(string(m[1]), "import"))
	}
	t.others = append(t.others, source.Scan([]byte(strings.Join(lines, "\n")+"\n")))
	return nil
}

// made is what says of modules that their files are not there.
type made struct {
	// builders are the texts of files that say how compiled modules are made,
	// submodules the folders of git's that may be elsewhere.
	builders, submodules []string
}

// take keeps what says which modules a build makes, and which folders
// git fetches from elsewhere.
func (m *made) take(p, name string, read func() ([]byte, error)) error {
	modules := name == ".gitmodules"
	if !modules && (!builder.MatchString(name) || len(m.builders) >= maxBuilders) {
		return nil
	}
	b, err := read()
	if err != nil {
		return err
	}
	if !modules {
		m.builders = append(m.builders, string(b[:min(len(b), maxBuilder)]))
		return nil
	}
	for _, found := range submodulePath.FindAllSubmatch(b, -1) {
		m.submodules = append(m.submodules, path.Join(path.Dir(p), string(found[1])))
	}
	return nil
}

// makes says that a file of the project's build names a module: it compiles it.
func (m *made) makes(module string) bool {
	top := source.Top(module)
	word := regexp.MustCompile(`\b` + regexp.QuoteMeta(top) + `\b`)
	return slices.ContainsFunc(m.builders, word.MatchString)
}

// inSubmodule is the submodule of git's that a module is named as and that is
// not checked out.
func (m *made) inSubmodule(module string, f *folder) (string, bool) {
	top := source.Top(module)
	for _, dir := range m.submodules {
		if !f.dirs[dir] && (path.Base(dir) == top || strings.ReplaceAll(path.Base(dir), "-", "_") == top) {
			return dir, true
		}
	}
	return "", false
}
