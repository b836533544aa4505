package ledger

import (
	"fmt"

	"whittle.dev/whittle"
)

// Replay gives the layers' indexes as a rebuild would make them after some
// changes together: the names that are removed are gone, and contents that
// shrink have the most bytes that they may keep. Content whose own entry is
// removed stays under the first hard link of the layer that is not. The
// indexes that are given are not changed.
//
// What a change adds or takes away elsewhere ([whittle.LayerChange.Plus]) is
// in no layer: see [Saving].
func Replay(indexes []*whittle.Index, changes ...whittle.LayerChange) ([]*whittle.Index, error) {
	r, err := newReplay(indexes, changes)
	if err != nil {
		return nil, err
	}
	out := make([]*whittle.Index, len(indexes))
	for n, idx := range indexes {
		out[n] = r.layer(n, idx)
	}
	return out, nil
}

// Saving is what changes save together in unpacked bytes: exact where they are
// about files alone.
func Saving(indexes []*whittle.Index, changes ...whittle.LayerChange) (whittle.Saving, error) {
	r, err := newReplay(indexes, changes)
	if err != nil {
		return whittle.Saving{}, err
	}
	var s whittle.Saving
	for n, idx := range indexes {
		s = r.saved(s, n, idx)
	}
	for _, c := range changes {
		s.Low -= c.Plus
		s.High -= c.Minus
	}
	return s, nil
}

// replay is what changes ask for, layer by layer.
type replay struct {
	removed []map[int]bool
	shrunk  []map[int]span // bytes that remain
}

type span struct{ low, high int64 }

func newReplay(indexes []*whittle.Index, changes []whittle.LayerChange) (*replay, error) {
	r := &replay{removed: make([]map[int]bool, len(indexes)), shrunk: make([]map[int]span, len(indexes))}
	entry := func(c whittle.Content) (*whittle.Entry, error) {
		if c.Layer < 0 || c.Layer >= len(indexes) || c.Entry < 0 || c.Entry >= len(indexes[c.Layer].Entries) {
			return nil, fmt.Errorf("a change names entry %d of layer %d, which is not there", c.Entry, c.Layer)
		}
		return &indexes[c.Layer].Entries[c.Entry], nil
	}
	for _, change := range changes {
		for _, c := range change.Remove {
			if _, err := entry(c); err != nil {
				return nil, err
			}
			if r.removed[c.Layer] == nil {
				r.removed[c.Layer] = map[int]bool{}
			}
			r.removed[c.Layer][c.Entry] = true
		}
		for _, s := range change.Shrink {
			e, err := entry(s.Content)
			if err != nil {
				return nil, err
			}
			if s.Low < 0 || s.Low > s.High || s.High > e.Size {
				return nil, fmt.Errorf("a change leaves %d to %d of the %d bytes of %.80q", s.Low, s.High, e.Size, e.Path)
			}
			r.shrink(s)
		}
	}
	return r, nil
}

// shrink keeps the least of what several changes leave.
func (r *replay) shrink(s whittle.Shrunk) {
	if r.shrunk[s.Layer] == nil {
		r.shrunk[s.Layer] = map[int]span{}
	}
	left := span{s.Low, s.High}
	if old, ok := r.shrunk[s.Layer][s.Entry]; ok {
		left = span{min(old.low, left.low), min(old.high, left.high)}
	}
	r.shrunk[s.Layer][s.Entry] = left
}

// heirs says which hard link keeps the content of each removed file; a file
// without one is gone.
func (r *replay) heirs(n int, idx *whittle.Index) map[int]int {
	if len(r.removed[n]) == 0 {
		return nil
	}
	named := map[string]int{} // the file that a path names, removed ones only
	heirs := map[int]int{}
	for i := range idx.Entries {
		switch e := &idx.Entries[i]; e.Kind {
		case whittle.HardLink:
			file, ok := named[e.Link]
			if !ok {
				delete(named, e.Path)
				continue
			}
			named[e.Path] = file
			if _, has := heirs[file]; !has && !r.removed[n][i] {
				heirs[file] = i
			}
		case whittle.File:
			delete(named, e.Path)
			if r.removed[n][i] {
				named[e.Path] = i
			}
		default:
			delete(named, e.Path)
		}
	}
	return heirs
}

func (r *replay) saved(s whittle.Saving, n int, idx *whittle.Index) whittle.Saving {
	heirs := r.heirs(n, idx)
	gone := func(i int) bool { _, kept := heirs[i]; return r.removed[n][i] && !kept }
	for i := range r.removed[n] {
		if idx.Entries[i].Kind == whittle.File && gone(i) {
			s.Low += idx.Entries[i].Size
			s.High += idx.Entries[i].Size
		}
	}
	for i, left := range r.shrunk[n] {
		if !gone(i) {
			s.Low += idx.Entries[i].Size - left.high
			s.High += idx.Entries[i].Size - left.low
		}
	}
	return s
}

// layer is an index without what is removed.
func (r *replay) layer(n int, idx *whittle.Index) *whittle.Index {
	if len(r.removed[n]) == 0 && len(r.shrunk[n]) == 0 {
		return idx
	}
	heirs := r.heirs(n, idx)
	inherits := map[int]int{}
	for file, link := range heirs {
		inherits[link] = file
	}
	out := *idx
	out.Kept, out.KeptBy, out.Size, out.TarSize = nil, "", 0, 0
	out.Entries = make([]whittle.Entry, 0, len(idx.Entries))
	moved := map[string]string{} // where content is that has another name now
	for i, e := range idx.Entries {
		if r.removed[n][i] {
			continue
		}
		size := func(i int) int64 {
			if left, ok := r.shrunk[n][i]; ok {
				return left.high
			}
			return idx.Entries[i].Size
		}
		if file, ok := inherits[i]; ok {
			moved[idx.Entries[file].Path] = e.Path
			name := e.Path
			e = idx.Entries[file]
			e.Path, e.Size = name, size(file)
		} else if e.Kind == whittle.File {
			e.Size = size(i)
		} else if to, ok := moved[e.Link]; ok && e.Kind == whittle.HardLink {
			e.Link = to
		}
		if e.Kind == whittle.File {
			out.Size += e.Size
		}
		out.Entries = append(out.Entries, e)
	}
	return &out
}
