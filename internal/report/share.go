package report

import (
	"fmt"
	"strings"
)

// shares is a column of shares of some whole, each with a bar on a screen.
func shares(order int) column { return column{head: "Share", bars: 10, spare: order} }

// shareCell is a part of a whole in percent, empty where there is no whole.
func shareCell(part, whole int64) cell {
	if part <= 0 || whole <= 0 {
		return cell{}
	}
	share := min(float64(part)/float64(whole), 1)
	text := fmt.Sprintf("%.0f %%", 100*share)
	if share < 0.01 {
		text = "<1 %"
	}
	return cell{text: text, share: share}
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
func (t table) drawn() table {
	out := table{columns: t.columns, rows: make([][]cell, len(t.rows))}
	for n, r := range t.rows {
		out.rows[n] = make([]cell, len(r))
		for i, c := range r {
			if n := t.columns[i].bars; n > 0 && c.share > 0 {
				c.text = fmt.Sprintf("%s%s %s", spaces(len("100 %")-width(c.text)), c.text, bar(c.share, n))
			}
			out.rows[n][i] = c
		}
	}
	return out
}

// withoutBars is a table without the columns that are for screens only.
func (t table) withoutBars() table {
	for i := len(t.columns) - 1; i >= 0; i-- {
		if t.columns[i].bars > 0 {
			t = t.without(i)
		}
	}
	return t
}

// cutoff says which rows of a long table, largest first, are summed up in one.
type cutoff struct {
	// rows is how many rows there are at most, 0 for all.
	rows int
	// whole is what the rows are a part of: those below a thousandth are summed
	// up, unless it is 0.
	whole int64
}

// of is how many of n rows are shown. One row alone is never summed up.
func (c cutoff) of(n int, size func(i int) int64) int {
	shown := 0
	for shown < n && (c.rows <= 0 || shown < c.rows) && !c.small(size(shown)) {
		shown++
	}
	if shown == n-1 {
		return n
	}
	return shown
}

func (c cutoff) small(size int64) bool { return c.whole > 0 && size < c.whole/1000 }

// smaller names a row that sums up some.
func smaller(n int) cell { return toned(fmt.Sprintf("%d smaller", n), faint) }
