package python

import (
	"path"
	"regexp"
	"strings"

	"whittle"
)

// Interpreter is a CPython in a root: its prefix holds lib/pythonX.Y.
type Interpreter struct {
	// Prefix is the installation's prefix ("usr/local"), Series its minor
	// version ("3.13"), Version the full one where it is known.
	Prefix, Series, Version string
}

var (
	stdlibMarker = regexp.MustCompile(`^(.*?)/?lib(?:64)?/python(\d+\.\d+)t?/os\.py$`)
	pyVersion    = regexp.MustCompile(`(?m)^#define PY_VERSION\s+"([^"]+)"`)
)

// Interpreters finds the CPython installations of a root by their standard
// libraries; virtual environments have none of their own.
func Interpreters(root whittle.Root) []Interpreter { return interpreters(newTree(root)) }

func interpreters(t *tree) []Interpreter {
	var out []Interpreter
	for _, p := range t.paths {
		if path.Base(p) != "os.py" {
			continue
		}
		m := stdlibMarker.FindStringSubmatch(p)
		if m == nil || !t.isFile(path.Join(path.Dir(p), "site.py")) {
			continue
		}
		i := Interpreter{Prefix: m[1], Series: m[2], Version: m[2]}
		header := path.Join(i.Prefix, "include", "python"+i.Series, "patchlevel.h")
		if b, err := read(t, header, 1<<20); err == nil {
			if v := pyVersion.FindSubmatch(b); v != nil {
				i.Version = string(v[1])
			}
		}
		out = append(out, i)
	}
	return out
}

// claim is what belongs to the interpreter itself: the standard library
// without the folders of other distributions, headers, shared library and
// programs.
func (i Interpreter) claim(t *tree) whittle.Claim {
	lib := path.Join(i.Prefix, "lib", "python"+i.Series)
	c := whittle.Claim{Owner: whittle.Owner{Ecosystem: "python", Name: "cpython", Version: i.Version}, Evidence: lib + "/os.py"}
	for _, dir := range []string{lib, path.Join(i.Prefix, "lib64", "python"+i.Series), path.Join(i.Prefix, "include", "python"+i.Series)} {
		for _, p := range t.below(dir) {
			if rest := p[len(dir)+1:]; !strings.HasPrefix(rest, "site-packages/") && !strings.HasPrefix(rest, "dist-packages/") {
				c.Paths = append(c.Paths, p)
			}
		}
	}
	for _, dir := range []string{"bin", "lib", "lib64", "lib/pkgconfig", "share/man/man1"} {
		c.Paths = append(c.Paths, t.programs(path.Join(i.Prefix, dir), i.Series)...)
	}
	return c
}

// programs are the files of one folder that are named as an interpreter's.
func (t *tree) programs(dir, series string) []string {
	var out []string
	for _, name := range []string{"python", "python3", "python" + series, "python" + series + "t", "python-config", "python3-config", "python" + series + "-config",
		"pydoc", "pydoc3", "pydoc" + series, "idle", "idle3", "idle" + series, "2to3", "2to3-" + series,
		"libpython3.so", "libpython" + series + ".so", "libpython" + series + ".so.1.0", "libpython" + series + ".a",
		"python3.pc", "python3-embed.pc", "python-" + series + ".pc", "python-" + series + "-embed.pc", "python3.1", "python" + series + ".1"} {
		if p := path.Join(dir, name); t.isFile(p) {
			out = append(out, p)
		}
	}
	return out
}
