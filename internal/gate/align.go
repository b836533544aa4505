package gate

import (
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/subsequence"
)

// maxAligned bounds the steps that are aligned; images have at most 127 layers.
const maxAligned = 1000

// align finds for each step of an image the one of its baseline that it corresponds
// to, -1 where there is none. Steps keep their order. The same layer or instruction
// comes first (the longest common subsequence); of what lies between two of those,
// steps of the same keyword are paired in turn: an instruction that was edited.
func align(before, now []whittle.BaselineStep) []int {
	pair := make([]int, len(now))
	for i := range pair {
		pair[i] = -1
	}
	if len(before) > maxAligned || len(now) > maxAligned {
		return pair
	}
	same := func(i, j int) bool {
		return before[i].DiffID == now[j].DiffID || before[i].Text == now[j].Text && before[i].Base == now[j].Base
	}
	from, to := 0, 0 // the first steps of the gap
	for i, j := range subsequence.Longest(len(before), len(now), same) {
		pairGap(before, now, pair, from, i, to, j)
		pair[j] = i
		from, to = i+1, j+1
	}
	pairGap(before, now, pair, from, len(before), to, len(now))
	return pair
}

// pairGap pairs edited instructions between two that are the same.
func pairGap(before, now []whittle.BaselineStep, pair []int, from, before2, to, now2 int) {
	for j := to; j < now2; j++ {
		for i := from; i < before2; i++ {
			if keyword(before[i].Text) == keyword(now[j].Text) && before[i].Base == now[j].Base {
				pair[j], from = i, i+1
				break
			}
		}
	}
}

func keyword(text string) string {
	word, _, _ := strings.Cut(text, " ")
	return word
}
