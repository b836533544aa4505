package imports

import "slices"

// Link is one statement that leads from a module to another.
type Link struct {
	File string
	Line int
	// Module is what it imports.
	Module string
}

// Reach is what is imported with a module, itself included.
type Reach struct {
	// Nodes are in the order of their distance.
	Nodes  []*Node
	parent map[*Node]Link
	from   map[*Node]*Node
}

// Walk finds all that is imported with some modules. Imports whose failure is
// caught are followed where caught says so.
func Walk(caught bool, starts ...*Node) *Reach {
	r := &Reach{parent: map[*Node]Link{}, from: map[*Node]*Node{}}
	for _, n := range starts {
		if n != nil && !slices.Contains(r.Nodes, n) {
			r.Nodes = append(r.Nodes, n)
			r.from[n] = nil
		}
	}
	for i := 0; i < len(r.Nodes); i++ {
		at := r.Nodes[i]
		for _, e := range at.imports {
			if _, seen := r.from[e.to]; seen || e.caught && !caught {
				continue
			}
			r.from[e.to], r.parent[e.to] = at, Link{at.File, e.line, e.to.Name}
			r.Nodes = append(r.Nodes, e.to)
		}
	}
	return r
}

// Chain is the shortest way from a start to a module; parents of packages are
// imported by the statement that names the child.
func (r *Reach) Chain(n *Node) []Link {
	var out []Link
	for r.from[n] != nil {
		out = append(out, r.parent[n])
		n = r.from[n]
	}
	slices.Reverse(out)
	return out
}
