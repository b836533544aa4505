package codec

import (
	"encoding/binary"
	"io"
)

// header reads the header of a block and sets the state that reads the block.
func (f *inflater) header() error {
	if f.last {
		return io.EOF
	}
	if err := f.need(3); err != nil {
		return err
	}
	f.last = f.take(1) == 1
	switch f.take(2) {
	case 0:
		return f.storedHeader()
	case 1:
		return f.fixedHeader()
	case 2:
		return f.dynamicHeader()
	}
	return errDeflate
}

func (f *inflater) storedHeader() error {
	b, err := f.bytes(4)
	if err != nil {
		return err
	}
	n := binary.LittleEndian.Uint16(b)
	if n != ^binary.LittleEndian.Uint16(b[2:]) {
		return errDeflate
	}
	f.stored, f.state = int(n), (*inflater).storedBlock
	return nil
}

func (f *inflater) storedBlock() error {
	for f.stored > 0 {
		if f.pos >= f.end {
			if err := f.refill(); err != nil {
				return err
			}
			if f.pos >= f.end {
				return io.ErrUnexpectedEOF
			}
		}
		room := f.out[f.top : outSize-outMargin]
		if len(room) == 0 {
			return nil
		}
		n := copy(room, f.in[f.pos:min(f.end, f.pos+f.stored)])
		f.pos += n
		f.top += n
		f.stored -= n
	}
	f.state = (*inflater).header
	return nil
}

func (f *inflater) fixedHeader() error {
	if f.fixed {
		f.state = (*inflater).codes
		return nil
	}
	l := &f.lengths
	for i := range maxLitCodes {
		switch {
		case i < 144:
			l[i] = 8
		case i < 256:
			l[i] = 9
		case i < 280:
			l[i] = 7
		default:
			l[i] = 8
		}
	}
	for i := range maxDistCodes {
		l[maxLitCodes+i] = 5
	}
	err := f.tables(maxLitCodes, maxDistCodes)
	f.fixed = err == nil
	return err
}

// precodeOrder is the order of the lengths of the code of code lengths: RFC 1951, section 3.2.7.
var precodeOrder = [19]int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

func (f *inflater) dynamicHeader() error {
	if err := f.need(14); err != nil {
		return err
	}
	literals, distances, precodes := int(f.take(5))+257, int(f.take(5))+1, int(f.take(4))+4
	if literals > 286 || distances > 30 {
		return errDeflate
	}
	var lengths [19]uint8
	for i := range precodes {
		if err := f.need(3); err != nil {
			return err
		}
		lengths[precodeOrder[i]] = uint8(f.take(3))
	}
	var table [1 << 7]uint32
	if err := buildTable(table[:], 7, lengths[:], precodeEntries); err != nil {
		return err
	}
	for i := 0; i < literals+distances; {
		n, err := f.codeLength(&table, i, literals+distances)
		if err != nil {
			return err
		}
		i += n
	}
	f.fixed = false
	return f.tables(literals, distances)
}

// codeLength reads one symbol of the code of code lengths, which sets one or
// more lengths from i on.
func (f *inflater) codeLength(table *[1 << 7]uint32, i, total int) (n int, err error) {
	if f.count < 7+7 { // the longest code and its extra bits
		if err := f.load(); err != nil {
			return 0, err
		}
	}
	e := table[f.bits&(1<<7-1)]
	if e&isSpecial != 0 {
		return 0, f.invalid()
	}
	f.drop(uint(e & 0xff))
	symbol, value := e>>16, uint8(0)
	switch symbol {
	case 16:
		if i == 0 {
			return 0, errDeflate
		}
		value, n = f.lengths[i-1], 3+int(f.take(2))
	case 17:
		n = 3 + int(f.take(3))
	case 18:
		n = 11 + int(f.take(7))
	default:
		value, n = uint8(symbol), 1
	}
	if f.overrun() {
		return 0, io.ErrUnexpectedEOF
	}
	if i+n > total {
		return 0, errDeflate
	}
	for j := range n {
		f.lengths[i+j] = value
	}
	return n, nil
}

// tables makes the tables of a block from the lengths that were read.
func (f *inflater) tables(literals, distances int) error {
	if err := buildTable(f.literals[:], literalBits, f.lengths[:literals], literalEntries); err != nil {
		return err
	}
	f.state = (*inflater).codes
	return buildTable(f.distances[:], distanceBits, f.lengths[literals:literals+distances], distanceEntries)
}

// codes decodes a block until it ends or the output is full. Its loop keeps all
// state in local variables; each turn has room for three literals, or for two and
// a match.
func (f *inflater) codes() error { //nolint:gocognit,funlen // the inner loop: calls in it cost a third of the time
	if err := f.refill(); err != nil {
		return err
	}
	limit := uint(max(f.end-inMargin, 0))
	if f.ended {
		limit = uint(f.end + 8)
	}
	in, out := f.in, f.out
	pos, top, low := uint(f.pos), uint(f.top), uint(f.low)
	reg, count := f.bits, f.count
	literals, distances := &f.literals, &f.distances
	done, bad := false, false
	reg |= binary.LittleEndian.Uint64(in[pos:]) << (count & 63)
	pos += 7 - count>>3&7
	count |= 56
	e := literals[reg&(1<<literalBits-1)]
	for pos <= limit && pos < inSize+inPadding-inMargin && top < outSize-outMargin {
		if e&isLiteral != 0 {
			reg >>= e & 63
			count -= uint(e)
			out[top] = byte(e >> 16)
			e = literals[reg&(1<<literalBits-1)]
			if e&isLiteral != 0 {
				reg >>= e & 63
				count -= uint(e)
				out[top+1] = byte(e >> 16)
				e = literals[reg&(1<<literalBits-1)]
				if e&isLiteral != 0 {
					reg >>= e & 63
					count -= uint(e)
					out[top+2] = byte(e >> 16)
					top += 3
					reg |= binary.LittleEndian.Uint64(in[pos:]) << (count & 63)
					pos += 7 - count>>3&7
					count |= 56
					e = literals[reg&(1<<literalBits-1)]
					continue
				}
				top += 2
			} else {
				top++
			}
		}
		if e&isSpecial != 0 {
			if e&(invalid&^isSpecial|isEnd) == 0 {
				reg >>= literalBits
				count -= literalBits
				e = literals[(e>>16+uint32(reg)&(1<<(e>>8&15)-1))&(literalTable-1)]
				if e&isLiteral != 0 {
					reg >>= e & 63
					count -= uint(e)
					out[top] = byte(e >> 16)
					top++
					reg |= binary.LittleEndian.Uint64(in[pos:]) << (count & 63)
					pos += 7 - count>>3&7
					count |= 56
					e = literals[reg&(1<<literalBits-1)]
					continue
				}
			}
			if e&isSpecial != 0 {
				if done = e&isEnd != 0; done {
					reg >>= e & 63
					count -= uint(e)
				}
				bad = !done
				break
			}
		}
		end := top + uint(e>>16) + uint(reg&(1<<(e&63)-1)>>(e>>8&15))
		reg >>= e & 63
		count -= uint(e)

		reg |= binary.LittleEndian.Uint64(in[pos:]) << (count & 63)
		pos += 7 - count>>3&7
		count |= 56
		e = distances[reg&(1<<distanceBits-1)]
		if e&isSpecial != 0 {
			if e&(invalid&^isSpecial) == 0 {
				reg >>= distanceBits
				count -= distanceBits
				e = distances[(e>>16+uint32(reg)&(1<<(e>>8&15)-1))&(distanceTable-1)]
			}
			if e&isSpecial != 0 {
				bad = true
				break
			}
		}
		distance := uint(e>>16) + uint(reg&(1<<(e&63)-1)>>(e>>8&15))
		reg >>= e & 63
		count -= uint(e)
		if distance > top-low {
			bad = true
			break
		}
		from := top - distance
		reg |= binary.LittleEndian.Uint64(in[pos:]) << (count & 63)
		pos += 7 - count>>3&7
		count |= 56
		e = literals[reg&(1<<literalBits-1)] // loaded while the match is copied
		switch {
		case distance >= 8:
			// Most matches have 24 bytes or less: their copy has no branch that depends on
			// the length.
			to, of := out[top:top+24], out[from:from+24]
			binary.LittleEndian.PutUint64(to, binary.LittleEndian.Uint64(of))
			binary.LittleEndian.PutUint64(to[8:], binary.LittleEndian.Uint64(of[8:]))
			binary.LittleEndian.PutUint64(to[16:], binary.LittleEndian.Uint64(of[16:]))
			for top, from = top+24, from+24; top < end; top, from = top+8, from+8 {
				binary.LittleEndian.PutUint64(out[top:top+8], binary.LittleEndian.Uint64(out[from:from+8]))
			}
		case distance == 1: // a run of one byte
			for word := uint64(out[from]) * 0x0101010101010101; top < end; top += 8 {
				binary.LittleEndian.PutUint64(out[top:top+8], word)
			}
		default:
			for top < end {
				out[top] = out[from]
				top++
				from++
			}
		}
		top = end
	}
	start := f.top
	f.pos, f.top, f.bits, f.count = int(pos), int(top), reg, count&63
	switch {
	case f.overrun():
		f.top = start // what was decoded from zeros after the end is not data
		return io.ErrUnexpectedEOF
	case bad:
		return f.invalid()
	case done:
		f.state = (*inflater).header
	}
	return nil
}
