package edit

import (
	"bytes"
	"cmp"
	"slices"

	"whittle.dev/whittle"
)

// splice is [whittle.Splice] with this room's error.
func splice(src []byte, edits []whittle.Edit) ([]byte, error) {
	out, err := whittle.Splice(src, edits)
	if err != nil {
		return nil, whittle.ErrUnsupported.Errorf("%v", err)
	}
	return out, nil
}

func sortEdits(edits []whittle.Edit) {
	slices.SortStableFunc(edits, func(a, b whittle.Edit) int {
		return cmp.Or(cmp.Compare(a.Span.Start, b.Span.Start), cmp.Compare(a.Span.End, b.Span.End))
	})
}

func insertion(at int, text string) whittle.Edit {
	return whittle.Edit{Span: whittle.Span{Start: at, End: at}, New: text}
}

// deletions are edits that delete the union of some spans.
func deletions(spans []whittle.Span) []whittle.Edit {
	slices.SortFunc(spans, func(a, b whittle.Span) int { return cmp.Compare(a.Start, b.Start) })
	var out []whittle.Edit
	for _, s := range spans {
		if n := len(out); n > 0 && s.Start <= out[n-1].Span.End {
			out[n-1].Span.End = max(out[n-1].Span.End, s.End)
		} else if s.End > s.Start {
			out = append(out, whittle.Edit{Span: s})
		}
	}
	return out
}

// text is a file with its way to end lines.
type text struct {
	src []byte
	eol string
}

// newText looks at the first line's end.
func newText(src []byte) text {
	if i := bytes.IndexByte(src, '\n'); i > 0 && src[i-1] == '\r' {
		return text{src, "\r\n"}
	}
	return text{src, "\n"}
}

// lineStart is where the line of an offset starts.
func (t *text) lineStart(at int) int { return bytes.LastIndexByte(t.src[:at], '\n') + 1 }

// nextLine is where the line after an offset's starts, or the file ends.
func (t *text) nextLine(at int) int {
	if i := bytes.IndexByte(t.src[at:], '\n'); i >= 0 {
		return at + i + 1
	}
	return len(t.src)
}

// lineEnd is where the content of an offset's line ends, without the line's
// end.
func (t *text) lineEnd(at int) int {
	end := t.nextLine(at)
	if end > at && t.src[end-1] == '\n' {
		end--
		if end > at && t.src[end-1] == '\r' {
			end--
		}
	}
	return end
}

// sameLine says that no line ends between two offsets.
func (t *text) sameLine(a, b int) bool { return bytes.IndexByte(t.src[a:b], '\n') < 0 }

// indent is the white space in front of an offset, where nothing else is on
// its line.
func (t *text) indent(at int) (string, bool) {
	s := t.src[t.lineStart(at):at]
	return string(s), len(bytes.Trim(s, " \t")) == 0
}

// addLines inserts whole lines, each without its end, at the start of a line or
// the end of the file.
func (t *text) addLines(at int, lines ...string) whittle.Edit {
	return whittle.InsertLines(t.src, at, t.eol, lines...)
}

// wholeLines is the span of the lines from one offset to another.
func (t *text) wholeLines(from, to int) whittle.Span {
	return t.openEnd(whittle.Span{Start: t.lineStart(from), End: t.nextLine(to)})
}

// openEnd is a span of whole lines to delete. At the end of a file that does
// not end its last line, the line's end before goes too.
func (t *text) openEnd(s whittle.Span) whittle.Span {
	if s.End == len(t.src) && s.Start > 0 && t.src[s.End-1] != '\n' && t.src[s.Start-1] == '\n' {
		s.Start--
		if s.Start > 0 && t.src[s.Start-1] == '\r' {
			s.Start--
		}
	}
	return s
}

func limited(src []byte, most int) error {
	if len(src) > most {
		return whittle.ErrLimit.Errorf("more than %s", whittle.Bytes(int64(most)))
	}
	return nil
}

// counted is limited for lines.
func counted(lines int) error {
	if lines > maxLines {
		return whittle.ErrLimit.Errorf("more than %d lines", maxLines)
	}
	return nil
}
