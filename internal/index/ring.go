package index

import (
	"context"
	"hash"
	"io"
	"sync/atomic"

	"whittle.dev/whittle/internal/codec"
	"whittle.dev/whittle/internal/index/sha256parts"
)

const ringChunks = 8

// chunk is a buffer of the ring. It returns to the free list when all its holders
// have released it.
type chunk struct {
	room    *codec.Buffer
	data    []byte // in room
	holders atomic.Int32
}

// ring reads ahead of its reader in one goroutine, and hashes in another one, with
// a bounded number of buffers.
type ring struct {
	ctx     context.Context
	free    chan *chunk
	ready   chan *chunk
	hashing chan *chunk
	hashed  chan struct{} // closed when everything is hashed
	stopped chan struct{} // closed when the source is not read any more
	err     error         // of the source; valid once ready is closed

	current *chunk
	rest    []byte // of current
}

// newRing starts to read src. Cancelling ctx stops it; the caller must wait for
// stopped before it closes src. sum may be nil.
func newRing(ctx context.Context, src io.Reader, sum hash.Hash) *ring {
	r := &ring{ctx: ctx, free: make(chan *chunk, ringChunks), ready: make(chan *chunk, ringChunks),
		hashing: make(chan *chunk, ringChunks), hashed: make(chan struct{}), stopped: make(chan struct{})}
	for range ringChunks {
		r.free <- &chunk{}
	}
	go r.fill(src, sum != nil)
	go r.hash(sum)
	return r
}

func (r *ring) fill(src io.Reader, hashed bool) {
	defer close(r.stopped)
	defer close(r.ready)
	defer close(r.hashing)
	filler := codec.NewFiller(src)
	var last *chunk // the filler may still read it
	for {
		var c *chunk
		select {
		case c = <-r.free:
		case <-r.ctx.Done():
		}
		// Of two that are ready, select takes any.
		if r.err = r.ctx.Err(); r.err != nil {
			return
		}
		if c.room == nil {
			c.room = new(codec.Buffer)
		}
		var err error
		c.data, err = filler.Fill(c.room)
		if last != nil {
			r.release(last)
		}
		last = c
		c.holders.Store(1)
		if len(c.data) > 0 {
			c.holders.Store(2)
			if hashed {
				c.holders.Store(3)
				r.hashing <- c
			}
			r.ready <- c
		}
		if err != nil {
			r.err = err
			return
		}
	}
}

func (r *ring) hash(sum hash.Hash) {
	defer close(r.hashed)
	for c := range r.hashing {
		sum.Write(c.data)
		r.release(c)
	}
}

func (r *ring) release(c *chunk) {
	if c.holders.Add(-1) == 0 {
		r.free <- c
	}
}

// next makes rest hold at least one byte, or returns the source's error.
func (r *ring) next() error {
	for len(r.rest) == 0 {
		if r.current != nil {
			r.release(r.current)
			r.current = nil
		}
		c, ok := <-r.ready
		if !ok {
			return r.err
		}
		r.current, r.rest = c, c.data
	}
	return nil
}

// Read implements io.Reader.
func (r *ring) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := r.next(); err != nil {
		return 0, err
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// skip drops up to n bytes without copying them. sum gets them unless it is nil.
func (r *ring) skip(n int64, sum *sha256parts.Stream) (skipped int64, err error) {
	for skipped < n {
		if err := r.next(); err != nil {
			return skipped, err
		}
		m := min(n-skipped, int64(len(r.rest)))
		if sum != nil {
			_, _ = sum.Write(r.rest[:m])
		}
		r.rest = r.rest[m:]
		skipped += m
	}
	return skipped, nil
}
