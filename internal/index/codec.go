package index

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"

	"whittle.dev/whittle"
)

// codec is the compression of a layer. Like engines, whittle takes it from the
// first bytes, not from the media type.
type codec string

const (
	plain codec = "tar"
	gz    codec = "gzip"
	zst   codec = "zstd"
	bz2   codec = "bzip2"
	xz    codec = "xz"
)

// magicSize is the number of bytes that distinguish the codecs.
const magicSize = 6

// codecOf finds the codec by the first bytes. A zstd stream may start with a
// skippable frame (RFC 8878, section 3.1.2).
func codecOf(magic []byte) codec {
	switch {
	case bytes.HasPrefix(magic, []byte("\x1f\x8b")):
		return gz
	case bytes.HasPrefix(magic, []byte("\x28\xb5\x2f\xfd")):
		return zst
	case len(magic) >= 4 && magic[0]&0xf0 == 0x50 && bytes.Equal(magic[1:4], []byte("\x2a\x4d\x18")):
		return zst
	case bytes.HasPrefix(magic, []byte("BZh")):
		return bz2
	case bytes.HasPrefix(magic, []byte("\xfd7zXZ\x00")):
		return xz
	}
	return plain
}

// zstdWindow is the largest window that is accepted, which is that of zstd's
// highest level. The decoder allocates what a frame's header asks for.
const zstdWindow = 128 << 20

// decompress chooses the decoder for src. The release function frees the decoder;
// it does not close src.
func decompress(src *bufio.Reader) (r io.Reader, release func(), err error) {
	magic, err := src.Peek(magicSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	none := func() {}
	switch c := codecOf(magic); c {
	case plain:
		return src, none, nil
	case gz:
		r, err := newGunzip(src)
		return r, none, decodeError(err)
	case zst:
		r, err := zstd.NewReader(src, zstd.WithDecoderMaxWindow(zstdWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, nil, decodeError(err)
		}
		return r, r.Close, nil
	default:
		return nil, nil, whittle.ErrUnsupported.Errorf("compression by %s is not known", c)
	}
}

// decodeError classifies the error of a decoder about bytes that could be read.
func decodeError(err error) error {
	switch {
	case err == nil, errors.Is(err, whittle.ErrCorrupt), errors.Is(err, whittle.ErrLimit), errors.Is(err, whittle.ErrUnsupported):
		return err
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return whittle.ErrLimit.Errorf("zstd window of more than %s", whittle.Bytes(zstdWindow))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return whittle.ErrCorrupt.Errorf("the compressed data is cut short")
	}
	return whittle.ErrCorrupt.Errorf("decompressing: %w", err)
}
