package report

import "strings"

// entries are things that need more room than a row of a table has: each has
// a short label in a separate column and a few kinds of lines beside it.
type entries struct {
	rows []entry
	// label is how wide the labels are in all of a document's entries.
	label int
	// tight entries have no labels and no empty lines between them: each is an
	// item of a list.
	tight bool
}

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

// place is a line of a project's file, a path, which is cut where it is too
// long, facts in brackets, and what is there.
type place struct{ line, path, facts, what string }

func (p place) String() string {
	at := p.line
	if p.path != "" {
		at = strings.TrimPrefix(p.line+": "+p.path, ": ")
	}
	s := strings.TrimSpace(at + " " + p.facts)
	if p.what != "" {
		s += ": " + p.what
	}
	return s
}

func (es entries) clean() entries {
	out := entries{make([]entry, len(es.rows)), es.label, es.tight}
	for i, e := range es.rows {
		e.label.text, e.title, e.text = printable(e.label.text), printable(e.title), printable(e.text)
		e.notes = printableLines(e.notes)
		places := make([]place, len(e.places))
		for j, p := range e.places {
			places[j] = place{printable(p.line), printable(p.path), printable(p.facts), printable(p.what)}
		}
		e.places = places
		out.rows[i] = e
	}
	return out
}

func (p *textPrinter) entries(es entries) {
	indent := spaces(es.label + gutter)
	// On a narrow screen there is no room for a column of labels.
	stacked := !es.tight && p.Width-len(indent) < 30
	if stacked || es.tight {
		indent = spaces(gutter)
	}
	room := max(p.Width-len(indent), 24)
	for i, e := range es.rows {
		if i > 0 && !es.tight {
			p.b.WriteByte('\n')
		}
		head := spaces(es.label-width(e.label.text)) + p.paint(e.label.text, sgr(e.label.tone)) + spaces(gutter)
		switch {
		case es.tight:
			head = "- "
		case stacked && e.label.text != "":
			p.line(p.paint(e.label.text, sgr(e.label.tone)))
			head = indent
		case stacked:
			head = indent
		}
		for _, l := range wrap(e.title, room) {
			p.line(head + p.paint(l, "1"))
			head = indent
		}
		if e.text != "" {
			p.hanging(e.text, indent, "", room)
		}
		for _, pl := range e.places {
			p.place(pl, indent, room)
		}
		if e.more != "" {
			p.hanging(e.more, indent, "- ", room)
		}
		for _, n := range e.notes {
			p.hanging(n, indent, "", room)
		}
	}
}

// place writes a place on one line where it can, with folders cut out of the
// path where enough of it stays. Else what is said of it goes below.
func (p *textPrinter) place(pl place, indent string, room int) {
	over := width(pl.String()) - (room - 2)
	if over > 0 && pl.line == "" && pl.what == "" && width(pl.path)-over >= 24 {
		pl.path = shortenPath(pl.path, width(pl.path)-over)
		over = 0
	}
	if over <= 0 {
		p.line(indent + "- " + pl.String())
		return
	}
	below := place{facts: pl.facts, what: pl.what}.String()
	pl.facts, pl.what = "", ""
	if over := width(pl.String()) - (room - 2); over > 0 {
		pl.path = shortenPath(pl.path, max(width(pl.path)-over, 16))
	}
	p.hanging(pl.String(), indent, "- ", room)
	if below != "" {
		p.hanging(strings.TrimPrefix(below, ": "), indent+spaces(2), "", room-2)
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
	for _, e := range es.rows {
		b.WriteString("- ")
		if e.label.text != "" {
			b.WriteString("**" + escapeMarkdown(e.label.text) + "** ")
		}
		b.WriteString(escapeMarkdown(e.title))
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
