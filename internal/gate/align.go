package gate

import (
	"strings"

	"whittle.dev/whittle"
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
	// length[i][j] is that of the longest common subsequence of before[i:] and now[j:].
	length := make([][]int, len(before)+1)
	for i := range length {
		length[i] = make([]int, len(now)+1)
	}
	for i := len(before) - 1; i >= 0; i-- {
		for j := len(now) - 1; j >= 0; j-- {
			length[i][j] = max(length[i+1][j], length[i][j+1])
			if same(i, j) {
				length[i][j] = max(length[i][j], length[i+1][j+1]+1)
			}
		}
	}
	i, j := 0, 0
	from, to := 0, 0 // the first steps of the gap
	for i < len(before) && j < len(now) {
		switch {
		case same(i, j) && length[i][j] == length[i+1][j+1]+1:
			pairGap(before, now, pair, from, i, to, j)
			pair[j] = i
			i, j = i+1, j+1
			from, to = i, j
		case length[i+1][j] >= length[i][j+1]:
			i++
		default:
			j++
		}
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
