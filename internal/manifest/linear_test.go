package manifest

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"whittle.dev/whittle/internal/imagetest"
)

// TestDeclaredLinear: the time over files that declare something grows with
// them, whatever stands in them.
func TestDeclaredLinear(t *testing.T) {
	for _, c := range []struct {
		name, file string
		most       int
		text       func(n int) string
	}{
		{"requirements", "requirements.txt", 400_000, func(n int) string { return imagetest.Lines(n, "a%d==1\n") }},
		{"what is no requirement", "requirements.txt", 400_000, func(n int) string { return imagetest.Lines(n, "?%d\n") }},
		{"places without names", "requirements.txt", 200_000, func(n int) string { return imagetest.Lines(n, "https://x/%d\n") }},
		{"folders", "requirements.txt", 200_000, func(n int) string { return imagetest.Lines(n, "./%d\n") }},
		{"includes that are not there", "requirements.txt", 200_000, func(n int) string { return imagetest.Lines(n, "-r %d.txt\n") }},
		{"continued lines", "requirements.txt", 4_000_000, func(n int) string { return "a" + strings.Repeat("\\\n", n) + "b\n" }},
		{"continued comments", "requirements.txt", 2_000_000, func(n int) string { return strings.Repeat(" #\\\n", n) + "b\n" }},
		{"comments via", "requirements.txt", 400_000, func(n int) string { return "a==1\n" + strings.Repeat("    # via b\n", n) }},
		{"hashes", "requirements.txt", 200_000, func(n int) string { return "a==1" + strings.Repeat(" \\\n    --hash=sha256:0", n) }},
		{"dependencies of a project", "pyproject.toml", 400_000, func(n int) string { return "[project]\ndependencies = [\n" + imagetest.Lines(n, "'a%d',\n") + "]\n" }},
		{"dependencies in other quotes", "pyproject.toml", 400_000, func(n int) string {
			return "[project]\ndependencies = [\n" + imagetest.Lines(n, "\"\"\"b%d\"\"\",\n") + "]\n"
		}},
		{"extras", "pyproject.toml", 100_000, func(n int) string {
			return "[project.optional-dependencies]\n" + imagetest.Lines(n, "e%[1]d = ['a%[1]d']\n")
		}},
		{"groups", "pyproject.toml", 100_000, func(n int) string { return "[dependency-groups]\n" + imagetest.Lines(n, "e%[1]d = ['a%[1]d']\n") }},
		{"scripts", "pyproject.toml", 100_000, func(n int) string { return "[project.scripts]\n" + imagetest.Lines(n, "e%[1]d = 'a%[1]d:b'\n") }},
		{"Poetry's dependencies", "pyproject.toml", 200_000, func(n int) string { return "[tool.poetry.dependencies]\n" + imagetest.Lines(n, "a%d = '^1'\n") }},
		{"Poetry's groups", "pyproject.toml", 400_000, func(n int) string {
			return imagetest.Lines(n, "[tool.poetry.group.g%[1]d.dependencies]\na%[1]d = '^1'\n")
		}},
		{"pixi's features", "pixi.toml", 400_000, func(n int) string { return imagetest.Lines(n, "[feature.g%[1]d.dependencies]\na%[1]d = '*'\n") }},
		{"Hatch's environments", "pyproject.toml", 400_000, func(n int) string { return imagetest.Lines(n, "[tool.hatch.envs.g%[1]d]\ndependencies = ['a%[1]d']\n") }},
		{"roots", "pyproject.toml", 200_000, func(n int) string {
			return "[tool.pytest.ini_options]\npythonpath = [\n" + imagetest.Lines(n, "'a%d',\n") + "]\n"
		}},
		{"shipped files", "pyproject.toml", 200_000, func(n int) string {
			return "[tool.setuptools]\npackages = [\n" + imagetest.Lines(n, "'a%d',\n") + "]\n"
		}},
		{"nested arrays", "pyproject.toml", 400_000, func(n int) string { return "a = " + strings.Repeat("[", n) + strings.Repeat("]", n) }},
		{"nested tables", "pyproject.toml", 200_000, func(n int) string { return "a = " + strings.Repeat("{a=", n) + "1" + strings.Repeat("}", n) }},
		{"dotted keys", "pyproject.toml", 400_000, func(n int) string { return strings.Repeat("a.", n) + "a = 1\n" }},
		{"values of setup.cfg", "setup.cfg", 200_000, func(n int) string { return "[options]\ninstall_requires =\n" + imagetest.Lines(n, "  a%d\n") }},
		{"files of setup.cfg", "setup.cfg", 20_000, func(n int) string { return "[options]\ninstall_requires =\n" + imagetest.Lines(n, "  file: a%d.txt\n") }},
		{"folders of setup.cfg", "setup.cfg", 100_000, func(n int) string { return "[options]\npackage_dir =\n" + imagetest.Lines(n, "  = a%d\n") }},
		{"what a build puts into setup.cfg", "setup.cfg", 100_000, func(n int) string { return "[options]\ninstall_requires =\n" + imagetest.Lines(n, "  %%(a%d)\n") }},
		{"setup.py", "setup.py", 200_000, func(n int) string { return "setup(install_requires=[\n" + imagetest.Lines(n, "'a%d',\n") + "])\n" }},
		{"extras of setup.py", "setup.py", 100_000, func(n int) string {
			return "setup(extras_require={\n" + imagetest.Lines(n, "'e%[1]d': ['a%[1]d'],\n") + "})\n"
		}},
		{"open quotes in setup.py", "setup.py", 400_000, func(n int) string { return "setup(install_requires=['a'" + strings.Repeat(",'", n) + "])\n" }},
		{"names in setup.py", "setup.py", 200_000, func(n int) string { return strings.Repeat("install_requires = a\n", n) }},
		{"packages of a lock file", "uv.lock", 40_000, func(n int) string { return imagetest.Lines(n, "[[package]]\nname = 'a%d'\nversion = '1'\n") }},
		{"edges of a lock file", "uv.lock", 80_000, func(n int) string {
			return "[[package]]\nname = 'a'\ndependencies = [\n" + imagetest.Lines(n, "{name = 'b%d'},\n") + "]\n"
		}},
		{"names of one package", "uv.lock", 40_000, func(n int) string { return imagetest.Lines(n, "[[package]]\nname = 'a'\ndependencies = ['b%d']\n") }},
		{"Pipfile", "Pipfile", 100_000, func(n int) string { return "[packages]\n" + imagetest.Lines(n, "a%d = '*'\n") }},
		{"Pipfile.lock", "Pipfile.lock", 100_000, func(n int) string {
			return `{"default": {` + imagetest.Lines(n, `"a%d": {"version": "==1"},`) + `"b": {}}}`
		}},
		{"nested JSON", "Pipfile.lock", 4_000_000, func(n int) string { return strings.Repeat(`[`, n) }},
		{"environment.yml", "environment.yml", 200_000, func(n int) string { return "dependencies:\n" + imagetest.Lines(n, "  - a%d\n") }},
	} {
		least := 0
		if strings.HasSuffix(c.file, ".toml") || c.file == "Pipfile" {
			least = 12_000 // a table of fewer keys takes the square of them: see internal/toml
		}
		imagetest.Linear(t, imagetest.Growth{Name: c.name, Most: c.most, Least: least, Make: func(n int) func() {
			files := fstest.MapFS{c.file: {Data: []byte(c.text(n))}}
			return func() { _, _ = ReadDeclared(files) }
		}})
	}
	imagetest.Linear(t, imagetest.Growth{Name: "one file for many extras", Most: 800, Make: func(n int) func() {
		files := fstest.MapFS{"r.txt": {Data: []byte(strings.Repeat("a\n", 1000))},
			"setup.cfg": {Data: []byte("[options.extras_require]\n" + imagetest.Lines(n, "e%d = file: r.txt\n"))}}
		return func() { _, _ = ReadDeclared(files) }
	}}, imagetest.Growth{Name: "files that include files", Most: 32_000, Make: func(n int) func() {
		files := fstest.MapFS{}
		for i := range n {
			files[fmt.Sprintf("requirements%d.txt", i)] = &fstest.MapFile{Data: []byte(fmt.Sprintf("-r requirements%d.txt\n-c requirements%d.txt\n", (i+1)%n, (i+2)%n))}
		}
		return func() { _, _ = ReadDeclared(longFolder{files, n}) }
	}}, imagetest.Growth{Name: "modules", Most: 20_000, Make: func(n int) func() {
		files := fstest.MapFS{}
		for i := range n {
			files[fmt.Sprintf("m%d.py", i)] = &fstest.MapFile{}
		}
		return func() { _, _ = ReadDeclared(longFolder{files, n}) }
	}})
}

// longFolder is a folder whose list costs what its length is; fstest's looks at all
// files for each.
type longFolder struct {
	fstest.MapFS
	n int
}

func (l longFolder) ReadDir(name string) ([]fs.DirEntry, error) {
	if name != "." {
		return nil, fs.ErrNotExist
	}
	out := make([]fs.DirEntry, 0, l.n)
	for name := range l.MapFS {
		out = append(out, fileEntry(name))
	}
	return out, nil
}

// Open finds no folder, for which fstest would look at all files.
func (l longFolder) Open(name string) (fs.File, error) {
	if _, ok := l.MapFS[name]; !ok {
		return nil, fs.ErrNotExist
	}
	return l.MapFS.Open(name)
}

func (l longFolder) Stat(name string) (fs.FileInfo, error) { return nil, fs.ErrNotExist }

type fileEntry string

func (e fileEntry) Name() string               { return string(e) }
func (e fileEntry) IsDir() bool                { return false }
func (e fileEntry) Type() fs.FileMode          { return 0 }
func (e fileEntry) Info() (fs.FileInfo, error) { return nil, fs.ErrNotExist }
