package tui

// table is a list with a cursor, of which a window is shown. It knows how many
// rows there are, not what they are.
type table struct {
	rows           int
	cursor, offset int
	height         int // rows that are shown
}

// set says how many rows there are now. The cursor stays where it can.
func (t *table) set(rows int) {
	t.rows = rows
	t.to(t.cursor)
}

// resize says how many rows there is room for.
func (t *table) resize(height int) {
	t.height = max(height, 1)
	t.to(t.cursor)
}

// to puts the cursor on a row, and shows it.
func (t *table) to(row int) {
	t.cursor = max(min(row, t.rows-1), 0)
	height := max(t.height, 1)
	t.offset = min(t.offset, t.cursor)
	t.offset = max(t.offset, t.cursor-height+1)
	t.offset = max(min(t.offset, t.rows-height), 0)
}

func (t *table) move(by int) { t.to(t.cursor + by) }

// scroll moves what is shown, and the cursor only if it would not be seen.
func (t *table) scroll(by int) {
	t.offset = max(min(t.offset+by, t.rows-t.height), 0)
	t.cursor = max(min(t.cursor, t.offset+t.height-1, t.rows-1), t.offset, 0)
}

// shown are the first row that is shown and the one behind the last.
func (t *table) shown() (from, to int) {
	return t.offset, min(t.offset+t.height, t.rows)
}

// at is the row at a line of the pane, -1 where there is none.
func (t *table) at(line int) int {
	if row := t.offset + line; line >= 0 && line < t.height && row < t.rows {
		return row
	}
	return -1
}
