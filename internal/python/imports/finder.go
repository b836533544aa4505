package imports

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python"
)

// Process is how an interpreter is started, as far as its module search path
// depends on that. Paths are clean and relative to the root.
type Process struct {
	// Executable is the program as it was found, its symlinks not followed: a
	// virtual environment is known by where they lie.
	Executable string
	// First is what comes before everything else: the folder of the script, or
	// the working directory; "/" for the root, empty for none (python -I).
	First string
	// Env are the variables of the process, WorkDir its working directory and
	// Home the user's home directory.
	Env           map[string]string
	WorkDir, Home string
	// NoSite says that no site-packages are added (python -S), NoUserSite none
	// of the user's (-s, -I).
	NoSite, NoUserSite bool
}

// Found is what the search for a module came to.
type Found uint8

// The outcomes of a search.
const (
	// Missing: it is nowhere on the path.
	Missing Found = iota
	// Opaque: it may be there in a way that files do not show.
	Opaque
	// Builtin: it is part of the interpreter's program.
	Builtin
	// SourceFile, BytecodeFile and ExtensionFile are files: text, a .pyc without it,
	// compiled code. A package is its __init__.
	SourceFile
	BytecodeFile
	ExtensionFile
	// Namespace: folders without __init__ (PEP 420).
	Namespace
)

// Module is what the search for a module found.
type Module struct {
	// Name is the full dotted name.
	Name string
	Found
	// File is the path of the file, empty for other kinds.
	File string
	// Dirs is the package's __path__, nil for what is no package.
	Dirs []string
}

// Finder finds modules as one interpreter process would: its sys.path, its
// built-in modules, editable installs.
// https://docs.python.org/3/library/site.html and the reference's "The import
// system".
type Finder struct {
	// Path is sys.path, as far as it exists.
	Path []string
	// Interpreter is the installation that runs, Venv the virtual environment
	// that it runs in, nil for none.
	Interpreter python.Interpreter
	Venv        *python.Venv
	// Process is how it is started; First is empty where it is not on the path
	// any more.
	Process

	t        *python.Tree
	suffixes []string            // of extension modules, the most particular first
	builtin  map[string]bool     // nil where it is not known
	mapped   map[string]string   // editable: module → file or folder
	spaces   map[string][]string // editable: namespace → folders
	opaque   string              // what on the path cannot be looked into
	pth      []pthLine           // code of .pth files that has not run
	top      map[string]Module
	onPath   map[string]bool // what Path has
	parents  map[string]bool // the top-level names of the dotted ones in mapped
}

// maxPath is how many folders sys.path may have: each is looked into for each
// module.
const maxPath = 1000

// NewFinder finds out where a process looks for modules. builtins are the
// modules compiled into the interpreter, nil where that is not known. It is
// [whittle.ErrNotFound] where the program leads to no installation.
func NewFinder(root whittle.Root, p Process, builtins []string) (*Finder, error) {
	t := python.NewTree(root)
	f := &Finder{t: t, Process: p, mapped: map[string]string{}, spaces: map[string][]string{}, top: map[string]Module{},
		onPath: map[string]bool{}, parents: map[string]bool{}}
	venv := t.VenvOf(p.Executable)
	interp, ok := t.Installation(p.Executable, venv)
	if !ok {
		return nil, whittle.ErrNotFound.Errorf("no Python installation belongs to /%s", p.Executable)
	}
	f.Interpreter, f.Venv = interp, venv
	if builtins != nil {
		f.builtin = map[string]bool{}
		for _, b := range builtins {
			f.builtin[b] = true
		}
	}
	f.suffixes = extensionSuffixes(t, interp)
	if p.First != "" {
		f.addDir(p.First)
	}
	f.First = ""
	if len(f.Path) > 0 {
		f.First = f.Path[0]
	}
	for _, dir := range filepathList(p.Env["PYTHONPATH"]) {
		f.addDir("/" + whittle.Join(p.WorkDir, dir))
	}
	f.addDir(path.Join(interp.Prefix, "lib", "python"+strings.ReplaceAll(interp.Series, ".", "")+".zip"))
	f.addDir(interp.Lib)
	f.addDir(interp.Lib + "/lib-dynload")
	if !p.NoSite {
		for _, dir := range f.sites(p) {
			f.addSite(dir)
		}
	}
	return f, nil
}

// maxPth bounds a file that a .pth file or an editable installation has.
const maxPth = 1 << 20

// sites are the folders that site adds, in its order.
func (f *Finder) sites(p Process) []string {
	name := "lib/" + f.Interpreter.Name() + "/site-packages"
	var dirs []string
	system := f.Venv == nil || f.Venv.SystemSite
	user := ""
	if base := p.Env["PYTHONUSERBASE"]; path.IsAbs(base) {
		user = strings.TrimPrefix(path.Clean(base), "/")
	} else if base != "" {
		user = path.Join(p.WorkDir, base)
	} else if p.Home != "" {
		user = path.Join(p.Home, ".local")
	}
	if p.Env["PYTHONNOUSERSITE"] == "" && !p.NoUserSite && user != "" && system {
		dirs = append(dirs, path.Join(user, name))
	}
	if f.Venv != nil {
		dirs = append(dirs, path.Join(f.Venv.Dir, name))
	}
	if !system {
		return dirs
	}
	if _, err := f.t.Root.Lstat("etc/debian_version"); err == nil && f.Interpreter.Prefix == "usr" {
		return append(dirs, "usr/local/lib/"+f.Interpreter.Name()+"/dist-packages", "usr/lib/python3/dist-packages",
			"usr/lib/"+f.Interpreter.Name()+"/dist-packages")
	}
	return append(dirs, path.Join(f.Interpreter.Lib, "site-packages"), path.Join(f.Interpreter.Prefix, name))
}

// addDir appends a folder, or notes a zip file, which is not looked into. The
// root folder is empty.
func (f *Finder) addDir(dir string) {
	real, ok := f.t.Follow("", dir)
	if !ok || f.onPath[real] {
		return
	}
	f.put(len(f.Path), real)
}

// put puts what is there at an index of the path.
func (f *Finder) put(index int, real string) {
	switch {
	case f.t.IsFile(real):
		f.opaque = "/" + real + " was not looked into"
	case len(f.Path) >= maxPath:
		f.opaque = fmt.Sprintf("sys.path has more than %d folders", maxPath)
	default:
		f.onPath[real] = true
		f.Path = slices.Insert(slices.Clip(f.Path), index, real)
	}
}

// replacePath makes other folders the path.
func (f *Finder) replacePath(dirs []string) {
	f.Path, f.onPath = dirs, make(map[string]bool, len(dirs))
	for _, d := range dirs {
		f.onPath[d] = true
	}
}

// insertDir puts a folder at an index of the path. Entries that are not there
// count for nothing.
func (f *Finder) insertDir(index int, dir string) {
	real, ok := f.t.Follow("", dir)
	if ok {
		f.put(min(index, len(f.Path)), real)
	}
}

// pthLine is a line of a .pth file that is code.
type pthLine struct{ file, text string }

// addSite appends a site-packages folder with what its .pth files add.
func (f *Finder) addSite(dir string) {
	real, ok := f.t.Follow("", dir)
	if !ok || f.onPath[real] {
		return
	}
	f.addDir(real)
	for _, name := range f.t.List(real) {
		if strings.HasSuffix(name, ".pth") && !strings.HasPrefix(name, ".") {
			f.addPth(real, name)
		}
	}
}

func (f *Finder) addPth(dir, name string) {
	b, err := f.t.Read(dir+"/"+name, maxPth)
	if err != nil {
		f.opaque = "/" + dir + "/" + name + " was not read"
		return
	}
	for line := range strings.Lines(strings.TrimPrefix(string(b), "\ufeff")) {
		line = strings.TrimRight(line, " \t\r\n")
		switch {
		case strings.TrimSpace(line) == "", strings.HasPrefix(line, "#"):
		case !strings.HasPrefix(line, "import ") && !strings.HasPrefix(line, "import\t"):
			f.addDir(whittle.Join(dir, line))
		case strings.Contains(line, "__editable__"):
			f.addEditable(dir, line)
		case strings.Contains(line, "_distutils_hack"):
			if _, err := f.t.Root.Lstat(dir + "/setuptools/_distutils/__init__.py"); err == nil {
				f.mapped["distutils"] = dir + "/setuptools/_distutils"
			}
		default:
			f.pth = append(f.pth, pthLine{dir + "/" + name, line})
		}
	}
}

var (
	editableFinder = regexp.MustCompile(`\b(__editable__\w*_finder)\b`)
	dictOf         = regexp.MustCompile(`(?m)^(MAPPING|NAMESPACES)\b[^={]*=\s*(\{.*\})\s*$`)
	stringPair     = regexp.MustCompile(`'([^'\\]*)':\s*(?:'([^'\\]*)'|\[([^\]]*)\])`)
	quoted         = regexp.MustCompile(`'([^'\\]*)'`)
)

// addEditable reads the finder module that setuptools writes for an editable
// install: its MAPPING has the modules' places.
func (f *Finder) addEditable(dir, line string) {
	m := editableFinder.FindStringSubmatch(line)
	if m == nil {
		f.opaque = "an editable install in /" + dir + " was not understood"
		return
	}
	b, err := f.t.Read(dir+"/"+m[1]+".py", maxPth)
	if err != nil || b == nil {
		f.opaque = "/" + dir + "/" + m[1] + ".py was not read"
		return
	}
	for _, d := range dictOf.FindAllStringSubmatch(string(b), -1) {
		for _, pair := range stringPair.FindAllStringSubmatch(d[2], -1) {
			if d[1] == "MAPPING" {
				f.mapped[pair[1]] = whittle.Join("", pair[2])
				if top, _, dotted := strings.Cut(pair[1], "."); dotted {
					f.parents[top] = true
				}
				continue
			}
			for _, q := range quoted.FindAllStringSubmatch(pair[3], -1) {
				f.spaces[pair[1]] = append(f.spaces[pair[1]], whittle.Join("", q[1]))
			}
		}
	}
}

// Suffix is the ending of extension modules made for exactly this interpreter:
// ".cpython-313-x86_64-linux-gnu.so".
func (f *Finder) Suffix() string { return f.suffixes[0] }

// Top finds a module that has no parent.
func (f *Finder) Top(name string) Module {
	if m, ok := f.top[name]; ok {
		return m
	}
	m := f.findTop(name)
	f.top[name] = m
	return m
}

func (f *Finder) findTop(name string) Module {
	if f.builtin[name] || alwaysBuiltin[name] {
		return Module{Name: name, Found: Builtin}
	}
	if m := f.search(name, name, f.Path); m.Found != Missing && m.Found != Namespace {
		return m
	}
	if place, ok := f.mapped[name]; ok {
		if m := f.place(name, place); m.Found != Missing {
			return m
		}
	}
	dirs := slices.Clone(f.Path)
	for _, d := range f.spaces[name] {
		if real, ok := f.t.Follow("", path.Dir(d)); ok {
			dirs = append(dirs, real)
		}
	}
	if m := f.search(name, name, dirs); m.Found != Missing {
		return m
	}
	if f.parents[name] { // a namespace that only an editable install has
		return Module{Name: name, Found: Namespace, Dirs: []string{}}
	}
	if freezes(f.Interpreter, name) {
		return Module{Name: name, Found: Builtin}
	}
	if f.opaque != "" || f.builtin == nil && mayBeBuiltin[name] {
		return Module{Name: name, Found: Opaque}
	}
	return Module{Name: name}
}

// Sub finds a module in its parent, a package.
func (f *Finder) Sub(parent Module, name string) Module {
	full := parent.Name + "." + name
	if place, ok := f.mapped[full]; ok {
		if m := f.place(full, place); m.Found != Missing {
			return m
		}
	}
	if m := f.search(full, name, parent.Dirs); m.Found != Missing || f.opaque == "" || parent.Found != Namespace {
		if m.Found == Missing && freezes(f.Interpreter, full) {
			m.Found = Builtin
		}
		return m
	}
	return Module{Name: full, Found: Opaque}
}

// place is the module at a path without its suffix, or at a package's folder.
func (f *Finder) place(name, p string) Module {
	if real, ok := f.t.Follow("", p); ok && f.t.IsFile(real) {
		return Module{Name: name, Found: SourceFile, File: real}
	}
	dir, base := path.Split(p)
	real, ok := f.t.Follow("", dir)
	if !ok {
		return Module{Name: name}
	}
	return f.search(name, strings.TrimSuffix(base, ".py"), []string{real})
}

// search looks for a module in folders without symlinks in their paths, as the import system's path-based
// finder does: in each folder a package, then compiled code, text, bytecode; a
// folder without __init__ counts when nothing else is found anywhere.
func (f *Finder) search(full, name string, dirs []string) Module {
	var portions []string
	for _, dir := range dirs {
		if real, ok := f.t.Follow(dir, name); ok && !f.t.IsFile(real) {
			if m := f.file(full, real, "__init__"); m.Found != Missing {
				m.Dirs = []string{real}
				return m
			}
			portions = append(portions, real)
		}
		if m := f.file(full, dir, name); m.Found != Missing {
			return m
		}
	}
	if portions != nil {
		return Module{Name: full, Found: Namespace, Dirs: portions}
	}
	return Module{Name: full}
}

// file is the module in one file of a folder: compiled code, text, bytecode.
func (f *Finder) file(full, dir, stem string) Module {
	try := func(suffix string, found Found) (Module, bool) {
		real, ok := f.t.Follow(dir, stem+suffix)
		return Module{Name: full, Found: found, File: real}, ok && f.t.IsFile(real)
	}
	for _, s := range f.suffixes {
		if m, ok := try(s, ExtensionFile); ok {
			return m
		}
	}
	if m, ok := try(".py", SourceFile); ok {
		return m
	}
	if m, ok := try(".pyc", BytecodeFile); ok {
		return m
	}
	return Module{Name: full}
}

// Lookalike is a file beside where the module was looked for that is an
// extension module for another interpreter or platform: "_x.cpython-312-….so".
func (f *Finder) Lookalike(parent *Module, name string) string {
	dirs := f.Path
	if parent != nil {
		dirs = parent.Dirs
	}
	for _, dir := range dirs {
		for _, base := range f.t.List(dir) {
			if stem, rest, ok := strings.Cut(base, "."); ok && stem == name && (strings.HasSuffix(rest, "so") || strings.HasSuffix(rest, "pyd")) {
				return dir + "/" + base
			}
		}
	}
	return ""
}

// extensionSuffixes are importlib.machinery.EXTENSION_SUFFIXES, read off the
// names of the standard library's own extension modules where it has some.
func extensionSuffixes(t *python.Tree, i python.Interpreter) []string {
	if i.Implementation == "pypy" {
		return []string{".pypy" + strings.ReplaceAll(i.Series, ".", "") + "-pp73-x86_64-linux-gnu.so", ".so"}
	}
	for _, name := range t.List(i.Lib + "/lib-dynload") {
		if _, rest, ok := strings.Cut(name, ".cpython-"); ok && strings.HasSuffix(rest, ".so") {
			return []string{".cpython-" + rest, ".abi3.so", ".so"}
		}
	}
	tag := ".cpython-" + strings.ReplaceAll(i.Series, ".", "") + "-"
	for _, p := range t.Paths { // a static interpreter: any extension for it will do
		if _, rest, ok := strings.Cut(path.Base(p), tag); ok && strings.HasSuffix(rest, ".so") {
			return []string{tag + rest, ".abi3.so", ".so"}
		}
	}
	return []string{tag + "x86_64-linux-gnu.so", ".abi3.so", ".so"}
}

func filepathList(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ":")
}

// Metadata says whether a distribution's metadata lies on the path, as
// importlib.metadata looks for it.
func (f *Finder) Metadata(distribution string) bool {
	want := pep.Normalize(distribution)
	for _, dir := range f.Path {
		if stem, ok := strings.CutSuffix(path.Base(dir), ".egg"); ok && pep.Normalize(before(stem, "-")) == want {
			return true
		}
		for _, base := range f.t.List(dir) {
			stem, isDist := strings.CutSuffix(base, ".dist-info")
			if !isDist {
				stem, isDist = strings.CutSuffix(base, ".egg-info")
			}
			if isDist && pep.Normalize(before(stem, "-")) == want {
				return true
			}
		}
	}
	return false
}
