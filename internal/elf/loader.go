package elf

import (
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
)

// Missing is a reason why a file does not load.
type Missing struct {
	// Kind is "library", "version" (the library is there without a symbol
	// version), "interpreter" (the loader that a program asks for), "machine"
	// (made for another one) or "libc" (a file of glibc where musl runs, or
	// the reverse).
	Kind string
	// Library is the name as the file has it: "libpq.so.5".
	Library string
	// Version is set for "version": "GLIBC_2.38".
	Version string
	// NeededBy is the path of the file that needs it, Chain how that came to
	// be loaded: paths from the one that was asked about to NeededBy.
	NeededBy string
	Chain    []string
	// Elsewhere is a file of that name that the loader does not find or
	// rejects. A program may still load it by its path before it is needed.
	Elsewhere string
}

// Loader resolves libraries in a root as ld.so does. It caches results, and is
// not safe for concurrent use.
type Loader struct {
	// Machine is the image's machine. Programs that it cannot run are missing.
	// The zero value accepts all.
	Machine Machine

	root      whittle.Root
	files     func(string) (*File, bool)
	env       map[string]string
	paths     resolver
	cache     map[string][]string
	confDirs  []string
	processes map[string]*process
	names     map[string][]string
	// opens counts the paths that searches tried.
	opens int
}

// maxOpens bounds the searches in a hostile root. A thousand libraries need
// some hundred thousand.
const maxOpens = 4 << 20

// NewLoader makes a loader for a root. files gives the parsed file of a clean
// relative path without symlinks, and false for what is no ELF file. Of the
// image's environment, LD_LIBRARY_PATH and LD_PRELOAD count, and PWD as the
// working directory.
//
// The files that [Database] names are read from the root. If one exists but the
// root cannot provide it, the loader's defaults are used.
func NewLoader(root whittle.Root, files func(path string) (*File, bool), env map[string]string) *Loader {
	l := &Loader{root: root, files: files, env: env, processes: map[string]*process{},
		paths: resolver{root, map[[2]string]resolved{}}}
	l.readGlibc()
	return l
}

// Missing says why a program does not start, or why a shared library does not
// load into an empty process. It is empty for a file that is no ELF file.
func (l *Loader) Missing(p string) []Missing { return l.start(p).missing }

// MissingIn says why a shared library does not load into the process of a
// program, as a Python extension does into the interpreter. The libraries that
// the program has loaded count, and so does its RPATH.
func (l *Loader) MissingIn(program, p string) []Missing {
	base := l.start(program)
	if base.main == nil {
		return l.start(p).missing
	}
	child := *base
	child.base, child.missing, child.order = base, nil, nil
	child.byName, child.byPath = map[string]*object{}, map[string]*object{}
	if o := child.root(p); o != nil && base.byPath[o.path] == nil {
		child.load(o)
	}
	return child.missing
}

// Libraries are the paths, without symlinks, of all files that are loaded with
// a program or shared library, in the order of loading: itself first, the
// loader last.
func (l *Loader) Libraries(p string) []string {
	var paths []string
	ps := l.start(p)
	for _, o := range ps.order {
		paths = append(paths, o.path)
	}
	if ps.interp != nil && ps.interp.path != "" && !slices.Contains(paths, ps.interp.path) {
		paths = append(paths, ps.interp.path)
	}
	return paths
}

// start is a new process of a program, or of the image's own loader for a
// shared library.
func (l *Loader) start(p string) *process {
	name := path.Clean("/" + p)
	if ps := l.processes[name]; ps != nil {
		return ps
	}
	ps := &process{l: l, byName: map[string]*object{}, byPath: map[string]*object{}}
	l.processes[name] = ps
	o := ps.root(p)
	if o == nil {
		return ps
	}
	ps.main = o
	if o.file.Program() {
		o.name = "/" + o.path // the kernel names a program without symlinks
	}
	if o.file.Static() || o.file.Type == objectFile || !ps.interpreter() {
		ps.order = []*object{o}
		return ps
	}
	ps.preload()
	ps.load(o)
	return ps
}

// root is the object of the file p. It is nil, perhaps with a recorded miss, if
// the file cannot be loaded at all.
func (ps *process) root(p string) *object {
	name := path.Clean("/" + p)
	at, ok := ps.l.paths.file(name)
	if !ok {
		ps.missing = append(ps.missing, Missing{Kind: "library", Library: name[1:]})
		return nil
	}
	file, ok := ps.l.files(at)
	if !ok {
		return nil
	}
	o := &object{file: file, name: name, path: at}
	if ps.main != nil && !file.sameABI(ps.main.file) || !ps.l.Machine.runs(file.Machine) {
		ps.miss("machine", o, at)
		return nil
	}
	return o
}

// interpreter chooses the loader of the process: the one that a program names,
// or the image's. It is false if there is none that can be used.
func (ps *process) interpreter() bool {
	f, names := ps.main.file, ps.main.file.Machine.platform()
	glibc, musl := ps.l.file(names.glibc), ps.l.file(names.musl)
	asked := f.Interp
	if !f.Program() {
		switch {
		case glibc != nil && (musl == nil || f.Libc() != "musl"):
			asked = "/" + names.glibc
		case musl != nil:
			asked = "/" + names.musl
		default:
			// The image has no loader; assume the one for which the library was
			// built.
			ps.musl, ps.interp = f.Libc() == "musl", &object{file: &File{}}
			ps.directories("/" + names.musl)
			return true
		}
	}
	file := ps.l.file(asked)
	switch {
	case file == nil && (f.Libc() == "glibc" && musl != nil || f.Libc() == "musl" && glibc != nil):
		ps.miss("libc", ps.main, asked)
		return false
	case file == nil:
		ps.miss("interpreter", ps.main, asked)
		return false
	case !file.sameABI(f):
		ps.miss("machine", ps.main, asked)
		return false
	}
	// Alpine's gcompat installs a program for musl at the path of glibc's
	// loader.
	standIn := func(f *File) bool { return f.Libc() == "musl" || musl != nil && !isGlibcLoader(f.Soname) }
	ps.musl = standIn(file)
	ps.compat = ps.musl && glibc != nil && standIn(glibc)
	if ps.musl && !isMuslName(path.Base(asked)) {
		asked = "/" + names.musl
	}
	at, _ := ps.l.paths.file(asked)
	ps.interp = &object{file: file, name: asked, path: at}
	ps.directories(asked)
	ps.add(ps.interp, asked)
	return true
}

// file is the ELF file at an absolute path, or at one relative to the root; nil
// if there is none.
func (l *Loader) file(name string) *File {
	if at, ok := l.paths.file(name); ok {
		if f, ok := l.files(at); ok {
			return f
		}
	}
	return nil
}

// directories sets the directories that the process searches for every object.
func (ps *process) directories(interp string) {
	names := ps.main.file.Machine.platform()
	switch {
	case ps.musl:
		ps.systemDirs = ps.l.muslDirs(interp)
	case len(ps.interp.file.SystemDirs) > 0:
		ps.systemDirs = ps.interp.file.SystemDirs
	default:
		if names.triple != "" {
			ps.systemDirs = append(ps.systemDirs, "/lib/"+names.triple, "/usr/lib/"+names.triple)
		}
		if ps.main.file.Class == class64 {
			ps.systemDirs = append(ps.systemDirs, "/lib64", "/usr/lib64")
		}
		ps.systemDirs = append(ps.systemDirs, "/lib", "/usr/lib")
	}
	ps.libraryPath = ps.expandAll(strings.FieldsFunc(ps.l.env["LD_LIBRARY_PATH"], isColon), ps.main)
}

func isColon(r rune) bool { return r == ':' || r == ';' }

// elsewhere finds a file by its name, preferably one that could be loaded.
func (l *Loader) elsewhere(name string, like *File) string {
	if l.names == nil {
		l.names = map[string][]string{}
		for _, p := range l.root.Paths() {
			if base := path.Base(p); strings.Contains(base, ".so") {
				l.names[base] = append(l.names[base], p)
			}
		}
	}
	found := l.names[path.Base(name)]
	for _, p := range found {
		if f := l.file(p); f != nil && f.sameABI(like) {
			return p
		}
	}
	if len(found) > 0 {
		return found[0]
	}
	return ""
}
