package squeeze

import (
	"cmp"
	"math"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/ledger"
)

// filtered are the indexes with the entries that are kept, and the positions that these
// had.
func filtered(indexes []*whittle.Index, keep [][]bool) (kept []*whittle.Index, was [][]int32) {
	kept, was = make([]*whittle.Index, len(indexes)), make([][]int32, len(indexes))
	for n, idx := range indexes {
		out := &whittle.Index{DiffID: idx.DiffID, Hashed: idx.Hashed}
		for i := range idx.Entries {
			if keep[n][i] {
				out.Entries = append(out.Entries, idx.Entries[i])
				was[n] = append(was[n], int32(i))
				out.Size += idx.Entries[i].Size
			}
		}
		kept[n] = out
	}
	return kept, was
}

// mend merges the layers as planned and brings entries back where the tree is another
// one. same says that there was nothing to mend.
func (f *finder) mend() (same bool, err error) {
	kept, was := filtered(f.indexes, f.keep)
	after, err := ledger.Build(kept, f.options.Ledger)
	if err != nil {
		return false, err
	}
	c := &comparison{finder: f, after: after, was: was, wanted: map[string]span{}}
	f.changed = false
	c.compareTrees()
	c.compareNotes()
	c.compareTouched()
	c.fillWanted()
	if c.differs && !f.changed {
		for n := range f.keep { // nothing that is known helps
			f.keepLayer(n)
		}
	}
	return !c.differs, nil
}

// comparison compares the tree as planned with the one that is to be.
type comparison struct {
	*finder
	after   *whittle.Ledger
	was     [][]int32
	differs bool
	// wanted are directories that are to have something below them, in one of some
	// layers.
	wanted map[string]span
}

// span is a range of layers, both included.
type span struct {
	low, high int
	// solid prefers what is no marker: not all runtimes make the directory of one.
	solid bool
}

func (c *comparison) compareTrees() {
	a, b := c.before.Tree.Nodes, c.after.Tree.Nodes
	for i, j := 0, 0; i < len(a) || j < len(b); {
		order := 0
		switch {
		case i == len(a):
			order = 1
		case j == len(b):
			order = -1
		default:
			order = whittle.ComparePaths(a[i].Path, b[j].Path)
		}
		switch {
		case order < 0:
			c.missing(&a[i])
			i++
		case order > 0:
			c.revealed(&b[j])
			j++
		default:
			if !c.sameNode(&a[i], &b[j]) {
				c.revealed(&b[j])
				c.missing(&a[i])
			}
			i++
			j++
		}
	}
}

// sameNode says whether a path shows the same entry, and the same content.
func (c *comparison) sameNode(a, b *whittle.Node) bool {
	if a.Entry < 0 || b.Entry < 0 {
		return a.Entry == b.Entry
	}
	if a.Layer != b.Layer || a.Entry != int(c.was[b.Layer][b.Entry]) || (a.Item < 0) != (b.Item < 0) {
		return false
	}
	if a.Item < 0 {
		return true
	}
	x, y := &c.before.Items[a.Item], &c.after.Items[b.Item]
	return x.Layer == y.Layer && x.Entry == int(c.was[y.Layer][y.Entry])
}

// missing brings back what makes a path of the tree.
func (c *comparison) missing(n *whittle.Node) {
	c.differs = true
	if n.Entry < 0 {
		c.wanted[n.Path] = span{n.Layer, len(c.indexes) - 1, true}
		return
	}
	for _, i := range c.at[n.Layer][n.Path] {
		c.mark(n.Layer, int(i))
	}
}

// revealed brings back what hides a path that the tree does not have: of the entries at
// it and above it, those of the lowest layer above its own.
func (c *comparison) revealed(n *whittle.Node) {
	c.differs = true
	for m := n.Layer + 1; m < len(c.indexes); m++ {
		if c.hide(m, n.Path) {
			return
		}
	}
	c.hide(n.Layer, n.Path)
}

// hide brings back what a layer has at a path or above it, but for directories.
func (c *comparison) hide(layer int, path string) (some bool) {
	one := func(p string) {
		for _, i := range c.at[layer][p] {
			if c.indexes[layer].Entries[i].Kind != whittle.Dir && !c.keep[layer][i] {
				c.mark(layer, int(i))
				some = true
			}
		}
	}
	one(path)
	for p := range parents(path) {
		one(p)
	}
	return some
}

// compareNotes brings back what keeps runtimes from disagreeing: a plan may not have
// places of that kind that the image does not have.
func (c *comparison) compareNotes() {
	known := map[whittle.Ambiguity]bool{}
	for _, a := range c.before.Ambiguous {
		known[a] = true
	}
	for _, a := range c.after.Ambiguous {
		if known[a] {
			continue
		}
		c.differs = true
		some := false
		for _, i := range c.at[a.Layer][a.Path] {
			some = some || !c.keep[a.Layer][i]
			c.mark(a.Layer, int(i))
		}
		if !some {
			c.keepLayer(a.Layer)
		}
	}
}

// compareTouched sees to it that a layer still has something below a directory that a
// lower layer lists, and no layer above that: Docker gives such a directory the metadata
// of one that nothing lists.
func (c *comparison) compareTouched() {
	after := c.touches(c.keep)
	for i := range c.before.Tree.Nodes {
		n := &c.before.Tree.Nodes[i]
		if n.Entry < 0 || n.Item >= 0 || c.indexes[n.Layer].Entries[n.Entry].Kind != whittle.Dir {
			continue
		}
		was, ok := c.touched[n.Path]
		if !ok || was <= n.Layer {
			continue
		}
		if is, ok := after[n.Path]; !ok || is <= n.Layer {
			c.differs = true
			c.wanted[n.Path] = span{n.Layer + 1, was, false}
		}
	}
}

// fillWanted brings back the cheapest entry below each directory that needs one.
func (c *comparison) fillWanted() {
	if len(c.wanted) == 0 {
		return
	}
	type choice struct {
		layer, entry int
		cost         int64
	}
	best := map[string]choice{}
	offer := func(dir string, layer, entry int) {
		s, ok := c.wanted[dir]
		if !ok || layer < s.low || layer > s.high || c.keep[layer][entry] {
			return
		}
		cost := price(&c.indexes[layer].Entries[entry], s.solid)
		if old, has := best[dir]; !has || cost < old.cost {
			best[dir] = choice{layer, entry, cost}
		}
	}
	for n, idx := range c.indexes {
		for i := range idx.Entries {
			e := &idx.Entries[i]
			if e.Kind == whittle.Opaque {
				offer(e.Path, n, i)
			}
			for p := range parents(e.Path) {
				offer(p, n, i)
			}
		}
	}
	for _, b := range best {
		c.mark(b.layer, b.entry)
	}
}

// price orders entries by what it costs to keep them: markers hide nothing more, other
// entries need a marker, and hard links their target.
func price(e *whittle.Entry, solid bool) int64 {
	switch e.Kind {
	case whittle.Whiteout, whittle.Opaque:
		if solid {
			return math.MaxInt64
		}
		return 0
	case whittle.HardLink:
		return math.MaxInt64 - 1
	}
	return e.Size + 1
}

// reasons are those of [whittle.Dropped], in the order in which they are listed.
var reasons = []string{"deleted", "replaced", "metadata", "identical", "duplicate", "whiteout", "directory", "link", "trimmed", "other"}

// Dropped adds up what a layer loses, by reason.
func (p *Plan) Dropped(indexes []*whittle.Index, layer int) []whittle.Dropped {
	causes := map[int]*whittle.Item{}
	for i := range p.Ledger.Items {
		if it := &p.Ledger.Items[i]; it.Layer == layer {
			causes[it.Entry] = it
		}
	}
	sums := map[string]whittle.Dropped{}
	for i := range indexes[layer].Entries {
		if p.Keep[layer][i] {
			continue
		}
		e := &indexes[layer].Entries[i]
		reason := "other"
		switch e.Kind {
		case whittle.File:
			if it := causes[i]; it != nil {
				reason = it.Cause.String()
				if it.HiddenBy == layer {
					reason = "duplicate"
				}
			}
		case whittle.Whiteout, whittle.Opaque:
			reason = "whiteout"
		case whittle.Dir:
			reason = "directory"
		case whittle.HardLink, whittle.Symlink:
			reason = "link"
		}
		d := sums[reason]
		sums[reason] = whittle.Dropped{Reason: reason, Entries: d.Entries + 1, Bytes: d.Bytes + e.Size}
	}
	return sorted(sums)
}

func sorted(sums map[string]whittle.Dropped) []whittle.Dropped {
	out := []whittle.Dropped{}
	for _, d := range sums {
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b whittle.Dropped) int {
		return cmp.Compare(slices.Index(reasons, a.Reason), slices.Index(reasons, b.Reason))
	})
	return out
}
