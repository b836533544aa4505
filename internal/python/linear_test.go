package python

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"whittle"
	"whittle/internal/imagetest"
)

// manyLines are n lines, each made of its number.
func manyLines(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// TestDeclaredLinear: the time over files that declare something grows with
// them, whatever stands in them.
func TestDeclaredLinear(t *testing.T) {
	for _, c := range []struct {
		name, file string
		most       int
		text       func(n int) string
	}{
		{"requirements", "requirements.txt", 400_000, func(n int) string { return manyLines(n, "a%d==1\n") }},
		{"what is no requirement", "requirements.txt", 400_000, func(n int) string { return manyLines(n, "?%d\n") }},
		{"places without names", "requirements.txt", 200_000, func(n int) string { return manyLines(n, "https://x/%d\n") }},
		{"folders", "requirements.txt", 200_000, func(n int) string { return manyLines(n, "./%d\n") }},
		{"includes that are not there", "requirements.txt", 200_000, func(n int) string { return manyLines(n, "-r %d.txt\n") }},
		{"continued lines", "requirements.txt", 4_000_000, func(n int) string { return "a" + strings.Repeat("\\\n", n) + "b\n" }},
		{"continued comments", "requirements.txt", 2_000_000, func(n int) string { return strings.Repeat(" #\\\n", n) + "b\n" }},
		{"comments via", "requirements.txt", 400_000, func(n int) string { return "a==1\n" + strings.Repeat("    # via b\n", n) }},
		{"hashes", "requirements.txt", 200_000, func(n int) string { return "a==1" + strings.Repeat(" \\\n    --hash=sha256:0", n) }},
		{"dependencies of a project", "pyproject.toml", 400_000, func(n int) string { return "[project]\ndependencies = [\n" + manyLines(n, "'a%d',\n") + "]\n" }},
		{"dependencies in other quotes", "pyproject.toml", 400_000, func(n int) string {
			return "[project]\ndependencies = [\n" + manyLines(n, "\"\"\"b%d\"\"\",\n") + "]\n"
		}},
		{"extras", "pyproject.toml", 100_000, func(n int) string { return "[project.optional-dependencies]\n" + manyLines(n, "e%[1]d = ['a%[1]d']\n") }},
		{"groups", "pyproject.toml", 100_000, func(n int) string { return "[dependency-groups]\n" + manyLines(n, "e%[1]d = ['a%[1]d']\n") }},
		{"scripts", "pyproject.toml", 100_000, func(n int) string { return "[project.scripts]\n" + manyLines(n, "e%[1]d = 'a%[1]d:b'\n") }},
		{"Poetry's dependencies", "pyproject.toml", 200_000, func(n int) string { return "[tool.poetry.dependencies]\n" + manyLines(n, "a%d = '^1'\n") }},
		{"Poetry's groups", "pyproject.toml", 400_000, func(n int) string { return manyLines(n, "[tool.poetry.group.g%[1]d.dependencies]\na%[1]d = '^1'\n") }},
		{"pixi's features", "pixi.toml", 400_000, func(n int) string { return manyLines(n, "[feature.g%[1]d.dependencies]\na%[1]d = '*'\n") }},
		{"Hatch's environments", "pyproject.toml", 400_000, func(n int) string { return manyLines(n, "[tool.hatch.envs.g%[1]d]\ndependencies = ['a%[1]d']\n") }},
		{"roots", "pyproject.toml", 200_000, func(n int) string {
			return "[tool.pytest.ini_options]\npythonpath = [\n" + manyLines(n, "'a%d',\n") + "]\n"
		}},
		{"shipped files", "pyproject.toml", 200_000, func(n int) string { return "[tool.setuptools]\npackages = [\n" + manyLines(n, "'a%d',\n") + "]\n" }},
		{"nested arrays", "pyproject.toml", 400_000, func(n int) string { return "a = " + strings.Repeat("[", n) + strings.Repeat("]", n) }},
		{"nested tables", "pyproject.toml", 200_000, func(n int) string { return "a = " + strings.Repeat("{a=", n) + "1" + strings.Repeat("}", n) }},
		{"dotted keys", "pyproject.toml", 400_000, func(n int) string { return strings.Repeat("a.", n) + "a = 1\n" }},
		{"values of setup.cfg", "setup.cfg", 200_000, func(n int) string { return "[options]\ninstall_requires =\n" + manyLines(n, "  a%d\n") }},
		{"files of setup.cfg", "setup.cfg", 20_000, func(n int) string { return "[options]\ninstall_requires =\n" + manyLines(n, "  file: a%d.txt\n") }},
		{"folders of setup.cfg", "setup.cfg", 100_000, func(n int) string { return "[options]\npackage_dir =\n" + manyLines(n, "  = a%d\n") }},
		{"what a build puts into setup.cfg", "setup.cfg", 100_000, func(n int) string { return "[options]\ninstall_requires =\n" + manyLines(n, "  %%(a%d)\n") }},
		{"setup.py", "setup.py", 200_000, func(n int) string { return "setup(install_requires=[\n" + manyLines(n, "'a%d',\n") + "])\n" }},
		{"extras of setup.py", "setup.py", 100_000, func(n int) string {
			return "setup(extras_require={\n" + manyLines(n, "'e%[1]d': ['a%[1]d'],\n") + "})\n"
		}},
		{"open quotes in setup.py", "setup.py", 400_000, func(n int) string { return "setup(install_requires=['a'" + strings.Repeat(",'", n) + "])\n" }},
		{"names in setup.py", "setup.py", 200_000, func(n int) string { return strings.Repeat("install_requires = a\n", n) }},
		{"packages of a lock file", "uv.lock", 40_000, func(n int) string { return manyLines(n, "[[package]]\nname = 'a%d'\nversion = '1'\n") }},
		{"edges of a lock file", "uv.lock", 80_000, func(n int) string {
			return "[[package]]\nname = 'a'\ndependencies = [\n" + manyLines(n, "{name = 'b%d'},\n") + "]\n"
		}},
		{"names of one package", "uv.lock", 40_000, func(n int) string { return manyLines(n, "[[package]]\nname = 'a'\ndependencies = ['b%d']\n") }},
		{"Pipfile", "Pipfile", 100_000, func(n int) string { return "[packages]\n" + manyLines(n, "a%d = '*'\n") }},
		{"Pipfile.lock", "Pipfile.lock", 100_000, func(n int) string { return `{"default": {` + manyLines(n, `"a%d": {"version": "==1"},`) + `"b": {}}}` }},
		{"nested JSON", "Pipfile.lock", 4_000_000, func(n int) string { return strings.Repeat(`[`, n) }},
		{"environment.yml", "environment.yml", 200_000, func(n int) string { return "dependencies:\n" + manyLines(n, "  - a%d\n") }},
	} {
		imagetest.Linear(t, imagetest.Growth{Name: c.name, Most: c.most, Make: func(n int) func() {
			files := fstest.MapFS{c.file: {Data: []byte(c.text(n))}}
			return func() { _, _ = ReadDeclared(files) }
		}})
	}
	imagetest.Linear(t, imagetest.Growth{Name: "one file for many extras", Most: 800, Make: func(n int) func() {
		files := fstest.MapFS{"r.txt": {Data: []byte(strings.Repeat("a\n", 1000))},
			"setup.cfg": {Data: []byte("[options.extras_require]\n" + manyLines(n, "e%d = file: r.txt\n"))}}
		return func() { _, _ = ReadDeclared(files) }
	}}, imagetest.Growth{Name: "files that include files", Most: 4000, Make: func(n int) func() {
		files := fstest.MapFS{}
		for i := range n {
			files[fmt.Sprintf("requirements%d.txt", i)] = &fstest.MapFile{Data: []byte(fmt.Sprintf("-r requirements%d.txt\n-c requirements%d.txt\n", (i+1)%n, (i+2)%n))}
		}
		return func() { _, _ = ReadDeclared(files) }
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

// TestRecordsLinear is the same for what an installation says of itself.
func TestRecordsLinear(t *testing.T) {
	ctx := context.Background()
	claims := func(most int, name string, root func(n int) imagetest.Root) imagetest.Growth {
		return imagetest.Growth{Name: name, Most: most, Make: func(n int) func() {
			r := imagetest.Solid(root(n))
			return func() { _, _ = Claims(ctx, r) }
		}}
	}
	record := func(file string) func(string) imagetest.Root {
		return func(text string) imagetest.Root {
			return imagetest.Root{site + "a-1.dist-info/METADATA": metadata("a", "1"), site + "a-1.dist-info/" + file: text}
		}
	}
	egg := func(file, text string) imagetest.Root {
		return imagetest.Root{site + "a-1.egg-info/PKG-INFO": metadata("a", "1"), site + "a-1.egg-info/" + file: text}
	}
	imagetest.Linear(t,
		claims(1_000_000, "lines of a RECORD", func(n int) imagetest.Root { return record("RECORD")(manyLines(n, "a%d.py,,\n")) }),
		claims(1_000_000, "quotes in a RECORD", func(n int) imagetest.Root { return record("RECORD")(strings.Repeat("\"", n)) }),
		claims(400_000, "climbing lines of a RECORD", func(n int) imagetest.Root { return record("RECORD")(strings.Repeat("../a.py\n", n)) }),
		claims(4_000_000, "deep names of a RECORD", func(n int) imagetest.Root { return record("RECORD")(strings.Repeat("a/", n)) }),
		claims(1_000_000, "headers of METADATA", func(n int) imagetest.Root { return record("METADATA")(manyLines(n, "Requires-Dist: a%d\n")) }),
		claims(4_000_000, "continued headers", func(n int) imagetest.Root { return record("METADATA")("Name: a" + strings.Repeat("\n b", n)) }),
		claims(100_000, "entry points", func(n int) imagetest.Root { return record("entry_points.txt")("[a]\n" + manyLines(n, "a%d = b:c\n")) }),
		claims(400_000, "extras of an entry point", func(n int) imagetest.Root {
			return record("entry_points.txt")("[a]\na = b [" + strings.Repeat("x,", n) + "]\n")
		}),
		claims(200_000, "tags", func(n int) imagetest.Root { return record("WHEEL")(strings.Repeat("Tag: a-b-c\n", n)) }),
		claims(2_000, "tags that multiply", func(n int) imagetest.Root {
			dots := strings.Repeat("a.", n) + "a"
			return record("WHEEL")("Tag: " + dots + "-" + dots + "-" + dots + "\n")
		}),
		claims(400_000, "installed-files.txt", func(n int) imagetest.Root { return egg("installed-files.txt", manyLines(n, "../a%d.py\n")) }),
		claims(100_000, "top_level.txt", func(n int) imagetest.Root { return egg("top_level.txt", manyLines(n, "a%d\n")) }),
		claims(400_000, "SOURCES.txt", func(n int) imagetest.Root { return egg("SOURCES.txt", manyLines(n, "a/a%d.py\n")) }),
		claims(20_000, "requires.txt", func(n int) imagetest.Root { return egg("requires.txt", manyLines(n, "[a%[1]d:b=='c']\nd%[1]d\n")) }),
		claims(40_000, "egg-links", func(n int) imagetest.Root {
			root := imagetest.Root{}
			for i := range n {
				root[fmt.Sprintf("%sa%d.egg-link", site, i)] = "/a\n"
			}
			return root
		}),
		claims(10_000, "distributions", func(n int) imagetest.Root {
			root := imagetest.Root{}
			for i := range n {
				root[fmt.Sprintf("%sa%d-1.dist-info/METADATA", site, i)] = "Name: a\n"
			}
			return root
		}),
		claims(20_000, "distributions of the same files", func(n int) imagetest.Root {
			root := imagetest.Root{}
			for i := range n {
				root[fmt.Sprintf("%sa/a%d.py", site, i)] = ""
			}
			for i := range 20 {
				root[fmt.Sprintf("%sb%d.egg-info/PKG-INFO", site, i)] = "Name: a\n"
				root[fmt.Sprintf("%sb%d.egg-info/top_level.txt", site, i)] = "a\n"
			}
			return root
		}),
		claims(10_000, "eggs in eggs", func(n int) imagetest.Root {
			root := imagetest.Root{}
			for i := range 100 {
				root[strings.Repeat("a.egg/", i)+"EGG-INFO/PKG-INFO"] = "Name: a\n"
			}
			for i := range n {
				root[strings.Repeat("a.egg/", 100)+fmt.Sprint(i)] = ""
			}
			return root
		}),
		claims(10_000, "interpreters", func(n int) imagetest.Root {
			root := imagetest.Root{}
			for i := range n {
				root[fmt.Sprintf("p%d/lib/python3.13/os.py", i)], root[fmt.Sprintf("p%d/lib/python3.13/site.py", i)] = "", ""
			}
			return root
		}),
		claims(20_000, "virtual environments", func(n int) imagetest.Root {
			root := imagetest.Root{}
			for i := range n {
				root[fmt.Sprintf("v%d/pyvenv.cfg", i)] = "home = /usr/bin\n"
			}
			return root
		}),
		claims(100_000, "lines of pyvenv.cfg", func(n int) imagetest.Root {
			return imagetest.Root{"v/pyvenv.cfg": strings.Repeat("home = /usr/bin\n", n)}
		}),
	)
}

// TestFinderLinear is the same for the module search path.
func TestFinderLinear(t *testing.T) {
	python := func(extra func(n int, root imagetest.Root)) func(n int) whittle.Root {
		return func(n int) whittle.Root {
			root := imagetest.Root{"usr/bin/python3.13": "", "usr/lib/python3.13/os.py": "", "usr/lib/python3.13/site.py": ""}
			extra(n, root)
			return imagetest.Solid(root)
		}
	}
	find := func(name string, most int, root func(n int) whittle.Root, modules int) imagetest.Growth {
		return imagetest.Growth{Name: name, Most: most, Make: func(n int) func() {
			r := root(n)
			return func() {
				f, err := NewFinder(r, Process{Executable: "usr/bin/python3.13", First: "app"}, []string{})
				if err != nil {
					t.Fatal(err)
				}
				for i := range modules {
					f.Top(fmt.Sprintf("m%d", i))
				}
			}
		}}
	}
	const dist = "usr/lib/python3.13/site-packages/"
	imagetest.Linear(t,
		find("folders in a .pth", 40_000, python(func(n int, root imagetest.Root) {
			root[dist+"a.pth"] = manyLines(n, "d%d\n")
			for i := range n {
				root[fmt.Sprintf("%sd%d/x", dist, i)] = ""
			}
		}), 10),
		find("folders that are not there in a .pth", 100_000, python(func(n int, root imagetest.Root) { root[dist+"a.pth"] = manyLines(n, "d%d\n") }), 10),
		find("code in a .pth", 40_000, python(func(n int, root imagetest.Root) { root[dist+"a.pth"] = manyLines(n, "import d%d\n") }), 10),
		find(".pth files", 10_000, python(func(n int, root imagetest.Root) {
			for i := range n {
				root[fmt.Sprintf("%sa%d.pth", dist, i)] = "import a\n"
			}
		}), 10),
		find("an editable finder", 40_000, python(func(n int, root imagetest.Root) {
			root[dist+"a.pth"] = strings.Repeat("import __editable___a_finder; x\n", 10)
			root[dist+"__editable___a_finder.py"] = "MAPPING: dict = {" + manyLines(n, "'a%[1]d.b': 'c%[1]d', ") + "}\n"
		}), 10),
		find("many modules over many folders", 1000, python(func(n int, root imagetest.Root) {
			root[dist+"a.pth"] = manyLines(n, "d%d\n")
			for i := range n {
				root[fmt.Sprintf("%sd%d/x", dist, i)] = ""
			}
		}), 100),
	)
	imagetest.Linear(t, imagetest.Growth{Name: "PYTHONPATH", Most: 40_000, Make: func(n int) func() {
		var env strings.Builder
		root := imagetest.Root{"usr/bin/python3.13": "", "usr/lib/python3.13/os.py": "", "usr/lib/python3.13/site.py": ""}
		for i := range n {
			root[fmt.Sprintf("d%d/x", i)] = ""
			fmt.Fprintf(&env, "/d%d:", i)
		}
		r, value := imagetest.Solid(root), env.String()
		return func() {
			if _, err := NewFinder(r, Process{Executable: "usr/bin/python3.13", Env: map[string]string{"PYTHONPATH": value}}, []string{}); err != nil {
				t.Fatal(err)
			}
		}
	}})
}

// TestTextLinear is the same for Python texts.
func TestTextLinear(t *testing.T) {
	scan := func(name string, most int, text func(n int) string) imagetest.Growth {
		return imagetest.Growth{Name: name, Most: most, Make: func(n int) func() {
			src := []byte(text(n))
			return func() { Scan(src) }
		}}
	}
	repeat := func(parts ...string) func(n int) string {
		return func(n int) string { return parts[0] + strings.Repeat(parts[1], n) + strings.Join(parts[2:], "") }
	}
	imagetest.Linear(t,
		scan("imports", 400_000, func(n int) string { return manyLines(n, "import a%d\n") }),
		scan("names of one import", 400_000, func(n int) string { return "from a import (" + manyLines(n, "a%d,") + ")\n" }),
		scan("assignments", 400_000, func(n int) string { return manyLines(n, "a%d = 1\n") }),
		scan("assignments to one name", 400_000, repeat("", "a = a\n")),
		scan("deletions", 400_000, func(n int) string { return manyLines(n, "del a%d\n") }),
		scan("functions", 200_000, func(n int) string { return manyLines(n, "def f%d(): import a\n") }),
		scan("calls", 200_000, func(n int) string { return manyLines(n, "f%d()\n") }),
		scan("__all__", 200_000, func(n int) string { return "__all__ = [" + manyLines(n, "'a%d',") + "]\n" }),
		scan("additions to __all__", 100_000, func(n int) string { return "__all__ = []\n" + manyLines(n, "__all__ += ['a%d']\n") }),
		scan("additions to sys.path", 100_000, func(n int) string { return "import sys\n" + manyLines(n, "sys.path.append('a%d')\n") }),
		scan("strings that go on", 400_000, repeat("a = ", "'a' ", "\n")),
		scan("strings that are added", 200_000, repeat("a = ", "'a' + ", "'a'\n")),
		scan("strings that double", 10_000, func(n int) string { return "a = 'ab'\n" + strings.Repeat("a = a + a\n", n) + "__import__(a)\n" }),
		scan("strings of strings", 10_000, func(n int) string { return "a0 = 'ab'\n" + chained(n, "a%d = a%d + a%[2]d\n") + "__import__(a)\n" }),
		scan("brackets", 1_000_000, repeat("a = ", "(", "\n")),
		scan("closed brackets", 400_000, func(n int) string { return "a = " + strings.Repeat("(", n) + strings.Repeat(")", n) + "\n" }),
		scan("lists in lists", 400_000, func(n int) string { return "a = " + strings.Repeat("[", n) + strings.Repeat("]", n) + "\n" }),
		scan("lambdas", 400_000, repeat("a = ", "lambda: ", "1\n")),
		scan("nots", 400_000, repeat("if ", "not ", "a: import b\n")),
		scan("conditions", 200_000, repeat("if ", "a and ", "a: import b\n")),
		scan("elifs", 200_000, repeat("if a: pass\n", "elif a: import b\n")),
		scan("tries", 100_000, repeat("", "try: import a\nexcept ImportError: import b\n")),
		scan("excepts", 100_000, repeat("try: import a\n", "except ImportError: import b\n")),
		scan("attributes", 400_000, repeat("a", ".a", "\n")),
		scan("subscripts", 400_000, repeat("a", "[0]", "\n")),
		scan("calls of calls", 400_000, repeat("a", "()", "\n")),
		scan("formatted strings", 100_000, repeat("a = f'", "{a}", "'\n")),
		scan("formatted strings in each other", 20_000, repeat("a = ", "f'{", "")),
		scan("open strings", 400_000, repeat("", "'\n")),
		scan("open long strings", 400_000, repeat("", "'''a\n")),
		scan("backslashes", 1_000_000, repeat("a = 1 ", "\\\n", "\n")),
		scan("indentation", 1_400, func(n int) string {
			var b strings.Builder
			for i := range n {
				b.WriteString(strings.Repeat(" ", i) + "if a:\n")
			}
			return b.String()
		}),
		scan("decorators", 200_000, repeat("", "@a\n", "def f(): pass\n")),
		scan("classes", 100_000, func(n int) string { return manyLines(n, "class a%d(b): c = 1\n") }),
		scan("loops over literals", 20_000, repeat("", "for x in ['a', 'b']: __import__(x)\n")),
		scan("one long loop", 100_000, func(n int) string { return "for x in [" + manyLines(n, "'a%d',") + "]: __import__(x)\n" }),
		scan("semicolons", 400_000, repeat("", "a;")),
		scan("stars", 200_000, func(n int) string { return manyLines(n, "from a%d import *\n") }),
		scan("globals", 200_000, func(n int) string { return "def f():\n" + manyLines(n, " global a%d\n") }),
		scan("walruses", 200_000, repeat("a = ", "(b := ", "1\n")),
		scan("comprehensions", 100_000, repeat("a = ", "[x for x in ", "1\n")),
		scan("getattrs", 100_000, func(n int) string { return manyLines(n, "def __getattr__(n%d): pass\n") }),
	)
}

// chained is a line for each number and the one before.
func chained(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i+1, i)
	}
	return b.String()
}
