package dockerfile

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"whittle.dev/whittle"
)

// Merge applies several fixes' edits together. A set is skipped, and its
// index is among the conflicts, where it overlaps one that was taken before
// it, or where [Apply] refuses it together with those. Edits that insert at one
// place keep the order of the sets, but new lines come after words that continue
// the line. The error is that of a src that does not parse.
func Merge(src []byte, sets ...[]whittle.Edit) (out []byte, conflicts []int, err error) {
	f, err := Parse("Dockerfile", src)
	if err != nil {
		return nil, nil, fmt.Errorf("merging edits: %w", err)
	}
	out = bytes.Clone(src)
	var taken []whittle.Edit
	for i, set := range sets {
		if overlap(taken, set) {
			conflicts = append(conflicts, i)
			continue
		}
		both := slices.Concat(taken, set)
		slices.SortStableFunc(both, byPlace)
		next, err := f.apply(both)
		if err != nil {
			conflicts = append(conflicts, i)
			continue
		}
		out, taken = next.Source, both
	}
	return out, conflicts, nil
}

// byPlace orders edits; of those that insert at one place the ones that start
// a new line come last.
func byPlace(a, b whittle.Edit) int {
	line := func(e whittle.Edit) int {
		if e.Span.Start == e.Span.End && strings.HasPrefix(strings.TrimPrefix(e.New, "\r"), "\n") {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(a.Span.Start, b.Span.Start), cmp.Compare(a.Span.End, b.Span.End), cmp.Compare(line(a), line(b)))
}

// overlap says that edits of both sets change the same bytes, or that one
// inserts within what the other replaces, or words behind what it deletes.
func overlap(a, b []whittle.Edit) bool {
	for _, x := range a {
		for _, y := range b {
			if x.Span.Start < y.Span.End && y.Span.Start < x.Span.End || continues(x, y) || continues(y, x) {
				return true
			}
		}
	}
	return false
}

// continues says that an edit adds words to a command whose end another one
// deletes: they would become words of the command before.
func continues(insert, deletion whittle.Edit) bool {
	at := insert.Span.Start
	if insert.Span.End != at || deletion.Span.End != at || deletion.Span.Start == at || deletion.New != "" {
		return false
	}
	words := strings.TrimLeft(insert.New, " \t\r\n\\")
	return words != "" && !strings.ContainsRune("&;|", rune(words[0]))
}
