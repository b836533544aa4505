package elf

import (
	"bytes"
	stdelf "debug/elf"
	"encoding/binary"
	"strings"
)

// spec is an ELF file to make: what a linker would write, and no code.
type spec struct {
	Machine        Machine // x86-64 where 0
	Narrow, Big    bool    // 32-bit, big-endian
	Exec           bool
	Interp, Soname string
	Needed         []string
	RPath, RunPath string
	Needs, Weak    []VersionNeed
	Provides       []string
	Flags          stdelf.DynFlag1
	Static         bool // no dynamic section
	Skew           uint64
	Align          uint64
	Debug, Symtab  int // bytes
}

// maker appends to a file in its class and byte order.
type maker struct {
	b      []byte
	narrow bool
	order  binary.AppendByteOrder
	strs   []byte
}

func (m *maker) u16(v int)    { m.b = m.order.AppendUint16(m.b, uint16(v)) }
func (m *maker) u32(v int)    { m.b = m.order.AppendUint32(m.b, uint32(v)) }
func (m *maker) raw(b []byte) { m.b = append(m.b, b...) }

func (m *maker) words(list ...int) {
	for _, v := range list {
		if m.narrow {
			m.u32(v)
		} else {
			m.b = m.order.AppendUint64(m.b, uint64(v))
		}
	}
}

// str is the offset of a name in the dynamic string table, which has no name
// twice.
func (m *maker) str(s string) int {
	if i := bytes.Index(m.strs, append([]byte(s), 0)); i >= 0 {
		return i
	}
	m.strs = append(append(m.strs, s...), 0)
	return len(m.strs) - len(s) - 1
}

// bytes makes the file: header, three program headers, then the tables, with
// addresses that are offsets.
func (s spec) bytes() []byte {
	m := &maker{narrow: s.Narrow, order: binary.LittleEndian, strs: []byte{0}}
	if s.Big {
		m.order = binary.BigEndian
	}
	ehdr, phdr, shdr := 64, 56, 64
	if s.Narrow {
		ehdr, phdr, shdr = 52, 32, 40
	}
	m.b = make([]byte, ehdr+3*phdr)
	interp := len(m.b)
	m.raw(append([]byte(s.Interp), 0))
	needs, needCount := m.needs(s)
	defs := m.provides(s)
	var tags []int
	tag := func(t stdelf.DynTag, v int) { tags = append(tags, int(t), v) }
	for _, n := range s.Needed {
		tag(stdelf.DT_NEEDED, m.str(n))
	}
	for t, v := range map[stdelf.DynTag]string{stdelf.DT_SONAME: s.Soname, stdelf.DT_RPATH: s.RPath, stdelf.DT_RUNPATH: s.RunPath} {
		if v != "" {
			tag(t, m.str(v))
		}
	}
	if needCount > 0 {
		tag(stdelf.DT_VERNEED, needs)
		tag(stdelf.DT_VERNEEDNUM, needCount)
	}
	if len(s.Provides) > 0 {
		tag(stdelf.DT_VERDEF, defs)
		tag(stdelf.DT_VERDEFNUM, len(s.Provides)+1)
	}
	tag(stdelf.DT_FLAGS_1, int(s.Flags))
	strs := len(m.b)
	m.raw(m.strs)
	tag(stdelf.DT_STRTAB, strs)
	tag(stdelf.DT_STRSZ, len(m.strs))
	tag(stdelf.DT_NULL, 0)
	dynamic := len(m.b)
	m.words(tags...)
	end := len(m.b)
	sections := m.sections(s)
	body := m.b
	m.b = nil
	m.header(s, ehdr, phdr, shdr, sections)
	align := s.Align
	if align == 0 {
		align = 4096
	}
	m.program(stdelf.PT_LOAD, 0, int(s.Skew), end, int(align))
	m.program(kindIf(s.Interp != "", stdelf.PT_INTERP), interp, interp, len(s.Interp)+1, 1)
	m.program(kindIf(!s.Static, stdelf.PT_DYNAMIC), dynamic, dynamic, end-dynamic, 8)
	return append(m.b, body[len(m.b):]...)
}

func kindIf(ok bool, kind stdelf.ProgType) stdelf.ProgType {
	if ok {
		return kind
	}
	return stdelf.PT_NULL
}

func (m *maker) header(s spec, ehdr, phdr, shdr, sections int) {
	m.raw([]byte{0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	if s.Narrow {
		m.b[4] = 1
	}
	if s.Big {
		m.b[5] = 2
	}
	kind, machine := stdelf.ET_DYN, s.Machine
	if s.Exec {
		kind = stdelf.ET_EXEC
	}
	if machine == 0 {
		machine = x8664
	}
	m.u16(int(kind))
	m.u16(int(machine))
	m.u32(1)
	m.words(0, ehdr, sections)
	m.u32(0)
	for _, v := range []int{ehdr, phdr, 3, shdr, 4, 3} {
		m.u16(v)
	}
}

func (m *maker) program(kind stdelf.ProgType, offset, address, size, align int) {
	m.u32(int(kind))
	if !m.narrow {
		m.u32(5)
		m.words(offset, address, address, size, size, align)
		return
	}
	m.words(offset, address, address, size, size)
	m.u32(5)
	m.words(align)
}

// sections appends a section of debugging information, a symbol table without
// strings, and the table of names.
func (m *maker) sections(s spec) int {
	const table = "\x00.debug_info\x00.symtab\x00.shstrtab\x00"
	debug := len(m.b)
	m.raw(make([]byte, s.Debug+s.Symtab))
	texts := len(m.b)
	m.raw([]byte(table))
	at := len(m.b)
	for _, sec := range [][4]int{
		{0, int(stdelf.SHT_NULL), 0, 0},
		{1, int(stdelf.SHT_PROGBITS), debug, s.Debug},
		{13, int(stdelf.SHT_SYMTAB), debug + s.Debug, s.Symtab},
		{21, int(stdelf.SHT_STRTAB), texts, len(table)},
	} {
		m.u32(sec[0])
		m.u32(sec[1])
		m.words(0, 0, sec[2], sec[3])
		m.u32(3) // link: the names
		m.u32(0)
		m.words(1, 0)
	}
	return at
}

func (m *maker) needs(s spec) (at, count int) {
	at = len(m.b)
	all := append(append([]VersionNeed{}, s.Needs...), s.Weak...)
	for i, n := range all {
		m.u16(1)
		m.u16(len(n.Versions))
		m.u32(m.str(n.File))
		m.u32(16)
		m.u32(next(i == len(all)-1, 16+16*len(n.Versions)))
		for j, v := range n.Versions {
			flags := 0
			if i >= len(s.Needs) {
				flags = int(stdelf.VER_FLG_WEAK)
			}
			m.u32(0)
			m.u16(flags)
			m.u16(2)
			m.u32(m.str(v))
			m.u32(next(j == len(n.Versions)-1, 16))
		}
	}
	return at, len(all)
}

func (m *maker) provides(s spec) int {
	at := len(m.b)
	all := append([]string{s.Soname}, s.Provides...)
	for i, v := range all {
		flags := 0
		if i == 0 {
			flags = int(stdelf.VER_FLG_BASE)
		}
		m.u16(1)
		m.u16(flags)
		m.u16(i + 1)
		m.u16(1)
		m.u32(0)
		m.u32(20)
		m.u32(next(i == len(all)-1, 28))
		m.u32(m.str(v))
		m.u32(0)
	}
	return at
}

func next(last bool, size int) int {
	if last {
		return 0
	}
	return size
}

// need is a short VersionNeed: "libc.so.6 GLIBC_2.17 GLIBC_2.34".
func need(s string) VersionNeed {
	f := strings.Fields(s)
	return VersionNeed{File: f[0], Versions: f[1:]}
}
