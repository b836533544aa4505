package ledger

import (
	"whittle"
)

// strip drops the whiteouts that have nothing below them to hide: those under
// directories that lower does not have. It leaves the others for overlay.
func (t *layerTree) strip(lower, upper *node) {
	for name, u := range upper.children {
		var l *node
		if lower != nil {
			l = lower.children[name]
		}
		switch {
		case u.kind == whittle.Whiteout && l == nil:
			delete(upper.children, name)
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
	for name, u := range upper.children {
		l := lower.children[name]
		switch {
		case l == nil:
			lower.set(name, u)
		case u.kind == whittle.Whiteout:
			b.lose(l, nil, whittle.Deleted)
			delete(lower.children, name)
		case u.kind == whittle.Dir && l.kind == whittle.Dir && !u.opaque:
			b.overlay(n, l, u)
		case u.kind == whittle.Dir && l.kind == whittle.Dir:
			b.lose(l, u, whittle.Deleted)
			lower.children[name] = u
		default:
			b.noteReplaced(n, l, u)
			b.lose(l, u, whittle.Replaced)
			lower.children[name] = u
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
