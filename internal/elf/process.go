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
	// name is the absolute path by which it was opened, which determines its
	// $ORIGIN; path is that path resolved.
	name, path string
	// parent is the object that needed it first.
	parent *object
	// rpath and runpath are the file's directories made absolute, computed on
	// first use; provides are its versions.
	rpath, runpath []string
	provides       map[string]bool
}

// process is the state of a loader: the objects that it has loaded, and its
// settings.
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

// add registers an object under the name by which it was searched and, for
// glibc, under its own. musl only registers names that it searched for.
func (ps *process) add(o *object, name string) {
	ps.byPath[o.path] = o
	if ps.loaded(name) == nil && (!ps.musl || !strings.Contains(name, "/")) {
		ps.byName[name] = o
	}
	if soname := o.file.Soname; soname != "" && !ps.musl && ps.loaded(soname) == nil {
		ps.byName[soname] = o
	}
}

// preload loads the libraries in LD_PRELOAD. Like loaders, it ignores missing
// ones.
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

// load loads an object and its needed libraries, breadth first, and then checks
// the versions.
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

// isMuslItself recognizes the names that musl's loader resolves to itself,
// whatever follows the first dot.
func isMuslItself(name string) bool {
	base, rest, dot := strings.Cut(name, ".")
	return dot && rest != "" && slices.Contains([]string{"libc", "libpthread", "librt", "libm", "libdl", "libutil", "libxnet"}, base)
}

// versions checks the symbol versions that an object needs. A library without
// versions satisfies all.
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
