package whittle

import (
	"fmt"
	"strings"
)

// Nearest is the word that a mistyped one may have meant: of those that differ
// in few letters the nearest, the first of several; empty where none is near.
func Nearest(word string, among []string) string {
	word = strings.ToLower(word)
	best, near := 2+len(word)/4, ""
	for _, w := range among {
		d := distance(word, strings.ToLower(w), best)
		if d < best && d < len(w) {
			best, near = d, w
		}
	}
	return near
}

// DidYouMean is the hint at what a mistyped word may have meant, or otherwise
// where nothing is near.
func DidYouMean(word string, among []string, otherwise string) string {
	if near := Nearest(word, among); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return otherwise
}

// distance counts the letters to add, drop, replace or swap with a neighbour
// that make one word of another (optimal string alignment); words whose lengths
// differ by most or more are not compared.
func distance(a, b string, most int) int {
	if d := len(a) - len(b); d >= most || -d >= most {
		return most
	}
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, this := rows[0], rows[1], rows[2]
		this[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			this[j] = min(last[j]+1, this[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				this[j] = min(this[j], before[j-2]+1)
			}
		}
		rows = [3][]int{last, this, before}
	}
	return rows[1][len(b)]
}
