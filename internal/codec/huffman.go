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
	copy(table[:1<<indexBits], noCodes[:])
	var order [maxLitCodes]uint16 // the symbols by the length of their codes
	at := first
	for symbol, l := range lengths {
		if l > 0 {
			order[at[l]] = uint16(symbol)
			at[l]++
		}
	}
	free := uint(1) << indexBits
	// Codes with the same prefix are consecutive, the longest last. Starting with
	// the longest gives each second table the right size.
	for l := longest; l > 0; l-- {
		for _, symbol := range order[first[l]:at[l]] {
			code := uint(bits.Reverse16(uint16(next[l]))) >> (16 - l)
			next[l]++
			var err error
			if free, err = place(table, indexBits, code, l, entries[symbol], free); err != nil {
				return err
			}
		}
	}
	return nil
}

// place puts one code into a table, and starts a second table if necessary.
func place(table []uint32, indexBits, code, length uint, entry uint32, free uint) (uint, error) {
	if length <= indexBits {
		for i := code; i < 1<<indexBits; i += 1 << length {
			table[i] = coded(entry, length)
		}
		return free, nil
	}
	prefix := code & (1<<indexBits - 1)
	if table[prefix] == invalid {
		more := length - indexBits
		if free+1<<more > uint(len(table)) {
			return free, errDeflate
		}
		table[prefix] = isSpecial | uint32(free)<<16 | uint32(more)<<8 | uint32(indexBits)
		free += 1 << more
	}
	start, more := uint(table[prefix]>>16), uint(table[prefix]>>8)&15
	for i := code >> indexBits; i < 1<<more; i += 1 << (length - indexBits) {
		table[start+i] = coded(entry, length-indexBits)
	}
	return free, nil
}
