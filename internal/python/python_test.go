package python

import (
	"context"
	"errors"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/pep"
)

const site = "usr/local/lib/python3.13/site-packages/"

func metadata(name, version string) string {
	return "Metadata-Version: 2.1\nName: " + name + "\nVersion: " + version + "\nRequires-Dist: click>=8\n\nName: not this\n"
}

func TestClaims(t *testing.T) {
	for _, tc := range []struct {
		name string
		root imagetest.Root
		want map[string]string
	}{
		{"nothing", imagetest.Root{"etc/passwd": ""}, map[string]string{}},
		{"RECORD with scripts, bytecode and paths that leave the root", imagetest.Root{
			site + "My_Pkg-1.0.dist-info/METADATA": metadata("My.Pkg", "1.0"),
			site + "My_Pkg-1.0.dist-info/RECORD": "mypkg/__init__.py,sha256=x,1\nmypkg/gone.py,,\n../../../bin/mypkg,,\n\"mypkg/a,b.txt\",,\n" +
				"../../../../../../../../etc/shadow,,\n/etc/abs.conf,,\nMy_Pkg-1.0.dist-info/RECORD,,\nMy_Pkg-1.0.dist-info/METADATA,,\n",
			site + "mypkg/__init__.py": "", site + "mypkg/a,b.txt": "", "usr/local/bin/mypkg": "", "etc/shadow": "", "etc/abs.conf": "",
			site + "mypkg/__pycache__/__init__.cpython-313.pyc": "", site + "mypkg/__pycache__/__init__.cpython-313.opt-1.pyc": "", site + "mypkg/other.py": "",
		}, map[string]string{"my-pkg 1.0": "etc/abs.conf usr/local/bin/mypkg " + site + "My_Pkg-1.0.dist-info/METADATA " + site + "My_Pkg-1.0.dist-info/RECORD " +
			site + "mypkg/__init__.py " + site + "mypkg/__pycache__/__init__.cpython-313.opt-1.pyc " + site + "mypkg/__pycache__/__init__.cpython-313.pyc " + site + "mypkg/a,b.txt"}},
		{"no RECORD: top_level.txt, then the name", imagetest.Root{
			site + "a-1.dist-info/METADATA": metadata("a", "1"), site + "a-1.dist-info/top_level.txt": "amod\n", site + "amod/x.py": "",
			site + "b-2.dist-info/METADATA": metadata("b", "2"), site + "b.py": "",
			site + "c-3.egg-info/PKG-INFO": metadata("c", "3"), site + "c-3.egg-info/SOURCES.txt": "setup.py\nother/x.py\nother/gone.py\n../../etc/passwd\n", site + "other/x.py": "", site + "setup.py": "",
		}, map[string]string{
			"a 1": site + "a-1.dist-info/METADATA " + site + "a-1.dist-info/top_level.txt " + site + "amod/x.py",
			"b 2": site + "b-2.dist-info/METADATA " + site + "b.py",
			"c 3": site + "c-3.egg-info/PKG-INFO " + site + "c-3.egg-info/SOURCES.txt " + site + "other/x.py"}},
		{"egg-info: installed-files.txt, a file, an egg", imagetest.Root{
			"venv/lib/python3.9/site-packages/c-3.egg-info/PKG-INFO": metadata("c", "3"), "venv/lib/python3.9/site-packages/c-3.egg-info/installed-files.txt": "../c/m.py\nPKG-INFO\n",
			"venv/lib/python3.9/site-packages/c/m.py": "",
			"opt/t/d-4.egg-info":                      metadata("d", "4"), "opt/t/d.py": "",
			"opt/e-5-py3.9.egg/EGG-INFO/PKG-INFO": metadata("e", "5"), "opt/e-5-py3.9.egg/e.py": "",
		}, map[string]string{
			"c 3": "venv/lib/python3.9/site-packages/c-3.egg-info/PKG-INFO venv/lib/python3.9/site-packages/c-3.egg-info/installed-files.txt venv/lib/python3.9/site-packages/c/m.py",
			"d 4": "opt/t/d-4.egg-info opt/t/d.py",
			"e 5": "opt/e-5-py3.9.egg/EGG-INFO/PKG-INFO opt/e-5-py3.9.egg/e.py"}},
		{"interpreters", imagetest.Root{
			"usr/local/lib/python3.13/os.py": "", "usr/local/lib/python3.13/site.py": "", "usr/local/lib/python3.13/json/__init__.py": "",
			"usr/local/lib/python3.13/site-packages/x.py": "", "usr/local/bin/python3.13": "", "usr/local/bin/python3": "-> python3.13", "usr/local/bin/other": "",
			"usr/local/lib/libpython3.13.so.1.0": "", "usr/local/include/python3.13/patchlevel.h": "#define PY_VERSION             \"3.13.5\"\n",
			"app/lib/python3.13/os.py": "",
		}, map[string]string{"cpython 3.13.5": "usr/local/bin/python3 usr/local/bin/python3.13 usr/local/include/python3.13/patchlevel.h " +
			"usr/local/lib/libpython3.13.so.1.0 usr/local/lib/python3.13/json/__init__.py usr/local/lib/python3.13/os.py usr/local/lib/python3.13/site.py"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			claims, problems := Claims(context.Background(), tc.root)
			if len(problems) > 0 {
				t.Error(problems)
			}
			got := map[string]string{}
			for _, c := range claims {
				sort.Strings(c.Paths)
				got[c.Owner.String()] = strings.Join(c.Paths, " ")
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("claims (-want +got):\n%s", diff)
			}
			for p := range tc.root {
				base := filepath.Base(p)
				if (base == "METADATA" || base == "RECORD" || base == "PKG-INFO" || base == "patchlevel.h") && !Database(p) {
					t.Errorf("%s is read and not kept", p)
				}
			}
		})
	}
}

// TestDistributions: what a distribution says of itself, field by field.
func TestDistributions(t *testing.T) {
	root := imagetest.Root{
		// installed with pip install -e
		site + "app-1.dist-info/METADATA": metadata("app", "1"), site + "app-1.dist-info/RECORD": "__editable__.app-1.pth,,\n",
		site + "app-1.dist-info/direct_url.json": `{"url":"file:///src/app","dir_info":{"editable":true}}`, site + "__editable__.app-1.pth": "/src/app\n",
		// installed with setup.py develop, and a tree in which somebody built
		site + "dev.egg-link": "/src/dev\n../\n", "src/dev/dev.egg-info/PKG-INFO": metadata("dev", "2"), "src/dev/setup.py": "", "src/dev/dev.py": "",
		"work/src/built.egg-info/PKG-INFO": metadata("built", "3"), "work/pyproject.toml": "", "work/src/built/x.py": "",
		"work/src/built.egg-info/requires.txt": "a>=1\n\n[fast:python_version<'3.9']\nb\nc;os_name=='nt'\n[:sys_platform=='linux']\nd\n",
		// one that brings another along, scripts, a wheel's tags
		site + "big-4.dist-info/METADATA": metadata("big", "4"), site + "big-4.dist-info/RECORD": "big/_vendor/tiny-5.dist-info/METADATA,,\nbig/gone.py,,\n/bin/big,,\n",
		site + "big/_vendor/tiny-5.dist-info/METADATA": metadata("tiny", "5"), site + "big/_vendor/tiny.py": "",
		site + "big/__pycache__/gone.cpython-313.pyc": "", site + "big/gone.pyc": "", "bin": "-> usr/bin", "usr/bin/big": "",
		site + "big-4.dist-info/INSTALLER": "uv\n", site + "big-4.dist-info/WHEEL": "Wheel-Version: 1.0\nTag: py2.py3-none-any\n",
		site + "big-4.dist-info/entry_points.txt": "[console_scripts]\nbig = big.cli:main [Fast]\n# no\nbroken\n[plugins]\nx=big\n",
		site + "old-6-py3.9.egg":                  "PK",
	}
	dists, problems := Distributions(context.Background(), root)
	if len(problems) > 0 {
		t.Error(problems)
	}
	m := func(name, version string) Metadata {
		return Metadata{Name: name, Version: version, RequiresDist: []string{"click>=8"}}
	}
	lib := strings.TrimSuffix(site, "/")
	want := []Distribution{
		{Name: "app", Version: "1", Site: lib, Record: site + "app-1.dist-info", Local: true, Editable: true, Source: "src/app", Metadata: m("app", "1"),
			Files: []string{site + "__editable__.app-1.pth"}},
		{Name: "big", Version: "4", Site: lib, Record: site + "big-4.dist-info", Installer: "uv", Metadata: m("big", "4"),
			Tags: []pep.Tag{{Interpreter: "py2", ABI: "none", Platform: "any"}, {Interpreter: "py3", ABI: "none", Platform: "any"}},
			EntryPoints: []EntryPoint{{Group: "console_scripts", Name: "big", Module: "big.cli", Attr: "main", Extras: []string{"fast"}},
				{Group: "plugins", Name: "x", Module: "big"}},
			Files: []string{"usr/bin/big", site + "big/__pycache__/gone.cpython-313.pyc", site + "big/_vendor/tiny-5.dist-info/METADATA", site + "big/gone.pyc"}},
		{Name: "built", Version: "3", Site: "work/src", Record: "work/src/built.egg-info", Metadata: m("built", "3")},
		{Name: "dev", Version: "2", Site: "src/dev", Record: "src/dev/dev.egg-info", Editable: true, Source: "src/dev", Metadata: m("dev", "2")},
		{Name: "old", Version: "6", Site: lib, Record: site + "old-6-py3.9.egg", Files: []string{site + "old-6-py3.9.egg"}},
		{Name: "tiny", Version: "5", Site: site + "big/_vendor", Record: site + "big/_vendor/tiny-5.dist-info", VendoredBy: site + "big-4.dist-info",
			Metadata: m("tiny", "5"), Files: []string{site + "big/_vendor/tiny-5.dist-info/METADATA", site + "big/_vendor/tiny.py"}},
	}
	sort.Slice(dists, func(i, j int) bool { return dists[i].Name < dists[j].Name })
	if diff := cmp.Diff(want, dists, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("distributions (-want +got):\n%s", diff)
	}
	for p := range root {
		switch filepath.Ext(p) {
		case ".py", ".pyc", ".toml", ".egg", "":
			continue
		}
		if !Database(p) {
			t.Errorf("%s is read and not kept", p)
		}
	}
}

func TestRequires(t *testing.T) {
	got := parseRequires([]byte("a>=1\n\n[fast_Er:python_version<'3.9']\nb\nc;os_name=='nt'\n[:sys_platform=='linux']\nd\n[plain]\ne\n# f\n"))
	want := []string{"a>=1", `b ; (python_version<'3.9') and extra == "fast-er"`, `c ; (os_name=='nt') and (python_version<'3.9') and extra == "fast-er"`,
		"d ; (sys_platform=='linux')", `e ; extra == "plain"`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requirements (-want +got):\n%s", diff)
	}
	for _, r := range got {
		if _, err := pep.ParseRequirement(r); err != nil {
			t.Error(err)
		}
	}
}

func TestInterpreters(t *testing.T) {
	root := imagetest.Root{
		"usr/lib64/python3.13/os.py": "", "usr/lib64/python3.13/site.py": "", "usr/lib/python3.13/site-packages/README.txt": "", "usr/bin/python3.13": "",
		"opt/t/lib/python3.14t/os.py": "", "opt/t/lib/python3.14t/site.py": "", "opt/t/bin/python3.14t": "", "opt/t/include/python3.14t/patchlevel.h": "#define PY_VERSION \"3.14.0rc1+\"\n",
		"opt/pypy/lib/pypy3.11/os.py": "", "opt/pypy/lib/pypy3.11/site.py": "", "opt/pypy/bin/pypy3": "", "opt/pypy/bin/libpypy3.11-c.so": "",
		"app/.venv/pyvenv.cfg": "home = /usr/bin\nimplementation = CPython\nversion_info = 3.13.5\ninclude-system-site-packages = true\n",
		"app/.venv/bin/python": "-> /usr/bin/python3.13", "app/.venv/bin/activate.fish": "", "app/.venv/bin/pip": "", "app/.venv/lib64": "-> lib",
	}
	want := []Interpreter{
		{Prefix: "opt/pypy", Lib: "opt/pypy/lib/pypy3.11", Series: "3.11", Version: "3.11", Implementation: "pypy"},
		{Prefix: "opt/t", Lib: "opt/t/lib/python3.14t", Series: "3.14", Version: "3.14.0rc1+", Implementation: "cpython", Threaded: true},
		{Prefix: "usr", Lib: "usr/lib64/python3.13", Series: "3.13", Version: "3.13", Implementation: "cpython"},
	}
	if diff := cmp.Diff(want, Interpreters(root)); diff != "" {
		t.Errorf("interpreters (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Venv{{Dir: "app/.venv", Home: "usr/bin", Version: "3.13.5", SystemSite: true}}, Venvs(root)); diff != "" {
		t.Errorf("virtual environments (-want +got):\n%s", diff)
	}
	claims, _ := Claims(context.Background(), root)
	got := map[string]string{}
	for _, c := range claims {
		got[c.Owner.String()] = strings.Join(c.Paths, " ")
	}
	if diff := cmp.Diff(map[string]string{
		"cpython 3.13":       "usr/lib64/python3.13/os.py usr/lib64/python3.13/site.py usr/lib/python3.13/site-packages/README.txt usr/bin/python3.13",
		"cpython 3.14.0rc1+": "opt/t/lib/python3.14t/os.py opt/t/lib/python3.14t/site.py opt/t/include/python3.14t/patchlevel.h opt/t/bin/python3.14t",
		"pypy 3.11":          "opt/pypy/lib/pypy3.11/os.py opt/pypy/lib/pypy3.11/site.py opt/pypy/bin/pypy3 opt/pypy/bin/libpypy3.11-c.so",
		"venv 3.13.5":        "app/.venv/pyvenv.cfg app/.venv/bin/activate.fish app/.venv/bin/python app/.venv/lib64",
	}, got); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	env := want[2].Environment("x86_64")
	if env.PythonFullVersion != "3.13.0" || env.PlatformMachine != "x86_64" || env.ImplementationName != "cpython" {
		t.Errorf("environment %+v", env)
	}
}

func TestParts(t *testing.T) {
	d := Distribution{Site: "s", Record: "s/a-1.dist-info"}
	for p, want := range map[string]Part{
		"s/a/x.py": Modules, "s/a/x.pyi": Modules, "s/a/py.typed": Data, "s/a/data.csv": Data, "s/a/__pycache__/x.cpython-313.pyc": Bytecode,
		"s/a/_x.cpython-313-x86_64-linux-gnu.so": Extensions, "s/a/_x.abi3.so": Extensions, "s/_plain.so": Extensions, "s/a/libarrow_python.cpython-313-x86_64-linux-gnu.so": Extensions,
		"s/a.libs/libgomp-a34b3233.so.1.0.0": Libraries, "s/a/libarrow.so.2100": Libraries, "s/a/lib/libtorch.so": Libraries, "s/a.libs/x.so": Libraries, "s/a/.dylibs/x.dylib": Libraries,
		"s/a/tests/test_x.py": Tests, "s/a/test/data.bin": Tests, "s/a/testing/x.py": Modules, "s/tests/x.py": Tests, "s/a/contest/x.py": Modules,
		"s/a/tests/__pycache__/x.pyc": Bytecode, "s/a/include/a.h": Static, "s/a/liba.a": Static, "s/a/x.pxd": Static,
		"s/a-1.dist-info/RECORD": RecordFiles, "s/a-1.dist-info/licenses/LICENSE": RecordFiles, "s/a/_vendor/b-2.dist-info/METADATA": RecordFiles,
		"bin/a": Scripts, "bin/a.py": Scripts, "s/a/bin/tool": Data, "share/man/a.1": Data,
	} {
		if got := d.PartOf(p); got != want {
			t.Errorf("%s is %s, want %s", p, got, want)
		}
	}
	d.Record, d.Site = "tests/lib/s/a.egg-info", "tests/lib/s"
	if got := d.PartOf("tests/lib/s/a.py"); got != Modules {
		t.Errorf("a module in a site folder below tests is %s", got)
	}
}

func TestImportNames(t *testing.T) {
	d := Distribution{Site: "s", Files: []string{"bin/x", "s/PIL/__init__.py", "s/PIL/_imaging.abi3.so", "s/Pillow-1.dist-info/RECORD", "s/_cffi.cpython-313-x86_64-linux-gnu.so",
		"s/__pycache__/six.cpython-313.pyc", "s/google/protobuf/x.py", "s/pillow.libs/libz.so.1", "s/six.py", "s/data/x.txt"}}
	if diff := cmp.Diff([]string{"PIL", "_cffi", "google", "six"}, d.ImportNames()); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

// TestLimits: a file over its limit costs what it says, and is named.
func TestLimits(t *testing.T) {
	root := imagetest.Root{site + "a-1.dist-info/METADATA": strings.Repeat("x", maxMetadata+1), site + "b-1.dist-info/METADATA": metadata("b", "1"), site + "b.py": ""}
	dists, problems := Distributions(context.Background(), root)
	if len(dists) != 2 || len(problems) != 1 || !errors.Is(problems[0], whittle.ErrLimit) || !strings.Contains(problems[0].Error(), "a-1.dist-info/METADATA") {
		t.Errorf("%d distributions, problems %v; want both and one limit that names the file", len(dists), problems)
	}
}
