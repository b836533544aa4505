package python

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
)

// dist is a distribution of the notation "name version: requirement, requirement".
func dist(text string) Distribution {
	head, requires, _ := strings.Cut(text, ": ")
	name, version, _ := strings.Cut(head, " ")
	d := Distribution{Name: name, Version: version}
	if requires != "" {
		d.Metadata.RequiresDist = strings.Split(requires, " | ")
	}
	return d
}

func dists(texts ...string) []Distribution {
	var out []Distribution
	for _, t := range texts {
		out = append(out, dist(t))
	}
	return out
}

// lines shows edges: "app[web] → flask >=2 (not satisfied)".
func lines(g *Graph) []string {
	var out []string
	for _, e := range g.Edges {
		from, to := "project", "nothing"
		if e.From >= 0 {
			from = g.Distributions[e.From].Name
		}
		if e.Extra != "" {
			from += "[" + e.Extra + "]"
		}
		if e.To >= 0 {
			to = g.Distributions[e.To].Name + " " + g.Distributions[e.To].Version
		}
		line := fmt.Sprintf("%s → %s%s: %s", from, e.Requirement.Name, e.Requirement.Specifiers, to)
		if !e.Satisfied {
			line += ", not satisfied"
		}
		out = append(out, line)
	}
	return out
}

var linux = pep.Environment{PythonVersion: "3.13", PythonFullVersion: "3.13.5", SysPlatform: "linux", PlatformMachine: "x86_64"}

func TestGraph(t *testing.T) {
	project, err := pep.ParseRequirement("app[Web,web]")
	if err != nil {
		t.Fatal(err)
	}
	g := NewGraph(dists(
		"app 1: click>=8 | flask>=2; extra=='web' | pytest; extra=='test' | tomli; python_version<'3.11' | rich | celery[redis]; extra=='web'",
		"click 7.1", "flask 3.0rc1: click | werkzeug[x.y]", "celery 5: kombu | redis>4; extra=='redis'", "redis 2025-old", "kombu 5",
		"werkzeug 1: colors; extra=='X_Y' | == 2 | odd; dependency_groups=='a'", "kombu 4",
	), linux, []pep.Requirement{project})
	want := []string{
		"project → app: app 1",
		"app → click>=8: click 7.1, not satisfied", "app → rich: nothing, not satisfied",
		"app[web] → flask>=2: flask 3.0rc1", "app[web] → celery: celery 5",
		"flask → click: click 7.1", "flask → werkzeug: werkzeug 1",
		"celery → kombu: kombu 5", "celery[redis] → redis>4: redis 2025-old, not satisfied",
		"werkzeug[x-y] → colors: nothing, not satisfied",
	}
	if diff := cmp.Diff(want, lines(g)); diff != "" {
		t.Errorf("edges (-want +got):\n%s", diff)
	}
	if len(g.Skipped) != 2 || !errors.Is(g.Skipped[0], whittle.ErrCorrupt) || !errors.Is(g.Skipped[1], whittle.ErrUnsupported) {
		t.Errorf("skipped %v, want one that is no requirement and one that has no meaning", g.Skipped)
	}
}

// TestNeeded: dropping one of two that need the same frees only itself.
func TestNeeded(t *testing.T) {
	g := NewGraph(dists("a 1: shared | own", "b 1: shared | loop", "shared 1: numpy", "own 1", "loop 1: b", "numpy 1", "left 1"), linux, nil)
	names := func(needed []bool) string {
		var out []string
		for i, n := range needed {
			if n {
				out = append(out, g.Distributions[i].Name)
			}
		}
		return strings.Join(out, " ")
	}
	var roots []string
	for _, r := range g.Roots() {
		roots = append(roots, g.Distributions[r].Name)
	}
	if got := strings.Join(roots, " "); got != "a left" {
		t.Errorf("roots %q", got)
	}
	a, _ := g.Find("A")
	b, _ := g.Find("b")
	if got := names(g.Needed([]int{a, b})); got != "a b shared own loop numpy" {
		t.Errorf("needed by both: %s", got)
	}
	if got := names(g.Needed([]int{a, b}, a)); got != "b shared loop numpy" {
		t.Errorf("needed without a: %s", got)
	}
	if _, ok := g.Find("nobody"); ok {
		t.Error("found what is not installed")
	}
}
