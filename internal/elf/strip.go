package elf

import (
	"bytes"
	"cmp"
	stdelf "debug/elf"
	"encoding/binary"
	"slices"

	"whittle.dev/whittle"
)

// Strip gives a library without its symbol table and the sections of debugging
// information. All that a process maps stays byte for byte where it is, but for the
// three fields of the file header that say where the table of sections is, how many
// there are, and which one has their names. No loader reads these.
//
// Nothing is moved that a program header maps, unlike "strip" does it: so no file becomes
// impossible to load. What cannot be stripped in this way is refused with an error of
// [whittle.ErrUnsupported], which says why; a corrupt file with one of
// [whittle.ErrCorrupt].
//
// Formats: System V ABI, chapter 4 (file header, sections), https://gabi.xinuos.com.
func Strip(b []byte) ([]byte, error) {
	f, err := Parse(b)
	if err != nil {
		return nil, err
	}
	switch {
	case f.Type != stdelf.ET_DYN && f.Type != stdelf.ET_EXEC:
		return nil, unstripped("it is no library and no program")
	case f.DebugBytes+f.SymtabBytes == 0:
		return nil, unstripped("it has nothing to strip")
	}
	r := &reader{b: b, wide: f.Class == stdelf.ELFCLASS64, order: binary.LittleEndian}
	if f.Data == stdelf.ELFDATA2MSB {
		r.order = binary.BigEndian
	}
	s := stripper{reader: r}
	if err := s.read(); err != nil {
		return nil, err
	}
	if err := s.appended(); err != nil {
		return nil, err
	}
	if err := s.choose(); err != nil {
		return nil, err
	}
	out, err := s.write()
	if err != nil {
		return nil, err
	}
	return out, s.holds(out)
}

func unstripped(format string, args ...any) error {
	return whittle.ErrUnsupported.Errorf("stripping an ELF file: "+format, args...)
}

// header is a section header and what it says.
type header struct {
	section
	text                string // of the name
	allocated, occupies bool
}

// stripper removes sections from a file.
type stripper struct {
	reader *reader
	table  uint64 // of sections
	each   uint64 // bytes of a header
	names  int
	all    []header
	// mapped is where the part of the file ends that program headers map.
	mapped uint64
	gone   []bool
	// number is the new one of each section that stays.
	number []uint32
}

// read reads the section headers. Parse has accepted the file, but not their table.
func (s *stripper) read() error {
	r := s.reader
	s.table, s.each = r.word(r.pick(40, 32)), r.pick(64, 40)
	n, names := uint64(r.u16(r.pick(60, 48))), r.u16(r.pick(62, 50))
	if n == 0 || stdelf.SectionIndex(names) == stdelf.SHN_XINDEX || uint64(r.u16(r.pick(58, 46))) != s.each {
		return unstripped("its table of sections has no usual form")
	}
	if uint64(names) >= n || r.bytes(s.table, n*s.each) == nil {
		return corrupt("the table of sections is cut off")
	}
	s.names = int(names)
	for i := range n {
		h, err := s.header(s.table + i*s.each)
		if err != nil {
			return err
		}
		s.all = append(s.all, h)
	}
	texts := s.all[s.names]
	for i := range s.all {
		h := &s.all[i]
		if uint64(h.name) >= texts.size || !texts.occupies {
			return corrupt("the name of section %d is outside its table", i)
		}
		if h.text = r.name(r.b[texts.offset+uint64(h.name) : texts.offset+texts.size]); r.err != nil {
			return r.err
		}
	}
	return s.segments()
}

func (s *stripper) header(at uint64) (h header, err error) {
	r := s.reader
	h = header{section: r.section(at)}
	h.allocated = h.flags&uint64(stdelf.SHF_ALLOC) != 0
	h.occupies = stdelf.SectionType(h.kind) != stdelf.SHT_NOBITS && stdelf.SectionType(h.kind) != stdelf.SHT_NULL && h.size > 0
	if h.occupies {
		r.bytes(h.offset, h.size)
	}
	return h, r.err
}

// segments finds the end of what is mapped, and of the headers.
func (s *stripper) segments() error {
	r := s.reader
	at, n, each := r.word(r.pick(32, 28)), uint64(r.u16(r.pick(56, 44))), r.pick(56, 32)
	if s.mapped = r.pick(64, 52); n > 0 && r.bytes(at, n*each) != nil {
		s.mapped = max(s.mapped, at+n*each)
	}
	for i := range n {
		p := at + i*each
		offset, size := r.word(p+r.pick(8, 4)), r.word(p+r.pick(32, 16))
		if stdelf.ProgType(r.u32(p)) == stdelf.PT_NULL || size == 0 {
			continue
		}
		if r.bytes(offset, size) == nil {
			return r.err
		}
		s.mapped = max(s.mapped, offset+size)
	}
	for _, h := range s.all {
		if h.allocated && h.occupies {
			s.mapped = max(s.mapped, h.offset+h.size)
		}
	}
	return r.err
}

// appended refuses a file with content behind what is mapped that is of no section, such
// as a signature or an archive: who reads it is not known.
func (s *stripper) appended() error {
	held := []extent{{0, s.mapped}, {s.table, uint64(len(s.all)) * s.each}}
	for _, h := range s.all {
		if h.occupies {
			held = append(held, extent{h.offset, h.size})
		}
	}
	slices.SortFunc(held, func(a, b extent) int { return cmp.Compare(a.offset, b.offset) })
	end := uint64(0)
	for _, e := range append(held, extent{uint64(len(s.reader.b)), 0}) {
		if e.offset > end && slices.ContainsFunc(s.reader.b[end:e.offset], func(c byte) bool { return c != 0 }) {
			return unstripped("the bytes at %d are of no section", end)
		}
		end = max(end, e.offset+e.size)
	}
	return nil
}

// choose decides which sections go: the symbol table with its strings, what is for
// debuggers, and relocations of that.
func (s *stripper) choose() error {
	s.gone = make([]bool, len(s.all))
	strings := map[uint32]bool{}
	for i, h := range s.all {
		switch kind := stdelf.SectionType(h.kind); {
		case i == 0 || h.allocated:
		case kind == stdelf.SHT_SYMTAB:
			s.gone[i], strings[h.link] = true, true
		case kind == stdelf.SHT_SYMTAB_SHNDX, kind == stdelf.SHT_GROUP:
			return unstripped("it has a section of type %s", kind)
		case isDebug(h.text):
			s.gone[i] = true
		}
	}
	for i, h := range s.all {
		if kind := stdelf.SectionType(h.kind); (kind == stdelf.SHT_REL || kind == stdelf.SHT_RELA) && !h.allocated { //nolint:misspell // the name in the ABI
			if uint64(h.info) >= uint64(len(s.all)) || !s.gone[h.info] {
				return unstripped("its relocations are kept for a linker (%s)", h.text)
			}
			s.gone[i] = true
		}
	}
	for i := range strings {
		if uint64(i) >= uint64(len(s.all)) {
			return corrupt("the strings of the symbol table are in no section")
		}
		s.gone[i] = s.gone[i] || int(i) != s.names && !s.all[i].allocated
	}
	return s.refers()
}

// refers refuses a file in which a section that stays refers to one that goes, or that
// would need other numbers in what is mapped: dynamic symbols name their sections.
func (s *stripper) refers() error {
	s.number = make([]uint32, len(s.all))
	next := uint32(0)
	for i, h := range s.all {
		if s.gone[i] {
			continue
		}
		if h.allocated && next < uint32(i) {
			return unstripped("a section that is mapped comes after one that is not (%s)", h.text)
		}
		s.number[i] = next
		next++
		for _, to := range []uint32{h.link, h.about()} {
			if uint64(to) >= uint64(len(s.all)) {
				return corrupt("section %d refers to one that is not there", i)
			}
			if s.gone[to] {
				return unstripped("the section %s refers to one that would go", h.text)
			}
		}
	}
	if !slices.Contains(s.gone, true) {
		return unstripped("it has nothing to strip")
	}
	return nil
}

// about is the number of a section that sh_info has, 0 if it is something else.
func (h header) about() uint32 {
	kind := stdelf.SectionType(h.kind)
	if h.flags&uint64(stdelf.SHF_INFO_LINK) != 0 || kind == stdelf.SHT_REL || kind == stdelf.SHT_RELA { //nolint:misspell // the name in the ABI
		return h.info
	}
	return 0
}

// write puts what is mapped first, then the sections that stay, then their table.
func (s *stripper) write() ([]byte, error) {
	r := s.reader
	out := bytes.Clone(r.b[:s.mapped])
	var table []byte
	count := uint16(0)
	for i, h := range s.all {
		if s.gone[i] {
			continue
		}
		count++
		if h.occupies && h.offset+h.size > s.mapped {
			if h.offset < s.mapped {
				return nil, unstripped("the section %s is mapped in part", h.text)
			}
			out = padded(out, max(1, h.align))
			content := r.b[h.offset : h.offset+h.size]
			h.offset = uint64(len(out))
			out = append(out, content...)
		} else if h.offset > s.mapped {
			h.offset = s.mapped // it has no bytes: it may be anywhere
		}
		h.link = s.number[h.link]
		if to := h.about(); to != 0 {
			h.info = s.number[to]
		}
		table = s.appendHeader(table, h)
		if len(out) > len(r.b) {
			return nil, unstripped("it would not become smaller")
		}
	}
	out = padded(out, r.pick(8, 4))
	s.put(out, r.pick(40, 32), uint64(len(out)))
	r.order.PutUint16(out[r.pick(60, 48):], count)
	r.order.PutUint16(out[r.pick(62, 50):], uint16(s.number[s.names]))
	if out = append(out, table...); len(out) >= len(r.b) {
		return nil, unstripped("it would not become smaller")
	}
	return out, nil
}

// padded adds zeros up to a multiple of align. An alignment that no linker writes counts
// as a page.
func padded(b []byte, align uint64) []byte {
	if align > 4096 {
		align = 4096
	}
	if n := uint64(len(b)) % align; n > 0 {
		b = append(b, make([]byte, align-n)...)
	}
	return b
}

// put writes a word: an address, offset or size.
func (s *stripper) put(b []byte, at, v uint64) {
	if s.reader.wide {
		s.reader.order.PutUint64(b[at:], v)
		return
	}
	s.reader.order.PutUint32(b[at:], uint32(v))
}

func (s *stripper) appendHeader(table []byte, h header) []byte {
	r, at := s.reader, uint64(len(table))
	table = append(table, make([]byte, s.each)...)
	r.order.PutUint32(table[at:], h.name)
	r.order.PutUint32(table[at+4:], h.kind)
	s.put(table, at+8, h.flags)
	s.put(table, at+r.pick(16, 12), h.address)
	s.put(table, at+r.pick(24, 16), h.offset)
	s.put(table, at+r.pick(32, 20), h.size)
	r.order.PutUint32(table[at+r.pick(40, 24):], h.link)
	r.order.PutUint32(table[at+r.pick(44, 28):], h.info)
	s.put(table, at+r.pick(48, 32), h.align)
	s.put(table, at+r.pick(56, 36), h.entry)
	return table
}

// holds compares what is mapped with how it was, and the sections that stay by another
// reading of the result: Go's own.
func (s *stripper) holds(out []byte) error {
	r := s.reader
	was, is := bytes.Clone(r.b[:s.mapped]), bytes.Clone(out[:s.mapped])
	for _, b := range [][]byte{was, is} {
		s.put(b, r.pick(40, 32), 0)
		clear(b[r.pick(60, 48):r.pick(64, 52)]) // the number of sections, and of that with names
	}
	if !bytes.Equal(was, is) {
		return unstripped("what is mapped would change")
	}
	before, err := stdelf.NewFile(bytes.NewReader(r.b))
	if err != nil {
		return corrupt("%v", err)
	}
	after, err := stdelf.NewFile(bytes.NewReader(out))
	if err != nil {
		return unstripped("the result could not be read: %v", err)
	}
	left := after.Sections
	for i, h := range before.Sections {
		if s.gone[i] {
			continue
		}
		if len(left) == 0 || left[0].Name != h.Name || left[0].Type != h.Type || left[0].Addr != h.Addr || left[0].FileSize != h.FileSize {
			return unstripped("the section %s would change", h.Name)
		}
		left = left[1:]
	}
	return nil
}
