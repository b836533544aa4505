package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"sync/atomic"
)

// members reads a gzip file as gunzip does, but decodes several members at a time, as
// eStargz layers and bgzip's files have them. Only decoding a member shows where it ends. So
// a part is what is between two places that look like headers of members, and counts if the
// last member in it ends at its end, with the right sums. Otherwise it is decoded
// again, one member after another.
type members struct {
	*ahead
	gunzip *gunzip // decodes one member after another
	rest   *rest   // what gunzip reads, nil for the source alone

	// Of the next part: how far it was searched, the last place where it can end, and
	// about how many bytes are decoded up to there.
	searched, end, size int

	lost int // stored bytes that were decoded ahead in vain
}

// reading is the number of gzip files that are being read.
var reading atomic.Int32

// coresBusy says whether no core is left to decode ahead: each file has one that decodes and
// one that hashes. Then nothing would be gained, and members that are decoded ahead take up to
// a tenth more processor time, as what is decoded goes from one core to another.
func coresBusy() bool { return 2*int(reading.Load()) >= runtime.GOMAXPROCS(0) }

// maxLost is how many stored bytes are decoded in vain, beside an eighth of those that count.
const maxLost = 1 << 20

// newMembers reads the header of the first member.
func newMembers(src io.Reader) (*members, error) {
	g, err := newGunzip(src)
	if err != nil {
		return nil, err
	}
	m := &members{gunzip: g}
	g.after = m.memberEnd
	m.ahead = newAhead(src, m)
	m.current = g
	reading.Add(1)
	return m, nil
}

// Close ends what is decoded ahead.
func (m *members) Close() {
	m.running.Wait()
	reading.Add(-1)
}

// errAhead says that the next members are decoded ahead.
var errAhead = errors.New("more members are decoded ahead")

// memberEnd chooses how to go on after a member.
func (m *members) memberEnd() error {
	f := m.gunzip.inflater
	f.align()
	if err := f.refill(); err != nil {
		return err
	}
	if f.ended || m.rest != nil && len(m.rest.kept) > 0 || m.lost > maxLost+m.gained/8 || coresBusy() {
		return m.gunzip.member()
	}
	return errAhead
}

// goOn implements splitter.
func (m *members) goOn(err error) (stored []byte, ok bool) {
	if !errors.Is(err, errAhead) {
		return nil, false
	}
	m.searched, m.end, m.size = 0, 0, 0
	f := m.gunzip.inflater
	return f.in[f.pos:f.end], true
}

// goBack implements splitter.
func (m *members) goBack(src *rest) (io.Reader, error) {
	for _, p := range m.queue {
		m.lost += p.stored
	}
	if len(m.queue) == 0 && !coresBusy() {
		m.lost += m.sizes.part / 8 // for reading and searching
	}
	m.rest = src
	return m.gunzip, m.gunzip.restart(src)
}

// restart reads the header of a member of another source.
func (g *gunzip) restart(src io.Reader) error {
	f := g.inflater
	f.src, f.pos, f.end, f.ended = src, 0, 0, false
	f.bits, f.count = 0, 0
	f.low, f.top = 0, 0
	g.err = nil
	return g.member()
}

// magic is how the header of a member begins, with the only method that there is.
var magic = []byte("\x1f\x8b\x08")

const (
	memberHeader  = 10
	smallestEmpty = memberHeader + 2 + 8
)

// isHeader says whether a member may begin here: flags, the compression's effort and the
// system are ones that writers write. Contents may look like it, too.
func isHeader(b []byte) bool {
	return len(b) >= memberHeader && bytes.HasPrefix(b, magic) && b[3] < 1<<5 && (b[8] == 0 || b[8] == 2 || b[8] == 4) && (b[9] < 20 || b[9] == 255)
}

// pause implements splitter.
func (*members) pause() bool { return coresBusy() }

// cut implements splitter.
func (m *members) cut(stored []byte, more, ended bool) (n, size int) {
	for {
		i := bytes.Index(stored[m.searched:], magic)
		if i < 0 {
			m.searched = max(m.searched, len(stored)-len(magic)+1)
			break
		}
		if at := m.searched + i; more && at+memberHeader > len(stored) {
			m.searched = at
			break
		}
		at := m.searched + i
		m.searched = at + 1
		if at < smallestEmpty || !isHeader(stored[at:]) {
			continue
		}
		// The size that ends the member before it, if this is one.
		last := binary.LittleEndian.Uint32(stored[at-4:])
		if int64(last) > int64(m.sizes.maxBytes) {
			continue
		}
		if m.end > 0 && m.size+int(last) > m.sizes.maxBytes {
			return m.cutAt(m.end, m.size)
		}
		m.end, m.size = at, m.size+int(last)
		if m.end >= m.sizes.part || m.size >= m.sizes.full {
			return m.cutAt(m.end, m.size)
		}
	}
	if ended && len(stored) >= smallestEmpty {
		last := binary.LittleEndian.Uint32(stored[len(stored)-4:])
		if int64(last) <= int64(m.sizes.maxBytes) && m.size+int(last) <= m.sizes.maxBytes {
			return m.cutAt(len(stored), m.size+int(last))
		}
	}
	switch {
	case more:
		return 0, 0
	case m.end > 0:
		return m.cutAt(m.end, m.size)
	}
	return -1, 0
}

func (m *members) cutAt(n, size int) (int, int) {
	m.searched, m.end, m.size = 0, 0, 0
	return n, size
}

// errNoPart is any error of a part: the serial decoder says which error a reader gets.
var errNoPart = errors.New("it is not a part of a gzip file")

// decode implements splitter.
func (m *members) decode(p *part) {
	if p.gunzip == nil {
		p.gunzip = &gunzip{inflater: newInflater(nil)}
	}
	p.out = p.out[:0]
	err := p.gunzip.restart(bytes.NewReader(p.in))
	for i := 0; err == nil; i++ {
		if i == len(p.buffers) {
			if i*outSize > m.sizes.maxBytes+outSize {
				err = errNoPart
				break
			}
			p.buffers = append(p.buffers, new(Buffer))
		}
		var data []byte
		if data, err = p.gunzip.Fill(p.buffers[i]); len(data) > 0 {
			p.out = append(p.out, data)
		}
	}
	if err == io.EOF { //nolint:errorlint // of our own reader
		p.in = nil
		return
	}
	p.out, p.err = p.out[:0], errNoPart
}
