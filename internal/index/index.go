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

	"whittle.dev/whittle"
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
	// Verify asks for the digests of all layers to be verified, from their
	// bytes, also where they are stored uncompressed and only their headers
	// would be read, and where a file is as it was when that was done before.
	// Layers that are compressed are always verified; [All] verifies others,
	// too, where they are small.
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
	// Cache, where set, keeps what was verified, and is asked for layers whose
	// stored bytes are those that it was verified of.
	Cache *Cache
}

// maxKept bounds the contents that are kept of an image, in bytes.
const maxKept = 256 << 20

// Read indexes one layer. A layer stored in a file without compression (a
// [whittle.Sectioner]) is indexed by its headers alone, without content
// digests and without a look at its bytes, unless opts ask for them; any
// other layer is decompressed once, in a pipeline of goroutines, and verified
// against its diff ID. Errors name the layer and wrap [whittle.ErrCorrupt],
// [whittle.ErrLimit], [whittle.ErrUnsupported] or what the layer's source
// said.
func Read(ctx context.Context, layer whittle.Layer, opts Options) (*whittle.Index, error) {
	r := &reader{layer: layer, opts: opts, verify: opts.Verify, spent: &spent{}}
	return r.read(ctx)
}

// reader reads one layer.
type reader struct {
	layer whittle.Layer
	opts  Options
	// verify asks for the bytes of a plain layer to be hashed.
	verify bool
	spent  *spent // of the layer's image
}

func (r *reader) read(ctx context.Context) (*whittle.Index, error) {
	r.opts.Limits = r.opts.Limits.withDefaults()
	r.opts.NoDigests = r.opts.NoDigests && !r.opts.Hash
	idx, err := r.index(ctx)
	return idx, wrap(r.layer, err)
}

func (r *reader) index(ctx context.Context) (*whittle.Index, error) {
	st, err := look(ctx, r.layer)
	if err != nil {
		return r.readRest(ctx, whittle.Stat{Size: -1}, nil) // it says better what is wrong
	}
	if section, ok := plainSection(r.layer); ok && !r.opts.Hash {
		return r.readPlain(ctx, section, st)
	}
	old, cost, cached := r.opts.Cache.Get(r.layer.DiffID())
	whole := cached && r.opts.keeps(old.KeptBy) && (old.Hashed || r.opts.NoDigests) && cost.within(r.opts.Limits)
	if whole && r.spent.allows(cost, r.opts.Limits) && r.opts.Cache.proven(ctx, r.layer, st, r.opts.Verify) {
		var kept int64
		for _, b := range old.Kept {
			kept += int64(len(b))
		}
		if !r.spent.keep(kept) {
			old.Kept = nil // whoever wants it finds it in the layer
		}
		return old, r.spent.add(cost, r.opts.Limits)
	}
	return r.readRest(ctx, st, old)
}

// readRest reads a layer of which a cached index may have a part of what is
// asked for, and puts it into the cache; old may be nil.
func (r *reader) readRest(ctx context.Context, st whittle.Stat, old *whittle.Index) (*whittle.Index, error) {
	var idx *whittle.Index
	var took taken
	err := errNothing
	if old != nil {
		part := r.opts
		part.NoDigests = r.opts.NoDigests || old.Hashed
		if r.opts.keeps(old.KeptBy) {
			part.Keep = nil
		}
		if idx, took, err = r.readStream(ctx, part, st); err == nil && slices.EqualFunc(idx.Entries, old.Entries, sameEntry) {
			idx = complete(idx, old, part.Keep == nil)
		} else {
			r.spent.refund(took.cost)
			err = errNothing
		}
	}
	if err != nil { // read as if there were no cache, with the same error
		if idx, took, err = r.readStream(ctx, r.opts, st); err != nil {
			return nil, err
		}
	}
	// A cache that cannot be written to is no reason to fail.
	_ = r.opts.Cache.Put(idx, took.cost)
	r.opts.Cache.saw(idx.DiffID, took.seen)
	return idx, nil
}

// errNothing says that a cached index is of no use.
var errNothing = errors.New("nothing is known of the layer")

// complete adds to an index what an older one of the same layer has.
func complete(idx, old *whittle.Index, kept bool) *whittle.Index {
	if kept {
		idx.Kept, idx.KeptBy = old.Kept, old.KeptBy
	}
	if old.Hashed {
		idx.Entries, idx.Hashed = old.Entries, true
	}
	return idx
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

func wrap(layer whittle.Layer, err error) error {
	if err == nil || isImageLimit(err) {
		return err
	}
	return fmt.Errorf("layer %s: %w", layer.DiffID().Short(), err)
}

// taken is what a layer that was read to its end took of the limits, and the
// bytes that it is stored as.
type taken struct {
	cost Cost
	seen seen
}

// readStream indexes a layer by reading all of it. What it took of the limits
// it took, also where it fails.
func (r *reader) readStream(ctx context.Context, opts Options, st whittle.Stat) (idx *whittle.Index, took taken, err error) {
	src, err := openStream(ctx, r.layer, opts.Limits, r.spent, opts.Cache != nil && st.Claim.Digest == "")
	if err != nil {
		return nil, taken{}, err
	}
	defer src.Close()
	src.progress = opts.Progress
	s := newScanner(src, opts.Limits, r.spent)
	idx, err = r.scan(s, src, opts)
	s.cost.Tar = src.charged
	if err != nil {
		return nil, taken{cost: s.cost}, err
	}
	s.cost.Ratio = max(src.ratio, ratioOf(idx.Size, src.stored.Load()))
	took = taken{s.cost, seen{st.Claim.Digest, src.stored.Load(), st.Identity}}
	if src.blob != nil {
		took.seen.blob = src.blobDigest()
	}
	return idx, took, nil
}

// scan makes the index of a stream that it reads to its end.
func (r *reader) scan(s *scanner, src *stream, opts Options) (*whittle.Index, error) {
	idx := &whittle.Index{DiffID: r.layer.DiffID(), Hashed: !opts.NoDigests, Verified: r.layer.DiffID() != ""}
	k := newKeeper(idx, opts, r.spent)
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
	idx.Size, idx.TarSize = s.cost.Unpacked, src.Pos()
	report(opts, idx.TarSize)
	return idx, opts.Limits.checkRatio(idx.Size, src.stored.Load())
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
