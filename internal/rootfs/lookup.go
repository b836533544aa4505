package rootfs

import (
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/elf"
	"whittle.dev/whittle/internal/python/source"
)

// Source is what the Python text at a path says; ok is false where that is not
// known.
func (m *Image) Source(p string) (s *source.Facts, ok bool) {
	f := m.file(p)
	switch {
	case f == nil, f.binary != nil, !isPython(p):
		return nil, false
	case f.source != nil:
		return f.source, true
	}
	s, ok = f.scan()
	if ok && m.ahead != nil {
		m.ahead.follow(p, s)
	}
	return s, ok
}

// Binary is the ELF file at a path, symlinks followed.
func (m *Image) Binary(p string) (*elf.File, bool) {
	f := m.file(p)
	if f == nil {
		if real, _, ok := whittle.Follow(m, "", p); ok {
			f = m.file(real)
		}
	}
	if f == nil || f.binary == nil {
		return nil, false
	}
	return &f.binary.File, true
}

// Builtins are the modules that are compiled into an interpreter, or into the
// shared library that it loads; nil where neither is known.
func (m *Image) Builtins(program string) []string {
	var out []string
	for _, p := range m.interpreter(program) {
		out = append(out, p.builtins...)
	}
	return out
}

// Version is the full version of an interpreter of a series ("3.13"), as its
// program has it; it is empty where that is ambiguous.
func (m *Image) Version(program, series string) string {
	var fit []string
	for _, p := range m.interpreter(program) {
		for _, v := range p.versions {
			if strings.HasPrefix(v, series+".") {
				fit = append(fit, v)
			}
		}
	}
	if slices.Sort(fit); len(slices.Compact(fit)) != 1 {
		return ""
	}
	return fit[0]
}

// interpreter are the program of an interpreter and its shared library, as far
// as they are known.
func (m *Image) interpreter(file string) []*program {
	files := []string{file}
	if e, ok := m.Binary(file); ok {
		for _, lib := range e.Needed {
			if strings.HasPrefix(lib, "libpython") {
				dir := path.Dir(path.Dir(file))
				files = append(files, path.Join(dir, "lib", lib), path.Join(dir, "lib/x86_64-linux-gnu", lib), path.Join(dir, "lib/aarch64-linux-gnu", lib))
			}
		}
	}
	var out []*program
	for _, p := range files {
		if f := m.file(p); f != nil && f.binary != nil {
			out = append(out, f.binary)
		}
	}
	return out
}
