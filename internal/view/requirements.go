package view

import (
	"cmp"
	"slices"
)

// Requirement is an installed Python distribution.
type Requirement struct {
	Name, Version string
	// Own is its own visible size, Retained that with what only it needs, in
	// bytes. Retained is 0 where nothing that is asked for needs it.
	Own, Retained int64
	// By is the position of the one without which it would not be needed, -1 where
	// it is asked for itself, or several that have nothing in common need it.
	By int
	// Needed says that something that is asked for needs it, Asked that it is
	// asked for itself, Unused that nothing that the image starts uses it.
	Needed, Asked, Unused bool
	// Needs are the positions of what it requires.
	Needs []int
}

// Requirements are the distributions of an image, with the dominator tree of
// what they require.
type Requirements struct {
	List []Requirement
	// Frees are the positions of what is not needed any more when some are not
	// asked for: they themselves, unless another needs them, and all that only
	// they need.
	Frees func(without ...int) []int
}

// Dominated are those that only one needs, -1 for those that nothing else does
// without, the largest first. Their retained sizes and its own size add up to its
// retained size.
func (r *Requirements) Dominated(by int) []int {
	var out []int
	for i, q := range r.List {
		if q.By == by && q.Needed {
			out = append(out, i)
		}
	}
	r.sort(out)
	return out
}

// Needing are those that require one directly, the largest first: the tree the
// other way round.
func (r *Requirements) Needing(one int) []int {
	var out []int
	for i, q := range r.List {
		if slices.Contains(q.Needs, one) && i != one {
			out = append(out, i)
		}
	}
	r.sort(out)
	return out
}

func (r *Requirements) sort(list []int) {
	slices.SortFunc(list, func(a, b int) int {
		return cmp.Or(-cmp.Compare(r.List[a].Retained, r.List[b].Retained), cmp.Compare(r.List[a].Name, r.List[b].Name), cmp.Compare(a, b))
	})
}

// Why is a shortest chain of requirements from one that is asked for to one,
// both included; empty where nothing asks for it.
func (r *Requirements) Why(one int) []int {
	from := make([]int, len(r.List))
	var queue []int
	for i, q := range r.List {
		from[i] = -2
		if q.Asked {
			from[i] = -1
			queue = append(queue, i)
		}
	}
	for len(queue) > 0 && from[one] == -2 {
		i := queue[0]
		queue = queue[1:]
		for _, to := range r.List[i].Needs {
			if from[to] == -2 {
				from[to] = i
				queue = append(queue, to)
			}
		}
	}
	var chain []int
	for at := one; at >= 0 && from[at] != -2; at = from[at] {
		chain = append(chain, at)
	}
	slices.Reverse(chain)
	return chain
}

// Find is the position of a distribution by its name.
func (r *Requirements) Find(name string) (int, bool) {
	if r == nil {
		return 0, false
	}
	i := slices.IndexFunc(r.List, func(q Requirement) bool { return normal(q.Name) == normal(name) })
	return i, i >= 0
}
