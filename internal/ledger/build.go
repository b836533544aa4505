// Package ledger accounts for every content byte of an image: which layer
// added it, whether it is visible in the merged root file system, and if not
// which layer hides it and how.
//
// # How layers are merged
//
// As Docker's overlay2 does it: each layer's tar is extracted alone into a
// separate directory, and overlayfs lays these directories over each other.
// So within a layer the last entry of a path wins, symlinks among a path's
// parents are followed where the same layer has them, and a hard link names
// the content of its target. Between layers, a whiteout hides what lower
// layers have at its path, wherever it is in the tar; an opaque marker hides
// what lower layers have below its directory; a directory over a directory
// merges with it; anything else over anything else replaces it, a symlink to
// a directory included. Parents that a layer does not list are directories.
//
// Engines differ on some layers, and Docker refuses a few. These places are
// listed in [whittle.Ledger.Ambiguous]; if overlay2 accepts the layer,
// the figures follow it, else the image specification:
// https://github.com/opencontainers/image-spec/blob/main/layer.md
package ledger

import (
	"fmt"
	"slices"

	"whittle.dev/whittle"
)

// Options bound the work. A zero field means its default.
type Options struct {
	// Folders is how many folders may exist because of what lies in them, though
	// no layer lists them; by default 4,194,304. What symlinks make of paths has
	// its limits in proportion.
	Folders int
}

const (
	defaultFolders = 4 << 20
	// folderPath bounds, in bytes for each folder that is allowed, the paths
	// that symlinked parents make longer than they are in the tar; maxPath
	// each of them.
	folderPath = 128
	maxPath    = 64 << 10
	// folderSteps bounds the path components that are walked, for each folder
	// that is allowed.
	folderSteps = 64
)

// Build merges the layers, lowest first, and accounts for every content byte.
// Where one file lies over another one of the same size and the index has no
// digests of their contents, they are taken to differ; [Undecided] lists
// these. Errors wrap [whittle.ErrLimit].
func Build(indexes []*whittle.Index, opts Options) (*whittle.Ledger, error) {
	b, err := merge(indexes, opts)
	if err != nil {
		return nil, err
	}
	l := b.ledger
	l.Tree = b.tree()
	l.Ambiguous = b.ambiguous()
	for i := range l.Items {
		it := &l.Items[i]
		sum := &l.Layers[it.Layer]
		if it.Cause == whittle.Visible {
			sum.Visible += it.Bytes
		} else {
			sum.Wasted += it.Bytes
		}
	}
	return l, l.Validate()
}

// Undecided lists, by layer, the entries whose content digests are needed to
// distinguish content that was replaced from content that is there again: where
// a file's last name is taken by another file of the same size and at least
// // one of the two has no digest. Set their Content (index.Digest does) before
// Build. It is empty where Build will fail.
func Undecided(indexes []*whittle.Index, opts Options) [][]int {
	b, err := merge(indexes, opts)
	if err != nil {
		return make([][]int, len(indexes))
	}
	return b.undecided()
}

func merge(indexes []*whittle.Index, opts Options) (*builder, error) {
	if opts.Folders <= 0 {
		opts.Folders = defaultFolders
	}
	b := &builder{indexes: indexes, folders: opts.Folders, foldersLeft: opts.Folders, pathLeft: folderPath * opts.Folders, stepsLeft: folderSteps * opts.Folders,
		root:   &node{path: ".", kind: whittle.Dir, entry: implied},
		ledger: &whittle.Ledger{Layers: make([]whittle.LayerSum, len(indexes))},
		needed: map[[2]int]bool{}, notes: map[whittle.Ambiguity]bool{}}
	for n, idx := range indexes {
		b.ledger.Layers[n] = whittle.LayerSum{Size: idx.Size, Entries: len(idx.Entries)}
		if err := b.layer(n); err != nil {
			return nil, fmt.Errorf("layer %s: %w", idx.DiffID.Short(), err)
		}
	}
	return b, nil
}

// builder merges one layer after another.
type builder struct {
	indexes []*whittle.Index
	ledger  *whittle.Ledger
	root    *node // of the layers merged so far
	// names counts the visible names of each item.
	names  []int32
	losses []loss // of names, in the layer at hand
	needed map[[2]int]bool
	notes  map[whittle.Ambiguity]bool

	folders                          int // the limit
	foldersLeft, pathLeft, stepsLeft int
	stack                            []*node
	slab                             []node // nodes to be used
}

// slabSize is how many nodes are allocated at once.
const slabSize = 256

func (b *builder) note(layer int, path, what string) {
	b.notes[whittle.Ambiguity{Path: path, Layer: layer, What: what}] = true
}

// layer extracts a layer, lays it over the others and notes which contents it hides.
func (b *builder) layer(n int) error {
	t := &layerTree{builder: b, n: n, root: &node{path: ".", kind: whittle.Dir, entry: implied}}
	entries := b.indexes[n].Entries
	b.grow(entries)
	for i := range entries {
		t.put(i, &entries[i])
		if err := b.overLimit(); err != nil {
			return fmt.Errorf("entry %d (%.80q): %w", i, entries[i].Path, err)
		}
	}
	t.linkPending()
	if t.markers {
		t.strip(b.root, t.root)
	}
	b.overlay(n, b.root, t.root)
	b.hide(n)
	return b.overLimit()
}

// grow makes room for the items of a layer.
func (b *builder) grow(entries []whittle.Entry) {
	files := 0
	for i := range entries {
		if entries[i].Kind == whittle.File {
			files++
		}
	}
	b.ledger.Items = slices.Grow(b.ledger.Items, files)
	b.names = slices.Grow(b.names, files)
}

func (b *builder) overLimit() error {
	var err error
	switch {
	case b.foldersLeft < 0:
		err = whittle.ErrLimit.Errorf("the entries lie in more than %d folders that are not listed", b.folders)
	case b.pathLeft < 0:
		err = whittle.ErrLimit.Errorf("symlinked parents make the paths longer than %s", whittle.Bytes(folderPath*int64(b.folders)))
	case b.stepsLeft < 0:
		err = whittle.ErrLimit.Errorf("the paths and symlinks take more than %d steps", folderSteps*b.folders)
	}
	return whittle.WithHint(err, "--max-memory raises the limit")
}
