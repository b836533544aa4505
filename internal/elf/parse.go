package elf

import (
	"bytes"
	stdelf "debug/elf"
	"encoding/binary"
	"strings"

	"whittle.dev/whittle"
)

// Bounds of a file, far above the output of linkers: the largest known file has
// about 400 needed libraries and 300 versions.
const (
	maxName    = 4096    // bytes of one name
	maxNames   = 1 << 20 // bytes of all names together
	maxRecords = 1 << 14 // records of the dynamic section, or of the version tables together
	maxNeeded  = 4096    // libraries
)

// Parse reads an ELF file. Its errors are [whittle.ErrCorrupt]. Sections are
// for debuggers: if their table is corrupt or missing, only the sizes from it
// are zero. b is not retained.
func Parse(b []byte) (*File, error) {
	if !IsELF(b) {
		return nil, corrupt("it does not begin as an ELF file")
	}
	if len(b) < 52 {
		return nil, corrupt("the file header is cut off")
	}
	f := &File{Class: stdelf.Class(b[4]), Data: stdelf.Data(b[5])}
	r := &reader{b: b, wide: f.Class == stdelf.ELFCLASS64, order: binary.LittleEndian}
	if f.Class != stdelf.ELFCLASS32 && f.Class != stdelf.ELFCLASS64 {
		return nil, corrupt("class %d", b[4])
	}
	switch f.Data {
	case stdelf.ELFDATA2LSB:
	case stdelf.ELFDATA2MSB:
		r.order = binary.BigEndian
	default:
		return nil, corrupt("data encoding %d", b[5])
	}
	f.Type, f.Machine = stdelf.Type(r.u16(16)), Machine(r.u16(18))
	r.segments(f)
	r.dynamic(f)
	if r.err != nil {
		return nil, r.err
	}
	r.sections(f)
	if isGlibcLoader(f.Soname) || f.Soname == "ld.so.1" {
		f.SystemDirs = systemDirs(b)
	}
	return f, nil
}

func corrupt(format string, args ...any) error {
	return whittle.ErrCorrupt.Errorf("reading ELF file: "+format, args...)
}

// reader reads numbers and names at offsets of the file. The first read past
// the end sets err; reads after that are 0.
type reader struct {
	b       []byte
	order   binary.ByteOrder
	wide    bool
	err     error
	loads   []segment
	dyn     segment
	strs    []byte // the dynamic string table
	names   int    // bytes of names so far
	records int    // of version tables so far
}

// segment has fields of a program header.
type segment struct {
	offset, address, size, align uint64
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = corrupt(format, args...)
	}
}

func (r *reader) bytes(offset, n uint64) []byte {
	if size := uint64(len(r.b)); r.err != nil || offset > size || n > size-offset {
		r.fail("%d bytes at %d are past its end", n, offset)
		return nil
	}
	return r.b[offset : offset+n]
}

func (r *reader) u16(offset uint64) uint16 {
	if b := r.bytes(offset, 2); b != nil {
		return r.order.Uint16(b)
	}
	return 0
}

func (r *reader) u32(offset uint64) uint32 {
	if b := r.bytes(offset, 4); b != nil {
		return r.order.Uint32(b)
	}
	return 0
}

// word reads an address, offset or size: 8 bytes wide in 64-bit files.
func (r *reader) word(offset uint64) uint64 {
	if !r.wide {
		return uint64(r.u32(offset))
	}
	if b := r.bytes(offset, 8); b != nil {
		return r.order.Uint64(b)
	}
	return 0
}

// pick is the offset of a field in 64-bit and 32-bit files.
func (r *reader) pick(wide, narrow uint64) uint64 {
	if r.wide {
		return wide
	}
	return narrow
}

// text reads a name of the dynamic string table.
func (r *reader) text(at uint64) string {
	if at >= uint64(len(r.strs)) {
		r.fail("a name at %d is outside its table", at)
		return ""
	}
	return r.name(r.strs[at:])
}

// name reads the NUL-terminated string that b begins with.
func (r *reader) name(b []byte) string {
	i := bytes.IndexByte(b[:min(len(b), maxName)], 0)
	if i < 0 {
		r.fail("a name has no end")
		return ""
	}
	if r.names += i + 1; r.names > maxNames {
		r.fail("its names have more than %d bytes", maxNames)
		return ""
	}
	return string(b[:i])
}

// segments reads the program headers.
func (r *reader) segments(f *File) {
	table, size := r.word(r.pick(32, 28)), uint64(r.u16(r.pick(54, 42)))
	n := uint64(r.u16(r.pick(56, 44)))
	if n == 0 || r.err != nil {
		return
	}
	if want := r.pick(56, 32); size != want {
		r.fail("program headers of %d bytes, not %d", size, want)
		return
	}
	r.bytes(table, n*size)
	for at := table; at < table+n*size && r.err == nil; at += size {
		s := segment{r.word(at + r.pick(8, 4)), r.word(at + r.pick(16, 8)), r.word(at + r.pick(32, 16)), r.word(at + r.pick(48, 28))}
		switch stdelf.ProgType(r.u32(at)) {
		case stdelf.PT_LOAD:
			r.loads = append(r.loads, s)
			f.MisalignedLoad = f.MisalignedLoad || s.misaligned()
		case stdelf.PT_DYNAMIC:
			r.dyn, f.Dynamic = s, true
		case stdelf.PT_INTERP:
			if b := r.bytes(s.offset, s.size); b != nil {
				f.Interp = r.name(b)
			}
		}
	}
}

func (s segment) misaligned() bool {
	const page = 4096
	return s.align < page || s.address%s.align != s.offset%s.align
}

// offset is the position in the file of an address that the segments map.
func (r *reader) offset(address uint64) uint64 {
	for _, s := range r.loads {
		if address >= s.address && address-s.address < s.size {
			return s.offset + (address - s.address)
		}
	}
	r.fail("address %#x is in no segment", address)
	return 0
}

// dynamic reads the dynamic section and the version tables that it names.
func (r *reader) dynamic(f *File) {
	var needed []uint64
	tags := map[stdelf.DynTag]uint64{}
	word := r.pick(8, 4)
	for i := range min(r.dyn.size/(2*word), maxRecords) {
		at := r.dyn.offset + i*2*word
		tag, value := stdelf.DynTag(r.word(at)), r.word(at+word)
		if tag == stdelf.DT_NULL || r.err != nil {
			break
		}
		if tag == stdelf.DT_NEEDED {
			if needed = append(needed, value); len(needed) > maxNeeded {
				r.fail("it needs more than %d libraries", maxNeeded)
			}
		} else {
			tags[tag] = value
		}
	}
	f.PIE = tags[stdelf.DT_FLAGS_1]&uint64(stdelf.DF_1_PIE) != 0
	f.NoDefaultLib = tags[stdelf.DT_FLAGS_1]&uint64(stdelf.DF_1_NODEFLIB) != 0
	if _, ok := tags[stdelf.DT_STRTAB]; !ok || r.err != nil {
		return
	}
	r.strs = r.bytes(r.offset(tags[stdelf.DT_STRTAB]), tags[stdelf.DT_STRSZ])
	for _, at := range needed {
		f.Needed = append(f.Needed, r.text(at))
	}
	text := func(tag stdelf.DynTag) string {
		if at, ok := tags[tag]; ok {
			return r.text(at)
		}
		return ""
	}
	f.Soname = text(stdelf.DT_SONAME)
	f.RPath, f.RunPath = split(text(stdelf.DT_RPATH)), split(text(stdelf.DT_RUNPATH))
	if address, ok := tags[stdelf.DT_VERNEED]; ok {
		r.needs(f, r.offset(address), tags[stdelf.DT_VERNEEDNUM])
	}
	if address, ok := tags[stdelf.DT_VERDEF]; ok {
		r.provides(f, r.offset(address), tags[stdelf.DT_VERDEFNUM])
	}
}

func split(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ":")
}

// record counts one record of a version table.
func (r *reader) record() bool {
	if r.records++; r.records > maxRecords {
		r.fail("more than %d versions", maxRecords)
	}
	return r.err == nil
}

// needs reads n Verneed records at an offset, each with its Vernaux records.
func (r *reader) needs(f *File, at, n uint64) {
	for ; n > 0 && r.record(); n-- {
		need := VersionNeed{File: r.text(uint64(r.u32(at + 4)))}
		aux := at + uint64(r.u32(at+8))
		for count := r.u16(at + 2); count > 0 && r.record(); count-- {
			if stdelf.DynamicVersionFlag(r.u16(aux+4))&stdelf.VER_FLG_WEAK == 0 {
				need.Versions = append(need.Versions, r.text(uint64(r.u32(aux+8))))
			}
			next := r.u32(aux + 12)
			if next == 0 {
				break
			}
			aux += uint64(next)
		}
		f.Needs = append(f.Needs, need)
		next := r.u32(at + 12)
		if next == 0 {
			return
		}
		at += uint64(next)
	}
}

// provides reads n Verdef records at an offset: of each, the first Verdaux is
// its name. The base definition names the file itself.
func (r *reader) provides(f *File, at, n uint64) {
	for ; n > 0 && r.record(); n-- {
		if stdelf.DynamicVersionFlag(r.u16(at+2))&stdelf.VER_FLG_BASE == 0 {
			aux := at + uint64(r.u32(at+12))
			f.Provides = append(f.Provides, r.text(uint64(r.u32(aux))))
		}
		next := r.u32(at + 16)
		if next == 0 {
			return
		}
		at += uint64(next)
	}
}

// systemDirs finds the default directories in a glibc loader: consecutive
// strings that begin and end with a slash (system_dirs in glibc's
// elf/dl-load.c).
func systemDirs(b []byte) []string {
	const loader, longest, most = 4 << 20, 256, 16
	b = b[:min(len(b), loader)]
	for i := 0; ; i++ {
		next := bytes.Index(b[i:], []byte("/lib"))
		if next < 0 {
			return nil
		}
		i += next
		at := bytes.LastIndexByte(b[max(0, i-longest):i], 0) + 1 + max(0, i-longest)
		var dirs []string
		for len(dirs) < most && at < len(b) && b[at] == '/' {
			n := bytes.IndexByte(b[at:min(len(b), at+longest)], 0)
			if n < 2 || b[at+n-1] != '/' {
				break
			}
			dirs = append(dirs, string(b[at:at+n]))
			at += n + 1
		}
		if len(dirs) > 1 && len(dirs) < most {
			return dirs
		}
	}
}
