package report

import (
	"fmt"
	"html"
	"io"
	"strings"

	"whittle.dev/whittle"
)

// GateHTML writes the verdict of a gate as the body of an HTML page, which has the title.
func GateHTML(w io.Writer, g *whittle.Gate) error { return writeHTML(w, gateDoc(g, 0)) }

// SimulationHTML writes a simulation, as [GateHTML] does.
func SimulationHTML(w io.Writer, s *whittle.Simulation) error { return writeHTML(w, simulationDoc(s)) }

// ForecastsHTML writes forecasts, as [GateHTML] does.
func ForecastsHTML(w io.Writer, f *whittle.Forecasts) error {
	return writeHTML(w, forecastsDoc(f, true))
}

// RepairHTML writes a repair, as [GateHTML] does, with the diffs at the end.
func RepairHTML(w io.Writer, r *whittle.Repair) error { return writeHTML(w, repairDoc(r)) }

// writeHTML writes the blocks of a document, without the heading that is the page's
// title.
func writeHTML(w io.Writer, d document) error {
	var b strings.Builder
	for i, blk := range d {
		switch blk := clean(blk).(type) {
		case heading:
			if i > 0 || blk.level > 1 {
				fmt.Fprintf(&b, "<h%d>%s</h%[1]d>\n", min(blk.level+1, 4), html.EscapeString(blk.text))
			}
		case para:
			fmt.Fprintf(&b, "<p>%s</p>\n", html.EscapeString(string(blk)))
		case list:
			b.WriteString("<ul>")
			for _, item := range blk {
				fmt.Fprintf(&b, "<li>%s</li>", html.EscapeString(item))
			}
			b.WriteString("</ul>\n")
		case code:
			htmlLines(&b, blk)
		case verbatim:
			htmlLines(&b, blk.lines)
		case nextStep:
			fmt.Fprintf(&b, "<p>Next: %s</p>\n", html.EscapeString(blk.does))
			htmlLines(&b, []string{strings.Join(blk.command("", nil), " ")})
		case entries:
			htmlEntries(&b, blk)
		case table:
			htmlTable(&b, blk)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func htmlLines(b *strings.Builder, lines []string) {
	fmt.Fprintf(b, "<pre>%s</pre>\n", html.EscapeString(strings.Join(lines, "\n")))
}

func htmlTable(b *strings.Builder, t table) {
	t = t.withoutBars()
	class := func(i int) string {
		if t.columns[i].right {
			return ` class="n"`
		}
		return ""
	}
	b.WriteString(`<div class="scroll" tabindex="0" role="region" aria-label="Table"><table><thead><tr>`)
	for i, c := range t.columns {
		head := html.EscapeString(c.head)
		if head == "" {
			head = `<span class="sr">Status</span>`
		}
		fmt.Fprintf(b, `<th scope="col"%s>%s</th>`, class(i), head)
	}
	b.WriteString("</tr></thead><tbody>\n")
	for _, r := range t.rows {
		b.WriteString("<tr>")
		for i, c := range r {
			fmt.Fprintf(b, "<td%s>%s</td>", class(i), html.EscapeString(c.text))
		}
		b.WriteString("</tr>\n")
	}
	b.WriteString("</tbody></table></div>\n")
}

func htmlEntries(b *strings.Builder, es entries) {
	b.WriteString("<ul>\n")
	for _, e := range es.rows {
		b.WriteString("<li>")
		if e.label.text != "" {
			fmt.Fprintf(b, "<strong>%s</strong> ", html.EscapeString(e.label.text))
		}
		b.WriteString(html.EscapeString(e.title))
		if e.text != "" {
			b.WriteString(": " + html.EscapeString(e.text))
		}
		var below []string
		for _, p := range e.places {
			below = append(below, p.String())
		}
		for _, n := range append([]string{e.more}, e.notes...) {
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
