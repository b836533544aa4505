package syntax

import "slices"

// match reads a match statement, if one stands here (PEP 634): "match" is a
// name, too.
func (p *parser) match() bool {
	if !p.matches() {
		return false
	}
	p.need.since(10, p.line(), "a match statement")
	p.i++
	p.subject()
	p.expect(':')
	p.i += 2 // the line's end and the indentation
	irrefutable := 0
	p.deep()
	for !p.takeKind(dedent) {
		if !p.soft("case") {
			fail(p.line(), "expected a case")
		}
		line := p.line()
		if irrefutable > 0 {
			fail(irrefutable, "this pattern makes remaining patterns unreachable")
		}
		p.i++
		pat := p.patterns()
		guard := p.take(kIf)
		if guard {
			p.namedExpression()
		}
		if pat.irrefutable && !guard {
			irrefutable = line
		}
		p.block()
	}
	p.depth--
	return true
}

// matches looks ahead: the line ends with a colon, and "case" stands in the
// block behind it.
func (p *parser) matches() bool {
	next := p.peek(1)
	switch {
	case next.kind == newline, next.kind == op && slices.Contains([]code{'=', '.', ',', ')', ']', '}', ':', ';', oAug, oWalrus, oEq, oNe}, next.code):
		return false
	}
	i := p.i
	for p.t[i].kind != newline && p.t[i].kind != end {
		i++
	}
	return i+2 < len(p.t) && p.t[i-1].code == ':' && p.t[i].kind == newline && p.t[i+1].kind == indent && p.t[i+2].kind == name && p.text(i+2) == "case"
}

func (p *parser) subject() {
	if e := p.starNamedExpression(); p.is(',') {
		for p.take(',') {
			if p.is(':') {
				return
			}
			p.starNamedExpression()
		}
	} else if e.form == aStar {
		fail(p.line(), "invalid syntax")
	}
}

// pattern is what is known of one: the names that it binds, and whether it
// always matches.
type pattern struct {
	names       []string
	irrefutable bool
	star        bool
}

func (p *parser) bind(a *pattern, names ...string) {
	for _, n := range names {
		if slices.Contains(a.names, n) {
			fail(p.line(), "multiple assignments to name '%s' in pattern", n)
		}
		a.names = append(a.names, n)
	}
}

// patterns: one, or an open sequence.
func (p *parser) patterns() pattern {
	first := p.starPattern()
	if !p.is(',') {
		if first.star {
			fail(p.line(), "invalid syntax")
		}
		return first
	}
	return p.sequence(first, ':')
}

func (p *parser) starPattern() pattern {
	if p.take('*') {
		n := p.name()
		out := pattern{star: true}
		if n != "_" {
			out.names = []string{n}
		}
		return out
	}
	return p.asPattern()
}

// sequence reads the rest of one up to a token.
func (p *parser) sequence(first pattern, closing code) pattern {
	out := pattern{names: first.names}
	stars := 0
	if first.star {
		stars++
	}
	for p.take(',') {
		if p.is(closing) || closing == ':' && p.is(kIf) {
			break
		}
		next := p.starPattern()
		if next.star {
			if stars++; stars > 1 {
				fail(p.line(), "multiple starred expressions in sequence pattern")
			}
		}
		p.bind(&out, next.names...)
	}
	return out
}

func (p *parser) asPattern() pattern {
	p.deep()
	defer func() { p.depth-- }()
	out := p.closedPattern()
	if p.is('|') {
		for p.take('|') {
			if out.irrefutable {
				fail(p.line(), "this pattern makes remaining patterns unreachable")
			}
			next := p.closedPattern()
			if !sameNames(out.names, next.names) {
				fail(p.line(), "alternative patterns bind different names")
			}
			out.irrefutable = next.irrefutable
		}
	}
	if p.take(kAs) {
		n := p.name()
		if n == "_" {
			fail(p.line(), "cannot use '_' as a target")
		}
		p.bind(&out, n)
	}
	return out
}

func sameNames(a, b []string) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(n string) bool { return !slices.Contains(b, n) })
}

func (p *parser) closedPattern() pattern {
	switch t := p.t[p.i]; {
	case t.kind == number || t.code == '-':
		p.numberPattern()
		return pattern{}
	case t.kind == str:
		p.strings()
		return pattern{}
	case t.code == kNone || t.code == kTrue || t.code == kFalse:
		p.i++
		return pattern{}
	case t.kind == name:
		return p.namePattern()
	case t.code == '(' || t.code == '[':
		return p.groupPattern()
	case t.code == '{':
		return p.mappingPattern()
	}
	fail(p.line(), "invalid syntax")
	return pattern{}
}

func (p *parser) numberPattern() {
	p.take('-')
	if !p.takeKind(number) {
		fail(p.line(), "invalid syntax")
	}
	if p.is('+') || p.is('-') {
		p.i++
		if !p.takeKind(number) {
			fail(p.line(), "invalid syntax")
		}
		if c := p.src[p.t[p.i-1].stop-1] | 0x20; c != 'j' {
			fail(p.line(), "imaginary number required in complex literal")
		}
	}
}

// namePattern: a capture, a wildcard, a value or a class.
func (p *parser) namePattern() pattern {
	n := p.name()
	dotted := false
	for p.take('.') {
		p.name()
		dotted = true
	}
	if !p.is('(') {
		switch {
		case dotted:
			return pattern{}
		case n == "_":
			return pattern{irrefutable: true}
		}
		return pattern{irrefutable: true, names: []string{n}}
	}
	p.i++
	out := pattern{}
	var attributes []string
	for !p.is(')') {
		if p.isKind(name) && p.peek(1).code == '=' {
			a := p.name()
			if slices.Contains(attributes, a) {
				fail(p.line(), "attribute name repeated in class pattern: %s", a)
			}
			attributes = append(attributes, a)
			p.i++
		} else if len(attributes) > 0 {
			fail(p.line(), "positional patterns follow keyword patterns")
		}
		p.bind(&out, p.asPattern().names...)
		if !p.take(',') {
			break
		}
	}
	p.expect(')')
	return out
}

func (p *parser) groupPattern() pattern {
	closing := code(')')
	list := p.is('[')
	if list {
		closing = ']'
	}
	p.i++
	if p.take(closing) {
		return pattern{}
	}
	first := p.starPattern()
	if !p.is(',') {
		p.expect(closing)
		switch {
		case list:
			return pattern{names: first.names}
		case first.star:
			fail(p.line(), "invalid syntax")
		}
		return first
	}
	out := p.sequence(first, closing)
	p.expect(closing)
	return out
}

func (p *parser) mappingPattern() pattern {
	p.expect('{')
	out := pattern{}
	rest := false
	for !p.is('}') {
		if rest {
			fail(p.line(), "invalid syntax")
		}
		if p.is(oPow) {
			p.i++
			n := p.name()
			if n == "_" {
				fail(p.line(), "invalid syntax")
			}
			p.bind(&out, n)
			rest = true
		} else {
			p.mappingKey()
			p.expect(':')
			p.bind(&out, p.asPattern().names...)
		}
		if !p.take(',') {
			break
		}
	}
	p.expect('}')
	return out
}

func (p *parser) mappingKey() {
	switch t := p.t[p.i]; {
	case t.kind == number || t.code == '-':
		p.numberPattern()
	case t.kind == str:
		p.strings()
	case t.code == kNone || t.code == kTrue || t.code == kFalse:
		p.i++
	case t.kind == name && p.peek(1).code == '.':
		p.dotted()
	default:
		fail(p.line(), "invalid syntax")
	}
}
