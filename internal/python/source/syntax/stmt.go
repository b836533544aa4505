package syntax

import "bytes"

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
	parameters names
	documented bool // a docstring stood before
	started    bool // something other than a docstring or a future import stood before
}

// expressions, casePatterns and statements read these of the one text; they share
// the parser's place in it.
type (
	expressions  struct{ p *parser }
	casePatterns struct{ p *parser }
	statements   struct{ p *parser }
)

func (p *parser) expressions() expressions   { return expressions{p} }
func (p *parser) casePatterns() casePatterns { return casePatterns{p} }
func (p *parser) statements() statements     { return statements{p} }

// context is what surrounds a statement.
type context struct {
	function, async, lambda, class bool
	loop, star                     bool // star: in an except*
	blocks                         int  // loops, try and with that are open
	yields, returns                bool
	returnLine                     int
	comprehension                  int
	params                         names
}

func (p *parser) code() code         { return p.t[p.i].code }
func (p *parser) is(c code) bool     { return p.t[p.i].code == c } // those of strings are letters
func (p *parser) line() int          { return int(p.t[p.i].line) }
func (p *parser) text(i int) string  { return string(p.src[p.t[i].start:p.t[i].stop]) }
func (p *parser) isKind(k kind) bool { return p.t[p.i].kind == k }
func (p *parser) soft(s string) bool { return p.isKind(name) && p.same(p.i, s) }
func (p *parser) peek(n int) token   { return p.t[min(p.i+n, len(p.t)-1)] }

// same says whether the text of a token is s.
func (p *parser) same(i int, s string) bool { return string(p.src[p.t[i].start:p.t[i].stop]) == s }

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
	p.anyName()
	return p.text(p.i - 1)
}

// anyName goes over a name.
func (p *parser) anyName() {
	if !p.isKind(name) {
		fail(p.line(), "invalid syntax")
	}
	p.i++
}

// names are names of one list: of parameters, or of the keywords of a call. Most
// lists are short, and their names are compared in the text.
type names struct {
	few  [8]int32 // tokens
	n    int
	many map[string]bool // where there are more
}

// add takes the name that a token is, and is false if the list has it.
func (ns *names) add(p *parser, i int) bool {
	if ns.has(p, i) {
		return false
	}
	if ns.n < len(ns.few) {
		ns.few[ns.n] = int32(i)
		ns.n++
		return true
	}
	if ns.many == nil {
		ns.many = map[string]bool{}
	}
	ns.many[p.text(i)] = true
	return true
}

func (ns *names) has(p *parser, i int) bool {
	text := p.src[p.t[i].start:p.t[i].stop]
	for _, k := range ns.few[:ns.n] {
		if bytes.Equal(p.src[p.t[k].start:p.t[k].stop], text) {
			return true
		}
	}
	return ns.many[string(text)]
}

// sub holds the tokens of a replacement field to the grammar.
func (n *Need) sub(src []byte, t []token) {
	p := &parser{src: src, t: t, need: *n, ctx: context{function: true, async: true}}
	if p.is(kYield) {
		p.expressions().yield()
	} else {
		p.expressions().starExpressions()
		if p.is(oWalrus) {
			fail(p.line(), "f-string: invalid syntax")
		}
	}
	if !p.isKind(newline) {
		fail(p.line(), "f-string: invalid syntax")
	}
	*n = p.need
}

func (st statements) file() {
	for !st.p.isKind(end) {
		if st.p.isKind(indent) {
			fail(st.p.line(), "unexpected indent")
		}
		st.statement()
	}
}

// block: what a header governs.
func (st statements) block() {
	st.p.expect(':')
	if !st.p.takeKind(newline) {
		st.simpleLine()
		return
	}
	if !st.p.takeKind(indent) {
		fail(st.p.line(), "expected an indented block")
	}
	st.p.deep()
	for !st.p.takeKind(dedent) {
		if st.p.isKind(indent) {
			fail(st.p.line(), "unexpected indent")
		}
		if st.p.isKind(end) {
			return
		}
		st.statement()
	}
	st.p.depth--
}

func (st statements) statement() {
	switch st.p.code() {
	case kIf:
		st.ifStatement()
	case kWhile:
		st.p.i++
		st.p.expressions().namedExpression()
		st.loop()
	case kFor:
		st.forStatement()
	case kTry:
		st.try()
	case kWith:
		st.with()
	case kDef:
		st.function(false)
	case kClass:
		st.class()
	case kAsync:
		st.asyncStatement()
	case '@':
		st.decorated()
	default:
		if st.p.soft("match") && st.p.casePatterns().match() {
			break
		}
		st.simpleLine()
		return
	}
	st.p.started = true
}

func (st statements) ifStatement() {
	st.p.i++
	for n := 0; ; n++ {
		st.chain(n)
		st.p.expressions().namedExpression()
		st.block()
		if !st.p.take(kElif) {
			break
		}
	}
	if st.p.take(kElse) {
		st.block()
	}
}

// loop: the body of a loop, and its else.
func (st statements) loop() {
	saved, star := st.p.ctx.loop, st.p.ctx.star
	st.p.ctx.loop, st.p.ctx.star = true, false
	st.nested()
	st.p.ctx.loop, st.p.ctx.star = saved, star
	if st.p.take(kElse) {
		st.block()
	}
}

func (st statements) forStatement() {
	st.p.expect(kFor)
	st.p.expressions().targets()
	st.p.expect(kIn)
	st.p.expressions().starExpressions()
	st.loop()
}

func (st statements) asyncStatement() {
	line := st.p.line()
	st.p.i++
	switch st.p.code() {
	case kDef:
		st.function(true)
		return
	case kFor, kWith:
		if !st.p.ctx.async {
			fail(line, "'async %s' outside async function", st.p.text(st.p.i))
		}
		if st.p.is(kFor) {
			st.forStatement()
		} else {
			st.with()
		}
		return
	}
	fail(line, "invalid syntax")
}

func (st statements) decorated() {
	for st.p.is('@') {
		line := st.p.line()
		st.p.i++
		at := st.p.i
		e := st.p.expressions().namedExpression()
		if !st.dottedCall(at, st.p.i) || e.paren {
			st.p.need.since(9, line, "a decorator that is no plain call")
		}
		if !st.p.takeKind(newline) {
			fail(st.p.line(), "invalid syntax")
		}
	}
	switch {
	case st.p.is(kDef):
		st.function(false)
	case st.p.is(kClass):
		st.class()
	case st.p.is(kAsync) && st.p.peek(1).code == kDef:
		st.p.i++
		st.function(true)
	default:
		fail(st.p.line(), "invalid syntax")
	}
}

// dottedCall says that some tokens are a dotted name, or the call of one.
func (st statements) dottedCall(from, to int) bool {
	i := from
	for i < to && st.p.t[i].kind == name {
		i++
		if i < to && st.p.t[i].code == '.' {
			i++
			continue
		}
		break
	}
	if i == to {
		return true
	}
	if st.p.t[i].code != '(' {
		return false
	}
	depth := 0
	for ; i < to; i++ {
		switch st.p.t[i].code {
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

func (st statements) function(async bool) {
	st.p.expect(kDef)
	st.p.binds()
	st.p.expressions().typeParams()
	st.p.expect('(')
	st.p.expressions().params(')', true)
	params := st.p.parameters
	st.p.expect(')')
	if st.p.take(oArrow) {
		st.p.expressions().expression()
	}
	saved := st.p.ctx
	st.p.ctx = context{function: true, async: async, params: params}
	st.block()
	if async && st.p.ctx.yields && st.p.ctx.returns {
		fail(st.p.ctx.returnLine, "'return' with value in async generator")
	}
	st.p.ctx = saved
}

// binds reads a name that a statement binds.
func (p *parser) binds() {
	p.anyName()
	if p.isDebug(p.i - 1) {
		fail(p.line(), "cannot assign to __debug__")
	}
}

func (p *parser) isDebug(i int) bool { return p.same(i, "__debug__") }

func (st statements) class() {
	st.p.expect(kClass)
	st.p.binds()
	st.p.expressions().typeParams()
	if st.p.is('(') {
		st.p.expressions().call()
	}
	saved := st.p.ctx
	st.p.ctx = context{class: true}
	st.block()
	st.p.ctx = saved
}

func (st statements) try() {
	line := st.p.line()
	st.p.expect(kTry)
	st.nested()
	handlers, star, bare := 0, false, false
	for st.p.is(kExcept) {
		at := st.p.line()
		if bare {
			fail(at, "default 'except:' must be last")
		}
		st.p.i++
		isStar := st.p.take('*')
		if isStar {
			st.p.need.since(11, at, "except*")
		}
		if handlers > 0 && isStar != star {
			fail(at, "cannot have both 'except' and 'except*' on the same 'try'")
		}
		star = isStar
		if st.p.is(':') {
			if star {
				fail(at, "expected one or more exception types")
			}
			bare = true
		} else {
			st.exceptions(at)
		}
		saved, loop := st.p.ctx.star, st.p.ctx.loop
		if star {
			st.p.ctx.star, st.p.ctx.loop = true, false
		}
		st.block()
		st.p.ctx.star, st.p.ctx.loop = saved, loop
		handlers++
	}
	if st.p.is(kElse) {
		if handlers == 0 {
			fail(st.p.line(), "expected 'except' or 'finally' block")
		}
		st.p.i++
		st.block()
	}
	if st.p.take(kFinally) {
		st.block()
	} else if handlers == 0 {
		fail(line, "expected 'except' or 'finally' block")
	}
}

func (st statements) exceptions(at int) {
	st.p.expressions().expression()
	if st.p.is(',') { // PEP 758
		for st.p.take(',') {
			st.p.expressions().expression()
		}
		if st.p.is(kAs) {
			fail(at, "multiple exception types must be parenthesized")
		}
		st.p.need.since(14, at, "except with several types and no brackets")
		return
	}
	if st.p.take(kAs) {
		st.p.binds()
	}
}

// with: items in brackets are tried first.
func (st statements) with() {
	line := st.p.line()
	st.p.expect(kWith)
	if st.p.is('(') && st.bracketed() {
		st.p.need.since(9, line, "brackets around the items of a with")
	} else {
		st.withItems(':')
	}
	st.nested()
}

// nested reads the block of a loop, a try or a with: CPython nests at most 20
// of them, some versions one more or one less.
func (st statements) nested() {
	switch st.p.ctx.blocks++; {
	case st.p.ctx.blocks > maxBlocks+1:
		fail(st.p.line(), "too many statically nested blocks")
	case st.p.ctx.blocks >= maxBlocks:
		doubt(st.p.line(), "too many statically nested blocks")
	}
	st.block()
	st.p.ctx.blocks--
}

// chain: CPython gives up on very long ones, depending on its version.
func (st statements) chain(n int) {
	if n > maxChain {
		doubt(st.p.line(), "it is nested too deeply")
	}
}

// bracketed reads "(a as b, c):" where it stands.
func (st statements) bracketed() bool {
	start := st.p.i
	depth, as := 0, false
	for i := st.p.i; ; i++ { // "as" right in the brackets, and a colon behind
		switch st.p.t[i].code {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			if depth--; depth == 0 {
				if !as || st.p.t[i+1].code != ':' {
					return false
				}
				st.p.i = start + 1
				st.withItems(')')
				st.p.expect(')')
				return true
			}
		case kAs:
			as = as || depth == 1
		}
		if st.p.t[i].kind == newline || st.p.t[i].kind == end {
			return false
		}
	}
}

func (st statements) withItems(closing code) {
	for {
		st.p.expressions().expression()
		if st.p.take(kAs) {
			var e ex
			if st.p.is('*') {
				fail(st.p.line(), "invalid syntax")
			}
			e = st.primaryTarget()
			st.assign(e)
		}
		if !st.p.take(',') || closing == ')' && st.p.is(')') {
			return
		}
	}
}

// primaryTarget: what "as" assigns to.
func (st statements) primaryTarget() ex { return st.p.expressions().binary(0) }

// assign sees that an expression may be assigned to.
func (st statements) assign(e ex) {
	if !e.target {
		fail(int(st.p.t[e.at].line), "cannot assign to what stands here")
	}
	st.assignable(e)
}

func (st statements) assignable(e ex) {
	if e.form == aName && st.p.isDebug(e.at) {
		fail(int(st.p.t[e.at].line), "cannot assign to __debug__")
	}
}

// value: what is assigned.
