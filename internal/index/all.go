package index

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sort"
	"sync"

	"golang.org/x/sync/errgroup"

	"whittle.dev/whittle"
)

// All indexes the layers of an image in parallel, on all cores, the largest
// first. The limits hold for the sum of all layers. A layer that occurs twice is
// read once and has one index. Layers that are stored uncompressed are verified if
// they are not too large, see freeHash. Progress reports the sum over all layers.
// Of several errors, it returns the one that reading the layers in order would.
func All(ctx context.Context, img whittle.Image, opts Options) ([]*whittle.Index, error) {
	a := &allReader{layers: img.Layers(), opts: opts, spent: &spent{}, verify: opts.Verify || plainBytes(img.Layers()) <= freeHash,
		total: &adder{report: opts.Progress}}
	a.errs = make([]error, len(a.layers))
	a.cancels = make([]context.CancelFunc, len(a.layers))
	ctxs := make([]context.Context, len(a.layers))
	for i := range a.layers {
		ctxs[i], a.cancels[i] = context.WithCancel(ctx)
		defer a.cancels[i]()
	}
	first, order := distinct(a.layers)
	sort.SliceStable(order, func(x, y int) bool { return storedSize(a.layers[order[x]]) > storedSize(a.layers[order[y]]) })
	indexes := make([]*whittle.Index, len(a.layers))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, i := range order {
		g.Go(func() error {
			indexes[i] = a.readLayer(ctxs[i], i)
			if opts.Done != nil && indexes[i] != nil {
				opts.Done(positions(first, i), indexes[i])
			}
			return nil
		})
	}
	_ = g.Wait()
	if slices.ContainsFunc(a.errs, isImageLimit) {
		return a.readInOrder(ctx)
	}
	for _, err := range a.errs {
		if err != nil {
			return nil, err
		}
	}
	for i := range indexes {
		indexes[i] = indexes[first[i]]
	}
	return indexes, nil
}

// allReader reads the layers of an image.
type allReader struct {
	layers  []whittle.Layer
	opts    Options
	spent   *spent
	verify  bool
	total   *adder
	errs    []error
	cancels []context.CancelFunc
}

// readLayer reads a layer. If that fails, it cancels the layers above it.
func (a *allReader) readLayer(ctx context.Context, i int) *whittle.Index {
	r := &reader{layer: a.layers[i], opts: a.opts, verify: a.verify, spent: a.spent}
	r.opts.Progress = a.total.part()
	idx, err := r.read(ctx)
	if a.errs[i] = err; err == nil {
		if stored, known := storedBytes(r.layer); known && r.opts.Progress != nil {
			r.opts.Progress(stored) // also where its index was in the cache
		}
		return idx
	}
	above := i + 1
	if isImageLimit(err) {
		above = 0
	}
	for _, cancel := range a.cancels[above:] {
		cancel()
	}
	return nil
}

// readInOrder reads the layers one after another, after their sum has reached a
// limit. The error must not depend on which layer was read faster.
func (a *allReader) readInOrder(ctx context.Context) ([]*whittle.Index, error) {
	indexes := make([]*whittle.Index, len(a.layers))
	first, order := distinct(a.layers)
	spent := &spent{}
	for _, i := range order {
		r := &reader{layer: a.layers[i], opts: a.opts, verify: a.verify, spent: spent}
		r.opts.Progress = nil
		idx, err := r.read(ctx)
		if err != nil {
			return nil, err
		}
		indexes[i] = idx
	}
	for i := range indexes {
		indexes[i] = indexes[first[i]]
	}
	return indexes, nil
}

// positions are the layers whose index is that of layer i.
func positions(first []int, i int) (at []int) {
	for k, f := range first {
		if f == i {
			at = append(at, k)
		}
	}
	return at
}

func isImageLimit(err error) bool {
	var ofImage *imageLimit
	return errors.As(err, &ofImage)
}

// distinct gives for each layer the first one with the same bytes, and a list of
// these first ones.
func distinct(layers []whittle.Layer) (first, order []int) {
	type key struct {
		id   whittle.Digest
		blob whittle.Blob
	}
	seen := map[key]int{}
	first = make([]int, len(layers))
	for i, l := range layers {
		blob, ok := l.Blob()
		k := key{l.DiffID(), blob}
		if n, again := seen[k]; again && ok && blob.Digest != "" {
			first[i] = n
			continue
		}
		seen[k], first[i] = i, i
		order = append(order, i)
	}
	return first, order
}

// plainBytes adds up the layers that are stored uncompressed.
func plainBytes(layers []whittle.Layer) (sum int64) {
	for _, l := range layers {
		if section, ok := plainSection(l); ok {
			sum += section.Size()
		}
	}
	return sum
}

// Stored is the number of bytes in which layers are stored, each once; 0 if it is
// not known of all of them.
func Stored(layers []whittle.Layer) (sum int64) {
	_, order := distinct(layers)
	for _, i := range order {
		n, known := storedBytes(layers[i])
		if !known {
			return 0
		}
		sum += n
	}
	return sum
}

func storedBytes(l whittle.Layer) (n int64, known bool) {
	if section, ok := plainSection(l); ok {
		return section.Size(), true
	}
	blob, ok := l.Blob()
	return blob.Size, ok
}

// storedSize estimates how long a layer will take. Layers of unknown size come
// first.
func storedSize(l whittle.Layer) int64 {
	if blob, ok := l.Blob(); ok {
		return blob.Size
	}
	if section, ok := plainSection(l); ok {
		return section.Size() / 4 // there is nothing to decompress
	}
	return 1 << 62
}

// adder adds up the progress of several layers.
type adder struct {
	mu     sync.Mutex
	sum    int64
	report func(int64)
}

func (a *adder) part() func(int64) {
	if a.report == nil {
		return nil
	}
	var last int64
	return func(n int64) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.sum += n - last
		last = n
		a.report(a.sum)
	}
}
