package lab

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/rule/analysis"
	"whittle.dev/whittle/internal/runs"
)

// TestNoteImports: modules are given to the distributions that own their files,
// not to what these ship inside themselves; nothing is not none.
func TestNoteImports(t *testing.T) {
	const site = "usr/lib/python3/site-packages/"
	installed := []python.Distribution{
		{Name: "packaging", VendoredBy: site + "setuptools.dist-info", Files: []string{site + "setuptools/_vendor/packaging/__init__.py"}},
		{Name: "setuptools", Files: []string{site + "setuptools/__init__.py", site + "setuptools/_vendor/packaging/__init__.py"}},
		{Name: "yaml", Files: []string{site + "yaml/__init__.py", site + "yaml/_yaml.so"}},
		{Name: "never", Files: []string{site + "never.py"}},
	}
	for _, c := range []struct {
		name    string
		imports []build.Import
		want    *whittle.Imports
	}{
		{"not known", nil, nil},
		{"none", []build.Import{}, &whittle.Imports{Modules: []string{}}},
		{"some", []build.Import{{Module: "yaml._yaml", Path: "/" + site + "yaml/_yaml.so"}, {Module: "os", Path: "/usr/lib/python3/os.py"},
			{Module: "setuptools._vendor.packaging", Path: "/" + site + "setuptools/_vendor/packaging/__init__.py"}, {Module: "os"}, {Module: "app", Path: "/app/app.py"}},
			&whittle.Imports{Modules: []string{"app", "os", "setuptools._vendor.packaging", "yaml._yaml"}, Distributions: []string{"setuptools", "yaml"}}},
	} {
		var run whittle.CommandRun
		runs.NoteImports(&run, c.imports, audit.OwnersOf(installed))
		if diff := cmp.Diff(c.want, run.Imports); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// TestLost: a distribution that a run imported must be in the image that comes
// of a fix, unless another one is imported in its place.
func TestLost(t *testing.T) {
	image := func(status whittle.Verdict, imported *whittle.Imports, installed ...string) *trial {
		v := &whittle.Variant{Build: whittle.BuildFacts{Status: whittle.Built}, Inspect: &whittle.Inspection{},
			Run: whittle.RunFacts{Status: status, Commands: []whittle.CommandRun{{Name: "CMD", Own: true, Status: status, Imports: imported}}}}
		for _, name := range installed {
			v.Inspect.Packages = append(v.Inspect.Packages, whittle.PackageRow{Owner: whittle.Owner{Ecosystem: "pypi", Name: name}})
		}
		return &trial{Variant: v}
	}
	asked := func(t *trial, names ...string) *trial {
		t.declared = map[string]bool{}
		for _, name := range names {
			t.declared[name] = true
		}
		return t
	}
	of := func(names ...string) *whittle.Imports { return &whittle.Imports{Distributions: names} }
	for _, c := range []struct {
		name          string
		before, after *trial
		want          string
	}{
		{"it is still there", image(whittle.Runs, of("a"), "a", "b"), image(whittle.Runs, of("a"), "a"), ""},
		{"it is gone, and nothing failed", image(whittle.Runs, of("a", "b"), "a", "b"), image(whittle.Runs, of("a"), "a"), "b"},
		{"it is gone, and what is imported is not known", image(whittle.Runs, of("b"), "a", "b"), image(whittle.Runs, nil, "a"), "b"},
		{"another came in its place", image(whittle.Runs, of("opencv-python"), "opencv-python"), image(whittle.Runs, of("opencv-python-headless"), "opencv-python-headless"), ""},
		{"the start failed before", image(whittle.Fails, of("b"), "b"), image(whittle.Runs, of("a"), "a"), ""},
		{"it was not known before", image(whittle.Runs, nil, "b"), image(whittle.Runs, of(), "a"), ""},
		{"it is a system package's", image(whittle.Runs, of("b"), "a"), image(whittle.Runs, of("a"), "a"), ""},
		{"nothing but a library asked for it", asked(image(whittle.Runs, of("a", "b"), "a", "b"), "a"), asked(image(whittle.Runs, of("a"), "a"), "a"), ""},
		{"the project asked for it", asked(image(whittle.Runs, of("a", "b"), "a", "b"), "a", "b"), asked(image(whittle.Runs, of("a"), "a"), "a", "b"), "b"},
	} {
		if got, run := lost(c.before, c.after); got != c.want || (run == "CMD") != (c.want != "") {
			t.Errorf("%s: %q by %q, want %q", c.name, got, run, c.want)
		}
	}
}

// TestRemovesUnimported: what runs import speaks for a fix that removes a distribution, if
// it was noted, and if none of them imports it.
func TestRemovesUnimported(t *testing.T) {
	facts := &analysis.Facts{
		Ledger: &whittle.Ledger{Items: []whittle.Item{{Path: "site/a-1.dist-info/METADATA", Entry: 0}, {Path: "site/b-1.dist-info/METADATA", Entry: 1}, {Path: "usr/bin/gcc", Entry: 2}}},
		Graph:  &python.Graph{Distributions: []python.Distribution{{Name: "a", Record: "site/a-1.dist-info"}, {Name: "b", Record: "site/b-1.dist-info"}}},
	}
	remove := func(entries ...int) *whittle.Finding {
		f := &whittle.Finding{}
		for _, e := range entries {
			f.Change.Remove = append(f.Change.Remove, whittle.Content{Entry: e})
		}
		return f
	}
	of := func(names ...string) *whittle.Imports { return &whittle.Imports{Distributions: names} }
	for _, c := range []struct {
		name    string
		imports *whittle.Imports
		finding *whittle.Finding
		want    bool
	}{
		{"not imported", of("a"), remove(1), true},
		{"nothing is imported", of(), remove(0, 1), true},
		{"one of two is imported", of("a"), remove(0, 1), false},
		{"nothing was noted", nil, remove(1), false},
		{"no distribution goes", of("a"), remove(2), false},
	} {
		v := &whittle.Variant{Run: whittle.RunFacts{Commands: []whittle.CommandRun{{Name: "CMD", Status: whittle.Runs, Imports: c.imports}}}}
		x := advisedImage{image: &audit.Examined{Facts: facts}, trial: &trial{Variant: v}}
		if got := removesUnimported(x, c.finding); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}
