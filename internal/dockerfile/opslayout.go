package dockerfile

import (
	"slices"
	"strings"

	"whittle.dev/whittle"
)

// longLine is how long a line may get, in bytes, before what is appended goes
// on a separate line, or is continued on the next.
const longLine = 100

// breakLines continues a command on further lines, four columns further in, where it
// would make its line too long. lead comes before it, at a column of its line.
// The paths of an "rm" after its first get a line each; the tests of a "find" are filled into
// lines, none parted from its value.
func (f *File) breakLines(lead string, column int, command string) string {
	indent := ""
	if i := strings.LastIndexByte(lead, '\n'); i >= 0 {
		lead, column = lead[i+1:], 0
		indent = lead[:len(lead)-len(strings.TrimLeft(lead, " \t"))]
	}
	column += len(lead)
	if column+len(command) <= longLine {
		return command
	}
	pieces, each := breakable(command)
	var b strings.Builder
	for i, piece := range pieces {
		switch {
		case i == 0:
		case each || column+1+len(piece) > longLine:
			b.WriteString(` \` + f.lineEnd() + indent + "    ")
			column = len(indent) + 4
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(piece)
		column += len(piece)
	}
	return b.String()
}

// breakable parts a command at the blanks where a line may end; each says that
// all of the pieces but the first are paths to be listed, a line each.
func breakable(command string) (pieces []string, each bool) {
	s, err := ParseShell("command", command)
	if err != nil {
		return []string{command}, false
	}
	done := 0
	for _, c := range s.Commands() {
		for i := 1; i < len(c.Words); i++ {
			if at := c.Words[i].Span.Start; breaks(&c, i) && command[c.Words[i-1].Span.End:at] == " " {
				pieces = append(pieces, command[done:at-1])
				done, each = at, each || c.Name() == "rm"
			}
		}
	}
	return append(pieces, command[done:]), each
}

// breaks says that a line may end before a word of a command. A group of tests
// is parted only where it does not fit on a line.
func breaks(c *Command, i int) bool {
	word, before := c.Words[i].Text, c.Words[i-1].Text
	is := func(text string) func(Word) bool { return func(w Word) bool { return w.Text == text } }
	switch {
	case c.Name() == "rm":
		return i > 1 && !strings.HasPrefix(word, "-") && !strings.HasPrefix(before, "-")
	case c.Name() != "find" || before == "!" || before == "-o" || slices.ContainsFunc(c.Words[:i], is("-exec")):
		return false
	}
	open, closed := -1, slices.IndexFunc(c.Words[i:], is(`\)`))
	for k, w := range c.Words[:i] {
		if w.Text == `\(` {
			open = k
		} else if w.Text == `\)` {
			open = -1
		}
	}
	if open >= 0 && closed >= 0 {
		return word == "-o" && c.Words[i+closed].Span.End-c.Words[open].Span.Start > longLine-20
	}
	return strings.HasPrefix(word, "-") || word == "!" || word == `\(`
}

// removal says that a command is "rm -rf" and paths, and gives their words.
func (c *Command) removal() (paths []Word, ok bool) {
	if c.Name() != "rm" || c.Negated || len(c.Redirects) > 0 || len(c.Assigns) > 0 {
		return nil, false
	}
	recursive, force := false, false
	for i, w := range c.Words[1:] {
		switch {
		case w.Text == "" || w.Text == "--" || strings.HasPrefix(w.Text, "--"):
			return nil, false
		case w.Text[0] == '-' && len(paths) > 0:
			return nil, false
		case w.Text[0] == '-':
			if strings.Trim(w.Text[1:], "rRf") != "" {
				return nil, false
			}
			recursive, force = recursive || strings.ContainsAny(w.Text, "rR"), force || strings.Contains(w.Text, "f")
		default:
			paths = append(paths, c.Words[i+1])
		}
	}
	return paths, recursive && force && len(paths) > 0
}

// removed are the paths of a script that is one "rm -rf".
func removed(s *Script) ([]Word, bool) {
	if len(s.commands) != 1 {
		return nil, false
	}
	return s.commands[0].removal()
}

// endsInRemoval is the "rm -rf" that a script ends with: the member at a span.
func (s *Script) endsInRemoval(last whittle.Span) (*Command, bool) {
	if len(s.commands) == 0 {
		return nil, false
	}
	c := &s.commands[len(s.commands)-1]
	_, ok := c.removal()
	return c, ok && c.Span == last && c.Depth == 0
}

// removeToo has an "rm -rf" delete further paths, each on a line where its own
// are. It is refused where it deletes them all already.
func (in *Instruction) removeToo(rm *Command, paths []Word) (whittle.Edit, error) {
	have, _ := rm.removal()
	var words []string
	for _, p := range paths {
		if !slices.ContainsFunc(have, func(w Word) bool { return w.Text == p.Text }) {
			words = append(words, p.Text)
		}
	}
	if len(words) == 0 {
		return whittle.Edit{}, in.unsupported("%s deletes that already", in.Keyword)
	}
	last := len(rm.Words) - 1
	edit, err := in.AddWords(*rm, last, words...)
	if err != nil {
		return edit, err
	}
	start := in.file.lineStart(rm.Words[last].Span.Start)
	line := string(in.file.Source[start:edit.Span.Start])
	indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
	own := blank([]byte(line[:rm.Words[last].Span.Start-start]))
	line = line[strings.LastIndexByte(line, '\n')+1:] // the word may go over lines
	if in.inBody(start) || !own && len(line)+len(edit.New) <= longLine {
		return edit, nil
	}
	if !own {
		indent += "    "
	}
	next := ` \` + in.file.lineEnd() + indent
	edit.New = next + strings.Join(words, next)
	s, err := in.Shell()
	if err != nil {
		return edit, err
	}
	want := s.signatures(edit.Span.Start)
	want[s.index(*rm)] = rm.signature(edit.Span.Start, func(old []string) []string { return slices.Concat(old, words) })
	_, err = in.become([]whittle.Edit{edit}, want)
	return edit, err
}
