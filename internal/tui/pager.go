package tui

import (
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"whittle.dev/whittle/internal/view"
)

// pager shows a text over the whole body of the screen: the help, a file, a
// diff.
type pager struct {
	title string
	lines []string
	style func(line int) lipgloss.Style
	table table
	shift int // columns that are left out on the left
}

func newPager(title string, lines []string) *pager {
	p := &pager{title: title, lines: lines}
	p.table.set(len(lines))
	return p
}

// maxLine is how many bytes of one line are shown.
const maxLine = 4096

// textPager shows the text of a file that somebody else wrote: what a terminal
// would obey is shown as escapes, and a file that is no text as a dump of its
// beginning.
func textPager(title string, text []byte, cut bool) *pager {
	if isBinary(text) {
		return newPager(title+" (binary)", dump(text[:min(len(text), 64<<10)]))
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	for i, l := range lines {
		l = strings.TrimSuffix(l, "\r")
		if len(l) > maxLine {
			l = l[:maxLine] + "…"
		}
		lines[i] = plain(strings.ReplaceAll(l, "\t", "    "))
	}
	if cut {
		lines = append(lines, "… the rest is not shown: e extracts the whole file")
	}
	return newPager(title, lines)
}

// isBinary says that a text has a NUL near its beginning, which no text file
// has.
func isBinary(b []byte) bool {
	return strings.IndexByte(string(b[:min(len(b), 8000)]), 0) >= 0
}

// dump is a hex dump, sixteen bytes a line.
func dump(b []byte) (lines []string) {
	const digits = "0123456789abcdef"
	for at := 0; at < len(b); at += 16 {
		var hex, text strings.Builder
		for i := range 16 {
			if at+i >= len(b) {
				hex.WriteString("   ")
				continue
			}
			c := b[at+i]
			hex.WriteByte(digits[c>>4])
			hex.WriteByte(digits[c&15])
			hex.WriteByte(' ')
			if c < 0x20 || c > 0x7e {
				c = '.'
			}
			text.WriteByte(c)
		}
		offset := make([]byte, 8)
		for i, n := 7, at; i >= 0; i, n = i-1, n>>4 {
			offset[i] = digits[n&15]
		}
		lines = append(lines, string(offset)+"  "+hex.String()+" "+text.String())
	}
	return lines
}

// diffPager shows a unified diff.
func diffPager(title, diff string, th theme) *pager {
	p := textPager(title, []byte(diff), false)
	p.style = func(line int) lipgloss.Style {
		switch l := p.lines[line]; {
		case strings.HasPrefix(l, "+++ "), strings.HasPrefix(l, "--- "):
			return th.head
		case strings.HasPrefix(l, "@@"):
			return th.hunk
		case strings.HasPrefix(l, "+"):
			return th.added
		case strings.HasPrefix(l, "-"):
			return th.removed
		}
		return lipgloss.NewStyle()
	}
	return p
}

// press moves the text; done says that it is to be closed.
func (p *pager) press(k tea.KeyPressMsg, on keys) (done bool) {
	page := max(p.table.height-1, 1)
	switch {
	case key.Matches(k, on.cancel, on.quit, on.help):
		return true
	case key.Matches(k, on.up):
		p.table.scroll(-1)
	case key.Matches(k, on.down):
		p.table.scroll(1)
	case key.Matches(k, on.pageUp):
		p.table.scroll(-page)
	case key.Matches(k, on.pageDown), k.String() == "space":
		p.table.scroll(page)
	case key.Matches(k, on.top):
		p.table.scroll(-len(p.lines))
	case key.Matches(k, on.bottom):
		p.table.scroll(len(p.lines))
	case k.String() == "right", k.String() == "l":
		p.shift = min(p.shift+8, maxLine)
	case k.String() == "left", k.String() == "h":
		if p.shift == 0 {
			return true
		}
		p.shift -= 8
	}
	return false
}

// render is the pager in a body of w by h cells.
func (p *pager) render(w, h int, th theme) []string {
	p.table.resize(h - 1)
	from, to := p.table.shown()
	where := ""
	if len(p.lines) > p.table.height {
		where = "  " + percent(int64(to), int64(len(p.lines)))
	}
	out := []string{th.focused.Render(first(middle(p.title, w-cells(where))+where, w))}
	for i := from; i < to; i++ {
		l := p.lines[i]
		if p.shift > 0 {
			l = ansi.TruncateLeft(l, p.shift, "")
		}
		l = first(l, w)
		if p.style != nil {
			l = p.style(i).Render(l)
		}
		out = append(out, l)
	}
	return out
}

// helpPager is the help in lines of w columns.
func helpPager(on keys, w int) *pager {
	var lines []string
	for _, g := range on.full() {
		if len(lines) > 0 {
			lines = append(lines, "")
		}
		if g.title != "" {
			lines = append(lines, g.title)
		}
		for _, b := range g.keys {
			h := b.Help()
			for i, words := range wrap(h.Desc, max(w-14, 10)) {
				name := ""
				if i == 0 {
					name = h.Key
				}
				lines = append(lines, left("  "+name, 13)+" "+words)
			}
		}
	}
	lines = append(lines, "", "Filter: words of paths, and fields; all have to hold, - before one negates it")
	for _, f := range view.Fields() {
		for i, words := range wrap(f.Text, max(w-20, 10)) {
			name := ""
			if i == 0 {
				name = f.Example
			}
			lines = append(lines, left("  "+name, 19)+" "+words)
		}
	}
	return newPager("Help", lines)
}
