package codec

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

// gunzip reads the members of a gzip file (RFC 1952) one after another.
type gunzip struct {
	inflater *inflater
	crc      uint32
	size     uint32
	err      error
	// after goes on after a member. It is nil if the next one is read.
	after func() error

	buf  *Buffer // nil until Read is called
	rest []byte  // of buf, not read yet
}

var errGzip = errors.New("invalid gzip data")

// newGunzip reads the header of the first member.
func newGunzip(src io.Reader) (*gunzip, error) {
	g := &gunzip{inflater: newInflater(src)}
	return g, noEOF(g.member())
}

// Read implements io.Reader.
func (g *gunzip) Read(p []byte) (int, error) {
	for len(g.rest) == 0 {
		if g.err != nil {
			return 0, g.err
		}
		if g.buf == nil {
			g.buf = new(Buffer)
		}
		g.rest, _ = g.Fill(g.buf) // the error follows what it came with
	}
	n := copy(p, g.rest)
	g.rest = g.rest[n:]
	return n, nil
}

// Fill implements Filler.
func (g *gunzip) Fill(buf *Buffer) ([]byte, error) {
	f := g.inflater
	f.moveTo(buf)
	start := f.top
	for g.err == nil && f.room() {
		data := f.decode()
		g.crc = crc32.Update(g.crc, crc32.IEEETable, data)
		g.size += uint32(len(data))
		g.next(f.err)
	}
	return buf[start:f.top], g.err
}

// next goes on after the inflater's error: io.EOF at the end of a member.
func (g *gunzip) next(err error) {
	if errors.Is(err, io.EOF) {
		err = noEOF(g.trailer())
		switch {
		case err != nil:
		case g.after != nil:
			err = g.after()
		default:
			err = g.member()
		}
	}
	g.err = err
}

// member reads the header of a member; io.EOF means that there is none.
func (g *gunzip) member() error {
	f := g.inflater
	f.align()
	if err := f.refill(); err != nil {
		return err
	}
	if f.pos >= f.end {
		return io.EOF
	}
	b, err := f.bytes(10)
	if err != nil {
		return err
	}
	flags := b[3]
	if b[0] != 0x1f || b[1] != 0x8b || b[2] != 8 {
		return errGzip
	}
	if flags&4 != 0 { // FEXTRA
		b, err := f.bytes(2)
		if err != nil {
			return err
		}
		for range binary.LittleEndian.Uint16(b) {
			if _, err := f.bytes(1); err != nil {
				return err
			}
		}
	}
	for _, text := range [...]byte{8, 16} { // FNAME, FCOMMENT
		for more := flags&text != 0; more; {
			b, err := f.bytes(1)
			if err != nil {
				return err
			}
			more = b[0] != 0
		}
	}
	if flags&2 != 0 { // FHCRC is not checked: the contents have other checksums
		if _, err := f.bytes(2); err != nil {
			return err
		}
	}
	g.crc, g.size = 0, 0
	f.reset()
	return nil
}

func (g *gunzip) trailer() error {
	b, err := g.inflater.bytes(8)
	if err != nil {
		return err
	}
	if binary.LittleEndian.Uint32(b) != g.crc || binary.LittleEndian.Uint32(b[4:]) != g.size {
		return errGzip
	}
	return nil
}
