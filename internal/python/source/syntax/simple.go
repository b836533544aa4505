package syntax

import "slices"

func (p *parser) simpleLine() {
	for {
		p.simple()
		if p.take(';') {
			if p.takeKind(newline) {
				return
			}
			continue
		}
		if !p.takeKind(newline) && !p.isKind(end) {
			fail(p.line(), "invalid syntax")
		}
		return
	}
}

func (p *parser) simple() {
	started := p.started
	docstring := !started && !p.documented && p.isKind(str) && p.peek(1).kind == newline
	p.started, p.documented = p.started || !docstring, p.documented || docstring
	switch p.code() {
	case kPass:
		p.i++
	case kBreak, kContinue:
		if p.ctx.star && !p.ctx.loop {
			fail(p.line(), "'break', 'continue' and 'return' cannot appear in an 'except*' block")
		}
		if !p.ctx.loop {
			fail(p.line(), "'%s' outside loop", p.text(p.i))
		}
		p.i++
	case kReturn:
		p.returns()
	case kRaise:
		p.i++
		if p.startsExpression() {
			p.expression()
			if p.take(kFrom) {
				p.expression()
			}
		}
	case kGlobal, kNonlocal:
		p.declared()
	case kDel:
		p.deletes()
	case kAssert:
		p.i++
		p.expression()
		if p.take(',') {
			p.expression()
		}
	case kImport:
		p.imports()
	case kFrom:
		p.from(started)
	default:
		if p.soft("type") && p.peek(1).kind == name && (p.peek(2).code == '=' || p.peek(2).code == '[') {
			p.need.since(12, p.line(), "a type statement")
			p.i++
			p.bindable(p.name())
			p.typeParams()
			p.expect('=')
			p.expression()
			return
		}
		p.expressionStatement()
	}
}

func (p *parser) returns() {
	if !p.ctx.function {
		fail(p.line(), "'return' outside function")
	}
	if p.ctx.star {
		fail(p.line(), "'break', 'continue' and 'return' cannot appear in an 'except*' block")
	}
	line := p.line()
	p.i++
	if p.startsExpression() {
		p.ctx.returns, p.ctx.returnLine = true, line
		if e := p.starExpressions(); e.form == aStar {
			fail(line, "can't use starred expression here")
		}
	}
}

func (p *parser) declared() {
	nonlocal := p.is(kNonlocal)
	if nonlocal && !p.ctx.function && !p.ctx.class {
		fail(p.line(), "nonlocal declaration not allowed at module level")
	}
	p.i++
	for {
		line := p.line()
		if n := p.name(); p.ctx.params[n] {
			fail(line, "name '%s' is parameter and global or nonlocal", n)
		}
		if !p.take(',') {
			return
		}
	}
}

func (p *parser) deletes() {
	p.i++
	var items []ex
	at := p.i
	for {
		items = append(items, p.binary(0))
		if !p.take(',') || !p.startsExpression() {
			break
		}
	}
	if !tupleOf(items, at).removable {
		fail(p.line(), "cannot delete what stands here")
	}
}

func (p *parser) dotted() {
	p.name()
	for p.take('.') {
		p.name()
	}
}

func (p *parser) imports() {
	p.i++
	for {
		p.dotted()
		if p.take(kAs) {
			p.bindable(p.name())
		}
		if !p.take(',') {
			return
		}
	}
}

// features are those of __future__.
var features = []string{"nested_scopes", "generators", "division", "absolute_import", "with_statement", "print_function", "unicode_literals",
	"barry_as_FLUFL", "generator_stop", "annotations"}

func (p *parser) from(started bool) {
	line := p.line()
	p.i++
	dots := false
	for p.is('.') || p.is(oDots) {
		dots = true
		p.i++
	}
	future := false
	if !dots || !p.is(kImport) {
		future = !dots && p.soft("__future__") && p.peek(1).code == kImport
		p.dotted()
	}
	p.expect(kImport)
	if future {
		if started || p.ctx.function || p.ctx.class || p.depth > 0 {
			fail(line, "from __future__ imports must occur at the beginning of the file")
		}
		p.started, p.documented = false, true
	}
	if p.take('*') {
		if p.ctx.function || p.ctx.class {
			fail(line, "import * only allowed at module level")
		}
		if future {
			fail(line, "future feature * is not defined")
		}
		return
	}
	brackets := p.take('(')
	for {
		n := p.name()
		if future && !slices.Contains(features, n) {
			fail(line, "future feature %s is not defined", n)
		}
		if p.take(kAs) {
			p.bindable(p.name())
		}
		if !p.take(',') {
			break
		}
		if brackets && p.is(')') {
			break
		}
		if !p.isKind(name) {
			fail(line, "trailing comma not allowed without surrounding parentheses")
		}
	}
	if brackets {
		p.expect(')')
	}
}

func (p *parser) expressionStatement() {
	line := p.line()
	var e ex
	if p.is(kYield) {
		e = p.yield()
	} else {
		e = p.starExpressions()
	}
	switch {
	case p.is(oAug):
		if e.form != aName && e.form != anAttribute && e.form != aSubscript {
			fail(line, "illegal expression for augmented assignment")
		}
		p.assignable(e)
		p.i++
		p.value(line)
	case p.is(':'):
		p.annotated(e, line)
	case p.is('='):
		for p.take('=') {
			if e.form == aStar {
				fail(line, "starred assignment target must be in a list or tuple")
			}
			p.assign(e)
			e = p.value(line)
		}
	case e.form == aStar:
		fail(line, "can't use starred expression here")
	}
}

func (p *parser) value(line int) ex {
	if p.is(kYield) {
		return p.yield()
	}
	e := p.starExpressions()
	if e.form == aStar && !p.is('=') {
		fail(line, "can't use starred expression here")
	}
	return e
}

func (p *parser) annotated(e ex, line int) {
	if e.form != aName && e.form != anAttribute && e.form != aSubscript || e.paren && e.form == aTuple {
		fail(line, "only single target can be annotated")
	}
	p.assignable(e)
	p.i++
	p.expression()
	if p.take('=') {
		p.value(line)
	}
}
