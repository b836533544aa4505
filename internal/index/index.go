// Package index reads one layer's tar into a [whittle.Index]: the entries, the
// positions of their contents, and the contents' digests. Input is hostile: memory
// does not grow with what a header claims, and everything that can be counted has
// a limit.
package index

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/index/sha256parts"
)

// Options say how much of a layer is read. The zero value reads as little as the
// storage of the layer allows.
type Options struct {
	Limits Limits
	// Hash computes the SHA-256 of every regular file, for which a layer that is
	// stored uncompressed must be read as a whole. Other layers are hashed anyway,
	// unless NoDigests is set.
	Hash bool
	// NoDigests skips the digests of files, which need a second hash of all
	// uncompressed bytes. The layer itself is verified in any case. Hash overrides
	// it.
	NoDigests bool
	// Verify verifies the digests of all layers by reading their bytes. Otherwise a
	// layer that is stored uncompressed is only verified by [All], if it is small,
	// and a blob that was verified before is not read again if its identity is the
	// same.
	Verify bool
	// Progress, if not nil, gets the number of stored bytes that were read so far, of
	// those that [Stored] gives. Its calls do not overlap.
	Progress func(n int64)
	// Done, if not nil, gets each index that [All] has read, with the positions of the
	// layers that have it. Its calls may overlap, and All waits for them.
	Done func(layers []int, idx *whittle.Index)
	// Keep, if not nil, selects files whose contents are kept in the index of a
	// layer that is read as a whole, such as package databases, which would
	// otherwise need a second pass. KeepName names the selection with its version;
	// KeepToo are the names of selections that keep at least the same files.
	Keep     func(e *whittle.Entry) bool
	KeepName string
	KeepToo  []string
	// Distil, if not nil, gives what is kept of a selected file; nil keeps nothing.
	// It is called concurrently, and must not retain the content. It is not called
	// for files over 128 MiB.
	Distil func(e *whittle.Entry, content []byte) []byte
	// Cache, if not nil, stores verified indexes, and provides them for layers
	// whose blobs are proven to be the same.
	Cache *Cache
}

// maxKept bounds the kept contents of an image, in bytes.
const maxKept = 256 << 20

// Read indexes one layer. A layer stored in a file without compression (a
// [whittle.Sectioner]) is indexed by its headers alone, without content
// digests and without reading its bytes, unless opts ask for them; any other layer
// is decompressed once, in a pipeline of goroutines, and verified against its diff
// ID. Errors name the layer and wrap [whittle.ErrCorrupt], [whittle.ErrLimit],
// [whittle.ErrUnsupported] or the error of the layer's source.
func Read(ctx context.Context, layer whittle.Layer, opts Options) (*whittle.Index, error) {
	r := &reader{layer: layer, opts: opts, verify: opts.Verify, spent: &spent{}}
	return r.read(ctx)
}

// reader reads one layer.
type reader struct {
	layer whittle.Layer
	opts  Options
	// verify says that the bytes of an uncompressed layer are hashed.
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
	if known, ok := r.layer.(Indexed); ok {
		old, cost, err := known.Index(ctx)
		if err != nil {
			return nil, err
		}
		if old != nil && r.whole(old, cost) {
			return r.take(old, cost)
		}
	}
	st, err := statOf(ctx, r.layer)
	if err != nil {
		return r.readMissing(ctx, whittle.Stat{Size: -1}, nil) // its error is more precise
	}
	// What distils contents needs most bytes: reading all of them in a pipeline takes less time
	// than one file after another, and then the index can be cached.
	if section, ok := plainSection(r.layer); ok && !r.opts.Hash && r.opts.Distil == nil {
		return r.readPlain(ctx, section, st)
	}
	old, cost, cached := r.opts.Cache.Get(r.layer.DiffID())
	if cached && r.whole(old, cost) && r.opts.Cache.proven(ctx, r.layer, st, r.opts.Verify) {
		return r.take(old, cost)
	}
	return r.readMissing(ctx, st, old)
}

// whole says whether an index that was made before has all that the options ask for, and
// whether the limits allow its layer.
func (r *reader) whole(old *whittle.Index, cost Cost) bool {
	return r.opts.keeps(old.KeptBy) && (old.Hashed || r.opts.NoDigests) && cost.within(r.opts.Limits) && r.spent.allows(cost, r.opts.Limits)
}

// take uses an index that was made before.
func (r *reader) take(old *whittle.Index, cost Cost) (*whittle.Index, error) {
	var kept int64
	for _, b := range old.Kept {
		kept += int64(len(b))
	}
	if !r.spent.keep(kept) {
		old.Kept, old.KeptBy = nil, "" // the contents can still be read from the layer
	}
	return old, r.spent.add(cost, r.opts.Limits)
}

// readMissing reads a layer and puts its index into the cache. old is a cached
// index that may have a part of what opts ask for; it may be nil.
func (r *reader) readMissing(ctx context.Context, st whittle.Stat, old *whittle.Index) (*whittle.Index, error) {
	var idx *whittle.Index
	var took readResult
	err := errStaleCache
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
			err = errStaleCache
		}
	}
	if err != nil { // read it as without a cache, so that the error is the same
		if idx, took, err = r.readStream(ctx, r.opts, st); err != nil {
			return nil, err
		}
	}
	// It is no error if the cache cannot be written.
	_ = r.opts.Cache.Put(idx, took.cost)
	r.opts.Cache.remember(idx.DiffID, took.blob)
	return idx, nil
}

// errStaleCache says that a cached index cannot be used.
var errStaleCache = errors.New("nothing is known of the layer")

// complete adds to an index the parts of an older one of the same layer.
func complete(idx, old *whittle.Index, kept bool) *whittle.Index {
	if kept {
		idx.Kept, idx.KeptBy = old.Kept, old.KeptBy
	}
	if old.Hashed {
		idx.Entries, idx.Hashed = old.Entries, true
	}
	return idx
}

// sameEntry compares entries apart from the digests of their contents.
func sameEntry(a, b whittle.Entry) bool {
	same := a.Special.Value() == b.Special.Value()
	a.Content, b.Content, a.Special, b.Special = [32]byte{}, [32]byte{}, nil, nil
	return same && a == b
}

// keeps says whether an index with a selection has the contents that opts ask for.
func (o *Options) keeps(selection string) bool {
	return o.Keep == nil || selection == o.KeepName || slices.Contains(o.KeepToo, selection)
}

func wrap(layer whittle.Layer, err error) error {
	if err == nil || isImageLimit(err) {
		return err
	}
	return fmt.Errorf("layer %s: %w", layer.DiffID().Short(), err)
}

// readResult is the cost of a layer that was read to its end, and its blob.
type readResult struct {
	cost Cost
	blob storedBlob
}

// readStream indexes a layer by reading all of it. Its cost is charged even if it
// fails.
func (r *reader) readStream(ctx context.Context, opts Options, st whittle.Stat) (idx *whittle.Index, took readResult, err error) {
	src, err := openStream(ctx, r.layer, opts.Limits, r.spent, sums{blob: opts.Cache != nil && st.Claim.Digest == "", files: !opts.NoDigests})
	if err != nil {
		return nil, readResult{}, err
	}
	defer src.Close()
	src.progress = opts.Progress
	s := newScanner(src, opts.Limits, r.spent)
	idx, err = r.scan(s, src, opts)
	s.cost.Tar = src.charged
	if err != nil {
		return nil, readResult{cost: s.cost}, err
	}
	s.cost.Ratio = max(src.ratio, ratioOf(idx.Size, src.stored.Load()))
	took = readResult{s.cost, storedBlob{st.Claim.Digest, src.stored.Load(), st.Identity}}
	if src.blob != nil {
		took.blob.digest = src.blobDigest()
	}
	return idx, took, nil
}

// scan reads a stream to its end and makes its index.
func (r *reader) scan(s *scanner, src *stream, opts Options) (*whittle.Index, error) {
	idx := &whittle.Index{DiffID: r.layer.DiffID(), Hashed: !opts.NoDigests, Verified: r.layer.DiffID() != ""}
	k := newKeeper(idx, opts, r.spent)
	defer k.close()
	var list entries
	c := contents{keeper: k, parts: src.parts}
	var e whittle.Entry // one for all: its address is given away
	for {
		var err error
		if e, err = s.next(); errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if e.Kind == whittle.File {
			if err := c.take(&e, list.n, s.content(e.Path)); err != nil {
				return nil, err
			}
		}
		list.add(&e)
	}
	if _, err := io.Copy(io.Discard, src); err != nil {
		return nil, err
	}
	k.close()
	idx.Entries = list.all()
	idx.Size, idx.TarSize = s.cost.Unpacked, src.Pos()
	report(opts, src.stored.Load())
	return idx, opts.Limits.checkRatio(idx.Size, src.stored.Load())
}

// contents hashes and keeps the contents of a layer's files in one pass.
type contents struct {
	keeper *keeper
	parts  *sha256parts.Stream // of the layer's stream; nil computes no digests
}

// take reads the content of a file; at is its position in the index.
func (c *contents) take(e *whittle.Entry, at int, r *content) (err error) {
	var b []byte
	keep := c.keeper.wants(e)
	// A sparse file is not in the tar as it is: its digest is none of a part.
	sparse := e.Offset == 0
	if c.parts != nil && !sparse {
		c.parts.Begin()
	}
	switch {
	case keep:
		b, err = c.keeper.read(e, r)
		if c.parts != nil && sparse {
			e.Content = sha256.Sum256(b)
		}
	case c.parts != nil && sparse:
		sum := sha256.New()
		_, err = io.Copy(sum, onlyReader{r})
		sum.Sum(e.Content[:0])
	case c.parts != nil:
		err = r.skip()
	}
	if err != nil {
		return err
	}
	if c.parts != nil && !sparse {
		e.Content = c.parts.End()
	}
	if keep {
		c.keeper.done(e, at, b)
	}
	return nil
}

func report(opts Options, n int64) {
	if opts.Progress != nil {
		opts.Progress(n)
	}
}
