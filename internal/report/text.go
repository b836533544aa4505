package report

import (
	"fmt"
	"io"
	"strings"
)

// Style is how text is printed.
type Style struct {
	// Width is the number of columns; 0 means 80.
	Width int
	// Color allows ANSI colours.
	Color bool
}

type textPrinter struct {
	Style
	b strings.Builder
}

func writeText(w io.Writer, d document, st Style) error {
	if st.Width <= 0 {
		st.Width = 80
	}
	p := textPrinter{Style: st}
	for i, b := range d {
		if i > 0 {
			p.b.WriteByte('\n')
		}
		p.block(b)
	}
	_, err := io.WriteString(w, p.b.String())
	return err
}

func (p *textPrinter) block(b block) {
	switch b := b.(type) {
	case heading:
		p.line(p.paint(b.text, map[bool]string{true: "1;4", false: "1"}[b.level == 1]))
	case para:
		for _, l := range wrap(string(b), p.Width) {
			p.line(l)
		}
	case list:
		for _, item := range b {
			for i, l := range wrap(item, p.Width-2) {
				p.line(map[bool]string{true: "- ", false: "  "}[i == 0] + l)
			}
		}
	case code:
		for _, l := range b {
			p.line("  " + shorten(l, p.Width-2))
		}
	case table:
		p.table(b)
	}
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
	case good:
		return "32"
	case bad:
		return "31"
	case faint:
		return "2"
	}
	return ""
}

const gutter = 2

func (p *textPrinter) table(t table) {
	widths := make([]int, len(t.columns))
	for i, c := range t.columns {
		widths[i] = width(c.head)
		for _, r := range t.rows {
			widths[i] = max(widths[i], width(r[i].text))
		}
	}
	fit(widths, t.columns, p.Width)
	cells := func(row func(i int) (string, string)) {
		var b strings.Builder
		for i, c := range t.columns {
			s, code := row(i)
			s = shorten(s, widths[i])
			pad := spaces(widths[i] - width(s))
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
	cells(func(i int) (string, string) { return t.columns[i].head, "2" })
	for _, r := range t.rows {
		cells(func(i int) (string, string) { return r[i].text, sgr(r[i].tone) })
	}
}

// fit narrows the flexible columns until the table has at most total columns.
func fit(widths []int, columns []column, total int) {
	sum := gutter * (len(widths) - 1)
	for _, w := range widths {
		sum += w
	}
	for sum > total {
		widest := -1
		for i, c := range columns {
			if c.flex && widths[i] > 8 && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		cut := min(sum-total, widths[widest]-8)
		for i, c := range columns {
			if c.flex && i != widest {
				cut = min(cut, max(widths[widest]-widths[i], 1))
			}
		}
		widths[widest] -= cut
		sum -= cut
	}
}

// wrap breaks a text at spaces into lines of at most width runes; a longer
// word stands alone.
func wrap(s string, limit int) []string {
	var lines []string
	line := ""
	for _, w := range strings.Fields(s) {
		switch {
		case line == "":
			line = w
		case width(line)+1+width(w) <= limit:
			line += " " + w
		default:
			lines = append(lines, line)
			line = w
		}
	}
	return append(lines, line)
}

func seconds(s float64) string {
	switch {
	case s >= 60:
		return fmt.Sprintf("%d:%02d min", int(s+0.5)/60, int(s+0.5)%60)
	case s >= 9.95:
		return fmt.Sprintf("%.0f s", s)
	default:
		return fmt.Sprintf("%.2f s", s)
	}
}
