package whittle

import (
	"fmt"
	"strings"
)

// Splice makes edits of a text, which is not changed. They are sorted and do
// not overlap; two that insert at one place go in their order. It is an error
// where they are not, or one lies outside the text.
func Splice(src []byte, edits []Edit) ([]byte, error) {
	out := make([]byte, 0, len(src)+64)
	at := 0
	for i, e := range edits {
		if e.Span.Start < at || e.Span.End < e.Span.Start || e.Span.End > len(src) {
			return nil, fmt.Errorf("edit %d of [%d, %d) overlaps another, is out of order or lies outside the file", i, e.Span.Start, e.Span.End)
		}
		out = append(out, src[at:e.Span.Start]...)
		out = append(out, e.New...)
		at = e.Span.End
	}
	return append(out, src[at:]...), nil
}

// InsertLines inserts whole lines, each without its end, at the start of a line
// or the end of a text, whose lines end in eol. A last line that is open is
// ended first, but for a byte order mark, which is no line.
func InsertLines(src []byte, at int, eol string, lines ...string) Edit {
	var b strings.Builder
	open := at > 0 && src[at-1] != '\n' && string(src[:at]) != "\xef\xbb\xbf"
	for _, l := range lines {
		if open {
			b.WriteString(eol + l)
		} else {
			b.WriteString(l + eol)
		}
	}
	return Edit{Span: Span{Start: at, End: at}, New: b.String()}
}
