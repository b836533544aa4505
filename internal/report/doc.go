// Package report turns the values that whittle found into bytes: text for
// terminals, Markdown and JSON. It is pure: equal values give equal bytes.
//
// Each kind of value is first turned into a small document (headings,
// paragraphs, lists, tables), so that text and Markdown cannot disagree. A
// new output format is a new printer of documents, one file.
package report

import (
	"strings"
	"unicode/utf8"
)

// document is what a report says, before it has a format.
type document []block

// block is a heading, para, list, table or code.
type block any

type heading struct {
	level int
	text  string
}

type para string

type list []string

// code is preformatted lines, such as the end of a log.
type code []string

type table struct {
	columns []column
	rows    [][]cell
}

type column struct {
	head  string
	right bool
	// flex columns are cut where a line would be too wide.
	flex bool
}

type cell struct {
	text string
	tone tone
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
func width(s string) int          { return utf8.RuneCountInString(s) }
func spaces(n int) string         { return strings.Repeat(" ", max(n, 0)) }
func plural(n int, s string) string {
	return strings.TrimSuffix(s, "s") + map[bool]string{true: "", false: "s"}[n == 1]
}

// printable makes a name from an image fit for a line: control characters and
// invalid UTF-8 become escapes, so that a hostile file name cannot drive the
// terminal.
func printable(s string) string {
	clean := true
	for _, r := range s {
		if r < 0x20 || r >= 0x7f && r < 0xa0 || r == utf8.RuneError || isBidi(r) {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	const hex = "0123456789abcdef"
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r < 0x20 || r >= 0x7f && r < 0xa0 || r == utf8.RuneError || isBidi(r) {
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
	return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x200e || r == 0x200f
}

// shorten cuts the middle out of s so that it has at most n runes.
func shorten(s string, n int) string {
	if width(s) <= n {
		return s
	}
	if n < 4 {
		return strings.Repeat("…", min(n, 1))
	}
	r := []rune(s)
	head := (n - 1) * 2 / 3
	return string(r[:head]) + "…" + string(r[len(r)-(n-1-head):])
}
