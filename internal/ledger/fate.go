package ledger

import (
	"sort"

	"whittle.dev/whittle"
)

// loss is a name that some content lost.
type loss struct {
	item int32
	// by is the content that has the name now, none where that is no regular
	// file.
	by    int32
	cause whittle.Cause // where by is none
}

// lose takes the names below old away from their contents, because by (nil
// for nothing) takes its place. cause is why content is hidden that has nothing at
// its place in by.
func (b *builder) lose(old, by *node, cause whittle.Cause) {
	old.gone = true
	if by != nil && by.kind == whittle.Whiteout {
		by = nil
	}
	if old.item != none {
		l := loss{item: old.item, by: none, cause: cause}
		if by != nil {
			l.cause = whittle.Replaced
			l.by = by.item
		}
		b.names[old.item]--
		b.losses = append(b.losses, l)
	}
	for name, child := range old.all() {
		switch {
		case by == nil:
			b.lose(child, nil, cause)
		case by.kind != whittle.Dir:
			b.lose(child, nil, whittle.Replaced)
		default:
			b.lose(child, by.child(name), cause)
		}
	}
}

// hide finds the contents that have no name left after a layer. If several
// names went at once, the greatest of the causes counts: see causeOf.
func (b *builder) hide(layer int) {
	for _, l := range b.losses {
		if b.names[l.item] > 0 {
			continue
		}
		it := &b.ledger.Items[l.item]
		it.HiddenBy = layer
		cause, known := b.causeOf(l)
		if it.Cause = max(it.Cause, cause); !known {
			b.open = append(b.open, l)
		}
	}
	b.losses = b.losses[:0]
}

// causeOf compares hidden content with what is in its place; known is false if that takes
// digests that are not there. The causes are ordered: the more the two have in common the
// greater.
func (b *builder) causeOf(l loss) (cause whittle.Cause, known bool) {
	if l.by == none {
		return l.cause, true
	}
	old, by := b.itemEntry(l.item), b.itemEntry(l.by)
	switch {
	case old.Size != by.Size:
		return whittle.Replaced, true
	case old.Size > 0 && (old.Content == [32]byte{} || by.Content == [32]byte{}):
		b.need(l.item)
		b.need(l.by)
		return whittle.Replaced, false
	case old.Size > 0 && old.Content != by.Content:
		return whittle.Replaced, true
	case old.Mode == by.Mode && old.UID == by.UID && old.GID == by.GID && old.ModTime == by.ModTime && old.Special.Value().Xattrs == by.Special.Value().Xattrs:
		return whittle.Identical, true
	}
	return whittle.Metadata, true
}

func (b *builder) itemEntry(item int32) *whittle.Entry {
	it := &b.ledger.Items[item]
	return &b.indexes[it.Layer].Entries[it.Entry]
}

// need notes that a content's digest would decide a cause.
func (b *builder) need(item int32) {
	if it := &b.ledger.Items[item]; b.itemEntry(item).Content == [32]byte{} {
		b.needed[[2]int{it.Layer, it.Entry}] = true
	}
}

func (b *builder) undecided() [][]int {
	lists := make([][]int, len(b.indexes))
	for k := range b.needed {
		lists[k[0]] = append(lists[k[0]], k[1])
	}
	for _, l := range lists {
		sort.Ints(l)
	}
	return lists
}
