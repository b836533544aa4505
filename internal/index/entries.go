package index

import (
	"math"

	"whittle.dev/whittle"
)

// entries collects the entries of a layer while it is read, encoded as in the cache: in a third
// of their memory, in which the garbage collector has nothing to look for.
type entries struct {
	full [][]byte
	last []byte
	n    int           // of all
	prev whittle.Entry // the one that was added last
}

// entriesBlock is the length in bytes of the blocks of encoded entries, and entryRoom what most
// of them need at most.
const (
	entriesBlock = 16 << 10
	entryRoom    = 512
)

func (l *entries) add(e *whittle.Entry) {
	if cap(l.last)-len(l.last) < entryRoom {
		if l.last != nil {
			l.full = append(l.full, l.last)
		}
		l.last = make([]byte, 0, entriesBlock)
	}
	l.last = appendEntry(l.last, e, &l.prev)
	l.prev = *e
	l.n++
}

// all are all of them in order, nil if there are none. It empties l.
func (l *entries) all() []whittle.Entry {
	if l.n == 0 {
		return nil
	}
	out := make([]whittle.Entry, l.n)
	d := &decoder{most: math.MaxInt}
	prev := &whittle.Entry{}
	l.full = append(l.full, l.last)
	i := 0
	for k, b := range l.full {
		d.b, l.full[k] = b, nil
		for ; len(d.b) > 0 && !d.bad; i++ { // it never is
			d.entry(&out[i], prev)
			prev = &out[i]
		}
	}
	*l = entries{}
	return out
}
