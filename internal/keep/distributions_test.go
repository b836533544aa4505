package keep_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/keep"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/python/source"
)

// site is where the distributions of the test are.
const site = "venv/lib/python3.13/site-packages"

// distribution has a package of its name, files and a RECORD.
func distribution(name string, requires []string, files ...string) python.Distribution {
	d := python.Distribution{Name: name, Version: "1", Site: site, Record: site + "/" + name + "-1.dist-info", Metadata: python.Metadata{RequiresDist: requires}}
	for _, f := range append(files, name+"/__init__.py", name+"-1.dist-info/RECORD") {
		d.Files = append(d.Files, site+"/"+f)
	}
	return d
}

// TestDistributions: what files show of need, and what keeps one from being removed whole.
func TestDistributions(t *testing.T) {
	vendored := distribution("inner", nil)
	vendored.VendoredBy = site + "/plain-1.dist-info"
	unlisted := distribution("unlisted", nil)
	unlisted.Files = unlisted.Files[:1]
	dists := []python.Distribution{
		distribution("used", nil), distribution("plain", []string{"required"}), distribution("required", nil), distribution("importer", nil), distribution("imported", nil),
		distribution("native", nil, "native/core.so"), distribution("library", nil, "library/lib.so"), distribution("loaded", nil, "loaded/lib.so"),
		distribution("linked", nil), distribution("crowded", nil), distribution("twice", nil), distribution("twice", nil, "twice/more.py"), vendored, unlisted, distribution("certifi", nil),
	}
	root := imagetest.Root{}
	for _, d := range dists {
		for _, f := range d.Files {
			root[f] = "x"
		}
	}
	root[site+"/crowded/cache.bin"], root["opt/tool"] = "x", "x"
	names := func(p string) ([]string, int64) {
		if p == site+"/linked/__init__.py" {
			return []string{p, "opt/copy.py"}, 10
		}
		return []string{p}, 10
	}
	libraries := map[string][]string{site + "/native/core.so": {site + "/library/lib.so"}, "opt/tool": {site + "/loaded/lib.so"}}
	d := keep.Read(keep.Facts{Root: root, Graph: python.NewGraph(dists, pep.Environment{}, nil), File: names,
		Used: func(i int) string { return map[string]string{"used": "it is imported"}[dists[i].Name] },
		Source: func(p string) (*source.Facts, bool) {
			if p == site+"/importer/__init__.py" {
				return source.Scan([]byte("def f():\n    import imported.part\n")), true
			}
			return &source.Facts{}, true
		},
		Loaded: func(p string) []string { return libraries[p] },
		Stays:  func(string) string { return "" }})
	want := map[string]string{"used": "it is imported", "loaded": "/opt/tool loads a library of it", "linked": "/opt/copy.py is the same file as", "crowded": "no list has /" + site + "/crowded/cache.bin",
		"twice": "it is installed in several places", "inner": "it is a part of another one", "unlisted": "no list says all of its files", "certifi": "its data are looked up without an import"}
	for i := range dists {
		why := d.Needed[i] + d.Left[i]
		if text := want[dists[i].Name]; text == "" && why != "" || !strings.Contains(why, text) || d.Always[i] != (why != "") {
			t.Errorf("%s: %q, want %q", dists[i].Name, why, text)
		}
	}
	kept := func(touched ...string) (out []string) {
		paths := map[string]bool{}
		for _, p := range touched {
			paths["/"+site+"/"+p] = true
		}
		for i, k := range d.Kept(d.Touched(paths)) {
			if k && !d.Always[i] {
				out = append(out, dists[i].Name)
			}
		}
		return out
	}
	for touched, names := range map[string][]string{"plain/__init__.py": {"plain", "required"}, "importer/__init__.py": {"importer", "imported"}, "native/core.so": {"native", "library"}, "required/none": nil} {
		if diff := cmp.Diff(names, kept(touched)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", touched, diff)
		}
	}
	if i := 1; d.Files[i] != 2 || d.Bytes[i] != 20 || len(d.Paths[i]) != 2 {
		t.Errorf("plain: %d files, %d bytes, %v", d.Files[i], d.Bytes[i], d.Paths[i])
	}
}
