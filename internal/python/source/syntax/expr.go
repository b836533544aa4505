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
}

func (p *parser) deep() {
	if p.depth++; p.depth > maxDepth {
		doubt(p.line(), "it is nested too deeply")
	}
}

// starExpressions: expressions with stars, separated by commas.
func (x expressions) starExpressions() ex {
	first := x.starExpression()
	if !x.p.is(',') {
		return first
	}
	t := tupleFrom(first)
	for x.p.take(',') {
		if !x.startsExpression() {
			break
		}
		t.add(x.starExpression())
	}
	return t.ex
}

// tuple is an expression of several that are read one by one.
type tuple struct {
	ex
	star bool // one of them has a star
}

func tupleFrom(first ex) tuple {
	t := tuple{ex: ex{form: aTuple, target: true, removable: true, at: first.at}}
	t.add(first)
	return t
}

func (t *tuple) add(e ex) {
	t.target = t.target && e.target && !(t.star && e.form == aStar)
	t.star = t.star || e.form == aStar
	t.removable = t.removable && e.removable
}

func (x expressions) starExpression() ex {
	if x.p.is('*') {
		return x.star()
	}
	return x.expression()
}

// star: "*" and an operand.
func (x expressions) star() ex {
	at := x.p.i
	x.p.expect('*')
	e := x.binary(0)
	return ex{form: aStar, target: e.target && e.form != aStar, at: at}
}

// namedExpression: an expression, or "name := expression".
func (x expressions) namedExpression() ex {
	e := x.expression()
	if !x.p.is(oWalrus) {
		return e
	}
	if e.form != aName || e.paren {
		fail(x.p.line(), "cannot use assignment expressions with what is no name")
	}
	x.p.statements().assignable(e)
	x.p.need.since(8, x.p.line(), "an assignment expression")
	x.p.i++
	x.expression()
	return ex{form: aWalrus, at: e.at}
}

func (x expressions) starNamedExpression() ex {
	if x.p.is('*') {
		return x.star()
	}
	return x.namedExpression()
}

func (x expressions) expression() ex {
	x.p.deep()
	var e ex
	if x.p.is(kLambda) {
		e = x.lambda()
	} else if e = x.or(); x.p.is(kIf) {
		x.p.i++
		x.or()
		x.p.expect(kElse)
		x.expression()
		e = ex{at: e.at}
	}
	x.p.depth--
	return e
}

// unary are the codes before an operand, binary those between two.
var unary, binary = func() (u, b [256]bool) {
	for _, c := range []code{kNot, kAwait, '+', '-', '~'} {
		u[c] = true
	}
	for _, c := range []code{kOr, kAnd, kNot, kIn, kIs, oEq, oNe, oLe, oGe, '<', '>', '|', '^', '&', oLeft, oRight, '+', '-', '*', '/', '%', oFloor, '@', oPow} {
		b[c] = true
	}
	return u, b
}()

// or reads an expression without "if" and lambda. Most are one operand: only what
// has an operator goes through all that bind it.
func (x expressions) or() ex {
	if unary[x.p.code()] {
		return x.orAfter(x.and())
	}
	e := x.primary()
	if !binary[x.p.code()] {
		return e
	}
	return x.orAfter(x.andAfter(x.comparisonAfter(x.binaryAfter(x.powerAfter(e), 0))))
}

// orAfter, andAfter, comparisonAfter, binaryAfter and powerAfter read what follows
// the first operand.
func (x expressions) orAfter(e ex) ex {
	for x.p.is(kOr) {
		x.p.i++
		x.and()
		e = ex{at: e.at}
	}
	return e
}

func (x expressions) and() ex { return x.andAfter(x.not()) }

func (x expressions) andAfter(e ex) ex {
	for x.p.is(kAnd) {
		x.p.i++
		x.not()
		e = ex{at: e.at}
	}
	return e
}

func (x expressions) not() ex {
	if x.p.is(kNot) {
		at := x.p.i
		x.p.deep()
		x.p.i++
		x.not()
		x.p.depth--
		return ex{at: at}
	}
	return x.comparisonAfter(x.binary(0))
}

func (x expressions) comparisonAfter(e ex) ex {
	for {
		switch x.p.code() {
		case oEq, oNe, oLe, oGe, '<', '>', kIn:
			x.p.i++
		case kIs:
			x.p.i++
			x.p.take(kNot)
		case kNot:
			if x.p.t[x.p.i+1].code != kIn {
				return e
			}
			x.p.i += 2
		default:
			return e
		}
		x.binary(0)
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

func (x expressions) binary(low int) ex { return x.binaryAfter(x.factor(), low) }

func (x expressions) binaryAfter(e ex, low int) ex {
	for k := 0; ; k++ {
		x.p.statements().chain(k)
		n := level(x.p.code())
		if n < low {
			return e
		}
		x.p.i++
		x.binary(n + 1)
		e = ex{at: e.at}
	}
}

func (x expressions) factor() ex {
	switch x.p.code() {
	case '+', '-', '~':
		at := x.p.i
		x.p.deep()
		x.p.i++
		x.factor()
		x.p.depth--
		return ex{at: at}
	}
	return x.powerAfter(x.await())
}

func (x expressions) powerAfter(e ex) ex {
	if x.p.is(oPow) {
		x.p.i++
		x.factor()
		return ex{at: e.at}
	}
	return e
}

func (x expressions) await() ex {
	if !x.p.is(kAwait) {
		return x.primary()
	}
	at := x.p.i
	if !x.p.ctx.async {
		if x.p.ctx.comprehension > 0 {
			doubt(x.p.line(), "'await' outside async function")
		}
		fail(x.p.line(), "'await' outside async function")
	}
	x.p.i++
	x.primary()
	return ex{at: at}
}

func (x expressions) primary() ex {
	e := x.atom()
	for n := 0; ; n++ {
		x.p.statements().chain(n)
		switch x.p.code() {
		case '.':
			x.p.i++
			if x.p.t[x.p.i].kind != name {
				fail(x.p.line(), "invalid syntax")
			}
			x.p.i++
			e = ex{form: anAttribute, target: true, removable: true, at: e.at}
		case '(':
			x.call()
			e = ex{form: aCall, at: e.at}
		case '[':
			x.p.i++
			x.slices()
			x.p.expect(']')
			e = ex{form: aSubscript, target: true, removable: true, at: e.at}
		default:
			return e
		}
	}
}

func (x expressions) slices() {
	if x.p.is(']') {
		fail(x.p.line(), "invalid syntax")
	}
	for {
		if x.p.is('*') {
			x.p.need.since(11, x.p.line(), "a star in an index")
			x.star()
		} else {
			x.slice()
		}
		if !x.p.take(',') || x.p.is(']') {
			return
		}
	}
}

func (x expressions) slice() {
	if !x.p.is(':') {
		line := x.p.line()
		if e := x.namedExpression(); e.form == aWalrus && !e.paren {
			if x.p.need.since(10, line, "an assignment expression in an index"); x.p.is(':') {
				fail(x.p.line(), "invalid syntax")
			}
			return
		}
		if !x.p.is(':') {
			return
		}
	}
	x.p.expect(':')
	if x.startsExpression() {
		x.expression()
	}
	if x.p.take(':') && x.startsExpression() {
		x.expression()
	}
}

// call: the arguments of a call, from its bracket on.
func (x expressions) call() {
	x.p.expect('(')
	var a arguments
	for !x.p.is(')') {
		a.next(x)
		a.count++
		if !x.p.take(',') {
			break
		}
	}
	x.p.expect(')')
}

// arguments are those of a call that were read.
type arguments struct {
	names names // of keyword arguments
	// keywords says that there was one, doubled that there was "**".
	keywords, doubled bool
	count             int
}

func (a *arguments) next(x expressions) {
	line := x.p.line()
	switch {
	case x.p.is('*'):
		if a.doubled {
			fail(line, "iterable argument unpacking follows keyword argument unpacking")
		}
		x.p.i++
		x.expression()
	case x.p.is(oPow):
		x.p.i++
		x.expression()
		a.doubled = true
	case x.p.t[x.p.i].kind == name && x.p.t[x.p.i+1].code == '=':
		a.keyword(x)
	default:
		a.positional(x)
	}
}

func (a *arguments) keyword(x expressions) {
	line := x.p.line()
	if !a.names.add(x.p, x.p.i) {
		fail(line, "keyword argument repeated: %s", x.p.text(x.p.i))
	}
	if x.p.isDebug(x.p.i) {
		fail(line, "cannot assign to __debug__")
	}
	x.p.i += 2
	x.expression()
	a.keywords = true
}

func (a *arguments) positional(x expressions) {
	line := x.p.line()
	x.namedExpression()
	switch {
	case x.startsFor():
		x.comprehension(true)
		if a.count > 0 || x.p.is(',') && x.p.t[x.p.i+1].code != ')' {
			fail(line, "Generator expression must be parenthesized")
		}
		if x.p.is(',') {
			doubt(line, "a generator and a comma")
		}
	case x.p.is('='):
		fail(line, "expression cannot contain assignment, perhaps you meant \"==\"?")
	case a.doubled:
		fail(line, "positional argument follows keyword argument unpacking")
	case a.keywords:
		fail(line, "positional argument follows keyword argument")
	}
}

func (x expressions) startsFor() bool {
	return x.p.is(kFor) || x.p.is(kAsync) && x.p.t[x.p.i+1].code == kFor
}

// comprehension: its clauses.
func (x expressions) comprehension(generator bool) {
	x.p.ctx.comprehension++
	for x.startsFor() {
		if x.p.take(kAsync) && !x.p.ctx.async && !generator {
			doubt(x.p.line(), "asynchronous comprehension outside of an asynchronous function")
		}
		x.p.expect(kFor)
		x.targets()
		x.p.expect(kIn)
		x.or()
		for x.p.take(kIf) {
			if x.p.is(kLambda) {
				x.lambda()
			} else if x.or(); x.p.is(oWalrus) {
				x.p.need.since(8, x.p.line(), "an assignment expression")
				if x.p.t[x.p.i-1].kind != name {
					fail(x.p.line(), "cannot use assignment expressions with what is no name")
				}
				x.p.i++
				x.or()
			}
		}
	}
	x.p.ctx.comprehension--
}

// targets: what a for assigns to.
func (x expressions) targets() {
	next := func() ex {
		if x.p.is('*') {
			return x.star()
		}
		return x.binary(0)
	}
	e := next()
	if x.p.is(',') {
		t := tupleFrom(e)
		for x.p.take(',') && !x.p.is(kIn) {
			t.add(next())
		}
		e = t.ex
	} else if e.form == aStar {
		fail(x.p.line(), "starred assignment target must be in a list or tuple")
	}
	x.p.statements().assign(e)
}

func (x expressions) lambda() ex {
	at := x.p.i
	x.p.expect(kLambda)
	x.params(':', false)
	x.p.expect(':')
	saved := x.p.ctx
	x.p.ctx = context{function: true, lambda: true, async: false}
	if saved.async {
		x.p.ctx.comprehension = 1 // an await in it is in doubt
	}
	x.expression()
	x.p.ctx = saved
	return ex{at: at}
}
