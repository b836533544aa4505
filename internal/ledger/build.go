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
// digests of their contents, they are taken to differ: see [Decide].
// Errors wrap [whittle.ErrLimit].
func Build(indexes []*whittle.Index, opts Options) (*whittle.Ledger, error) {
	b, err := merge(indexes, opts)
	if err != nil {
		return nil, err
	}
	return b.account()
}

// Decide is [Build] that asks for the digests which distinguish content that was replaced
// from content that is there again: where a file's last name is taken by another file of the
// same size and at least one of the two has no digest. digest sets the Content of some
// entries of a layer, as index.Digest does; its errors are returned as they are.
func Decide(indexes []*whittle.Index, opts Options, digest func(layer int, entries []int) error) (*whittle.Ledger, error) {
	b, err := merge(indexes, opts)
	if err != nil {
		return nil, err
	}
	for layer, entries := range b.undecided() {
		if len(entries) == 0 {
			continue
		}
		if err := digest(layer, entries); err != nil {
			return nil, err
		}
	}
	for _, l := range b.open {
		it := &b.ledger.Items[l.item]
		cause, _ := b.causeOf(l)
		it.Cause = max(it.Cause, cause)
	}
	return b.account()
}

// account makes the ledger of what was merged.
func (b *builder) account() (*whittle.Ledger, error) {
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

func merge(indexes []*whittle.Index, opts Options) (*builder, error) {
	if opts.Folders <= 0 {
		opts.Folders = defaultFolders
	}
	b := &builder{indexes: indexes, folders: opts.Folders, foldersLeft: opts.Folders, pathLeft: folderPath * opts.Folders, stepsLeft: folderSteps * opts.Folders,
		root:   &node{path: ".", kind: whittle.Dir, entry: implied},
		ledger: &whittle.Ledger{Layers: make([]whittle.LayerSum, len(indexes))},
		needed: map[[2]int]bool{}, notes: map[whittle.Ambiguity]bool{}}
	b.grow()
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
	// open are those of all layers whose causes depend on digests that are not known; needed
	// has the entries, by layer and position. Until then they count as replaced, which is the
	// least of the causes that they may have.
	open   []loss
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

// grow makes room for the items of all layers.
func (b *builder) grow() {
	files := 0
	for _, idx := range b.indexes {
		for i := range idx.Entries {
			if idx.Entries[i].Kind == whittle.File {
				files++
			}
		}
	}
	b.ledger.Items = make([]whittle.Item, 0, files)
	b.names = make([]int32, 0, files)
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
