package elf

import (
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
)

// find searches for a library that an object needs. refused is a file of that
// name for another machine.
func (ps *process) find(name string, by *object) (found *object, refused string) {
	s := &search{ps: ps, by: by, name: name}
	switch {
	case strings.Contains(name, "/"):
		s.open(ps.absolute(ps.expand(name, by)))
	case ps.musl:
		s.musl()
	default:
		s.glibc()
	}
	return s.found, s.refused
}

// search is one search for a library.
type search struct {
	ps      *process
	by      *object
	name    string
	found   *object
	refused string
}

// open tries one path. next says whether to search further.
func (s *search) open(name string) (next bool) {
	l := s.ps.l
	if l.opens++; l.opens > maxOpens {
		return false
	}
	parent := dirOf(name)
	dir := l.paths.resolve("", parent)
	if dir.kind != whittle.Dir {
		return true
	}
	at := l.paths.resolve(dir.path, name[len(parent):])
	if at.kind != whittle.File {
		return true
	}
	file, ok := l.files(at.path)
	if !ok {
		return true
	}
	if !file.sameABI(s.ps.main.file) {
		if s.refused == "" {
			s.refused = at.path
		}
		return true
	}
	s.found = &object{file: file, name: name, path: at.path, parent: s.by}
	return false
}

func (s *search) dirs(dirs []string) (next bool) {
	for _, dir := range dirs {
		if !s.open(strings.TrimSuffix(dir, "/") + "/" + s.name) {
			return false
		}
	}
	return true
}

// glibc searches in the order of ld.so(8): RPATH of the object and of those
// that it was loaded for, where it has no RUNPATH; LD_LIBRARY_PATH; its
// RUNPATH; the cache; the default directories. The program's RPATH counts for
// every object.
func (s *search) glibc() {
	ps := s.ps
	if len(s.by.file.RunPath) == 0 {
		sawMain := false
		for o := s.by; o != nil; o = o.parent {
			sawMain = sawMain || o == ps.main
			if !s.rpath(o) {
				return
			}
		}
		if !sawMain && !s.rpath(ps.main) {
			return
		}
	}
	if !s.dirs(ps.libraryPath) || !s.dirs(ps.runpath(s.by)) {
		return
	}
	for _, p := range ps.l.cache[s.name] {
		isDefault := slices.Contains(ps.systemDirs, path.Dir(p)+"/")
		if !(s.by.file.NoDefaultLib && isDefault) && !s.open(path.Clean("/"+p)) {
			return
		}
	}
	if s.dirs(ps.l.confDirs) && !s.by.file.NoDefaultLib {
		s.dirs(ps.systemDirs)
	}
}

// rpath searches the RPATH of an object, which is ignored if it has a RUNPATH.
func (s *search) rpath(o *object) (next bool) {
	return len(o.file.RunPath) > 0 || s.dirs(s.ps.rpath(o))
}

// musl searches LD_LIBRARY_PATH, then what the object and those that it was
// loaded for name in RUNPATH as in RPATH, then the system's directories.
func (s *search) musl() {
	ps := s.ps
	if !s.dirs(ps.libraryPath) {
		return
	}
	sawMain := false
	for o := s.by; o != nil || !sawMain; {
		if o == nil {
			o = ps.main
		}
		sawMain = sawMain || o == ps.main
		paths := ps.runpath(o)
		if len(o.file.RunPath) == 0 {
			paths = ps.rpath(o)
		}
		if !s.dirs(paths) {
			return
		}
		o = o.parent
	}
	s.dirs(ps.systemDirs)
}

func (ps *process) rpath(o *object) []string {
	if o.rpath == nil {
		o.rpath = ps.expandAll(o.file.RPath, o)
	}
	return o.rpath
}

func (ps *process) runpath(o *object) []string {
	if o.runpath == nil {
		o.runpath = ps.expandAll(o.file.RunPath, o)
	}
	return o.runpath
}

// expandAll makes search directories absolute. Empty and relative ones are
// relative to the working directory.
func (ps *process) expandAll(dirs []string, o *object) []string {
	out := make([]string, 0, len(dirs))
	for _, dir := range dirs {
		if dir = ps.absolute(ps.expand(dir, o)); len(dir) < maxName {
			out = append(out, dir)
		}
	}
	return out
}

func (ps *process) absolute(p string) string {
	if strings.HasPrefix(p, "/") {
		return p
	}
	return "/" + strings.Trim(ps.l.env["PWD"], "/") + "/" + p
}

// expand replaces the loader's variables. It does not clean paths, because the
// kernel resolves ".." after symlinks.
func (ps *process) expand(p string, o *object) string {
	if !strings.Contains(p, "$") {
		return p
	}
	lib := "lib"
	if ps.main.file.Class == class64 {
		lib = "lib64"
	}
	if len(ps.systemDirs) > 0 && !ps.musl {
		lib = strings.Trim(ps.systemDirs[0], "/")
	}
	platform := strings.ReplaceAll(ps.main.file.Machine.String(), "-", "_")
	origin := strings.TrimSuffix(dirOf(o.name), "/")
	return strings.NewReplacer("${ORIGIN}", origin, "$ORIGIN", origin, "${LIB}", lib, "$LIB", lib,
		"${PLATFORM}", platform, "$PLATFORM", platform).Replace(p)
}
