package index

import (
	"bytes"
	"io"
	"runtime"
	"sync"

	"whittle"
)

// maxDistilled is the largest file that is distilled, in bytes: it is held in
// memory meanwhile.
const maxDistilled = 128 << 20

// keeper keeps the contents of selected files while they pass by, or what is
// distilled of them, which workers of its own do.
type keeper struct {
	idx  *whittle.Index
	opts Options
	file *bytes.Buffer // the file that passes, nil if it is not kept

	jobs    chan job
	workers sync.WaitGroup
	buffers sync.Pool

	mu   sync.Mutex
	left int64 // bytes that may still be kept
}

type job struct {
	entry   whittle.Entry
	at      int // its position in the index
	content *bytes.Buffer
}

func newKeeper(idx *whittle.Index, opts Options) *keeper {
	k := &keeper{idx: idx, opts: opts, left: maxKept, buffers: sync.Pool{New: func() any { return new(bytes.Buffer) }}}
	if opts.Keep == nil {
		return k
	}
	idx.KeptBy = opts.KeepName
	if opts.Distil != nil {
		workers := runtime.GOMAXPROCS(0)
		jobs := make(chan job, 4*workers)
		k.jobs = jobs
		for range workers {
			k.workers.Go(func() { k.work(jobs) })
		}
	}
	return k
}

// tap is r, copied on the way where the entry is to be kept. What is larger
// than what is left is not kept.
func (k *keeper) tap(e *whittle.Entry, r io.Reader) io.Reader {
	k.file = nil
	if k.opts.Keep == nil || !k.opts.Keep(e) {
		return r
	}
	if k.opts.Distil == nil && e.Size > k.remaining() || k.opts.Distil != nil && e.Size > maxDistilled {
		return r
	}
	k.file = k.buffers.Get().(*bytes.Buffer)
	k.file.Reset()
	return io.TeeReader(r, k.file)
}

// done takes the file that passed as the entry that comes next.
func (k *keeper) done(e *whittle.Entry) {
	if k.file == nil {
		return
	}
	j := job{entry: *e, at: len(k.idx.Entries), content: k.file}
	if k.jobs == nil {
		k.keep(j.at, j.content.Bytes())
		return
	}
	k.jobs <- j
}

func (k *keeper) work(jobs <-chan job) {
	for j := range jobs {
		b := k.opts.Distil(&j.entry, j.content.Bytes())
		if b != nil {
			k.keep(j.at, bytes.Clone(b))
		}
		if j.content.Cap() <= 1<<20 { // large ones are rare: the collector's
			k.buffers.Put(j.content)
		}
	}
}

func (k *keeper) remaining() int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.left
}

func (k *keeper) keep(at int, b []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if int64(len(b)) > k.left {
		return
	}
	if k.idx.Kept == nil {
		k.idx.Kept = map[int][]byte{}
	}
	k.idx.Kept[at] = b
	k.left -= int64(len(b))
}

// close waits for the workers.
func (k *keeper) close() {
	if k.jobs != nil {
		close(k.jobs)
		k.jobs = nil
		k.workers.Wait()
	}
}
