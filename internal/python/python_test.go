package python

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle"
	"whittle/internal/imagetest"
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
		}, map[string]string{
			"a 1": site + "a-1.dist-info/METADATA " + site + "a-1.dist-info/top_level.txt " + site + "amod/x.py",
			"b 2": site + "b-2.dist-info/METADATA " + site + "b.py"}},
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

func TestEditable(t *testing.T) {
	root := imagetest.Root{site + "a-1.dist-info/METADATA": metadata("a", "1"), site + "a-1.dist-info/RECORD": "__editable__.a-1.pth,,\n",
		site + "a-1.dist-info/direct_url.json": `{"url":"file:///src","dir_info":{"editable":true}}`, site + "__editable__.a-1.pth": "/src\n"}
	dists, problems := Distributions(context.Background(), root)
	if len(problems) > 0 || len(dists) != 1 || !dists[0].Editable {
		t.Errorf("distributions %+v (%v), want an editable one", dists, problems)
	}
}

func TestNormalize(t *testing.T) {
	for name, want := range map[string]string{"Friendly-Bard": "friendly-bard", "FRIENDLY._.bard": "friendly-bard", "a__b": "a-b", "x": "x", "": ""} {
		if got := Normalize(name); got != want {
			t.Errorf("Normalize(%q) = %q, want %q", name, got, want)
		}
	}
}

// TestVenv compares with importlib.metadata in a real virtual environment.
func TestVenv(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 on this machine")
	}
	dir := t.TempDir()
	if out, err := exec.Command(python, "-m", "venv", dir).CombinedOutput(); err != nil {
		t.Skipf("python3 -m venv: %v: %s", err, out)
	}
	script := `import importlib.metadata as m, os
for d in m.distributions():
    for f in d.files or []:
        p = os.path.realpath(d.locate_file(f))
        if os.path.exists(p): print(d.metadata["Name"], d.version, os.path.relpath(p, os.path.realpath(os.sys.prefix)))`
	out, err := exec.Command(filepath.Join(dir, "bin", "python"), "-c", script).Output()
	if err != nil {
		t.Fatal(err)
	}
	dists, problems := Distributions(context.Background(), diskRoot(t, dir))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	got := map[string]bool{}
	for _, d := range dists {
		for _, f := range d.Files {
			got[fmt.Sprintf("%s %s %s", d.Name, d.Version, f)] = true
		}
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	for _, line := range lines {
		name, rest, _ := strings.Cut(line, " ")
		if !got[Normalize(name)+" "+rest] {
			t.Errorf("importlib.metadata has %q, the reader does not", line)
		}
	}
	if len(lines) < 100 {
		t.Errorf("only %d files were compared", len(lines))
	}
}

// disk is a folder as a root.
type disk struct {
	dir   string
	paths []string
}

func diskRoot(t *testing.T, dir string) disk {
	d := disk{dir: dir}
	err := filepath.WalkDir(dir, func(p string, _ fs.DirEntry, err error) error {
		if rel, _ := filepath.Rel(dir, p); rel != "." {
			d.paths = append(d.paths, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	sort.Slice(d.paths, func(i, j int) bool { return comparePaths(d.paths[i], d.paths[j]) < 0 })
	return d
}

func (d disk) Paths() []string { return d.paths }

func (d disk) Lstat(p string) (whittle.Entry, error) {
	info, err := os.Lstat(filepath.Join(d.dir, p))
	if err != nil {
		return whittle.Entry{}, err
	}
	k := whittle.File
	if info.IsDir() {
		k = whittle.Dir
	}
	return whittle.Entry{Path: p, Kind: k, Size: info.Size()}, nil
}

func (d disk) ReadFile(p string, _ int64) ([]byte, error) {
	return os.ReadFile(filepath.Join(d.dir, p))
}

func TestLimits(t *testing.T) {
	root := imagetest.Root{site + "a-1.dist-info/METADATA": strings.Repeat("x", maxMetadata+1), site + "b-1.dist-info/METADATA": metadata("b", "1"), site + "b.py": ""}
	dists, problems := Distributions(context.Background(), root)
	if len(dists) != 2 || len(problems) != 1 || !errors.Is(problems[0], whittle.ErrLimit) || !strings.Contains(problems[0].Error(), "a-1.dist-info/METADATA") {
		t.Errorf("%d distributions, problems %v; want both and one limit that names the file", len(dists), problems)
	}
}

func FuzzRecord(f *testing.F) {
	f.Add("a.py,sha256=x,1\n../../../bin/a,,\n", metadata("a", "1"), "a\n")
	f.Add("\"a\n", "Name", "../..")
	f.Fuzz(func(t *testing.T, record, meta, top string) {
		root := imagetest.Root{site + "a-1.dist-info/RECORD": record, site + "a-1.dist-info/METADATA": meta, site + "b-1.egg-info/PKG-INFO": meta,
			site + "b-1.egg-info/top_level.txt": top, site + "b-1.egg-info/installed-files.txt": record, site + "a.py": "", "usr/local/bin/a": ""}
		claims, _ := Claims(context.Background(), root)
		for _, c := range claims {
			for _, p := range c.Paths {
				if _, ok := root[p]; !ok {
					t.Errorf("%s claims %q, which is not there", c.Owner, p)
				}
			}
		}
	})
}
