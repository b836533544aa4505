package syntax

func (x expressions) atom() ex {
	at := x.p.i
	switch t := &x.p.t[x.p.i]; t.kind {
	case name:
		x.p.i++
		if x.p.asciiOnly {
			x.opaqueName(at)
		}
		return ex{form: aName, target: true, removable: true, at: at}
	case number:
		x.p.i++
		return ex{form: aLiteral, at: at}
	case str:
		x.strings()
		return ex{form: aLiteral, at: at}
	case keyword:
		switch t.code {
		case kTrue, kFalse, kNone:
			x.p.i++
			return ex{form: aConstant, at: at}
		}
	case op:
		switch t.code {
		case '(':
			return x.parentheses()
		case '[':
			return x.list()
		case '{':
			return x.braces()
		case oDots:
			x.p.i++
			return ex{form: aConstant, at: at}
		}
	}
	fail(x.p.line(), "invalid syntax")
	return ex{}
}

func (x expressions) opaqueName(at int) {
	for _, c := range x.p.src[x.p.t[at].start:x.p.t[at].stop] {
		if c >= 0x80 {
			doubt(int(x.p.t[at].line), "a name outside ASCII")
		}
	}
}

func (x expressions) strings() {
	first := x.p.t[x.p.i].code
	for x.p.t[x.p.i].kind == str {
		if c := x.p.t[x.p.i].code; c != first && (c == 'b' || first == 'b') {
			fail(x.p.line(), "cannot mix bytes and nonbytes literals")
		} else if c != first {
			fail(x.p.line(), "cannot mix t-strings and other literals")
		}
		x.p.i++
	}
}

func (x expressions) parentheses() ex {
	x.p.deep()
	e := x.inParentheses()
	x.p.depth--
	return e
}

func (x expressions) inParentheses() ex {
	at := x.p.i
	x.p.expect('(')
	if x.p.take(')') {
		return ex{form: aTuple, target: true, removable: true, paren: true, at: at}
	}
	if x.p.is(kYield) {
		x.yield()
		x.p.expect(')')
		return ex{form: aYield, paren: true, at: at}
	}
	first := x.starNamedExpression()
	if x.startsFor() {
		if first.form == aStar {
			fail(x.p.line(), "iterable unpacking cannot be used in comprehension")
		}
		x.comprehension(true)
		x.p.expect(')')
		return ex{form: aGenerator, paren: true, at: at}
	}
	if !x.p.is(',') {
		if first.form == aStar {
			fail(x.p.line(), "cannot use starred expression here")
		}
		x.p.expect(')')
		first.paren, first.at = true, at
		return first
	}
	t := x.more(first, ')')
	x.p.expect(')')
	t.paren, t.at = true, at
	return t
}

// more reads the rest of a list of expressions up to a bracket.
func (x expressions) more(first ex, closing code) ex {
	t := tupleFrom(first)
	for x.p.take(',') && !x.p.is(closing) {
		t.add(x.starNamedExpression())
	}
	return t.ex
}

func (x expressions) list() ex {
	x.p.deep()
	e := x.inSquareBrackets()
	x.p.depth--
	return e
}

func (x expressions) inSquareBrackets() ex {
	at := x.p.i
	x.p.expect('[')
	if x.p.take(']') {
		return ex{form: aList, target: true, removable: true, at: at}
	}
	first := x.starNamedExpression()
	if x.startsFor() {
		if first.form == aStar {
			fail(x.p.line(), "iterable unpacking cannot be used in comprehension")
		}
		x.comprehension(false)
		x.p.expect(']')
		return ex{at: at}
	}
	e := x.more(first, ']')
	x.p.expect(']')
	e.form, e.at = aList, at
	return e
}

func (x expressions) braces() ex {
	x.p.deep()
	e := x.inBraces()
	x.p.depth--
	return e
}

func (x expressions) inBraces() ex {
	at := x.p.i
	x.p.expect('{')
	if x.p.take('}') {
		return ex{form: aLiteral, at: at}
	}
	dict := false
	for n := 0; !x.p.is('}'); n++ {
		pair := true
		switch {
		case x.p.is(oPow):
			x.p.i++
			x.binary(0)
		case x.p.is('*'):
			x.star()
			pair = false
		default:
			e := x.namedExpression()
			if pair = x.p.is(':'); pair {
				if e.form == aWalrus && !e.paren {
					fail(x.p.line(), "invalid syntax")
				}
				x.p.i++
				x.expression()
			}
		}
		if n == 0 {
			dict = pair
		} else if pair != dict {
			fail(x.p.line(), "':' expected after dictionary key, or not in a set")
		}
		if x.startsFor() {
			if n > 0 || x.p.t[x.p.i-1].kind == op && x.p.t[x.p.i-1].code == ',' {
				fail(x.p.line(), "invalid syntax")
			}
			if x.p.t[at+1].code == oPow {
				fail(x.p.line(), "dict unpacking cannot be used in dict comprehension")
			}
			if x.p.t[at+1].code == '*' {
				fail(x.p.line(), "iterable unpacking cannot be used in comprehension")
			}
			x.comprehension(false)
			break
		}
		if !x.p.take(',') {
			break
		}
	}
	x.p.expect('}')
	return ex{form: aLiteral, at: at}
}

func (x expressions) yield() ex {
	at := x.p.i
	switch {
	case !x.p.ctx.function:
		if x.p.ctx.comprehension > 0 {
			doubt(x.p.line(), "'yield' outside function")
		}
		fail(x.p.line(), "'yield' outside function")
	case x.p.ctx.comprehension > 0 && !x.p.ctx.lambda:
		doubt(x.p.line(), "'yield' inside a comprehension")
	}
	x.p.expect(kYield)
	if x.p.take(kFrom) {
		if x.p.ctx.async {
			fail(x.p.line(), "'yield from' inside async function")
		}
		x.expression()
		return ex{form: aYield, at: at}
	}
	x.p.ctx.yields = true
	if x.startsExpression() {
		x.starExpressions()
	}
	return ex{form: aYield, at: at}
}

func (x expressions) startsExpression() bool {
	switch t := &x.p.t[x.p.i]; t.kind {
	case name, number, str:
		return true
	case keyword:
		switch t.code {
		case kTrue, kFalse, kNone, kNot, kLambda, kAwait:
			return true
		}
	case op:
		switch t.code {
		case '(', '[', '{', '-', '+', '~', '*', oDots:
			return true
		}
	}
	return false
}
