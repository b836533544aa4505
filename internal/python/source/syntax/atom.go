package syntax

func (p *parser) atom() ex {
	at := p.i
	switch t := &p.t[p.i]; t.kind {
	case name:
		p.i++
		if p.asciiOnly {
			p.opaqueName(at)
		}
		return ex{form: aName, target: true, removable: true, at: at}
	case number:
		p.i++
		return ex{form: aLiteral, at: at}
	case str:
		p.strings()
		return ex{form: aLiteral, at: at}
	case keyword:
		switch t.code {
		case kTrue, kFalse, kNone:
			p.i++
			return ex{form: aConstant, at: at}
		}
	case op:
		switch t.code {
		case '(':
			return p.parentheses()
		case '[':
			return p.list()
		case '{':
			return p.braces()
		case oDots:
			p.i++
			return ex{form: aConstant, at: at}
		}
	}
	fail(p.line(), "invalid syntax")
	return ex{}
}

func (p *parser) opaqueName(at int) {
	for _, c := range p.src[p.t[at].start:p.t[at].stop] {
		if c >= 0x80 {
			doubt(int(p.t[at].line), "a name outside ASCII")
		}
	}
}

func (p *parser) strings() {
	first := p.t[p.i].code
	for p.t[p.i].kind == str {
		if c := p.t[p.i].code; c != first && (c == 'b' || first == 'b') {
			fail(p.line(), "cannot mix bytes and nonbytes literals")
		} else if c != first {
			fail(p.line(), "cannot mix t-strings and other literals")
		}
		p.i++
	}
}

func (p *parser) parentheses() ex {
	at := p.i
	p.deep()
	defer func() { p.depth-- }()
	p.expect('(')
	if p.take(')') {
		return ex{form: aTuple, target: true, removable: true, paren: true, at: at}
	}
	if p.is(kYield) {
		p.yield()
		p.expect(')')
		return ex{form: aYield, paren: true, at: at}
	}
	first := p.starNamedExpression()
	if p.startsFor() {
		if first.form == aStar {
			fail(p.line(), "iterable unpacking cannot be used in comprehension")
		}
		p.comprehension(true)
		p.expect(')')
		return ex{form: aGenerator, paren: true, at: at}
	}
	if !p.is(',') {
		if first.form == aStar {
			fail(p.line(), "cannot use starred expression here")
		}
		p.expect(')')
		first.paren, first.at = true, at
		return first
	}
	items := p.more(first, ')')
	p.expect(')')
	t := tupleOf(items, at)
	t.paren = true
	return t
}

func (p *parser) more(first ex, closing code) []ex {
	items := []ex{first}
	for p.take(',') {
		if p.is(closing) {
			break
		}
		items = append(items, p.starNamedExpression())
	}
	return items
}

func (p *parser) list() ex {
	at := p.i
	p.deep()
	defer func() { p.depth-- }()
	p.expect('[')
	if p.take(']') {
		return ex{form: aList, target: true, removable: true, at: at}
	}
	first := p.starNamedExpression()
	if p.startsFor() {
		if first.form == aStar {
			fail(p.line(), "iterable unpacking cannot be used in comprehension")
		}
		p.comprehension(false)
		p.expect(']')
		return ex{at: at}
	}
	items := p.more(first, ']')
	p.expect(']')
	e := tupleOf(items, at)
	e.form = aList
	return e
}

func (p *parser) braces() ex {
	at := p.i
	p.deep()
	defer func() { p.depth-- }()
	p.expect('{')
	if p.take('}') {
		return ex{form: aLiteral, at: at}
	}
	dict := false
	for n := 0; !p.is('}'); n++ {
		pair := true
		switch {
		case p.is(oPow):
			p.i++
			p.binary(0)
		case p.is('*'):
			p.star()
			pair = false
		default:
			e := p.namedExpression()
			if pair = p.is(':'); pair {
				if e.form == aWalrus && !e.paren {
					fail(p.line(), "invalid syntax")
				}
				p.i++
				p.expression()
			}
		}
		if n == 0 {
			dict = pair
		} else if pair != dict {
			fail(p.line(), "':' expected after dictionary key, or not in a set")
		}
		if p.startsFor() {
			if n > 0 || p.t[p.i-1].kind == op && p.t[p.i-1].code == ',' {
				fail(p.line(), "invalid syntax")
			}
			if p.t[at+1].code == oPow {
				fail(p.line(), "dict unpacking cannot be used in dict comprehension")
			}
			if p.t[at+1].code == '*' {
				fail(p.line(), "iterable unpacking cannot be used in comprehension")
			}
			p.comprehension(false)
			break
		}
		if !p.take(',') {
			break
		}
	}
	p.expect('}')
	return ex{form: aLiteral, at: at}
}

func (p *parser) yield() ex {
	at := p.i
	switch {
	case !p.ctx.function:
		if p.ctx.comprehension > 0 {
			doubt(p.line(), "'yield' outside function")
		}
		fail(p.line(), "'yield' outside function")
	case p.ctx.comprehension > 0 && !p.ctx.lambda:
		doubt(p.line(), "'yield' inside a comprehension")
	}
	p.expect(kYield)
	if p.take(kFrom) {
		if p.ctx.async {
			fail(p.line(), "'yield from' inside async function")
		}
		p.expression()
		return ex{form: aYield, at: at}
	}
	p.ctx.yields = true
	if p.startsExpression() {
		p.starExpressions()
	}
	return ex{form: aYield, at: at}
}

func (p *parser) startsExpression() bool {
	switch t := &p.t[p.i]; t.kind {
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
