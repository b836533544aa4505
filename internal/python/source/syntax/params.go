package syntax

// params: the parameters of a function or lambda, up to a token.
func (p *parser) params(closing code, annotated bool) {
	var names map[string]bool
	add := func() {
		if p.t[p.i].kind != name {
			fail(p.line(), "invalid syntax")
		}
		n := p.text(p.i)
		if names[n] {
			fail(p.line(), "duplicate argument '%s' in function definition", n)
		}
		if n == "__debug__" {
			fail(p.line(), "cannot assign to __debug__")
		}
		if names == nil {
			names = map[string]bool{}
		}
		names[n] = true
		p.i++
	}
	annotation := func(star bool) {
		if !annotated || !p.take(':') {
			return
		}
		if star && p.is('*') {
			p.need.since(11, p.line(), "a star in an annotation")
			p.star()
			return
		}
		p.annotation()
	}
	count, defaults, slash, star, doubled, bare := 0, false, false, false, false, false
	for !p.is(closing) {
		if doubled {
			fail(p.line(), "arguments cannot follow var-keyword argument")
		}
		switch {
		case p.is('/'):
			if slash || star || count == 0 {
				fail(p.line(), "'/' stands wrong among the parameters")
			}
			p.need.since(8, p.line(), "positional-only parameters")
			slash = true
			p.i++
		case p.is('*'):
			if star {
				fail(p.line(), "'*' may appear only once")
			}
			star = true
			if p.i++; p.is(',') {
				bare = true
			} else if p.is(closing) {
				fail(p.line(), "named arguments must follow bare *")
			} else {
				add()
				annotation(true)
				if p.is('=') {
					fail(p.line(), "var-positional argument cannot have default value")
				}
			}
		case p.is(oPow):
			if bare {
				fail(p.line(), "named arguments must follow bare *")
			}
			doubled = true
			p.i++
			add()
			annotation(false)
			if p.is('=') {
				fail(p.line(), "var-keyword argument cannot have default value")
			}
		default:
			line := p.line()
			add()
			annotation(false)
			bare = false
			switch {
			case p.take('='):
				if p.is(')') || p.is(',') {
					fail(p.line(), "expected default value expression")
				}
				p.expression()
				defaults = defaults || !star
			case defaults && !star:
				fail(line, "parameter without a default follows parameter with a default")
			}
		}
		count++
		if !p.take(',') {
			break
		}
	}
	if bare {
		fail(p.line(), "named arguments must follow bare *")
	}
	p.parameters = names
}

// annotation: an expression in which nothing is awaited or yielded.
func (p *parser) annotation() { p.expression() }

// typeParams: PEP 695.
func (p *parser) typeParams() {
	if !p.is('[') {
		return
	}
	p.need.since(12, p.line(), "type parameters")
	p.i++
	if p.is(']') {
		fail(p.line(), "type parameter list cannot be empty")
	}
	defaults := false
	seen := map[string]bool{}
	for !p.is(']') {
		star := p.is('*') || p.is(oPow)
		if star {
			p.i++
		}
		if p.t[p.i].kind != name {
			fail(p.line(), "invalid syntax")
		}
		if n := p.text(p.i); seen[n] {
			fail(p.line(), "duplicate type parameter '%s'", n)
		} else {
			seen[n] = true
		}
		p.i++
		if p.is(':') {
			if star {
				fail(p.line(), "cannot use bound with TypeVarTuple or ParamSpec")
			}
			p.i++
			p.expression()
		}
		switch {
		case p.is('='):
			p.need.since(13, p.line(), "a default of a type parameter")
			p.i++
			if star && p.is('*') {
				p.star()
			} else {
				p.expression()
			}
			defaults = true
		case defaults:
			fail(p.line(), "non-default type parameter follows default type parameter")
		}
		if !p.take(',') {
			break
		}
	}
	p.expect(']')
}
