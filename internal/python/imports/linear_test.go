package imports

import (
	"fmt"
	"strings"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/python/source"
)

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
			root[dist+"a.pth"] = imagetest.Lines(n, "d%d\n")
			for i := range n {
				root[fmt.Sprintf("%sd%d/x", dist, i)] = ""
			}
		}), 10),
		find("folders that are not there in a .pth", 100_000, python(func(n int, root imagetest.Root) { root[dist+"a.pth"] = imagetest.Lines(n, "d%d\n") }), 10),
		find("code in a .pth", 40_000, python(func(n int, root imagetest.Root) { root[dist+"a.pth"] = imagetest.Lines(n, "import d%d\n") }), 10),
		find(".pth files", 10_000, python(func(n int, root imagetest.Root) {
			for i := range n {
				root[fmt.Sprintf("%sa%d.pth", dist, i)] = "import a\n"
			}
		}), 10),
		find("an editable finder", 40_000, python(func(n int, root imagetest.Root) {
			root[dist+"a.pth"] = strings.Repeat("import __editable___a_finder; x\n", 10)
			root[dist+"__editable___a_finder.py"] = "MAPPING: dict = {" + imagetest.Lines(n, "'a%[1]d.b': 'c%[1]d', ") + "}\n"
		}), 10),
		find("many modules over many folders", 1000, python(func(n int, root imagetest.Root) {
			root[dist+"a.pth"] = imagetest.Lines(n, "d%d\n")
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

// TestStarsLinear: a name that stars lead to on many ways is looked for once in
// each module.
func TestStarsLinear(t *testing.T) {
	imagetest.Linear(t, imagetest.Growth{Name: "stars", Most: 160, Make: func(n int) func() {
		root := imagetest.Root{"usr/bin/python3.13": "", "usr/lib/python3.13/os.py": "", "usr/lib/python3.13/site.py": ""}
		for i := range n {
			root[fmt.Sprintf("app/m%d.py", i)] = fmt.Sprintf("from m%d import *\nfrom m%d import *\nfrom m%d import *\n", i+1, i+2, i+3)
		}
		for i := range 3 {
			root[fmt.Sprintf("app/m%d.py", n+i)] = "import n\ndef __getattr__(n): return eval(n)\n"
		}
		root["app/n.py"], root["app/main.py"] = "", "from m0 import nosuch\nfrom m1 import nosuch2\n"
		r := imagetest.Solid(root)
		return func() {
			f, err := NewFinder(r, Process{Executable: "usr/bin/python3.13", First: "/app"}, []string{})
			if err != nil {
				t.Fatal(err)
			}
			im := &Importer{Finder: f, Runtime: source.Runtime{Version: [3]int{3, 13, 0}, Platform: "linux", OSName: "posix"}}
			im.Sources = func(p string) (*source.Facts, bool) {
				b, err := r.ReadFile(p, 1<<20)
				return source.Scan(b), err == nil
			}
			im.Begin()
			im.RunModule("main")
		}
	}})
}

// FuzzFinder: whatever .pth files, finders of editable installs and
// environments say, the path's folders and the modules' files are in the root.
func FuzzFinder(f *testing.F) {
	f.Add("lib\n/abs\nimport __editable___a_finder; x()\n# c\nimport os\n", "MAPPING: dict[str, str] = {'a': '/app/a', 'b.c': '/app/c.py'}\nNAMESPACES: dict = {'ns': ['/app/ns']}\n", "home = /usr/bin\ninclude-system-site-packages = true\n", "a")
	f.Add("../..\n\ufeff\nimport _distutils_hack\n", "MAPPING = {}", "home=../..\n", "distutils")
	f.Fuzz(func(t *testing.T, pth, finder, cfg, name string) {
		const venvSite = "v/lib/python3.13/site-packages/"
		root := imagetest.Root{"usr/bin/python3.13": "", "usr/lib/python3.13/os.py": "", "usr/lib/python3.13/site.py": "", "v/bin/python": "-> ../../usr/bin/python3.13",
			"v/pyvenv.cfg": cfg, venvSite + "a.pth": pth, venvSite + "__editable___a_finder.py": finder, venvSite + "lib/m.py": "", "app/a/__init__.py": "", "app/c.py": "", "abs/x": "",
			"usr/lib/python3.13/site-packages/a.pth": pth, "usr/lib/python3.13/site-packages/__editable___a_finder.py": finder}
		for _, program := range []string{"v/bin/python", "usr/bin/python3.13"} {
			fd, err := NewFinder(root, Process{Executable: program, First: "/app", Env: map[string]string{"PYTHONPATH": pth}}, []string{"sys"})
			if err != nil {
				continue
			}
			for _, dir := range fd.Path {
				if e, err := root.Lstat(dir); dir != "" && (err != nil || e.Kind == whittle.File) {
					t.Errorf("%q is on the path: %+v, %v", dir, e, err)
				}
			}
			for _, name := range []string{name, "a", "b", "ns", "m"} {
				m := fd.Top(name)
				if m.File != "" {
					if _, ok := root[m.File]; !ok {
						t.Errorf("%s is in %q, which is not there", name, m.File)
					}
				}
				fd.Sub(m, "c")
			}
		}
	})
}
