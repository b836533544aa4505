package ledger

import (
	"hash/maphash"
	"iter"
	"strings"

	"whittle.dev/whittle"
)

// node is a path of a layer or of the merged root file system.
type node struct {
	// path is where it is, with symlinked parents resolved.
	path string
	// children of a directory; nil while it has none.
	children *children
	// layer and entry say what is seen here; entry is implied for a
	// directory that no layer lists.
	layer, entry int32
	// item is the content, none for everything but regular files.
	item int32
	// kind is Dir, Whiteout, or what the leaf is. It is HardLink for a link
	// whose target is not there (yet).
	kind whittle.Kind
	// opaque hides what lower layers have below.
	opaque bool
	// after says that a directory took the place of something else of the same
	// layer.
	after bool
	// gone says that a later entry of the same layer took its place.
	gone bool
}

const (
	implied = -1
	none    = -1
)

// children are the nodes in a directory by their names, which are the last components of
// their paths: a hash table with open addressing, whose length is a power of two. A map takes
// several times as much memory, and there is one for each folder.
type children struct {
	slots []*node // nil where nothing ever was, and dropped
	used  int     // slots that are not nil
}

var (
	seed    = maphash.MakeSeed()
	dropped = &node{}
)

// slot is where the node with a name is, or where it would be put.
func (c *children) slot(name string) (at int, found bool) {
	free := -1
	for at = int(maphash.String(seed, name)) & (len(c.slots) - 1); ; at = (at + 1) & (len(c.slots) - 1) {
		switch n := c.slots[at]; {
		case n == nil && free >= 0:
			return free, false
		case n == nil:
			return at, false
		case n == dropped:
			free = at
		case n.named(name):
			return at, true
		}
	}
}

// named says whether the last component of the path is a name, without looking for its
// beginning.
func (d *node) named(name string) bool {
	at := len(d.path) - len(name)
	return at >= 0 && d.path[at:] == name && (at == 0 || d.path[at-1] == '/')
}

// name is the last component of the path.
func (d *node) name() string {
	_, base := splitPath(d.path)
	return base
}

// set puts a child, whose path ends in the name, into the directory.
func (d *node) set(name string, child *node) {
	if d.children == nil {
		d.children = &children{slots: make([]*node, 2)}
	}
	c := d.children
	if 4*(c.used+1) > 3*len(c.slots) {
		c.grow()
	}
	at, _ := c.slot(name)
	if c.slots[at] == nil {
		c.used++
	}
	c.slots[at] = child
}

func (c *children) grow() {
	old := c.slots
	c.slots, c.used = make([]*node, 2*len(old)), 0
	for _, n := range old {
		if n != nil && n != dropped {
			at, _ := c.slot(n.name())
			c.slots[at] = n
			c.used++
		}
	}
}

// child is what has a name in the directory, nil where nothing has.
func (d *node) child(name string) *node {
	if d.children != nil {
		if at, found := d.children.slot(name); found {
			return d.children.slots[at]
		}
	}
	return nil
}

// drop takes a name away.
func (d *node) drop(name string) {
	if d.children != nil {
		if at, found := d.children.slot(name); found {
			d.children.slots[at] = dropped
		}
	}
}

// all are the names and nodes in no order. They may be dropped meanwhile.
func (d *node) all() iter.Seq2[string, *node] {
	return func(yield func(string, *node) bool) {
		if d.children == nil {
			return
		}
		for _, n := range d.children.slots {
			if n != nil && n != dropped && !yield(n.name(), n) {
				return
			}
		}
	}
}

// maxLinks is how many symlinks Linux follows in one path.
const maxLinks = 40

// descend goes from root down to the directory at p and follows the symlinks
// on its way, inside the root. Where a component is no directory (or a
// symlink too many) it takes what open gives; nil ends the way. straight is
// false where a symlink was followed.
func (b *builder) descend(root *node, p string, open func(in *node, name, full string, found *node) *node) (dir *node, straight bool) {
	stack := b.stack[:0]
	stack = append(stack, root)
	defer func() { b.stack = stack }()
	straight = true
	links := 0
	for rest := p; rest != ""; {
		name, tail, _ := strings.Cut(rest, "/")
		in := stack[len(stack)-1]
		b.stepsLeft--
		switch name {
		case "", ".":
			rest = tail
			continue
		case "..":
			stack = stack[:max(1, len(stack)-1)]
			rest = tail
			continue
		}
		child := in.child(name)
		if child != nil && child.kind == whittle.Symlink && links < maxLinks && b.stepsLeft > 0 {
			links++
			straight = false
			target := b.entry(child).Link
			if strings.HasPrefix(target, "/") {
				stack = stack[:1]
			}
			rest = target + "/" + tail
			continue
		}
		if child == nil || child.kind != whittle.Dir {
			var full string
			if straight {
				full = p[:len(p)-len(rest)+len(name)]
			} else {
				full = b.join(in, name)
			}
			if child = open(in, name, full, child); child == nil {
				return nil, straight
			}
		}
		stack = append(stack, child)
		rest = tail
	}
	return stack[len(stack)-1], straight
}

// join makes the path of a child, at the expense of the limits.
func (b *builder) join(in *node, name string) string {
	if in.path == "." {
		return name
	}
	n := len(in.path) + 1 + len(name)
	b.pathLeft -= n
	if n > maxPath || b.pathLeft < 0 {
		b.pathLeft = -1
		return in.path
	}
	return in.path + "/" + name
}

func (b *builder) entry(n *node) *whittle.Entry {
	return &b.indexes[n.layer].Entries[n.entry]
}

// find is what is at p, nil if nothing is. Symlinked parents are
// followed, a symlink at p itself is not.
func (b *builder) find(root *node, p string) *node {
	if p == "." {
		return root
	}
	dir, base := splitPath(p)
	in, _ := b.descend(root, dir, func(*node, string, string, *node) *node { return nil })
	if in == nil {
		return nil
	}
	return in.child(base)
}

// splitPath cuts a clean relative path into its directory, "" for the root,
// and its last component.
func splitPath(p string) (dir, base string) {
	i := strings.LastIndexByte(p, '/')
	return p[:max(i, 0)], p[i+1:]
}
