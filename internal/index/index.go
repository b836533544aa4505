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
	"io"
	"slices"

	"whittle"
)

// Options say how much to read of a layer. The zero value reads as little as
// the layer's form allows.
type Options struct {
	Limits Limits
	// Hash asks for the SHA-256 of every regular file. A layer that has to be
	// read as a whole is always hashed, as that costs little beside the
	// decompression; one that is stored uncompressed is then read as a whole.
	Hash bool
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
	if idx, ok := opts.Cache.Get(layer.DiffID(), opts.Hash); ok && opts.keeps(idx.KeptBy) {
		return idx, nil
	}
	if !opts.Hash && !opts.Verify {
		if section, ok := plainSection(layer); ok {
			idx, err := readHeaders(ctx, layer, section, opts)
			return idx, wrap(layer, err)
		}
	}
	idx, err := readStream(ctx, layer, opts)
	if err != nil {
		return nil, wrap(layer, err)
	}
	_ = opts.Cache.Put(idx) // a cache that cannot be written to is no reason to fail
	return idx, nil
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
	idx := &whittle.Index{DiffID: layer.DiffID(), Hashed: true}
	sum, buf := sha256.New(), make([]byte, 128<<10)
	k := newKeeper(idx, opts)
	defer k.close()
	for {
		e, err := s.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if e.Kind == whittle.File {
			sum.Reset()
			if _, err := io.CopyBuffer(sum, k.tap(&e, s.content(e.Path)), buf); err != nil {
				return nil, err
			}
			sum.Sum(e.Content[:0])
			k.done(&e)
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
