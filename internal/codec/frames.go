package codec

import (
	"bufio"
	"io"

	"github.com/klauspost/compress/zstd"

	"whittle.dev/whittle"
)

// FrameWriter compresses into frames of zstd that can be read each on its own: Close ends
// a frame, Reset begins the next one. A frame of nothing has no bytes.
type FrameWriter interface {
	io.WriteCloser
	Reset(w io.Writer)
}

// NewFrameWriter writes frames of zstd; level is as for [NewWriter].
func NewFrameWriter(w io.Writer, level int) (FrameWriter, error) {
	z, err := NewWriter(w, Zstd, level)
	if err != nil {
		return nil, err
	}
	return z.(*zstd.Encoder), nil
}

// FrameReader reads frames of zstd, those of one source after those of another.
type FrameReader struct {
	decoder *zstd.Decoder
	buf     *bufio.Reader
}

// Open reads the frames of src, instead of those that were read before.
func (f *FrameReader) Open(src io.Reader) (io.Reader, error) {
	var err error
	if f.decoder == nil {
		f.buf = bufio.NewReaderSize(src, 64<<10)
		f.decoder, err = zstd.NewReader(f.buf, zstd.WithDecoderMaxWindow(window), zstd.WithDecoderLowmem(true), zstd.WithDecoderConcurrency(1))
	} else {
		f.buf.Reset(src)
		err = f.decoder.Reset(f.buf)
	}
	return frames{f.decoder}, Error(err)
}

// Close frees the decoder.
func (f *FrameReader) Close() {
	if f.decoder != nil {
		f.decoder.Close()
	}
}

// frames classifies the errors of a decoder.
type frames struct{ r io.Reader }

func (f frames) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // io.EOF is never wrapped by a reader
		err = Error(err)
	}
	return n, err
}

// SkippableFrame is what decoders of zstd leave out (RFC 8878, section 3.1.2), with what is
// in it. Content has less than 4 GiB.
func SkippableFrame(content []byte) ([]byte, error) {
	if int64(len(content)) >= 1<<32 {
		return nil, whittle.ErrLimit.Errorf("a skippable frame has less than 4 GiB, not %s", whittle.Bytes(int64(len(content))))
	}
	n := len(content)
	return append([]byte{0x50, 0x2a, 0x4d, 0x18, byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)}, content...), nil
}
