package index

import "whittle.dev/whittle"

// entries collects the entries of a layer. An appended slice would be copied, and left to the
// garbage collector, each time it grows.
type entries struct {
	full [][]whittle.Entry
	last []whittle.Entry
	n    int // of all
}

// smallestChunk and largestChunk are the numbers of entries that are allocated at once.
const (
	smallestChunk = 16
	largestChunk  = 1024
)

func (e *entries) add(entry whittle.Entry) {
	if len(e.last) == cap(e.last) {
		if e.last != nil {
			e.full = append(e.full, e.last)
		}
		e.last = make([]whittle.Entry, 0, min(max(2*cap(e.last), smallestChunk), largestChunk))
	}
	e.last = append(e.last, entry)
	e.n++
}

// all are all of them in order, nil if there are none. It empties e.
func (e *entries) all() []whittle.Entry {
	if e.n == 0 {
		return nil
	}
	out := make([]whittle.Entry, 0, e.n)
	for i, c := range e.full {
		out = append(out, c...)
		e.full[i] = nil
	}
	out = append(out, e.last...)
	*e = entries{}
	return out
}
