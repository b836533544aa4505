package whittle

import "fmt"

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
