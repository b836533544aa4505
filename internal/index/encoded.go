package index

import (
	"bytes"
	"context"

	"whittle.dev/whittle"
)

// Version names the format of encoded indexes: what another version has encoded is not
// decoded.
const Version = cacheVersion

// Indexed is implemented by layers whose index was made before, and is kept elsewhere than
// in a [Cache]. Index is that index and its cost, of bytes that were verified then; nil if
// there is none, or none that can be used. The caller may change it.
type Indexed interface {
	Index(ctx context.Context) (*whittle.Index, Cost, error)
}

// ReadEncoded indexes a layer as [Read] does, but always by reading all of it, and gives the
// index in the form in which [Decode] reads it.
func ReadEncoded(ctx context.Context, layer whittle.Layer, opts Options) (encoded []byte, err error) {
	opts.Limits, opts.Cache = opts.Limits.withDefaults(), nil
	r := &reader{layer: layer, opts: opts, spent: &spent{}}
	st, err := statOf(ctx, layer)
	if err != nil {
		st = whittle.Stat{Size: -1} // the error of reading it is more precise
	}
	idx, took, err := r.readStream(ctx, opts, st)
	if err != nil {
		return nil, wrap(layer, err)
	}
	var b bytes.Buffer
	if err := encode(&b, idx, took.cost); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Decode reads an index that [ReadEncoded] gave. What is damaged, or of another version, is
// [whittle.ErrCorrupt].
func Decode(encoded []byte) (*whittle.Index, Cost, error) { return decode(encoded) }
