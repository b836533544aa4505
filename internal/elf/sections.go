package elf

import (
	"cmp"
	stdelf "debug/elf"
	"slices"
	"strings"
)

// section is a section header.
type section struct {
	name, kind     uint32
	flags, address uint64
	offset, size   uint64
	link, info     uint32
	align, entry   uint64
}

// sections adds up the sizes of what strip removes. It sets no error.
func (r *reader) sections(f *File) {
	defer func() { r.err = nil }()
	table, size := r.word(r.pick(40, 32)), uint64(r.u16(r.pick(58, 46)))
	n, names := uint64(r.u16(r.pick(60, 48))), uint32(r.u16(r.pick(62, 50)))
	if table == 0 || size != r.pick(64, 40) || r.err != nil {
		return
	}
	// With 0xff00 sections or more, the first header has the true numbers.
	if n == 0 {
		n = r.section(table).size
	}
	if names == uint32(stdelf.SHN_XINDEX) {
		names = r.section(table).link
	}
	if n > uint64(len(r.b))/size || uint64(names) >= n || r.bytes(table, n*size) == nil {
		return
	}
	strs := r.section(table + uint64(names)*size)
	r.names = 0
	segments := extent{r.word(r.pick(32, 28)), uint64(r.u16(r.pick(54, 42))) * uint64(r.u16(r.pick(56, 44)))}
	held := []extent{{0, r.pick(64, 52)}, {table, n * size}, segments}
	for i := range n {
		s := r.section(table + i*size)
		if s.kind == uint32(stdelf.SHT_NOBITS) || r.bytes(s.offset, s.size) == nil {
			r.err = nil
			continue
		}
		if len(held) < maxHeld {
			held = append(held, extent{s.offset, s.size})
		}
		if s.kind == uint32(stdelf.SHT_SYMTAB) {
			f.SymtabBytes += int64(s.size)
			if s.link != names && uint64(s.link) < n {
				f.SymtabBytes += int64(min(r.section(table+uint64(s.link)*size).size, uint64(len(r.b))))
			}
		} else if name := r.sectionName(strs, s.name); isDebug(name) {
			f.DebugBytes += int64(s.size)
		}
	}
	// Sections that overlap, or a table that is counted twice, are invalid.
	if total := int64(len(r.b)); f.DebugBytes < 0 || f.SymtabBytes < 0 || f.DebugBytes > total || f.SymtabBytes > total-f.DebugBytes {
		f.DebugBytes, f.SymtabBytes = 0, 0
	}
	f.GapBytes = gaps(held, uint64(len(r.b)))
}

// extent is a part of the file. maxHeld bounds the number that is kept; further
// ones count as gaps, so that the file is not called safe.
type extent struct{ offset, size uint64 }

const maxHeld = 1 << 16

// gaps is the number of bytes of a file that are in none of its parts.
func gaps(held []extent, size uint64) int64 {
	slices.SortFunc(held, func(a, b extent) int { return cmp.Compare(a.offset, b.offset) })
	var end, gap uint64
	for _, e := range held {
		if e.offset > size || e.size == 0 {
			continue
		}
		if e.offset > end {
			gap += e.offset - end
		}
		end = max(end, e.offset+e.size)
	}
	if size > end {
		gap += size - end
	}
	return int64(gap)
}

func (r *reader) section(at uint64) section {
	b, u32, u64 := r.bytes(at, r.pick(64, 40)), r.order.Uint32, r.order.Uint64
	switch {
	case b == nil:
		return section{}
	case r.wide:
		return section{u32(b), u32(b[4:]), u64(b[8:]), u64(b[16:]), u64(b[24:]), u64(b[32:]), u32(b[40:]), u32(b[44:]), u64(b[48:]), u64(b[56:])}
	}
	word := func(at int) uint64 { return uint64(u32(b[at:])) }
	return section{u32(b), u32(b[4:]), word(8), word(12), word(16), word(20), u32(b[24:]), u32(b[28:]), word(32), word(36)}
}

// sectionName reads no more of a section's name than isDebug looks at.
func (r *reader) sectionName(strs section, at uint32) string {
	size := uint64(len(r.b))
	if strs.offset > size || uint64(at) > size-strs.offset {
		return ""
	}
	b := r.b[strs.offset+uint64(at):]
	return string(b[:min(len(b), 12)])
}

func isDebug(name string) bool {
	name = strings.TrimPrefix(name, ".rela") //nolint:misspell // the prefix of relocations
	return strings.HasPrefix(name, ".debug_") || strings.HasPrefix(name, ".zdebug_") || strings.HasPrefix(name, ".stab")
}
