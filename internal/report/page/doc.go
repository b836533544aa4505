// Package page is what reports are made of, before they have a format: headings,
// paragraphs, lists, tables, the command to type next. It prints them as text for
// terminals of any width, as Markdown and as HTML, so that these cannot disagree. A
// new output format is a new printer, one file. The printers make what comes from an
// image or a project printable, so that no report can forget it.
package page

import (
	"strings"
	"unicode/utf8"
)

// Document is what a report says, before it has a format.
type Document []Block

// Block is a [Heading], [Para], [List], [Table], [Code], text to copy ([VerbatimText]),
// [Entries] or [NextStep].
type Block any

// Heading begins a part: level 1 is the title.
type Heading struct {
	Level int
	Text  string
}

// Para is a paragraph.
type Para string

// List has an item on each line.
type List []string

// Code is preformatted lines, such as the end of a log.
type Code []string

// verbatim is a text that people copy: a diff or a Dockerfile. Its lines are
// never cut or indented.
type verbatim struct {
	lang  string
	lines []string
}

// VerbatimText is a text that people copy, such as a diff or a Dockerfile, in a language
// that Markdown names.
func VerbatimText(lang, s string) verbatim {
	return verbatim{lang, strings.Split(strings.TrimSuffix(s, "\n"), "\n")}
}

// Table has as many cells in each row as columns.
type Table struct {
	Columns []Column
	Rows    [][]Cell
}

// Column says how the cells of a table are laid out.
type Column struct {
	Head  string
	right bool
	// Flex columns are narrowed where a line would be too wide: their cells are
	// cut, or wrapped where Wrap is set.
	Flex, Wrap bool
	// Least is how many cells a flexible column keeps, at most half of the
	// line; 0 means 8.
	Least int
	// Spare columns are dropped where the table does not fit otherwise, those
	// of a larger number first.
	Spare int
	// Early is how many it keeps before any other is narrowed, 0 where it
	// waits for its turn.
	Early int
	// Path says that the cells are paths, which are shortened between slashes.
	Path bool
	// Bars is how long the bar of the whole is that is drawn beside each cell's
	// text, in cells; 0 is no bar. Such columns are for screens only.
	Bars int
}

// Cell is a text in a table.
type Cell struct {
	Text string
	tone tone
	// share is the part of the whole that a bar shows, from 0 to 1.
	share float64
}

// tone is what colour says on a terminal; it never says anything that the
// text does not say too.
type tone uint8

// The tones.
const (
	Normal tone = iota
	Good
	Bad
	Faint
)

// Add adds blocks.
func (d *Document) Add(blocks ...Block) { *d = append(*d, blocks...) }

// Row adds a row.
func (t *Table) Row(cells ...Cell) { t.Rows = append(t.Rows, cells) }

// Text is a cell with a text.
func Text(s string) Cell { return Cell{Text: s} }

// Toned is one with a tone.
func Toned(s string, t tone) Cell { return Cell{Text: s, tone: t} }

// Left is a column whose cells begin at its left.
func Left(head string) Column { return Column{Head: head} }

// Right is one whose cells end at its right, as numbers do.
func Right(head string) Column { return Column{Head: head, right: true} }

// Flexible is a column that is narrowed where a line would be too wide.
func Flexible(head string) Column { return Column{Head: head, Flex: true} }

// Spare is a column that is dropped where the table does not fit otherwise.
func Spare(order int, c Column) Column {
	c.Spare = order
	return c
}

// PathColumn is a column of paths.
func PathColumn(head string) Column { return Column{Head: head, Flex: true, Path: true} }

// Wrapped is a column whose texts go on in the next line.
func Wrapped(head string) Column { return Column{Head: head, Flex: true, Wrap: true} }
func spaces(n int) string        { return strings.Repeat(" ", max(n, 0)) }

// Plural is a word for n things: without its last s for one.
func Plural(n int, s string) string {
	return strings.TrimSuffix(s, "s") + map[bool]string{true: "", false: "s"}[n == 1]
}

// clean makes a block fit for output: see [printable].
func clean(b Block) Block {
	switch b := b.(type) {
	case Heading:
		return Heading{b.Level, printable(b.Text)}
	case Para:
		return Para(printable(string(b)))
	case List:
		return List(printableLines(b))
	case Code:
		return Code(printableLines(b))
	case verbatim:
		lines := make([]string, len(b.lines))
		for i, l := range b.lines {
			lines[i] = Copyable(l)
		}
		return verbatim{b.lang, lines}
	case Table:
		t := Table{Columns: b.Columns, Rows: make([][]Cell, len(b.Rows))}
		for i, r := range b.Rows {
			t.Rows[i] = make([]Cell, len(r))
			for j, c := range r {
				c.Text = printable(c.Text)
				t.Rows[i][j] = c
			}
		}
		return t
	case Entries:
		return b.clean()
	case NextStep:
		return NextStep{printable(b.does), printableLines(b.args), b.project}
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
func printable(s string) string { return escape(s, Hidden) }

// Copyable is printable for a line of a text that people copy: tabs and a
// carriage return at the end stay, which no terminal minds.
func Copyable(line string) string {
	line, cr := strings.CutSuffix(line, "\r")
	line = escape(line, func(r rune) bool { return r != '\t' && Hidden(r) })
	if cr {
		line += "\r"
	}
	return line
}

// Hidden says whether a rune does something else than being seen.
func Hidden(r rune) bool {
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
