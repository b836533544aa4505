package syntax

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"whittle.dev/whittle/internal/python/source/search"
)

type kind uint8

const (
	end kind = iota
	newline
	indent
	dedent
	name
	keyword
	number
	str
	op
)

// token is one; code is that of a keyword or operator.
type token struct {
	start, stop int32
	line        int32
	kind        kind
	code        code
}

type code uint8

// Codes of keywords and of operators of several characters; those of one
// character are it.
const (
	none code = iota
	kFalse
	kNone
	kTrue
	kAnd
	kAs
	kAssert
	kAsync
	kAwait
	kBreak
	kClass
	kContinue
	kDef
	kDel
	kElif
	kElse
	kExcept
	kFinally
	kFor
	kFrom
	kGlobal
	kIf // 21; '!' is 33
	kImport
	kIn
	kIs
	kLambda
	kNonlocal
	kNot
	kOr
	kPass
	kRaise
	kReturn
)

const (
	kTry code = 128 + iota
	kWhile
	kWith
	kYield
	oEq     // ==
	oNe     // !=
	oLe     // <=
	oGe     // >=
	oPow    // **
	oFloor  // //
	oLeft   // <<
	oRight  // >>
	oArrow  // ->
	oWalrus // :=
	oDots   // ...
	oAug    // += and its kind
	oLtGt   // <>
)

// keywordOf is the code of a keyword, none of other names.
func keywordOf(text []byte) code {
	if len(text) < 2 || len(text) > 8 {
		return none
	}
	switch string(text) {
	case "False":
		return kFalse
	case "None":
		return kNone
	case "True":
		return kTrue
	case "and":
		return kAnd
	case "as":
		return kAs
	case "assert":
		return kAssert
	case "async":
		return kAsync
	case "await":
		return kAwait
	case "break":
		return kBreak
	case "class":
		return kClass
	case "continue":
		return kContinue
	case "def":
		return kDef
	case "del":
		return kDel
	case "elif":
		return kElif
	case "else":
		return kElse
	case "except":
		return kExcept
	case "finally":
		return kFinally
	case "for":
		return kFor
	case "from":
		return kFrom
	case "global":
		return kGlobal
	case "if":
		return kIf
	case "import":
		return kImport
	case "in":
		return kIn
	case "is":
		return kIs
	case "lambda":
		return kLambda
	case "nonlocal":
		return kNonlocal
	case "not":
		return kNot
	case "or":
		return kOr
	case "pass":
		return kPass
	case "raise":
		return kRaise
	case "return":
		return kReturn
	case "try":
		return kTry
	case "while":
		return kWhile
	case "with":
		return kWith
	case "yield":
		return kYield
	}
	return none
}

// lexer makes the tokens of a text as CPython's tokenizer does.
type lexer struct {
	src  []byte
	pos  int
	line int
	out  []token
	// open are the brackets that are open, with their lines.
	open   []byte
	openAt []int
	// columns of the open blocks, with tabs as eight and as one.
	cols, alts []int
	need       *Need
	fields     int  // nested replacement fields
	comments   bool // in a field
	utf8       bool // the text is to be in it
	valid      bool // all of it is
}

// lexers keep what they need for the next text.
var lexers = sync.Pool{New: func() any { return &lexer{} }}

// maxKept are the tokens for which a lexer keeps the memory.
const maxKept = 1 << 16

func (l *lexer) free() {
	if cap(l.out) <= maxKept {
		*l = lexer{out: l.out[:0], open: l.open[:0], openAt: l.openAt[:0], cols: l.cols[:0], alts: l.alts[:0]}
		lexers.Put(l)
	}
}

// tokens are those of a text. They are the lexer's.
func (l *lexer) tokens(text decoded, need *Need) []token {
	l.src, l.line, l.need, l.utf8, l.valid = text.src, 1, need, !text.opaque, !text.opaque && text.bad == 0
	l.cols, l.alts = append(l.cols, 0), append(l.alts, 0)
	for l.pos < len(l.src) {
		l.physical()
	}
	if len(l.open) > 0 {
		fail(l.openAt[len(l.openAt)-1], "'%c' was never closed", l.open[len(l.open)-1])
	}
	l.finish()
	return l.out
}

func (l *lexer) finish() {
	if n := len(l.out); n > 0 && l.out[n-1].kind != newline && l.out[n-1].kind != dedent {
		l.add(newline, l.pos, none)
	}
	for range len(l.cols) - 1 {
		l.add(dedent, l.pos, none)
	}
	l.add(end, l.pos, none)
}

func (l *lexer) add(k kind, start int, c code) {
	l.out = append(l.out, token{int32(start), int32(l.pos), int32(l.line), k, c})
}

// physical reads a line from its margin on, and the lines that go on with it.
func (l *lexer) physical() {
	col, alt := 0, 0
	joined := false
	for ; l.pos < len(l.src); l.pos++ {
		switch l.src[l.pos] {
		case ' ':
			col, alt = col+1, alt+1
			continue
		case '\t':
			col, alt = (col/8+1)*8, alt+1
			continue
		case '\f':
			col, alt = 0, 0
			continue
		case '\\':
			if n := l.lineEnd(l.pos + 1); n > 0 {
				l.pos += n
				l.line++
				joined = true
				continue
			}
		}
		break
	}
	if l.pos >= len(l.src) {
		if joined {
			doubt(l.line, "the text ends in a continued line")
		}
		return
	}
	if c := l.src[l.pos]; c == '#' || c == '\n' || c == '\r' {
		l.comment()
		if n := l.lineEnd(l.pos); n > 0 {
			l.pos += n
			l.line++
		}
		return
	}
	if joined && col != l.cols[len(l.cols)-1] {
		doubt(l.line, "the margin of a continued line")
	}
	l.margin(col, alt)
	l.logical()
}

// margin opens or closes blocks.
func (l *lexer) margin(col, alt int) {
	top := len(l.cols) - 1
	switch {
	case col == l.cols[top]:
		if alt != l.alts[top] {
			fail(l.line, "inconsistent use of tabs and spaces in indentation")
		}
	case col > l.cols[top]:
		if alt <= l.alts[top] {
			fail(l.line, "inconsistent use of tabs and spaces in indentation")
		}
		if len(l.cols) > maxIndent {
			fail(l.line, "too many levels of indentation")
		}
		l.cols, l.alts = append(l.cols, col), append(l.alts, alt)
		l.add(indent, l.pos, none)
	default:
		for top > 0 && col < l.cols[top] {
			l.cols, l.alts = l.cols[:top], l.alts[:top]
			top--
			l.add(dedent, l.pos, none)
		}
		if col != l.cols[top] {
			fail(l.line, "unindent does not match any outer indentation level")
		}
		if alt != l.alts[top] {
			fail(l.line, "inconsistent use of tabs and spaces in indentation")
		}
	}
}

func (l *lexer) lineEnd(p int) int {
	switch {
	case p >= len(l.src):
		return 0
	case l.src[p] == '\n':
		return 1
	case l.src[p] == '\r' && p+1 < len(l.src) && l.src[p+1] == '\n':
		return 2
	case l.src[p] == '\r':
		return 1
	}
	return 0
}

func (l *lexer) comment() {
	if l.src[l.pos] != '#' {
		return
	}
	for l.pos < len(l.src) && l.src[l.pos] != '\n' && l.src[l.pos] != '\r' {
		l.pos++
	}
}

// logical reads tokens to the end of a logical line.
func (l *lexer) logical() {
	for l.pos < len(l.src) {
		switch c := l.src[l.pos]; {
		case c == ' ' || c == '\t' || c == '\f':
			l.pos++
		case c == '#':
			l.comment()
		case c == '\n' || c == '\r':
			if len(l.open) == 0 {
				l.add(newline, l.pos, none)
				l.pos += l.lineEnd(l.pos)
				l.line++
				return
			}
			l.pos += l.lineEnd(l.pos)
			l.line++
		case c == '\\':
			n := l.lineEnd(l.pos + 1)
			switch {
			case n > 0 && l.pos+1+n >= len(l.src):
				fail(l.line, "unexpected end of the text after a line continuation")
			case n == 0 && l.pos+1 >= len(l.src):
				fail(l.line, "unexpected end of the text after a line continuation")
			case n == 0:
				fail(l.line, "unexpected character after line continuation character")
			}
			l.pos += 1 + n
			l.line++
		default:
			l.token(c)
		}
	}
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c >= utf8.RuneSelf }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

func (l *lexer) token(c byte) {
	start := l.pos
	switch {
	case isLetter(c):
		l.word()
	case isDigit(c), c == '.' && l.pos+1 < len(l.src) && isDigit(l.src[l.pos+1]):
		l.number()
		l.add(number, start, none)
	case c == '"' || c == '\'':
		l.str(start)
	default:
		l.operator(c)
	}
}

// word reads a name or keyword, or the prefix of a string.
func (l *lexer) word() {
	start, p, bits := l.pos, l.pos, byte(0)
	for p < len(l.src) && search.InName[l.src[p]] {
		bits |= l.src[p]
		p++
	}
	l.pos = p
	text := l.src[start:p]
	if len(text) <= 2 && p < len(l.src) && (l.src[p] == '"' || l.src[p] == '\'') && isPrefix(text) {
		l.str(start)
		return
	}
	if bits >= utf8.RuneSelf {
		l.letters(text)
	}
	if k := keywordOf(text); k != none {
		l.add(keyword, start, k)
		return
	}
	l.add(name, start, none)
}

// letters sees that a name outside ASCII has only letters, marks and digits.
func (l *lexer) letters(text []byte) {
	if !utf8.Valid(text) {
		if l.utf8 {
			fail(l.line, notUTF8)
		}
		doubt(l.line, "a name outside ASCII")
	}
	for i, r := range string(text) {
		switch {
		case r < utf8.RuneSelf, unicode.IsLetter(r), unicode.Is(unicode.Nl, r), unicode.Is(unicode.Other_ID_Start, r):
		case i > 0 && (unicode.IsMark(r) || unicode.IsDigit(r) || unicode.Is(unicode.Pc, r) || unicode.Is(unicode.Other_ID_Continue, r)):
		case unicode.IsMark(r), unicode.IsDigit(r):
			doubt(l.line, "a name that does not start with a letter")
		default:
			fail(l.line, "invalid character %q", r)
		}
	}
}

func isPrefix(p []byte) bool {
	switch strings.ToLower(string(p)) {
	case "r", "u", "b", "f", "t", "br", "rb", "fr", "rf", "tr", "rt":
		return true
	}
	return false
}

// alone are the operators that no other begins with.
var alone = [256]bool{',': true, ';': true, '~': true}

// operator reads an operator, a bracket or a separator.
func (l *lexer) operator(c byte) {
	start := l.pos
	if alone[c] {
		l.pos++
		l.add(op, start, code(c))
		return
	}
	next := func(i int) byte {
		if l.pos+i < len(l.src) {
			return l.src[l.pos+i]
		}
		return 0
	}
	n, k := 1, code(c)
	switch c {
	case '(', '[', '{':
		l.opening(c)
	case ')', ']', '}':
		l.closing(c)
	case '=':
		if next(1) == '=' {
			n, k = 2, oEq
		}
	case '!':
		if next(1) != '=' {
			fail(l.line, "invalid syntax: '!'")
		}
		n, k = 2, oNe
	case '<', '>':
		switch {
		case next(1) == c && next(2) == '=':
			n, k = 3, oAug
		case next(1) == c && c == '<':
			n, k = 2, oLeft
		case next(1) == c:
			n, k = 2, oRight
		case next(1) == '=' && c == '<':
			n, k = 2, oLe
		case next(1) == '=':
			n, k = 2, oGe
		case c == '<' && next(1) == '>':
			n, k = 2, oLtGt
		}
	case '*', '/':
		switch {
		case next(1) == c && next(2) == '=':
			n, k = 3, oAug
		case next(1) == c && c == '*':
			n, k = 2, oPow
		case next(1) == c:
			n, k = 2, oFloor
		case next(1) == '=':
			n, k = 2, oAug
		}
	case '-', '+', '%', '&', '|', '^', '@':
		switch {
		case next(1) == '=':
			n, k = 2, oAug
		case c == '-' && next(1) == '>':
			n, k = 2, oArrow
		}
	case ':':
		if next(1) == '=' {
			n, k = 2, oWalrus
		}
	case '.':
		if next(1) == '.' && next(2) == '.' {
			n, k = 3, oDots
		}
	default:
		fail(l.line, "invalid syntax: '%c'", c)
	}
	l.pos += n
	l.add(op, start, k)
}

func (l *lexer) opening(c byte) {
	if len(l.open) >= maxOpen {
		fail(l.line, "too many nested parentheses")
	}
	l.open, l.openAt = append(l.open, c), append(l.openAt, l.line)
}

func (l *lexer) closing(c byte) {
	top := len(l.open) - 1
	if top < 0 {
		fail(l.line, "unmatched '%c'", c)
	}
	if opener := l.open[top]; c != opener+1 && c != opener+2 { // "()" are neighbours in ASCII, "[]" and "{}" have one between
		fail(l.line, "closing parenthesis '%c' does not match opening parenthesis '%c'", c, l.open[top])
	}
	l.open, l.openAt = l.open[:top], l.openAt[:top]
}
