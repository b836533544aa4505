package dockerfile

import (
	"bytes"
	"slices"
	"strings"

	"whittle"

	"mvdan.cc/sh/v3/syntax"
)

// AddWords puts words behind c.Words[after]. They are taken as they are: [Quote]
// makes one of a value. The JSON form is refused.
func (in *Instruction) AddWords(c Command, after int, words ...string) (whittle.Edit, error) {
	s, err := in.shellForm(c)
	if err != nil {
		return whittle.Edit{}, err
	}
	if after < 0 || after >= len(c.Words) {
		return whittle.Edit{}, in.misuse("%s has no word %d", c.Name(), after)
	}
	text := strings.Join(words, " ")
	if !isWords(text, len(words)) {
		return whittle.Edit{}, in.misuse("%.80q are not %d words of a shell", text, len(words))
	}
	at := c.Words[after].Span.End
	edit := whittle.Edit{Span: whittle.Span{Start: at, End: at}, New: " " + text}
	want := s.signatures()
	i := s.index(c)
	want[i] = c.with(func(old []string) []string { return slices.Insert(old, after+1, words...) })
	_, err = in.become([]whittle.Edit{edit}, want)
	return edit, err
}

// RemoveWords takes c.Words[from:to] out, with their lines where nothing else
// stands there. The program itself, and the JSON form, are refused.
func (in *Instruction) RemoveWords(c Command, from, to int) ([]whittle.Edit, error) {
	s, err := in.shellForm(c)
	if err != nil {
		return nil, err
	}
	if from < 1 || from >= to || to > len(c.Words) {
		return nil, in.misuse("%s has no words %d to %d behind its name", c.Name(), from, to)
	}
	for _, r := range c.Redirects {
		if r.Span.Start > c.Words[from].Span.Start && r.Span.End < c.Words[to-1].Span.End {
			return nil, in.unsupported("a redirection stands between the words of %s", c.Name())
		}
	}
	edits, err := in.cut(s, c.Words[from].Span.Start, c.Words[to-1].Span.End)
	if err != nil {
		return nil, err
	}
	want := s.without(whittle.Span{Start: c.Words[from].Span.Start, End: c.Words[to-1].Span.End})
	want[s.index(c)] = c.with(func(old []string) []string { return slices.Delete(old, from, to) })
	return in.become(edits, want)
}

// shellForm is the script that the command is of, where it can be edited.
func (in *Instruction) shellForm(c Command) (*Script, error) {
	if err := in.editable(); err != nil {
		return nil, err
	}
	s, err := in.Shell()
	switch {
	case err != nil:
		return nil, err
	case s.Exec:
		return nil, in.unsupported("the JSON form of %s runs no shell", in.Keyword)
	case s.index(c) < 0:
		return nil, in.misuse("the command at byte %d is none of %s", c.Span.Start, in.Keyword)
	}
	return s, nil
}

// isWords says that a text is so many words of a shell and nothing else.
func isWords(text string, n int) bool {
	if n == 0 || strings.ContainsAny(text, "\r\n\x00") {
		return false
	}
	file, err := syntax.NewParser(syntax.KeepComments(true)).Parse(strings.NewReader("x "+text), "")
	if err != nil || len(file.Stmts) != 1 || len(file.Last) > 0 || len(text) > maxScript {
		return false
	}
	st := file.Stmts[0]
	call, ok := st.Cmd.(*syntax.CallExpr)
	return ok && len(call.Args) == n+1 && len(st.Redirs) == 0 && len(st.Comments) == 0 && !st.Semicolon.IsValid()
}

// index is the place of a command in the script, -1 where it is not there.
func (s *Script) index(c Command) int {
	return slices.IndexFunc(s.commands, func(o Command) bool { return o.Span == c.Span && o.Depth == c.Depth })
}

// signatures say what each command of the script runs, without its place.
func (s *Script) signatures() []string {
	out := make([]string, len(s.commands))
	for i := range s.commands {
		out[i] = s.commands[i].with(func(words []string) []string { return words })
	}
	return out
}

// without are the signatures of the commands that do not lie within a span.
func (s *Script) without(span whittle.Span) []string {
	var out []string
	for i, sign := range s.signatures() {
		if c := s.commands[i].Span; c.Start < span.Start || c.End > span.End {
			out = append(out, sign)
		}
	}
	return out
}

// with is the signature of the command with other words.
func (c *Command) with(change func([]string) []string) string {
	var words []string
	for _, w := range c.Words {
		words = append(words, w.Text)
	}
	var b strings.Builder
	for _, a := range c.Assigns {
		b.WriteString(a.Text + "\x00")
	}
	b.WriteString("\x01" + strings.Join(change(words), "\x00") + "\x01")
	for _, r := range c.Redirects {
		b.WriteString(r.Op + "\x00" + r.Target.Text + "\x00")
	}
	b.WriteByte(byte(min(c.Depth, 255)))
	if c.Negated {
		b.WriteByte('!')
	}
	return b.String()
}

// become gives the edits if Apply takes them and the instruction's shell then
// runs exactly the wanted commands.
func (in *Instruction) become(edits []whittle.Edit, want []string) ([]whittle.Edit, error) {
	after, err := in.file.apply(edits)
	if err != nil {
		return nil, in.unsupported("%s cannot be edited: %v", in.Keyword, err)
	}
	i := slices.IndexFunc(in.file.all(), func(o *Instruction) bool { return o.Span == in.Span })
	if all := after.all(); i >= 0 && i < len(all) {
		if s, err := all[i].Shell(); err == nil && slices.Equal(s.signatures(), want) {
			return edits, nil
		}
	}
	return nil, in.unsupported("%s would not run what it should", in.Keyword)
}

// cut takes [from, to) out of a script: whole lines where nothing else stands
// there, else with the blanks around it, so that what is left is continued as
// it was. Comment lines within stay. from and to are the ends of words or
// operators.
func (in *Instruction) cut(s *Script, from, to int) ([]whittle.Edit, error) {
	for _, c := range s.Comments {
		if c.Start >= from && c.End <= to {
			return nil, in.unsupported("a comment of the shell stands in the way")
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
	case first && (goesOn || len(rest) == 0 && !in.continued(start)): // whole lines
		text := ""
		if len(comments) > 0 {
			text = strings.Join(comments, nl) + nl
		}
		return edit(start, next, text)
	case len(rest) > 0 && !goesOn && !hash: // something follows on the line
		after := next - len(bytes.TrimLeft(src[to:next], " \t"))
		switch {
		case len(comments) > 0:
			return edit(from, after, in.keeping(whittle.Span{Start: from, End: to}))
		case first:
			return edit(from, after, "")
		case after > to:
			return edit(in.blanksBefore(from), to, "")
		}
		return edit(from, to, "")
	case goesOn:
		if len(comments) > 0 {
			return edit(in.blanksBefore(from), next, ` \`+nl+strings.Join(comments, nl)+nl)
		}
		if n, ok := in.joins(from, next); ok {
			return edit(from, n, "")
		}
		return edit(in.blanksBefore(from), to, "")
	}
	// The last of the list.
	before, err := in.contentBefore(from)
	if err != nil {
		return nil, err
	}
	comments = in.commentLines(whittle.Span{Start: before, End: to})
	if len(comments) == 0 {
		return edit(before, to, "")
	}
	if len(in.Heredocs) > 0 || hash {
		return nil, in.unsupported("a comment stands where the last command would end")
	}
	return edit(before, to+len(bytes.TrimRight(src[to:next], "\r\n")), nl+strings.Join(comments, nl))
}

// joins says that what is cut stands on the instruction's first line, and that
// the text at next goes on right there: nothing but blanks stands before it.
func (in *Instruction) joins(from, next int) (int, bool) {
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
func (in *Instruction) continued(start int) bool {
	if !in.inBody(start) {
		return true
	}
	_, more := cutContinuation(bytes.TrimRight(in.file.Source[in.file.lineStart(start-1):start], "\r\n"), '\\')
	return more
}

// blanksBefore is where the blanks before an offset start on its line.
func (in *Instruction) blanksBefore(at int) int {
	return len(bytes.TrimRight(in.file.Source[:at], " \t"))
}

// contentBefore is the end of what the shell reads before an offset, over
// continuations and comment lines.
func (in *Instruction) contentBefore(at int) (int, error) {
	if in.inBody(at) {
		for src := in.file.Source; ; {
			at = in.blanksBefore(at)
			cut := bytes.TrimSuffix(bytes.TrimSuffix(src[:at], []byte("\n")), []byte("\r"))
			if len(cut) == at || !bytes.HasSuffix(cut, []byte(`\`)) {
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
