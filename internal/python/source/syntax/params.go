package syntax

// params: the parameters of a function or lambda, up to a token.
func (x expressions) params(closing code, annotated bool) {
	var names map[string]bool
	add := func() {
		if x.p.t[x.p.i].kind != name {
			fail(x.p.line(), "invalid syntax")
		}
		n := x.p.text(x.p.i)
		if names[n] {
			fail(x.p.line(), "duplicate argument '%s' in function definition", n)
		}
		if n == "__debug__" {
			fail(x.p.line(), "cannot assign to __debug__")
		}
		if names == nil {
			names = map[string]bool{}
		}
		names[n] = true
		x.p.i++
	}
	annotation := func(star bool) {
		if !annotated || !x.p.take(':') {
			return
		}
		if star && x.p.is('*') {
			x.p.need.since(11, x.p.line(), "a star in an annotation")
			x.star()
			return
		}
		x.annotation()
	}
	count, defaults, slash, star, doubled, bare := 0, false, false, false, false, false
	for !x.p.is(closing) {
		if doubled {
			fail(x.p.line(), "arguments cannot follow var-keyword argument")
		}
		switch {
		case x.p.is('/'):
			if slash || star || count == 0 {
				fail(x.p.line(), "'/' stands wrong among the parameters")
			}
			x.p.need.since(8, x.p.line(), "positional-only parameters")
			slash = true
			x.p.i++
		case x.p.is('*'):
			if star {
				fail(x.p.line(), "'*' may appear only once")
			}
			star = true
			if x.p.i++; x.p.is(',') {
				bare = true
			} else if x.p.is(closing) {
				fail(x.p.line(), "named arguments must follow bare *")
			} else {
				add()
				annotation(true)
				if x.p.is('=') {
					fail(x.p.line(), "var-positional argument cannot have default value")
				}
			}
		case x.p.is(oPow):
			if bare {
				fail(x.p.line(), "named arguments must follow bare *")
			}
			doubled = true
			x.p.i++
			add()
			annotation(false)
			if x.p.is('=') {
				fail(x.p.line(), "var-keyword argument cannot have default value")
			}
		default:
			line := x.p.line()
			add()
			annotation(false)
			bare = false
			switch {
			case x.p.take('='):
				if x.p.is(')') || x.p.is(',') {
					fail(x.p.line(), "expected default value expression")
				}
				x.expression()
				defaults = defaults || !star
			case defaults && !star:
				fail(line, "parameter without a default follows parameter with a default")
			}
		}
		count++
		if !x.p.take(',') {
			break
		}
	}
	if bare {
		fail(x.p.line(), "named arguments must follow bare *")
	}
	x.p.parameters = names
}

// annotation: an expression in which nothing is awaited or yielded.
func (x expressions) annotation() { x.expression() }

// typeParams: PEP 695.
func (x expressions) typeParams() {
	if !x.p.is('[') {
		return
	}
	x.p.need.since(12, x.p.line(), "type parameters")
	x.p.i++
	if x.p.is(']') {
		fail(x.p.line(), "type parameter list cannot be empty")
	}
	defaults := false
	seen := map[string]bool{}
	for !x.p.is(']') {
		star := x.p.is('*') || x.p.is(oPow)
		if star {
			x.p.i++
		}
		if x.p.t[x.p.i].kind != name {
			fail(x.p.line(), "invalid syntax")
		}
		if n := x.p.text(x.p.i); seen[n] {
			fail(x.p.line(), "duplicate type parameter '%s'", n)
		} else {
			seen[n] = true
		}
		x.p.i++
		if x.p.is(':') {
			if star {
				fail(x.p.line(), "cannot use bound with TypeVarTuple or ParamSpec")
			}
			x.p.i++
			x.expression()
		}
		switch {
		case x.p.is('='):
			x.p.need.since(13, x.p.line(), "a default of a type parameter")
			x.p.i++
			if star && x.p.is('*') {
				x.star()
			} else {
				x.expression()
			}
			defaults = true
		case defaults:
			fail(x.p.line(), "non-default type parameter follows default type parameter")
		}
		if !x.p.take(',') {
			break
		}
	}
	x.p.expect(']')
}
