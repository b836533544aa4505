package dockerfile

import (
	"slices"
	"strings"
	"unicode/utf8"

	"whittle.dev/whittle"
)

// maxLine is the longest line that edits may make, in columns: several edits,
// each short enough alone, may meet on one line.
const maxLine = 120

// Wrap splices edits as [Apply] does, and continues the lines of a RUN that
// they made longer than 120 columns: after a "&&" where there is one, or before
// it where the line begins with one, else between two words. A line that was as
// long before, and one in the body of a heredoc, stays as it is.
func Wrap(src []byte, edits []Edit) ([]byte, error) {
	before, err := Parse("Dockerfile", src)
	if err != nil {
		return nil, err
	}
	f, err := before.apply(edits)
	if err != nil {
		return nil, err
	}
	for _, at := range slices.Backward(outgrown(before, f, edits)) {
		for at < len(f.Source) {
			next, ok := f.breakLine(at)
			if !ok {
				break // a long line that works is better than none
			}
			f, at = next, next.nextLine(at)
		}
	}
	return f.Source, nil
}

// columns is how long the line at an offset is.
func columns(f *File, at int) int {
	return utf8.RuneCount(f.Source[at:f.nextLine(at)]) - len(f.lineEnd())
}

// outgrown are the starts of the lines that are too long after the edits, and
// were not before, in their order.
func outgrown(f *File, after *File, edits []Edit) (out []int) {
	for i, m := range newMoves(edits) {
		if columns(f, f.lineStart(edits[i].Span.Start)) > maxLine {
			continue
		}
		for at := after.lineStart(m.now.Start); at < len(after.Source) && at <= m.now.End; at = after.nextLine(at) {
			if columns(after, at) > maxLine && !slices.Contains(out, at) {
				out = append(out, at)
			}
		}
	}
	return out
}

// breakLine breaks the line at an offset, if it is too long and of a RUN that
// then runs the same.
func (f *File) breakLine(at int) (*File, bool) {
	if columns(f, at) <= maxLine {
		return nil, false
	}
	for _, in := range f.all() {
		if in.Keyword != "RUN" || at < in.from || at >= in.Span.End || in.inBody(at) || in.editable() != nil {
			continue
		}
		s, err := in.Shell()
		if err != nil || s.Exec {
			return nil, false
		}
		edit, ok := breakAt(in, s, at)
		if !ok {
			return nil, false
		}
		if _, err := in.become([]whittle.Edit{edit}, s.signatures(edit.Span.Start)); err != nil {
			return nil, false
		}
		next, err := f.apply([]Edit{edit})
		return next, err == nil
	}
	return nil, false
}

// breakAt is the edit that breaks the line at an offset: at the last place
// where it is short enough, and between commands rather than within one.
func breakAt(in *Instruction, s *Script, at int) (Edit, bool) {
	src := in.file.Source
	end := min(in.file.nextLine(at), in.Span.End)
	line := string(src[at:end])
	indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
	deeper := indent + "    "
	if strings.HasPrefix(indent, "\t") {
		deeper = indent + "\t"
	}
	leading := strings.HasPrefix(line[len(indent):], "&&")
	list := indent // where the next command of the list is
	if at <= in.from {
		list = deeper
	}
	fits := func(i int) bool {
		return i > at && i < end && src[i] == ' ' && src[i-1] != ' ' && utf8.RuneCount(src[at:i]) <= maxLine-2
	}
	edit := func(i int, indent string) Edit {
		return Edit{Span: whittle.Span{Start: i, End: i + 1}, New: ` \` + in.file.lineEnd() + indent}
	}
	operator, word := 0, 0
	goesOn := at > in.from && !leading // the line goes on with a command
	for _, c := range s.commands {
		goesOn = goesOn && c.Span.Start != at+len(indent)
		if c.Depth > 0 || len(c.Words) == 0 {
			continue
		}
		if op := c.After; op.Text == "&&" {
			i := op.Span.End
			if leading {
				i = op.Span.Start - 1
			}
			if fits(i) {
				operator = i
			}
		}
		for k, w := range c.Words[1:] {
			if i := w.Span.Start - 1; fits(i) && !strings.HasPrefix(c.Words[k].Text, "-") {
				word = i
			}
		}
	}
	switch {
	case operator > 0:
		return edit(operator, list), true
	case word > 0 && goesOn:
		return edit(word, indent), true
	case word > 0:
		return edit(word, deeper), true
	}
	return Edit{}, false
}
