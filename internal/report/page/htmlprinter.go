package page

import (
	"fmt"
	"html"
	"io"
	"strings"
)

// WriteHTML writes the blocks of a document, without the heading that is the page's
// title. Tables are named by the heading above them, with a number from the second one on.
func WriteHTML(w io.Writer, d Document) error {
	var b strings.Builder
	above, tables := "Table", map[string]int{}
	for i, blk := range d {
		switch blk := clean(blk).(type) {
		case Heading:
			if i > 0 || blk.Level > 1 {
				fmt.Fprintf(&b, "<h%d>%s</h%[1]d>\n", min(max(2, blk.Level), 4), html.EscapeString(blk.Text))
				above = blk.Text
			}
		case Para:
			fmt.Fprintf(&b, "<p>%s</p>\n", html.EscapeString(string(blk)))
		case List:
			b.WriteString("<ul>")
			for _, item := range blk {
				fmt.Fprintf(&b, "<li>%s</li>", html.EscapeString(item))
			}
			b.WriteString("</ul>\n")
		case Code:
			htmlLines(&b, blk)
		case verbatim:
			htmlLines(&b, blk.lines)
		case NextStep:
			fmt.Fprintf(&b, "<p>Next: %s</p>\n", html.EscapeString(blk.does))
			htmlLines(&b, []string{strings.Join(blk.command("", nil), " ")})
		case Entries:
			htmlEntries(&b, blk)
		case Table:
			name := above
			if tables[above]++; tables[above] > 1 {
				name = fmt.Sprintf("%s %d", above, tables[above])
			}
			htmlTable(&b, name, blk)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func htmlLines(b *strings.Builder, lines []string) {
	fmt.Fprintf(b, "<pre>%s</pre>\n", html.EscapeString(strings.Join(lines, "\n")))
}

func htmlTable(b *strings.Builder, name string, t Table) {
	t = t.withoutBars()
	class := func(i int) string {
		if t.Columns[i].right {
			return ` class="n"`
		}
		return ""
	}
	fmt.Fprintf(b, `<div class="scroll" tabindex="0" role="region" aria-label="%s"><table><thead><tr>`, html.EscapeString(name))
	for i, c := range t.Columns {
		head := html.EscapeString(c.Head)
		if head == "" {
			head = `<span class="sr">Status</span>`
		}
		fmt.Fprintf(b, `<th scope="col"%s>%s</th>`, class(i), head)
	}
	b.WriteString("</tr></thead><tbody>\n")
	for _, r := range t.Rows {
		b.WriteString("<tr>")
		for i, c := range r {
			fmt.Fprintf(b, "<td%s>%s</td>", class(i), html.EscapeString(c.Text))
		}
		b.WriteString("</tr>\n")
	}
	b.WriteString("</tbody></table></div>\n")
}

func htmlEntries(b *strings.Builder, es Entries) {
	b.WriteString("<ul>\n")
	for _, e := range es.Rows {
		b.WriteString("<li>")
		if e.Label.Text != "" {
			fmt.Fprintf(b, "<strong>%s</strong> ", html.EscapeString(e.Label.Text))
		}
		b.WriteString(html.EscapeString(e.Title))
		if e.Text != "" {
			b.WriteString(": " + html.EscapeString(e.Text))
		}
		var below []string
		for _, p := range e.Places {
			below = append(below, p.String())
		}
		for _, n := range append([]string{e.More}, e.Notes...) {
			if n != "" {
				below = append(below, n)
			}
		}
		if len(below) > 0 {
			b.WriteString("<ul>")
			for _, l := range below {
				fmt.Fprintf(b, "<li>%s</li>", html.EscapeString(l))
			}
			b.WriteString("</ul>")
		}
		b.WriteString("</li>\n")
	}
	b.WriteString("</ul>\n")
}
