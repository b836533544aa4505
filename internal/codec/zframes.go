package codec

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// zframes reads the frames of a zstd stream as the library's streaming decoder does, but
// decodes several at a time, as zstd:chunked layers and what pzstd writes have them. Where a frame
// ends is known from the headers of its blocks (RFC 8878, section 3.1.1). A large frame, and
// everything from an error on, is left to the streaming decoder.
type zframes struct {
	*ahead
	decoder *zstd.Decoder // of parts
	stream  *zstd.Decoder // of large frames, nil until there was one
	one     *oneFrame     // what stream reads, nil while parts are read
	begun   bool          // whether the first frame has ended
}

func newDecoder(r io.Reader, options ...zstd.DOption) (*zstd.Decoder, error) {
	return zstd.NewReader(r, append(options, zstd.WithDecoderMaxWindow(window), zstd.WithDecoderLowmem(true))...)
}

func newZframes(src io.Reader) (*zframes, error) {
	d, err := newDecoder(nil, zstd.WithDecoderConcurrency(cores()))
	if err != nil {
		return nil, err
	}
	z := &zframes{decoder: d}
	z.ahead = newAhead(src, z)
	z.sizes.maxBytes = maxFrame
	return z, nil
}

// Close frees the decoders.
func (z *zframes) Close() {
	z.running.Wait()
	z.decoder.Close()
	if z.stream != nil {
		z.stream.Close()
	}
}

// goBack implements splitter: it decodes a frame, or everything if a part is not what it seemed.
func (z *zframes) goBack(src *rest) (_ io.Reader, err error) {
	z.one = &oneFrame{src: src, all: z.failed, least: int64(z.sizes.part)}
	if z.stream == nil {
		z.stream, err = newDecoder(z.one)
	} else {
		err = z.stream.Reset(z.one)
	}
	return z.stream, err
}

// goOn implements splitter.
func (z *zframes) goOn(err error) (stored []byte, ok bool) {
	if err != io.EOF || z.one == nil || !z.one.ended { //nolint:errorlint // of a reader
		return nil, false
	}
	stored = z.one.src.left()
	z.one, z.begun = nil, true
	return stored, true
}

// pause implements splitter: never, as parts take less processor time than the streaming decoder
// does.
func (*zframes) pause() bool { return false }

// cut implements splitter.
func (z *zframes) cut(stored []byte, more, _ bool) (n, size int) {
	for n < z.sizes.part && size < z.sizes.full {
		length, decoded := z.sizes.frame(stored[n:])
		// If the first frame is not small, it is probably the only one: as a part it would be
		// decoded on one core alone.
		if !z.begun && n == 0 && (length > z.sizes.part/4 || length == 0 && len(stored) >= z.sizes.part/4) {
			return -1, 0
		}
		if length == 0 && more {
			return 0, 0
		}
		if length <= 0 || n > 0 && size+decoded > z.sizes.maxBytes {
			break
		}
		n += length
		size += decoded
	}
	if n == 0 {
		return -1, 0
	}
	z.begun = true
	return n, size
}

// decode implements splitter.
func (z *zframes) decode(p *part) {
	all := slices.Grow(p.decoded[:0], p.size+maxBlock+blockMargin)
	for len(p.in) > 0 && len(all) < z.sizes.maxBytes/2 && p.err == nil {
		length, size := z.sizes.frame(p.in)
		all = slices.Grow(all, size+maxBlock+blockMargin)
		// Each is decoded into its own slice, so that the library refers to nothing before.
		end := len(all)
		var out []byte
		out, p.err = z.decoder.DecodeAll(p.in[:length], all[end:])
		switch {
		case p.err != nil:
			// It is decoded again, so that what is before the error is read, too.
		case len(out) <= cap(all)-end && (len(out) == 0 || &out[0] == &all[:end+1][end]):
			p.in, all = p.in[length:], all[:end+len(out)]
		default: // it was larger
			p.in, all = p.in[length:], append(all, out...)
		}
	}
	p.decoded, p.out = all, p.out[:0]
	if len(all) > 0 {
		p.out = append(p.out, all)
	}
}

const (
	// maxFrame is the most bytes that a part decodes to: the streaming decoder decodes one
	// frame on several cores, too, and larger parts take more memory than time.
	maxFrame    = 2 << 20
	maxBlock    = 128 << 10 // decoded
	blockMargin = 32        // what the library may write beyond a block
	maxHeader   = 18        // of a frame
	blockHeader = 3
)

// frame is the length of the frame, or skippable frame, that stored begins with, and about
// how many bytes it decodes to. The length is 0 if there is not enough of the frame, and
// negative if it is too large for a part, or invalid.
func (s sizes) frame(stored []byte) (length, size int) {
	h, ok := parseFrameHeader(stored)
	if !ok {
		return -1, 0
	}
	if h.length == 0 {
		return 0, 0
	}
	if h.content > int64(s.maxBytes) || h.window > window || h.dictionary {
		return -1, 0
	}
	if h.skippable {
		if h.content > int64(s.maxPart)-int64(h.length) {
			return -1, 0
		}
		if length = h.length + int(h.content); length > len(stored) {
			return 0, 0
		}
		return length, 0
	}
	length = h.length
	most := 0 // decoded
	for last := false; !last; {
		if len(stored)-length < blockHeader {
			return 0, 0
		}
		b := parseBlockHeader(stored[length:])
		length += blockHeader + b.stored
		most += b.decoded
		if b.invalid || h.content < 0 && most > s.maxBytes || length > s.maxPart {
			return -1, 0
		}
		last = b.last
	}
	if h.checksum {
		length += 4
	}
	if length > len(stored) {
		return 0, 0
	}
	if h.content >= 0 {
		return length, int(h.content)
	}
	return length, min(most, usualRatio*length)
}

// usualRatio is more than files are compressed by, for the most part.
const usualRatio = 5

// header is the header of a frame.
type header struct {
	length     int   // 0 if it is not whole
	content    int64 // decoded bytes, of a skippable frame the bytes to skip; -1 if it does not say
	window     int64
	checksum   bool
	dictionary bool
	skippable  bool
}

// parseFrameHeader reads the header of a frame from the start of b (RFC 8878, sections 3.1.1.1
// and 3.1.2).
func parseFrameHeader(b []byte) (h header, ok bool) {
	if len(b) < 5 {
		return header{}, true
	}
	if b[0]&0xf0 == 0x50 && string(b[1:4]) == "\x2a\x4d\x18" {
		if len(b) < 8 {
			return header{}, true
		}
		return header{length: 8, content: int64(binary.LittleEndian.Uint32(b[4:])), skippable: true}, true
	}
	if string(b[:4]) != "\x28\xb5\x2f\xfd" || b[4]&8 != 0 {
		return header{}, false
	}
	single, content := b[4]&(1<<5) != 0, [...]int{0, 2, 4, 8}[b[4]>>6]
	h = header{length: 5, content: -1, checksum: b[4]&4 != 0}
	if single && content == 0 {
		content = 1
	}
	id := [...]int{0, 1, 2, 4}[b[4]&3]
	total := 5 + id + content
	if !single {
		total++
	}
	if len(b) < total {
		return header{}, true
	}
	if !single {
		exponent, mantissa := b[5]>>3, int64(b[5]&7)
		h.window = 1<<(10+exponent) + mantissa<<(7+exponent)
		h.length++
	}
	h.dictionary = len(bytes.Trim(b[total-content-id:total-content], "\x00")) > 0
	var word [8]byte
	if n := copy(word[:], b[total-content:total]); n > 0 {
		h.content = int64(binary.LittleEndian.Uint64(word[:]))
		if n == 2 {
			h.content += 256
		}
		if h.content < 0 {
			return header{}, false
		}
	}
	h.length = total
	return h, true
}

// block is what the header of a block says: how many bytes follow, and how many it decodes
// to at most.
type block struct {
	stored, decoded int
	last, invalid   bool
}

// parseBlockHeader reads the header of a block (RFC 8878, section 3.1.1.2).
func parseBlockHeader(b []byte) block {
	v := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16
	size := int(v >> 3)
	h := block{stored: size, decoded: size, last: v&1 != 0, invalid: size > maxBlock}
	switch v >> 1 & 3 {
	case 1: // one byte, repeated
		h.stored = 1
	case 2:
		h.decoded = maxBlock
	case 3:
		h.invalid = true
	}
	return h
}

// oneFrame reads a frame from src, and the frames behind it until it has read as much as a part
// has: to go back to parts takes longer than to decode a small frame. If headers are not valid,
// it reads all of src: the decoder says what is wrong.
type oneFrame struct {
	src      *rest
	least    int64 // bytes to read
	all      bool
	ended    bool
	buf      [maxHeader]byte
	ready    []byte // of buf, a header that is not read yet
	body     int64  // bytes that follow it
	begun    bool   // whether the frame's header was read
	last     bool   // whether the last block's header was
	checksum bool
}

// Read implements io.Reader.
func (o *oneFrame) Read(p []byte) (int, error) {
	for {
		switch {
		case len(o.ready) > 0:
			n := copy(p, o.ready)
			o.ready = o.ready[n:]
			o.least -= int64(n)
			return n, nil
		case o.body > 0:
			n, err := o.src.Read(p[:min(int64(len(p)), o.body)])
			o.body -= int64(n)
			o.least -= int64(n)
			return n, err
		case o.ended:
			return 0, io.EOF
		case o.all:
			return o.src.Read(p)
		case !o.begun:
			o.begin()
		case !o.last:
			o.block()
		case o.least > 0:
			o.begun, o.last, o.checksum = false, false, false
		default:
			o.ended = true
		}
	}
}

// begin reads the frame's header.
func (o *oneFrame) begin() {
	o.begun = true
	for n := 1; n <= maxHeader; n++ {
		if !o.more(1) {
			return
		}
		h, ok := parseFrameHeader(o.ready)
		if !ok {
			break
		}
		if h.length > 0 {
			o.checksum = h.checksum
			if h.skippable {
				o.last, o.body = true, h.content
			}
			return
		}
	}
	o.all = true
}

// block reads a block's header.
func (o *oneFrame) block() {
	if !o.more(blockHeader) {
		return
	}
	b := parseBlockHeader(o.ready)
	o.body, o.last, o.all = int64(b.stored), b.last, b.invalid
	if o.last && o.checksum {
		o.body += 4
	}
}

// more appends n bytes to ready. If there are not as many, what follows ready is the
// source's error.
func (o *oneFrame) more(n int) bool {
	k := len(o.ready)
	m, err := io.ReadFull(o.src, o.buf[k:k+n])
	o.ready = o.buf[:k+m]
	if err != nil {
		o.all = true
	}
	return err == nil
}
