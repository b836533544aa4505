package dockerfile

import (
	"cmp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/shell"

	"mvdan.cc/sh/v3/syntax"
)

// scriptReader collects the simple commands of a parsed script.
type scriptReader struct {
	line   logical
	script *Script
}

// offset is a position in the text. The shell's parser may end a word between
// a CR and its LF; such a position is moved before the CR.
func (r *scriptReader) offset(p syntax.Pos) int {
	at := min(int(p.Offset()), len(r.line.text))
	if at > 0 && at < len(r.line.text) && r.line.text[at-1:at+1] == "\r\n" {
		at--
	}
	return at
}

func (r *scriptReader) span(from, to syntax.Pos) whittle.Span {
	return r.line.span(r.offset(from), r.offset(to))
}

func (r *scriptReader) text(n syntax.Node) string {
	from, to := r.offset(n.Pos()), r.offset(n.End())
	return r.line.text[min(from, to):to]
}

// list reads statements that follow one another.
func (r *scriptReader) list(stmts []*syntax.Stmt, depth int, before, after Operator) {
	for i, st := range stmts {
		next := after
		if i+1 < len(stmts) {
			next = Operator{Text: "\n"}
		}
		if st.Semicolon.IsValid() {
			end := st.End()
			next = Operator{Span: r.span(st.Semicolon, end)}
			next.Text = r.line.text[r.offset(st.Semicolon):r.offset(end)]
		} else if next.Text == "\n" {
			next.Span = r.newline(st)
		}
		r.stmt(st, depth, before, next)
		before = next
	}
}

// newline finds the line end that closes a statement, after a comment and
// the bodies of heredocs if there are any; where it is not certain the span is
// the end of the statement.
func (r *scriptReader) newline(st *syntax.Stmt) whittle.Span {
	end := r.offset(st.End())
	if i := strings.IndexByte(r.line.text[end:], '\n'); i >= 0 {
		return r.line.span(end+i, end+i+1)
	}
	return r.line.span(end, end)
}

func (r *scriptReader) stmt(st *syntax.Stmt, depth int, before, after Operator) {
	switch c := st.Cmd.(type) {
	case *syntax.BinaryCmd:
		op := Operator{Text: c.Op.String()}
		at := r.offset(c.OpPos)
		op.Span = r.line.span(at, min(at+len(op.Text), len(r.line.text)))
		r.stmt(c.X, depth, before, op)
		r.stmt(c.Y, depth, op, after)
	case *syntax.CallExpr:
		r.simple(st, c.Assigns, c.Args, depth, before, after)
	case *syntax.DeclClause:
		r.decl(st, c, depth, before, after)
	case nil:
		if len(st.Redirs) > 0 {
			r.simple(st, nil, nil, depth, before, after)
		}
	default:
		r.compound(st.Cmd, depth)
	}
	if _, ok := st.Cmd.(*syntax.BinaryCmd); !ok {
		for _, rd := range st.Redirs {
			r.nested(rd, depth)
		}
	}
}

// simple adds a simple command.
func (r *scriptReader) simple(st *syntax.Stmt, assigns []*syntax.Assign, words []*syntax.Word, depth int, before, after Operator) {
	c := Command{Before: before, After: after, Depth: depth, Negated: st.Negated}
	var parts []syntax.Node
	for _, a := range assigns {
		c.Assigns = append(c.Assigns, Word{Span: r.span(a.Pos(), a.End()), Text: r.text(a)})
		parts = append(parts, a)
	}
	for _, w := range words {
		c.Words = append(c.Words, r.word(w))
		parts = append(parts, w)
	}
	r.finish(c, st, parts)
}

// decl adds export, local and similar commands, whose arguments are
// assignments.
func (r *scriptReader) decl(st *syntax.Stmt, d *syntax.DeclClause, depth int, before, after Operator) {
	c := Command{Before: before, After: after, Depth: depth, Negated: st.Negated}
	parts := []syntax.Node{d.Variant}
	c.Words = append(c.Words, Word{Span: r.span(d.Variant.Pos(), d.Variant.End()), Text: d.Variant.Value, Value: d.Variant.Value, Literal: true})
	for _, a := range d.Args {
		w := Word{Span: r.span(a.Pos(), a.End()), Text: r.text(a)}
		if a.Array == nil && a.Index == nil {
			w.Literal = true
			if a.Name != nil {
				w.Value = a.Name.Value
				if !a.Naked {
					w.Value = w.Text[:strings.IndexByte(w.Text, '=')+1]
				}
			}
			if a.Value != nil {
				v := r.word(a.Value)
				w.Value, w.Literal = w.Value+v.Value, v.Literal
			}
			if !w.Literal {
				w.Value = ""
			}
		}
		c.Words = append(c.Words, w)
		parts = append(parts, a)
	}
	r.finish(c, st, parts)
}

// finish adds the redirections and the span, and reads the commands of
// substitutions.
func (r *scriptReader) finish(c Command, st *syntax.Stmt, parts []syntax.Node) {
	var from, to []syntax.Pos
	for _, p := range parts {
		from, to = append(from, p.Pos()), append(to, p.End())
	}
	for _, rd := range st.Redirs {
		end := rd.Word.End()
		red := Redirect{Span: r.span(rd.Pos(), end), Op: rd.Op.String(), Target: r.word(rd.Word)}
		if rd.N != nil {
			red.Op = rd.N.Value + red.Op
		}
		c.Redirects = append(c.Redirects, red)
		from, to = append(from, rd.Pos()), append(to, end)
	}
	byOffset := func(a, b syntax.Pos) int { return cmp.Compare(a.Offset(), b.Offset()) }
	c.Span = r.span(slices.MinFunc(from, byOffset), slices.MaxFunc(to, byOffset))
	r.script.commands = append(r.script.commands, c)
	for _, p := range parts {
		r.nested(p, c.Depth)
	}
}

// compound reads the commands in groups, conditions, loops and functions.
func (r *scriptReader) compound(cmd syntax.Command, depth int) {
	none := Operator{}
	lists := func(all ...[]*syntax.Stmt) {
		for _, stmts := range all {
			r.list(stmts, depth+1, none, none)
		}
	}
	switch c := cmd.(type) {
	case *syntax.Subshell:
		lists(c.Stmts)
	case *syntax.Block:
		lists(c.Stmts)
	case *syntax.IfClause:
		for ; c != nil; c = c.Else {
			lists(c.Cond, c.Then)
		}
	case *syntax.WhileClause:
		lists(c.Cond, c.Do)
	case *syntax.ForClause:
		r.nested(c.Loop, depth)
		lists(c.Do)
	case *syntax.CaseClause:
		r.nested(c.Word, depth)
		for _, item := range c.Items {
			for _, p := range item.Patterns {
				r.nested(p, depth)
			}
			lists(item.Stmts)
		}
	case *syntax.FuncDecl:
		if c.Body != nil {
			r.stmt(c.Body, depth+1, none, none)
		}
	case *syntax.TimeClause:
		if c.Stmt != nil {
			r.stmt(c.Stmt, depth+1, none, none)
		}
	case *syntax.CoprocClause:
		r.stmt(c.Stmt, depth+1, none, none)
	default:
		r.nested(cmd, depth) // the only commands in tests and arithmetic are those of substitutions
	}
}

// nested reads the commands of substitutions within a node.
func (r *scriptReader) nested(n syntax.Node, depth int) {
	syntax.Walk(n, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.CmdSubst:
			r.list(n.Stmts, depth+1, Operator{}, Operator{})
			return false
		case *syntax.ProcSubst:
			r.list(n.Stmts, depth+1, Operator{}, Operator{})
			return false
		}
		return true
	})
}

// word resolves the quotes of a word.
func (r *scriptReader) word(w *syntax.Word) Word {
	out := Word{Span: r.span(w.Pos(), w.End()), Text: r.text(w)}
	out.Value, out.Literal = shell.Unquote(w)
	return out
}
