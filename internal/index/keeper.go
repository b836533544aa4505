package index

import (
	"bytes"
	"io"
	"runtime"
	"sync"

	"whittle.dev/whittle"
)

const (
	// MaxDistilled is the largest file that is distilled, in bytes. It is in memory
	// meanwhile.
	MaxDistilled = 128 << 20
	// smallFile is the largest size, in bytes, of which many files are in memory at
	// once. largeFiles is the number of larger ones: one that is read and one that
	// is distilled.
	smallFile  = 1 << 20
	largeFiles = 2
	// TrustedSize is the most memory, in bytes, that is allocated for a size in a
	// header. Beyond that, memory grows with what was read.
	TrustedSize = 8 << 20
)

// keeper keeps the contents of selected files while a layer is read, or what its
// workers distil from them.
type keeper struct {
	idx  *whittle.Index
	opts Options

	jobs    chan job
	workers sync.WaitGroup
	// Buffers are reused: allocating memory takes longer than reading into it.
	small sync.Pool
	large chan []byte

	spent *spent
	mu    sync.Mutex // of idx.Kept
}

type job struct {
	entry   whittle.Entry
	at      int // its position in the index
	content []byte
}

func newKeeper(idx *whittle.Index, opts Options, spent *spent) *keeper {
	k := &keeper{idx: idx, opts: opts, spent: spent, large: make(chan []byte, largeFiles)}
	for range largeFiles {
		k.large <- nil
	}
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

// wants says whether a file is kept. A file that exceeds the remaining space is not.
func (k *keeper) wants(e *whittle.Entry) bool {
	switch {
	case k.opts.Keep == nil || !k.opts.Keep(e):
		return false
	case k.opts.Distil == nil:
		return e.Size <= maxKept-k.spent.kept.Load()
	}
	return e.Size <= MaxDistilled
}

// read reads a file that is kept. The caller passes the content to done or release.
func (k *keeper) read(e *whittle.Entry, r io.Reader) ([]byte, error) {
	b, err := readInto(k.buffer(e.Size), e.Size, r)
	if err != nil {
		k.release(b, e.Size)
		return nil, err
	}
	return b, nil
}

// buffer is an empty buffer for a file, a used one if there is one. It waits if
// there are too many large files in memory.
func (k *keeper) buffer(size int64) []byte {
	if size > smallFile {
		return (<-k.large)[:0]
	}
	if b, ok := k.small.Get().(*[]byte); ok {
		return (*b)[:0]
	}
	return make([]byte, 0, 64<<10)
}

func (k *keeper) release(b []byte, size int64) {
	if size > smallFile {
		k.large <- b
		return
	}
	k.small.Put(&b)
}

// readInto reads a file whose header claims a size.
func readInto(b []byte, size int64, r io.Reader) ([]byte, error) {
	for {
		if len(b) == cap(b) {
			more := min(max(size-int64(len(b)), 0)+1, max(TrustedSize, int64(len(b))))
			b = append(make([]byte, 0, int64(len(b))+more), b...)
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			return b, err
		}
	}
}

// done keeps the content of a file; at is its position in the index.
func (k *keeper) done(e *whittle.Entry, at int, content []byte) {
	j := job{entry: *e, at: at, content: content}
	if k.jobs == nil {
		k.keep(j.at, bytes.Clone(content))
		k.release(content, e.Size)
		return
	}
	k.jobs <- j
}

func (k *keeper) work(jobs <-chan job) {
	for j := range jobs {
		if b := k.opts.Distil(&j.entry, j.content); b != nil {
			k.keep(j.at, bytes.Clone(b))
		}
		k.release(j.content, j.entry.Size)
	}
}

func (k *keeper) keep(at int, b []byte) {
	if !k.spent.keep(int64(len(b))) {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.idx.Kept == nil {
		k.idx.Kept = map[int][]byte{}
	}
	k.idx.Kept[at] = b
}

// close waits for the workers.
func (k *keeper) close() {
	if k.jobs != nil {
		close(k.jobs)
		k.jobs = nil
		k.workers.Wait()
	}
}
