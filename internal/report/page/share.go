package page

import (
	"fmt"
	"strings"
)

// Shares is a column of shares of some whole, each with a bar on a screen.
func Shares(order int) Column { return Column{Head: "Share", Bars: 10, Spare: order} }

// ShareCell is a part of a whole in percent, empty where there is no whole.
func ShareCell(part, whole int64) Cell {
	if part <= 0 || whole <= 0 {
		return Cell{}
	}
	share := min(float64(part)/float64(whole), 1)
	text := fmt.Sprintf("%.0f %%", 100*share)
	if share < 0.01 {
		text = "<1 %"
	}
	return Cell{Text: text, share: share}
}

// bar draws a share in eighths of a cell. What is there is seen.
func bar(share float64, cells int) string {
	eighths := int(share*float64(8*cells) + 0.5)
	if share <= 0 {
		return ""
	}
	eighths = min(max(eighths, 1), 8*cells)
	s := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		s += string([]rune(" ▏▎▍▌▋▊▉")[rest])
	}
	return s
}

// drawn is a table with its bars drawn.
func (t Table) drawn() Table {
	out := Table{Columns: t.Columns, Rows: make([][]Cell, len(t.Rows))}
	for n, r := range t.Rows {
		out.Rows[n] = make([]Cell, len(r))
		for i, c := range r {
			if n := t.Columns[i].Bars; n > 0 && c.share > 0 {
				c.Text = fmt.Sprintf("%s%s %s", spaces(len("100 %")-Width(c.Text)), c.Text, bar(c.share, n))
			}
			out.Rows[n][i] = c
		}
	}
	return out
}

// withoutBars is a table without the columns that are for screens only.
func (t Table) withoutBars() Table {
	for i := len(t.Columns) - 1; i >= 0; i-- {
		if t.Columns[i].Bars > 0 {
			t = t.without(i)
		}
	}
	return t
}

// Cutoff says which rows of a long table, largest first, are summed up in one.
type Cutoff struct {
	// rows is how many rows there are at most, 0 for all.
	Rows int
	// whole is what the rows are a part of: those below a thousandth are summed
	// up, unless it is 0.
	Whole int64
}

// Of is how many of n rows are shown. One row alone is never summed up.
func (c Cutoff) Of(n int, size func(i int) int64) int {
	shown := 0
	for shown < n && (c.Rows <= 0 || shown < c.Rows) && !c.Small(size(shown)) {
		shown++
	}
	if shown == n-1 {
		return n
	}
	return shown
}

// Small says whether a size is less than a thousandth of the whole.
func (c Cutoff) Small(size int64) bool { return c.Whole > 0 && size < c.Whole/1000 }

// Smaller names a row that sums up some.
func Smaller(n int) Cell { return Toned(fmt.Sprintf("%d smaller", n), Faint) }
