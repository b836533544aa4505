package shell

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

// list follows statements one after the other; the status is the last one's.
func (t *tracer) list(sh *process, stmts []*syntax.Stmt, p place) Truth {
	status := Yes
	for i, st := range stmts {
		here := p
		here.tail = p.tail && i == len(stmts)-1
		status = t.stmt(sh, st, here)
	}
	return status
}

// stmt follows one statement.
func (t *tracer) stmt(sh *process, st *syntax.Stmt, p place) Truth {
	// Both paths of a branch have copies of the whole state.
	if t.steps += 1 + (len(sh.vars)+len(sh.funcs))/perStep; t.steps > maxSteps {
		if !t.tired {
			t.out.Doubts = append(t.out.Doubts, "its script is too long to follow")
		}
		t.tired = true
		return Maybe
	}
	if st.Background || st.Coprocess || st.Disown {
		// Whether the script waits for it is not known.
		own := sh.copy()
		own.weaken(Perhaps)
		t.command(own, st, place{sub: true})
		return Yes
	}
	if st.Negated {
		p.guard, p.tail = true, false
		switch t.command(sh, st, p) {
		case Yes:
			return No
		case No:
			return Yes
		}
		return Maybe
	}
	return t.command(sh, st, p)
}

func (t *tracer) command(sh *process, st *syntax.Stmt, p place) Truth {
	switch c := st.Cmd.(type) {
	case nil:
		return Yes
	case *syntax.CallExpr:
		return t.checked(sh, st, p, t.call(sh, st, c, p))
	case *syntax.BinaryCmd:
		return t.binary(sh, c, p)
	case *syntax.Block:
		return t.list(sh, c.Stmts, p)
	case *syntax.Subshell:
		own := sh.copy()
		return t.list(own, c.Stmts, p.subshell(sh))
	case *syntax.IfClause:
		return t.ifClause(sh, c, p)
	case *syntax.CaseClause:
		return t.caseClause(sh, c, p)
	case *syntax.WhileClause:
		return t.while(sh, c, p)
	case *syntax.ForClause:
		return t.forClause(sh, c, p)
	case *syntax.FuncDecl:
		if c.Name != nil && c.Body != nil {
			sh.funcs[c.Name.Value] = c.Body
		}
		return Yes
	case *syntax.DeclClause:
		return t.declare(sh, c)
	case *syntax.TestClause:
		return t.checked(sh, st, p, t.testExpr(sh, c.X))
	case *syntax.ArithmCmd:
		return t.arithmetic(sh, c.X)
	case *syntax.LetClause:
		for _, x := range c.Exprs {
			t.arithmetic(sh, x)
		}
		return Maybe
	case *syntax.TimeClause:
		if c.Stmt != nil {
			return t.stmt(sh, c.Stmt, p)
		}
		return Yes
	case *syntax.CoprocClause:
		own := sh.copy()
		own.weaken(Perhaps)
		t.stmt(own, c.Stmt, place{sub: true})
		return Yes
	}
	t.doubt(sh, fmt.Sprintf("line %d of its script could not be followed", st.Pos().Line()))
	return Maybe
}

// checked notes whether set -e ends the script after a status.
func (t *tracer) checked(sh *process, st *syntax.Stmt, p place, status Truth) Truth {
	if status == No && sh.errexit && !p.guard && !p.sub && sh.how == Must {
		t.stops(sh, st.Pos().Line())
	}
	return status
}

// stops notes that the script ends with a failure, which another environment
// or other arguments may change.
func (t *tracer) stops(sh *process, line uint) {
	t.doubt(sh, fmt.Sprintf("its script ends with a failure at line %d, unless something is given to it", line))
	sh.stray()
}

// binary follows a && b, a || b and a | b.
func (t *tracer) binary(sh *process, c *syntax.BinaryCmd, p place) Truth {
	left := p
	left.guard = true
	switch c.Op {
	case syntax.AndStmt:
		status := t.stmt(sh, c.X, left)
		if status == likely {
			return t.behind(sh, c.Y, p)
		}
		return t.then(sh, status, Yes, c.Y, p)
	case syntax.OrStmt:
		left.tail = gives(c.Y) && (!p.sub || p.after)
		status := t.stmt(sh, c.X, left)
		if status == likely {
			t.away(sh, func(own *process) { t.stmt(own, c.Y, p) })
			return Yes
		}
		return t.then(sh, status, No, c.Y, p)
	}
	return t.pipeline(sh, c, p)
}

// pipeline follows a | b, whose parts run at the same time, each in a subshell.
func (t *tracer) pipeline(sh *process, c *syntax.BinaryCmd, p place) Truth {
	print := t.print
	t.print = nil
	first := sh.copy()
	if !sh.pipefail { // it fails, and only what reads from it sees that
		first.weaken(Perhaps)
	}
	t.stmt(first, c.X, place{tail: p.tail && sh.pipefail, guard: p.guard || !sh.pipefail, sub: true, after: p.fatal(sh)})
	last := sh.copy()
	last.piped = true
	status := t.stmt(last, c.Y, p.subshell(sh))
	if t.print = print; print != nil {
		print.WriteString(unknown)
	}
	if status == Yes {
		return Yes
	}
	return likely
}

// behind follows what comes after "PROGRAM &&". Programs are assumed
// to succeed; where the script survives a failure, what follows may not run.
func (t *tracer) behind(sh *process, st *syntax.Stmt, p place) Truth {
	if p.tail || sh.how > Must {
		return t.stmt(sh, st, p)
	}
	own := sh.copy()
	own.weaken(Perhaps)
	status := t.stmt(own, st, p)
	how, mayEnd := sh.how, sh.mayEnd
	*sh = *own
	left := sh.ended || sh.returned || sh.broke
	sh.ended = false
	sh.resume(how, mayEnd)
	if left {
		sh.weaken(Perhaps)
		return Maybe
	}
	return status
}

// then follows what runs after a status that is wanted.
func (t *tracer) then(sh *process, status, wanted Truth, st *syntax.Stmt, p place) Truth {
	switch {
	case status == wanted:
		return t.stmt(sh, st, p)
	case status != Maybe:
		t.away(sh, func(own *process) { t.stmt(own, st, p) })
		return status
	}
	own := sh.copy()
	own.weaken(Perhaps)
	t.stmt(own, st, p)
	sh.join(sh.copy(), own)
	return Maybe
}

// gives says that a statement only ends the script with a failure: "exit 1",
// "{ echo …; exit 1; }", "false".
func gives(st *syntax.Stmt) bool {
	switch c := st.Cmd.(type) {
	case *syntax.Block:
		return len(c.Stmts) > 0 && gives(c.Stmts[len(c.Stmts)-1])
	case *syntax.CallExpr:
		if len(c.Args) == 0 {
			return false
		}
		switch c.Args[0].Lit() {
		case "false":
			return true
		case "exit":
			return len(c.Args) < 2 || c.Args[1].Lit() != "0"
		}
	}
	return false
}

// away follows what does not run here; its effects are dropped.
func (t *tracer) away(sh *process, f func(*process)) {
	own := sh.copy()
	own.weaken(Elsewhere)
	f(own)
}

func (t *tracer) ifClause(sh *process, c *syntax.IfClause, p place) Truth {
	if len(c.Cond) == 0 { // else
		return t.list(sh, c.Then, p)
	}
	t.deciding++
	status := t.list(sh, c.Cond, place{guard: true, sub: p.sub})
	t.deciding--
	then := func(own *process) Truth { return t.list(own, c.Then, p) }
	other := func(own *process) Truth {
		if c.Else == nil {
			return Yes
		}
		return t.ifClause(own, c.Else, p)
	}
	return t.either(sh, status, then, other)
}

// either follows one of two branches, or both where it is not known which runs.
func (t *tracer) either(sh *process, status Truth, then, other func(*process) Truth) Truth {
	switch status {
	case Yes:
		before := sh.copy()
		status := then(sh)
		t.away(before, func(own *process) { other(own) })
		return status
	case No:
		t.away(sh, func(own *process) { then(own) })
		return other(sh)
	}
	a, b := sh.copy(), sh.copy()
	a.weaken(Perhaps)
	b.weaken(Perhaps)
	first, second := then(a), other(b)
	sh.join(a, b)
	if first == second {
		return first
	}
	return Maybe
}

func (t *tracer) caseClause(sh *process, c *syntax.CaseClause, p place) Truth {
	word, _ := t.literal(sh, c.Word)
	return t.items(sh, word, c.Items, p)
}

// items follows the branches of a case from the first that may match.
func (t *tracer) items(sh *process, word string, items []*syntax.CaseItem, p place) Truth {
	if len(items) == 0 {
		return Yes
	}
	it := items[0]
	match := No
	for _, w := range it.Patterns {
		switch t.matches(sh, word, w) {
		case Yes:
			match = Yes
		case Maybe:
			if match == No {
				match = Maybe
			}
		}
	}
	rest := func(own *process) Truth { return t.items(own, word, items[1:], p) }
	then := func(own *process) Truth {
		status := t.list(own, it.Stmts, p)
		if it.Op != syntax.Break { // ;& and ;;& go on
			own.weaken(Perhaps)
			status = t.items(own, word, items[1:], p)
		}
		return status
	}
	return t.either(sh, match, then, rest)
}

// while follows a loop as long as its condition is known.
func (t *tracer) while(sh *process, c *syntax.WhileClause, p place) Truth {
	wanted, stops := Yes, No
	if c.Until {
		wanted, stops = No, Yes
	}
	body := place{guard: p.guard, sub: p.sub}
	how, mayEnd := sh.how, sh.mayEnd
	for round := range maxRounds {
		status := t.list(sh, c.Cond, place{guard: true, sub: p.sub})
		if status == stops {
			if round == 0 {
				t.away(sh, func(own *process) { t.list(own, c.Do, body) })
			}
			return Yes
		}
		before := sh.copy()
		if status != wanted {
			// A program decides when the loop ends: assume that it does.
			once := sh.copy()
			once.weaken(Perhaps)
			t.list(once, c.Do, body)
			once.resume(sh.how, true)
			once.ended = false
			sh.join(before, once)
			sh.resume(how, true)
			return Maybe
		}
		if constant(c.Cond) {
			t.forever++
		}
		t.list(sh, c.Do, body)
		if constant(c.Cond) {
			t.forever--
		}
		if sh.ended || sh.returned {
			return Yes
		}
		if sh.broke {
			sh.resume(how, mayEnd)
			return Yes
		}
		if sh.same(before) { // for ever, or until something outside changes
			if sh.how == before.how {
				sh.end()
			}
			return Yes
		}
	}
	sh.weaken(Perhaps)
	return Maybe
}

// constant says that a condition is "true" or ":".
func constant(cond []*syntax.Stmt) bool {
	if len(cond) != 1 {
		return false
	}
	c, ok := cond[0].Cmd.(*syntax.CallExpr)
	return ok && len(c.Args) == 1 && (c.Args[0].Lit() == "true" || c.Args[0].Lit() == ":")
}

func (t *tracer) forClause(sh *process, c *syntax.ForClause, p place) Truth {
	body := place{guard: p.guard, sub: p.sub}
	iter, ok := c.Loop.(*syntax.WordIter)
	if ok && !c.Select {
		words := sh.params
		open := slices.ContainsFunc(words, isUnknown)
		if iter.InPos.IsValid() {
			words, open = t.fields(sh, iter.Items)
		}
		if words, open = t.globs(sh, words, open); !open && len(words) <= maxRounds {
			how, mayEnd := sh.how, sh.mayEnd
			for _, w := range words {
				sh.set(iter.Name.Value, w)
				t.list(sh, c.Do, body)
				if sh.broke || sh.ended || sh.returned {
					break
				}
			}
			if !sh.ended && !sh.returned {
				sh.resume(how, mayEnd)
			}
			if len(words) == 0 {
				t.away(sh, func(own *process) { t.list(own, c.Do, body) })
			}
			return Yes
		}
		sh.set(iter.Name.Value, unknown)
	}
	once := sh.copy()
	once.weaken(Perhaps)
	t.list(once, c.Do, body)
	once.broke = false
	sh.join(sh.copy(), once)
	return Maybe
}

// globs replaces patterns by the files that match them.
func (t *tracer) globs(sh *process, words []string, open bool) ([]string, bool) {
	var out []string
	for _, w := range words {
		found := []string{w}
		if strings.ContainsAny(w, "*?[") && !isUnknown(w) {
			if t.steps += 200; isUnknown(sh.dir) || sh.touched { // it looks through all files
				return words, true
			}
			if files := t.host.Glob(sh.abs(w)); len(files) > 0 {
				found = files
			}
		}
		if out = append(out, found...); len(out) > maxRounds {
			return out, true
		}
	}
	return out, open
}

// join makes the state after one of two branches when it is not known which ran. If
// one of them has exited, the state is the other's; an exit with a failure needs no
// doubt, as the script then fails.
func (sh *process) join(a, b *process) {
	how := sh.how
	if gone(a) != gone(b) {
		stays, leaves := a, b
		if gone(a) {
			stays, leaves = b, a
		}
		mayEnd := sh.mayEnd || a.mayEnd || b.mayEnd
		*sh = *stays
		sh.how, sh.mayEnd = how, mayEnd
		if sh.strayed || !leaves.failed {
			sh.weaken(Perhaps)
		}
		sh.splits = sh.splits || leaves.returned
		return
	}
	sh.splits = a.splits || b.splits || a.returned || b.returned
	sh.merge(a, b)
	sh.how, sh.mayEnd = how, sh.mayEnd || a.mayEnd || b.mayEnd
	switch {
	case gone(a):
		sh.ended, sh.returned, sh.broke = a.ended && b.ended, a.returned || b.returned, a.broke || b.broke
		sh.failed = a.failed && b.failed
		sh.how = Elsewhere
	case sh.strayed:
		sh.weaken(Perhaps)
	}
}

func gone(sh *process) bool { return sh.ended || sh.returned || sh.broke }

// merge keeps what two branches agree on.
func (sh *process) merge(a, b *process) {
	for name, v := range b.vars {
		if w, ok := a.vars[name]; !ok || !equal(v, w) {
			a.vars[name] = expand.Variable{Set: true, Kind: expand.String, Str: unknown, Exported: v.Exported || w.Exported}
		}
	}
	for name, v := range a.vars {
		if _, ok := b.vars[name]; !ok {
			v.Set, v.Kind, v.Str, v.List = true, expand.String, unknown, nil
			a.vars[name] = v
		}
	}
	maps.Copy(a.funcs, b.funcs)
	sh.vars, sh.funcs = a.vars, a.funcs
	sh.params = a.params
	if !slices.Equal(a.params, b.params) {
		sh.params = []string{unknown}
	}
	if sh.dir = a.dir; a.dir != b.dir {
		sh.dir = unknown
	}
	sh.errexit, sh.nounset = a.errexit || b.errexit, a.nounset || b.nounset
	sh.strayed, sh.touched, sh.made = a.strayed || b.strayed, a.touched || b.touched, a.made || b.made
	sh.pipefail, sh.allexport = a.pipefail && b.pipefail, a.allexport || b.allexport
}

// same says that nothing has changed since.
func (sh *process) same(before *process) bool {
	return slices.Equal(sh.params, before.params) && sh.dir == before.dir && maps.EqualFunc(sh.vars, before.vars, equal)
}

func equal(a, b expand.Variable) bool {
	return a.Set == b.Set && a.Exported == b.Exported && a.Kind == b.Kind && a.Str == b.Str && slices.Equal(a.List, b.List)
}
