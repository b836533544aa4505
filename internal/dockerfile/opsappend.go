package dockerfile

import (
	"strings"

	"whittle.dev/whittle"

	"mvdan.cc/sh/v3/syntax"
)

// AppendCommand puts " && command" at the end of a RUN, laid out as the
// instruction's own list is: on one line, with the operators at the line ends
// or at their beginnings, with ";" where the script runs under set -e and joins
// its commands so. A line that would get too long is continued. What failed
// before still fails. The words of an "rm -rf" go to the one that the RUN ends
// with, if it does.
//
// A script in a heredoc gets a further line where it runs under set -e and
// ends with a command or pipeline, for then nothing hides a failure; else its
// last list is continued by "&&", which changes nothing about the commands
// before it.
//
// Refused as unsupported: the JSON form, scripts that cannot be read, and those
// whose last list is not commands joined by "&&" alone, has its own end
// (";", "&", a comment), or ends the shell itself (exec, exit, return).
func (in *Instruction) AppendCommand(command string) (whittle.Edit, error) {
	if in.Keyword != "RUN" {
		return whittle.Edit{}, in.unsupported("%s takes no further command", in.Keyword)
	}
	s, err := in.Shell()
	switch {
	case err != nil:
		return whittle.Edit{}, err
	case s.Exec:
		return whittle.Edit{}, in.unsupported("the JSON form of RUN runs one command")
	}
	if err := in.editable(); err != nil {
		return whittle.Edit{}, err
	}
	more, err := asCommand(in, command)
	if err != nil {
		return whittle.Edit{}, err
	}
	c, err := in.chain()
	if err != nil {
		return whittle.Edit{}, err
	}
	last, err := c.last()
	if err != nil {
		return whittle.Edit{}, err
	}
	if rm, ok := s.endsInRemoval(c.members[last].Span); ok {
		if paths, ok := removed(more); ok {
			return in.removeToo(rm, paths)
		}
	}
	var edit whittle.Edit
	switch {
	case !in.inBody(c.members[last].Start):
		edit, err = c.appendInLine(s, last, command)
	case c.errexit(last) && c.exits(last):
		edit = c.appendLine(last, command)
	default:
		edit, err = c.appendInBody(last, command)
	}
	if err != nil {
		return whittle.Edit{}, err
	}
	want := append(s.signatures(edit.Span.Start), more.signatures(-1)...)
	if _, err := in.become([]whittle.Edit{edit}, want); err != nil {
		return whittle.Edit{}, err
	}
	return edit, nil
}

// asCommand reads a command that is to be appended.
func asCommand(in *Instruction, command string) (*Script, error) {
	if strings.ContainsAny(command, "\r\n\x00") || strings.Contains(command, "<<") {
		return nil, in.misuse("%.80q does not fit on a line", command)
	}
	one := scriptOf(in.file.Name, command)
	c, err := one.chain()
	if err != nil {
		return nil, in.misuse("%.80q cannot be read as a command", command)
	}
	s, err := one.read(one.line, syntax.LangBash)
	if err != nil || len(c.tree.Stmts) != 1 || len(s.Comments) > 0 || !plainChain(c.tree.Stmts[0]) {
		return nil, in.misuse("%.80q is more than commands joined by &&", command)
	}
	return s, nil
}

// plainChain says that a statement is commands and pipelines joined by "&&"
// alone, so that "&&" and more can follow.
func plainChain(st *syntax.Stmt) bool {
	if st.Semicolon.IsValid() || st.Background || st.Coprocess {
		return false
	}
	switch c := st.Cmd.(type) {
	case *syntax.BinaryCmd:
		switch c.Op {
		case syntax.AndStmt:
			return plainChain(c.X) && plainChain(c.Y)
		case syntax.OrStmt:
			return false
		}
	case *syntax.CoprocClause:
		return false
	}
	return true
}

// last is the member that a command can follow.
func (c *chain) last() (int, error) {
	n := len(c.members)
	if n == 0 {
		return 0, c.in.unsupported("the script of RUN is empty")
	}
	if !plainChain(c.tree.Stmts[len(c.tree.Stmts)-1]) {
		return 0, c.in.unsupported("the script of RUN does not end with commands joined by &&")
	}
	if call, ok := c.members[n-1].stmt.Cmd.(*syntax.CallExpr); ok && len(call.Args) > 0 {
		switch name := call.Args[0].Lit(); {
		case name == "exit", name == "return", name == "break", name == "continue", name == "exec" && len(call.Args) > 1:
			return 0, c.in.unsupported("the script of RUN ends with %s", name)
		}
	}
	return n - 1, nil
}

// appendInLine continues the logical line.
func (c *chain) appendInLine(s *Script, last int, command string) (whittle.Edit, error) {
	in := c.in
	for _, cm := range s.Comments {
		if !in.inBody(cm.Start) {
			return whittle.Edit{}, in.unsupported("the script of RUN ends with a comment")
		}
	}
	at := in.line.offs[in.args[1]-1] + 1
	src := in.file.Source
	start := in.file.lineStart(at)
	lead, ok := c.layout(0)
	if !ok {
		lead = c.joint(last) + " "
		switch {
		case start > in.line.offs[in.args[0]]:
			indent := src[start : at-len(strings.TrimLeft(string(src[start:at]), " \t"))]
			if own := in.file.lineStart(c.members[last].Start); own > in.Span.Start && own < start && blank(src[own:c.members[last].Start]) {
				indent = src[own:c.members[last].Start] // the words of its last command are further in
			}
			lead = ` \` + in.file.lineEnd() + string(indent) + "&& "
		case at-start+len(lead)+len(command) > longLine:
			lead = c.joint(last) + ` \` + in.file.lineEnd() + "    "
		}
	}
	return whittle.Edit{Span: whittle.Span{Start: at, End: at}, New: lead + in.file.breakLines(lead, at-start, command)}, nil
}

// joint is the operator between the last command and what is appended to it:
// ";" where the list is joined so and a failure ends the shell, else "&&".
func (c *chain) joint(last int) string {
	if last > 0 && c.members[last-1].after.Text == ";" && c.errexit(last) && c.exits(last) {
		return ";"
	}
	return " &&"
}

// appendInBody continues the last list of a heredoc.
func (c *chain) appendInBody(last int, command string) (whittle.Edit, error) {
	if hereDocs(c.members[last].stmt) {
		return whittle.Edit{}, c.in.unsupported("the script of RUN ends with a heredoc")
	}
	first := last
	for first > 0 && c.members[first-1].after.Text == "&&" {
		first--
	}
	at := c.members[last].End
	lead, ok := c.layout(first)
	if !ok {
		lead = " && "
		start := c.in.file.lineStart(at)
		if line := string(c.in.file.Source[start:at]); len(line)+len(lead)+len(command) > longLine {
			lead = " &&" + c.in.file.lineEnd() + line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		}
	}
	return whittle.Edit{Span: whittle.Span{Start: at, End: at}, New: lead + command}, nil
}

// appendLine adds a line to the body of a heredoc.
func (c *chain) appendLine(last int, command string) whittle.Edit {
	f, body := c.in.file, c.in.Heredocs[0].Body
	start := f.lineStart(c.members[last].Start)
	line := string(f.Source[start:body.End])
	indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
	nl := "\n"
	if strings.HasSuffix(line, "\r\n") {
		nl = "\r\n"
	}
	return whittle.Edit{Span: whittle.Span{Start: body.End, End: body.End}, New: indent + command + nl}
}

// layout is what comes between two commands, in the way of the last two from
// the given member on that a line end parts.
func (c *chain) layout(from int) (string, bool) {
	src := c.in.file.Source
	for i := len(c.members) - 2; i >= from; i-- {
		m, next := c.members[i], c.members[i+1]
		if m.after.Text != "&&" && m.after.Text != ";" || m.after.Span.Start < m.End || next.Start < m.after.Span.End {
			continue
		}
		before, after := string(src[m.End:m.after.Span.Start]), string(src[m.after.Span.End:next.Start])
		switch {
		case strings.Contains(before, "\n"):
			return lineBreak(before) + "&& ", true
		case strings.Contains(after, "\n"):
			return c.joint(len(c.members)-1) + lineBreak(after), true
		}
	}
	return "", false
}

// lineBreak is a gap between commands without its comments and empty lines.
func lineBreak(gap string) string {
	head, _, _ := strings.Cut(gap, "\n")
	nl := "\n"
	if strings.HasSuffix(head, "\r") {
		nl = "\r\n"
	}
	if strings.Contains(head, `\`) {
		nl = ` \` + nl
	}
	return nl + gap[strings.LastIndexByte(gap, '\n')+1:]
}

// hereDocs says that a statement has a heredoc.
func hereDocs(st *syntax.Stmt) bool {
	found := false
	syntax.Walk(st, func(n syntax.Node) bool {
		if r, ok := n.(*syntax.Redirect); ok && r.Hdoc != nil {
			found = true
		}
		return !found
	})
	return found
}

// exits says that the member's failure ends a shell under set -e: it is a
// command or a pipeline by itself.
func (c *chain) exits(i int) bool {
	if !c.starts(i) || c.members[i].stmt.Negated {
		return false
	}
	switch cmd := c.members[i].stmt.Cmd.(type) {
	case *syntax.CallExpr, *syntax.DeclClause:
		return true
	case *syntax.BinaryCmd:
		return cmd.Op == syntax.Pipe || cmd.Op == syntax.PipeAll
	}
	return false
}

// starts says that the member runs whether or not the one before it succeeds.
func (c *chain) starts(i int) bool {
	return i == 0 || c.members[i-1].after.Text == "\n" || c.members[i-1].after.Text == ";"
}

// errexit says that the members up to the last run under set -e: by the
// shell's own options or by a set before it that none reverts.
func (c *chain) errexit(last int) bool {
	options := c.in.shell
	if line, ok := strings.CutPrefix(c.line.text, "#!"); ok {
		line, _, _ = strings.Cut(line, "\n")
		options = strings.Fields(line)
	}
	on := len(options) > 0 && sets(options[1:], '-')
	off := false
	syntax.Walk(c.tree, func(n syntax.Node) bool {
		call, ok := n.(*syntax.CallExpr)
		off = off || ok && isSet(call) && sets(literals(call), '+')
		return !off
	})
	if off {
		return false
	}
	for i, m := range c.members[:last] {
		call, ok := m.stmt.Cmd.(*syntax.CallExpr)
		if ok && c.starts(i) && m.after.Text != "&" && isSet(call) && sets(literals(call), '-') {
			on = true
		}
	}
	return on
}

func isSet(call *syntax.CallExpr) bool { return len(call.Args) > 0 && call.Args[0].Lit() == "set" }

// literals are the arguments of a command, empty where they are expanded.
func literals(call *syntax.CallExpr) []string {
	out := make([]string, 0, len(call.Args))
	for _, w := range call.Args[1:] {
		out = append(out, w.Lit())
	}
	return out
}

// sets says that options of a shell switch errexit: "-eux", "-o errexit", or
// with "+" the opposite.
func sets(options []string, sign byte) bool {
	for i, o := range options {
		if o == "--" {
			return false
		}
		if len(o) < 2 || o[0] != sign || o[1] == '-' {
			continue
		}
		if strings.Contains(o[1:], "e") || strings.HasSuffix(o, "o") && i+1 < len(options) && options[i+1] == "errexit" {
			return true
		}
	}
	return false
}
