package python

import (
	"path"
	"strings"
)

// Part is what a distribution's file is for.
type Part uint8

// The parts of a distribution; each of its files is in one of them.
const (
	Data Part = iota
	// Modules are sources and type stubs.
	Modules
	// Extensions are modules compiled to machine code.
	Extensions
	// Libraries are shared libraries that the wheel brings along.
	Libraries
	// Static are headers, static libraries and Cython declarations.
	Static
	Tests
	Bytecode
	// RecordFiles are dist-info and egg-info, also those of what it vendors.
	RecordFiles
	// Scripts are what lies in bin.
	Scripts
)

var partNames = [...]string{Data: "data", Modules: "modules", Extensions: "extensions", Libraries: "bundled libraries",
	Static: "headers and static libraries", Tests: "tests", Bytecode: "bytecode", RecordFiles: "metadata", Scripts: "scripts"}

// String is the part in words.
func (p Part) String() string { return partNames[p] }

// PartOf says what one of the distribution's files is for, by its path. What
// the file is comes before where it lies: bytecode of tests is bytecode.
func (d *Distribution) PartOf(p string) Part {
	base, dirs := path.Base(p), "/"+strings.TrimPrefix(path.Dir(p), d.Site)+"/"
	switch ext := path.Ext(base); {
	case ext == ".pyc", ext == ".pyo":
		return Bytecode
	case p == d.Record, strings.Contains(dirs, ".dist-info/"), strings.Contains(dirs, ".egg-info/"), strings.Contains(dirs, "/EGG-INFO/"),
		ext == ".egg-info":
		return RecordFiles
	case strings.Contains(dirs, "/tests/"), strings.Contains(dirs, "/test/"):
		return Tests
	case isStatic(ext):
		return Static
	case ext == ".py", ext == ".pyi":
		if isScript(d.Site, p) {
			return Scripts
		}
		return Modules
	case ext == ".pyd":
		return Extensions
	case ext == ".dll", ext == ".dylib", strings.Contains(base, ".so."):
		return Libraries
	case ext == ".so":
		return sharedObject(base, dirs)
	case isScript(d.Site, p):
		return Scripts
	}
	return Data
}

func isStatic(ext string) bool {
	switch ext {
	case ".a", ".la", ".lib", ".h", ".hh", ".hpp", ".hxx", ".inl", ".cuh", ".pxd":
		return true
	}
	return false
}

// isScript says whether a file was installed outside of the site folder, into
// one for programs.
func isScript(site, p string) bool {
	dir := path.Base(path.Dir(p))
	return (dir == "bin" || dir == "Scripts") && !strings.HasPrefix(p, site+"/")
}

// sharedObject tells an extension from a library by name and place: extensions
// carry an ABI's tag (PEP 3149) or the name of a module, libraries begin with
// "lib" or lie where wheels' tools put them.
func sharedObject(base, dirs string) Part {
	stem := strings.TrimSuffix(base, ".so")
	if strings.Contains(stem, ".cpython-") || strings.HasSuffix(stem, ".abi3") || strings.HasSuffix(stem, ".abi3t") || strings.Contains(stem, ".pypy") {
		return Extensions
	}
	if strings.HasPrefix(base, "lib") || strings.Contains(dirs, ".libs/") || strings.Contains(dirs, "/.dylibs/") {
		return Libraries
	}
	return Extensions
}
