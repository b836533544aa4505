package tui

import (
	"fmt"
	"strings"

	"charm.land/lipgloss/v2"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/view"
)

// screen draws a model. It decides nothing.
type screen struct{ *model }

// render draws the screen.
func (m screen) render() string {
	if m.width < 1 || m.height < 1 {
		return ""
	}
	lines := make([]string, 0, m.height)
	switch {
	case m.image == nil:
		lines = append(lines, m.reading()...)
	case m.over != nil:
		lines = append(lines, m.head()...)
		lines = append(lines, m.over.render(m.width, m.height-headLines-footLines, m.theme)...)
	default:
		lines = append(lines, m.head()...)
		lines = append(lines, m.panes()...)
	}
	for len(lines) < m.height-footLines {
		lines = append(lines, "")
	}
	lines = append(lines[:max(m.height-footLines, 0)], m.foot())
	for i, l := range lines {
		lines[i] = first(l, m.width) // where there is no room at all
	}
	return strings.Join(lines, "\n")
}

// reading is the screen while the image is read.
func (m screen) reading() []string {
	lines := []string{m.theme.head.Render(first("whittle explore "+plain(m.o.Image), m.width)), ""}
	steps := m.steps
	if room := max(m.height-4, 1); len(steps) > room {
		steps = steps[len(steps)-room:]
	}
	for i, s := range steps {
		mark := "✓ "
		if i == len(steps)-1 {
			mark, s = "… ", m.doing()
		}
		lines = append(lines, first(mark+plain(s), m.width))
	}
	return lines
}

// panes are the lists and the card, beside and below each other.
func (m screen) panes() []string {
	height := max(m.height-headLines-footLines, 1)
	lines := make([]string, height)
	width := make([]int, height) // that each line has so far
	for p, at := range m.at {
		if at.h < 1 {
			continue
		}
		for i, l := range m.pane(pane(p), at) {
			y := at.y - headLines + i
			if y < 0 || y >= height || i >= at.h {
				continue
			}
			lines[y] += blanks(at.x-width[y]) + l
			width[y] = at.x + lipgloss.Width(l)
		}
	}
	return lines
}

// pane is one pane in its place: a title line, then what it shows.
func (m screen) pane(p pane, at rect) []string {
	var title string
	var body []string
	in := at.inner()
	switch p {
	case groupsPane:
		now, _ := m.shown.sums()
		title, body = m.groupsTitle(at.w), m.rows(p, m.groups, now.Size(), in)
	case contentsPane:
		if m.needs != nil {
			title, body = m.needs.title(), m.needs.render(&m.lists[p], in, m.focus == p, m.theme)
			break
		}
		title, body = m.contentsTitle(at.w-3), m.rows(p, m.contents, m.inGroup(), in)
	case findingsPane:
		title, body = m.findingsTitle(), m.findingRows(in)
	case cardPane:
		title, body = "Card", m.cardRows(in)
	}
	style, mark := m.theme.title, "─ "
	if m.focus == p {
		style, mark = m.theme.focused, "━ "
	}
	title = first(mark+title+" ", at.w)
	line := style.Render(title) + m.theme.faint.Render(strings.Repeat("─", max(at.w-cells(title), 0)))
	return append([]string{line}, body...)
}

func (m screen) groupsTitle(w int) string {
	var names []string
	for i, k := range view.Keys() {
		name := fmt.Sprintf("%d %s", i+1, k)
		if k == m.want.by {
			name = "[" + name + "]"
		}
		names = append(names, name)
	}
	if all := strings.Join(names, "  "); cells(all)+3 <= w {
		return all
	}
	return "by " + string(m.want.by)
}

func (m screen) contentsTitle(w int) string {
	rest := " by " + m.order.String()
	if m.want.group != "" {
		rest = " in " + plain(m.want.group) + rest
	} else if w >= withCard {
		rest = " in all groups" + rest
	}
	where := plain(m.folder)
	if room := w - cells(rest); room >= min(cells(where), 20) {
		return middle(where, room) + rest
	}
	return middle(where, w)
}

// columns of a list of rows, as there is room for them.
type columns struct{ size, share, bar, wasted, files, name int }

func columnsFor(w int) columns {
	c := columns{size: 9}
	switch {
	case w >= 64:
		c.share, c.bar, c.wasted, c.files = 6, 10, 9, 8
	case w >= 52:
		c.share, c.bar, c.wasted = 6, 5, 9
	case w >= 44:
		c.share, c.bar = 6, 6
	case w >= 30:
		c.share = 6
	}
	used := 1 // the mark
	for _, n := range []int{c.size, c.share, c.bar, c.wasted, c.files} {
		if n > 0 {
			used += n + 1
		}
	}
	c.name = max(w-used, 1)
	return c
}

// heads name the columns.
func (c columns) heads(both bool) string {
	size := "size"
	if both {
		size = "change"
	}
	var b strings.Builder
	b.WriteString(right(size, 1+c.size))
	for _, col := range []struct {
		name string
		w    int
	}{{"share", c.share}, {"", c.bar}, {"wasted", c.wasted}, {"files", c.files}} {
		if col.w > 0 {
			b.WriteString(" " + right(col.name, col.w))
		}
	}
	b.WriteString(" " + left("name", c.name))
	return b.String()
}

// rows are the lines of a list.
func (m screen) rows(p pane, rows []row, whole int64, at rect) []string {
	if len(rows) == 0 {
		return []string{m.theme.faint.Render(first(m.nothing(), at.w))}
	}
	c := columnsFor(at.w)
	var largest int64
	if m.shown.other != nil {
		for _, r := range rows {
			largest = max(largest, r.Delta(), -r.Delta())
		}
	}
	t := &m.lists[p]
	from, to := t.shown()
	to = min(to, len(rows))
	out := make([]string, 0, at.h)
	if headed(m.at[p]) {
		out = append(out, m.theme.faint.Render(c.heads(m.shown.other != nil)))
	}
	for i := from; i < to; i++ {
		out = append(out, m.row(rows[i], m.label(p, rows[i]), c, whole, largest, i == t.cursor, m.focus == p))
	}
	return out
}

// label is what a row is called, with the instruction where it is a layer that a
// Dockerfile's line made.
func (m screen) label(p pane, r row) string {
	if p == groupsPane && m.shown.by == view.ByInstruction && r.B != nil {
		if l := m.image.Layers[r.B.ID]; l.Origin != nil {
			return r.Name + " " + whittle.StepText(l.CreatedBy, l.Comment)
		}
	}
	return r.Name
}

// nothing says why a list is empty.
func (m screen) nothing() string {
	switch {
	case m.busy():
		return "…"
	case m.query() != "":
		return "nothing matches; Esc clears the filter"
	}
	return "nothing here"
}

// row is one line: size, share, bar, wasted, files, name.
func (m screen) row(r row, label string, c columns, whole, largest int64, selected, focused bool) string {
	o := own(r)
	size, share, part, of := whittle.Bytes(o.Size()), percent(o.Size(), whole), o.Size(), whole
	if m.shown.other != nil {
		size, share, part, of = whittle.SignedBytes(r.Delta()), m.change(r), max(r.Delta(), -r.Delta()), largest
	}
	var b strings.Builder
	done := "" // what is painted already
	mark := " "
	if selected {
		mark = "›"
	}
	b.WriteString(mark + right(size, c.size))
	if c.share > 0 {
		b.WriteString(" " + right(share, c.share))
	}
	if c.bar > 0 {
		b.WriteString(" ")
		drawn := m.theme.bar.Render(left(bar(part, of, c.bar), c.bar))
		if selected && focused { // in reverse, a bar would be a hole
			done, drawn = m.theme.selected.Render(b.String())+drawn, ""
			b.Reset()
		}
		b.WriteString(drawn)
	}
	if c.wasted > 0 {
		wasted := ""
		if o.Wasted > 0 {
			wasted = whittle.Bytes(o.Wasted)
		}
		wasted = right(wasted, c.wasted)
		if !selected || !focused {
			wasted = m.theme.wasted.Render(wasted)
		}
		b.WriteString(" " + wasted)
	}
	if c.files > 0 {
		b.WriteString(" " + right(whittle.Thousands(int64(o.Files)), c.files))
	}
	name := plain(label)
	if o.Folder {
		name = middle(strings.TrimSuffix(name, "/")+"/", c.name)
	}
	b.WriteString(" " + left(name, c.name))
	if selected && focused {
		return done + m.theme.selected.Render(b.String())
	}
	return b.String()
}

// doing is what goes on in the background.
func (m screen) doing() string {
	text := "reading"
	if n := len(m.steps); n > 0 {
		text = m.steps[n-1]
	}
	if m.far != "" {
		text += ", " + m.far
	}
	return text
}

// change says of a compared row that only one image has it.
func (m screen) change(r row) string {
	switch {
	case r.A == nil:
		return "new"
	case r.B == nil:
		return "gone"
	}
	return ""
}

func (m screen) findingsTitle() string {
	if m.pending() {
		return "Findings: still " + plain(m.doing())
	}
	return counted(len(m.findings()), "finding") + " by saving"
}

func (m screen) findingRows(at rect) []string {
	t := &m.lists[findingsPane]
	from, to := t.shown()
	to = min(to, len(m.findings()))
	out := make([]string, 0, max(to-from, 0))
	for i := from; i < to; i++ {
		f := &m.findings()[i]
		mark, what := " ", whittle.Bytes(f.Saving.High)
		if f.Breaks {
			what = "fails"
		}
		if i == t.cursor {
			mark = "›"
		}
		l := mark + right(what, 9) + " " + left(plain(f.Rule+": "+whittle.OneLine(f.Message)), max(at.w-11, 1))
		if i == t.cursor && m.focus == findingsPane {
			l = m.theme.selected.Render(l)
		}
		out = append(out, first(l, at.w))
	}
	return out
}

// cardRows are the lines of the card of what is selected.
func (m screen) cardRows(at rect) []string {
	lines := m.card(at.w)
	m.lists[cardPane].set(len(lines))
	from, to := m.lists[cardPane].shown()
	return lines[from:to]
}

// foot is the last line: a prompt, a note, or the most important keys.
func (m screen) foot() string {
	switch {
	case m.prompt != nil:
		return first(m.prompt.input.View(), m.width)
	case m.note != "":
		return m.theme.head.Render(first(plain(m.note), m.width))
	case m.image == nil:
		return m.theme.faint.Render(first("q quit", m.width))
	case m.over != nil:
		return m.theme.faint.Render(first("Esc close  ↑↓ PgUp PgDn move  ←→ sideways", m.width))
	}
	var parts []string
	used := 0
	for _, b := range m.keys.short() {
		h := b.Help()
		s := h.Key + " " + shortWords[h.Key]
		if used += cells(s) + 2; used > m.width+2 {
			break
		}
		parts = append(parts, s)
	}
	return m.theme.faint.Render(strings.Join(parts, "  "))
}

// shortWords are the words of the keys in the foot.
var shortWords = map[string]string{"?": "help", "q": "quit", "/": "filter", "Enter → l": "in", "← h": "out", "Tab": "pane", "1–5": "groups", "s": "sort", "w": "wasted", "b": "no base",
	"x": "without", "t": "requirements", "v": "view", "f": "diff", "o": "editor"}
