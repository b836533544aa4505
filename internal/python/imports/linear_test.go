package imports

import (
	"fmt"
	"strings"
	"testing"

	"whittle"
	"whittle/internal/imagetest"
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
