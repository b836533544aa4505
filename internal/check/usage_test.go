package check_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/check"
	"whittle.dev/whittle/internal/elf"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/python/source"
	"whittle.dev/whittle/internal/python/source/byname"
	"whittle.dev/whittle/internal/start"
)

const packages = "usr/local/lib/python3.13/site-packages/"

// installed is a distribution of the notation "name: requirement | requirement"
// with one module of its name and further files.
func installed(notation string, files map[string]string) map[string]string {
	name, requires, _ := strings.Cut(notation, ": ")
	module := strings.ReplaceAll(name, "-", "_")
	info := packages + module + "-1.0.dist-info/"
	metadata := "Metadata-Version: 2.1\nName: " + name + "\nVersion: 1.0\n"
	for r := range strings.SplitSeq(requires, " | ") {
		if r != "" {
			metadata += "Requires-Dist: " + r + "\n"
		}
	}
	out := map[string]string{info + "METADATA": metadata, packages + module + "/__init__.py": ""}
	record := module + "-1.0.dist-info/METADATA,,\n" + module + "-1.0.dist-info/RECORD,,\n" + module + "/__init__.py,,\n"
	for p, text := range files {
		if p == "entry_points.txt" {
			p = module + "-1.0.dist-info/" + p
		}
		out[packages+p] = text
		if p != module+"/__init__.py" {
			record += p + ",,\n"
		}
	}
	out[info+"RECORD"] = record
	return out
}

// image is an image of files whose interpreter counts as a binary.
func image(files map[string]string, p whittle.Process) *check.Image {
	root := executable{imagetest.Root(site(files))}
	dists, _ := python.Distributions(context.Background(), root)
	return &check.Image{Image: start.Image{Root: root, Config: &whittle.Config{Architecture: "amd64", OS: "linux", Config: p}, Distributions: dists,
		Sources: func(p string) (*source.Facts, bool) {
			b, err := root.ReadFile(p, 1<<20)
			if err != nil || !strings.HasSuffix(p, ".py") {
				return nil, false
			}
			return source.Scan(b), true
		},
		Binaries: func(p string) (*elf.File, bool) {
			return &elf.File{Machine: elf.MachineOf("amd64")}, p == "usr/local/bin/python3.13"
		}}}
}

var ways = map[check.Use]string{check.UnknownUse: "unknown", check.NotUsed: "not", check.PluginUse: "plugin",
	check.OptionalUse: "optional", check.LazyUse: "lazy", check.EagerUse: "eager"}

func TestUsage(t *testing.T) {
	main := func(text string) map[string]string { return map[string]string{"app/main.py": text} }
	start := whittle.Process{Cmd: []string{"/usr/local/bin/python3.13", "main.py"}, WorkingDir: "/app"}
	rooted := whittle.Process{Cmd: []string{"/usr/local/bin/python3.13", "main.py"}}
	files := func(all ...map[string]string) map[string]string {
		out := map[string]string{}
		for _, m := range all {
			maps.Copy(out, m)
		}
		return out
	}
	plain := installed("lib", nil)
	data := installed("lib", map[string]string{"lib/data.csv": "1"})
	delete(data, packages+"lib/__init__.py")
	tests := []struct {
		name    string
		files   map[string]string
		process whittle.Process
		want    string // of each distribution, by name
	}{
		{"eager", files(main("import lib\n"), plain), start, "lib eager main.py:1"},
		{"in a function", files(main("def f():\n    import lib\n"), plain), start, "lib lazy main.py:2"},
		{"guarded", files(main("try:\n    import lib\nexcept ImportError:\n    lib = None\n"), plain), start, "lib optional main.py:2"},
		{"guarded in a function", files(main("def f():\n    try:\n        import lib\n    except ImportError:\n        pass\n"), plain), start, "lib optional main.py:3"},
		{"not at all", files(main("import os\n"), plain), start, "lib not"},
		{"for type checkers", files(main("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import lib\n"), plain), start, "lib not"},
		{"by a literal name", files(main("import importlib\nimportlib.import_module('lib')\n"), plain), start, "lib eager main.py:2"},
		{"the strongest way", files(main("def f():\n    import lib\nimport lib\n"), plain), start, "lib eager main.py:3"},
		{"over another", files(main("def f():\n    import a\n"), installed("a: b", map[string]string{"a/__init__.py": "import b\n"}), installed("b", nil)), start,
			"a lazy main.py:2\nb lazy a/__init__.py:1"},
		{"a function of a library, required", files(main("import a\n"), installed("a: b", map[string]string{"a/__init__.py": "def f():\n    import b\n"}), installed("b", nil)), start,
			"a eager main.py:1\nb lazy a/__init__.py:2"},
		{"a function of a library, not required", files(main("import a\n"), installed("a: b; extra == 'x'", map[string]string{"a/__init__.py": "def f():\n    import b\n"}), installed("b: c", map[string]string{"b/__init__.py": "import c"}), installed("c", nil)), start,
			"a eager main.py:1\nb optional a/__init__.py:2\nc optional b/__init__.py:1"},
		{"a part of a library, not required", files(main("import a\n"), installed("a", map[string]string{"a/__init__.py": "def f():\n    import a.part\n", "a/part.py": "import b\n"}), installed("b", nil)), start,
			"a eager main.py:1\nb optional a/part.py:1"},
		{"a module that nothing reaches", files(main("import a\n"), installed("a", map[string]string{"a/dialect.py": "import b\n"}), installed("b", nil)), start,
			"a eager main.py:1\nb optional a/dialect.py:1"},
		{"tests of a library", files(main("import a\n"), installed("a", map[string]string{"a/tests/__init__.py": "import b\n"}), installed("b", nil)), start,
			"a eager main.py:1\nb not"},
		{"another module of the application", files(main("import os\n"), map[string]string{"app/scripts/x.py": "import lib\n"}, plain), start, "lib lazy scripts/x.py:1"},
		{"another module of an application in the root folder", files(map[string]string{"main.py": "import importlib\ndef f(n):\n    importlib.import_module('apps.{}.forms'.format(n))\n",
			"apps/a/forms.py": "import lib\n"}, installed("lib", map[string]string{"lib/__init__.py": "def f():\n    try:\n        import mail\n    except ImportError as e:\n        raise Exception('install mail') from e\n"}),
			installed("mail", nil)), rooted, "lib lazy /apps/a/forms.py:1\nmail optional lib/__init__.py:3"},
		{"the tests of an application in the root folder", files(map[string]string{"main.py": "import os\n", "tests/test_x.py": "import lib\n", "usr/share/gdb/x.py": "import lib\n"}, plain), rooted, "lib not"},
		{"the application's tests", files(main("import os\n"), map[string]string{"app/tests/test_x.py": "import lib\n"}, plain), start, "lib not"},
		{"a plug-in", files(main("import a\n"), installed("a", nil), installed("a-b", map[string]string{"entry_points.txt": "[a.plugins]\nb = a_b:f\n"})), start,
			"a eager main.py:1\na-b plugin entry point b of a"},
		{"a plug-in of what is not used", files(main("import os\n"), installed("a", nil), installed("a-b", map[string]string{"entry_points.txt": "[a.plugins]\nb = a_b:f\n"})), start,
			"a not\na-b not"},
		{"a name that only begins alike", files(main("import a\n"), installed("a", nil), installed("b", map[string]string{"entry_points.txt": "[abc]\nb = b:f\n"})), start,
			"a eager main.py:1\nb not"},
		{"a .pth file", files(main("import os\n"), installed("lib", map[string]string{"lib.pth": "import lib\n"})), start, "lib plugin lib.pth"},
		{"a driver", files(main("from sqlalchemy import create_engine\ncreate_engine('mysql+driver://h/d')\n"), installed("sqlalchemy", nil), installed("driver", nil)), start,
			"driver lazy main.py:2\nsqlalchemy eager main.py:1"},
		{"an engine", files(main("import pandas\npandas.read_excel('x')\n"), installed("pandas", nil), installed("openpyxl", nil)), start,
			"openpyxl optional pandas loads it for read_excel, which main.py has\npandas eager main.py:1"},
		{"an engine that nothing asks for", files(main("import pandas\n"), installed("pandas", map[string]string{"pandas/__init__.py": "def read_excel(x):\n    import openpyxl\n"}), installed("openpyxl: et", map[string]string{"openpyxl/__init__.py": "import et\n"}), installed("et", nil)), start,
			"et not\nopenpyxl not\npandas eager main.py:1"},
		{"an engine that the library tries when it starts, and nothing asks for", files(main("import pandas\n"), installed("pandas", map[string]string{"pandas/__init__.py": "try:\n    import openpyxl\nexcept ImportError:\n    pass\n"}), installed("openpyxl", nil)), start,
			"openpyxl not\npandas eager main.py:1"},
		{"an engine that the application tries, too", files(main("import pandas\ntry:\n    import openpyxl\nexcept ImportError:\n    pass\n"), installed("pandas", map[string]string{"pandas/__init__.py": "try:\n    import openpyxl\nexcept ImportError:\n    pass\n"}), installed("openpyxl", nil)), start,
			"openpyxl optional main.py:3\npandas eager main.py:1"},
		{"an engine that a module which nothing starts asks for", files(main("import pandas\n"), map[string]string{"app/tools/x.py": "READ = 'read_excel'\n"}, installed("pandas", nil), installed("openpyxl", nil)), start,
			"openpyxl optional pandas loads it for read_excel, which tools/x.py has\npandas eager main.py:1"},
		{"an engine that another library asks for", files(main("import pandas\n"), installed("pandas", nil), installed("etl", map[string]string{"etl/x.py": "def f(pd): return pd.read_excel('x')\n"}), installed("openpyxl", nil)), start,
			"etl not\nopenpyxl optional pandas loads it for read_excel, which etl/x.py has\npandas eager main.py:1"},
		{"an engine that only the library itself mentions", files(main("import pandas\n"), installed("pandas", map[string]string{"pandas/io.py": "def read_excel(): pass\n"}), installed("openpyxl", nil)), start,
			"openpyxl not\npandas eager main.py:1"},
		{"an engine, by a name that is made at run time", files(main("import pandas as pd\ndef f(kind): return getattr(pd, 'read_' + kind)\n"), installed("pandas", nil), installed("openpyxl", nil)), start,
			"openpyxl optional pandas may load it by name: main.py makes the names of attributes\npandas eager main.py:1"},
		{"an engine, by a name that another library makes", files(main("import pandas\n"), installed("pandas", nil), installed("etl", map[string]string{"etl/x.py": "def f(kind): return getattr(pd, kind)\n"}), installed("openpyxl", nil)), start,
			"etl not\nopenpyxl optional pandas may load it by name: etl/x.py makes the names of attributes of pd\npandas eager main.py:1"},
		{"an engine, and a part of the application is compiled", files(main("import pandas\n"), map[string]string{"app/fast.so": "x"}, installed("pandas", nil), installed("openpyxl", nil)), start,
			"openpyxl optional pandas may load it by name: a part of the application is compiled\npandas eager main.py:1"},
		{"an engine that the library requires", files(main("import pandas\n"), installed("pandas: openpyxl", map[string]string{"pandas/__init__.py": "def read_excel(x):\n    import openpyxl\n"}), installed("openpyxl", nil)), start,
			"openpyxl lazy pandas/__init__.py:2\npandas eager main.py:1"},
		{"a default driver", files(main("from sqlalchemy import create_engine\ncreate_engine('postgresql://h/d')\n"), installed("sqlalchemy", nil), installed("psycopg2-binary", nil)), start,
			"psycopg2-binary lazy main.py:2\nsqlalchemy eager main.py:1"},
		{"entry points of a group that a library looks up", files(main("import a\n"), installed("a", map[string]string{"a/__init__.py": "from importlib.metadata import entry_points\nentry_points(group='shop.pay')\n"}), installed("b", map[string]string{"entry_points.txt": "[shop.pay]\ncard = b:f\n"})), start,
			"a eager main.py:1\nb plugin entry point card of shop.pay, which a/__init__.py has"},
		{"entry points of a group that a library which is not used looks up", files(main("import os\n"), installed("a", map[string]string{"a/__init__.py": "from importlib.metadata import entry_points\nentry_points(group='shop.pay')\n"}), installed("b", map[string]string{"entry_points.txt": "[shop.pay]\ncard = b:f\n"})), start,
			"a not\nb not"},
		{"entry points of a group that only a string names", files(main("import a\n"), installed("a", map[string]string{"a/__init__.py": "NAME = 'shop.pay'\n"}), installed("b", map[string]string{"entry_points.txt": "[shop.pay]\ncard = b:f\n"})), start,
			"a eager main.py:1\nb not"},
		{"a program", files(main("import subprocess\nsubprocess.run(['tool', '-x'])\n"), installed("lib", map[string]string{"entry_points.txt": "[console_scripts]\ntool = lib:main\n"})), start, "lib lazy main.py:2"},
		{"data alone", files(main("import os\n"), data), start, "lib unknown"},
		{"time zones", files(main("import zoneinfo\n"), installed("tzdata", nil)), start, "tzdata optional python loads it by name"},
		{"the application's own is missing", files(main("from helper.gone import x\n"), map[string]string{"app/helper/__init__.py": ""}, plain), start, "lib unknown"},
		{"the start is not there", plain, whittle.Process{Cmd: []string{"/usr/local/bin/python3.13", "gone.py"}, WorkingDir: "/app"}, "lib unknown"},
		{"another distribution is missing", files(main("import nobody\n"), plain), start, "lib not"},
		{"nothing could be followed", plain, whittle.Process{Cmd: []string{"/bin/gone"}}, "lib unknown"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			img := image(tt.files, tt.process)
			used, err := check.Usage(context.Background(), img)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for i, u := range used {
				got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %s", img.Distributions[i].Name, ways[u.Use], u.By)))
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, "\n")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestUsageExtras: what the project asks for by name is more than a feature of
// the library that loads it, and says which list asks.
func TestUsageExtras(t *testing.T) {
	files := map[string]string{"app/main.py": "import pandas\nread = pandas.read_excel\n"}
	maps.Copy(files, installed("pandas", nil))
	maps.Copy(files, installed("openpyxl", nil))
	img := image(files, whittle.Process{Cmd: []string{"/usr/local/bin/python3.13", "main.py"}, WorkingDir: "/app"})
	wants := func(name, extra string, kind manifest.DependencyKind) manifest.Dependency {
		return manifest.Dependency{Requirement: pep.Requirement{Name: name}, Kind: kind, Extra: extra}
	}
	img.Project = &manifest.Declared{Dependencies: []manifest.Dependency{wants("pandas", "", manifest.Runtime), wants("OpenPyXL", "excel", manifest.Optional),
		wants("openpyxl", "all", manifest.Optional), wants("openpyxl", "", manifest.Development)}}
	used, err := check.Usage(context.Background(), img)
	if err != nil {
		t.Fatal(err)
	}
	want := []check.Used{{Use: check.LazyUse, By: "pandas loads it for read_excel, which main.py has", Extras: []string{"excel", "all"}},
		{Use: check.EagerUse, By: "main.py:1", Extras: []string{""}}}
	if diff := cmp.Diff(want, used); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := check.Usage(ctx, img); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that is done: %v", err)
	}
}

// TestLoadedByName: for each row of the table, a distribution whose library is used
// and asked for it is never called unused; one whose library is not used is, and so is
// one whose library is not asked, if the row has words.
func TestLoadedByName(t *testing.T) {
	process := whittle.Process{Cmd: []string{"/usr/local/bin/python3.13", "main.py"}, WorkingDir: "/app"}
	use := func(t *testing.T, r *byname.Row, text string) check.Used {
		files := map[string]string{"app/main.py": text, packages + "other/__init__.py": ""}
		if r.Host != "python" {
			maps.Copy(files, installed(r.Host, nil))
		}
		maps.Copy(files, installed(r.Name, nil))
		img := image(files, process)
		used, err := check.Usage(t.Context(), img)
		if err != nil {
			t.Fatal(err)
		}
		for i := range used {
			if img.Distributions[i].Name == r.Name {
				return used[i]
			}
		}
		t.Fatalf("%s is not installed", r.Name)
		return check.Used{}
	}
	decided := map[string]bool{}
	for r := range byname.Rows() {
		decided[r.Host+" "+r.Name] = decided[r.Host+" "+r.Name] || len(r.Words) == 0
	}
	for r := range byname.Rows() {
		host := "import " + strings.ReplaceAll(r.Host, "-", "_") + "\n"
		if r.Host == "python" {
			host = ""
		}
		asks := []string{host}
		for _, w := range r.Words {
			if strings.HasSuffix(w, "://") {
				w = "'" + w + "h'"
			}
			asks = append(asks, host+"x = lambda a: a."+w+"\n", host+"x = {'k': \"a."+strings.Trim(w, "'")+"\"}\n")
		}
		if len(r.Words) > 0 {
			if got := use(t, &r, host); !decided[r.Host+" "+r.Name] && got.Use != check.NotUsed {
				t.Errorf("%s does not ask %s for %s, which is %s: %s", host, r.Host, r.Name, ways[got.Use], got.By)
			}
			asks = asks[1:]
		}
		for _, text := range asks {
			if got := use(t, &r, text); got.Use <= check.NotUsed {
				t.Errorf("%s has %q, and %s is %s", r.Host, text, r.Name, ways[got.Use])
			}
		}
		if r.Host != "python" && !decided["python "+r.Name] {
			if got := use(t, &r, strings.ReplaceAll(strings.Join(asks, ""), host, "")); got.Use != check.NotUsed {
				t.Errorf("%s is not used, and %s is %s: %s", r.Host, r.Name, ways[got.Use], got.By)
			}
		}
	}
}
