package subsequence

import (
	"strings"
	"testing"
)

// TestLongest: of all short lists the pairs are the same elements in the order of both, and
// as many as can be, whether the comparison is transitive or not.
func TestLongest(t *testing.T) {
	lists := []string{""}
	for from := 0; len(lists[from]) < 4; from++ {
		for _, c := range "abc" {
			lists = append(lists, lists[from]+string(c))
		}
	}
	for name, same := range map[string]func(a, b byte) bool{
		"equal":      func(a, b byte) bool { return a == b },
		"neighbours": func(a, b byte) bool { return a+1 >= b && b+1 >= a },
	} {
		for _, a := range lists {
			for _, b := range lists {
				n, nextA, nextB := 0, 0, 0
				for i, j := range Longest(len(a), len(b), func(i, j int) bool { return same(a[i], b[j]) }) {
					if i < nextA || j < nextB || !same(a[i], b[j]) {
						t.Fatalf("%s, of %s and %s: %d and %d", name, a, b, i, j)
					}
					n, nextA, nextB = n+1, i+1, j+1
				}
				if want := most(a, b, same); n != want {
					t.Fatalf("%s, of %s and %s: %d, want %d", name, a, b, n, want)
				}
			}
		}
	}
}

// most tries all that can be paired.
func most(a, b string, same func(a, b byte) bool) int {
	if a == "" || b == "" {
		return 0
	}
	n := max(most(a[1:], b, same), most(a, b[1:], same))
	if same(a[0], b[0]) {
		n = max(n, most(a[1:], b[1:], same)+1)
	}
	return n
}

// TestLarge: lists that are too different are the same only as long as they begin so.
func TestLarge(t *testing.T) {
	a, b := "begin"+strings.Repeat("x", 3000)+"end", "begin"+strings.Repeat("y", 3000)+"end"
	n := 0
	for i, j := range Longest(len(a), len(b), func(i, j int) bool { return a[i] == b[j] }) {
		if i != n || j != n {
			t.Errorf("%d and %d", i, j)
		}
		n++
	}
	if n != len("begin") {
		t.Errorf("%d are the same", n)
	}
	for range Longest(3, 3, func(i, j int) bool { return i == j }) {
		break // whoever looks for one may stop
	}
}
