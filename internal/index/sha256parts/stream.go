// Package sha256parts computes the SHA-256 of a stream together with those of parts of it, such
// as a tar and the files in it. If the processor has instructions for SHA-256 (amd64, arm64), both
// take the time of one: the instructions of one digest wait for each other, and those of a
// second one run meanwhile. A part that begins at a multiple of 64 bytes even has the blocks of
// the stream, so that their message schedules are computed once. Elsewhere, each digest is
// computed by crypto/sha256.
package sha256parts

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
)

// Stream is a stream of which digests are computed. It is not safe for concurrent use.
type Stream struct {
	length, began uint64 // bytes of the stream, and of it before the part
	tail          [sha256.BlockSize]byte
	whole, part   state
	// open says that the stream is in a part, apart that the part does not have the blocks of
	// the stream: other then computes its digest.
	open, apart bool
	other       hash.Hash
	// plain computes the digest of the stream where the instructions are missing; then every
	// part is apart.
	plain hash.Hash
}

// New is an empty stream.
func New() *Stream { return newStream(accelerated) }

func newStream(accelerated bool) *Stream {
	s := &Stream{whole: initial}
	if !accelerated {
		s.plain = sha256.New()
	}
	return s
}

// Write appends to the stream, and to the part if there is one. It never fails.
func (s *Stream) Write(p []byte) (int, error) {
	if s.open && s.apart {
		s.other.Write(p)
	}
	if s.plain != nil {
		s.plain.Write(p)
	} else {
		s.write(p)
	}
	return len(p), nil
}

func (s *Stream) write(p []byte) {
	filled := int(s.length % sha256.BlockSize)
	s.length += uint64(len(p))
	if filled > 0 {
		n := copy(s.tail[filled:], p)
		if p = p[n:]; filled+n < sha256.BlockSize {
			return
		}
		s.blocks(s.tail[:])
	}
	if whole := len(p) &^ (sha256.BlockSize - 1); whole > 0 {
		s.blocks(p[:whole])
		p = p[whole:]
	}
	copy(s.tail[:], p)
}

// blocks advances the digests by whole blocks.
func (s *Stream) blocks(p []byte) {
	if s.open && !s.apart {
		advance(&s.whole, &s.part, p)
		return
	}
	var none state
	advance(&s.whole, &none, p)
}

// Begin begins a part with the next byte. A part that was begun before and has not ended is
// given up.
func (s *Stream) Begin() {
	s.open, s.began = true, s.length
	if s.apart = s.plain != nil || s.length%sha256.BlockSize != 0; !s.apart {
		s.part = initial
		return
	}
	if s.other == nil {
		s.other = sha256.New()
	}
	s.other.Reset()
}

// End ends the part, and gives its digest. Without a Begin it panics.
func (s *Stream) End() [sha256.Size]byte {
	if !s.open {
		panic("sha256parts: no part has begun")
	}
	s.open = false
	if s.apart {
		return [sha256.Size]byte(s.other.Sum(nil))
	}
	return finish(s.part, s.tail[:s.length%sha256.BlockSize], s.length-s.began)
}

// Sum is the digest of what was written so far.
func (s *Stream) Sum() [sha256.Size]byte {
	if s.plain != nil {
		return [sha256.Size]byte(s.plain.Sum(nil))
	}
	return finish(s.whole, s.tail[:s.length%sha256.BlockSize], s.length)
}

// finish gives the digest of a message with a length in bytes, of which a state has all but the
// tail, which is no whole block. FIPS 180-4, 5.1.1, says what is appended.
func finish(s state, tail []byte, length uint64) (sum [sha256.Size]byte) {
	var last [2 * sha256.BlockSize]byte
	n := copy(last[:], tail)
	last[n] = 0x80
	end := sha256.BlockSize
	if n+1+8 > end {
		end = len(last)
	}
	binary.BigEndian.PutUint64(last[end-8:], 8*length)
	var none state
	advance(&s, &none, last[:end])
	for i, at := range order {
		binary.BigEndian.PutUint32(sum[4*i:], s[at])
	}
	return sum
}

// state has the eight words of a digest, A to H, in the order in which the processor's
// instructions take them: order has the position of each.
type state [8]uint32

// initial is the state before the first block: FIPS 180-4, 5.3.3.
var initial = func() (s state) {
	for i, word := range [...]uint32{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19} {
		s[order[i]] = word
	}
	return s
}()
