package edit

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/python/source"
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
	// code is its tokens, with a blank between them.
	code string
}

// codingCookie is a declaration of PEP 263 that is not UTF-8.
var codingCookie = regexp.MustCompile(`^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)`)

// parsePython splits a source into logical lines. What cannot be read to its end
// is [whittle.ErrUnsupported].
func parsePython(src []byte) (*pythonFile, error) {
	if err := limited(src, maxText); err != nil {
		return nil, err
	}
	if bytes.IndexByte(src, 0) >= 0 || bytes.Count(src, []byte("\r")) != bytes.Count(src, []byte("\r\n")) {
		return nil, whittle.ErrUnsupported.Errorf("it is no text, or has line ends that are none")
	}
	p := &pythonFile{text: newText(src), ascii: !utf8.Valid(src)}
	for i, line := range bytes.SplitN(src, []byte("\n"), 3) {
		if m := codingCookie.FindSubmatch(line); i < 2 && m != nil && !strings.EqualFold(strings.ReplaceAll(string(m[1]), "_", "-"), "utf-8") {
			p.ascii = true
		}
	}
	l := source.NewLexer(src)
	for l.Next() {
		p.statements = append(p.statements, p.statement(l))
		if err := counted(len(p.statements)); err != nil {
			return nil, err
		}
	}
	if l.Broken != "" {
		return nil, whittle.ErrUnsupported.Errorf("line %d has %s", l.BrokenLine, l.Broken)
	}
	return p, nil
}

// statement is the logical line that a lexer is at.
func (p *pythonFile) statement(l *source.Lexer) statement {
	start, end, line := l.Lines()
	code := p.src[start:end]
	indent := code[:len(code)-len(bytes.TrimLeft(code, " \t\f"))]
	var b strings.Builder
	for i, t := range l.Tokens {
		if i > 0 {
			b.WriteByte(' ')
		}
		switch text := p.src[t.Start:t.End]; t.Kind {
		case source.StringToken:
			fmt.Fprintf(&b, "%q", text)
		case source.FormatToken:
			fmt.Fprintf(&b, "f%q", text)
		default:
			b.Write(text)
		}
	}
	return statement{start: start, end: end, line: line, indent: string(indent), code: b.String()}
}

// isImport says that it starts as an import does: both words are keywords.
func (s statement) isImport() bool {
	return strings.HasPrefix(s.code, "import ") || strings.HasPrefix(s.code, "from ")
}
