package page

import "strings"

// Entries are things that need more room than a row of a table has: each has
// a short label in a separate column and a few kinds of lines beside it.
type Entries struct {
	Rows []Entry
	// label is how wide the labels are in all of a document's entries.
	Label int
	// tight entries have no labels and no empty lines between them: each is an
	// item of a list.
	Tight bool
}

// Entry is one of [Entries]: its label, its title, and what is below.
type Entry struct {
	Label Cell
	Title string
	Text  string
	// places are where it is; more says how many are not listed.
	Places []Place
	More   string
	// notes are sentences that begin with what they are: "To do: …".
	Notes []string
}

// Place is a line of a project's file, a path, which is cut where it is too
// long, facts in brackets, and what is there.
type Place struct{ Line, Path, Facts, What string }

func (p Place) String() string {
	at := p.Line
	if p.Path != "" {
		at = strings.TrimPrefix(p.Line+": "+p.Path, ": ")
	}
	s := strings.TrimSpace(at + " " + p.Facts)
	if p.What != "" {
		s += ": " + p.What
	}
	return s
}

func (es Entries) clean() Entries {
	out := Entries{make([]Entry, len(es.Rows)), es.Label, es.Tight}
	for i, e := range es.Rows {
		e.Label.Text, e.Title, e.Text = printable(e.Label.Text), printable(e.Title), printable(e.Text)
		e.Notes = printableLines(e.Notes)
		places := make([]Place, len(e.Places))
		for j, p := range e.Places {
			places[j] = Place{printable(p.Line), printable(p.Path), printable(p.Facts), printable(p.What)}
		}
		e.Places = places
		out.Rows[i] = e
	}
	return out
}

func (p *textPrinter) entries(es Entries) {
	indent := spaces(es.Label + gutter)
	// On a narrow screen there is no room for a column of labels.
	stacked := !es.Tight && p.Width-len(indent) < 30
	if stacked || es.Tight {
		indent = spaces(gutter)
	}
	room := max(p.Width-len(indent), 24)
	for i, e := range es.Rows {
		if i > 0 && !es.Tight {
			p.b.WriteByte('\n')
		}
		head := spaces(es.Label-Width(e.Label.Text)) + p.paint(e.Label.Text, sgr(e.Label.tone)) + spaces(gutter)
		switch {
		case es.Tight:
			head = "- "
		case stacked && e.Label.Text != "":
			p.line(p.paint(e.Label.Text, sgr(e.Label.tone)))
			head = indent
		case stacked:
			head = indent
		}
		for _, l := range wrap(e.Title, room) {
			p.line(head + p.paint(l, "1"))
			head = indent
		}
		if e.Text != "" {
			p.hanging(e.Text, indent, "", room)
		}
		for _, pl := range e.Places {
			p.place(pl, indent, room)
		}
		if e.More != "" {
			p.hanging(e.More, indent, "- ", room)
		}
		for _, n := range e.Notes {
			p.hanging(n, indent, "", room)
		}
	}
}

// place writes a place on one line where it can, with folders cut out of the
// path where enough of it stays. Else what is said of it goes below.
func (p *textPrinter) place(pl Place, indent string, room int) {
	over := Width(pl.String()) - (room - 2)
	if over > 0 && pl.Line == "" && pl.What == "" && Width(pl.Path)-over >= 24 {
		pl.Path = shortenPath(pl.Path, Width(pl.Path)-over)
		over = 0
	}
	if over <= 0 {
		p.line(indent + "- " + pl.String())
		return
	}
	below := Place{Facts: pl.Facts, What: pl.What}.String()
	pl.Facts, pl.What = "", ""
	if over := Width(pl.String()) - (room - 2); over > 0 {
		pl.Path = shortenPath(pl.Path, max(Width(pl.Path)-over, 16))
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

func markdownEntries(b *strings.Builder, es Entries) {
	for _, e := range es.Rows {
		b.WriteString("- ")
		if e.Label.Text != "" {
			b.WriteString("**" + escapeMarkdown(e.Label.Text) + "** ")
		}
		b.WriteString(escapeMarkdown(e.Title))
		if e.Text != "" {
			b.WriteString(": " + escapeMarkdown(e.Text))
		}
		b.WriteByte('\n')
		for _, p := range e.Places {
			b.WriteString("  - " + escapeMarkdown(p.String()) + "\n")
		}
		for _, n := range append([]string{e.More}, e.Notes...) {
			if n != "" {
				b.WriteString("  - " + escapeMarkdown(n) + "\n")
			}
		}
	}
}
