package python

import "slices"

// Retained is what one distribution brings along: what nothing else that is
// asked for needs.
type Retained struct {
	// Own is its own size in bytes, Size what removing it frees: its own and
	// that of all that only it needs. Both are 0 for what nobody needs.
	Own, Size int64
	// By is the position of the one without which it would not be needed, -1
	// where it is asked for itself or several that have nothing in common need it.
	By int
	// Needed says that one of the roots needs it.
	Needed bool
}

// Retained says of each distribution what removing it frees, for what the
// roots need: the dominator tree of the requirement graph, with sizes in bytes
// by position. Requirements that go in circles are no trouble. Of several
// distributions that are removed together, see [Graph.Frees]: the sum of the
// retained sizes is too small where they share what they need, and too large
// where one needs the other.
func (g *Graph) Retained(sizes []int64, roots []int) []Retained {
	d := g.dominators(roots)
	out := make([]Retained, len(g.Distributions))
	for i := range out {
		out[i].By = -1
	}
	// Who dominates comes before whom in the order, so that sizes are summed
	// from its end.
	for k := len(d.order) - 1; k > 0; k-- {
		n := d.order[k]
		r := &out[n]
		r.Needed, r.Own = true, sizes[n]
		r.Size += sizes[n]
		if by := d.order[d.by[k]]; by >= 0 {
			r.By = by
			out[by].Size += r.Size
		}
	}
	return out
}

// Frees are the positions of what is not needed any more when some roots are
// not asked for, in order: they themselves, unless another needs them, and all
// that only they need.
func (g *Graph) Frees(roots []int, without ...int) []int {
	kept := slices.DeleteFunc(slices.Clone(roots), func(r int) bool { return slices.Contains(without, r) })
	before, after := g.Needed(roots), g.Needed(kept)
	var out []int
	for i := range before {
		if before[i] && !after[i] {
			out = append(out, i)
		}
	}
	return out
}

// dominated is a dominator tree: by has the position in order of each one's
// immediate dominator. The order is a reverse postorder; its first is -1, which
// stands for who asks for the roots.
type dominated struct{ order, by []int }

// dominators finds the tree by going through the graph until nothing changes.
// K. Cooper, T. Harvey, K. Kennedy: A Simple, Fast Dominance Algorithm, 2001.
func (g *Graph) dominators(roots []int) dominated {
	order := g.reversePostorder(roots)
	at := make(map[int]int, len(order))
	for k, n := range order {
		at[n] = k
	}
	into := make([][]int, len(order))
	for k, n := range order {
		for _, to := range g.next(n, roots) {
			into[at[to]] = append(into[at[to]], k)
		}
	}
	by := make([]int, len(order))
	for k := 1; k < len(by); k++ {
		by[k] = -1
	}
	for changed := true; changed; {
		changed = false
		for k := 1; k < len(order); k++ {
			best := -1
			for _, p := range into[k] {
				switch {
				case by[p] < 0:
				case best < 0:
					best = p
				default:
					best = common(by, best, p)
				}
			}
			if by[k] != best {
				by[k], changed = best, true
			}
		}
	}
	return dominated{order, by}
}

// common is the nearest that dominates both.
func common(by []int, a, b int) int {
	for a != b {
		if a > b {
			a = by[a]
		} else {
			b = by[b]
		}
	}
	return a
}

// reversePostorder lists what the roots need, -1 first. It keeps a stack of
// its own: a chain of requirements may be long.
func (g *Graph) reversePostorder(roots []int) []int {
	type frame struct {
		n    int
		rest []int
	}
	var order []int
	seen := map[int]bool{-1: true}
	stack := []frame{{-1, g.next(-1, roots)}}
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if len(top.rest) == 0 {
			order = append(order, top.n)
			stack = stack[:len(stack)-1]
			continue
		}
		n := top.rest[0]
		top.rest = top.rest[1:]
		if !seen[n] {
			seen[n] = true
			stack = append(stack, frame{n, g.next(n, roots)})
		}
	}
	slices.Reverse(order)
	return order
}

// next are the distributions that one requires, those asked for where it is -1.
func (g *Graph) next(n int, roots []int) []int {
	if n < 0 {
		return roots
	}
	var out []int
	for _, e := range g.out[n] {
		if to := g.Edges[e].To; to >= 0 {
			out = append(out, to)
		}
	}
	return out
}
