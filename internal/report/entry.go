package report

import "strings"

// entries are things that need more room than a row of a table has: each has
// a short label in a column of its own and a few kinds of lines beside it.
type entries []entry

type entry struct {
	label cell
	title string
	text  string
	// places are where it is; more says how many are not listed.
	places []place
	more   string
	// notes are sentences that begin with what they are: "To do: …".
	notes []string
}

// place is a path or a line, which is cut where it is too long, and what is
// said of it, which is not.
type place struct{ at, detail string }

func (p place) String() string { return strings.TrimSpace(p.at + " " + p.detail) }

func (es entries) clean() entries {
	out := make(entries, len(es))
	for i, e := range es {
		e.label.text, e.title, e.text = printable(e.label.text), printable(e.title), printable(e.text)
		e.notes = printableLines(e.notes)
		places := make([]place, len(e.places))
		for j, p := range e.places {
			places[j] = place{printable(p.at), printable(p.detail)}
		}
		e.places = places
		out[i] = e
	}
	return out
}

func (p *textPrinter) entries(es entries) {
	label := 0
	for _, e := range es {
		label = max(label, width(e.label.text))
	}
	indent := spaces(label + gutter)
	room := max(p.Width-label-gutter, 24)
	for i, e := range es {
		if i > 0 {
			p.b.WriteByte('\n')
		}
		head := spaces(label-width(e.label.text)) + p.paint(e.label.text, sgr(e.label.tone)) + spaces(gutter)
		for _, l := range wrap(e.title, room) {
			p.line(head + p.paint(l, "1"))
			head = indent
		}
		if e.text != "" {
			p.hanging(e.text, indent, "", room)
		}
		for _, pl := range e.places {
			s := pl.String()
			if width(s) > room-2 {
				pl.at = shorten(pl.at, max(room-3-width(pl.detail), 16))
				s = pl.String()
			}
			p.hanging(s, indent, "- ", room)
		}
		if e.more != "" {
			p.hanging(e.more, indent, "- ", room)
		}
		for _, n := range e.notes {
			p.hanging(n, indent, "", room)
		}
	}
}

// hanging writes a text in room columns behind an indent and a bullet, under
// which its further lines are indented.
func (p *textPrinter) hanging(s, indent, bullet string, room int) {
	for _, l := range wrap(s, room-len(bullet)) {
		p.line(indent + bullet + l)
		bullet = spaces(len(bullet))
	}
}

func markdownEntries(b *strings.Builder, es entries) {
	for _, e := range es {
		b.WriteString("- **" + escapeMarkdown(e.label.text) + "** " + escapeMarkdown(e.title))
		if e.text != "" {
			b.WriteString(": " + escapeMarkdown(e.text))
		}
		b.WriteByte('\n')
		for _, p := range e.places {
			b.WriteString("  - " + escapeMarkdown(p.String()) + "\n")
		}
		for _, n := range append([]string{e.more}, e.notes...) {
			if n != "" {
				b.WriteString("  - " + escapeMarkdown(n) + "\n")
			}
		}
	}
}
