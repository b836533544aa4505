package dockerfile

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"whittle.dev/whittle"
)

// Combine puts further edits of a file among those that were taken for it. One that
// is there already is taken once. Edits that insert at one place keep their
// order, but words come before what follows their command, and new lines come
// last. It is an error if two change the same bytes, if one inserts within what
// the other replaces, or if words would go to a command that the other deletes.
func Combine(src []byte, have, more []whittle.Edit) ([]whittle.Edit, error) {
	out := slices.Clone(have)
	for _, e := range more {
		if slices.Contains(have, e) {
			continue
		}
		for _, h := range have {
			if overlap(h.Span, e.Span) || extendsRemoved(src, h, e) || extendsRemoved(src, e, h) {
				return nil, errors.New("another fix changes the same place")
			}
		}
		out = append(out, e)
	}
	slices.SortStableFunc(out, func(a, b whittle.Edit) int {
		return cmp.Or(cmp.Compare(a.Span.Start, b.Span.Start), cmp.Compare(a.Span.End, b.Span.End), cmp.Compare(reach(a), reach(b)))
	})
	return out, nil
}

// reach orders what is inserted at one place: words of the command that ends
// there, then a further command, then a further line. Continuations count as
// blanks.
func reach(e whittle.Edit) int {
	text := e.New
	for {
		text = strings.TrimLeft(text, " \t")
		line, rest, more := strings.Cut(text, "\n")
		if line = strings.TrimRight(line, "\r"); !more || line != `\` {
			break
		}
		text = rest
	}
	switch {
	case strings.HasPrefix(text, "\n"), strings.HasPrefix(text, "\r"):
		return 2
	case strings.HasPrefix(text, "&&"), strings.HasPrefix(text, ";"):
		return 1
	}
	return 0
}

// overlap says that two edits cannot both be made: their spans share a byte,
// or one inserts within the other.
func overlap(a, b whittle.Span) bool {
	return a.Start < b.End && b.Start < a.End
}

// extendsRemoved says that one edit adds words to a command, or to a line, that
// the other removes: they would become words of what is before it.
func extendsRemoved(src []byte, words, removal whittle.Edit) bool {
	at, gone := words.Span.Start, removal.Span
	if words.Span.End != at || gone.End != at || gone.Start == gone.End || removal.New != "" || gone.End > len(src) {
		return false
	}
	return reach(words) == 0 && reach(whittle.Edit{New: string(src[gone.Start:gone.End])}) > 0
}
