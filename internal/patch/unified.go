package patch

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/aymanbagabas/go-udiff"
	"github.com/rogpeppe/go-internal/diff"
)

// unified is the unified diff of two texts, with three lines around each change. Of two
// diffs with as many lines it is the one that keeps lines which are there once: the
// shortest one may say that a line has moved where its neighbours were taken out.
func unified(from, to string, before, after []byte) string {
	short, anchored := shortest(from, to, string(before), string(after)), anchoredDiff(from, to, before, after)
	if changedLines(short) < changedLines(anchored) {
		return short
	}
	return anchored
}

// shortest is a diff of as few lines as possible.
func shortest(from, to, before, after string) string {
	d, err := udiff.ToUnifiedDiff(from, to, before, udiff.Lines(before, after), udiff.DefaultContextLines)
	if err != nil {
		panic("edits of a diff do not fit the text that they were made of: " + err.Error())
	}
	longer := 0
	for _, h := range d.Hunks {
		h.ToLine = h.FromLine + longer // udiff does not count the lines between two changes of a hunk
		for _, l := range h.Lines {
			switch l.Kind {
			case udiff.Insert:
				longer++
			case udiff.Delete:
				longer--
			}
		}
	}
	return d.String()
}

// head is that of a hunk: no other line of a diff begins with @.
var head = regexp.MustCompile(`(?m)^@@ .*$`)

// anchoredDiff is a diff that keeps as many lines as it can of those that both texts
// have once.
func anchoredDiff(from, to string, before, after []byte) string {
	_, d, _ := bytes.Cut(diff.Diff(from, before, to, after), []byte("\n")) // diff from to
	return head.ReplaceAllStringFunc(string(d), func(h string) string {
		return strings.ReplaceAll(h, ",1 ", " ") // as diff(1) has it
	})
}

// changedLines are the lines that a diff takes out or adds.
func changedLines(d string) (n int) {
	for line := range strings.Lines(d) {
		if line[0] == '-' || line[0] == '+' {
			n++
		}
	}
	return n
}
