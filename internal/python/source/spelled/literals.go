package spelled

import "whittle.dev/whittle/internal/python/source"

// Literal is a string of a source.
type Literal struct {
	// Start and End are the bytes of its content in the source; a prefix and
	// quotes are not among them. Line is the line that it starts on, from 1.
	Start, End, Line int
}

// Literals are the strings of a source, in their order, without those that are
// statements by themselves: documentation. ok is false where the source cannot
// be read as Python.
func Literals(src []byte) (out []Literal, ok bool) {
	l := source.NewLexer(src)
	for l.Next() {
		said := false
		for _, t := range l.Tokens {
			said = said || t.Kind != source.StringToken
		}
		if !said {
			continue
		}
		for _, t := range l.Tokens {
			if t.Kind == source.StringToken || t.Kind == source.FormatToken {
				out = append(out, Literal{Start: int(t.Start), End: int(t.End), Line: t.Line()})
			}
		}
	}
	return out, l.Broken == ""
}
