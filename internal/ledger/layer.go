package ledger

import (
	"whittle.dev/whittle"
)

// What Ambiguous says of a place.
const (
	symlinkInLayer  = "an entry below a symlink of the same layer: written where the symlink leads"
	symlinkLoop     = "an entry below a symlink that leads nowhere: counted as if it were a directory; engines refuse it"
	belowFile       = "an entry below a file of the same layer: counted as if the file were replaced by a directory; engines refuse it"
	markerBelowFile = "a whiteout below a file of the same layer: it hides nothing; engines refuse it"
	belowWhiteout   = "a whiteout of a directory and an entry below it in the same layer: the lower contents are hidden, as the specification says; Docker refuses it"
	whiteoutThenDir = "a whiteout of a directory that the same layer adds again: overlay2 merges it with the lower one, others hide the lower contents"
	dirThenWhiteout = "a directory and then a whiteout of it in the same layer: the lower contents are hidden, as the specification says; Docker refuses it"
	opaqueRoot      = "an opaque marker in the root directory: overlay2 ignores it, others hide all lower layers"
	overSymlink     = "a directory over a symlink of a lower layer: overlay2 replaces the symlink, others write where it leads"
	overFile        = "an entry below a path that is no directory in a lower layer: overlay2 replaces it by a directory"
	linkToLower     = "a hard link to a path that only a lower layer has: counted as a name of the lower content; overlay2 refuses it"
	linkToNothing   = "a hard link to a path that no layer has, or to a directory: counted as empty; engines refuse it"
	linkForward     = "a hard link before its target in the same layer: counted as a name of it; engines refuse it"
	otherThenDir    = "a directory after something else of its name in the same layer, over a directory of a lower layer: overlay2 merges it with the lower one, others hide the lower contents"
	deviceWhiteout  = "a character device 0:0: overlayfs takes it for a whiteout"
)

// layerTree is one layer as extracted alone.
type layerTree struct {
	*builder
	n       int
	root    *node
	pending []*node // hard links whose target was not there
	markers bool    // whether there are whiteouts

	// The directory that was written to last, as most entries are beside
	// the one before.
	lastPath string
	lastDir  *node
	lastWay  bool
}

// put extracts one entry.
func (t *layerTree) put(i int, e *whittle.Entry) {
	dir, base := splitPath(e.Path)
	switch {
	case e.Kind == whittle.Opaque:
		t.putOpaque(e)
	case e.Path == ".":
		t.root.layer, t.root.entry = int32(t.n), int32(i)
	case e.Kind == whittle.Whiteout:
		t.putWhiteout(e, dir, base)
	case e.Kind == whittle.CharDevice && e.Special.Value().Major == 0 && e.Special.Value().Minor == 0:
		t.note(t.n, e.Path, deviceWhiteout)
		if in, full := t.parent(e, dir, base, true); in != nil {
			t.replace(in, base, t.whiteout(full))
		}
	case e.Kind == whittle.Dir:
		in, full := t.parent(e, dir, base, false)
		t.putDir(i, in, base, full)
	case e.Kind == whittle.HardLink:
		in, full := t.parent(e, dir, base, false)
		t.putLink(i, e, in, base, full)
	default:
		in, full := t.parent(e, dir, base, false)
		n := t.newNode(full, e.Kind, i)
		if e.Kind == whittle.File {
			n.item = t.newItem(full, i, e)
		}
		t.replace(in, base, n)
	}
}

func (t *layerTree) newNode(path string, kind whittle.Kind, entry int) *node {
	if len(t.slab) == 0 {
		t.slab = make([]node, slabSize)
	}
	n := &t.slab[0]
	t.slab = t.slab[1:]
	*n = node{path: path, kind: kind, layer: int32(t.n), entry: int32(entry), item: none}
	return n
}

func (t *layerTree) whiteout(path string) *node {
	t.markers = true
	return t.newNode(path, whittle.Whiteout, implied)
}

// newItem makes an item with one name.
func (t *layerTree) newItem(path string, entry int, e *whittle.Entry) int32 {
	l := t.ledger
	l.Items = append(l.Items, whittle.Item{Path: path, Layer: t.n, Entry: entry, Bytes: e.Size, HiddenBy: -1})
	t.names = append(t.names, 1)
	return int32(len(l.Items) - 1)
}

// parent opens the directory that an entry is written to and says where the
// entry then is. It is nil for a marker that has no effect: a marker
// takes no file's place.
func (t *layerTree) parent(e *whittle.Entry, dir, base string, marker bool) (in *node, full string) {
	in, straight := t.open(dir, marker)
	switch {
	case in == nil:
		return nil, ""
	case straight:
		return in, e.Path
	}
	return in, t.join(in, base)
}

func (t *layerTree) open(dir string, marker bool) (in *node, straight bool) {
	if t.lastDir != nil && dir == t.lastPath {
		return t.lastDir, t.lastWay
	}
	in, straight = t.descend(t.root, dir, func(in *node, name, full string, found *node) *node {
		return t.implied(in, name, full, found, marker)
	})
	if !straight {
		t.note(t.n, dir, symlinkInLayer)
	}
	t.lastPath, t.lastDir, t.lastWay = dir, in, straight
	return in, straight
}

// implied makes a directory that the layer does not list in the place of found.
func (t *layerTree) implied(in *node, name, full string, found *node, marker bool) *node {
	if found != nil && marker {
		if found.kind != whittle.Whiteout {
			t.note(t.n, full, markerBelowFile)
		}
		return nil
	}
	t.foldersLeft--
	made := t.newNode(full, whittle.Dir, implied)
	switch {
	case found == nil:
	case found.kind == whittle.Whiteout:
		t.note(t.n, full, belowWhiteout)
		made.opaque = true
	case found.kind == whittle.Symlink:
		t.note(t.n, full, symlinkLoop)
	default:
		t.note(t.n, full, belowFile)
	}
	t.replace(in, name, made)
	return made
}

// replace puts a node in its place; the contents that lose a name by it are
// compared with what comes.
func (t *layerTree) replace(in *node, name string, by *node) {
	if old := in.child(name); old != nil {
		t.lastDir = nil
		t.lose(old, by, whittle.Replaced)
	}
	in.set(name, by)
}

func (t *layerTree) putDir(i int, in *node, base, full string) {
	old := in.child(base)
	if old != nil && old.kind == whittle.Dir {
		old.layer, old.entry = int32(t.n), int32(i)
		return
	}
	if old != nil && old.kind == whittle.Whiteout {
		t.note(t.n, full, whiteoutThenDir)
	}
	made := t.newNode(full, whittle.Dir, i)
	made.after = old != nil && old.kind != whittle.Whiteout
	t.replace(in, base, made)
}

func (t *layerTree) putOpaque(e *whittle.Entry) {
	if e.Path == "." {
		t.note(t.n, ".", opaqueRoot)
		return
	}
	if dir, _ := t.open(e.Path, true); dir != nil && dir != t.root {
		dir.opaque = true
	}
}

// putWhiteout marks a path of lower layers as deleted. What the layer itself
// has there stays.
func (t *layerTree) putWhiteout(e *whittle.Entry, dir, base string) {
	in, full := t.parent(e, dir, base, true)
	if in == nil {
		return
	}
	switch old := in.child(base); {
	case old == nil:
		in.set(base, t.whiteout(full))
	case old.kind == whittle.Dir && !old.holds():
		t.replace(in, base, t.whiteout(full))
	case old.kind == whittle.Dir:
		old.opaque = true
		t.note(t.n, full, dirThenWhiteout)
	}
}

// holds says whether a directory is listed, or has anything but markers
// below.
func (d *node) holds() bool {
	if d.kind != whittle.Dir {
		return d.kind != whittle.Whiteout
	}
	if d.entry != implied {
		return true
	}
	for _, c := range d.all() {
		if c.holds() {
			return true
		}
	}
	return false
}

func (t *layerTree) putLink(i int, e *whittle.Entry, in *node, base, full string) {
	target := t.find(t.root, e.Link)
	if target != nil && target == in.child(base) {
		return // a link to itself
	}
	n := t.newNode(full, whittle.HardLink, i)
	if !t.link(n, target) {
		t.pending = append(t.pending, n)
	}
	t.replace(in, base, n)
}

// link makes n another name of what target is. A link to a regular file
// keeps its own entry; a link to something else is seen as that.
func (t *layerTree) link(n, target *node) bool {
	if target == nil || target.kind == whittle.Dir || target.kind == whittle.Whiteout || target.kind == whittle.HardLink {
		return false
	}
	n.kind, n.item = target.kind, target.item
	if n.item != none {
		t.names[n.item]++
	} else {
		n.layer, n.entry = target.layer, target.entry
	}
	return true
}

// linkPending looks for the targets that were not there when their links
// came, in the whole layer and then in the layers below.
func (t *layerTree) linkPending() {
	for _, n := range t.pending {
		if n.gone {
			continue
		}
		target := t.indexes[t.n].Entries[n.entry].Link
		switch {
		case t.link(n, t.find(t.root, target)):
			t.note(t.n, n.path, linkForward)
		case t.link(n, t.find(t.builder.root, target)):
			t.note(t.n, n.path, linkToLower)
		default:
			t.note(t.n, n.path, linkToNothing)
		}
	}
}
