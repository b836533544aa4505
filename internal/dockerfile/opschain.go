package dockerfile

import (
	"slices"
	"strings"

	"whittle.dev/whittle"

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
	span := r.line.span(r.offset(st.Pos()), r.offset(textEnd(st)))
	c.members = append(c.members, member{Span: span, stmt: st, after: after})
}

// textEnd is the end of a statement without its ";" and without the bodies of
// its heredocs, between which and the statement others may come.
func textEnd(st *syntax.Stmt) syntax.Pos {
	end := st.Position
	switch c := st.Cmd.(type) {
	case nil:
	case *syntax.BinaryCmd:
		end = textEnd(c.Y)
	case *syntax.FuncDecl:
		end = textEnd(c.Body)
	case *syntax.CoprocClause:
		end = textEnd(c.Stmt)
	case *syntax.TimeClause:
		if end = c.End(); c.Stmt != nil {
			end = textEnd(c.Stmt)
		}
	default:
		end = c.End()
	}
	for _, r := range st.Redirs {
		if at := r.Word.End(); at.After(end) {
			end = at
		}
	}
	return end
}

// RemoveCommand takes a simple command out of the list at depth 0, with one of
// its operators and with its line where nothing else is on it. Only "&&", ";"
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
	return in.become(edits, s.without(edits[0].Span.Start, list.members[i].Span))
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
