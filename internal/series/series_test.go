package series

import (
	"strings"
	"testing"
	"unicode/utf8"

	"whittle.dev/whittle"
)

// TestMessages: subjects have at most 72 characters, and so have lines of bodies
// unless one word is longer; no line is one that git or mail takes for its own.
func TestMessages(t *testing.T) {
	for _, titles := range [][]string{{"short"}, {strings.Repeat("word ", 30)}, {strings.Repeat("x", 100)}, {"one", "two"}, {strings.Repeat("ä ", 60), "b", "c"}, {"one title of a certain length that is long", "another title of a certain length that is long"}, {""}} {
		var steps []whittle.RepairStep
		for _, title := range titles {
			steps = append(steps, whittle.RepairStep{Finding: whittle.Finding{Rule: "r", Message: "the image of From and --- and diff and # and > " + strings.Repeat("word ", 40) + "\nFrom x", Fix: &whittle.Fix{Title: title}}})
		}
		if s := Subject(steps); utf8.RuneCountInString(s) > MaxSubject || strings.Contains(s, "\n") || strings.HasSuffix(s, ".") {
			t.Errorf("%d characters: %q", utf8.RuneCountInString(s), s)
		}
		for line := range strings.Lines(Body(steps, nil, 1)) {
			if line = strings.TrimSuffix(line, "\n"); utf8.RuneCountInString(line) > maxBody+8 || strings.HasPrefix(line, "From ") || strings.HasPrefix(line, "---") || strings.HasPrefix(line, "diff") {
				t.Errorf("%q", line)
			}
		}
	}
}
