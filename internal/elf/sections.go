package elf

import (
	stdelf "debug/elf"
	"strings"
)

// section is a section header, as far as sizes need it.
type section struct {
	name, kind, link uint32
	offset, size     uint64
}

// sections sums the sizes of what strip would take. It leaves no error.
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
	for i := range n {
		s := r.section(table + i*size)
		if s.kind == uint32(stdelf.SHT_NOBITS) || r.bytes(s.offset, s.size) == nil {
			r.err = nil
			continue
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
	// Sections that overlap, or twice the same table, are a lie.
	if total := int64(len(r.b)); f.DebugBytes < 0 || f.SymtabBytes < 0 || f.DebugBytes > total || f.SymtabBytes > total-f.DebugBytes {
		f.DebugBytes, f.SymtabBytes = 0, 0
	}
}

func (r *reader) section(at uint64) section {
	return section{r.u32(at), r.u32(at + 4), r.u32(at + r.pick(40, 24)), r.word(at + r.pick(24, 16)), r.word(at + r.pick(32, 20))}
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
	name = strings.TrimPrefix(name, ".rela")
	return strings.HasPrefix(name, ".debug_") || strings.HasPrefix(name, ".zdebug_") || strings.HasPrefix(name, ".stab")
}
