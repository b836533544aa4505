package syntax

import (
	"strings"
	"testing"
)

// FuzzCheck: any text comes to an end, twice the same, with a line that the
// text has.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{"", "x = 1\n", "def f(a, /, *, b=1): return a\n", "f'{x!r:>{w}}'\n", "match x:\n case [a, *_]: pass\n", "type X[T] = int\n",
		"with (a as b, c): pass\n", "# coding: latin-1\nx = '\xe9'\n", "\xff", "if 1:\n\tx\n        y\n", "(" + strings.Repeat("[", 300)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		r := Check(src)
		if r != Check(src) {
			t.Error("twice is not the same")
		}
		lines := 2 + strings.Count(string(src), "\n") + strings.Count(string(src), "\r")
		if r.Line < 0 || r.Line > lines || r.Needs.Line > lines || r.Text != "" && r.Line == 0 {
			t.Errorf("line %d, %d of a text of %d lines: %s", r.Line, r.Needs.Line, lines, r.Text)
		}
	})
}

// TestLong: what is long or deep ends soon.
func TestLong(t *testing.T) {
	const n = 200_000
	for _, s := range []string{strings.Repeat("(", n), "x" + strings.Repeat(".a", n), "x = " + strings.Repeat("- ", n) + "1", strings.Repeat("f'{", n),
		"a" + strings.Repeat("+a", n), strings.Repeat("if a: pass\nel", n), "x = f'" + strings.Repeat("{a:", n), strings.Repeat("with (a", n), strings.Repeat("\\\n", n),
		strings.Repeat("not ", n) + "a", "lambda: " + strings.Repeat("lambda: ", n), "match " + strings.Repeat("[", 150) + "\n", strings.Repeat("@a\n", n)} {
		if r := Check([]byte(s)); r.Text == "" {
			t.Errorf("%.20q is right", s)
		}
	}
}
