package page

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// Style is how text is printed.
type Style struct {
	// Width is the number of columns; 0 means 80.
	Width int
	// Color allows ANSI colours.
	Color bool
	// Verbose shows all evidence, small findings too, and what a forecast is
	// made of.
	Verbose bool
	// Base shows each layer of the base image instead of their sum.
	Base bool
	// Project is the folder of the project that a result is about, for the command
	// to type next; empty where it is the current folder.
	Project string
	// Options are those that say what was looked at, each as --NAME=VALUE: the
	// command to type next repeats them.
	Options []string
	// Written is the file of the result as JSON, for the command to type next; empty
	// where there is none.
	Written string
}

type textPrinter struct {
	Style
	b strings.Builder
}

// WriteText writes a document for a terminal.
func WriteText(w io.Writer, d Document, st Style) error {
	if st.Width <= 0 {
		st.Width = 80
	}
	p := textPrinter{Style: st}
	for i, b := range d {
		if i > 0 {
			p.b.WriteByte('\n')
		}
		p.block(clean(b))
	}
	_, err := io.WriteString(w, p.b.String())
	return err
}

func (p *textPrinter) block(b Block) {
	switch b := b.(type) {
	case Heading:
		for _, l := range wrap(b.Text, p.Width) {
			p.line(p.paint(l, map[bool]string{true: "1;4", false: "1"}[b.Level == 1]))
		}
	case Para:
		for _, l := range wrap(string(b), p.Width) {
			p.line(l)
		}
	case List:
		for _, item := range b {
			for i, l := range wrap(item, p.Width-2) {
				p.line(map[bool]string{true: "- ", false: "  "}[i == 0] + l)
			}
		}
	case Code:
		for _, l := range b {
			p.line("  " + Shorten(l, p.Width-2))
		}
	case verbatim:
		p.verbatim(b)
	case NextStep:
		for _, l := range wrap("Next: "+b.does, p.Width) {
			p.line(l)
		}
		for _, l := range continued(b.command(printable(p.Project), printableLines(p.Options)), p.Width-2) {
			p.line("  " + p.paint(l, "1"))
		}
	case Entries:
		p.entries(b)
	case Table:
		p.table(b)
	}
}

// continued breaks a command into lines of at most limit cells that a shell reads
// as one. People copy it: words are never cut, and a longer one is alone.
func continued(command []string, limit int) []string {
	var lines []string
	line := ""
	for i, word := range command {
		room := limit - len(` \`)
		if i == len(command)-1 {
			room = limit
		}
		switch {
		case line == "":
			line = word
		case Width(line)+1+Width(word) <= room:
			line += " " + word
		default:
			lines = append(lines, line+` \`)
			line = "  " + word
		}
	}
	return append(lines, line)
}

// verbatim prints lines as they are, a diff's in colour.
func (p *textPrinter) verbatim(v verbatim) {
	for i, l := range v.lines {
		code := ""
		if v.lang == "diff" {
			code = diffColor(v.lines, i)
		}
		p.b.WriteString(p.paint(l, code))
		p.b.WriteByte('\n')
	}
}

// diffColor is the colour of a line of unified diffs. A file's two head lines
// look like changed lines: what follows them decides.
func diffColor(lines []string, i int) string {
	l := lines[i]
	follows := func(n int, prefix string) bool { return i+n < len(lines) && strings.HasPrefix(lines[i+n], prefix) }
	switch {
	case strings.HasPrefix(l, "--- ") && follows(1, "+++ ") && follows(2, "@@"),
		strings.HasPrefix(l, "+++ ") && i > 0 && strings.HasPrefix(lines[i-1], "--- ") && follows(1, "@@"):
		return "1"
	case strings.HasPrefix(l, "@@"):
		return "36"
	case strings.HasPrefix(l, "+"):
		return sgr(Good)
	case strings.HasPrefix(l, "-"):
		return sgr(Bad)
	}
	return ""
}

func (p *textPrinter) line(s string) {
	p.b.WriteString(strings.TrimRight(s, " "))
	p.b.WriteByte('\n')
}

func (p *textPrinter) paint(s, sgr string) string {
	if !p.Color || sgr == "" {
		return s
	}
	return "\x1b[" + sgr + "m" + s + "\x1b[0m"
}

func sgr(t tone) string {
	switch t {
	case Good:
		return "32"
	case Bad:
		return "31"
	case Faint:
		return "2"
	}
	return ""
}

const gutter = 2

func (p *textPrinter) table(t Table) {
	t = t.drawn().withoutEmpty().within(p.Width)
	widths := t.natural()
	fit(widths, t.Columns, p.Width)
	line := func(row func(i int) (string, string)) {
		var b strings.Builder
		for i, c := range t.Columns {
			s, code := row(i)
			pad := spaces(widths[i] - Width(s))
			if i > 0 {
				b.WriteString(spaces(gutter))
			}
			if c.right {
				b.WriteString(pad + p.paint(s, code))
			} else {
				b.WriteString(p.paint(s, code) + pad)
			}
		}
		p.line(b.String())
	}
	line(func(i int) (string, string) { return Shorten(t.Columns[i].Head, widths[i]), "2" })
	cells := t.shortened(widths)
	for n, r := range t.Rows {
		lines, most := make([][]string, len(r)), 1
		for i := range r {
			lines[i] = cells[i][n]
			most = max(most, len(lines[i]))
		}
		for n := range most {
			line(func(i int) (string, string) {
				if n >= len(lines[i]) {
					return "", ""
				}
				return lines[i][n], sgr(r[i].tone)
			})
		}
	}
}

// shortened are the lines of each cell, by column and row, in columns of some
// widths.
func (t Table) shortened(widths []int) [][][]string {
	out := make([][][]string, len(t.Columns))
	for i, c := range t.Columns {
		texts := make([]string, len(t.Rows))
		for n, r := range t.Rows {
			texts[n] = r[i].Text
		}
		short := texts
		if !c.Wrap {
			cutOne := Shorten
			if c.Path {
				cutOne = shortenPath
			}
			short = shortenDistinct(texts, widths[i], cutOne)
		}
		for n := range t.Rows {
			lines := []string{short[n]}
			if c.Wrap {
				lines = wrapCell(texts[n], widths[i])
			}
			out[i] = append(out[i], lines)
		}
	}
	return out
}

// wrapCell wraps a cell's text; words that are too long are cut.
func wrapCell(s string, limit int) []string {
	lines := wrap(s, limit)
	for i, l := range lines {
		lines[i] = Shorten(l, limit)
	}
	return lines
}

// floor is how narrow a flexible column may become in lines of total cells.
func (c Column) floor(total int) int { return max(min(c.Least, total/2), 8) }

// natural are the widths that a table's columns have where there is room.
func (t Table) natural() []int {
	widths := make([]int, len(t.Columns))
	for i, c := range t.Columns {
		widths[i] = Width(c.Head)
		for _, r := range t.Rows {
			widths[i] = max(widths[i], Width(r[i].Text))
		}
	}
	return widths
}

// within leaves spare columns out until the rest fits in lines of total cells.
func (t Table) within(total int) Table {
	for {
		sum, spare := gutter*(len(t.Columns)-1), -1
		for i, w := range t.natural() {
			c := t.Columns[i]
			if c.Flex {
				w = min(w, c.floor(total))
			}
			sum += w
			if c.Spare > 0 && (spare < 0 || c.Spare > t.Columns[spare].Spare) {
				spare = i
			}
		}
		if sum <= total || spare < 0 {
			return t
		}
		t = t.without(spare)
	}
}

// withoutEmpty is a table without those of its spare columns that say nothing.
func (t Table) withoutEmpty() Table {
	for i := len(t.Columns) - 1; i >= 0 && len(t.Rows) > 0; i-- {
		if t.Columns[i].Spare > 0 && !slices.ContainsFunc(t.Rows, func(r []Cell) bool { return r[i].Text != "" }) {
			t = t.without(i)
		}
	}
	return t
}

// without is the table without a column.
func (t Table) without(i int) Table {
	rest := Table{Columns: slices.Delete(slices.Clone(t.Columns), i, i+1)}
	for _, r := range t.Rows {
		rest.Rows = append(rest.Rows, slices.Delete(slices.Clone(r), i, i+1))
	}
	return rest
}

// fit narrows the flexible columns until the table has at most total columns.
func fit(widths []int, columns []Column, total int) {
	sum := gutter * (len(widths) - 1)
	for _, w := range widths {
		sum += w
	}
	for i, c := range columns {
		if over := min(sum-total, widths[i]-c.Early); c.Early > 0 && over > 0 {
			widths[i] -= over
			sum -= over
		}
	}
	for sum > total {
		widest := -1
		for i, c := range columns {
			if c.Flex && widths[i] > c.floor(total) && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		cut := min(sum-total, widths[widest]-columns[widest].floor(total))
		for i, c := range columns {
			if c.Flex && i != widest {
				cut = min(cut, max(widths[widest]-widths[i], 1))
			}
		}
		widths[widest] -= cut
		sum -= cut
	}
}

// wrap breaks a text at spaces into lines of at most limit cells; a longer
// word is alone. A number and its unit stay together where there is room for them.
func wrap(s string, limit int) []string {
	var lines []string
	line := ""
	for _, w := range words(s, limit) {
		switch {
		case line == "":
			line = w
		case Width(line)+1+Width(w) <= limit:
			line += " " + w
		default:
			lines = append(lines, line)
			line = w
		}
	}
	return append(lines, line)
}

// words are the words of a text, a number with its unit as one.
func words(s string, limit int) []string {
	var out []string
	for _, w := range strings.Fields(s) {
		if n := len(out) - 1; n >= 0 && unit.MatchString(w) && number.MatchString(out[n]) && Width(out[n])+1+Width(w) <= limit {
			out[n] += " " + w
			continue
		}
		out = append(out, w)
	}
	return out
}

var (
	unit   = regexp.MustCompile(`^(%|[kMGT]?B|s|min)[).,;:]*$`)
	number = regexp.MustCompile(`[0-9]$`)
)

// Seconds is a time in seconds as people read it.
func Seconds(s float64) string {
	switch {
	case s >= 60:
		return fmt.Sprintf("%d:%02d min", int(s+0.5)/60, int(s+0.5)%60)
	case s >= 9.95:
		return fmt.Sprintf("%.0f s", s)
	default:
		return fmt.Sprintf("%.2f s", s)
	}
}
