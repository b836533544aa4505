package index

import (
	"context"
	"errors"
	"io"
	"math"

	"whittle.dev/whittle"
)

// ErrGlobalHeader says that a layer's tar has a global extended header, which would
// change what the entries after it mean: [Copy] does not copy such a layer.
const ErrGlobalHeader = copyError("its tar has a global extended header")

type copyError string

func (e copyError) Error() string { return string(e) }

// Is makes it an error of unsupported input.
func (e copyError) Is(target error) bool { return target == whittle.ErrUnsupported } //nolint:errorlint // kinds are compared, not wrapped

// Copy writes a layer's tar without the entries that keep rejects, by their position
// in idx. All other bytes are those of the original: the headers with their extended
// headers, the contents with their padding, and what follows the last entry. The layer
// is verified as by [Read]; an error may come after bytes were written.
func Copy(ctx context.Context, layer whittle.Layer, idx *whittle.Index, keep func(entry int) bool, w io.Writer) error {
	_, err := copyEntries(ctx, layer, idx, keep, true, w)
	return wrap(layer, err)
}

// CopyEntries is [Copy] without what follows the last entry: several calls and
// [EndOfArchive] make one tar of several layers.
func CopyEntries(ctx context.Context, layer whittle.Layer, idx *whittle.Index, keep func(entry int) bool, w io.Writer) error {
	n, err := copyEntries(ctx, layer, idx, keep, false, w)
	if err == nil && padded(n) > n { // a tar may end within the padding of its last entry
		_, err = w.Write(make([]byte, padded(n)-n))
	}
	return wrap(layer, err)
}

// EndOfArchive ends a tar: two blocks of zeros.
func EndOfArchive() []byte { return make([]byte, 2*blockSize) }

// copyEntries copies entries, and what follows the last one if tail is set; n is the
// number of bytes that were written.
func copyEntries(ctx context.Context, layer whittle.Layer, idx *whittle.Index, keep func(entry int) bool, tail bool, w io.Writer) (n int64, err error) {
	// The layer was checked against the limits when its index was made.
	limits := Limits{Entries: math.MaxInt, Unpacked: math.MaxInt64, Name: math.MaxInt, Memory: math.MaxInt64, Ratio: math.MaxInt64}
	spent := &spent{}
	src, err := openStream(ctx, layer, limits, spent, sums{})
	if err != nil {
		return 0, err
	}
	defer src.Close()
	c := &copier{source: src, w: w}
	s := newScanner(c, limits, spent)
	for i := range idx.Entries {
		c.decide(keep(i))
		e, err := s.next()
		switch {
		case s.globals > 0:
			return c.written, ErrGlobalHeader
		case errors.Is(err, io.EOF):
			return c.written, whittle.ErrCorrupt.Errorf("it has %d entries, its index has %d", i, len(idx.Entries))
		case err != nil:
			return c.written, err
		}
		if was := &idx.Entries[i]; e.Path != was.Path || e.Kind != was.Kind || e.Size != was.Size {
			return c.written, whittle.ErrCorrupt.Errorf("entry %d (%.80q) is not what its index says", i, e.Path)
		}
		if c.end, err = s.entryEnd(e.Path); err != nil {
			return c.written, err
		}
	}
	c.decide(tail)
	_, err = s.next()
	switch {
	case s.globals > 0:
		return c.written, ErrGlobalHeader
	case err == nil:
		return c.written, whittle.ErrCorrupt.Errorf("it has more than the %d entries of its index", len(idx.Entries))
	case !errors.Is(err, io.EOF):
		return c.written, err
	}
	_, err = io.Copy(io.Discard, onlyReader{c})
	return c.written, err
}

// entryEnd is the position after the current entry: that of the next header. It reads
// a content whose end only archive/tar knows.
func (s *scanner) entryEnd(name string) (int64, error) {
	if !s.tar.delegated {
		return s.tar.next, nil
	}
	_, err := io.Copy(io.Discard, s.content(name))
	return padded(s.src.Pos()), err
}

// copier is a source that writes what is read from it, or skipped, if it is part of an
// entry that is kept.
type copier struct {
	source
	w io.Writer
	// on says whether bytes before the position end are kept, after whether those
	// from it are.
	on, after bool
	end       int64
	written   int64
	err       error // of w
	buf       []byte
}

// decide says whether the bytes from the end of the current entry are kept.
func (c *copier) decide(keep bool) { c.after = keep }

// Read implements io.Reader.
func (c *copier) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	at := c.Pos()
	if at < c.end && int64(len(p)) > c.end-at {
		p = p[:c.end-at]
	}
	n, err := c.source.Read(p)
	if at >= c.end {
		c.on = c.after
	}
	if c.on && n > 0 {
		var m int
		m, c.err = c.w.Write(p[:n])
		c.written += int64(m)
		if c.err != nil {
			return 0, c.err
		}
	}
	return n, err
}

// Seek goes forward from the current position. It reads what is to be copied.
func (c *copier) Seek(offset int64, whence int) (int64, error) {
	at := c.Pos()
	on := c.on
	if at >= c.end {
		on = c.after
	}
	if whence != io.SeekCurrent || offset <= 0 || !on && (at >= c.end || at+offset <= c.end) {
		return c.source.Seek(offset, whence)
	}
	if c.buf == nil {
		c.buf = make([]byte, 128<<10)
	}
	for want := at + offset; c.Pos() < want; {
		if n, err := c.Read(c.buf[:min(int64(len(c.buf)), want-c.Pos())]); err != nil && (n == 0 || !errors.Is(err, io.EOF)) {
			if errors.Is(err, io.EOF) {
				return c.Pos(), nil // as the source does
			}
			return -1, err
		}
	}
	return c.Pos(), nil
}

// Failed implements source.
func (c *copier) Failed() error {
	if c.err != nil {
		return c.err
	}
	return c.source.Failed()
}
