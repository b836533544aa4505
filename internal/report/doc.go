// Package report turns the values that whittle found into bytes: text for
// terminals, Markdown and JSON. It is pure: equal values give equal bytes.
//
// Each kind of value is first turned into a small document (headings,
// paragraphs, lists, tables), so that text and Markdown cannot disagree. A
// new output format is a new printer of documents, one file. The printers make
// what comes from an image or a project printable, so that no document can
// forget it.
package report

import (
	"strings"
	"unicode/utf8"
)

// document is what a report says, before it has a format.
type document []block

// block is a heading, para, list, table, code, verbatim, entries or nextStep.
type block any

type heading struct {
	level int
	text  string
}

type para string

type list []string

// code is preformatted lines, such as the end of a log.
type code []string

// verbatim is a text that people copy: a diff or a Dockerfile. Its lines are
// never cut or indented.
type verbatim struct {
	lang  string
	lines []string
}

func verbatimText(lang, s string) verbatim {
	return verbatim{lang, strings.Split(strings.TrimSuffix(s, "\n"), "\n")}
}

type table struct {
	columns []column
	rows    [][]cell
}

type column struct {
	head  string
	right bool
	// flex columns are narrowed where a line would be too wide: their cells are
	// cut, or wrapped where wrap is set.
	flex, wrap bool
	// least is how many cells a flexible column keeps, at most half of the
	// line; 0 means 8.
	least int
	// spare columns are dropped where the table does not fit otherwise, those
	// of a larger number first.
	spare int
	// early is how many it keeps before any other is narrowed, 0 where it
	// waits for its turn.
	early int
	// path says that the cells are paths, which are shortened between slashes.
	path bool
	// bars is how long the bar of the whole is that is drawn beside each cell's
	// text, in cells; 0 is no bar. Such columns are for screens only.
	bars int
}

type cell struct {
	text string
	tone tone
	// share is the part of the whole that a bar shows, from 0 to 1.
	share float64
}

// tone is what colour says on a terminal; it never says anything that the
// text does not say too.
type tone uint8

const (
	plain tone = iota
	good
	bad
	faint
)

func (d *document) add(blocks ...block) { *d = append(*d, blocks...) }

func (t *table) row(cells ...cell) { t.rows = append(t.rows, cells) }

func text(s string) cell          { return cell{text: s} }
func toned(s string, t tone) cell { return cell{text: s, tone: t} }
func left(head string) column     { return column{head: head} }
func right(head string) column    { return column{head: head, right: true} }
func flexible(head string) column { return column{head: head, flex: true} }
func spare(order int, c column) column {
	c.spare = order
	return c
}
func pathColumn(head string) column { return column{head: head, flex: true, path: true} }
func wrapped(head string) column    { return column{head: head, flex: true, wrap: true} }
func spaces(n int) string           { return strings.Repeat(" ", max(n, 0)) }
func plural(n int, s string) string {
	return strings.TrimSuffix(s, "s") + map[bool]string{true: "", false: "s"}[n == 1]
}

// clean makes a block fit for output: see [printable].
func clean(b block) block {
	switch b := b.(type) {
	case heading:
		return heading{b.level, printable(b.text)}
	case para:
		return para(printable(string(b)))
	case list:
		return list(printableLines(b))
	case code:
		return code(printableLines(b))
	case verbatim:
		lines := make([]string, len(b.lines))
		for i, l := range b.lines {
			lines[i] = copyable(l)
		}
		return verbatim{b.lang, lines}
	case table:
		t := table{columns: b.columns, rows: make([][]cell, len(b.rows))}
		for i, r := range b.rows {
			t.rows[i] = make([]cell, len(r))
			for j, c := range r {
				c.text = printable(c.text)
				t.rows[i][j] = c
			}
		}
		return t
	case entries:
		return b.clean()
	case nextStep:
		return nextStep{printable(b.does), printableLines(b.args), b.project}
	}
	return b
}

func printableLines(lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = printable(l)
	}
	return out
}

// Plain makes a text fit for a line of a terminal, for those who print one
// outside of a report.
func Plain(s string) string { return printable(s) }

// printable makes a name from an image fit for a line: control characters and
// invalid UTF-8 become escapes, so that a hostile file name cannot drive the
// terminal.
func printable(s string) string { return escape(s, hidden) }

// copyable is printable for a line of a text that people copy: tabs and a
// carriage return at the end stay, which no terminal minds.
func copyable(line string) string {
	line, cr := strings.CutSuffix(line, "\r")
	line = escape(line, func(r rune) bool { return r != '\t' && hidden(r) })
	if cr {
		line += "\r"
	}
	return line
}

// hidden says whether a rune does something else than being seen.
func hidden(r rune) bool {
	return r < 0x20 || r >= 0x7f && r < 0xa0 || r == utf8.RuneError || isBidi(r)
}

func escape(s string, hidden func(rune) bool) string {
	if strings.IndexFunc(s, hidden) < 0 {
		return s
	}
	var b strings.Builder
	const hex = "0123456789abcdef"
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if hidden(r) {
			for _, c := range []byte(s[i : i+n]) {
				b.WriteString(`\x`)
				b.WriteByte(hex[c>>4])
				b.WriteByte(hex[c&15])
			}
		} else {
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}

// isBidi says whether a rune reorders the text around it.
func isBidi(r rune) bool {
	return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x200e || r == 0x200f || r == 0x061c
}
