package ledger

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"whittle.dev/whittle"
)

// tree lists the merged root file system, and gives every visible item a path
// that is visible.
func (b *builder) tree() *whittle.Tree {
	c := &collector{items: b.ledger.Items, seen: make([]bool, len(b.ledger.Items)), other: map[int32]string{},
		nodes: make([]whittle.Node, 0, b.root.below())}
	c.collect(b.root)
	for item, path := range c.other {
		if !c.seen[item] {
			c.items[item].Path = path
		}
	}
	return &whittle.Tree{Nodes: c.nodes}
}

// below counts the nodes below a directory.
func (d *node) below() (n int) {
	for _, c := range d.all() {
		n += 1 + c.below()
	}
	return n
}

type collector struct {
	items []whittle.Item
	nodes []whittle.Node
	// children are those of the folders on the way to the one that is collected.
	children []*node
	// seen says that an item's own path is visible; other has the first
	// visible path of the items that have another one.
	seen  []bool
	other map[int32]string
}

func (c *collector) collect(dir *node) {
	outer := len(c.children)
	for _, n := range dir.all() {
		c.children = append(c.children, n)
	}
	children := c.children[outer:]
	skip := len(dir.path) + 1
	if dir.path == "." {
		skip = 0
	}
	slices.SortFunc(children, func(a, b *node) int { return cmp.Compare(a.path[skip:], b.path[skip:]) })
	for _, n := range children {
		c.nodes = append(c.nodes, whittle.Node{Path: n.path, Layer: int(n.layer), Entry: int(n.entry), Item: int(n.item)})
		if n.item != none {
			c.name(n)
		}
		c.collect(n)
	}
	c.children = c.children[:outer]
}

func (c *collector) name(n *node) {
	if c.items[n.item].Path == n.path {
		c.seen[n.item] = true
	} else if _, has := c.other[n.item]; !has {
		c.other[n.item] = n.path
	}
}

// maxNotes bounds the list of ambiguous places.
const maxNotes = 1000

func (b *builder) ambiguous() []whittle.Ambiguity {
	notes := slices.SortedFunc(maps.Keys(b.notes), func(x, y whittle.Ambiguity) int {
		return cmp.Or(cmp.Compare(x.Layer, y.Layer), whittle.ComparePaths(x.Path, y.Path), cmp.Compare(x.What, y.What))
	})
	if more := len(notes) - maxNotes; more > 0 {
		last := notes[maxNotes].Layer
		notes = append(notes[:maxNotes], whittle.Ambiguity{Path: ".", Layer: last, What: fmt.Sprintf("and %d places more", more)})
	}
	return notes
}
