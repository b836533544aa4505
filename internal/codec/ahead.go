package codec

import (
	"errors"
	"io"
	"runtime"
	"slices"
	"sync"
)

// sizes bound parts, in bytes.
type sizes struct {
	part     int // the usual number of stored bytes
	maxPart  int // and the most
	full     int // the number of decoded bytes from which a part is not made longer
	maxBytes int // and the most
	ahead    int // the number of decoded bytes, for each core, from which no further part is begun
}

// usual makes parts so large that starting one costs nothing, and so small that the cores
// share a small layer. An eStargz chunk of 4 MiB that does not compress is one.
var usual = sizes{part: 256 << 10, maxPart: 4<<20 + 512<<10, full: 1 << 20, maxBytes: 4<<20 + 64<<10, ahead: 3 << 20}

// maxCores is where more cores would wait for the one that hashes what is decoded.
const maxCores = 4

// part is a piece of a stream that can be decoded without what is before it: members of
// gzip, frames of zstd.
type part struct {
	buf    []byte // stored bytes
	in     []byte // of buf, those that are not decoded yet
	stored int    // length of in at first
	size   int    // about how many bytes they decode to
	out    [][]byte
	err    error // about in
	done   chan struct{}

	// What is kept for the next part: of gzip a decoder and what it decodes into, of zstd the
	// latter.
	gunzip  *gunzip
	buffers []*Buffer
	decoded []byte
}

// splitter knows how a stream is cut into parts.
type splitter interface {
	// cut is the length of the first part of stored and about how many bytes it decodes to.
	// It is 0 if more has to be read first, and negative if what comes next is no part: it
	// may be too large, or invalid. If nothing more is read, more is false; if that is so
	// because the stream ended, ended is true.
	cut(stored []byte, more, ended bool) (n, size int)
	// pause says that nothing is to be decoded ahead for now.
	pause() bool
	// decode decodes p.in, all of it or up to where p.in is afterwards, into p.out. It is
	// called by several goroutines, each for another part.
	decode(p *part)
	// goBack begins to decode src, which does not begin with a part, by a serial decoder.
	goBack(src *rest) (io.Reader, error)
	// goOn says whether err is that of a serial decoder where parts may follow, and gives what
	// was read and not decoded.
	goOn(err error) (stored []byte, ok bool)
}

// ahead decodes the parts of a stream on several cores, each before its turn, and what is no
// part by a serial decoder. What it gives is the same as if that decoded all: a part counts
// only if all those before it ended where it begins. No goroutine that decodes a part reads
// src.
type ahead struct {
	splitter
	sizes   sizes
	src     io.Reader
	srcErr  error // how src ended, io.EOF too
	most    int   // parts at a time
	next    *part // what was read of src, and belongs to no part yet
	queue   []*part
	free    []*part
	decoded int      // about how many bytes queue decodes to
	out     [][]byte // of queue[0], not read yet
	failed  bool     // whether decoding queue[0] failed
	gained  int      // stored bytes of the parts that were read
	running sync.WaitGroup
	current io.Reader // parts of this, or a serial decoder
	err     error
}

// errSerial says that what comes next, rest, has to be decoded by a serial decoder: its size,
// its end or its error is not known otherwise.
var errSerial = errors.New("what comes next is no part")

// cores is the number of cores that decode a stream.
func cores() int { return min(runtime.GOMAXPROCS(0), maxCores) }

func newAhead(src io.Reader, s splitter) *ahead {
	a := &ahead{splitter: s, sizes: usual, src: src, most: cores() + 1, next: &part{}}
	a.current = parts{a}
	return a
}

// Read implements io.Reader.
func (a *ahead) Read(p []byte) (n int, err error) {
	for n == 0 && a.err == nil && len(p) > 0 {
		n, err = a.current.Read(p)
		a.err = a.change(err)
	}
	return n, a.err
}

// Fill implements Filler.
func (a *ahead) Fill(buf *Buffer) (data []byte, err error) {
	for len(data) == 0 && a.err == nil {
		data, err = NewFiller(a.current).Fill(buf)
		a.err = a.change(err)
	}
	return data, a.err
}

// change goes on in the other way if the error asks for it.
func (a *ahead) change(err error) error {
	if errors.Is(err, errSerial) {
		a.current, err = a.goBack(a.rest())
	} else if stored, ok := a.goOn(err); ok {
		a.resume(stored)
		return nil
	}
	return err
}

// parts reads the parts of a stream, until errSerial.
type parts struct{ of *ahead }

// Read implements io.Reader.
func (r parts) Read(p []byte) (int, error) {
	a := r.of
	for len(a.out) == 0 {
		if err := a.turn(); err != nil {
			return 0, err
		}
	}
	n := copy(p, a.out[0])
	if a.out[0] = a.out[0][n:]; len(a.out[0]) == 0 {
		a.out = a.out[1:]
	}
	return n, nil
}

// turn waits for the next output.
func (a *ahead) turn() error {
	if a.failed {
		return errSerial
	}
	if len(a.queue) > 0 && a.queue[0].done == nil && len(a.queue[0].in) == 0 {
		p := a.queue[0]
		a.gained += p.stored
		a.decoded -= p.size
		a.free = append(a.free, p)
		a.queue = slices.Delete(a.queue, 0, 1)
	}
	a.fill()
	if len(a.queue) == 0 {
		if len(a.next.in) == 0 && a.srcErr == io.EOF { //nolint:errorlint // of a reader
			return io.EOF
		}
		return errSerial
	}
	p := a.queue[0]
	if p.done != nil {
		<-p.done
		p.done = nil
	} else {
		a.decode(p) // the rest of it
	}
	a.out, a.failed = p.out, p.err != nil
	return nil
}

// fill begins parts until there are enough.
func (a *ahead) fill() {
	for len(a.queue) < a.most && a.decoded < a.sizes.ahead*(a.most-1) && !a.pause() {
		n, size := a.read()
		if n <= 0 {
			return
		}
		p, next := a.next, a.part()
		next.buf = append(next.buf[:0], p.in[n:]...)
		next.in = next.buf
		p.in, p.stored, p.size, p.err, p.done = p.in[:n], n, size, nil, make(chan struct{})
		a.next = next
		a.queue = append(a.queue, p)
		a.decoded += size
		done := p.done
		a.running.Go(func() {
			defer close(done)
			a.decode(p)
		})
	}
}

// part is one to be filled.
func (a *ahead) part() *part {
	if n := len(a.free); n > 0 {
		p := a.free[n-1]
		a.free = a.free[:n-1]
		return p
	}
	return &part{}
}

// read reads until a part can be cut off, and where.
func (a *ahead) read() (n, size int) {
	p := a.next
	for want := a.sizes.part; ; want = min(len(p.buf)+a.sizes.part, a.sizes.maxPart) {
		if have := len(p.in); have < want && a.srcErr == nil {
			p.in = slices.Grow(p.in, want-have)
			n, a.srcErr = fillBuffer(a.src, p.in[have:want])
			p.in = p.in[:have+n]
		}
		p.buf = p.in
		if len(p.in) == 0 {
			return 0, 0
		}
		more := a.srcErr == nil && len(p.buf) < a.sizes.maxPart
		if n, size = a.cut(p.in, more, a.srcErr == io.EOF); n != 0 || !more { //nolint:errorlint // of a reader
			return n, size
		}
	}
}

// rest is what follows after errSerial, to its end, and src after it.
func (a *ahead) rest() *rest {
	a.running.Wait()
	r := &rest{a: a}
	for i, p := range a.queue {
		if i > 0 {
			p.in = p.buf[:p.stored] // decoded for nothing
		}
		r.kept = append(r.kept, p.in)
	}
	r.kept = append(r.kept, a.next.in)
	return r
}

// resume goes on after a serial decoder has read a part of rest. stored is what was read
// of src and not decoded, and may be a part of what rest had.
func (a *ahead) resume(stored []byte) {
	for _, p := range a.queue {
		p.done = nil
		a.free = append(a.free, p)
	}
	a.queue, a.decoded, a.failed, a.current = a.queue[:0], 0, false, parts{a}
	// stored may be of next itself.
	a.next.buf = append(a.next.buf[:0], stored...)
	a.next.in = a.next.buf
}

// rest reads what was read ahead, then the source.
type rest struct {
	a    *ahead
	kept [][]byte
}

// left is what was read ahead and not read again, if all parts were.
func (r *rest) left() []byte {
	if len(r.kept) == 0 {
		return nil
	}
	return r.kept[len(r.kept)-1]
}

// Read implements io.Reader.
func (r *rest) Read(p []byte) (int, error) {
	for len(r.kept) > 0 {
		n := copy(p, r.kept[0])
		if r.kept[0] = r.kept[0][n:]; len(r.kept[0]) == 0 {
			r.kept = r.kept[1:]
		}
		if n > 0 || len(p) == 0 {
			return n, nil
		}
	}
	if r.a.srcErr != nil {
		return 0, r.a.srcErr
	}
	n, err := r.a.src.Read(p)
	r.a.srcErr = err
	return n, err
}
