package draft

import (
	"iter"
	"math"
	"slices"

	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/subsequence"
)

// instructions are all of a Dockerfile, in its order, FROM and what is before it included.
func instructions(f *dockerfile.File) (out []*dockerfile.Instruction) {
	for i := range f.Meta {
		out = append(out, &f.Meta[i])
	}
	for i := range f.Stages {
		st := &f.Stages[i]
		out = append(out, &st.Head)
		for j := range st.Instructions {
			out = append(out, &st.Instructions[j])
		}
	}
	return out
}

// gap is what one list of instructions has in the place of what another has, between two
// that both have.
type gap struct {
	gone, added []*dockerfile.Instruction
	// from and to are the bytes between the two in the first one's text.
	from, to int
}

// makesFiles says that something new in the gap makes a layer.
func (g *gap) makesFiles() bool {
	return slices.ContainsFunc(g.added, func(in *dockerfile.Instruction) bool { return makesFiles(in.Keyword) })
}

// movedTo says that an instruction is at another place now.
func movedTo(gaps []gap, in *dockerfile.Instruction) bool {
	return slices.ContainsFunc(gaps, func(g gap) bool {
		return slices.ContainsFunc(g.added, func(other *dockerfile.Instruction) bool { return other.Text() == in.Text() })
	})
}

// differences are the gaps between the instructions that two lists have in common.
func differences(before, after []*dockerfile.Instruction) (gaps []gap) {
	a, b := 0, 0
	add := func(i, j int) {
		if i > a || j > b {
			g := gap{gone: before[a:i], added: after[b:j], to: math.MaxInt}
			if a > 0 {
				g.from = before[a-1].Span.End
			}
			if i < len(before) {
				g.to = before[i].Span.Start
			}
			gaps = append(gaps, g)
		}
		a, b = i+1, j+1
	}
	for i, j := range same(before, after) {
		add(i, j)
	}
	add(len(before), len(after))
	return gaps
}

// same are the positions of the instructions of two lists that are the same.
func same(a, b []*dockerfile.Instruction) iter.Seq2[int, int] {
	x, y := texts(a), texts(b)
	return subsequence.Longest(len(x), len(y), func(i, j int) bool { return x[i] == y[j] })
}

func texts(all []*dockerfile.Instruction) []string {
	out := make([]string, len(all))
	for i, in := range all {
		out[i] = in.Text()
	}
	return out
}
