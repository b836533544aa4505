package pep

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLines(t *testing.T) {
	src := "\ufeffa==1 \\\r\n    --hash=sha256:x  # why\r\n# only this\n    # via b\nb\\\n# ends it\nc#1 \\"
	got := slices.Collect(Lines([]byte(src)))
	want := []Line{
		{Start: 3, End: 39, Number: 1, Text: "a==1     --hash=sha256:x", Comment: "# why"},
		{Start: 39, End: 51, Number: 3, Comment: "# only this"},
		{Start: 51, End: 63, Number: 4, Comment: "# via b", Indented: true},
		{Start: 63, End: 76, Number: 5, Text: "b", Comment: "# ends it"},
		{Start: 76, End: 81, Number: 7, Text: "c#1"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if requirement, options := SplitOptions(want[0].Text); requirement != "a==1" || options != "--hash=sha256:x" {
		t.Errorf("%q with the options %q", requirement, options)
	}
}

// FuzzLines: the lines are the file, each in one piece.
func FuzzLines(f *testing.F) {
	f.Add("a \\\n b # c\r\n#\\\n\\")
	f.Fuzz(func(t *testing.T, src string) {
		at, number := len(src)-len(strings.TrimPrefix(src, "\ufeff")), 1
		for l := range Lines([]byte(src)) {
			if l.Start != at || l.End <= at || l.Number != number || CommentAt(l.Text) >= 0 || l.Comment != "" && l.Comment[0] != '#' {
				t.Fatalf("%q has the line %+v at %d", src, l, at)
			}
			number += strings.Count(src[at:l.End], "\n")
			at = l.End
		}
		if at != len(src) {
			t.Errorf("%q: what is behind %d is in no line", src, at)
		}
	})
}
