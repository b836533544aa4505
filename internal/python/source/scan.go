package source

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"whittle.dev/whittle/internal/python/source/byname"
	"whittle.dev/whittle/internal/python/source/presence"
	"whittle.dev/whittle/internal/python/source/search"
	"whittle.dev/whittle/internal/python/source/syntax"
)

// maxFacts bounds the imports and calls of one file, maxBlocks how deep blocks
// nest.
const (
	maxFacts  = 100_000
	maxBlocks = 1000
)

// telling are words without which a text need not be looked through for some facts:
// the first is of programs that are started, the others of modules that are looked for.
var telling = search.New("subprocess", "find_spec", "find_loader")

// Scan reads the text of a module, of any Python 3. It never fails: what could
// not be read is said in Broken.
func Scan(src []byte) *Facts {
	s := &scan{lexer: NewLexer(src), out: &Facts{}, names: map[string]bool{}, checking: map[string]bool{"TYPE_CHECKING": true},
		imported: map[string]bool{}, flags: presence.Flags{}, namesAt: map[string]int{}, calledNames: map[string]bool{}}
	if bytes.HasPrefix(src, []byte("#!")) {
		line, _, more := bytes.Cut(src[:min(len(src), 4096)], []byte("\n"))
		if s.out.Shebang = string(line); more {
			s.out.Shebang += "\n"
		}
	}
	has := telling.In(src)
	s.probes = has&^1 != 0
	s.starter = has&1 != 0 || bytes.Contains(src, []byte("exec")) && bytes.Contains(src, []byte("os"))
	for s.lexer.Next() {
		s.logicalLine()
	}
	s.unwind(-1)
	s.out.Broken, s.out.BrokenLine = s.lexer.Broken, s.lexer.BrokenLine
	s.out.Names, s.out.Asks = slices.Sorted(maps.Keys(s.names)), byname.Words(src)
	for _, n := range s.out.Names {
		s.out.NamesAt = append(s.out.NamesAt, s.namesAt[n])
	}
	s.out.Open = s.out.Open || s.names["__getattr__"]
	s.constants().kept()
	s.out.Syntax = syntax.Check(src)
	s.out.Syntax.Text = strings.ToValidUTF8(s.out.Syntax.Text, "\uFFFD")
	return s.out
}

// bindings, calls, effects and constants are what is read of a statement: the
// names that it binds, the calls that matter, what it does to the search path and
// to modules, and the values of names. They share what the scan knows.
type (
	bindings  struct{ s *scan }
	calls     struct{ s *scan }
	effects   struct{ s *scan }
	constants struct{ s *scan }
)

func (s *scan) bindings() bindings   { return bindings{s} }
func (s *scan) calls() calls         { return calls{s} }
func (s *scan) effects() effects     { return effects{s} }
func (s *scan) constants() constants { return constants{s} }

// scan goes through the logical lines of a module.
type scan struct {
	lexer  *Lexer
	out    *Facts
	names  map[string]bool
	blocks []block
	// top is what holds outside all blocks.
	top block
	// tries counts the try statements.
	tries int
	// checking are the names of TYPE_CHECKING, importer says that
	// import_module is importlib's.
	checking map[string]bool
	importer bool
	// alias has dotted names by the names that stand for them, imported the
	// names of imported modules.
	alias    map[string]string
	namesAt  map[string]int
	imported map[string]bool
	values   []Value
	// calledNames are the functions that are called at the top, enumNext says
	// that the next class puts its names into the module.
	calledNames map[string]bool
	enumNext    bool
	exports     exported
	// isRoute says that the line before was the decorator of a route,
	// hasFeatures that a feature was imported.
	isRoute, hasFeatures bool
	// locals are the strings and lists of the function localsOf by their names;
	// starter says that the text may start programs.
	locals   map[string]string
	localsOf string
	starter  bool
	looked   int // bytes, by [asker.earlier]
	// added are the names to which the text adds something, and where it first did;
	// nil before it is asked for.
	added map[string]int32
	// flags are names that say what is there; probes says that the text looks for
	// modules.
	flags  presence.Flags
	probes bool
}

// block is one open block: the statements that are indented below a header.
type block struct {
	indent  int // of the header
	keyword string
	// function and class say how many of them are open.
	function, class int
	// in is the outermost function, or the class that it makes an object of;
	// exports says that a class's names are the module's, too.
	in             string
	exports, model bool
	context        Context
	conditions     []Condition
	// ends says that the last statement raises.
	ends bool
	// exit is how the last statement leaves it, guards are what is there.
	exit   exit
	guards []guard
	// loop are the words after a for, over the strings that it goes through.
	loop []Token
	over []string
	*chain
}

// chain is a compound statement of several clauses: if/elif/else, try/except.
type chain struct {
	keyword  string
	tests    []Condition // those of the clauses so far, all negated
	checks   bool        // the first test is TYPE_CHECKING
	unchecks bool        // or "not TYPE_CHECKING"
	// allEnd says that all clauses so far end by raising, last that there is
	// an else.
	allEnd, hasElse bool
	// clauses of a try: what they imported, which of the handlers catch.
	body, orelse facts
	handlers     []handler
	function     int
	number       int // of a try
	// exits are how the clauses are left; flags and found what a try sets and asks,
	// kept what is known behind a with.
	exits []exit
	flags []flagged
	found []found
	kept  []guard
}

// facts is a range of imports, calls and effects.
type facts struct{ imports, calls, effects [2]int }

type handler struct {
	facts
	catches, ends, broad bool
	// unfound: it catches that a distribution is not installed.
	unfound bool
	exit    exit
}

func (s *scan) current() *block {
	if n := len(s.blocks); n > 0 {
		return &s.blocks[n-1]
	}
	return &s.top
}

func (s *scan) text(t Token) string { return string(s.lexer.src[t.Start:t.End]) }

func (s *scan) is(t Token, text string) bool {
	return t.Kind != StringToken && t.Kind != FormatToken && string(s.lexer.src[t.Start:t.End]) == text
}

// unwind closes the blocks that a line at this margin is not in; the clause of
// a compound statement that may go on is returned as its chain.
func (s *scan) unwind(indent int) *chain {
	var open *chain
	for len(s.blocks) > 0 && s.blocks[len(s.blocks)-1].indent >= indent {
		b := s.blocks[len(s.blocks)-1]
		s.blocks = s.blocks[:len(s.blocks)-1]
		if open != nil {
			s.finish(open)
			open = nil
		}
		s.close(&b)
		if b.indent == indent && indent >= 0 {
			open = b.chain
		} else {
			s.finish(b.chain)
		}
	}
	return open
}

// close ends a clause.
func (s *scan) close(b *block) {
	c := b.chain
	if c == nil {
		return
	}
	c.allEnd = c.allEnd && b.ends
	c.exits = append(c.exits, b.exit)
	switch b.keyword {
	case "try":
		c.kept = b.guards
		s.until(&c.body)
	case "except":
		h := &c.handlers[len(c.handlers)-1]
		s.until(&h.facts)
		h.exit, h.ends = b.exit, b.ends && (b.exit != skips || b.function == 0)
	case "with":
		if b.context&Guarded == 0 {
			c.kept = b.guards
		}
	case "else":
		if c.keyword == "try" {
			s.until(&c.orelse)
		}
	}
}

// until ends a range of facts.
func (s *scan) until(f *facts) {
	f.imports[1], f.calls[1], f.effects[1] = len(s.out.Imports), len(s.out.Calls), len(s.out.Effects)
}

// logicalLine takes one logical line: a header, or simple statements.
func (s *scan) logicalLine() {
	open := s.unwind(s.lexer.indent)
	s.statement(s.lexer.Tokens, open, s.lexer.indent)
	if len(s.lexer.Tokens) > 0 {
		asker{s}.route(s.lexer.Tokens)
	}
}

// statement takes tokens that start a statement.
func (s *scan) statement(t []Token, open *chain, indent int) {
	if len(t) == 0 {
		s.finish(open)
		return
	}
	keyword := ""
	if t[0].Kind == NameToken {
		keyword = s.text(t[0])
	}
	switch keyword {
	case "elif", "else", "except", "finally":
		if open != nil {
			s.clause(t, open, indent, keyword)
			return
		}
	}
	s.finish(open)
	header := t
	if keyword == "async" && len(t) > 1 {
		header, keyword = t[1:], s.text(t[1])
	}
	switch keyword {
	case "if", "try", "with", "for", "while", "def", "class":
		s.compound(header, indent, keyword)
		return
	case "match", "case":
		if s.soft(t) {
			s.compound(t, indent, keyword)
			return
		}
	}
	s.bindings().simple(t)
}

// soft says that "match" or "case" starts a block: the line ends with a colon,
// or has one outside brackets that is followed by a statement, and what comes
// after the word can start an expression.
func (s *scan) soft(t []Token) bool {
	colon := s.colon(t)
	if colon < 2 {
		return false
	}
	next := t[1]
	if next.Kind == opToken && next.End-next.Start == 1 && strings.IndexByte("([{-*~", s.lexer.src[next.Start]) < 0 || next.Kind == opToken && next.End-next.Start > 1 {
		return false
	}
	if next.Kind == NameToken && (s.is(next, "in") || s.is(next, "is") || s.is(next, "and") || s.is(next, "or") || s.is(next, "if") || s.is(next, "else") || s.is(next, "for")) {
		return false
	}
	if s.is(t[0], "match") {
		return colon == len(t)-1
	}
	return len(s.blocks) > 0 && s.current().keyword == "match"
}

// colon is the index of the colon that ends a header, -1 without one.
func (s *scan) colon(t []Token) int {
	lambdas := 0
	for i := range t {
		if t[i].Depth != t[0].Depth {
			continue
		}
		switch {
		case t[i].Kind == NameToken && s.is(t[i], "lambda"):
			lambdas++
		case t[i].Kind == opToken && t[i].End-t[i].Start == 1 && s.lexer.src[t[i].Start] == ':':
			if lambdas == 0 {
				return i
			}
			lambdas--
		}
	}
	return -1
}

// compound opens the block of a header.
func (s *scan) compound(t []Token, indent int, keyword string) {
	colon := s.colon(t)
	if colon < 0 {
		s.bindings().simple(t)
		return
	}
	up := *s.current()
	b := block{indent: indent, keyword: keyword, function: up.function, class: up.class, context: up.context, conditions: up.conditions, in: up.in, guards: up.guards}
	head := t[1:colon]
	s.calls().expression(head, &up)
	if keyword != "def" && keyword != "class" {
		s.effects().called(head, &up)
	} else if len(head) > 0 {
		s.effects().called(head[1:], &up)
	}
	switch keyword {
	case "if":
		b.chain = &chain{keyword: "if", allEnd: true}
		s.test(&b, head)
	case "while":
		b.conditions = with(b.conditions, Condition{Text: s.join(head)})
	case "try":
		s.tries++
		b.chain = &chain{keyword: "try", allEnd: true, function: up.function, number: s.tries}
		b.body.imports[0], b.body.calls[0], b.body.effects[0] = len(s.out.Imports), len(s.out.Calls), len(s.out.Effects)
	case "with":
		b.chain = &chain{keyword: "with", allEnd: true}
		s.bindings().bindAs(head)
		if s.suppresses(head) {
			b.context |= Guarded
		}
	case "for":
		s.bindings().bindFor(head)
		if len(head) > 2 && s.is(head[1], "in") {
			b.loop = append(b.loop, head[:3]...)
			b.over, _ = asker{s}.listed(head[2:])
		}
	case "def":
		s.bindings().define(head)
		b.in = s.constants().inside(head, &up)
		if s.isRoute && up.function == 0 {
			asker{s}.uses(head, "fastapi.", &up)
		}
		b.function++
		b.context |= Lazy
		b.context &^= Guarded
	case "class":
		s.bindings().define(head)
		b.in = s.constants().inside(head, &up)
		b.model = asker{s}.model(head)
		b.exports, s.enumNext = s.enumNext && up.class == 0, false
		b.class++
	case "case":
		b.conditions = with(b.conditions, Condition{Text: "match"})
		s.bindings().bindAll(head)
	}
	s.push(b, t[colon+1:])
}

// clause goes on with a compound statement.
func (s *scan) clause(t []Token, c *chain, indent int, keyword string) {
	colon := s.colon(t)
	if colon < 0 {
		s.finish(c)
		s.bindings().simple(t)
		return
	}
	up := *s.current()
	b := block{indent: indent, keyword: keyword, function: up.function, class: up.class, context: up.context, conditions: up.conditions, in: up.in, guards: up.guards, chain: c}
	head := t[1:colon]
	s.calls().expression(head, &up)
	at := facts{[2]int{len(s.out.Imports)}, [2]int{len(s.out.Calls)}, [2]int{len(s.out.Effects)}}
	switch {
	case keyword == "elif":
		b.conditions = with(b.conditions, c.tests...)
		s.test(&b, head)
	case keyword == "else" && c.keyword == "if":
		c.hasElse = true
		b.conditions = with(b.conditions, c.tests...)
		if c.unchecks {
			b.context |= TypeChecking
		}
	case keyword == "else":
		c.orelse = at
	case keyword == "except":
		catches := s.catches(head)
		c.handlers = append(c.handlers, handler{facts: at, catches: catches, broad: s.catchesAny(head, "SyntaxError", "Exception", "BaseException"),
			unfound: s.catchesAny(head, "PackageNotFoundError", "DistributionNotFound")})
		if !catches { // whether something else fails is not known
			b.conditions = with(b.conditions, Condition{Text: "except"})
		}
		s.bindings().bindAs(head)
	}
	s.push(b, t[colon+1:])
}

// push opens a block; statements on the header's own line are all of it.
func (s *scan) push(b block, rest []Token) {
	if len(s.blocks) >= maxBlocks {
		s.lexer.fail(s.lexer.line, "blocks are nested too deeply")
		return
	}
	s.blocks = append(s.blocks, b)
	if len(rest) > 0 {
		s.bindings().simple(rest)
	}
}

// test reads the test of an if or elif.
func (s *scan) test(b *block, head []Token) {
	c := b.chain
	checks, negated := s.typeChecking(head)
	if checks && !negated {
		b.context |= TypeChecking
	}
	if len(c.tests) == 0 {
		c.checks, c.unchecks = checks && !negated, checks && negated
	} else if checks && negated {
		c.unchecks = true
	}
	if checks {
		// Neither branch hangs on anything else.
		return
	}
	text := s.join(head)
	b.conditions = with(b.conditions, Condition{Text: text})
	c.tests = append(c.tests, Condition{Text: text, Not: true})
}

// typeChecking recognizes TYPE_CHECKING, typing.TYPE_CHECKING and their
// negations.
func (s *scan) typeChecking(t []Token) (checks, negated bool) {
	for len(t) > 1 && s.is(t[0], "(") && s.is(t[len(t)-1], ")") {
		t = t[1 : len(t)-1]
	}
	if len(t) > 0 && t[0].Kind == NameToken && s.is(t[0], "not") {
		negated, t = true, t[1:]
	}
	switch {
	case len(t) == 1 && t[0].Kind == NameToken:
		return s.checking[s.text(t[0])], negated
	case len(t) == 3 && s.is(t[1], ".") && t[2].Kind == NameToken:
		return s.is(t[2], "TYPE_CHECKING"), negated
	}
	return false, false
}

// maxConditions is how many conditions of a statement are told apart; those
// beyond are one that nobody knows.
const maxConditions = 50

// with is the conditions and more; the slice is never shared.
func with(conditions []Condition, more ...Condition) []Condition {
	if len(conditions) > maxConditions {
		return conditions
	}
	n := min(len(more), maxConditions-len(conditions))
	out := append(make([]Condition, 0, len(conditions)+n+1), conditions...)
	out = append(out, more[:n]...)
	if n < len(more) {
		out = append(out, Condition{Text: "…"})
	}
	return out
}

// join is the text of tokens with single spaces.
func (s *scan) join(t []Token) string {
	const most = 60
	if len(t) > most {
		return "…"
	}
	var b strings.Builder
	for i, tok := range t {
		if i > 0 {
			b.WriteByte(' ')
		}
		switch tok.Kind {
		case StringToken:
			b.WriteString(quote(s.literal(tok)))
		case FormatToken:
			b.WriteString("…")
		default:
			b.Write(s.lexer.src[tok.Start:tok.End])
		}
	}
	if b.Len() > 400 {
		return "…"
	}
	return strings.ToValidUTF8(b.String(), "\uFFFD")
}

// quote writes a literal so that it is read back the same.
func quote(s string) string {
	return "'" + escape.Replace(s) + "'"
}

var escape = strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, "\r", `\r`)

// catches says whether an except clause catches a failed import.
func (s *scan) catches(head []Token) bool {
	return s.catchesAny(head, "ImportError", "ModuleNotFoundError", "Exception", "BaseException")
}

// catchesAny says whether an except clause catches everything, or names one of
// some exceptions.
func (s *scan) catchesAny(head []Token, kinds ...string) bool {
	if len(head) == 0 {
		return true
	}
	for i, t := range head {
		if t.Kind != NameToken {
			continue
		}
		if s.is(t, "as") && t.Depth == head[0].Depth {
			return false
		}
		if i+1 < len(head) && s.is(head[i+1], ".") {
			continue
		}
		if slices.Contains(kinds, s.text(t)) {
			return true
		}
	}
	return false
}

// suppresses recognizes contextlib.suppress(ImportError).
func (s *scan) suppresses(head []Token) bool {
	for i, t := range head {
		if t.Kind == NameToken && s.is(t, "suppress") && i+1 < len(head) && s.is(head[i+1], "(") {
			return s.catches(head[i+2:])
		}
	}
	return false
}
