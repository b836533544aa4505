package ledger

import (
	"whittle.dev/whittle"
)

// strip drops the whiteouts that have nothing below them to hide: those under
// directories that lower does not have. It leaves the others for overlay.
func (t *layerTree) strip(lower, upper *node) {
	for name, u := range upper.all() {
		var l *node
		if lower != nil {
			l = lower.child(name)
		}
		switch {
		case u.kind == whittle.Whiteout && l == nil:
			upper.drop(name)
		case u.kind == whittle.Dir:
			if l != nil && l.kind != whittle.Dir || u.opaque {
				l = nil
			}
			t.strip(l, u)
		}
	}
}

// overlay lays the directory upper of layer n over lower, which keeps its
// place.
func (b *builder) overlay(n int, lower, upper *node) {
	if upper.entry != implied {
		lower.layer, lower.entry = upper.layer, upper.entry
	}
	for name, u := range upper.all() {
		l := lower.child(name)
		switch {
		case l == nil:
			lower.set(name, u)
		case u.kind == whittle.Whiteout:
			b.lose(l, nil, whittle.Deleted)
			lower.drop(name)
		case u.kind == whittle.Dir && l.kind == whittle.Dir && !u.opaque:
			if u.after {
				b.note(n, u.path, otherThenDir)
			}
			b.overlay(n, l, u)
		case u.kind == whittle.Dir && l.kind == whittle.Dir:
			if u.entry == implied { // an opaque marker says nothing of the directory itself
				u.layer, u.entry = l.layer, l.entry
			}
			b.lose(l, u, whittle.Deleted)
			lower.set(name, u)
		default:
			b.noteReplaced(n, l, u)
			b.lose(l, u, whittle.Replaced)
			lower.set(name, u)
		}
	}
}

func (b *builder) noteReplaced(n int, l, u *node) {
	switch {
	case u.kind != whittle.Dir:
	case l.kind == whittle.Symlink:
		b.note(n, u.path, overSymlink)
	case u.entry == implied:
		b.note(n, u.path, overFile)
	}
}
