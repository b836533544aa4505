package syntax

// form is what an expression is, as far as it decides where it may stand.
type form uint8

const (
	other form = iota
	aName
	anAttribute
	aSubscript
	aTuple
	aList
	aStar
	aCall
	aLiteral
	aConstant
	aGenerator
	aYield
	aWalrus
)

// ex is an expression that was read.
type ex struct {
	form form
	// target says that it may be assigned to, removable that it may be deleted.
	target, removable bool
	paren             bool
	at                int // the index of its first token
	why               string
}

func (p *parser) deep() {
	if p.depth++; p.depth > maxDepth {
		doubt(p.line(), "it is nested too deeply")
	}
}

// starExpressions: expressions with stars, separated by commas.
func (p *parser) starExpressions() ex {
	first := p.starExpression()
	if !p.is(',') {
		return first
	}
	items := []ex{first}
	for p.take(',') {
		if !p.startsExpression() {
			break
		}
		items = append(items, p.starExpression())
	}
	return tupleOf(items, first.at)
}

func tupleOf(items []ex, at int) ex {
	t := ex{form: aTuple, target: true, removable: true, at: at}
	stars := 0
	for _, it := range items {
		if it.form == aStar {
			stars++
		}
		t.target = t.target && it.target
		t.removable = t.removable && it.removable
	}
	if stars > 1 {
		t.target = false
	}
	return t
}

func (p *parser) starExpression() ex {
	if p.is('*') {
		return p.star()
	}
	return p.expression()
}

// star: "*" and an operand.
func (p *parser) star() ex {
	at := p.i
	p.expect('*')
	e := p.binary(0)
	return ex{form: aStar, target: e.target && e.form != aStar, at: at}
}

// namedExpression: an expression, or "name := expression".
func (p *parser) namedExpression() ex {
	e := p.expression()
	if !p.is(oWalrus) {
		return e
	}
	if e.form != aName || e.paren {
		fail(p.line(), "cannot use assignment expressions with what is no name")
	}
	p.assignable(e)
	p.need.since(8, p.line(), "an assignment expression")
	p.i++
	p.expression()
	return ex{form: aWalrus, at: e.at}
}

func (p *parser) starNamedExpression() ex {
	if p.is('*') {
		return p.star()
	}
	return p.namedExpression()
}

func (p *parser) expression() ex {
	p.deep()
	defer func() { p.depth-- }()
	if p.is(kLambda) {
		return p.lambda()
	}
	e := p.or()
	if !p.is(kIf) {
		return e
	}
	p.i++
	p.or()
	p.expect(kElse)
	p.expression()
	return ex{at: e.at}
}

func (p *parser) or() ex {
	e := p.and()
	for p.is(kOr) {
		p.i++
		p.and()
		e = ex{at: e.at}
	}
	return e
}

func (p *parser) and() ex {
	e := p.not()
	for p.is(kAnd) {
		p.i++
		p.not()
		e = ex{at: e.at}
	}
	return e
}

func (p *parser) not() ex {
	if p.is(kNot) {
		at := p.i
		p.deep()
		p.i++
		p.not()
		p.depth--
		return ex{at: at}
	}
	return p.comparison()
}

func (p *parser) comparison() ex {
	e := p.binary(0)
	for {
		switch p.code() {
		case oEq, oNe, oLe, oGe, '<', '>', kIn:
			p.i++
		case kIs:
			p.i++
			p.take(kNot)
		case kNot:
			if p.t[p.i+1].code != kIn {
				return e
			}
			p.i += 2
		default:
			return e
		}
		p.binary(0)
		e = ex{at: e.at}
	}
}

// level is how strongly a binary operator binds, -1 for none.
func level(c code) int {
	switch c {
	case '|':
		return 0
	case '^':
		return 1
	case '&':
		return 2
	case oLeft, oRight:
		return 3
	case '+', '-':
		return 4
	case '*', '/', '%', oFloor, '@':
		return 5
	}
	return -1
}

func (p *parser) binary(low int) ex {
	e := p.factor()
	for k := 0; ; k++ {
		p.chain(k)
		n := level(p.code())
		if n < low {
			return e
		}
		p.i++
		p.binary(n + 1)
		e = ex{at: e.at}
	}
}

func (p *parser) factor() ex {
	switch p.code() {
	case '+', '-', '~':
		at := p.i
		p.deep()
		p.i++
		p.factor()
		p.depth--
		return ex{at: at}
	}
	e := p.await()
	if p.is(oPow) {
		p.i++
		p.factor()
		return ex{at: e.at}
	}
	return e
}

func (p *parser) await() ex {
	if !p.is(kAwait) {
		return p.primary()
	}
	at := p.i
	if !p.ctx.async {
		if p.ctx.comprehension > 0 {
			doubt(p.line(), "'await' outside async function")
		}
		fail(p.line(), "'await' outside async function")
	}
	p.i++
	p.primary()
	return ex{at: at}
}

func (p *parser) primary() ex {
	e := p.atom()
	for n := 0; ; n++ {
		p.chain(n)
		switch p.code() {
		case '.':
			p.i++
			if p.t[p.i].kind != name {
				fail(p.line(), "invalid syntax")
			}
			p.i++
			e = ex{form: anAttribute, target: true, removable: true, at: e.at}
		case '(':
			p.call()
			e = ex{form: aCall, at: e.at}
		case '[':
			p.i++
			p.slices()
			p.expect(']')
			e = ex{form: aSubscript, target: true, removable: true, at: e.at}
		default:
			return e
		}
	}
}

func (p *parser) slices() {
	if p.is(']') {
		fail(p.line(), "invalid syntax")
	}
	for {
		if p.is('*') {
			p.need.since(11, p.line(), "a star in an index")
			p.star()
		} else {
			p.slice()
		}
		if !p.take(',') || p.is(']') {
			return
		}
	}
}

func (p *parser) slice() {
	if !p.is(':') {
		line := p.line()
		if e := p.namedExpression(); e.form == aWalrus && !e.paren {
			if p.need.since(10, line, "an assignment expression in an index"); p.is(':') {
				fail(p.line(), "invalid syntax")
			}
			return
		}
		if !p.is(':') {
			return
		}
	}
	p.expect(':')
	if p.startsExpression() {
		p.expression()
	}
	if p.take(':') && p.startsExpression() {
		p.expression()
	}
}

// call: the arguments of a call, from its bracket on.
func (p *parser) call() {
	p.expect('(')
	var names map[string]bool
	keywords, doubled, count := false, false, 0
	for !p.is(')') {
		line := p.line()
		switch {
		case p.is('*'):
			if doubled {
				fail(line, "iterable argument unpacking follows keyword argument unpacking")
			}
			p.i++
			p.expression()
		case p.is(oPow):
			p.i++
			p.expression()
			doubled = true
		case p.t[p.i].kind == name && p.t[p.i+1].code == '=':
			n := p.text(p.i)
			if names[n] {
				fail(line, "keyword argument repeated: %s", n)
			}
			if n == "__debug__" {
				fail(line, "cannot assign to __debug__")
			}
			if names == nil {
				names = map[string]bool{}
			}
			names[n] = true
			p.i += 2
			p.expression()
			keywords = true
		default:
			p.namedExpression()
			switch {
			case p.startsFor():
				p.comprehension(true)
				if count > 0 || p.is(',') && p.t[p.i+1].code != ')' || p.is(',') && count > 0 {
					fail(line, "Generator expression must be parenthesized")
				}
				if p.is(',') {
					doubt(line, "a generator and a comma")
				}
			case p.is('='):
				fail(line, "expression cannot contain assignment, perhaps you meant \"==\"?")
			case doubled:
				fail(line, "positional argument follows keyword argument unpacking")
			case keywords:
				fail(line, "positional argument follows keyword argument")
			}
		}
		count++
		if !p.take(',') {
			break
		}
	}
	p.expect(')')
}

func (p *parser) startsFor() bool {
	return p.is(kFor) || p.is(kAsync) && p.t[p.i+1].code == kFor
}

// comprehension: its clauses.
func (p *parser) comprehension(generator bool) {
	p.ctx.comprehension++
	for p.startsFor() {
		if p.take(kAsync) && !p.ctx.async && !generator {
			doubt(p.line(), "asynchronous comprehension outside of an asynchronous function")
		}
		p.expect(kFor)
		p.targets()
		p.expect(kIn)
		p.or()
		for p.take(kIf) {
			if p.is(kLambda) {
				p.lambda()
			} else if p.or(); p.is(oWalrus) {
				p.need.since(8, p.line(), "an assignment expression")
				if p.t[p.i-1].kind != name {
					fail(p.line(), "cannot use assignment expressions with what is no name")
				}
				p.i++
				p.or()
			}
		}
	}
	p.ctx.comprehension--
}

// targets: what a for assigns to.
func (p *parser) targets() {
	var items []ex
	at := p.i
	for {
		if p.is('*') {
			items = append(items, p.star())
		} else {
			items = append(items, p.binary(0))
		}
		if !p.take(',') || p.is(kIn) {
			break
		}
	}
	e := items[0]
	if len(items) > 1 || p.t[p.i-1].code == ',' {
		e = tupleOf(items, at)
	} else if e.form == aStar {
		fail(p.line(), "starred assignment target must be in a list or tuple")
	}
	p.assign(e)
}

func (p *parser) lambda() ex {
	at := p.i
	p.expect(kLambda)
	p.params(':', false)
	p.expect(':')
	saved := p.ctx
	p.ctx = context{function: true, lambda: true, async: false}
	if saved.async {
		p.ctx.comprehension = 1 // an await in it is in doubt
	}
	p.expression()
	p.ctx = saved
	return ex{at: at}
}

// atom: names, literals, brackets.
// strings stand side by side; bytes do not mix with text.
// more reads the rest of a list of expressions up to a bracket.
// braces: a dictionary or a set.
// startsExpression says that the next token may begin an expression.
