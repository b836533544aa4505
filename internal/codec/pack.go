package codec

import (
	"bytes"
	"slices"
	"sync"

	"github.com/klauspost/compress/s2"

	"whittle.dev/whittle"
)

var packing sync.Pool // of *[]byte

// mostScratch is the largest scratch that is used again, in bytes.
const mostScratch = 4 << 20

// Pack compresses a text that is kept in memory: Python's source to a bit more than a
// third, more than twice as fast as zstd's fastest level. The format is S2, an extension
// of Snappy's.
func Pack(text []byte) []byte {
	scratch, _ := packing.Get().(*[]byte)
	if scratch == nil {
		scratch = new([]byte)
	}
	*scratch = slices.Grow((*scratch)[:0], s2.MaxEncodedLen(len(text)))
	packed := bytes.Clone(s2.Encode((*scratch)[:cap(*scratch)], text))
	if cap(*scratch) <= mostScratch {
		packing.Put(scratch)
	}
	return packed
}

// UnpackedSize is the number of bytes that packed bytes claim to become. It is
// [whittle.ErrCorrupt] if Pack did not make them, and [whittle.ErrLimit] if they are more
// than most.
func UnpackedSize(packed []byte, most int) (int, error) {
	n, err := s2.DecodedLen(packed)
	switch {
	case err != nil:
		return 0, whittle.ErrCorrupt.Errorf("a packed text: %w", err)
	case n > most:
		return 0, whittle.ErrLimit.Errorf("a packed text has %d bytes, more than %d", n, most)
	}
	return n, nil
}

// Unpack gives back the text of Pack, with the errors of UnpackedSize.
func Unpack(packed []byte, most int) ([]byte, error) {
	if _, err := UnpackedSize(packed, most); err != nil {
		return nil, err
	}
	text, err := s2.Decode(nil, packed)
	if err != nil {
		return nil, whittle.ErrCorrupt.Errorf("a packed text: %w", err)
	}
	return text, nil
}
