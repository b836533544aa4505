package source

import "bytes"

// str reads a string whose prefix starts at start; l.pos is at its quote.
func (l *Lexer) str(start, depth int) {
	line := l.line
	kind := StringToken
	fields := false
	for _, c := range l.src[start:l.pos] {
		switch c | 0x20 {
		case 'f', 't':
			kind, fields = FormatToken, true
		case 'b':
			kind = FormatToken
		}
	}
	quote, content, triple := l.quote()
	end := -1
	if fields {
		end = l.format(content, quote, triple, 0)
	}
	if end < 0 {
		end = l.plain(content, quote, triple)
	}
	if end < 0 {
		l.fail(line, "a string that is not closed")
		return
	}
	l.line += countLines(l.src[content:end])
	l.pos = end
	l.add(kind, content, line, depth)
	l.pos++
	if triple {
		l.pos += 2
	}
}

// quote reads the opening quotes at l.pos.
func (l *Lexer) quote() (quote byte, content int, triple bool) {
	quote = l.src[l.pos]
	if l.pos+2 < len(l.src) && l.src[l.pos+1] == quote && l.src[l.pos+2] == quote {
		return quote, l.pos + 3, true
	}
	return quote, l.pos + 1, false
}

// plain is where a string ends whose content starts at p, -1 for nowhere.
func (l *Lexer) plain(p int, quote byte, triple bool) int {
	for p < len(l.src) {
		c := l.src[p]
		switch {
		case c == quote && !triple:
			return p
		case c == quote && p+2 < len(l.src) && l.src[p+1] == quote && l.src[p+2] == quote:
			return p
		case c == '\\':
			if n := l.lineEnd(p + 1); n > 0 {
				p += n
			} else {
				p++
			}
		case (c == '\n' || c == '\r') && !triple:
			return -1
		}
		p++
	}
	return -1
}

// format is where a string with replacement fields ends (PEP 701), -1 where
// it cannot be read so.
func (l *Lexer) format(p int, quote byte, triple bool, nested int) int {
	if nested > maxNested {
		return -1
	}
	for p < len(l.src) {
		if l.budget--; l.budget < 0 {
			return -1
		}
		switch c := l.src[p]; {
		case c == '\\':
			if l.lineEnd(p+1) > 1 {
				p++
			}
			p += 2
			continue
		case c == quote:
			if !triple {
				return p
			}
			if p+2 < len(l.src) && l.src[p+1] == quote && l.src[p+2] == quote {
				return p
			}
		case (c == '\n' || c == '\r') && !triple:
			return -1
		case c == '{':
			if p+1 < len(l.src) && l.src[p+1] == '{' {
				p += 2
				continue
			}
			if p = l.field(p+1, quote, triple, nested); p < 0 {
				return -1
			}
		}
		p++
	}
	return -1
}

// field is where a replacement field's closing brace stands.
func (l *Lexer) field(p int, quote byte, triple bool, nested int) int {
	depth := 0
	for p < len(l.src) {
		if l.budget--; l.budget < 0 {
			return -1
		}
		switch c := l.src[p]; c {
		case '(', '[', '{':
			depth++
		case ')', ']':
			depth--
		case '}':
			if depth <= 0 {
				return p
			}
			depth--
		case '#':
			if i := bytes.IndexAny(l.src[p:], "\r\n"); i >= 0 {
				p += i
			}
		case '"', '\'':
			end := l.nestedString(p, nested)
			if end < 0 {
				return -1
			}
			p = end
			continue
		case ':':
			if depth == 0 {
				return l.spec(p+1, quote, triple, nested)
			}
		}
		p++
	}
	return -1
}

// spec reads a format specification up to the brace that closes its field.
func (l *Lexer) spec(p int, quote byte, triple bool, nested int) int {
	if nested > maxNested {
		return -1
	}
	for p < len(l.src) {
		switch c := l.src[p]; {
		case c == '}':
			return p
		case c == '{':
			if p = l.field(p+1, quote, triple, nested+1); p < 0 {
				return -1
			}
		case c == quote && !triple, (c == '\n' || c == '\r') && !triple:
			return -1
		case c == quote && p+2 < len(l.src) && l.src[p+1] == quote && l.src[p+2] == quote:
			return -1
		}
		p++
	}
	return -1
}

// nestedString is the position after a string within a replacement field.
func (l *Lexer) nestedString(p, nested int) int {
	start := p
	for start > 0 && p-start < 2 && byteClass[l.src[start-1]] == wordByte {
		start--
	}
	save := l.pos
	l.pos = p
	quote, content, triple := l.quote()
	l.pos = save
	end := -1
	if prefix := l.src[start:p]; isPrefix(prefix) && bytes.ContainsAny(prefix, "fFtT") {
		end = l.format(content, quote, triple, nested+1)
	}
	if end < 0 {
		end = l.plain(content, quote, triple)
	}
	switch {
	case end < 0:
		return -1
	case triple:
		return end + 3
	}
	return end + 1
}

func countLines(b []byte) int {
	n := bytes.Count(b, []byte("\n"))
	if bytes.IndexByte(b, '\r') >= 0 {
		n += bytes.Count(b, []byte("\r")) - bytes.Count(b, []byte("\r\n"))
	}
	return n
}
