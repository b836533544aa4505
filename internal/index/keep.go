package index

import (
	"bytes"
	"io"

	"whittle"
)

// keeper keeps the contents of selected files while they pass by.
type keeper struct {
	idx  *whittle.Index
	want func(path string) bool // nil keeps nothing
	left int64                  // bytes that may still be kept
	file *bytes.Buffer          // the file that passes, nil if it is not kept
}

// tap is r, copied on the way where the entry is to be kept. What is larger
// than what is left is not kept.
func (k *keeper) tap(e *whittle.Entry, r io.Reader) io.Reader {
	k.file = nil
	if k.want == nil || e.Size > k.left || !k.want(e.Path) {
		return r
	}
	k.file = new(bytes.Buffer)
	return io.TeeReader(r, k.file)
}

// done keeps the file that passed as the entry that comes next.
func (k *keeper) done() {
	if k.file == nil {
		return
	}
	if k.idx.Kept == nil {
		k.idx.Kept = map[int][]byte{}
	}
	k.idx.Kept[len(k.idx.Entries)] = k.file.Bytes()
	k.left -= int64(k.file.Len())
}
