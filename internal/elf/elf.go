// Package elf reads what the dynamic loader reads of ELF files, and says
// which shared libraries a program or a Python extension would miss in a root
// file system that nobody has started yet.
//
// [Parse] turns one file into a [File]; [NewLoader] resolves between files as
// the dynamic loaders of glibc and musl do.
package elf

import (
	stdelf "debug/elf"
	"fmt"
	"path"
	"strings"
)

// File has the parts of an ELF file that the dynamic loader reads, and sizes of
// sections. Formats: System V ABI, chapters 4 and 5; Linux Standard Base,
// symbol versioning; https://gabi.xinuos.com.
type File struct {
	Class   stdelf.Class
	Data    stdelf.Data
	Type    stdelf.Type
	Machine Machine
	// Dynamic says that there is a dynamic section.
	Dynamic bool
	// PIE is the flag of position-independent programs, NoDefaultLib the one
	// that keeps the loader from its default directories.
	PIE, NoDefaultLib bool
	// Interp is the path of the dynamic loader that a program asks for.
	Interp string
	// Needed are the names of the libraries to load, in order.
	Needed []string
	Soname string
	// RPath and RunPath are the search directories as written, split at ":".
	RPath, RunPath []string
	Needs          []VersionNeed
	// Provides are the names of the symbol versions that the file defines.
	Provides []string
	// SystemDirs are the default directories that a glibc loader was built
	// with; empty for every other file.
	SystemDirs []string
	// DebugBytes is the size of the sections of debugging information in the
	// file. SymtabBytes is that of the symbol table that only debuggers and
	// linkers read, with its strings. Object files (ET_REL) need theirs.
	DebugBytes, SymtabBytes int64
	// GapBytes are the bytes of the file that belong to no section: padding,
	// and remains of tools that move sections.
	GapBytes int64
	// MisalignedLoad says that a segment's address and offset differ modulo
	// its alignment, or that it is aligned to less than a page: GNU strip
	// makes such files unloadable.
	MisalignedLoad bool
}

// VersionNeed are the symbol versions that a file needs of one library.
type VersionNeed struct {
	// File is the library's name as in Needed.
	File string
	// Versions are the names without which the file does not load; weak ones
	// are skipped.
	Versions []string
}

// Machine is an ELF machine number.
type Machine uint16

// The machines that container images are made for.
const (
	i386    = Machine(stdelf.EM_386)
	arm     = Machine(stdelf.EM_ARM)
	aarch64 = Machine(stdelf.EM_AARCH64)
	x8664   = Machine(stdelf.EM_X86_64)
)

// platform has the names of one machine: its own, the platform of an image
// (GOARCH), Debian's directories, and the paths of the loaders of glibc and
// musl.
type platform struct {
	machine                           Machine
	name, goarch, triple, glibc, musl string
}

var platforms = [...]platform{
	{x8664, "x86-64", "amd64", "x86_64-linux-gnu", "lib64/ld-linux-x86-64.so.2", "lib/ld-musl-x86_64.so.1"},
	{aarch64, "aarch64", "arm64", "aarch64-linux-gnu", "lib/ld-linux-aarch64.so.1", "lib/ld-musl-aarch64.so.1"},
	{i386, "i386", "386", "i386-linux-gnu", "lib/ld-linux.so.2", "lib/ld-musl-i386.so.1"},
	{arm, "arm", "arm", "arm-linux-gnueabihf", "lib/ld-linux-armhf.so.3", "lib/ld-musl-armhf.so.1"},
	{Machine(stdelf.EM_RISCV), "riscv64", "riscv64", "riscv64-linux-gnu", "lib/ld-linux-riscv64-lp64d.so.1", "lib/ld-musl-riscv64.so.1"},
	{Machine(stdelf.EM_PPC64), "ppc64le", "ppc64le", "powerpc64le-linux-gnu", "lib64/ld64.so.2", "lib/ld-musl-powerpc64le.so.1"},
	{Machine(stdelf.EM_S390), "s390x", "s390x", "s390x-linux-gnu", "lib/ld64.so.1", "lib/ld-musl-s390x.so.1"},
	{Machine(stdelf.EM_LOONGARCH), "loongarch64", "loong64", "loongarch64-linux-gnu", "lib64/ld-linux-loongarch-lp64d.so.1", "lib/ld-musl-loongarch64.so.1"},
}

func (m Machine) platform() platform {
	for _, p := range platforms {
		if p.machine == m {
			return p
		}
	}
	return platform{machine: m}
}

// MachineOf is the machine of an image's architecture ("amd64"), 0 if it is not
// known.
func MachineOf(architecture string) Machine {
	for _, p := range platforms {
		if p.goarch == architecture {
			return p.machine
		}
	}
	return 0
}

// String is "x86-64" or "aarch64".
func (m Machine) String() string {
	if p := m.platform(); p.name != "" {
		return p.name
	}
	return fmt.Sprintf("machine %d", uint16(m))
}

// runs says whether a computer of machine m runs programs of other: 64-bit
// kernels run those of the 32-bit machine before them. The zero Machine is
// not known, and runs all.
func (m Machine) runs(other Machine) bool {
	return m == 0 || m == other || m == x8664 && other == i386 || m == aarch64 && other == arm
}

// IsELF says whether a file that starts with these bytes claims to be ELF.
func IsELF(prefix []byte) bool {
	return len(prefix) >= 4 && string(prefix[:4]) == stdelf.ELFMAG
}

// Static says that a program runs without a dynamic loader.
func (f *File) Static() bool {
	return f.Interp == "" && len(f.Needed) == 0 && (f.PIE || f.Type == stdelf.ET_EXEC)
}

// Program says that the file is one to execute rather than to load into
// another.
func (f *File) Program() bool {
	return f.PIE || f.Type == stdelf.ET_EXEC || f.Type == stdelf.ET_DYN && f.Interp != "" && f.Soname == ""
}

// Bounds of what strip does to a file, measured with GNU strip 2.40
// --strip-unneeded on 367 extensions and libraries of 22 wheels.
const (
	// stripSlack is the number of removed bytes that the new layout of the file
	// may use up. stripExtra is the number of bytes that are removed in
	// addition: padding, headers, notes.
	stripSlack, stripExtra = 2 << 10, 8 << 10
	// maxGap bounds the bytes of a file that belong to no section. The four
	// files that strip made unloadable had 180,000 bytes and more, and patchelf
	// had moved their sections; no file below this bound was broken.
	maxGap = 16 << 10
)

// Strippable gives the bounds of the bytes that "strip --strip-unneeded"
// removes, and whether files of this kind are known to load afterwards. Object
// files and archives of them need their symbols.
func (f *File) Strippable() (low, high int64, safe bool) {
	n := f.DebugBytes + f.SymtabBytes
	if n == 0 || f.Type == stdelf.ET_REL {
		return 0, 0, false
	}
	return max(0, n-stripSlack), n + stripExtra, !f.MisalignedLoad && f.GapBytes <= maxGap
}

// Libc is the C library that the file was linked with: "glibc", "musl", or ""
// if it does not say.
func (f *File) Libc() string {
	for _, name := range append([]string{path.Base(f.Interp), f.Soname}, f.Needed...) {
		switch {
		case isMuslName(name):
			return "musl"
		case isGlibcName(name):
			return "glibc"
		}
	}
	for _, n := range f.Needs {
		for _, v := range n.Versions {
			if strings.HasPrefix(v, "GLIBC_") {
				return "glibc"
			}
		}
	}
	return ""
}

func isMuslName(name string) bool {
	return strings.HasPrefix(name, "libc.musl-") || strings.HasPrefix(name, "ld-musl-")
}

// isGlibcName also recognizes glibc's loaders by name, because those of other
// machines have other names.
func isGlibcName(name string) bool {
	return name == "libc.so.6" || name == "libc.so.6.1" || isGlibcLoader(name)
}

func isGlibcLoader(name string) bool {
	return strings.HasPrefix(name, "ld-linux") || strings.HasPrefix(name, "ld64.so.")
}

// sameABI says whether two files can be in one process.
func (f *File) sameABI(other *File) bool {
	return f.Class == other.Class && f.Machine == other.Machine && f.Data == other.Data
}
