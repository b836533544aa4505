package index

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync/atomic"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/codec"
	"whittle.dev/whittle/internal/index/sha256parts"
)

// step is how many uncompressed bytes are read before they are counted.
const step = 256 << 10

// stream is the uncompressed tar of a layer. One goroutine reads the stored bytes
// (and the layer's reader verifies their digest), a second decompresses, and a
// third hashes for the diff ID. So its reader only waits for the decompressor.
// If digests of files are wanted too, its reader computes them and that of the tar,
// which together take the time of one.
type stream struct {
	layer    whittle.Layer
	limits   Limits
	cancel   context.CancelFunc
	src      io.ReadCloser
	ahead    *ring // stored bytes
	tar      *ring // uncompressed bytes
	release  func()
	sum      hash.Hash           // of the tar, if parts is nil
	parts    *sha256parts.Stream // the digests of the tar and of files, nil if those are not wanted
	stored   atomic.Int64        // stored bytes that were read so far
	blob     hash.Hash           // of the stored bytes, nil if not needed
	spent    *spent
	charged  int64 // uncompressed bytes that were added to spent
	ratio    int64 // the highest so far beyond ratioFrom
	pos      int64 // uncompressed bytes that were read so far
	reported int64
	progress func(n int64)
	err      error // sticky, io.EOF once verified
}

// sums says which digests of a layer are computed beside that of its tar.
type sums struct {
	blob  bool // of the stored bytes, see blobDigest
	files bool // of parts of the tar
}

// openStream starts to read a layer.
func openStream(ctx context.Context, layer whittle.Layer, limits Limits, spent *spent, wanted sums) (*stream, error) {
	ctx, cancel := context.WithCancel(ctx)
	src, err := layer.Open(ctx)
	if err != nil {
		cancel()
		return nil, err
	}
	s := &stream{layer: layer, limits: limits, cancel: cancel, src: src, release: func() {}, spent: spent}
	if wanted.blob {
		s.blob = sha256.New()
	}
	if wanted.files {
		s.parts = sha256parts.New()
	} else {
		s.sum = sha256.New()
	}
	s.ahead = newRing(ctx, &storedReader{src, &s.stored}, s.blob)
	dec, release, err := codec.Decompress(bufio.NewReaderSize(onlyReader{s.ahead}, 64<<10))
	if err != nil {
		s.Close()
		return nil, s.explain(err)
	}
	s.release = release
	s.tar = newRing(ctx, dec, s.sum)
	return s, nil
}

// storedReader counts the stored bytes and marks the source's own errors, so
// that they are not taken for a decoder's.
type storedReader struct {
	r io.Reader
	n *atomic.Int64
}

func (r *storedReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.n.Add(int64(n))
	if err != nil && err != io.EOF {
		err = &sourceError{err}
	}
	return n, err
}

type sourceError struct{ error }

func (e *sourceError) Unwrap() error { return e.error }

// Pos implements source.
func (s *stream) Pos() int64 { return s.pos }

// Read implements io.Reader.
func (s *stream) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.tar.Read(p)
	if s.parts != nil {
		_, _ = s.parts.Write(p[:n])
	}
	return n, s.advance(int64(n), err)
}

// Seek goes forward from the current position only, as archive/tar does to skip
// contents.
func (s *stream) Seek(offset int64, whence int) (int64, error) {
	if whence != io.SeekCurrent || offset < 0 {
		return -1, errors.ErrUnsupported
	}
	// In steps, so that the limits and the progress count what is skipped.
	for offset > 0 && s.err == nil {
		n, err := s.tar.skip(min(offset, step), s.parts)
		offset -= n
		if err := s.advance(n, err); err != nil && !errors.Is(err, io.EOF) {
			return -1, err
		}
	}
	return s.pos, nil
}

// advance accounts for n bytes and finishes the stream at its end.
func (s *stream) advance(n int64, err error) error {
	before := s.pos
	s.pos += n
	if before/step != s.pos/step {
		if err := s.charge(); err != nil {
			s.err = err
			return err
		}
		if s.progress != nil && s.pos-s.reported >= 1<<20 {
			s.reported = s.pos
			s.progress(s.stored.Load())
		}
	}
	if err == nil {
		return nil
	}
	if errors.Is(err, io.EOF) {
		err = s.finish()
	} else {
		err = s.explain(err)
	}
	s.err = err
	return err
}

// charge checks what was read so far against the limits.
func (s *stream) charge() error {
	n := s.pos - s.charged
	s.charged = s.pos
	stored := s.stored.Load()
	s.ratio = max(s.ratio, ratioOf(s.pos, stored))
	if err := s.spent.addTar(n, s.limits); err != nil {
		return err
	}
	return s.limits.checkRatio(s.pos, stored)
}

// ratioOf is the number of uncompressed bytes for each stored one, rounded up; 0 if
// there are too few bytes for a suspicious ratio.
func ratioOf(unpacked, stored int64) int64 {
	if unpacked <= ratioFrom {
		return 0
	}
	return unpacked/max(stored, 1) + 1
}

// blobDigest is the digest of the stored bytes, once the stream was read to
// its end.
func (s *stream) blobDigest() whittle.Digest {
	<-s.ahead.hashed
	return whittle.SHA256([32]byte(s.blob.Sum(nil)))
}

// finish reads the stored bytes that the decoder has left, so that the layer's
// reader can verify the whole blob, and verifies the diff ID.
func (s *stream) finish() error {
	if _, err := io.Copy(io.Discard, onlyReader{s.ahead}); err != nil {
		return s.explain(err)
	}
	if err := s.charge(); err != nil {
		return err
	}
	got := s.tarDigest()
	if want := s.layer.DiffID(); want != "" && got != want {
		return whittle.ErrCorrupt.Errorf("its content has the digest %s, the configuration says %s", got, want)
	}
	return io.EOF
}

// tarDigest is the digest of the tar, once it was read to its end.
func (s *stream) tarDigest() whittle.Digest {
	if s.parts != nil {
		return whittle.SHA256(s.parts.Sum())
	}
	<-s.tar.hashed
	return whittle.SHA256([32]byte(s.sum.Sum(nil)))
}

// explain distinguishes errors of the source from those of a decoder or the tar
// reader.
func (s *stream) explain(err error) error {
	var src *sourceError
	switch {
	case errors.As(err, &src):
		return fmt.Errorf("reading it: %w", src.error)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	return codec.Error(err)
}

// Failed implements source.
func (s *stream) Failed() error {
	if errors.Is(s.err, io.EOF) {
		return nil
	}
	return s.err
}

// Close stops the goroutines and closes the layer's reader.
func (s *stream) Close() error {
	s.cancel()
	if s.tar != nil {
		<-s.tar.stopped
	}
	<-s.ahead.stopped
	s.release()
	if s.err == nil {
		s.err = errors.New("read after close")
	}
	return s.src.Close()
}
