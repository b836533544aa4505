package syntax

import "slices"

// match reads a match statement, if one stands here (PEP 634): "match" is a
// name, too.
func (m casePatterns) match() bool {
	if !m.matches() {
		return false
	}
	m.p.need.since(10, m.p.line(), "a match statement")
	m.p.i++
	m.subject()
	m.p.expect(':')
	m.p.i += 2 // the line's end and the indentation
	irrefutable := 0
	m.p.deep()
	for !m.p.takeKind(dedent) {
		if !m.p.soft("case") {
			fail(m.p.line(), "expected a case")
		}
		line := m.p.line()
		if irrefutable > 0 {
			fail(irrefutable, "this pattern makes remaining patterns unreachable")
		}
		m.p.i++
		pat := m.patterns()
		guard := m.p.take(kIf)
		if guard {
			m.p.expressions().namedExpression()
		}
		if pat.irrefutable && !guard {
			irrefutable = line
		}
		m.p.statements().block()
	}
	m.p.depth--
	return true
}

// matches looks ahead: the line ends with a colon, and "case" stands in the
// block behind it.
func (m casePatterns) matches() bool {
	next := m.p.peek(1)
	switch {
	case next.kind == newline, next.kind == op && slices.Contains([]code{'=', '.', ',', ')', ']', '}', ':', ';', oAug, oWalrus, oEq, oNe}, next.code):
		return false
	}
	i := m.p.i
	for m.p.t[i].kind != newline && m.p.t[i].kind != end {
		i++
	}
	return i+2 < len(m.p.t) && m.p.t[i-1].code == ':' && m.p.t[i].kind == newline && m.p.t[i+1].kind == indent && m.p.t[i+2].kind == name && m.p.text(i+2) == "case"
}

func (m casePatterns) subject() {
	if e := m.p.expressions().starNamedExpression(); m.p.is(',') {
		for m.p.take(',') {
			if m.p.is(':') {
				return
			}
			m.p.expressions().starNamedExpression()
		}
	} else if e.form == aStar {
		fail(m.p.line(), "invalid syntax")
	}
}

// pattern is what is known of one: the names that it binds, and whether it
// always matches.
type pattern struct {
	names       []string
	irrefutable bool
	star        bool
}

func (m casePatterns) bind(a *pattern, names ...string) {
	for _, n := range names {
		if slices.Contains(a.names, n) {
			fail(m.p.line(), "multiple assignments to name '%s' in pattern", n)
		}
		a.names = append(a.names, n)
	}
}

// patterns: one, or an open sequence.
func (m casePatterns) patterns() pattern {
	first := m.starPattern()
	if !m.p.is(',') {
		if first.star {
			fail(m.p.line(), "invalid syntax")
		}
		return first
	}
	return m.sequence(first, ':')
}

func (m casePatterns) starPattern() pattern {
	if m.p.take('*') {
		n := m.p.name()
		out := pattern{star: true}
		if n != "_" {
			out.names = []string{n}
		}
		return out
	}
	return m.asPattern()
}

// sequence reads the rest of one up to a token.
func (m casePatterns) sequence(first pattern, closing code) pattern {
	out := pattern{names: first.names}
	stars := 0
	if first.star {
		stars++
	}
	for m.p.take(',') {
		if m.p.is(closing) || closing == ':' && m.p.is(kIf) {
			break
		}
		next := m.starPattern()
		if next.star {
			if stars++; stars > 1 {
				fail(m.p.line(), "multiple starred expressions in sequence pattern")
			}
		}
		m.bind(&out, next.names...)
	}
	return out
}

func (m casePatterns) asPattern() pattern {
	m.p.deep()
	defer func() { m.p.depth-- }()
	out := m.closedPattern()
	if m.p.is('|') {
		for m.p.take('|') {
			if out.irrefutable {
				fail(m.p.line(), "this pattern makes remaining patterns unreachable")
			}
			next := m.closedPattern()
			if !sameNames(out.names, next.names) {
				fail(m.p.line(), "alternative patterns bind different names")
			}
			out.irrefutable = next.irrefutable
		}
	}
	if m.p.take(kAs) {
		n := m.p.name()
		if n == "_" {
			fail(m.p.line(), "cannot use '_' as a target")
		}
		m.bind(&out, n)
	}
	return out
}

func sameNames(a, b []string) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(n string) bool { return !slices.Contains(b, n) })
}

func (m casePatterns) closedPattern() pattern {
	switch t := m.p.t[m.p.i]; {
	case t.kind == number || t.code == '-':
		m.numberPattern()
		return pattern{}
	case t.kind == str:
		m.p.expressions().strings()
		return pattern{}
	case t.code == kNone || t.code == kTrue || t.code == kFalse:
		m.p.i++
		return pattern{}
	case t.kind == name:
		return m.namePattern()
	case t.code == '(' || t.code == '[':
		return m.groupPattern()
	case t.code == '{':
		return m.mappingPattern()
	}
	fail(m.p.line(), "invalid syntax")
	return pattern{}
}

func (m casePatterns) numberPattern() {
	m.p.take('-')
	if !m.p.takeKind(number) {
		fail(m.p.line(), "invalid syntax")
	}
	if m.p.is('+') || m.p.is('-') {
		m.p.i++
		if !m.p.takeKind(number) {
			fail(m.p.line(), "invalid syntax")
		}
		if c := m.p.src[m.p.t[m.p.i-1].stop-1] | 0x20; c != 'j' {
			fail(m.p.line(), "imaginary number required in complex literal")
		}
	}
}

// namePattern: a capture, a wildcard, a value or a class.
func (m casePatterns) namePattern() pattern {
	n := m.p.name()
	dotted := false
	for m.p.take('.') {
		m.p.name()
		dotted = true
	}
	if !m.p.is('(') {
		switch {
		case dotted:
			return pattern{}
		case n == "_":
			return pattern{irrefutable: true}
		}
		return pattern{irrefutable: true, names: []string{n}}
	}
	m.p.i++
	out := pattern{}
	var attributes []string
	for !m.p.is(')') {
		if m.p.isKind(name) && m.p.peek(1).code == '=' {
			a := m.p.name()
			if slices.Contains(attributes, a) {
				fail(m.p.line(), "attribute name repeated in class pattern: %s", a)
			}
			attributes = append(attributes, a)
			m.p.i++
		} else if len(attributes) > 0 {
			fail(m.p.line(), "positional patterns follow keyword patterns")
		}
		m.bind(&out, m.asPattern().names...)
		if !m.p.take(',') {
			break
		}
	}
	m.p.expect(')')
	return out
}

func (m casePatterns) groupPattern() pattern {
	closing := code(')')
	list := m.p.is('[')
	if list {
		closing = ']'
	}
	m.p.i++
	if m.p.take(closing) {
		return pattern{}
	}
	first := m.starPattern()
	if !m.p.is(',') {
		m.p.expect(closing)
		switch {
		case list:
			return pattern{names: first.names}
		case first.star:
			fail(m.p.line(), "invalid syntax")
		}
		return first
	}
	out := m.sequence(first, closing)
	m.p.expect(closing)
	return out
}

func (m casePatterns) mappingPattern() pattern {
	m.p.expect('{')
	out := pattern{}
	rest := false
	for !m.p.is('}') {
		if rest {
			fail(m.p.line(), "invalid syntax")
		}
		if m.p.is(oPow) {
			m.p.i++
			n := m.p.name()
			if n == "_" {
				fail(m.p.line(), "invalid syntax")
			}
			m.bind(&out, n)
			rest = true
		} else {
			m.mappingKey()
			m.p.expect(':')
			m.bind(&out, m.asPattern().names...)
		}
		if !m.p.take(',') {
			break
		}
	}
	m.p.expect('}')
	return out
}

func (m casePatterns) mappingKey() {
	switch t := m.p.t[m.p.i]; {
	case t.kind == number || t.code == '-':
		m.numberPattern()
	case t.kind == str:
		m.p.expressions().strings()
	case t.code == kNone || t.code == kTrue || t.code == kFalse:
		m.p.i++
	case t.kind == name && m.p.peek(1).code == '.':
		m.p.dotted()
	default:
		fail(m.p.line(), "invalid syntax")
	}
}
