package python

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"whittle.dev/whittle/internal/imagetest"

	"github.com/google/go-cmp/cmp"
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
	dists, problems := Distributions(context.Background(), imagetest.ReadFolder(t, root))
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
	python := imagetest.Python(t)
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
	if v := Venvs(imagetest.ReadFolder(t, dir)); len(v) != 1 || v[0].Dir != "." || v[0].Home == "" || v[0].Version == "" || v[0].SystemSite {
		t.Errorf("virtual environments %+v", v)
	}
}

// TestInstalled compares with importlib.metadata on what the machine's own
// Python has.
func TestInstalled(t *testing.T) {
	python := imagetest.Python(t)
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
