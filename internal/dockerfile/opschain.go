package dockerfile

import (
	"slices"
	"strings"

	"whittle"

	"mvdan.cc/sh/v3/syntax"
)

// chain are the members of a script's lists at depth 0: commands, pipelines
// and compound commands.
type chain struct {
	in      *Instruction
	line    logical
	tree    *syntax.File
	members []member
}

// member is one of them. Its span is of the file.
type member struct {
	whittle.Span
	stmt *syntax.Stmt
	// after is the operator to the next member; its text is empty at the end.
	after Operator
}

// chain reads the script as a list.
func (in *Instruction) chain() (*chain, error) {
	l, lang, err := in.dialect()
	if err != nil {
		return nil, err
	}
	tree, err := in.parse(l, lang)
	if err != nil {
		return nil, err
	}
	c := &chain{in: in, line: l, tree: tree}
	r := scriptReader{line: l}
	for i, st := range tree.Stmts {
		op := Operator{}
		switch {
		case st.Semicolon.IsValid():
			op.Span = r.span(st.Semicolon, st.End())
			op.Text = l.text[r.offset(st.Semicolon):r.offset(st.End())]
		case i+1 < len(tree.Stmts):
			op = Operator{Text: "\n", Span: r.newline(st)}
		}
		c.add(&r, st, op)
	}
	return c, nil
}

func (c *chain) add(r *scriptReader, st *syntax.Stmt, after Operator) {
	if b, ok := st.Cmd.(*syntax.BinaryCmd); ok && (b.Op == syntax.AndStmt || b.Op == syntax.OrStmt) {
		at := r.offset(b.OpPos)
		op := Operator{Text: b.Op.String(), Span: r.line.span(at, at+len(b.Op.String()))}
		c.add(r, b.X, op)
		c.add(r, b.Y, after)
		return
	}
	end := st.End()
	if st.Semicolon.IsValid() {
		end = st.Semicolon
	}
	from, to := r.offset(st.Pos()), r.offset(end)
	for to > from && isSpace(r.line.text[to-1]) {
		to--
	}
	c.members = append(c.members, member{Span: r.line.span(from, to), stmt: st, after: after})
}

// AppendCommand puts " && command" at the end of a RUN, laid out as the
// instruction's own list is: on one line, with the operators at the line ends
// or at their beginnings. What failed before still fails.
//
// A script in a heredoc gets a further line where it runs under set -e and
// ends with a command or pipeline, for then nothing hides a failure; else its
// last list is continued by "&&", which changes nothing about the commands
// before it.
//
// Refused as unsupported: the JSON form, scripts that cannot be read, and those
// whose last list is not commands joined by "&&" alone, has an end of its own
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
	more, err := in.asCommand(command)
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
	_, err = in.become([]whittle.Edit{edit}, append(s.signatures(), more.signatures()...))
	return edit, err
}

// asCommand reads a command that is to be appended.
func (in *Instruction) asCommand(command string) (*Script, error) {
	one := &Instruction{Keyword: "command", Line: in.Line, file: &File{Name: in.file.Name, Escape: '\\'}}
	if strings.ContainsAny(command, "\r\n\x00") || strings.Contains(command, "<<") {
		return nil, in.misuse("%.80q does not fit on a line", command)
	}
	l := logical{text: command, offs: make([]int, len(command))}
	for i := range l.offs {
		l.offs[i] = i
	}
	s, err := one.read(l, syntax.LangBash)
	if err != nil {
		return nil, in.misuse("%.80q cannot be read as a command", command)
	}
	tree, err := one.parse(l, syntax.LangBash)
	if err != nil || len(tree.Stmts) != 1 || len(s.Comments) > 0 || !plainChain(tree.Stmts[0]) {
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
	lead, ok := c.layout(0)
	if src := in.file.Source; !ok {
		lead = " && "
		if start := in.file.lineStart(at); start > in.line.offs[in.args[0]] {
			indent := src[start : at-len(strings.TrimLeft(string(src[start:at]), " \t"))]
			lead = ` \` + in.file.lineEnd() + string(indent) + "&& "
		}
	}
	return whittle.Edit{Span: whittle.Span{Start: at, End: at}, New: lead + command}, nil
}

// appendInBody continues the last list of a heredoc.
func (c *chain) appendInBody(last int, command string) (whittle.Edit, error) {
	if hereDocs(c.members[last].stmt) {
		return whittle.Edit{}, c.in.unsupported("the script of RUN ends with a heredoc of its own")
	}
	first := last
	for first > 0 && c.members[first-1].after.Text == "&&" {
		first--
	}
	lead, ok := c.layout(first)
	if !ok {
		lead = " && "
	}
	at := c.members[last].End
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

// layout is what stands between two commands, in the way of the last two from
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
			return " &&" + lineBreak(after), true
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
// command or a pipeline of its own.
func (c *chain) exits(i int) bool {
	if i > 0 && c.members[i-1].after.Text != "\n" && c.members[i-1].after.Text != ";" || c.members[i].stmt.Negated {
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

// errexit says that the members up to the last run under set -e: by the
// shell's own options or by a set before it that none takes back.
func (c *chain) errexit(last int) bool {
	options := c.in.shell
	if line, ok := strings.CutPrefix(c.line.text, "#!"); ok {
		line, _, _ = strings.Cut(line, "\n")
		options = strings.Fields(line)
	}
	on := len(options) > 0 && sets(options[1:], '-')
	if off := false; c.walkSets(func(words []string) { off = off || sets(words, '+') }) && off {
		return false
	}
	for _, m := range c.members[:last] {
		if call, ok := m.stmt.Cmd.(*syntax.CallExpr); ok && isSet(call) {
			on = on || sets(literals(call), '-')
		}
	}
	return on
}

// walkSets calls f with the arguments of every set of the script.
func (c *chain) walkSets(f func(words []string)) bool {
	syntax.Walk(c.tree, func(n syntax.Node) bool {
		if call, ok := n.(*syntax.CallExpr); ok && isSet(call) {
			f(literals(call))
		}
		return true
	})
	return true
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

// RemoveCommand takes a simple command out of the list at depth 0, with one of
// its operators and with its line where it has one of its own. Only "&&", ";"
// and line ends may join it to its neighbors. The only command of a script is
// refused: remove the instruction.
func (in *Instruction) RemoveCommand(c Command) ([]whittle.Edit, error) {
	s, err := in.shellForm(c)
	if err != nil {
		return nil, err
	}
	list, err := in.chain()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(list.members, func(m member) bool { return m.Start <= c.Span.Start && c.Span.End <= m.End })
	switch {
	case i < 0 || c.Depth > 0 || !simple(list.members[i].stmt):
		return nil, in.unsupported("%s is part of a larger command", c.Name())
	case len(list.members) == 1:
		return nil, in.unsupported("%s is the only command of %s: the instruction would have to go", c.Name(), in.Keyword)
	case hereDocs(list.members[i].stmt):
		return nil, in.unsupported("%s has a heredoc", c.Name())
	}
	from, to, err := list.extent(i)
	if err != nil {
		return nil, err
	}
	edits, err := in.cut(s, from, to)
	if err != nil {
		return nil, err
	}
	return in.become(edits, s.without(list.members[i].Span))
}

func simple(st *syntax.Stmt) bool {
	switch st.Cmd.(type) {
	case *syntax.CallExpr, *syntax.DeclClause, nil:
		return true
	}
	return false
}

// extent is a member with the operator that goes with it.
func (c *chain) extent(i int) (from, to int, err error) {
	m := c.members[i]
	var before, after Operator
	if i > 0 {
		before = c.members[i-1].after
	}
	if i+1 < len(c.members) {
		after = m.after
	}
	for _, op := range []Operator{before, after} {
		switch op.Text {
		case "", "&&", ";", "\n":
		default:
			return 0, 0, c.in.unsupported("%s joins the command to another", op.Text)
		}
	}
	src := c.in.file.Source
	switch {
	case after.Text == "&&" && before.Text == "&&":
		if strings.Contains(string(src[c.members[i-1].End:before.Span.Start]), "\n") {
			return before.Span.Start, m.End, nil
		}
		return m.Start, after.Span.End, nil
	case after.Text == "&&", after.Text == ";" && before.Text != "&&":
		return m.Start, after.Span.End, nil
	case before.Text == "&&", before.Text == ";":
		return before.Span.Start, m.End, nil
	}
	return m.Start, m.End, nil
}
