package audit

import (
	"context"
	"sync"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/index"
	"whittle.dev/whittle/internal/ledger"
	"whittle.dev/whittle/internal/rootfs"
	"whittle.dev/whittle/internal/rule/analysis"
	"whittle.dev/whittle/internal/view"
)

// early shows the lowest layers of an image while the others are being read.
type early struct {
	image   whittle.Image
	name    string
	options InspectOptions
	read    index.Options
	first   func(m *view.Model, layers int)

	// lock is held while a model is made: what reads the layers waits for it before
	// it changes their indexes.
	lock    sync.Mutex
	indexes []*whittle.Index
	shown   int // layers
}

// firstAfter is how long the first layers are not shown, and how often it is looked
// for more. An image that is read within it is shown once.
const firstAfter = time.Second

// done takes the index of some layers: see [index.Options].
func (e *early) done(layers []int, idx *whittle.Index) {
	e.lock.Lock()
	defer e.lock.Unlock()
	for _, n := range layers {
		e.indexes[n] = idx
	}
}

// watch shows the first layers until the function that it gives is called, which
// waits for what is being made.
func (e *early) watch(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for wait := firstAfter; ; {
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
			}
			start := time.Now()
			e.turn(ctx)
			wait = max(firstAfter, 4*time.Since(start)) // most of the time is for the reading
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}

// turn shows the first layers if there are more than were shown, and not all.
func (e *early) turn(ctx context.Context) {
	e.lock.Lock()
	defer e.lock.Unlock()
	n := 0
	for n < len(e.indexes) && e.indexes[n] != nil {
		n++
	}
	if n <= e.shown || n == len(e.indexes) || ctx.Err() != nil {
		return
	}
	if m, err := e.model(ctx, n); err == nil { // what is wrong is said of the whole image
		e.shown = n
		e.first(m, n)
	}
}

// model is the image of the n lowest layers.
func (e *early) model(ctx context.Context, n int) (*view.Model, error) {
	img := lowest{e.image, n, *e.image.Config()}
	img.config.RootFS.DiffIDs = img.config.RootFS.DiffIDs[:n]
	m, err := rootfs.Join(ctx, &img, e.name, e.indexes[:n:n], rootfs.Options{Index: e.read, Databases: Databases()})
	if err != nil {
		return nil, err
	}
	_, all, _, err := joinDockerfile(e.options, e.image.Config().Steps())
	if err != nil {
		return nil, err
	}
	var steps []whittle.Step
	for _, s := range all {
		if s.Layer < n {
			steps = append(steps, s)
		}
	}
	claims, _, _, _, err := claims(ctx, m)
	if err != nil {
		return nil, err
	}
	s := &Subject{Image: m, Account: ledger.Attribute(m.Ledger, m.Indexes, img.Config(), steps, claims)}
	x := Examined{Subject: s, Facts: &analysis.Facts{}}
	return x.View(nil)
}

// lowest are the lowest layers of an image.
type lowest struct {
	whittle.Image
	layers int
	config whittle.Config
}

// Layers implements [whittle.Image].
func (l *lowest) Layers() []whittle.Layer { return l.Image.Layers()[:l.layers] }

// Config implements [whittle.Image].
func (l *lowest) Config() *whittle.Config { return &l.config }
