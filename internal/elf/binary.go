package elf

import (
	stdelf "debug/elf"
	"encoding/binary"

	"whittle.dev/whittle"
)

// format is the version of the encoding in caches. Change it with AppendBinary,
// and with what Parse finds.
const format = 2

// Bits of the encoding's flags.
const (
	flagDynamic = 1 << iota
	flagPIE
	flagNoDefaultLib
	flagMisaligned
	flagsEnd
)

// AppendBinary implements [encoding.BinaryAppender]: equal files have equal
// encodings. It returns no error.
func (f *File) AppendBinary(b []byte) ([]byte, error) {
	flags := byte(0)
	for bit, set := range map[byte]bool{flagDynamic: f.Dynamic, flagPIE: f.PIE, flagNoDefaultLib: f.NoDefaultLib, flagMisaligned: f.MisalignedLoad} {
		if set {
			flags |= bit
		}
	}
	b = append(b, format, byte(f.Class), byte(f.Data), flags)
	for _, n := range []uint64{uint64(f.Type), uint64(f.Machine), uint64(f.DebugBytes), uint64(f.SymtabBytes), uint64(f.GapBytes)} {
		b = binary.AppendUvarint(b, n)
	}
	b = appendName(appendName(b, f.Interp), f.Soname)
	for _, list := range [][]string{f.Needed, f.RPath, f.RunPath, f.Provides, f.SystemDirs} {
		b = appendNames(b, list)
	}
	b = binary.AppendUvarint(b, uint64(len(f.Needs)))
	for _, n := range f.Needs {
		b = appendNames(appendName(b, n.File), n.Versions)
	}
	return b, nil
}

func appendName(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendNames(b []byte, list []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, s := range list {
		b = appendName(b, s)
	}
	return b
}

// UnmarshalBinary implements [encoding.BinaryUnmarshaler]. Bytes that
// AppendBinary of this version does not write are [whittle.ErrCorrupt].
func (f *File) UnmarshalBinary(b []byte) error {
	d := &decoder{b: b}
	if version := d.byte(); version != format {
		return whittle.ErrCorrupt.Errorf("decoding ELF file: version %d, not %d", version, format)
	}
	g := File{Class: stdelf.Class(d.byte()), Data: stdelf.Data(d.byte())}
	flags := d.byte()
	g.Dynamic, g.PIE = flags&flagDynamic != 0, flags&flagPIE != 0
	g.NoDefaultLib, g.MisalignedLoad = flags&flagNoDefaultLib != 0, flags&flagMisaligned != 0
	d.bad = d.bad || flags >= flagsEnd
	g.Type, g.Machine = stdelf.Type(d.number(1<<16-1)), Machine(d.number(1<<16-1))
	g.DebugBytes, g.SymtabBytes, g.GapBytes = int64(d.number(1<<62)), int64(d.number(1<<62)), int64(d.number(1<<62))
	g.Interp, g.Soname = d.name(), d.name()
	for _, list := range []*[]string{&g.Needed, &g.RPath, &g.RunPath, &g.Provides, &g.SystemDirs} {
		*list = d.names()
	}
	for n := d.count(); n > 0 && !d.bad; n-- {
		g.Needs = append(g.Needs, VersionNeed{File: d.name(), Versions: d.names()})
	}
	if d.bad || len(d.b) > 0 {
		return whittle.ErrCorrupt.Errorf("decoding ELF file: it is damaged")
	}
	*f = g
	return nil
}

// decoder reads values from the front of b. The first error sets bad, and all
// values after it are zero.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) byte() byte {
	if d.bad || len(d.b) == 0 {
		d.bad = true
		return 0
	}
	c := d.b[0]
	d.b = d.b[1:]
	return c
}

func (d *decoder) number(limit uint64) uint64 {
	v, n := binary.Uvarint(d.b)
	// A longer encoding of the same number is not ours.
	if d.bad || n <= 0 || v > limit || n > 1 && d.b[n-1] == 0 {
		d.bad = true
		return 0
	}
	d.b = d.b[n:]
	return v
}

// count is a number of items of at least one byte each.
func (d *decoder) count() uint64 { return d.number(uint64(len(d.b))) }

func (d *decoder) name() string {
	n := d.count()
	if d.bad || n > uint64(len(d.b)) {
		d.bad = true
		return ""
	}
	s := string(d.b[:n])
	d.b = d.b[n:]
	return s
}

func (d *decoder) names() []string {
	var list []string
	for n := d.count(); n > 0 && !d.bad; n-- {
		list = append(list, d.name())
	}
	return list
}
