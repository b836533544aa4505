package syntax

import "slices"

func (st statements) simpleLine() {
	for {
		st.simple()
		if st.p.take(';') {
			if st.p.takeKind(newline) {
				return
			}
			continue
		}
		if !st.p.takeKind(newline) && !st.p.isKind(end) {
			fail(st.p.line(), "invalid syntax")
		}
		return
	}
}

func (st statements) simple() {
	started := st.p.started
	docstring := !started && !st.p.documented && st.p.isKind(str) && st.p.peek(1).kind == newline
	st.p.started, st.p.documented = st.p.started || !docstring, st.p.documented || docstring
	switch st.p.code() {
	case kPass:
		st.p.i++
	case kBreak, kContinue:
		if st.p.ctx.star && !st.p.ctx.loop {
			fail(st.p.line(), "'break', 'continue' and 'return' cannot appear in an 'except*' block")
		}
		if !st.p.ctx.loop {
			fail(st.p.line(), "'%s' outside loop", st.p.text(st.p.i))
		}
		st.p.i++
	case kReturn:
		st.returns()
	case kRaise:
		st.p.i++
		if st.p.expressions().startsExpression() {
			st.p.expressions().expression()
			if st.p.take(kFrom) {
				st.p.expressions().expression()
			}
		}
	case kGlobal, kNonlocal:
		st.declared()
	case kDel:
		st.deletes()
	case kAssert:
		st.p.i++
		st.p.expressions().expression()
		if st.p.take(',') {
			st.p.expressions().expression()
		}
	case kImport:
		st.imports()
	case kFrom:
		st.from(started)
	default:
		if st.p.soft("type") && st.p.peek(1).kind == name && (st.p.peek(2).code == '=' || st.p.peek(2).code == '[') {
			st.p.need.since(12, st.p.line(), "a type statement")
			st.p.i++
			st.p.binds()
			st.p.expressions().typeParams()
			st.p.expect('=')
			st.p.expressions().expression()
			return
		}
		st.expressionStatement()
	}
}

func (st statements) returns() {
	if !st.p.ctx.function {
		fail(st.p.line(), "'return' outside function")
	}
	if st.p.ctx.star {
		fail(st.p.line(), "'break', 'continue' and 'return' cannot appear in an 'except*' block")
	}
	line := st.p.line()
	st.p.i++
	if st.p.expressions().startsExpression() {
		st.p.ctx.returns, st.p.ctx.returnLine = true, line
		if e := st.p.expressions().starExpressions(); e.form == aStar {
			fail(line, "can't use starred expression here")
		}
	}
}

func (st statements) declared() {
	nonlocal := st.p.is(kNonlocal)
	if nonlocal && !st.p.ctx.function && !st.p.ctx.class {
		fail(st.p.line(), "nonlocal declaration not allowed at module level")
	}
	st.p.i++
	for {
		line := st.p.line()
		st.p.anyName()
		if n := st.p.i - 1; st.p.ctx.params.has(st.p, n) {
			fail(line, "name '%s' is parameter and global or nonlocal", st.p.text(n))
		}
		if !st.p.take(',') {
			return
		}
	}
}

func (st statements) deletes() {
	st.p.i++
	removable := true
	for {
		removable = st.p.expressions().binary(0).removable && removable
		if !st.p.take(',') || !st.p.expressions().startsExpression() {
			break
		}
	}
	if !removable {
		fail(st.p.line(), "cannot delete what stands here")
	}
}

func (p *parser) dotted() {
	p.anyName()
	for p.take('.') {
		p.anyName()
	}
}

func (st statements) imports() {
	st.p.i++
	for {
		st.p.dotted()
		if st.p.take(kAs) {
			st.p.binds()
		}
		if !st.p.take(',') {
			return
		}
	}
}

// features are those of __future__.
var features = []string{"nested_scopes", "generators", "division", "absolute_import", "with_statement", "print_function", "unicode_literals",
	"barry_as_FLUFL", "generator_stop", "annotations"}

func (st statements) from(started bool) {
	line := st.p.line()
	st.p.i++
	dots := false
	for st.p.is('.') || st.p.is(oDots) {
		dots = true
		st.p.i++
	}
	future := false
	if !dots || !st.p.is(kImport) {
		future = !dots && st.p.soft("__future__") && st.p.peek(1).code == kImport
		st.p.dotted()
	}
	st.p.expect(kImport)
	if future {
		if started || st.p.ctx.function || st.p.ctx.class || st.p.depth > 0 {
			fail(line, "from __future__ imports must occur at the beginning of the file")
		}
		st.p.started, st.p.documented = false, true
	}
	if st.p.take('*') {
		if st.p.ctx.function || st.p.ctx.class {
			fail(line, "import * only allowed at module level")
		}
		if future {
			fail(line, "future feature * is not defined")
		}
		return
	}
	brackets := st.p.take('(')
	for {
		st.p.anyName()
		if n := st.p.i - 1; future && !slices.Contains(features, st.p.text(n)) {
			fail(line, "future feature %s is not defined", st.p.text(n))
		}
		if st.p.take(kAs) {
			st.p.binds()
		}
		if !st.p.take(',') {
			break
		}
		if brackets && st.p.is(')') {
			break
		}
		if !st.p.isKind(name) {
			fail(line, "trailing comma not allowed without surrounding parentheses")
		}
	}
	if brackets {
		st.p.expect(')')
	}
}

func (st statements) expressionStatement() {
	line := st.p.line()
	var e ex
	if st.p.is(kYield) {
		e = st.p.expressions().yield()
	} else {
		e = st.p.expressions().starExpressions()
	}
	switch {
	case st.p.is(oAug):
		if e.form != aName && e.form != anAttribute && e.form != aSubscript {
			fail(line, "illegal expression for augmented assignment")
		}
		st.assignable(e)
		st.p.i++
		st.value(line)
	case st.p.is(':'):
		st.annotated(e, line)
	case st.p.is('='):
		for st.p.take('=') {
			if e.form == aStar {
				fail(line, "starred assignment target must be in a list or tuple")
			}
			st.assign(e)
			e = st.value(line)
		}
	case e.form == aStar:
		fail(line, "can't use starred expression here")
	}
}

func (st statements) value(line int) ex {
	if st.p.is(kYield) {
		return st.p.expressions().yield()
	}
	e := st.p.expressions().starExpressions()
	if e.form == aStar && !st.p.is('=') {
		fail(line, "can't use starred expression here")
	}
	return e
}

func (st statements) annotated(e ex, line int) {
	if e.form != aName && e.form != anAttribute && e.form != aSubscript || e.paren && e.form == aTuple {
		fail(line, "only single target can be annotated")
	}
	st.assignable(e)
	st.p.i++
	st.p.expressions().expression()
	if st.p.take('=') {
		st.value(line)
	}
}
