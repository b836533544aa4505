package python

import (
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle"
)

// installed is a distribution as importlib.metadata sees it.
type installed struct {
	Name, Version, Requires, Entries string
	Files                            []string
}

// listing prints what importlib.metadata knows of one folder: the first of
// each name, and the files that are there.
const listing = `import importlib.metadata as m, json, os, re, sys
root, out = os.path.realpath(sys.argv[1]), {}
for d in m.distributions(path=[sys.argv[2]]):
    name = re.sub(r"[-_.]+", "-", d.metadata["Name"]).lower()
    if name in out or not os.path.isdir(d._path): continue
    files = [os.path.normpath(d.locate_file(f)) for f in d.files or []]
    files = {os.path.join(os.path.realpath(os.path.dirname(f)), os.path.basename(f)) for f in files if os.path.lexists(f)}
    entries = sorted({f"{e.group} {e.name} {e.value}".replace(" ", "") for e in d.entry_points})
    out[name] = dict(Name=name, Version=d.version, Requires="\n".join(r for r in d.requires or [] if r.strip()) if (d._path / "METADATA").exists() else "",
        Entries="\n".join(entries), Files=sorted(os.path.relpath(f, root) for f in files if f.startswith(root + "/")))
print(json.dumps(list(out.values())))`

func compareListing(t *testing.T, python, root, site string) (files int) {
	t.Helper()
	out, err := exec.Command(python, "-c", listing, root, site).Output()
	if err != nil {
		t.Fatal(err)
	}
	var want []installed
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatal(err)
	}
	dists, problems := Distributions(context.Background(), diskRoot(t, root))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	rel, err := filepath.Rel(root, site)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]Distribution{}
	for _, d := range dists {
		if d.Site == rel {
			got[d.Name] = d
		}
	}
	for _, w := range want {
		d := got[w.Name]
		g := installed{Name: d.Name, Version: d.Version, Requires: strings.Join(d.Metadata.RequiresDist, "\n"), Entries: entries(d), Files: w.Files}
		if w.Requires == "" {
			g.Requires = ""
		}
		if diff := cmp.Diff(w, g); diff != "" {
			t.Errorf("%s (-importlib.metadata +got):\n%s", w.Name, diff)
		}
		have := map[string]bool{}
		for _, f := range d.Files {
			have[f] = true
		}
		for _, f := range w.Files {
			if files++; !have[f] {
				t.Errorf("importlib.metadata says that %s owns %s, the reader does not", w.Name, f)
			}
		}
	}
	t.Logf("%d distributions, %d files", len(want), files)
	return files
}

func entries(d Distribution) string {
	seen := map[string]bool{}
	var out []string
	for _, e := range d.EntryPoints {
		s := e.Group + e.Name + e.Module
		if e.Attr != "" {
			s += ":" + e.Attr
		}
		if len(e.Extras) > 0 {
			s += "[" + strings.Join(e.Extras, ",") + "]"
		}
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	sort.Strings(out)
	return strings.Join(out, "\n")
}

// TestVenv compares with importlib.metadata in a new virtual environment.
func TestVenv(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 on this machine")
	}
	dir := t.TempDir()
	if out, err := exec.Command(python, "-m", "venv", dir).CombinedOutput(); err != nil {
		t.Skipf("python3 -m venv: %v: %s", err, out)
	}
	sites, err := filepath.Glob(filepath.Join(dir, "lib", "python*", "site-packages"))
	if err != nil || len(sites) != 1 {
		t.Fatalf("site-packages: %v, %v", sites, err)
	}
	if n := compareListing(t, filepath.Join(dir, "bin", "python"), dir, sites[0]); n < 100 {
		t.Errorf("only %d files were compared", n)
	}
	if v := Venvs(diskRoot(t, dir)); len(v) != 1 || v[0].Dir != "." || v[0].Home == "" || v[0].Version == "" || v[0].SystemSite {
		t.Errorf("virtual environments %+v", v)
	}
}

// TestInstalled compares with importlib.metadata on what the machine's own
// Python has.
func TestInstalled(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 on this machine")
	}
	out, err := exec.Command(python, "-c", "import sys, sysconfig; print(sys.prefix); print(sysconfig.get_path('purelib'))").Output()
	if err != nil {
		t.Fatal(err)
	}
	prefix, site, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if _, err := os.Stat(site); err != nil || !strings.HasPrefix(site, prefix+"/") {
		t.Skipf("no packages in %s", site)
	}
	compareListing(t, python, prefix, site)
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
	e := whittle.Entry{Path: p, Kind: whittle.File, Size: info.Size()}
	switch {
	case info.IsDir():
		e.Kind = whittle.Dir
	case info.Mode()&fs.ModeSymlink != 0:
		e.Kind = whittle.Symlink
		e.Link, err = os.Readlink(filepath.Join(d.dir, p))
	}
	return e, err
}

func (d disk) ReadFile(p string, _ int64) ([]byte, error) {
	return os.ReadFile(filepath.Join(d.dir, p))
}
