package syntax

// params: the parameters of a function or lambda, up to a token.
func (x expressions) params(closing code, annotated bool) {
	ps := parameters{closing: closing, annotated: annotated}
	for !x.p.is(closing) {
		ps.next(x)
		ps.count++
		if !x.p.take(',') {
			break
		}
	}
	if ps.bare {
		fail(x.p.line(), "named arguments must follow bare *")
	}
	x.p.parameters = ps.names
}

// parameters are those of a function or lambda that were read.
type parameters struct {
	closing   code
	annotated bool // they may have annotations
	names     names
	count     int
	// defaults says that a positional one had a default; slash, star and
	// doubled, that there was "/", "*" and "**"; bare, that "*" stood alone
	// and no name followed yet.
	defaults, slash, star, doubled, bare bool
}

func (ps *parameters) next(x expressions) {
	if ps.doubled {
		fail(x.p.line(), "arguments cannot follow var-keyword argument")
	}
	switch {
	case x.p.is('/'):
		if ps.slash || ps.star || ps.count == 0 {
			fail(x.p.line(), "'/' stands wrong among the parameters")
		}
		x.p.need.since(8, x.p.line(), "positional-only parameters")
		ps.slash = true
		x.p.i++
	case x.p.is('*'):
		ps.starred(x)
	case x.p.is(oPow):
		if ps.bare {
			fail(x.p.line(), "named arguments must follow bare *")
		}
		ps.doubled = true
		x.p.i++
		ps.add(x)
		ps.annotation(x, false)
		if x.p.is('=') {
			fail(x.p.line(), "var-keyword argument cannot have default value")
		}
	default:
		ps.plain(x)
	}
}

// starred: "*" alone, or with a name.
func (ps *parameters) starred(x expressions) {
	if ps.star {
		fail(x.p.line(), "'*' may appear only once")
	}
	ps.star = true
	switch x.p.i++; {
	case x.p.is(','):
		ps.bare = true
	case x.p.is(ps.closing):
		fail(x.p.line(), "named arguments must follow bare *")
	default:
		ps.add(x)
		ps.annotation(x, true)
		if x.p.is('=') {
			fail(x.p.line(), "var-positional argument cannot have default value")
		}
	}
}

// plain: a name, with or without a default.
func (ps *parameters) plain(x expressions) {
	line := x.p.line()
	ps.add(x)
	ps.annotation(x, false)
	ps.bare = false
	switch {
	case x.p.take('='):
		if x.p.is(')') || x.p.is(',') {
			fail(x.p.line(), "expected default value expression")
		}
		x.expression()
		ps.defaults = ps.defaults || !ps.star
	case ps.defaults && !ps.star:
		fail(line, "parameter without a default follows parameter with a default")
	}
}

func (ps *parameters) add(x expressions) {
	if x.p.t[x.p.i].kind != name {
		fail(x.p.line(), "invalid syntax")
	}
	if !ps.names.add(x.p, x.p.i) {
		fail(x.p.line(), "duplicate argument '%s' in function definition", x.p.text(x.p.i))
	}
	if x.p.isDebug(x.p.i) {
		fail(x.p.line(), "cannot assign to __debug__")
	}
	x.p.i++
}

func (ps *parameters) annotation(x expressions, star bool) {
	if !ps.annotated || !x.p.take(':') {
		return
	}
	if star && x.p.is('*') {
		x.p.need.since(11, x.p.line(), "a star in an annotation")
		x.star()
		return
	}
	x.annotation()
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
