package view

// Without is what an image would be without some of its files: what a rebuild
// would give that never makes them. A path goes from all layers.
type Without struct {
	model *Model
	gone  []bool
	steps [][]int32
	// Sum is what goes, and Linked those of its bytes that have further names by
	// hard links: they stay if one of these does.
	Sum    Sum
	Linked int64
}

// Without starts with an image that has all its files.
func (m *Model) Without() *Without { return &Without{model: m, gone: make([]bool, m.Len())} }

// Remove takes the paths of a selection away, and says what that saves besides
// what is gone already.
func (w *Without) Remove(s *Selection) Sum {
	before, m := w.Sum, w.model
	step := []int32{}
	for i := range s.Items() {
		if w.gone[i] {
			continue // with all of its path
		}
		first, last := i, i
		for first > 0 && m.samePath(first-1, i) {
			first--
		}
		for last+1 < m.Len() && m.samePath(last+1, i) {
			last++
		}
		for k := first; k <= last; k++ {
			if !w.gone[k] {
				step = append(step, int32(k))
				w.set(k, true)
			}
		}
	}
	w.steps = append(w.steps, step)
	return w.Sum.less(before)
}

func (s Sum) less(t Sum) Sum {
	return Sum{s.Files - t.Files, s.Visible - t.Visible, s.Wasted - t.Wasted, s.Download - t.Download}
}

func (m *Model) samePath(a, b int) bool {
	return m.columns.folder[a] == m.columns.folder[b] && m.Name(a) == m.Name(b)
}

func (w *Without) set(item int, gone bool) {
	w.gone[item] = gone
	s, linked := w.model.columns.sum(item), int64(0)
	if w.model.Linked(item) {
		linked = w.model.Size(item)
	}
	if gone {
		w.Sum.add(s)
		w.Linked += linked
		return
	}
	w.Sum = w.Sum.less(s)
	w.Linked -= linked
}

// Undo brings back what was removed last; it is false where nothing was.
func (w *Without) Undo() bool {
	if len(w.steps) == 0 {
		return false
	}
	last := len(w.steps) - 1
	for _, i := range w.steps[last] {
		w.set(int(i), false)
	}
	w.steps = w.steps[:last]
	return true
}

// Gone says whether an item is removed.
func (w *Without) Gone(item int) bool { return w.gone[item] }

// Size is the image's size without what is gone, in bytes.
func (w *Without) Size() int64 { return w.model.Total.Size() - w.Sum.Size() }
