package codec

import "math/bits"

// A table is indexed by the first index bits of the remaining input. Longer codes
// continue in a second table behind the first. An entry is
//
//	a literal:  1 in bit 31, the byte in bits 16 to 23, the length of the code
//	            in bits 0 to 7
//	a length or a distance: its base in bits 16 to 30, the length of the code in
//	            bits 8 to 11, the same with its extra bits in bits 0 to 7
//	special:    1 in bit 15; for a second table its start in bits 16 to 30 and its
//	            index bits in bits 8 to 11; for the end of a block 1 in bit 14
const (
	isLiteral = 1 << 31
	isSpecial = 1 << 15
	isEnd     = 1 << 14
	invalid   = isSpecial | 1<<13

	literalBits   = 11
	literalTable  = 1 << 12 // 2342 are used at most
	distanceBits  = 8
	distanceTable = 1 << 9 // 402 are used at most
	maxCodeLength = 15

	maxLitCodes  = 288
	maxDistCodes = 32
	endOfBlock   = 256
)

// literalEntry is the entry of a literal or length symbol without the length of
// its code: RFC 1951, section 3.2.5.
func literalEntry(symbol int) uint32 {
	switch {
	case symbol < 256:
		return isLiteral | uint32(symbol)<<16
	case symbol == endOfBlock:
		return isSpecial | isEnd
	case symbol < 265:
		return uint32(symbol-254) << 16
	case symbol < 285:
		extra := (symbol - 261) / 4
		return uint32(3+(4+(symbol-261)%4)<<extra)<<16 | uint32(extra)
	case symbol == 285:
		return 258 << 16
	}
	return invalid
}

// distanceEntry is the entry of a distance symbol.
func distanceEntry(symbol int) uint32 {
	switch {
	case symbol < 4:
		return uint32(symbol+1) << 16
	case symbol < 30:
		extra := (symbol - 2) / 2
		return uint32(1+(2+symbol%2)<<extra)<<16 | uint32(extra)
	}
	return invalid
}

// precodeEntry is the entry of a symbol of the code of code lengths.
func precodeEntry(symbol int) uint32 { return uint32(symbol) << 16 }

// coded adds the length of its code to an entry.
func coded(entry uint32, length uint) uint32 {
	if entry&(isLiteral|isSpecial) != 0 {
		return entry + uint32(length)
	}
	return entry + uint32(length)<<8 + uint32(length)
}

// The entries of all symbols, by the kind of code.
var literalEntries, distanceEntries, precodeEntries = entries(maxLitCodes, literalEntry), entries(maxDistCodes, distanceEntry), entries(19, precodeEntry)

// noCodes is the first part of a table without codes.
var noCodes = func() (t [1 << literalBits]uint32) {
	for i := range t {
		t[i] = invalid
	}
	return t
}()

func entries(n int, entry func(symbol int) uint32) []uint32 {
	all := make([]uint32, n)
	for symbol := range all {
		all[symbol] = entry(symbol)
	}
	return all
}

// buildTable fills a table from the lengths of the codes of symbols with these entries.
// Like zlib it accepts a single code of one bit; other incomplete codes are an error.
func buildTable(table []uint32, indexBits uint, lengths []uint8, entries []uint32) error {
	var count [maxCodeLength + 1]uint
	for _, l := range lengths {
		count[l&maxCodeLength]++
	}
	count[0] = 0
	longest := uint(maxCodeLength)
	for longest > 0 && count[longest] == 0 {
		longest--
	}
	var next, first [maxCodeLength + 2]uint // the next code of each length, and its first place in order
	code := uint(0)
	for l := uint(1); l <= longest; l++ {
		code <<= 1
		next[l] = code
		code += count[l]
		first[l+1] = first[l] + count[l]
	}
	if longest > 0 && code != 1<<longest && !(code == 1 && longest == 1) {
		return errDeflate
	}
	var order [maxLitCodes]uint16 // the symbols by the length of their codes
	at := first
	for symbol, l := range lengths {
		if l > 0 {
			order[at[l]] = uint16(symbol)
			at[l]++
		}
	}
	if code != 1<<longest { // one code of one bit, or none
		copy(table[:1<<indexBits], noCodes[:])
		for i := uint(0); i < 1<<indexBits && longest == 1; i += 2 {
			table[i] = coded(entries[order[0]], 1)
		}
		return nil
	}
	// A code of l bits stands once in the first 2^l entries. They are doubled for each
	// further bit. An entry that belongs to no code yet is overwritten by longer ones.
	size := uint(1)
	for l := uint(1); l <= indexBits; l++ {
		copy(table[size:2*size], table[:size])
		size *= 2
		for _, symbol := range order[first[l]:at[l]] {
			table[reversed(next[l], l)] = coded(entries[symbol], l)
			next[l]++
		}
	}
	return long(table, indexBits, longest, &next, &first, order[:], entries)
}

// long fills the second tables. Codes with the same prefix are consecutive, the longest last:
// going backwards, the first one of a prefix says how large its table is.
func long(table []uint32, indexBits, longest uint, next, first *[maxCodeLength + 2]uint, order []uint16, entries []uint32) error {
	free, start, more, last := uint(1)<<indexBits, uint(0), uint(0), ^uint(0)
	for l := longest; l > indexBits; l-- {
		n := first[l+1] - first[l]
		for k := n; k > 0; k-- {
			code := reversed(next[l]+k-1, l)
			if prefix := code & (1<<indexBits - 1); prefix != last {
				last, start, more = prefix, free, l-indexBits
				if free += 1 << more; free > uint(len(table)) {
					return errDeflate
				}
				table[prefix] = isSpecial | uint32(start)<<16 | uint32(more)<<8 | uint32(indexBits)
			}
			for i := code >> indexBits; i < 1<<more; i += 1 << (l - indexBits) {
				table[start+i] = coded(entries[order[first[l]+k-1]], l-indexBits)
			}
		}
	}
	return nil
}

// reversed is a code as it stands in the input: its first bit is the lowest.
func reversed(code, length uint) uint {
	return uint(bits.Reverse16(uint16(code))) >> (16 - length&15)
}
