package elf

import (
	stdelf "debug/elf"
	"slices"
	"strings"
)

const (
	objectFile = stdelf.ET_REL
	class64    = stdelf.ELFCLASS64
)

// object is a file in a process.
type object struct {
	file *File
	// name is the absolute path by which it was opened, which is where its
	// $ORIGIN is; path is where that led.
	name, path string
	// parent is the object that needed it first.
	parent *object
	// rpath and runpath are the file's directories made absolute, once asked
	// for; provides are its versions.
	rpath, runpath []string
	provides       map[string]bool
}

// process is what a loader has loaded, and how it goes on.
type process struct {
	l            *Loader
	main, interp *object
	musl         bool
	// compat says that a musl process has a stand-in for glibc.
	compat                  bool
	libraryPath, systemDirs []string
	byName, byPath          map[string]*object
	order                   []*object
	missing                 []Missing
	// base is the process into which this one's objects are loaded.
	base *process
}

func (ps *process) miss(kind string, by *object, library string) *Missing {
	var chain []string
	for o := by; o != nil; o = o.parent {
		chain = append(chain, o.path)
	}
	slices.Reverse(chain)
	ps.missing = append(ps.missing, Missing{Kind: kind, Library: library, NeededBy: by.path, Chain: chain})
	return &ps.missing[len(ps.missing)-1]
}

// loaded finds an object by a name under which it was loaded.
func (ps *process) loaded(name string) *object {
	if o := ps.byName[name]; o != nil || ps.base == nil {
		return o
	}
	return ps.base.byName[name]
}

// add makes an object known by the name that it was asked for and, to glibc,
// by its own. musl knows only names that it searched for.
func (ps *process) add(o *object, name string) {
	ps.byPath[o.path] = o
	if ps.loaded(name) == nil && (!ps.musl || !strings.Contains(name, "/")) {
		ps.byName[name] = o
	}
	if soname := o.file.Soname; soname != "" && !ps.musl && ps.loaded(soname) == nil {
		ps.byName[soname] = o
	}
}

// preload loads what LD_PRELOAD names. What is not there is ignored, as
// loaders do.
func (ps *process) preload() {
	names := strings.FieldsFunc(ps.l.env["LD_PRELOAD"], func(r rune) bool { return r == ' ' || r == ':' })
	for _, name := range names {
		if o, _ := ps.find(name, ps.main); o != nil && ps.loaded(name) == nil {
			o.parent = nil
			ps.add(o, name)
			ps.order = append(ps.order, o)
		}
	}
}

// load loads an object and what it needs, breadth first, and then looks at the
// versions.
func (ps *process) load(root *object) {
	ps.add(root, root.name)
	ps.order = append([]*object{root}, ps.order...)
	for i := 0; i < len(ps.order); i++ {
		o := ps.order[i]
		foreign := ps.musl && !ps.compat && o.file.Libc() == "glibc"
		if foreign {
			ps.miss("libc", o, "libc.so.6")
		}
		for n, name := range o.file.Needed {
			if slices.Contains(o.file.Needed[:n], name) || foreign && isGlibcName(name) {
				continue
			}
			ps.need(o, name)
		}
	}
	if ps.musl {
		return // it reads no version of what it loads
	}
	for _, o := range ps.order {
		ps.versions(o)
	}
}

func (ps *process) need(by *object, name string) {
	if ps.loaded(name) != nil || ps.musl && isMuslItself(name) {
		return
	}
	o, refused := ps.find(name, by)
	if o == nil && ps.l.opens > maxOpens {
		return // not known
	}
	if o == nil {
		kind := "library"
		switch {
		case ps.musl && isGlibcName(name) || !ps.musl && (isMuslName(name) || name == "libc.so"):
			kind = "libc"
		case refused != "":
			kind = "machine"
		}
		m := ps.miss(kind, by, name)
		if m.Elsewhere = refused; refused == "" {
			m.Elsewhere = ps.l.elsewhere(name, ps.main.file)
		}
		return
	}
	if known := ps.byPath[o.path]; known != nil {
		ps.add(known, name)
		return
	}
	if ps.base != nil && ps.base.byPath[o.path] != nil {
		ps.add(ps.base.byPath[o.path], name)
		return
	}
	ps.add(o, name)
	ps.order = append(ps.order, o)
}

// isMuslItself knows the names for which musl's loader gives itself, whatever
// comes after the first dot.
func isMuslItself(name string) bool {
	base, rest, dot := strings.Cut(name, ".")
	return dot && rest != "" && slices.Contains([]string{"libc", "libpthread", "librt", "libm", "libdl", "libutil", "libxnet"}, base)
}

// versions checks the symbol versions that an object needs. A library without
// versions has them all.
func (ps *process) versions(o *object) {
	for _, need := range o.file.Needs {
		lib := ps.loaded(need.File)
		if lib == nil || len(lib.file.Provides) == 0 {
			continue
		}
		if lib.provides == nil {
			lib.provides = map[string]bool{}
			for _, v := range lib.file.Provides {
				lib.provides[v] = true
			}
		}
		for _, v := range need.Versions {
			if !lib.provides[v] {
				m := ps.miss("version", o, need.File)
				m.Version, m.Elsewhere = v, lib.path
			}
		}
	}
}
