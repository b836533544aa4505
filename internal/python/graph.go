package python

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python/source"
)

// Graph is what installed distributions require of each other in one
// environment.
type Graph struct {
	Distributions []Distribution
	// Edges are in the order of the distributions that require, then in that
	// of their metadata.
	Edges []Edge
	// Skipped are requirements that could not be read or evaluated.
	Skipped []error
	// out has the edges by the distribution that requires.
	out map[int][]int
	// byName has the distributions by name.
	byName map[string]int
}

// Edge is one requirement that applies.
type Edge struct {
	// From and To are positions in Distributions. From is -1 for what the
	// project asks for, To is -1 where nothing of the name is installed.
	From, To int
	// Extra is the extra of From that asks, empty where it always does.
	Extra       string
	Requirement pep.Requirement
	// Satisfied says that what is installed is of a version that the
	// requirement allows. Versions that are none satisfy nothing but "===".
	Satisfied bool
}

// NewGraph evaluates the requirements of what is installed in one environment,
// and those of the project. Extras count where something that is installed or
// the project asks for them. Of several distributions of one name the first
// counts, as on sys.path; vendored ones do not.
func NewGraph(dists []Distribution, env pep.Environment, project []pep.Requirement) *Graph {
	g := &Graph{Distributions: dists, out: map[int][]int{}, byName: map[string]int{}}
	for i, d := range dists {
		if _, twice := g.byName[d.Name]; !twice && d.VendoredBy == "" {
			g.byName[d.Name] = i
		}
	}
	b := graphBuilder{Graph: g, env: env, asked: map[request]bool{}, parsed: map[int][]pep.Requirement{}}
	for i, d := range dists {
		if g.byName[d.Name] == i && d.VendoredBy == "" {
			b.ask(request{i, ""})
		}
	}
	for _, r := range project {
		b.require(-1, "", r)
	}
	for len(b.queue) > 0 {
		next := b.queue[0]
		b.queue = b.queue[1:]
		b.expand(next)
	}
	g.sortEdges()
	return g
}

// request is a distribution that is wanted with one extra or without.
type request struct {
	dist  int
	extra string
}

type graphBuilder struct {
	*Graph
	env    pep.Environment
	asked  map[request]bool
	queue  []request
	parsed map[int][]pep.Requirement
}

func (b *graphBuilder) ask(r request) {
	if !b.asked[r] {
		b.asked[r] = true
		b.queue = append(b.queue, r)
	}
}

// expand adds the edges of a distribution for one extra; those that hold
// without an extra belong to none.
func (b *graphBuilder) expand(r request) {
	for _, q := range b.requirements(r.dist) {
		if r.extra != "" && !q.Marker.MentionsExtra() {
			continue
		}
		ok, err := q.Marker.Evaluate(b.env, r.extra)
		if err == nil && ok && r.extra != "" {
			var always bool
			always, err = q.Marker.Evaluate(b.env, "")
			ok = !always
		}
		if err != nil {
			b.Skipped = append(b.Skipped, fmt.Errorf("%s requires %s: %w", b.Distributions[r.dist].Name, q.Name, err))
			continue
		}
		if ok {
			b.require(r.dist, r.extra, q)
		}
	}
}

// requirements parses those of a distribution, once.
func (b *graphBuilder) requirements(dist int) []pep.Requirement {
	if parsed, ok := b.parsed[dist]; ok {
		return parsed
	}
	d := b.Distributions[dist]
	out := []pep.Requirement{}
	for _, text := range d.Metadata.RequiresDist {
		r, err := pep.ParseRequirement(text)
		if err != nil {
			b.Skipped = append(b.Skipped, fmt.Errorf("%s requires: %w", d.Name, err))
			continue
		}
		out = append(out, r)
	}
	b.parsed[dist] = out
	return out
}

// require adds an edge and asks for the extras that it names.
func (b *graphBuilder) require(from int, extra string, r pep.Requirement) {
	if from < 0 {
		ok, err := r.Marker.Evaluate(b.env, "")
		if err != nil {
			b.Skipped = append(b.Skipped, fmt.Errorf("the project requires %s: %w", r.Name, err))
		}
		if !ok {
			return
		}
	}
	e := Edge{From: from, To: -1, Extra: extra, Requirement: r}
	if to, ok := b.byName[r.Name]; ok {
		e.To, e.Satisfied = to, r.Allows(b.Distributions[to].Version)
		for _, x := range r.Extras {
			b.ask(request{to, x})
		}
	}
	b.Edges = append(b.Edges, e)
}

// sortEdges puts edges in order, whichever way they were found.
func (g *Graph) sortEdges() {
	first := make([][]Edge, len(g.Distributions)+1)
	for _, e := range g.Edges {
		first[e.From+1] = append(first[e.From+1], e)
	}
	g.Edges = g.Edges[:0]
	for _, edges := range first {
		g.Edges = append(g.Edges, edges...)
	}
	for i, e := range g.Edges {
		g.out[e.From] = append(g.out[e.From], i)
	}
}

// Find is the position of a distribution by its name in any spelling.
func (g *Graph) Find(name string) (int, bool) {
	i, ok := g.byName[pep.Normalize(name)]
	return i, ok
}

// Needed says of each distribution whether one of the roots requires it, over
// others or itself. What is in without is not gone through: what is needed
// with it and not without it is what removing it frees.
func (g *Graph) Needed(roots []int, without ...int) []bool {
	return g.neededBy(roots, without, func(int) bool { return true })
}

// NeededBy is [Graph.Needed] by the requirements that follow says alone; they are
// positions in Edges.
func (g *Graph) NeededBy(roots []int, follow func(edge int) bool) []bool {
	return g.neededBy(roots, nil, follow)
}

func (g *Graph) neededBy(roots, without []int, follow func(edge int) bool) []bool {
	needed := make([]bool, len(g.Distributions))
	skip := map[int]bool{-1: true}
	for _, n := range without {
		skip[n] = true
	}
	stack := append([]int{}, roots...)
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if skip[n] || needed[n] {
			continue
		}
		needed[n] = true
		for _, e := range g.out[n] {
			if follow(e) {
				stack = append(stack, g.Edges[e].To)
			}
		}
	}
	return needed
}

// Roots are the distributions that no other requires: somebody asked for them,
// or they are left over.
func (g *Graph) Roots() []int {
	required := make([]bool, len(g.Distributions))
	for _, e := range g.Edges {
		if e.From >= 0 && e.To >= 0 && e.From != e.To {
			required[e.To] = true
		}
	}
	var out []int
	for i, d := range g.Distributions {
		if !required[i] && g.byName[d.Name] == i {
			out = append(out, i)
		}
	}
	return out
}

// CompiledHere says that a distribution's wheel fits the machine alone that made it: pip
// compiled it, as an index takes no such wheels (PEP 513, PEP 656).
func (d *Distribution) CompiledHere() bool {
	return slices.ContainsFunc(d.Tags, func(t pep.Tag) bool { return strings.HasPrefix(t.Platform, "linux_") })
}

// ImportNames are the top-level names that a distribution's files let a
// program import, by its files and not by what it says of itself.
func (d *Distribution) ImportNames() []string {
	seen := map[string]bool{}
	var out []string
	for _, f := range d.Files {
		rest, ok := strings.CutPrefix(f, d.Site+"/")
		if !ok {
			continue
		}
		name, below, folder := strings.Cut(rest, "/")
		switch ext := path.Ext(rest); {
		case ext != ".py" && ext != ".so" && ext != ".pyd" && ext != ".pyc", folder && strings.Contains(below, "__pycache__/"):
			continue
		case !folder:
			name, _, _ = strings.Cut(rest, ".")
		}
		if source.IsIdentifier(name) && name != "__pycache__" && !seen[name] {
			seen[name] = true
			out = append(out, name)
		}
	}
	return out
}
