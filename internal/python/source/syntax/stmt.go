package syntax

// parser goes through the tokens of a text.
type parser struct {
	src       []byte
	t         []token
	i         int
	depth     int
	ctx       context
	need      Need
	asciiOnly bool
	// parameters are those of the function that was read last.
	parameters map[string]bool
	documented bool // a docstring stood before
	started    bool // something other than a docstring or a future import stood before
}

// context is what surrounds a statement.
type context struct {
	function, async, lambda, class bool
	loop, star                     bool // star: in an except*
	blocks                         int  // loops, try and with that are open
	yields, returns                bool
	returnLine                     int
	comprehension                  int
	params                         map[string]bool
}

func (p *parser) code() code         { return p.t[p.i].code }
func (p *parser) is(c code) bool     { return p.t[p.i].code == c && p.t[p.i].kind != str }
func (p *parser) line() int          { return int(p.t[p.i].line) }
func (p *parser) text(i int) string  { return string(p.src[p.t[i].start:p.t[i].stop]) }
func (p *parser) isKind(k kind) bool { return p.t[p.i].kind == k }
func (p *parser) soft(s string) bool { return p.isKind(name) && p.text(p.i) == s }
func (p *parser) peek(n int) token   { return p.t[min(p.i+n, len(p.t)-1)] }

func (p *parser) take(c code) bool {
	if p.is(c) {
		p.i++
		return true
	}
	return false
}

func (p *parser) expect(c code) {
	if !p.take(c) {
		fail(p.line(), "invalid syntax")
	}
}

func (p *parser) takeKind(k kind) bool {
	if p.isKind(k) {
		p.i++
		return true
	}
	return false
}

func (p *parser) name() string {
	if !p.isKind(name) {
		fail(p.line(), "invalid syntax")
	}
	p.i++
	return p.text(p.i - 1)
}

// sub holds the tokens of a replacement field to the grammar.
func (n *Need) sub(src []byte, t []token) {
	p := &parser{src: src, t: t, need: *n, ctx: context{function: true, async: true}}
	if p.is(kYield) {
		p.yield()
	} else {
		p.starExpressions()
		if p.is(oWalrus) {
			fail(p.line(), "f-string: invalid syntax")
		}
	}
	if !p.isKind(newline) {
		fail(p.line(), "f-string: invalid syntax")
	}
	*n = p.need
}

func (p *parser) file() {
	for !p.isKind(end) {
		if p.isKind(indent) {
			fail(p.line(), "unexpected indent")
		}
		p.statement()
	}
}

// block: what a header governs.
func (p *parser) block() {
	p.expect(':')
	if !p.takeKind(newline) {
		p.simpleLine()
		return
	}
	if !p.takeKind(indent) {
		fail(p.line(), "expected an indented block")
	}
	p.deep()
	for !p.takeKind(dedent) {
		if p.isKind(indent) {
			fail(p.line(), "unexpected indent")
		}
		if p.isKind(end) {
			return
		}
		p.statement()
	}
	p.depth--
}

func (p *parser) statement() {
	switch p.code() {
	case kIf:
		p.ifStatement()
	case kWhile:
		p.i++
		p.namedExpression()
		p.loop()
	case kFor:
		p.forStatement()
	case kTry:
		p.try()
	case kWith:
		p.with()
	case kDef:
		p.function(false)
	case kClass:
		p.class()
	case kAsync:
		p.asyncStatement()
	case '@':
		p.decorated()
	default:
		if p.soft("match") && p.match() {
			break
		}
		p.simpleLine()
		return
	}
	p.started = true
}

func (p *parser) ifStatement() {
	p.i++
	for n := 0; ; n++ {
		p.chain(n)
		p.namedExpression()
		p.block()
		if !p.take(kElif) {
			break
		}
	}
	if p.take(kElse) {
		p.block()
	}
}

// loop: the body of a loop, and its else.
func (p *parser) loop() {
	saved, star := p.ctx.loop, p.ctx.star
	p.ctx.loop, p.ctx.star = true, false
	p.nested()
	p.ctx.loop, p.ctx.star = saved, star
	if p.take(kElse) {
		p.block()
	}
}

func (p *parser) forStatement() {
	p.expect(kFor)
	p.targets()
	p.expect(kIn)
	p.starExpressions()
	p.loop()
}

func (p *parser) asyncStatement() {
	line := p.line()
	p.i++
	switch p.code() {
	case kDef:
		p.function(true)
		return
	case kFor, kWith:
		if !p.ctx.async {
			fail(line, "'async %s' outside async function", p.text(p.i))
		}
		if p.is(kFor) {
			p.forStatement()
		} else {
			p.with()
		}
		return
	}
	fail(line, "invalid syntax")
}

func (p *parser) decorated() {
	for p.is('@') {
		line := p.line()
		p.i++
		at := p.i
		e := p.namedExpression()
		if !p.dottedCall(at, p.i) || e.paren {
			p.need.since(9, line, "a decorator that is no plain call")
		}
		if !p.takeKind(newline) {
			fail(p.line(), "invalid syntax")
		}
	}
	switch {
	case p.is(kDef):
		p.function(false)
	case p.is(kClass):
		p.class()
	case p.is(kAsync) && p.peek(1).code == kDef:
		p.i++
		p.function(true)
	default:
		fail(p.line(), "invalid syntax")
	}
}

// dottedCall says that some tokens are a dotted name, or the call of one.
func (p *parser) dottedCall(from, to int) bool {
	i := from
	for i < to && p.t[i].kind == name {
		i++
		if i < to && p.t[i].code == '.' {
			i++
			continue
		}
		break
	}
	if i == to {
		return true
	}
	if p.t[i].code != '(' {
		return false
	}
	depth := 0
	for ; i < to; i++ {
		switch p.t[i].code {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			if depth--; depth == 0 {
				return i == to-1
			}
		}
	}
	return false
}

func (p *parser) function(async bool) {
	p.expect(kDef)
	p.bindable(p.name())
	p.typeParams()
	p.expect('(')
	p.params(')', true)
	params := p.parameters
	p.expect(')')
	if p.take(oArrow) {
		p.expression()
	}
	saved := p.ctx
	p.ctx = context{function: true, async: async, params: params}
	p.block()
	if async && p.ctx.yields && p.ctx.returns {
		fail(p.ctx.returnLine, "'return' with value in async generator")
	}
	p.ctx = saved
}

func (p *parser) bindable(n string) {
	if n == "__debug__" {
		fail(p.line(), "cannot assign to __debug__")
	}
}

func (p *parser) class() {
	p.expect(kClass)
	p.bindable(p.name())
	p.typeParams()
	if p.is('(') {
		p.call()
	}
	saved := p.ctx
	p.ctx = context{class: true}
	p.block()
	p.ctx = saved
}

func (p *parser) try() {
	line := p.line()
	p.expect(kTry)
	p.nested()
	handlers, star, bare := 0, false, false
	for p.is(kExcept) {
		at := p.line()
		if bare {
			fail(at, "default 'except:' must be last")
		}
		p.i++
		isStar := p.take('*')
		if isStar {
			p.need.since(11, at, "except*")
		}
		if handlers > 0 && isStar != star {
			fail(at, "cannot have both 'except' and 'except*' on the same 'try'")
		}
		star = isStar
		if p.is(':') {
			if star {
				fail(at, "expected one or more exception types")
			}
			bare = true
		} else {
			p.exceptions(at)
		}
		saved, loop := p.ctx.star, p.ctx.loop
		if star {
			p.ctx.star, p.ctx.loop = true, false
		}
		p.block()
		p.ctx.star, p.ctx.loop = saved, loop
		handlers++
	}
	if p.is(kElse) {
		if handlers == 0 {
			fail(p.line(), "expected 'except' or 'finally' block")
		}
		p.i++
		p.block()
	}
	if p.take(kFinally) {
		p.block()
	} else if handlers == 0 {
		fail(line, "expected 'except' or 'finally' block")
	}
}

func (p *parser) exceptions(at int) {
	p.expression()
	if p.is(',') { // PEP 758
		for p.take(',') {
			p.expression()
		}
		if p.is(kAs) {
			fail(at, "multiple exception types must be parenthesized")
		}
		p.need.since(14, at, "except with several types and no brackets")
		return
	}
	if p.take(kAs) {
		p.bindable(p.name())
	}
}

// with: items in brackets are tried first.
func (p *parser) with() {
	line := p.line()
	p.expect(kWith)
	if p.is('(') && p.bracketed() {
		p.need.since(9, line, "brackets around the items of a with")
	} else {
		p.withItems(':')
	}
	p.nested()
}

// nested reads the block of a loop, a try or a with: CPython nests at most 20
// of them, some versions one more or one less.
func (p *parser) nested() {
	switch p.ctx.blocks++; {
	case p.ctx.blocks > maxBlocks+1:
		fail(p.line(), "too many statically nested blocks")
	case p.ctx.blocks >= maxBlocks:
		doubt(p.line(), "too many statically nested blocks")
	}
	p.block()
	p.ctx.blocks--
}

// chain: CPython gives up on very long ones, depending on its version.
func (p *parser) chain(n int) {
	if n > maxChain {
		doubt(p.line(), "it is nested too deeply")
	}
}

// bracketed reads "(a as b, c):" where it stands.
func (p *parser) bracketed() bool {
	start := p.i
	depth, as := 0, false
	for i := p.i; ; i++ { // "as" right in the brackets, and a colon behind
		switch p.t[i].code {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			if depth--; depth == 0 {
				if !as || p.t[i+1].code != ':' {
					return false
				}
				p.i = start + 1
				p.withItems(')')
				p.expect(')')
				return true
			}
		case kAs:
			as = as || depth == 1
		}
		if p.t[i].kind == newline || p.t[i].kind == end {
			return false
		}
	}
}

func (p *parser) withItems(closing code) {
	for {
		p.expression()
		if p.take(kAs) {
			var e ex
			if p.is('*') {
				fail(p.line(), "invalid syntax")
			}
			e = p.primaryTarget()
			p.assign(e)
		}
		if !p.take(',') || closing == ')' && p.is(')') {
			return
		}
	}
}

// primaryTarget: what "as" assigns to.
func (p *parser) primaryTarget() ex { return p.binary(0) }

// assign sees that an expression may be assigned to.
func (p *parser) assign(e ex) {
	if !e.target {
		fail(int(p.t[e.at].line), "cannot assign to what stands here")
	}
	p.assignable(e)
}

func (p *parser) assignable(e ex) {
	if e.form == aName && p.text(e.at) == "__debug__" {
		fail(int(p.t[e.at].line), "cannot assign to __debug__")
	}
}

// value: what is assigned.
