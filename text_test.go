package whittle_test

import (
	"strings"
	"testing"

	"whittle.dev/whittle"
)

// TestTexts: what several rooms do with texts and paths.
func TestTexts(t *testing.T) {
	insert := func(src string, at int) string {
		out, err := whittle.Splice([]byte(src), []whittle.Edit{whittle.InsertLines([]byte(src), at, "\r\n", "b", "c")})
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	for _, c := range []struct{ name, got, want string }{
		{"short", whittle.Shorten("wörter", 6), "wörter"},
		{"long", whittle.Shorten("wörter!", 6), "wörte…"},
		{"an escape", whittle.Printable("a\x1b[31mb\u202e"), "a\ufffd[31mb\ufffd"},
		{"a long name", whittle.Printable(strings.Repeat("a", 300)), strings.Repeat("a", 256)},
		{"lines into nothing", insert("", 0), "b\r\nc\r\n"},
		{"lines in front", insert("a\r\n", 0), "b\r\nc\r\na\r\n"},
		{"lines at the end", insert("a\r\n", 3), "a\r\nb\r\nc\r\n"},
		{"lines after an open one", insert("a", 1), "a\r\nb\r\nc"},
		{"lines after a byte order mark", insert("\ufeff", 3), "\ufeffb\r\nc\r\n"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.name, c.got, c.want)
		}
	}
	sorted := []string{"", "a", "a/b", "a/b/c", "a-b", "a.b/c", "b"}
	for i, a := range sorted {
		for j, b := range sorted {
			want := whittle.CompareBools(i > j, i < j)
			if got := whittle.ComparePaths(a, b); got != want {
				t.Errorf("ComparePaths(%q, %q) = %d, want %d", a, b, got, want)
			}
		}
	}
}
