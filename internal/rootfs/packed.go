package rootfs

import (
	"sync"
	"sync/atomic"

	"whittle.dev/whittle/internal/codec"
	"whittle.dev/whittle/internal/python/source"
)

// Of a Python text, an index keeps the text itself, compressed: most are never asked
// for, and compressing takes a tenth of the time of scanning.

// maxPacked bounds the compressed texts of an image, in bytes, and maxPackedText each
// before it is compressed. Of others the facts are kept, which are smaller, as they are
// read: so no more than a few large ones are in memory.
const (
	maxPacked     = 96 << 20
	maxPackedText = 1 << 20
)

// packer compresses the Python texts of one image.
type packer struct{ bytes atomic.Int64 }

// pack compresses a text; ok is false if it is too long, or if there are too many
// of them. A nil packer packs none.
func (p *packer) pack(text []byte) (packed []byte, ok bool) {
	if p == nil || len(text) > maxPackedText || p.bytes.Load() > maxPacked {
		return nil, false
	}
	packed = codec.Pack(text)
	p.bytes.Add(int64(len(packed)))
	return packed, true
}

// scanned is what a text says as a Python text, once that was asked for: nil if the text
// is damaged.
type scanned struct {
	once  sync.Once
	facts *source.Facts
}

// scan scans the text of a file, once; ok is false if the text is damaged.
func (f *facts) scan() (s *source.Facts, ok bool) {
	f.scanned.once.Do(func() {
		if f.scanned.facts = f.decoded(); f.scanned.facts != nil {
			return
		}
		text, err := f.text, error(nil)
		if f.packed != nil {
			text, err = codec.Unpack(f.packed, maxPackedText)
		}
		if err == nil {
			f.scanned.facts = source.Scan(text)
		}
	})
	return f.scanned.facts, f.scanned.facts != nil
}
