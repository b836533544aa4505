package whittle

import "fmt"

// Cause is why content is wasted. The zero Cause means that it is visible.
type Cause uint8

// The causes of waste, as docs/terms.md explains them.
const (
	// Visible content is visible in the merged root file system.
	Visible Cause = iota
	// Deleted content lies under a whiteout or an opaque directory.
	Deleted
	// Replaced content has something else at its path above.
	Replaced
	// Metadata: the same content is at the path again in a later layer, and only
	// mode, owner, time or extended attributes differ.
	Metadata
	// Identical: the same file is at the path again in a later layer, unchanged.
	Identical
)

var causeNames = [...]string{"visible", "deleted", "replaced", "metadata", "identical"}

// String is the cause as JSON has it.
func (c Cause) String() string {
	if int(c) < len(causeNames) {
		return causeNames[c]
	}
	return fmt.Sprintf("cause %d", uint8(c))
}

// MarshalText is String.
func (c Cause) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (c *Cause) UnmarshalText(text []byte) error {
	for i, n := range causeNames {
		if n == string(text) {
			*c = Cause(i)
			return nil
		}
	}
	return ErrCorrupt.Errorf("there is no cause %q", text)
}

// Item is one piece of content in one layer: a regular file's bytes, however
// many hard links name them.
type Item struct {
	// Path is where the content was added. If that name is gone and a hard
	// link keeps the content alive, it is that link's path.
	Path string
	// Layer added the content.
	Layer int
	// Entry is the position in the layer's index.
	Entry int
	Bytes int64
	Cause Cause
	// HiddenBy is the layer that hides it, -1 while it is visible. For a
	// path twice in one tar it equals Layer.
	HiddenBy int
}

// LayerSum adds up one layer.
type LayerSum struct {
	Size, Visible, Wasted int64
	// Entries counts the entries of the layer's tar.
	Entries int
}

// Ledger accounts for every content byte of an image.
type Ledger struct {
	// Layers has one sum for each layer, lowest first.
	Layers []LayerSum
	// Items are sorted by layer, then by position in the layer.
	Items []Item
	// Tree is the merged root file system.
	Tree *Tree
	// Ambiguous lists places where runtimes merge the layers differently;
	// figures follow Docker's overlay2.
	Ambiguous []Ambiguity
}

// Ambiguity is a place in an image whose merge depends on the runtime.
type Ambiguity struct {
	Path  string `json:"path"`
	Layer int    `json:"layer"`
	// What says what the place holds: "write through a symlinked parent".
	What string `json:"what"`
}

// Tree is the merged root file system: every visible path but the root.
type Tree struct {
	// Nodes are sorted by path, bytewise by component.
	Nodes []Node
}

// Node is one visible path.
type Node struct {
	Path string
	// Layer and Entry say which layer's entry is seen here; Entry is -1 for a
	// directory that no layer lists and that exists because of its contents.
	Layer, Entry int
	// Item is the index of the content in [Ledger.Items], or -1.
	Item int
}

// Sum adds up the layers.
func (l *Ledger) Sum() LayerSum {
	var t LayerSum
	for _, s := range l.Layers {
		t.Size += s.Size
		t.Visible += s.Visible
		t.Wasted += s.Wasted
		t.Entries += s.Entries
	}
	return t
}

// Validate checks the law of conservation: in each layer the items add up to
// its visible and wasted bytes, and these to its size; and a wasted item names
// a layer at or above its own that hides it.
func (l *Ledger) Validate() error {
	sums := make([]LayerSum, len(l.Layers))
	for i, it := range l.Items {
		if it.Layer < 0 || it.Layer >= len(sums) {
			return fmt.Errorf("ledger item %d (%.80q) names layer %d of %d", i, it.Path, it.Layer, len(sums))
		}
		s := &sums[it.Layer]
		s.Size += it.Bytes
		switch {
		case it.Cause == Visible && it.HiddenBy == -1:
			s.Visible += it.Bytes
		case it.Cause != Visible && it.HiddenBy >= it.Layer && it.HiddenBy < len(sums):
			s.Wasted += it.Bytes
		default:
			return fmt.Errorf("ledger item %d (%.80q) of layer %d is %s and hidden by layer %d", i, it.Path, it.Layer, it.Cause, it.HiddenBy)
		}
	}
	for i, s := range sums {
		s.Entries = l.Layers[i].Entries
		if s != l.Layers[i] {
			return fmt.Errorf("ledger layer %d: items add up to %+v, the layer says %+v", i, s, l.Layers[i])
		}
	}
	return nil
}
