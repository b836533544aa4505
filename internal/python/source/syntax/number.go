package syntax

import (
	"bytes"
	"strings"

	"whittle.dev/whittle/internal/python/source/search"
)

// digits reads digits with single underscores between.
func (l *lexer) digits(is func(byte) bool, what string) bool {
	start := l.pos
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		if c == '_' {
			if l.pos+1 >= len(l.src) || !is(l.src[l.pos+1]) || what == "decimal" && l.pos == start {
				fail(l.line, "invalid %s literal", what)
			}
		} else if !is(c) {
			break
		}
		l.pos++
	}
	return l.pos > start
}

// mostDigits is how many digits of a number CPython always reads.
const mostDigits = 4300

// number reads a number from its first character on.
func (l *lexer) number() {
	p := l.pos
	for p < len(l.src) && isDigit(l.src[p]) {
		p++
	}
	if digits := p - l.pos; l.src[l.pos] != '0' && digits > 0 && digits <= mostDigits && p < len(l.src) && !search.InName[l.src[p]] && l.src[p] != '.' {
		l.pos = p // as most are
		return
	}
	if l.based() {
		return
	}
	start := l.pos
	if l.src[l.pos] != '.' {
		l.digits(isDigit, "decimal")
	}
	digits := l.src[start:l.pos]
	fraction := l.fraction()
	exponent := l.exponent()
	if l.pos < len(l.src) && l.src[l.pos]|0x20 == 'j' {
		l.pos++
		l.after("imaginary")
		return
	}
	if whole := !fraction && !exponent; whole && len(digits) > 1 && digits[0] == '0' && strings.Trim(string(digits), "0_") != "" {
		fail(l.line, "leading zeros in decimal integer literals are not permitted")
	} else if whole && len(digits) > mostDigits {
		doubt(l.line, "a number of more than %d digits", mostDigits)
	}
	l.after("decimal")
}

// based reads a number of base 16, 8 or 2; it is false of others.
func (l *lexer) based() bool {
	if l.src[l.pos] != '0' || l.pos+1 >= len(l.src) {
		return false
	}
	var is func(byte) bool
	what := ""
	switch l.src[l.pos+1] | 0x20 {
	case 'x':
		is, what = func(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }, "hexadecimal"
	case 'o':
		is, what = func(c byte) bool { return c >= '0' && c <= '7' }, "octal"
	case 'b':
		is, what = func(c byte) bool { return c == '0' || c == '1' }, "binary"
	default:
		return false
	}
	l.pos += 2
	if !l.digits(is, what) || l.pos < len(l.src) && isDigit(l.src[l.pos]) {
		fail(l.line, "invalid %s literal", what)
	}
	l.after(what)
	return true
}

// fraction reads a point and the digits behind it, if they follow.
func (l *lexer) fraction() bool {
	if l.pos >= len(l.src) || l.src[l.pos] != '.' {
		return false
	}
	if l.pos++; l.pos < len(l.src) && isDigit(l.src[l.pos]) {
		l.digits(isDigit, "decimal")
	} else if l.pos < len(l.src) && l.src[l.pos] == '_' {
		fail(l.line, "invalid decimal literal")
	}
	return true
}

// exponent reads an exponent, if one follows: "1else" has none.
func (l *lexer) exponent() bool {
	if l.pos+1 >= len(l.src) || l.src[l.pos]|0x20 != 'e' {
		return false
	}
	p := l.pos + 1
	if l.src[p] == '+' || l.src[p] == '-' {
		p++
	}
	if p >= len(l.src) || !isDigit(l.src[p]) {
		return false
	}
	l.pos = p
	l.digits(isDigit, "decimal")
	return true
}

// after sees that no letter follows a number; some keywords may.
func (l *lexer) after(what string) {
	if l.pos >= len(l.src) || !isLetter(l.src[l.pos]) {
		return
	}
	for _, k := range []string{"and", "else", "for", "if", "in", "is", "not", "or"} {
		if bytes.HasPrefix(l.src[l.pos:], []byte(k)) {
			return
		}
	}
	fail(l.line, "invalid %s literal", what)
}
