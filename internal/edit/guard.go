package edit

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/python/source/syntax"
)

// guarding is what an except clause has to name for an import before it to be
// guarded.
var guarding = regexp.MustCompile(`^except .*\b(ImportError|ModuleNotFoundError|Exception|BaseException)\b|^except :`)

// GuardImport turns the import statement that starts at a line of a Python
// source (from 1) into a try statement that raises ImportError with the
// message, from the original error: an import that is optional then fails
// with a sentence that helps. The statement may go over several lines; it has
// to be alone on them. An import that is guarded already is no edit; what is
// no import, or one from __future__, or in a text that no Python compiles, is
// [whittle.ErrUnsupported].
func GuardImport(src []byte, line int, message string) ([]whittle.Edit, error) {
	fail := func(err error) ([]whittle.Edit, error) {
		return nil, fmt.Errorf("guarding the import in line %d: %w", line, err)
	}
	if !utf8.ValidString(message) || len(message) > maxRequirement {
		return fail(whittle.ErrUsage.Errorf("the message is no text"))
	}
	p, err := parsePython(src)
	if err != nil {
		return fail(err)
	}
	if r := syntax.Check(src); r.Text != "" && !r.Unsure {
		return fail(whittle.ErrUnsupported.Errorf("line %d does not compile: %s", r.Line, r.Text))
	}
	at := slices.IndexFunc(p.statements, func(s statement) bool { return s.line == line })
	if at < 0 {
		return fail(whittle.ErrUnsupported.Errorf("no statement starts there"))
	}
	s := p.statements[at]
	switch {
	case !s.isImport() || strings.HasPrefix(s.code, "from __future__ "):
		return fail(whittle.ErrUnsupported.Errorf("it is no import that can be guarded"))
	case strings.Contains(s.code, ";"):
		return fail(whittle.ErrUnsupported.Errorf("another statement stands on its line"))
	case strings.Contains(s.indent, "\f"):
		return fail(whittle.ErrUnsupported.Errorf("a form feed stands in front of it"))
	case p.guarded(at):
		return nil, nil
	}
	name := p.freeName()
	if name == "" {
		return fail(whittle.ErrUnsupported.Errorf("every name for the error is in use"))
	}
	edits := p.guard(s, message, name)
	if err := p.check(edits, at, message, name); err != nil {
		return fail(err)
	}
	return edits, nil
}

// guarded says that the statement is all of a try whose first handler takes
// an ImportError.
func (p *pythonFile) guarded(at int) bool {
	if at == 0 || at+1 >= len(p.statements) {
		return false
	}
	before, s, next := p.statements[at-1], p.statements[at], p.statements[at+1]
	return before.code == "try :" && before.indent == next.indent && before.indent != s.indent && guarding.MatchString(next.code)
}

// guard makes the edits.
func (p *pythonFile) guard(s statement, message, name string) []whittle.Edit {
	unit := p.unit(s.indent)
	edits := []whittle.Edit{insertion(s.start+len(s.indent), "try:"+p.eol+s.indent+unit)}
	for at := p.nextLine(s.start); at < s.end; at = p.nextLine(at) {
		if p.lineEnd(at) > at {
			edits = append(edits, insertion(at, unit))
		}
	}
	tail := []string{s.indent + "except ImportError as " + name + ":", s.indent + unit + raised(message, name, p.ascii)}
	return append(edits, p.addLines(s.end, tail...))
}

func raised(message, name string, ascii bool) string {
	return "raise ImportError(" + pythonString(message, ascii) + ") from " + name
}

// unit is one step of indentation as the file has it.
func (p *pythonFile) unit(indent string) string {
	if strings.HasPrefix(indent, "\t") {
		return "\t"
	}
	for i := 1; i < len(p.statements); i++ {
		outer, inner := p.statements[i-1], p.statements[i]
		if in, ok := strings.CutPrefix(inner.indent, outer.indent); ok && in != "" && strings.HasSuffix(outer.code, ":") {
			if indent == "" || !strings.Contains(in, "\t") {
				return in
			}
		}
	}
	return "    "
}

// freeName is a name for the original error that the file does not use: the
// end of an except clause unbinds it. It is empty where all are in use.
func (p *pythonFile) freeName() string {
	for _, name := range []string{"error", "exc", "err", "import_error", "original_error"} {
		if !regexp.MustCompile(`\b` + name + `\b`).Match(p.src) {
			return name
		}
	}
	return ""
}

// pythonString writes a string literal.
func pythonString(s string, ascii bool) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == '\n':
			b.WriteString(`\n`)
		case unicode.IsPrint(c) && (c < utf8.RuneSelf || !ascii):
			b.WriteRune(c)
		case c > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, c)
		default:
			fmt.Fprintf(&b, `\u%04x`, c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// check applies edits and reads what comes out: the statements are the same,
// with the three new ones around the import.
func (p *pythonFile) check(edits []whittle.Edit, at int, message, name string) error {
	out, err := splice(p.src, edits)
	if err != nil {
		return err
	}
	now, err := parsePython(out)
	if err != nil {
		return err
	}
	if len(now.statements) != len(p.statements)+3 {
		return whittle.ErrUnsupported.Errorf("something else would change")
	}
	made, s := now.statements[at:at+4], p.statements[at]
	if r := syntax.Check(out); r.Text != "" && !r.Unsure {
		return whittle.ErrUnsupported.Errorf("what comes out does not compile, line %d: %s", r.Line, r.Text)
	}
	last, err := parsePython([]byte(raised(message, name, p.ascii)))
	if err != nil || len(last.statements) != 1 {
		return whittle.ErrUnsupported.Errorf("the message cannot be written")
	}
	want := []string{"try :", s.code, "except ImportError as " + name + " :", last.statements[0].code}
	for i, m := range made {
		inner := i%2 == 1
		if m.code != want[i] || (m.indent != s.indent) != inner || !strings.HasPrefix(m.indent, s.indent) {
			return whittle.ErrUnsupported.Errorf("the import would not be guarded")
		}
	}
	rest := slices.Concat(now.statements[:at], now.statements[at+4:])
	old := slices.Concat(p.statements[:at], p.statements[at+1:])
	for i := range rest {
		if rest[i].code != old[i].code || rest[i].indent != old[i].indent {
			return whittle.ErrUnsupported.Errorf("another statement would change")
		}
	}
	return nil
}
