package ecosystem

import (
	"compress/gzip"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle/internal/distro"
)

// TestReachable: what package.json's dependencies do not lead to is what npm itself
// marks as dev in node_modules/.package-lock.json, for a tree of 638 packages that
// npm 11 installed (express, axios, pg, react and winston; eslint, webpack, jest,
// TypeScript, Babel and more for development). The tree has each package's
// dependencies and npm's mark.
func TestReachable(t *testing.T) {
	f, err := os.Open("testdata/npm_tree.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var tree struct {
		Own      manifest
		Packages map[string]struct {
			Dev      bool
			Manifest manifest
		}
	}
	if err := json.NewDecoder(z).Decode(&tree); err != nil {
		t.Fatal(err)
	}
	packages, want := map[string]manifest{}, map[string]bool{}
	for dir, k := range tree.Packages {
		packages[dir] = k.Manifest
		if k.Dev {
			want[dir] = true
		}
	}
	got := map[string]bool{}
	kept := reachable("", tree.Own.needed(), packages)
	for dir := range packages {
		if !kept[dir] {
			got[dir] = true
		}
	}
	if len(want) < 100 || len(want) == len(packages) {
		t.Fatalf("%d of %d packages are for development: this shows nothing", len(want), len(packages))
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
		t.Errorf("packages for development (-npm +whittle):\n%s", diff)
	}
	all := reachable("", slices.Collect(maps.Keys(tree.Own.DevDependencies)), packages)
	for dir := range got {
		if !all[dir] {
			t.Errorf("%s is reached by nothing, and npm has installed it", dir)
		}
	}
}

func TestPackageDir(t *testing.T) {
	for at, want := range map[string]string{
		"app/node_modules/x/index.js":                       "app/node_modules/x",
		"app/node_modules/@a/b/lib/index.js":                "app/node_modules/@a/b",
		"app/node_modules/x/node_modules/y/y.js":            "app/node_modules/x/node_modules/y",
		"node_modules/x/package.json":                       "node_modules/x",
		"app/src/x.js":                                      "",
		"app/node_modules/.bin/tsc":                         "", // a folder of npm's own
		"usr/lib/node_modules/npm/node_modules/@npmcli/x/y": "usr/lib/node_modules/npm/node_modules/@npmcli/x",
	} {
		if got, _ := distro.PackageDir(at); got != want {
			t.Errorf("%s belongs to %q, not %q", at, got, want)
		}
	}
	for dir, want := range map[string]bool{"node_modules/x": true, "a/node_modules/@s/x": true, "a/node_modules/@s": false, "a/node_modules/.bin": false, "a/x": false, "a/node_modules/x/lib": false} {
		if _, got := distro.PackageDir(dir + "/package.json"); got != want {
			t.Errorf("%q is a package: %v", dir, got)
		}
	}
}
