// Package index reads one layer's tar into a [whittle.Index]: what each entry
// is, where its content lies, and the content's digest. Input is taken as
// hostile: memory does not grow with what a header claims, and everything
// that can be counted has a limit.
package index

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"

	"whittle"
)

// Options say how much to read of a layer. The zero value reads as little as
// the layer's form allows.
type Options struct {
	Limits Limits
	// Hash asks for the SHA-256 of every regular file. A layer that has to be
	// read as a whole is hashed anyway, but for NoDigests; one that is stored
	// uncompressed is then read as a whole.
	Hash bool
	// NoDigests leaves out the digests of files, for which all that was
	// unpacked is hashed once more. The layer itself is verified all the same.
	// Hash outweighs it.
	NoDigests bool
	// Verify asks for the diff ID to be verified also where the layer is
	// stored uncompressed and only its headers would be read. Compressed
	// layers are always verified.
	Verify bool
	// Progress, where set, is told the number of uncompressed bytes so far. Its calls
	// do not overlap.
	Progress func(n int64)
	// Keep, where set, selects files whose contents are kept in the index of a
	// layer that is read as a whole: package databases, which would otherwise
	// take a second pass. KeepName names the selection and its version, KeepToo
	// those that keep at least the same.
	Keep     func(e *whittle.Entry) bool
	KeepName string
	KeepToo  []string
	// Distil, where set, is asked for what to keep of a selected file; nil
	// keeps nothing of it. Several calls run at once, and none may hold on to
	// the content. Files over 128 MiB are not asked for.
	Distil func(e *whittle.Entry, content []byte) []byte
	// Cache, where set, is asked first and keeps what was verified.
	Cache *Cache
}

// maxKept bounds the contents that are kept of one layer, in bytes.
const maxKept = 256 << 20

// Read indexes one layer. A layer stored in a file without compression (a
// [whittle.Sectioner]) is indexed by its headers alone, without content
// digests and without a look at its diff ID, unless opts ask for them; any
// other layer is decompressed once, in a pipeline of goroutines, and verified
// against its diff ID. Errors name the layer and wrap [whittle.ErrCorrupt],
// [whittle.ErrLimit], [whittle.ErrUnsupported] or what the layer's source
// said.
func Read(ctx context.Context, layer whittle.Layer, opts Options) (*whittle.Index, error) {
	opts.Limits = opts.Limits.withDefaults()
	opts.NoDigests = opts.NoDigests && !opts.Hash
	old, cached := opts.Cache.Get(layer.DiffID(), false)
	if cached && opts.keeps(old.KeptBy) && (old.Hashed || opts.NoDigests) {
		return old, nil
	}
	if !opts.Hash && !opts.Verify {
		if section, ok := plainSection(layer); ok {
			idx, err := readHeaders(ctx, layer, section, opts)
			return idx, wrap(layer, err)
		}
	}
	idx, err := readRest(ctx, layer, opts, old)
	if err != nil {
		return nil, wrap(layer, err)
	}
	_ = opts.Cache.Put(idx) // a cache that cannot be written to is no reason to fail
	return idx, nil
}

// readRest reads a layer of which a cached index has a part of what is asked
// for; old may be nil.
func readRest(ctx context.Context, layer whittle.Layer, opts Options, old *whittle.Index) (*whittle.Index, error) {
	if old == nil {
		return readStream(ctx, layer, opts)
	}
	part := opts
	part.NoDigests = opts.NoDigests || old.Hashed
	if opts.keeps(old.KeptBy) {
		part.Keep = nil
	}
	idx, err := readStream(ctx, layer, part)
	if err != nil {
		return nil, err
	}
	if !slices.EqualFunc(idx.Entries, old.Entries, sameEntry) {
		return readStream(ctx, layer, opts)
	}
	if part.Keep == nil {
		idx.Kept, idx.KeptBy = old.Kept, old.KeptBy
	}
	if old.Hashed {
		idx.Entries, idx.Hashed = old.Entries, true
	}
	return idx, nil
}

// sameEntry compares what an index has with and without digests.
func sameEntry(a, b whittle.Entry) bool {
	a.Content, b.Content = [32]byte{}, [32]byte{}
	return a == b
}

// keeps says whether an index with that selection has what is asked for.
func (o *Options) keeps(selection string) bool {
	return o.Keep == nil || selection == o.KeepName || slices.Contains(o.KeepToo, selection)
}

// Open gives the uncompressed tar of a layer. Its Read returns an error that
// wraps [whittle.ErrCorrupt] instead of io.EOF where the whole tar does not
// have the layer's diff ID. The caller closes it.
func Open(ctx context.Context, layer whittle.Layer) (io.ReadCloser, error) {
	s, err := openStream(ctx, layer, Limits{}.withDefaults())
	if err != nil {
		return nil, wrap(layer, err)
	}
	return s, nil
}

func wrap(layer whittle.Layer, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("layer %s: %w", layer.DiffID().Short(), err)
}

// readHeaders indexes an uncompressed layer by seeking from header to header.
func readHeaders(ctx context.Context, layer whittle.Layer, section *io.SectionReader, opts Options) (*whittle.Index, error) {
	src := newSeeker(section)
	s := newScanner(src, section.Size, opts.Limits)
	idx := &whittle.Index{DiffID: layer.DiffID(), TarSize: section.Size()}
	for {
		e, err := s.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if len(idx.Entries)%4096 == 0 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			report(opts, src.Pos())
		}
		idx.Entries = append(idx.Entries, e)
	}
	idx.Unpacked = s.unpacked
	report(opts, idx.TarSize)
	return idx, nil
}

// readStream indexes a layer by reading all of it.
func readStream(ctx context.Context, layer whittle.Layer, opts Options) (*whittle.Index, error) {
	src, err := openStream(ctx, layer, opts.Limits)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	src.progress = opts.Progress
	s := newScanner(src, src.stored.Load, opts.Limits)
	idx := &whittle.Index{DiffID: layer.DiffID(), Hashed: !opts.NoDigests}
	k := newKeeper(idx, opts)
	defer k.close()
	c := contents{keeper: k}
	if idx.Hashed {
		c.sum, c.buf = sha256.New(), make([]byte, 128<<10)
	}
	for {
		e, err := s.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if e.Kind == whittle.File {
			if err := c.take(&e, s.content(e.Path)); err != nil {
				return nil, err
			}
		}
		idx.Entries = append(idx.Entries, e)
	}
	if _, err := io.Copy(io.Discard, src); err != nil {
		return nil, err
	}
	k.close()
	idx.Unpacked, idx.TarSize = s.unpacked, src.Pos()
	report(opts, idx.TarSize)
	return idx, nil
}

// contents takes the files of a layer as they pass by.
type contents struct {
	keeper *keeper
	// sum makes digests, by way of buf; nil makes none.
	sum hash.Hash
	buf []byte
}

// take reads a file that comes next in the index, as far as it is wanted.
func (c *contents) take(e *whittle.Entry, r io.Reader) (err error) {
	var b []byte
	keep := c.keeper.wants(e)
	if keep {
		if b, err = c.keeper.read(e, r); err != nil {
			return err
		}
	}
	if c.sum != nil {
		c.sum.Reset()
		if keep {
			c.sum.Write(b)
		} else if _, err := io.CopyBuffer(c.sum, r, c.buf); err != nil {
			return err
		}
		c.sum.Sum(e.Content[:0])
	}
	if keep {
		c.keeper.done(e, b)
	}
	return nil
}

func report(opts Options, n int64) {
	if opts.Progress != nil {
		opts.Progress(n)
	}
}

// plainSection is the layer's uncompressed section, if it has one.
func plainSection(layer whittle.Layer) (*io.SectionReader, bool) {
	sectioner, ok := layer.(whittle.Sectioner)
	if !ok {
		return nil, false
	}
	section, ok := sectioner.Section()
	if !ok {
		return nil, false
	}
	var magic [magicSize]byte
	n, _ := section.ReadAt(magic[:], 0)
	return section, codecOf(magic[:n]) == plain
}
