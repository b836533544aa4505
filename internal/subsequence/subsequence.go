// Package subsequence finds what two lists have in common, in the order of both.
package subsequence

import "iter"

// maxCells bounds the table of a comparison.
const maxCells = 4_000_000

// Longest gives the positions of a longest common subsequence of two lists, which have
// n and m elements. same compares one of the first list with one of the second; three
// elements of which two pairs are the same need not all be. Of lists with more than 4
// million pairs of elements behind what both begin with, only that beginning is given.
func Longest(n, m int, same func(i, j int) bool) iter.Seq2[int, int] {
	start := 0
	for start < min(n, m) && same(start, start) {
		start++
	}
	n, m = n-start, m-start
	if n*m > maxCells {
		n = 0 // what is so different is not compared
	}
	// length[i][j] is that of the longest from the elements i and j on, behind start.
	length := make([][]int, n+1)
	for i := range length {
		length[i] = make([]int, m+1)
	}
	for i := n - 1; i >= 0; i-- {
		for j := m - 1; j >= 0; j-- {
			length[i][j] = max(length[i+1][j], length[i][j+1])
			if same(start+i, start+j) {
				length[i][j] = max(length[i][j], length[i+1][j+1]+1)
			}
		}
	}
	return func(yield func(int, int) bool) {
		for i := range start {
			if !yield(i, i) {
				return
			}
		}
		for i, j := 0, 0; i < n && j < m; {
			switch {
			case length[i][j] == length[i+1][j+1]+1 && same(start+i, start+j):
				if !yield(start+i, start+j) {
					return
				}
				i, j = i+1, j+1
			case length[i+1][j] >= length[i][j+1]:
				i++
			default:
				j++
			}
		}
	}
}
