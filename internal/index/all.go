package index

import (
	"context"
	"runtime"
	"sort"
	"sync"

	"golang.org/x/sync/errgroup"

	"whittle"
)

// All indexes the layers of an image side by side, as many at once as there
// are cores, the largest first. A layer that occurs twice is read once and
// has one index. Progress is told the sum over all layers.
func All(ctx context.Context, img whittle.Image, opts Options) ([]*whittle.Index, error) {
	layers := img.Layers()
	first := map[whittle.Digest]int{}
	var order []int
	for i, l := range layers {
		if _, again := first[l.DiffID()]; !again {
			first[l.DiffID()] = i
			order = append(order, i)
		}
	}
	sort.SliceStable(order, func(a, b int) bool { return storedSize(layers[order[a]]) > storedSize(layers[order[b]]) })
	total := &adder{report: opts.Progress}
	indexes := make([]*whittle.Index, len(layers))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, i := range order {
		g.Go(func() (err error) {
			mine := opts
			mine.Progress = total.part()
			indexes[i], err = Read(ctx, layers[i], mine)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for i, l := range layers {
		indexes[i] = indexes[first[l.DiffID()]]
	}
	return indexes, nil
}

// storedSize is how long a layer will take, roughly; what is not known comes
// first.
func storedSize(l whittle.Layer) int64 {
	if blob, ok := l.Transfer(); ok {
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
