package tui

import (
	"fmt"
	"strings"

	"whittle.dev/whittle"
)

// head are the two lines above the panes: what the image is, and what of it is
// shown.
func (m screen) head() []string {
	in := m.image.Inspection
	size, download, wasted := whittle.Bytes(in.Sizes.Size), "", "nothing wasted"
	if m.layers > 0 {
		size = fmt.Sprintf("the first %s: %s", counted(m.layers, "layer"), size)
	}
	if in.Sizes.Download != nil {
		download = " · download " + whittle.Bytes(*in.Sizes.Download)
	}
	if in.Sizes.Wasted > 0 {
		wasted = fmt.Sprintf("wasted %s (%s)", whittle.Bytes(in.Sizes.Wasted), percent(in.Sizes.Wasted, in.Sizes.Size))
	}
	tail := size + download + " · " + wasted
	if cells(tail) > m.width {
		tail = size + " · " + wasted
	}
	if m.gone.any() {
		tail = m.gone.text(in.Sizes.Size)
	}
	tail = first(tail, m.width)
	name := ""
	if room := m.width - cells(tail) - 2; room >= 8 {
		name = middle(plain(m.o.Image), room) + "  "
	}
	return []string{m.theme.head.Render(name) + tail, m.state()}
}

// state is the second line: the sum of what is shown, and why not all is.
func (m screen) state() string {
	a := m.shown
	if m.wrong != nil {
		text := m.wrong.Error()
		if hint := whittle.Hint(m.wrong); hint != "" {
			text += "; " + hint
		}
		return m.theme.bad.Render(first(plain(text), m.width))
	}
	now, before := a.sums()
	parts := []string{fmt.Sprintf("shown %s in %s", whittle.Bytes(now.Size()), counted(now.Files, "file"))}
	if a.other != nil {
		parts = append(parts, fmt.Sprintf("%s against %s", whittle.SignedBytes(now.Size()-before.Size()), plain(m.o.Other)))
	}
	if q := m.query(); q != "" { // before what is cut where there is no room
		parts = append(parts, "/ "+plain(q))
	}
	if now.Wasted > 0 {
		parts = append(parts, "wasted "+whittle.Bytes(now.Wasted))
	}
	switch n := len(m.findings()); {
	case m.at[findingsPane].h > 0: // they are seen
	case m.pending():
		parts = append(parts, "findings follow")
	case n > 0:
		parts = append(parts, counted(n, "finding"))
	}
	if m.busy() {
		parts = append(parts, "…")
	}
	return m.theme.faint.Render(first(strings.Join(parts, " · "), m.width))
}

// counted is a number of things: "1 file", "13 files".
func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return whittle.Thousands(int64(n)) + " " + what
}
