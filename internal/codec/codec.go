// Package codec decompresses what layers and archives are compressed by: gzip, zstd,
// bzip2 and xz. The first bytes say which it is, as for engines; no name and no media
// type does.
package codec

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
	"github.com/mikelolasagasti/xz"

	"whittle.dev/whittle"
)

// Codec is a compression.
type Codec string

// The codecs. Plain is what is not compressed.
const (
	Plain Codec = "tar"
	Gzip  Codec = "gzip"
	Zstd  Codec = "zstd"
	Bzip2 Codec = "bzip2"
	XZ    Codec = "xz"
	// ZstdChunked is Zstd with a table of contents, which the room chunked writes. To
	// [Of] it is Zstd.
	ZstdChunked Codec = "zstd:chunked"
)

// MagicSize is the number of bytes that distinguish the codecs.
const MagicSize = 6

// Of finds the codec by the first bytes. A zstd stream may start with a skippable
// frame (RFC 8878, section 3.1.2).
func Of(magic []byte) Codec {
	switch {
	case bytes.HasPrefix(magic, []byte("\x1f\x8b")):
		return Gzip
	case bytes.HasPrefix(magic, []byte("\x28\xb5\x2f\xfd")):
		return Zstd
	case len(magic) >= 4 && magic[0]&0xf0 == 0x50 && bytes.Equal(magic[1:4], []byte("\x2a\x4d\x18")):
		return Zstd
	case bytes.HasPrefix(magic, []byte("BZh")):
		return Bzip2
	case bytes.HasPrefix(magic, []byte("\xfd7zXZ\x00")):
		return XZ
	}
	return Plain
}

// window is the largest window that is accepted, in bytes: that of the highest level
// of zstd. xz -9 needs 64 MiB. Decoders allocate what a header asks for.
const window = 128 << 20

// Decompress chooses the decoder for src. The release function frees the decoder, and waits
// for what it still decodes; it may be called again, and does not close src.
func Decompress(src *bufio.Reader) (r io.Reader, release func(), err error) {
	magic, err := src.Peek(MagicSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	none := func() {}
	var d interface {
		io.Reader
		Close()
	}
	switch c := Of(magic); {
	case c == Gzip:
		d, err = newMembers(src)
	case c == Zstd && cores() == 1:
		d, err = newDecoder(src)
	case c == Zstd:
		d, err = newZframes(src)
	case c == Bzip2:
		return bzip2.NewReader(src), none, nil
	case c == XZ:
		r, err := xz.NewReader(src, window)
		return r, none, Error(err)
	default:
		return src, none, nil
	}
	if err != nil {
		return nil, nil, Error(err)
	}
	return d, sync.OnceFunc(d.Close), nil
}

// Error classifies the error of a decoder about bytes that could be read.
func Error(err error) error {
	switch {
	case err == nil, errors.Is(err, whittle.ErrCorrupt), errors.Is(err, whittle.ErrLimit), errors.Is(err, whittle.ErrUnsupported):
		return err
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, xz.ErrMemlimit):
		return whittle.ErrLimit.Errorf("a compression window of more than %s", whittle.Bytes(window))
	case errors.Is(err, xz.ErrUnsupportedCheck), errors.Is(err, xz.ErrOptions):
		return whittle.ErrUnsupported.Errorf("decompressing: %w", err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, xz.ErrBuf):
		return whittle.ErrCorrupt.Errorf("the compressed data is cut short")
	}
	return whittle.ErrCorrupt.Errorf("decompressing: %w", err)
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
