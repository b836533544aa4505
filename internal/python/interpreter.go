package python

import (
	"path"
	"regexp"
	"strconv"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
)

// Interpreter is a CPython or PyPy in a root.
type Interpreter struct {
	// Prefix is the installation's prefix ("usr/local"), Lib the folder of
	// its standard library.
	Prefix, Lib string
	// Series is the minor version ("3.13"), Version the full one where it is
	// known, else the series.
	Series, Version string
	// Implementation is "cpython" or "pypy".
	Implementation string
	// Threaded says that it is a free-threaded build, which has no global
	// interpreter lock.
	Threaded bool
}

var (
	stdlibMarker = regexp.MustCompile(`^(?:(.*)/)?lib(?:64)?/(python|pypy)(\d+\.\d+)(t?)/os\.py$`)
	pyVersion    = regexp.MustCompile(`(?m)^#define PY_VERSION\s+"([^"]+)"`)
)

// Interpreters finds the Python installations of a root by their standard
// libraries. Virtual environments have no standard library, so they are not
// among them.
func Interpreters(root whittle.Root) []Interpreter { return interpreters(NewTree(root)) }

func interpreters(t *Tree) []Interpreter {
	var out []Interpreter
	for _, p := range t.Paths {
		if path.Base(p) != "os.py" {
			continue
		}
		m := stdlibMarker.FindStringSubmatch(p)
		if m == nil || !t.IsFile(path.Join(path.Dir(p), "site.py")) {
			continue
		}
		i := Interpreter{Prefix: m[1], Lib: path.Dir(p), Series: m[3], Version: m[3], Threaded: m[4] != "", Implementation: "cpython"}
		if m[2] == "pypy" {
			i.Implementation = "pypy"
		}
		header := path.Join(i.Prefix, "include", i.Name(), "patchlevel.h")
		if b, err := t.Read(header, maxSmall); err == nil {
			if v := pyVersion.FindSubmatch(b); v != nil {
				i.Version = whittle.Printable(string(v[1]))
			}
		}
		out = append(out, i)
	}
	return out
}

// Name is that of the program and of the folders of this version:
// "python3.13", "python3.14t", "pypy3.11".
func (i Interpreter) Name() string { return path.Base(i.Lib) }

// Environment has the values of markers for this interpreter on Linux; machine
// is uname's name of the processor ("x86_64").
func (i Interpreter) Environment(machine string) pep.Environment {
	full := i.Version
	if strings.Count(full, ".") == 1 {
		full += ".0"
	}
	e := pep.Environment{PythonVersion: i.Series, PythonFullVersion: full, ImplementationName: i.Implementation, ImplementationVersion: full,
		PlatformPythonImplementation: "CPython", OSName: "posix", SysPlatform: "linux", PlatformSystem: "Linux", PlatformMachine: machine}
	if i.Implementation == "pypy" {
		e.PlatformPythonImplementation = "PyPy"
	}
	return e
}

// claim is what belongs to the interpreter itself: the standard library
// without the folders of other distributions, headers, shared library and
// programs.
func (i Interpreter) claim(t *Tree) whittle.Claim {
	c := whittle.Claim{Owner: whittle.Owner{Ecosystem: "python", Name: i.Implementation, Version: i.Version}, Kind: whittle.OwnerInterpreter, Evidence: i.Lib + "/os.py"}
	seen := map[string]bool{}
	for _, dir := range []string{i.Lib, path.Join(i.Prefix, "lib", i.Name()), path.Join(i.Prefix, "lib64", i.Name()), path.Join(i.Prefix, "include", i.Name())} {
		if seen[dir] {
			continue
		}
		seen[dir] = true
		for _, p := range t.below(dir) {
			rest := p[len(dir)+1:]
			if folder, file, ok := strings.Cut(rest, "/"); ok && (folder == "site-packages" || folder == "dist-packages") && file != "README.txt" {
				continue
			}
			c.Paths = append(c.Paths, p)
		}
	}
	for _, dir := range []string{"bin", "lib", "lib64", "lib/pkgconfig", "lib64/pkgconfig", "share/man/man1"} {
		c.Paths = append(c.Paths, i.programs(t, path.Join(i.Prefix, dir))...)
	}
	return c
}

// programs are the files of one folder that have the name of an interpreter's
// file.
func (i Interpreter) programs(t *Tree, dir string) []string {
	n, s := i.Name(), i.Series
	names := []string{n, n + "-config", "lib" + n + ".so", "lib" + n + ".so.1.0", "lib" + n + ".a", n + ".1",
		"pydoc" + s, "idle" + s, "2to3-" + s, strings.Replace(n, s, "-"+s, 1) + ".pc", strings.Replace(n, s, "-"+s, 1) + "-embed.pc"}
	if i.Implementation == "pypy" {
		names = append(names, "pypy", "pypy3", "lib"+n+"-c.so")
	} else {
		names = append(names, "python", "python3", "python-config", "python3-config", "pydoc", "pydoc3", "idle", "idle3", "2to3",
			"libpython3.so", "python3.pc", "python3-embed.pc", "python3.1")
	}
	var out []string
	for _, name := range names {
		if p := path.Join(dir, name); t.IsFile(p) {
			out = append(out, p)
		}
	}
	return out
}

// Venv is a virtual environment.
// https://docs.python.org/3/library/venv.html
type Venv struct {
	// Dir is its folder, Home the folder of the interpreter that it was made
	// with, both clean and relative; Version is that of the interpreter.
	Dir, Home, Version string
	// SystemSite says that it sees the interpreter's own site-packages.
	SystemSite bool
}

// Venvs finds the virtual environments of a root by their pyvenv.cfg.
func Venvs(root whittle.Root) []Venv { return venvs(NewTree(root)) }

func venvs(t *Tree) []Venv {
	var out []Venv
	for _, p := range t.Paths {
		if path.Base(p) != "pyvenv.cfg" {
			continue
		}
		b, err := t.Read(p, maxSmall)
		if err != nil {
			continue // without its configuration, it is not an environment
		}
		v := Venv{Dir: path.Dir(p)}
		for line := range strings.Lines(string(b)) {
			key, value, _ := strings.Cut(line, "=")
			switch value = strings.TrimSpace(value); strings.ToLower(strings.TrimSpace(key)) {
			case "home":
				v.Home, _ = inSite("", "/"+value)
			case "version", "version_info": // venv writes one, virtualenv and uv the other
				v.Version = whittle.Printable(value)
			case "include-system-site-packages":
				v.SystemSite = strings.EqualFold(value, "true")
			}
		}
		out = append(out, v)
	}
	return out
}

// claim is everything that making the environment wrote, without the
// distributions.
func (v Venv) claim(t *Tree) whittle.Claim {
	c := whittle.Claim{Owner: whittle.Owner{Ecosystem: "python", Name: "venv", Version: v.Version}, Kind: whittle.OwnerInterpreter, Evidence: path.Join(v.Dir, "pyvenv.cfg")}
	c.Paths = append(c.Paths, c.Evidence)
	for _, p := range t.below(path.Join(v.Dir, "bin")) {
		base := path.Base(p)
		if strings.HasPrefix(base, "python") || strings.HasPrefix(strings.ToLower(base), "activate") || base == "deactivate.nu" || base == "pydoc.bat" {
			c.Paths = append(c.Paths, p)
		}
	}
	for _, name := range []string{"lib64", ".gitignore", "CACHEDIR.TAG"} {
		if p := path.Join(v.Dir, name); t.IsFile(p) {
			c.Paths = append(c.Paths, p)
		}
	}
	return c
}

// Numbers is the version as numbers: 3, 13, 5; the last is -1 where it is not
// known.
func (i Interpreter) Numbers() [3]int {
	v := [3]int{0, 0, -1}
	for n, part := range strings.SplitN(i.Version, ".", 3) {
		digits := part
		for len(digits) > 0 {
			if x, err := strconv.Atoi(digits); err == nil {
				v[n] = x
				break
			}
			digits = digits[:len(digits)-1]
		}
	}
	return v
}

// VenvOf is the virtual environment that a program belongs to.
func (t *Tree) VenvOf(executable string) *Venv {
	all := venvs(t)
	for _, dir := range []string{path.Dir(executable), path.Dir(path.Dir(executable))} {
		for _, v := range all {
			if real, ok := t.real(path.Join(dir, "pyvenv.cfg")); ok && v.Dir == path.Dir(real) {
				return &v
			}
		}
	}
	return nil
}

var versioned = regexp.MustCompile(`^(python|pypy)(\d+\.\d+)t?$`)

// Installation is the interpreter that a program starts; ok is false where
// none, or more than one, fits.
func (t *Tree) Installation(executable string, venv *Venv) (i Interpreter, ok bool) {
	real, ok := t.Follow("", executable)
	if !ok {
		return Interpreter{}, false
	}
	dir := path.Dir(real)
	if venv != nil && t.IsFile(path.Join(venv.Dir, "bin", path.Base(real))) && dir == path.Join(venv.Dir, "bin") {
		dir = venv.Home // a copy, not a symlink
	}
	prefix := path.Dir(dir)
	var fit []Interpreter
	for _, i := range interpreters(t) {
		switch p, _ := t.Follow("", i.Prefix); {
		case i.Prefix == prefix, p == prefix && p != "", prefix == "." && (i.Prefix == "" || i.Prefix == "usr"):
			fit = append(fit, i)
		}
	}
	for _, i := range fit {
		if i.Name() == path.Base(real) {
			return i, true
		}
	}
	if m := versioned.FindStringSubmatch(path.Base(real)); m != nil {
		return Interpreter{}, false // it cannot use another version's library
	}
	if len(fit) == 1 {
		return fit[0], true
	}
	return Interpreter{}, false
}
