package pyproject

import (
	"bytes"
	"regexp"
	"strings"
	"unicode/utf8"
)

// pythonFile is a Python source as its logical lines.
type pythonFile struct {
	text
	statements []statement
	// ascii says that what is added has to be in ASCII.
	ascii bool
}

// statement is a logical line: one statement, or more where code has a
// semicolon or a colon with something behind it.
type statement struct {
	// start is where its first line starts, but for a byte order mark, end
	// behind its last line's end; line counts from 1.
	start, end, line int
	indent           string
	// code is without indentation and comments, white space folded outside
	// of strings.
	code string
}

// codingCookie is a declaration of PEP 263 that is not UTF-8.
var codingCookie = regexp.MustCompile(`^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)`)

// parsePython splits a source into logical lines. What is doubtful is
// [whittle.ErrUnsupported]: the lines after it may be inside of a string.
func parsePython(src []byte) (*pythonFile, error) {
	if err := limited(src, maxText); err != nil {
		return nil, err
	}
	if bytes.IndexByte(src, 0) >= 0 || bytes.Count(src, []byte("\r")) != bytes.Count(src, []byte("\r\n")) {
		return nil, unsupported("it is no text, or has line ends that are none")
	}
	p := &pythonFile{text: newText(src), ascii: !utf8.Valid(src)}
	for i, line := range bytes.SplitN(src, []byte("\n"), 3) {
		if m := codingCookie.FindSubmatch(line); i < 2 && m != nil && !strings.EqualFold(strings.ReplaceAll(string(m[1]), "_", "-"), "utf-8") {
			p.ascii = true
		}
	}
	x := pythonLexer{file: p, line: 1}
	if bytes.HasPrefix(src, byteOrderMark) {
		x.at = len(byteOrderMark)
	}
	for x.at < len(src) {
		s, err := x.logical()
		if err != nil {
			return nil, err
		}
		if s.code != "" {
			p.statements = append(p.statements, s)
		}
		if err := counted(len(p.statements)); err != nil {
			return nil, err
		}
	}
	return p, nil
}

type pythonLexer struct {
	file     *pythonFile
	at, line int
	// code is that of the logical line so far.
	code strings.Builder
}

// logical reads one logical line, or a line with no code.
func (x *pythonLexer) logical() (statement, error) {
	src := x.file.src
	s := statement{start: x.at, line: x.line}
	for x.at < len(src) && strings.IndexByte(" \t\f", src[x.at]) >= 0 {
		x.at++
	}
	s.indent = string(src[s.start:x.at])
	x.code.Reset()
	depth := 0
	for x.at < len(src) {
		c := src[x.at]
		switch {
		case c == '#':
			x.at = x.file.lineEnd(x.at)
		case c == '\n':
			x.at++
			x.line++
			if depth <= 0 {
				s.end, s.code = x.at, fold(x.code.String())
				return s, nil
			}
			x.code.WriteByte(' ')
		case c == '\\':
			end := x.file.lineEnd(x.at)
			if end != x.at+1 {
				return s, unsupported("line %d has a backslash in the middle", x.line)
			}
			x.at = x.file.nextLine(x.at)
			x.line++
			x.code.WriteByte(' ')
		case c == '"' || c == '\'':
			if err := x.quoted(); err != nil {
				return s, err
			}
		default:
			switch c {
			case '(', '[', '{':
				depth++
			case ')', ']', '}':
				depth--
			}
			x.code.WriteByte(c)
			x.at++
		}
	}
	if depth > 0 {
		return s, unsupported("a bracket in line %d does not close", s.line)
	}
	s.end, s.code = x.at, fold(x.code.String())
	return s, nil
}

// quoted reads a string. An f-string that Python 3.12 would end elsewhere than
// its elders is doubtful.
func (x *pythonLexer) quoted() error {
	src, start := x.file.src, x.at
	closing := src[start : start+1]
	if triple := bytes.Repeat(closing, 3); bytes.HasPrefix(src[start:], triple) {
		closing = triple
	}
	i := start + len(closing)
	for !bytes.HasPrefix(src[min(i, len(src)):], closing) {
		switch {
		case i >= len(src), src[i] == '\n' && len(closing) == 1:
			return unsupported("a string in line %d does not end", x.line)
		case src[i] == '\\' && i+2 < len(src) && src[i+1] == '\r' && src[i+2] == '\n':
			i += 2
		case src[i] == '\\':
			i++
		}
		i++
	}
	x.at = i + len(closing)
	body := src[start:x.at]
	if x.formatted() && bytes.Count(body, []byte("{")) != bytes.Count(body, []byte("}")) {
		return unsupported("the f-string in line %d may end elsewhere", x.line)
	}
	x.line += bytes.Count(body, []byte("\n"))
	x.code.Write(keepSpaces(body))
	return nil
}

// formatted says that the code ends with the prefix of an f-string or a
// template string.
func (x *pythonLexer) formatted() bool {
	code := x.code.String()
	prefix := code[len(strings.TrimRight(code, "fFtTrRbBuU")):]
	return len(prefix) <= 2 && strings.ContainsAny(prefix, "fFtT")
}

// keepSpaces makes white space in a string safe from [fold].
func keepSpaces(s []byte) []byte {
	out := bytes.Clone(s)
	for i, c := range out {
		if j := strings.IndexByte(" \t\n\r\v\f;", c); j >= 0 {
			out[i] = byte(j + 1)
		}
	}
	return out
}

// fold makes all white space one blank, with none at the ends.
func fold(code string) string { return strings.Join(strings.Fields(code), " ") }
