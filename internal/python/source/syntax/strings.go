package syntax

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

// literal is what is known of a string while it is read.
type literal struct {
	raw, bytes, format, template bool
	quote                        byte
	triple                       bool
	line                         int
}

// str reads a string whose prefix starts at start; l.pos is at its quote.
func (l *lexer) str(start int) {
	s := literal{quote: l.src[l.pos], line: l.line}
	for _, c := range l.src[start:l.pos] {
		switch c | 0x20 {
		case 'r':
			s.raw = true
		case 'b':
			s.bytes = true
		case 'f':
			s.format = true
		case 't':
			s.template = true
		}
	}
	if s.template {
		l.need.since(14, l.line, "a t-string")
	}
	l.pos++
	if l.pos+1 < len(l.src) && l.src[l.pos] == s.quote && l.src[l.pos+1] == s.quote {
		s.triple = true
		l.pos += 2
	}
	content := l.pos
	if s.format || s.template {
		l.formatted(&s)
	} else {
		l.plain(&s)
	}
	body := l.src[content:l.pos]
	line := l.line
	l.line = s.line
	l.pos++
	if s.triple {
		l.pos += 2
	}
	c := code('s')
	switch {
	case s.bytes:
		c = 'b'
	case s.template:
		c = 't'
	}
	l.add(str, start, c)
	l.line = line
	if s.bytes {
		for _, b := range body {
			if b >= utf8.RuneSelf {
				fail(s.line, "bytes can only contain ASCII literal characters")
			}
		}
	}
	if l.utf8 && !l.valid && !utf8.Valid(body) {
		fail(s.line, notUTF8)
	}
	if !s.raw && !s.format && !s.template {
		escapes(body, s.bytes, s.line)
	}
}

// special are the bytes of a string that are more than text.
var special = [256]bool{'\\': true, '"': true, '\'': true, '\n': true, '\r': true}

// plain goes to the closing quote.
func (l *lexer) plain(s *literal) {
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		switch {
		case !special[c]:
			p := l.pos + 1
			for p < len(l.src) && !special[l.src[p]] {
				p++
			}
			l.pos = p
			continue
		case c == '\\':
			l.pos++
			if n := l.lineEnd(l.pos); n > 0 {
				l.pos += n
				l.line++
				continue
			}
		case l.closes(s):
			return
		case c == '\n' || c == '\r':
			if !s.triple {
				fail(s.line, "unterminated string literal")
			}
			l.pos += l.lineEnd(l.pos)
			l.line++
			continue
		}
		l.pos++
	}
	fail(s.line, "unterminated string literal")
}

func (l *lexer) closes(s *literal) bool {
	if l.src[l.pos] != s.quote {
		return false
	}
	return !s.triple || l.pos+2 < len(l.src) && l.src[l.pos+1] == s.quote && l.src[l.pos+2] == s.quote
}

// escapes sees that the escapes of a string are whole; names of characters are
// not looked up.
func escapes(body []byte, isBytes bool, line int) {
	for i := 0; i < len(body); i++ {
		next := bytes.IndexByte(body[i:], '\\')
		if i += next + 1; next < 0 || i >= len(body) {
			return
		}
		n := 0
		switch c := body[i]; {
		case c == 'x':
			n = 2
		case c == 'u' && !isBytes:
			n = 4
		case c == 'U' && !isBytes:
			n = 8
		case c == 'N' && !isBytes:
			if i+1 >= len(body) || body[i+1] != '{' || bytes.IndexByte(body[i:], '}') < 3 {
				fail(line, "malformed \\N character escape")
			}
		}
		for k := 1; k <= n; k++ {
			if i+k >= len(body) || strings.IndexByte("0123456789abcdefABCDEF", body[i+k]) < 0 {
				fail(line, "truncated \\%c escape", body[i])
			}
		}
		if n == 8 {
			if v, err := strconv.ParseUint(string(body[i+1:i+9]), 16, 64); err != nil || v > utf8.MaxRune {
				fail(line, "an illegal Unicode character")
			}
		}
	}
}

// formatted goes to the closing quote of a string with replacement fields, as
// Python does from 3.12 on (PEP 701). What older versions read otherwise is
// noted as a need.
func (l *lexer) formatted(s *literal) {
	content := l.pos
	old := l.oldEnd(s, content)
	from := content
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		switch {
		case c == '\\':
			l.pos++
			if n := l.lineEnd(l.pos); n > 0 {
				l.pos += n
				l.line++
				continue
			}
			if l.pos < len(l.src) && (l.src[l.pos] == '{' || l.src[l.pos] == '}') {
				continue // the brace counts
			}
			if !s.raw && l.pos+1 < len(l.src) && l.src[l.pos] == 'N' && l.src[l.pos+1] == '{' {
				if n := bytes.IndexByte(l.src[l.pos:], '}'); n > 0 {
					l.pos += n
				}
			}
		case c == '{' && l.pos+1 < len(l.src) && l.src[l.pos+1] == '{':
			l.pos++
		case c == '{':
			l.text(s, from)
			l.field(s)
			from = l.pos
			continue
		case c == '}' && l.pos+1 < len(l.src) && l.src[l.pos+1] == '}':
			l.pos++
		case c == '}':
			fail(l.line, "f-string: single '}' is not allowed")
		case l.closes(s):
			l.text(s, from)
			if old != l.pos {
				l.need.since(12, s.line, "quotes of its own kind in an f-string")
			}
			return
		case c == '\n' || c == '\r':
			if !s.triple {
				fail(s.line, "unterminated f-string literal")
			}
			l.pos += l.lineEnd(l.pos)
			l.line++
			continue
		}
		l.pos++
	}
	fail(s.line, "unterminated f-string literal")
}

// text sees that the escapes between fields are whole.
func (l *lexer) text(s *literal, from int) {
	if !s.raw && from < l.pos {
		escapes(l.src[from:l.pos], false, s.line)
	}
}

// oldEnd is where the string ends for a Python before 3.12, -1 for nowhere.
func (l *lexer) oldEnd(s *literal, p int) int {
	for ; p < len(l.src); p++ {
		switch c := l.src[p]; {
		case c == '\\':
			if n := l.lineEnd(p + 1); n > 1 {
				p++
			}
			p++
		case c == s.quote && (!s.triple || p+2 < len(l.src) && l.src[p+1] == c && l.src[p+2] == c):
			return p
		case (c == '\n' || c == '\r') && !s.triple:
			return -1
		}
	}
	return -1
}

// field reads a replacement field from its brace to behind the closing one.
func (l *lexer) field(s *literal) {
	if l.fields++; l.fields > 100 {
		doubt(l.line, "fields are nested too deeply")
	}
	line := l.line
	l.pos++
	start := l.pos
	inner := &lexer{src: l.src, utf8: l.utf8, valid: l.valid, pos: l.pos, line: l.line, need: l.need, fields: l.fields, out: l.out[len(l.out):]}
	stop := inner.expression(s)
	text := l.src[start:inner.pos]
	if bytes.IndexByte(text, '\\') >= 0 {
		l.need.since(12, line, "a backslash in a field of an f-string")
	}
	if bytes.IndexByte(text, '#') >= 0 && inner.comments {
		l.need.since(12, line, "a comment in a field of an f-string")
	}
	if !s.triple && bytes.IndexByte(text, '\n') >= 0 {
		l.need.since(12, line, "a field of an f-string over several lines")
	}
	l.pos, l.line = inner.pos, inner.line
	if len(inner.out) == 0 {
		fail(line, "f-string: a valid expression is required before '%c'", stop)
	}
	inner.add(newline, inner.pos, none)
	inner.add(end, inner.pos, none)
	l.need.sub(l.src, inner.out) // these are read now; what l adds overwrites them
	l.rest(s, stop, line)
	l.fields--
}

// expression reads the tokens of a field up to what ends it: '=', '!', ':' or
// '}'.
func (l *lexer) expression(s *literal) byte {
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		next := byte(0)
		if l.pos+1 < len(l.src) {
			next = l.src[l.pos+1]
		}
		if len(l.open) == 0 {
			last := byte(0)
			if l.pos > 0 {
				last = l.src[l.pos-1]
			}
			switch {
			case c == '}', c == '!' && next != '=':
				return c
			case c == ':': // ":=" too: it begins a format specification
				return c
			case c == '=' && next != '=' && strings.IndexByte("=!<>", last) < 0:
				return c
			}
		}
		switch {
		case c == ' ' || c == '\t' || c == '\f':
			l.pos++
		case c == '#':
			l.comments = true
			l.comment()
		case c == '\n' || c == '\r':
			l.pos += l.lineEnd(l.pos)
			l.line++
		case c == '\\':
			n := l.lineEnd(l.pos + 1)
			if n == 0 {
				fail(l.line, "unexpected character after line continuation character")
			}
			l.pos += 1 + n
			l.line++
		default:
			l.token(c)
		}
	}
	fail(s.line, "f-string: expecting '}'")
	return 0
}

// rest reads what follows the expression of a field.
func (l *lexer) rest(s *literal, stop byte, line int) {
	blank := func() {
		for l.pos < len(l.src) && strings.IndexByte(" \t\f\n\r#", l.src[l.pos]) >= 0 {
			if l.src[l.pos] == '#' {
				l.comment()
				continue
			}
			if l.src[l.pos] == '\n' {
				l.line++
			}
			l.pos++
		}
	}
	if stop == '=' {
		l.pos++
		blank()
		l.need.since(8, line, "a field with '='")
	}
	if l.pos < len(l.src) && l.src[l.pos] == '!' {
		l.pos++
		if l.pos >= len(l.src) || strings.IndexByte("rsa", l.src[l.pos]) < 0 {
			fail(line, "f-string: invalid conversion character")
		}
		l.pos++
		if l.pos < len(l.src) && isLetter(l.src[l.pos]) {
			fail(line, "f-string: invalid conversion character")
		}
		blank()
	}
	if l.pos < len(l.src) && l.src[l.pos] == ':' {
		l.pos++
		l.spec(s)
	}
	if l.pos >= len(l.src) || l.src[l.pos] != '}' {
		fail(line, "f-string: expecting '}'")
	}
	l.pos++
}

// spec reads a format specification up to the brace that closes its field.
func (l *lexer) spec(s *literal) {
	for l.pos < len(l.src) {
		switch c := l.src[l.pos]; {
		case c == '{' && l.pos+1 < len(l.src) && l.src[l.pos+1] == '{':
			doubt(l.line, "a doubled brace in a format specification")
		case c == '{':
			l.field(s)
			continue
		case c == '}':
			return
		case l.closes(s):
			fail(l.line, "f-string: expecting '}'")
		case c == '\n' || c == '\r':
			if !s.triple {
				fail(l.line, "unterminated f-string literal")
			}
			doubt(l.line, "a format specification over several lines")
		case c == '\\':
			if n := l.lineEnd(l.pos + 1); n > 0 {
				doubt(l.line, "a format specification over several lines")
			}
			l.pos++
		}
		l.pos++
	}
}
