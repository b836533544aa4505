package codec

import (
	"encoding/binary"
	"errors"
	"io"
)

// inflater decompresses DEFLATE (RFC 1951). It is written for whole layers, for
// which it takes about half the time of general libraries: it keeps 56 or more
// bits of input in a register, decodes most symbols with one table look-up, copies
// matches in words, and checks the ends of its buffers once a symbol instead of
// once a byte. Fuzz tests compare it with compress/flate.
type inflater struct {
	src io.Reader

	// in[pos:end] is input that is not in bits yet. After the end of src it is
	// followed by zeros, so that words can be loaded.
	in       *[inSize + inPadding]byte
	pos, end int
	ended    bool
	bits     uint64
	count    uint // number of valid bits; more may be loaded above

	// out[low:top] is the output that matches may refer to.
	out      *Buffer
	low, top int

	state  func(*inflater) error
	stored int // bytes left of a stored block
	last   bool
	err    error

	// fixed says that the tables are those of the fixed code. A stream may have
	// millions of small blocks, and making tables takes longer than decoding them.
	fixed     bool
	lengths   [maxLitCodes + maxDistCodes]uint8
	literals  [literalTable]uint32
	distances [distanceTable]uint32
}

const (
	inSize     = 128 << 10
	inPadding  = 32
	inMargin   = 16 // what a turn of the decoding loop may load
	windowSize = 32 << 10
	outSize    = windowSize + 256<<10
	// outMargin is what a turn of the decoding loop may write: literals, a
	// match of 258 bytes, and the rest of its last word, or of its first three.
	outMargin = 4 + 258 + 24
)

var errDeflate = errors.New("invalid DEFLATE data")

// newInflater reads from src, possibly beyond the end of the data.
// Call reset at the start of each stream.
func newInflater(src io.Reader) *inflater {
	return &inflater{src: src, in: new([inSize + inPadding]byte)}
}

// reset starts another stream at the current position of the input.
func (f *inflater) reset() {
	f.low = f.top
	f.state, f.last, f.err = (*inflater).header, false, nil
}

// moveTo goes on in another buffer, which may be the same, with the window at its start.
func (f *inflater) moveTo(out *Buffer) {
	n := 0
	if f.out != nil {
		n = copy(out[:], f.out[max(f.low, f.top-windowSize):f.top])
	}
	f.out, f.low, f.top = out, 0, n
}

// decode goes on until the buffer is full, or the stream ends. It gives what it decoded.
func (f *inflater) decode() []byte {
	start := f.top
	for f.err == nil && f.room() {
		f.err = f.state(f)
	}
	return f.out[start:f.top]
}

// room says whether there is some in the buffer.
func (f *inflater) room() bool { return f.top < outSize-outMargin }

// refill reads input until a turn of the decoding loop is possible. At the end of
// the input it provides zeros once. Using their bits is an error.
func (f *inflater) refill() error {
	if f.end-f.pos >= inMargin {
		return nil
	}
	if f.ended {
		if f.pos > f.end+8 {
			return io.ErrUnexpectedEOF
		}
		return nil
	}
	keep := min(f.pos, 8) // align gives bytes of the register back
	f.end = copy(f.in[:], f.in[f.pos-keep:f.end])
	f.pos = keep
	for idle := 0; f.end-f.pos < inMargin+8 && !f.ended; {
		n, err := f.src.Read(f.in[f.end:inSize])
		f.end += n
		switch {
		case err == io.EOF:
			f.ended = true
			clear(f.in[f.end : f.end+inPadding])
		case err != nil:
			return err
		case n > 0:
			idle = 0
		default:
			if idle++; idle > 100 {
				return io.ErrNoProgress
			}
		}
	}
	return nil
}

// need makes at least n bits valid, n at most 32.
func (f *inflater) need(n uint) error {
	if err := f.load(); err != nil {
		return err
	}
	if f.ended && f.left() < int(n) {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// load fills the register.
func (f *inflater) load() error {
	if err := f.refill(); err != nil {
		return err
	}
	f.bits |= binary.LittleEndian.Uint64(f.in[f.pos:]) << (f.count & 63)
	f.pos += int(63-f.count) >> 3
	f.count |= 56
	return nil
}

// left is the number of bits left in the register and in the input. It is negative
// if more bits were used than there are.
func (f *inflater) left() int { return int(f.count) + 8*(f.end-f.pos) }

// invalid is the error for an invalid code. At the end of the input it may consist
// of the zeros that refill has added.
func (f *inflater) invalid() error {
	if f.ended && f.left() < maxCodeLength {
		return io.ErrUnexpectedEOF
	}
	return errDeflate
}

// overrun says whether more bits were used than there are.
func (f *inflater) overrun() bool {
	return f.ended && f.left() < 0
}

func (f *inflater) take(n uint) uint32 {
	v := uint32(f.bits & (1<<n - 1))
	f.drop(n)
	return v
}

func (f *inflater) drop(n uint) {
	f.bits >>= n
	f.count -= n
}

// align drops the rest of a byte, and returns whole bytes to the input.
func (f *inflater) align() {
	f.pos -= int(f.count >> 3)
	f.bits, f.count = 0, 0
}

// bytes is uncompressed input of at most inMargin bytes. It is valid until the next
// read.
func (f *inflater) bytes(n int) ([]byte, error) {
	f.align()
	if err := f.refill(); err != nil {
		return nil, err
	}
	if f.end-f.pos < n {
		return nil, io.ErrUnexpectedEOF
	}
	b := f.in[f.pos : f.pos+n]
	f.pos += n
	return b, nil
}
