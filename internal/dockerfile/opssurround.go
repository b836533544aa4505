package dockerfile

import (
	"slices"
	"strings"

	"whittle.dev/whittle"

	"mvdan.cc/sh/v3/syntax"
)

// Surround puts commands before and after those of a RUN, each on a line of its own,
// in the layout of the RUN's list. All run in order, and none if one before it fails:
// the script must be commands joined by "&&" alone, or by ";" after "set -e". Refused
// as unsupported: the JSON form, heredocs, comments of the shell, other scripts.
func (in *Instruction) Surround(before, after []string) ([]whittle.Edit, error) {
	s, c, first, err := in.sequence()
	if err != nil {
		return nil, err
	}
	last := len(c.members) - 1
	lead, ok := c.layout(0)
	if !ok {
		lead = c.joint(last) + ` \` + in.file.lineEnd() + "    "
	}
	old := s.signatures(-1)
	skip := slices.IndexFunc(s.commands, func(o Command) bool { return o.Span.Start >= c.members[first].Start })
	want := slices.Clone(old[:skip])
	start := whittle.Edit{Span: whittle.Span{Start: c.members[first].Start, End: c.members[first].Start}}
	for _, command := range before {
		more, err := asCommand(in, command)
		if err != nil {
			return nil, err
		}
		want = append(want, more.signatures(-1)...)
		start.New += in.file.breakLines(lead, 0, command) + lead
	}
	want = append(want, old[skip:]...)
	at := in.line.offs[in.args[1]-1] + 1
	end := whittle.Edit{Span: whittle.Span{Start: at, End: at}}
	for _, command := range after {
		more, err := asCommand(in, command)
		if err != nil {
			return nil, err
		}
		want = append(want, more.signatures(-1)...)
		end.New += lead + in.file.breakLines(lead, 0, command)
	}
	edits := slices.DeleteFunc([]whittle.Edit{start, end}, func(e whittle.Edit) bool { return e.New == "" })
	if len(edits) == 0 {
		return nil, nil
	}
	return in.become(edits, want)
}

// InsertCommand puts a command before another one of a RUN, in the layout of the RUN's
// list. It runs if those before it succeed, and those after it run only if it does. It
// is refused for what [Instruction.Surround] refuses, and before the first command.
func (in *Instruction) InsertCommand(before Command, command string) (whittle.Edit, error) {
	s, c, first, err := in.sequence()
	if err != nil {
		return whittle.Edit{}, err
	}
	at := slices.IndexFunc(c.members, func(m member) bool { return m.Span == before.Span })
	lead, ok := c.layout(0)
	if at <= first || before.Depth > 0 || !ok && strings.Contains(string(in.file.Source[c.members[0].Start:before.Span.Start]), "\n") {
		return whittle.Edit{}, in.unsupported("nothing can be put before %s", before.Name())
	}
	if !ok {
		lead = string(in.file.Source[c.members[at-1].End:before.Span.Start])
	}
	more, err := asCommand(in, command)
	if err != nil {
		return whittle.Edit{}, err
	}
	old := s.signatures(-1)
	skip := slices.IndexFunc(s.commands, func(o Command) bool { return o.Span.Start >= before.Span.Start })
	edit := whittle.Edit{Span: whittle.Span{Start: before.Span.Start, End: before.Span.Start}, New: in.file.breakLines(lead, 0, command) + lead}
	_, err = in.become([]whittle.Edit{edit}, slices.Concat(old[:skip], more.signatures(-1), old[skip:]))
	return edit, err
}

// sequence is the script of a RUN as commands of which each runs only if those before
// it succeed; first is the one before which others can be put.
func (in *Instruction) sequence() (s *Script, c *chain, first int, err error) {
	if in.Keyword != "RUN" || len(in.Heredocs) > 0 {
		return nil, nil, 0, in.unsupported("%s takes no further commands", in.Keyword)
	}
	s, err = in.Shell()
	switch {
	case err != nil:
		return nil, nil, 0, err
	case s.Exec:
		return nil, nil, 0, in.unsupported("the JSON form of RUN runs one command")
	case len(s.Comments) > 0:
		return nil, nil, 0, in.unsupported("the script of RUN has comments of the shell")
	}
	if err := in.editable(); err != nil {
		return nil, nil, 0, err
	}
	c, err = in.chain()
	if err != nil {
		return nil, nil, 0, err
	}
	last, err := c.last()
	if err != nil {
		return nil, nil, 0, err
	}
	first, err = c.beginning(last)
	return s, c, first, err
}

// beginning is the member before which commands can be put, so that it and all others
// up to the last run only if those succeed.
func (c *chain) beginning(last int) (int, error) {
	if call, ok := c.members[0].stmt.Cmd.(*syntax.CallExpr); ok && last > 0 && isSet(call) && c.errexit(last) {
		if op := c.members[0].after.Text; op == "&&" && len(c.tree.Stmts) == 1 || op == ";" && c.all(1, last, ";") {
			return 1, nil
		}
	}
	if len(c.tree.Stmts) != 1 || !plainChain(c.tree.Stmts[0]) || !c.all(0, last, "&&") {
		return 0, c.in.unsupported("the script of RUN is not commands joined by && alone")
	}
	return 0, nil
}

// all says that the members from one to another are joined by one operator, or by
// "&&" where a failure then ends the script as well.
func (c *chain) all(from, to int, op string) bool {
	for i := from; i < to; i++ {
		if text := c.members[i].after.Text; text != op && text != "&&" || strings.TrimSpace(text) == "" {
			return false
		}
	}
	return true
}
