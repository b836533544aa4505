package ledger

import (
	"cmp"
	"slices"
	"strings"

	"whittle.dev/whittle"
)

// WastedRows lists the wasted bytes, a subtree that is wasted as a whole as one row: a directory
// includes its contents if everything that a layer put below it has the
// same fate. A directory that is still visible has no separate row if
// all is in one of its children. The rows add up to the wasted bytes exactly;
// files of no bytes alone make no row. Largest first, then by path.
func WastedRows(l *whittle.Ledger) []whittle.WastedRow {
	rows := []whittle.WastedRow{}
	for lo := 0; lo < len(l.Items); {
		hi, wasted := lo, int64(0)
		for ; hi < len(l.Items) && l.Items[hi].Layer == l.Items[lo].Layer; hi++ {
			if l.Items[hi].Cause != whittle.Visible {
				wasted += l.Items[hi].Bytes
			}
		}
		if wasted > 0 {
			r := &roller{ledger: l}
			rows = append(rows, r.roll(lo, hi)...)
		}
		lo = hi
	}
	slices.SortFunc(rows, func(a, b whittle.WastedRow) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), whittle.ComparePaths(a.Path, b.Path),
			cmp.Compare(a.AddedBy, b.AddedBy), cmp.Compare(a.HiddenBy, b.HiddenBy), cmp.Compare(a.Cause, b.Cause))
	})
	return rows
}

// roller rolls up the items of one layer.
type roller struct {
	ledger *whittle.Ledger
	rows   []whittle.WastedRow
}

func (r *roller) roll(lo, hi int) []whittle.WastedRow {
	items := make([]*whittle.Item, 0, hi-lo)
	for i := lo; i < hi; i++ {
		items = append(items, &r.ledger.Items[i])
	}
	slices.SortStableFunc(items, func(a, b *whittle.Item) int { return whittle.ComparePaths(a.Path, b.Path) })
	r.children(items, 0)
	return r.rows
}

// children rolls up items that share the first skip bytes of their paths, a
// directory and its slash.
func (r *roller) children(items []*whittle.Item, skip int) {
	for lo := 0; lo < len(items); {
		end := componentEnd(items[lo].Path, skip)
		hi := lo + 1
		for hi < len(items) && within(items[hi].Path, items[lo].Path[:end]) {
			hi++
		}
		r.subtree(items[lo:hi], end)
		lo = hi
	}
}

// subtree rolls up the items at or below the first end bytes of their paths.
func (r *roller) subtree(items []*whittle.Item, end int) {
	first := items[0]
	path := first.Path[:end]
	if !sameFate(items) {
		// The path itself may have held content before it was a directory.
		at := 0
		for at < len(items) && items[at].Path == path {
			r.row(items[at:at+1], path)
			at++
		}
		r.children(items[at:], end+1)
		return
	}
	if first.Cause == whittle.Visible {
		return
	}
	// All of items, sorted, lie below a path that the first and the last share.
	last := items[len(items)-1].Path
	for path != first.Path {
		if _, seen := find(r.ledger.Tree, path); !seen {
			break
		}
		next := first.Path[:componentEnd(first.Path, len(path)+1)]
		if !within(last, next) {
			break
		}
		path = next
	}
	r.row(items, path)
}

// row adds up items of one fate.
func (r *roller) row(items []*whittle.Item, path string) {
	if len(items) == 1 {
		path = items[0].Path
	}
	row := whittle.WastedRow{Path: path, Files: len(items), AddedBy: items[0].Layer, HiddenBy: items[0].HiddenBy, Cause: items[0].Cause}
	for _, it := range items {
		row.Bytes += it.Bytes
	}
	if row.Cause != whittle.Visible && row.Bytes > 0 {
		r.rows = append(r.rows, row)
	}
}

func sameFate(items []*whittle.Item) bool {
	for _, it := range items {
		if it.Cause != items[0].Cause || it.HiddenBy != items[0].HiddenBy {
			return false
		}
	}
	return true
}

// componentEnd is where the component ends that starts at from.
func componentEnd(path string, from int) int {
	if i := strings.IndexByte(path[from:], '/'); i >= 0 {
		return from + i
	}
	return len(path)
}

// within says whether path is dir or lies below it.
func within(path, dir string) bool {
	return strings.HasPrefix(path, dir) && (len(path) == len(dir) || path[len(dir)] == '/')
}

// find finds a visible path.
func find(t *whittle.Tree, path string) (n *whittle.Node, found bool) {
	at, found := slices.BinarySearchFunc(t.Nodes, path, func(n whittle.Node, p string) int { return whittle.ComparePaths(n.Path, p) })
	if !found {
		return nil, false
	}
	return &t.Nodes[at], true
}
