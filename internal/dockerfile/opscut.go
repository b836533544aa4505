package dockerfile

import (
	"bytes"
	"slices"
	"strings"

	"whittle.dev/whittle"
)

// cut takes [from, to) out of a script: whole lines where nothing else is on
// them, else with the blanks around it, so that what is left is continued as
// it was. Comment lines within stay. from and to are the ends of words or
// operators.
func (in *Instruction) cut(s *Script, from, to int) ([]whittle.Edit, error) {
	for _, c := range s.Comments {
		if c.Start >= from && c.End <= to {
			return nil, in.unsupported("a comment of the shell is in the way")
		}
	}
	f, src := in.file, in.file.Source
	start, next := f.lineStart(from), f.nextLine(to)
	first := start > in.from && blank(src[start:from])
	rest := trimmed(src[to:next])
	comments := in.commentLines(whittle.Span{Start: from, End: to})
	nl := f.lineEnd()
	edit := func(a, b int, text string) ([]whittle.Edit, error) {
		return []whittle.Edit{{Span: whittle.Span{Start: a, End: b}, New: text}}, nil
	}
	goesOn := string(rest) == `\`
	// What a line would start with must not make it a comment of the file.
	hash := len(rest) > 0 && rest[0] == '#' && !in.inBody(from) && (first || len(comments) > 0)
	switch {
	case first && (goesOn || len(rest) == 0 && !continued(in, s, start)): // whole lines
		text := ""
		if len(comments) > 0 {
			text = strings.Join(comments, nl) + nl
		}
		return edit(start, next, text)
	case len(rest) > 0 && !goesOn && !hash: // something follows on the line
		after := next - len(bytes.TrimLeft(src[to:next], " \t"))
		if joined, ok := joinsUp(in, s, from, to, rest, first); ok {
			return edit(joined, to, "")
		}
		switch {
		case len(comments) > 0:
			return edit(from, after, in.keeping(whittle.Span{Start: from, End: to}))
		case first:
			return edit(from, after, "")
		case after > to, rest[0] == ';', rest[0] == ')':
			return edit(blanksBefore(in, from), to, "")
		}
		return edit(from, to, "")
	case goesOn:
		if len(comments) > 0 {
			return edit(blanksBefore(in, from), next, ` \`+nl+strings.Join(comments, nl)+nl)
		}
		if n, ok := joins(in, from, next); ok {
			return edit(from, n, "")
		}
		return edit(blanksBefore(in, from), to, "")
	}
	return cutLast(in, s, from, to, hash)
}

// joinsUp is the end of the line above, where an operator that follows what is cut
// would be left alone at the beginning of its line.
func joinsUp(in *Instruction, s *Script, from, to int, rest []byte, first bool) (int, bool) {
	if !first || len(rest) == 0 || !bytes.ContainsRune([]byte("&|;"), rune(rest[0])) {
		return 0, false
	}
	at, err := contentBefore(in, s, from)
	if err != nil || at <= in.Span.Start || len(in.commentLines(whittle.Span{Start: at, End: to})) > 0 {
		return 0, false
	}
	return at, true
}

// cutLast removes the last member of a list: the instruction then ends where the
// member before it ends, and comment lines come after it.
func cutLast(in *Instruction, s *Script, from, to int, hash bool) ([]whittle.Edit, error) {
	before, err := contentBefore(in, s, from)
	if err != nil {
		return nil, err
	}
	comments := in.commentLines(whittle.Span{Start: before, End: to})
	if len(comments) == 0 {
		return []whittle.Edit{{Span: whittle.Span{Start: before, End: to}}}, nil
	}
	if len(in.Heredocs) > 0 || hash {
		return nil, in.unsupported("a comment is where the last command would end")
	}
	src, nl := in.file.Source, in.file.lineEnd()
	end := trimLineEnd(src, to, in.file.nextLine(to))
	return []whittle.Edit{{Span: whittle.Span{Start: before, End: end}, New: nl + strings.Join(comments, nl)}}, nil
}

// joins says that what is cut is on the instruction's first line, and that the
// text at next continues right there: only blanks come before it.
func joins(in *Instruction, from, next int) (int, bool) {
	if in.args[0] >= len(in.line.offs) || in.line.offs[in.args[0]] != from {
		return 0, false
	}
	src := in.file.Source
	line := src[next:in.file.nextLine(next)]
	at := next + len(line) - len(bytes.TrimLeft(line, " \t"))
	if bare := trimmed(line); len(bare) == 0 || bare[0] == '#' || string(bare) == `\` {
		return 0, false
	}
	return at, true
}

// inBody says that an offset is in the body of a heredoc.
func (in *Instruction) inBody(at int) bool {
	return len(in.Heredocs) > 0 && at >= in.Heredocs[0].Body.Start
}

// continued says that the line before the one at start goes on in it.
func continued(in *Instruction, s *Script, start int) bool {
	if !in.inBody(start) {
		return true
	}
	above := in.file.lineStart(start - 1)
	line := bytes.TrimRight(in.file.Source[above:start], "\r\n")
	_, more := cutContinuation(line, '\\')
	return more && !s.comments(above+len(line)-1)
}

// comments says that an offset is in a comment of the shell.
func (s *Script) comments(at int) bool {
	return slices.ContainsFunc(s.Comments, func(c whittle.Span) bool { return c.Start <= at && at < c.End })
}

// blanksBefore is where the blanks before an offset start on its line.
func blanksBefore(in *Instruction, at int) int {
	return len(bytes.TrimRight(in.file.Source[:at], " \t"))
}

// contentBefore is the end of what the shell reads before an offset, over
// continuations and comment lines.
func contentBefore(in *Instruction, s *Script, at int) (int, error) {
	if in.inBody(at) {
		for src := in.file.Source; ; {
			at = blanksBefore(in, at)
			cut := bytes.TrimSuffix(bytes.TrimSuffix(src[:at], []byte("\n")), []byte("\r"))
			if len(cut) == at || !bytes.HasSuffix(cut, []byte(`\`)) || s.comments(len(cut)-1) {
				return at, nil
			}
			at = len(cut) - 1
		}
	}
	i, _ := slices.BinarySearch(in.line.offs, at)
	for i > 0 && isSpace(in.line.text[i-1]) {
		i--
	}
	if i <= in.args[0] {
		return 0, in.unsupported("nothing of %s would be left", in.Keyword)
	}
	return in.line.offs[i-1] + 1, nil
}

func trimmed(line []byte) []byte { return bytes.Trim(line, " \t\r\n") }
