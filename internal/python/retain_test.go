package python

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
)

// TestRetain: a requirement keeps what only it needs; the application's own
// distribution keeps nothing, and what it requires is asked for.
func TestRetain(t *testing.T) {
	dist := func(name string, local bool, requires ...string) Distribution {
		return Distribution{Name: name, Version: "1", Local: local, Metadata: Metadata{RequiresDist: requires}}
	}
	vendored := dist("numpy", false)
	vendored.VendoredBy = "pip"
	g := NewGraph([]Distribution{dist("app", true, "walker", "pandas"), dist("walker", false, "duckdb", "pandas"), dist("pandas", false, "numpy"),
		dist("numpy", false), dist("duckdb", false), dist("pip", false), vendored, dist("numpy", false), dist("gone", false)}, pep.Environment{}, nil)
	var rows []whittle.PackageRow
	for i, name := range []string{"app", "walker", "pandas", "numpy", "duckdb", "pip"} {
		rows = append(rows, whittle.PackageRow{Owner: whittle.Owner{Ecosystem: "pypi", Name: name, Version: "1"}, Visible: 1 << i})
	}
	rows = append(rows, whittle.PackageRow{Owner: whittle.Owner{Ecosystem: "deb", Name: "walker", Version: "1"}, Visible: 100})
	g.Retain(rows)
	var got []string
	for _, r := range rows {
		kept := "nothing"
		if r.Retained != nil {
			kept = fmt.Sprint(*r.Retained)
		}
		got = append(got, fmt.Sprintf("%s %s keeps %s, brings %d, %v", r.Ecosystem, r.Name, kept, r.Brings, r.Requested))
	}
	want := []string{"pypi app keeps nothing, brings 0, false", "pypi walker keeps 18, brings 1, true", "pypi pandas keeps 12, brings 1, true", "pypi numpy keeps 8, brings 0, false",
		"pypi duckdb keeps 16, brings 0, false", "pypi pip keeps 32, brings 0, true", "deb walker keeps nothing, brings 0, false"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	(*Graph)(nil).Retain(rows)
}

// TestRetainSources: what a build left beside the application's sources is the
// application, too: it is not one requirement that keeps all others.
func TestRetainSources(t *testing.T) {
	installed := Distribution{Name: "My.App", Version: "1", Local: true, Metadata: Metadata{RequiresDist: []string{"pandas"}}}
	left := Distribution{Name: "my-app", Version: "1", Record: "app/my_app.egg-info", Metadata: Metadata{RequiresDist: []string{"pandas"}}}
	g := NewGraph([]Distribution{left, installed, {Name: "pandas", Version: "1"}}, pep.Environment{}, nil)
	if got := fmt.Sprint(g.Asked()); got != "[2]" {
		t.Errorf("%s, want [2]", got)
	}
}

// TestRequested: what pip was told to install is asked for, too, unless it was told
// to install everything.
func TestRequested(t *testing.T) {
	dist := func(name string, requested bool, requires ...string) Distribution {
		d := Distribution{Name: name, Version: "1", Record: "lib/" + name + ".dist-info", Files: []string{"lib/" + name + ".dist-info/METADATA"}, Metadata: Metadata{RequiresDist: requires}}
		if requested {
			d.Files = append(d.Files, "lib/"+name+".dist-info/REQUESTED")
		}
		return d
	}
	for _, lock := range []bool{false, true} {
		g := NewGraph([]Distribution{dist("toolbar", true, "django", "sqlparse"), dist("django", true, "asgiref", "tzdata"), dist("asgiref", lock), dist("sqlparse", lock), dist("tzdata", lock)}, pep.Environment{}, nil)
		want := "[0 1]"
		if lock {
			want = "[0]"
		}
		if got := fmt.Sprint(g.Asked()); got != want {
			t.Errorf("everything was requested %v: %s, want %s", lock, got, want)
		}
	}
}

// TestRetainedAreFreed: what a requirement keeps is what goes without it.
func TestRetainedAreFreed(t *testing.T) {
	var dists []Distribution
	var rows []whittle.PackageRow
	for i := range 30 {
		var requires []string
		for j := i + 1; j < 30; j++ {
			if (i*7+j*3)%11 < 2 {
				requires = append(requires, fmt.Sprintf("d%d", j))
			}
		}
		name := fmt.Sprintf("d%d", i)
		dists = append(dists, Distribution{Name: name, Version: "1", Metadata: Metadata{RequiresDist: requires}})
		rows = append(rows, whittle.PackageRow{Owner: whittle.Owner{Ecosystem: "pypi", Name: name, Version: "1"}, Visible: int64(1000 + i)})
	}
	g := NewGraph(dists, pep.Environment{}, nil)
	g.Retain(rows)
	asked, seen := g.Asked(), 0
	for i, r := range rows {
		if !r.Requested {
			continue
		}
		seen++
		var freed int64
		var names []string
		for _, f := range g.Frees(asked, i) {
			freed += rows[f].Visible
			names = append(names, rows[f].Name)
		}
		if freed != *r.Retained || len(names) != r.Brings+1 || !slices.Contains(names, r.Name) {
			t.Errorf("%s keeps %d and brings %d; without it go %d: %s", r.Name, *r.Retained, r.Brings, freed, strings.Join(names, " "))
		}
	}
	if seen < 2 {
		t.Errorf("only %d are asked for", seen)
	}
}
