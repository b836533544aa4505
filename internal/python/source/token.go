package source

import (
	"bytes"
	"unicode/utf8"
)

// tokenKind is what a token is.
type tokenKind uint8

// What a token is. Operators, brackets and separators have no exported kind;
// keywords are names.
const (
	NameToken tokenKind = iota + 1
	NumberToken
	StringToken
	FormatToken // a string with replacement fields, or bytes: no literal text
	opToken
)

// Token is one token of a logical line. Most of the scanner's time goes into
// writing and reading them, so they are small.
type Token struct {
	Start, End int32 // of the source; of a string, its content
	line       int32
	Depth      int32 // brackets open around it
	Kind       tokenKind
}

// Line is where it starts, from 1.
func (t Token) Line() int { return int(t.line) }

// marks say what a logical line has, so that nobody looks for it in vain.
type marks uint8

const (
	callMark   marks = 1 << iota // a name that a call is noted for
	openMark                     // a name that may bind others
	walrusMark                   // ":="
	semiMark                     // ";"
)

// maxTokens is how many tokens of one logical line are kept: a table of
// figures has no imports. maxNested bounds fields within fields of strings.
const (
	maxTokens = 1 << 16
	maxNested = 50
	// maxSource is the longest text that is read, in bytes.
	maxSource = 1 << 30
	// fieldLooks is how often a byte is looked at, on average of the file, to
	// find where strings with fields end: those within fields several times.
	fieldLooks = 8
)

// Lexer parts a source into logical lines. Where that is not possible it ends,
// and Broken says why.
// https://docs.python.org/3/reference/lexical_analysis.html
type Lexer struct {
	src  []byte
	pos  int
	line int
	// Tokens are those of the logical line that was read last; the next
	// one overwrites them.
	Tokens []Token
	seen   marks // of the logical line
	indent int
	budget int
	// start is where the first line of the logical line starts, and first its
	// number.
	start, first int
	// Broken is empty, or says why the source could not be read to its end;
	// BrokenLine is the line.
	Broken     string
	BrokenLine int
	// watched are further names that effects looks for.
	watched map[string]marks
}

// watch has a name looked for from here on.
func (l *Lexer) watch(name string, as marks) {
	if l.watched == nil {
		l.watched = map[string]marks{}
	}
	l.watched[name] |= as
}

// NewLexer starts before the first logical line of a source in UTF-8.
func NewLexer(src []byte) *Lexer {
	l := &Lexer{src: src, line: 1, budget: fieldLooks*len(src) + 1<<16}
	if len(src) > maxSource {
		l.fail(1, "it is too long")
		return l
	}
	if bytes.HasPrefix(src, []byte("\xef\xbb\xbf")) {
		l.pos = 3
	}
	return l
}

func (l *Lexer) fail(line int, text string) {
	if l.Broken == "" {
		l.Broken, l.BrokenLine = text, line
	}
	l.pos = len(l.src)
}

// Next reads the next logical line that has tokens; it is false at the end.
func (l *Lexer) Next() bool {
	l.Tokens, l.seen = l.Tokens[:0], 0
	for l.pos < len(l.src) {
		l.start, l.first = l.pos, l.line
		l.margin()
		if l.pos >= len(l.src) {
			return false
		}
		switch c := l.src[l.pos]; {
		case c == '#':
			l.comment()
		case c == '\n' || c == '\r':
			l.newline()
		default:
			l.logical()
			if len(l.Tokens) > 0 {
				return true
			}
		}
	}
	return false
}

// Lines are the lines of the logical line that was read last: where the first
// starts, with its indentation but behind a byte order mark, where the last
// ends, with its line end, and the number of the first, from 1.
func (l *Lexer) Lines() (start, end, first int) { return l.start, l.pos, l.first }

// margin measures the indentation; a form feed starts it anew.
func (l *Lexer) margin() {
	l.indent = 0
	for ; l.pos < len(l.src); l.pos++ {
		switch l.src[l.pos] {
		case ' ':
			l.indent++
		case '\t':
			l.indent = (l.indent/8 + 1) * 8
		case '\f':
			l.indent = 0
		case '\\': // a continued blank line: what follows has this margin
			if n := l.lineEnd(l.pos + 1); n > 0 {
				l.pos += n
				l.line++
				l.skipBlanks()
				return
			}
			return
		default:
			return
		}
	}
}

func (l *Lexer) skipBlanks() {
	for l.pos < len(l.src) && (l.src[l.pos] == ' ' || l.src[l.pos] == '\t' || l.src[l.pos] == '\f') {
		l.pos++
	}
}

// lineEnd is the length of the line end at a position, 0 where there is none.
func (l *Lexer) lineEnd(p int) int {
	if p >= len(l.src) {
		return 0
	}
	switch l.src[p] {
	case '\n':
		return 1
	case '\r':
		if p+1 < len(l.src) && l.src[p+1] == '\n' {
			return 2
		}
		return 1
	}
	return 0
}

func (l *Lexer) newline() {
	l.pos += l.lineEnd(l.pos)
	l.line++
}

func (l *Lexer) comment() {
	rest := l.src[l.pos:]
	if i := bytes.IndexAny(rest, "\r\n"); i >= 0 {
		l.pos += i
	} else {
		l.pos = len(l.src)
	}
}

// add takes the token from start to the position.
func (l *Lexer) add(kind tokenKind, start, line, depth int) {
	if len(l.Tokens) < maxTokens {
		l.Tokens = append(l.Tokens, Token{int32(start), int32(l.pos), int32(line), int32(depth), kind})
	}
}

// marked are the names that scanimport.go looks for; markLengths has for the
// first byte of each a bit for its length, which most names do not share.
var (
	marked = func() map[string]marks {
		m := map[string]marks{}
		for n := range wanted {
			m[n] = callMark
		}
		for n := range askedFor {
			m[n] = callMark
		}
		for n := range replacing {
			m[n] = callMark
		}
		for n := range dynamicImports {
			m[n] = callMark
		}
		for n := range openers {
			m[n] |= openMark
		}
		return m
	}()
	markLengths = func() (t [256]uint32) {
		for n := range marked {
			t[n[0]] |= 1 << len(n)
		}
		return t
	}()
)

// mark notes a name that is looked for.
func (l *Lexer) mark(start int) {
	if n := l.pos - start; n < 32 && markLengths[l.src[start]]>>n&1 != 0 {
		l.seen |= marked[string(l.src[start:l.pos])]
	}
	if l.watched != nil {
		l.seen |= l.watched[string(l.src[start:l.pos])]
	}
}

// class sorts bytes by what starts with them.
const (
	otherByte = iota
	blankByte
	endByte
	wordByte
	digitByte
	quoteByte
	openByte
	closeByte
)

var byteClass = func() (t [256]uint8) {
	for c := range t {
		switch {
		case c == ' ' || c == '\t' || c == '\f':
			t[c] = blankByte
		case c == '\n' || c == '\r':
			t[c] = endByte
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= utf8.RuneSelf:
			t[c] = wordByte
		case c >= '0' && c <= '9':
			t[c] = digitByte
		case c == '"' || c == '\'':
			t[c] = quoteByte
		case c == '(' || c == '[' || c == '{':
			t[c] = openByte
		case c == ')' || c == ']' || c == '}':
			t[c] = closeByte
		}
	}
	return t
}()

// logical reads tokens up to the end of the logical line.
func (l *Lexer) logical() {
	first, depth := l.line, 0
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		start, line := l.pos, l.line
		switch byteClass[c] {
		case blankByte:
			l.pos++
		case endByte:
			l.newline()
			if depth == 0 {
				return
			}
		case wordByte:
			for l.pos++; l.pos < len(l.src) && (byteClass[l.src[l.pos]] == wordByte || byteClass[l.src[l.pos]] == digitByte); l.pos++ {
			}
			if l.pos < len(l.src) && byteClass[l.src[l.pos]] == quoteByte && l.pos-start <= 2 && isPrefix(l.src[start:l.pos]) {
				l.str(start, depth)
				continue
			}
			l.mark(start)
			l.add(NameToken, start, line, depth)
		case digitByte:
			l.number()
			l.add(NumberToken, start, line, depth)
		case quoteByte:
			l.str(start, depth)
		case openByte:
			l.pos++
			l.add(opToken, start, line, depth)
			depth++
		case closeByte:
			l.pos++
			if depth > 0 {
				depth--
			}
			l.add(opToken, start, line, depth)
		default:
			switch {
			case c == '#':
				l.comment()
			case c == '\\' && l.lineEnd(l.pos+1) > 0:
				l.pos += 1 + l.lineEnd(l.pos+1)
				l.line++
			case c == 0:
				l.fail(line, "a NUL byte")
			case c == '.' && l.pos+1 < len(l.src) && byteClass[l.src[l.pos+1]] == digitByte:
				l.number()
				l.add(NumberToken, start, line, depth)
			default:
				l.operator()
				l.add(opToken, start, line, depth)
			}
		}
	}
	if depth > 0 {
		l.fail(first, "a bracket that is not closed")
	}
}

// operator goes over an operator.
func (l *Lexer) operator() {
	n := operator(l.src[l.pos:])
	switch c := l.src[l.pos]; {
	case c == ';':
		l.seen |= semiMark
	case c == ':' && n == 2:
		l.seen |= walrusMark
	}
	l.pos += n
}

// operator is the length of the operator at the beginning.
func operator(s []byte) int {
	if len(s) > 2 && s[2] == '=' && (s[0] == '*' && s[1] == '*' || s[0] == '/' && s[1] == '/' || s[0] == '<' && s[1] == '<' || s[0] == '>' && s[1] == '>') {
		return 3
	}
	if len(s) > 2 && s[0] == '.' && s[1] == '.' && s[2] == '.' {
		return 1 // dots count one by one in relative imports
	}
	if len(s) > 1 {
		switch s[1] {
		case '=':
			if bytes.IndexByte([]byte("=!<>+-*/%&|^@:"), s[0]) >= 0 {
				return 2
			}
		case '>':
			if s[0] == '-' || s[0] == '>' || s[0] == '<' {
				return 2
			}
		case s[0]:
			if s[0] == '*' || s[0] == '/' || s[0] == '<' {
				return 2
			}
		}
	}
	return 1
}

func (l *Lexer) number() {
	for l.pos++; l.pos < len(l.src); l.pos++ {
		c := l.src[l.pos]
		word := byteClass[c] == digitByte || byteClass[c] == wordByte || c == '.'
		exponent := (c == '+' || c == '-') && (l.src[l.pos-1]|0x20) == 'e' && byteClass[l.src[l.pos-2]] != wordByte && !isHex(l.src, l.pos)
		if !word && !exponent {
			return
		}
	}
}

// isHex says that the number before a position is hexadecimal: 0xe-1 is two
// numbers.
func isHex(src []byte, p int) bool {
	for p--; p > 0 && (byteClass[src[p]] == digitByte || byteClass[src[p]] == wordByte); p-- {
		if src[p]|0x20 == 'x' {
			return true
		}
	}
	return false
}

func isPrefix(p []byte) bool {
	switch len(p) {
	case 1:
		return bytes.IndexByte([]byte("rRbBuUfFtT"), p[0]) >= 0
	case 2:
		a, b := p[0]|0x20, p[1]|0x20
		return a == 'r' && (b == 'b' || b == 'f' || b == 't') || b == 'r' && (a == 'b' || a == 'f' || a == 't')
	}
	return false
}
