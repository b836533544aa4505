package tui

// pane is a part of the screen.
type pane int

// The panes, in the order in which Tab goes through them.
const (
	groupsPane pane = iota
	contentsPane
	findingsPane
	cardPane
	panes = 4
)

// rect is a place on the screen, in cells.
type rect struct{ x, y, w, h int }

func (r rect) has(x, y int) bool { return x >= r.x && x < r.x+r.w && y >= r.y && y < r.y+r.h }

// inner is the place below a pane's title line.
func (r rect) inner() rect { return rect{r.x, r.y + 1, r.w, max(r.h-1, 0)} }

// Sizes from which on more is shown, in cells.
const (
	twoColumns = 100
	withCard   = 60
	cardLines  = 8 // of a card below the lists
	headLines  = 2
	footLines  = 1
	gap        = 2 // between columns
)

// layout says where each pane is; a pane of no height is not shown. On a wide
// screen there are all four. On a narrower one there are groups and contents, or
// findings, with the card below. On the smallest there is the pane that has the
// focus alone.
func layout(width, height int, focus pane) (at [panes]rect) {
	body := rect{0, headLines, width, max(height-headLines-footLines, 1)}
	switch {
	case width >= twoColumns && height >= 16:
		lw := (width - gap) * 3 / 5
		rw := width - gap - lw
		upper := max(body.h*2/5, 4)
		at[groupsPane] = rect{0, body.y, lw, upper}
		at[contentsPane] = rect{0, body.y + upper, lw, body.h - upper}
		at[findingsPane] = rect{lw + gap, body.y, rw, upper}
		at[cardPane] = rect{lw + gap, body.y + upper, rw, body.h - upper}
	case width >= withCard && height >= 18:
		lists := body.h - cardLines
		at[cardPane] = rect{0, body.y + lists, width, cardLines}
		if focus == findingsPane {
			at[findingsPane] = rect{0, body.y, width, lists}
			break
		}
		upper := lists / 2
		at[groupsPane] = rect{0, body.y, width, upper}
		at[contentsPane] = rect{0, body.y + upper, width, lists - upper}
	default:
		at[focus] = body
	}
	return at
}

// headed says whether a list of rows has a line that names its columns: where
// there are more than size and share, and room for it.
func headed(at rect) bool { return columnsFor(at.w).wasted > 0 && at.h >= 6 }

// listAt is the place of a pane's rows.
func (m *model) listAt(p pane) rect {
	at := m.at[p]
	in := at.inner()
	if p == groupsPane || p == contentsPane && m.needs == nil {
		if headed(at) {
			in.y++
			in.h--
		}
	}
	return in
}
