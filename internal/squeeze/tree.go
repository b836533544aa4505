// Package squeeze rewrites an image's layers so that they hold what the merged root
// file system needs and nothing else, and proves that it is the same: by the ledger's
// merge, and by a second reading that shares no code with it.
package squeeze

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"

	"whittle.dev/whittle"
)

// Tree is a merged root file system: its visible paths, sorted by
// [whittle.ComparePaths]. The root itself is the path "." where a layer lists it.
type Tree struct {
	Nodes []Node
}

// Node is one visible path.
type Node struct {
	Path string
	// Entry is what is there; for a hard link the file that it names. It is nil for a
	// directory that no layer lists. Its own path does not count.
	Entry *whittle.Entry
	// First is the position of the file's first name, -1 if it has no other.
	First int
}

// FromLedger is the tree that a ledger says.
func FromLedger(indexes []*whittle.Index, l *whittle.Ledger) *Tree {
	t := &Tree{Nodes: make([]Node, 0, len(l.Tree.Nodes)+1)}
	if at, ok := rootEntry(indexes); ok {
		t.Nodes = append(t.Nodes, Node{Path: ".", Entry: &indexes[at.Layer].Entries[at.Entry]})
	}
	for _, n := range l.Tree.Nodes {
		node := Node{Path: n.Path}
		if n.Item >= 0 {
			it := &l.Items[n.Item]
			node.Entry = &indexes[it.Layer].Entries[it.Entry]
		} else if n.Entry >= 0 {
			node.Entry = &indexes[n.Layer].Entries[n.Entry]
		}
		t.Nodes = append(t.Nodes, node)
	}
	t.group()
	return t
}

// rootEntry is the entry that decides the metadata of the root directory.
func rootEntry(indexes []*whittle.Index) (at whittle.Content, ok bool) {
	for n := len(indexes) - 1; n >= 0; n-- {
		for i := len(indexes[n].Entries) - 1; i >= 0; i-- {
			if e := &indexes[n].Entries[i]; e.Path == "." && e.Kind == whittle.Dir {
				return whittle.Content{Layer: n, Entry: i}, true
			}
		}
	}
	return at, false
}

// group finds the names of the same file: those with the same entry.
func (t *Tree) group() {
	first := map[*whittle.Entry]int{}
	for i := range t.Nodes {
		n := &t.Nodes[i]
		n.First = -1
		if n.Entry == nil || n.Entry.Kind == whittle.Dir {
			continue
		}
		at, again := first[n.Entry]
		if !again {
			first[n.Entry] = i
			continue
		}
		n.First, t.Nodes[at].First = at, at
	}
}

// letters are the types of the canonical form.
var letters = map[whittle.Kind]string{whittle.File: "f", whittle.Dir: "d", whittle.Symlink: "l", whittle.HardLink: "h",
	whittle.CharDevice: "c", whittle.BlockDevice: "b", whittle.FIFO: "p"}

// fields are the names of the fields of the canonical form, in their order.
var fields = [...]string{"path", "type", "mode", "uid", "gid", "mtime", "size", "content", "link", "first", "xattrs", "device"}

// record gives a node's fields as the canonical form has them.
func (t *Tree) record(i int) (r [len(fields)]string) {
	n := &t.Nodes[i]
	r[0], r[1] = n.Path, "d"
	e := n.Entry
	if e == nil {
		return r
	}
	r[1] = letters[e.Kind]
	r[2], r[3], r[4] = strconv.FormatUint(uint64(e.Mode), 8), strconv.FormatUint(uint64(e.UID), 10), strconv.FormatUint(uint64(e.GID), 10)
	r[5] = strconv.FormatInt(e.ModTime, 10)
	switch e.Kind {
	case whittle.File:
		r[6], r[7] = strconv.FormatInt(e.Size, 10), hex.EncodeToString(e.Content[:])
	case whittle.Symlink, whittle.HardLink:
		r[8] = e.Link
	case whittle.CharDevice, whittle.BlockDevice:
		r[11] = fmt.Sprintf("%d:%d", e.Special.Value().Major, e.Special.Value().Minor)
	}
	if n.First >= 0 {
		r[9] = t.Nodes[n.First].Path
	}
	if xattrs := e.Special.Value().Xattrs; xattrs != "" {
		r[10] = xattrs.Hex()
	}
	return r
}

// Write writes the canonical form: for each path, in order, the fields path, type,
// mode, uid, gid, mtime, size, content, link, first, xattrs and device, each with a NUL
// byte after it. Type is f, d, l, c, b or p (h for a hard link to nothing); mode is
// octal, the other numbers decimal; mtime is in nanoseconds since 1970; content is the
// SHA-256 of a file in hexadecimal digits; link is a symlink's target; first is the
// first name of a file that has several; xattrs is the digest of the extended
// attributes ([whittle.Special]); device is the major and the minor number with a
// colon between them. What does not apply is empty. A directory that no layer lists has
// a path and a type alone.
func (t *Tree) Write(w io.Writer) error {
	b := bufio.NewWriterSize(w, 64<<10)
	for i := range t.Nodes {
		for _, f := range t.record(i) {
			_, _ = b.WriteString(f) // Flush returns the error
			_ = b.WriteByte(0)
		}
	}
	return b.Flush()
}

// Sum is the digest of the canonical form, with counts.
func (t *Tree) Sum() whittle.TreeSum {
	h := sha256.New()
	_ = t.Write(h) // a hash takes all
	s := whittle.TreeSum{Digest: whittle.SHA256([32]byte(h.Sum(nil))), Paths: len(t.Nodes)}
	for i := range t.Nodes {
		n := &t.Nodes[i]
		if n.Entry == nil {
			s.Implied++
			s.Directories++
			continue
		}
		another := n.First >= 0 && n.First != i
		if another {
			s.HardLinks++
		}
		switch n.Entry.Kind {
		case whittle.File:
			s.Files++
			if !another {
				s.Bytes += n.Entry.Size
			}
		case whittle.Dir:
			s.Directories++
		case whittle.Symlink:
			s.Symlinks++
		case whittle.CharDevice, whittle.BlockDevice:
			s.Devices++
		case whittle.FIFO:
			s.FIFOs++
		}
	}
	return s
}

// Differences lists the first most paths at which two trees differ, and counts the
// others.
func Differences(a, b *Tree, most int) (list []whittle.TreeDifference, more int) {
	list = []whittle.TreeDifference{}
	add := func(path, what string) {
		if len(list) < most {
			list = append(list, whittle.TreeDifference{Path: path, What: what})
		} else {
			more++
		}
	}
	for i, j := 0, 0; i < len(a.Nodes) || j < len(b.Nodes); {
		order := 0
		switch {
		case i == len(a.Nodes):
			order = 1
		case j == len(b.Nodes):
			order = -1
		default:
			order = whittle.ComparePaths(a.Nodes[i].Path, b.Nodes[j].Path)
		}
		switch {
		case order < 0:
			add(a.Nodes[i].Path, "only in the first")
			i++
		case order > 0:
			add(b.Nodes[j].Path, "only in the second")
			j++
		default:
			if what := differs(a.record(i), b.record(j)); what != "" {
				add(a.Nodes[i].Path, what)
			}
			i++
			j++
		}
	}
	return list, more
}

// differs names the fields that differ, with their values.
func differs(a, b [len(fields)]string) (what string) {
	if a == b {
		return ""
	}
	for i := range fields {
		if a[i] == b[i] {
			continue
		}
		if what != "" {
			what += "; "
		}
		x, y := a[i], b[i]
		if fields[i] == "content" || fields[i] == "xattrs" {
			what += fields[i]
			continue
		}
		what += fmt.Sprintf("%s %q, %q", fields[i], x, y)
	}
	return what
}
