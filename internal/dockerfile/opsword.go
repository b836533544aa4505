package dockerfile

import (
	"slices"
	"strings"

	"whittle.dev/whittle"

	"mvdan.cc/sh/v3/syntax"
)

// AddWords puts words after c.Words[after], on a line where that one has its
// own. They are taken as they are: [shell.Quote] makes one of a value. The JSON form
// is refused.
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
	return insertWords(in, s, c, after+1, at, gap(in, c.Words[after:after+1], 0)+text, words)
}

// insertWords checks an edit at a byte that puts words before c.Words[before].
func insertWords(in *Instruction, s *Script, c Command, before, at int, text string, words []string) (whittle.Edit, error) {
	edit := whittle.Edit{Span: whittle.Span{Start: at, End: at}, New: text}
	want := s.signatures(at)
	want[s.index(c)] = c.signature(at, func(old []string) []string { return slices.Insert(old, before, words...) })
	if _, err := in.become([]whittle.Edit{edit}, want); err != nil {
		return whittle.Edit{}, err
	}
	return edit, nil
}

// AddToList puts a word among c.Words[first:], the names that a command lists
// after its options: at its place where they are sorted, else before the
// first; on a line where they have their own. The JSON form is refused.
func (in *Instruction) AddToList(c Command, first int, word string) (whittle.Edit, error) {
	s, err := in.shellForm(c)
	if err != nil {
		return whittle.Edit{}, err
	}
	if first < 1 || first >= len(c.Words) {
		return whittle.Edit{}, in.misuse("%s has no word %d", c.Name(), first)
	}
	if !isWords(word, 1) {
		return whittle.Edit{}, in.misuse("%.80q is not a word of a shell", word)
	}
	list := c.Words[first:]
	if end := slices.IndexFunc(list, func(w Word) bool { return strings.HasPrefix(w.Text, "-") }); end > 0 {
		list = list[:end] // options after the names
	}
	byText := func(a, b Word) int { return strings.Compare(a.Text, b.Text) }
	k := 0
	if slices.IsSortedFunc(list, byText) {
		if k, _ = slices.BinarySearchFunc(list, Word{Text: word}, byText); k == len(list) {
			return insertWords(in, s, c, first+k, list[k-1].Span.End, gap(in, list, k-1)+word, []string{word})
		}
	}
	return insertWords(in, s, c, first+k, list[k].Span.Start, word+gap(in, list, k), []string{word})
}

// gap separates words of a list from list[k]: a blank, or a continuation where that
// has a line to itself.
func gap(in *Instruction, list []Word, k int) string {
	w := list[k]
	start := in.file.lineStart(w.Span.Start)
	for _, other := range list[max(0, k-1):min(len(list), k+2)] {
		if other != w && in.file.lineStart(other.Span.Start) == start {
			return " "
		}
	}
	if lead := in.file.Source[start:w.Span.Start]; start > in.from && blank(lead) {
		return ` \` + in.file.lineEnd() + string(lead)
	}
	return " "
}

// RemoveWords takes c.Words[from:to] out, with their lines where nothing else
// is on them. The program itself, and the JSON form, are refused.
func (in *Instruction) RemoveWords(c Command, from, to int) ([]whittle.Edit, error) {
	s, err := in.shellForm(c)
	if err != nil {
		return nil, err
	}
	if from < 1 || from >= to || to > len(c.Words) {
		return nil, in.misuse("%s has no words %d to %d after its name", c.Name(), from, to)
	}
	for _, r := range c.Redirects {
		if r.Span.Start > c.Words[from].Span.Start && r.Span.End < c.Words[to-1].Span.End {
			return nil, in.unsupported("a redirection is between the words of %s", c.Name())
		}
	}
	edits, err := in.cut(s, c.Words[from].Span.Start, c.Words[to-1].Span.End)
	if err != nil {
		return nil, err
	}
	at := edits[0].Span.Start
	want := s.without(at, whittle.Span{Start: c.Words[from].Span.Start, End: c.Words[to-1].Span.End})
	want[s.index(c)] = c.signature(at, func(old []string) []string { return slices.Delete(old, from, to) })
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
	one := scriptOf("words", "x "+text)
	file, err := one.parse(one.line, syntax.LangBash)
	if err != nil || len(file.Stmts) != 1 || len(file.Last) > 0 {
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

// signatures are what each command of the script runs, without its place. The
// words that an edit at a byte is inside of are left open.
func (s *Script) signatures(edit int) []string {
	return s.without(edit, whittle.Span{})
}

// without are the signatures of the commands that do not lie within a span.
func (s *Script) without(edit int, span whittle.Span) []string {
	var out []string
	for i := range s.commands {
		if c := &s.commands[i]; c.Span.Start < span.Start || c.Span.End > span.End {
			out = append(out, c.signature(edit, func(words []string) []string { return words }))
		}
	}
	return out
}

// signature is what the command runs, with changed words.
func (c *Command) signature(edit int, change func([]string) []string) string {
	text := func(w Word) string {
		if w.Span.Start < edit && edit < w.Span.End {
			return "\x02"
		}
		return w.Text
	}
	var words []string
	for _, w := range c.Words {
		words = append(words, text(w))
	}
	var b strings.Builder
	for _, a := range c.Assigns {
		b.WriteString(text(a) + "\x00")
	}
	b.WriteString("\x01" + strings.Join(change(words), "\x00") + "\x01")
	for _, r := range c.Redirects {
		b.WriteString(r.Op + "\x00" + text(r.Target) + "\x00")
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
	now, err := in.with(edits)
	if err != nil {
		return nil, err
	}
	s, err := now.Shell()
	if err != nil || !slices.Equal(s.signatures(edits[0].Span.Start), want) {
		return nil, in.unsupported("%s would not run what it should", in.Keyword)
	}
	return edits, nil
}
