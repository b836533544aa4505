package imports

import (
	"path"
	"strings"

	"whittle.dev/whittle/internal/python/source"
)

// arguments reads the arguments of a call up to the closing bracket; names of
// keyword arguments are in front of theirs, and not known.
func (r *placeReader) arguments() []place {
	depth := r.t[r.i].Depth
	r.i++
	var out []place
	for r.i < len(r.t) && r.t[r.i].Depth > depth && !r.bad {
		if r.i+1 < len(r.t) && r.t[r.i].Kind == source.NameToken && string(r.src[r.t[r.i+1].Start:r.t[r.i+1].End]) == "=" {
			r.i += 2
			r.or()
		} else {
			out = append(out, r.or())
		}
		if !r.take(",") && r.i < len(r.t) && r.t[r.i].Depth > depth { // something else
			r.bad = false
			for r.i < len(r.t) && r.t[r.i].Depth > depth {
				r.i++
			}
			out = append(out, place{})
			break
		}
	}
	if r.bad {
		r.bad = false
		for r.i < len(r.t) && r.t[r.i].Depth > depth {
			r.i++
		}
		out = append(out, place{})
	}
	r.i++
	return out
}

// call is what a function gives.
func (r *placeReader) call(f place) place {
	args := r.arguments()
	if f.kind != 'd' {
		return place{}
	}
	name := f.s
	first := place{}
	if len(args) > 0 {
		first = args[0]
	}
	s, known := first.text()
	switch name {
	case "str", "os.fspath", "os.fsdecode", "os.path.expandvars":
		if !known || strings.Contains(s, "$") {
			return place{}
		}
		return place{kind: 's', s: s}
	case "os.path.join", "posixpath.join":
		return joined('s', args)
	case "pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath", "pathlib.PurePosixPath":
		if len(args) == 0 {
			return place{kind: 'p', s: "."}
		}
		v := joined('p', args)
		if _, ok := v.text(); ok {
			v.s = cleanPath(v.s)
		}
		return v
	case "os.path.abspath", "posixpath.abspath":
		return kindOf('s', r.absolute(first, false))
	case "os.path.realpath", "posixpath.realpath":
		return kindOf('s', r.absolute(first, true))
	case "os.getcwd", "pathlib.Path.cwd":
		if !r.im.made.cwdKnown() {
			return place{}
		}
		return place{kind: kindByName(name), s: "/" + r.im.made.cwd}
	case "pathlib.Path.home":
		return place{kind: 'p', s: "/" + r.im.Finder.Process.Home}
	case "os.environ.get", "os.getenv":
		return r.variable(args)
	case "importlib.resources.files", "importlib_resources.files":
		return r.packageDir(args)
	case "inspect.getfile", "inspect.getsourcefile":
		return r.name("__file__")
	}
	if !known {
		return place{}
	}
	switch name {
	case "os.path.dirname", "posixpath.dirname":
		return place{kind: 's', s: dirname(s)}
	case "os.path.basename":
		return place{kind: 's', s: s[strings.LastIndexByte(s, '/')+1:]}
	case "os.path.normpath", "posixpath.normpath":
		return place{kind: 's', s: path.Clean(s)}
	case "os.path.expanduser":
		return r.home(place{kind: 's', s: s})
	case "os.path.split":
		return place{kind: 'l', list: []place{{kind: 's', s: dirname(s)}, {kind: 's', s: s[strings.LastIndexByte(s, '/')+1:]}}}
	}
	return place{}
}

func kindByName(name string) byte {
	if strings.HasPrefix(name, "pathlib.") {
		return 'p'
	}
	return 's'
}

func kindOf(kind byte, v place) place {
	if v.kind != 0 {
		v.kind = kind
	}
	return v
}

// cleanPath is how pathlib writes a path: without doubled slashes and dots
// alone; ".." stays.
func cleanPath(s string) string {
	var parts []string
	for part := range strings.SplitSeq(s, "/") {
		if part != "" && part != "." {
			parts = append(parts, part)
		}
	}
	out := strings.Join(parts, "/")
	if strings.HasPrefix(s, "/") {
		return "/" + out
	}
	if out == "" {
		return "."
	}
	return out
}

func joined(kind byte, args []place) place {
	out := place{kind: kind}
	for i, a := range args {
		s, ok := a.text()
		if !ok {
			return place{}
		}
		if i == 0 {
			out.s = s
		} else {
			out.s = join(out.s, s)
		}
	}
	return out
}

func (r *placeReader) home(v place) place {
	if v.s == "~" || strings.HasPrefix(v.s, "~/") {
		v.s = "/" + r.im.Finder.Process.Home + v.s[1:]
	} else if strings.HasPrefix(v.s, "~") {
		return place{}
	}
	return v
}

// variable is one of the environment, or what a call gives instead.
func (r *placeReader) variable(args []place) place {
	if len(args) == 0 {
		return place{}
	}
	name, ok := args[0].text()
	if !ok {
		return place{}
	}
	if v, ok := r.im.Finder.Process.Env[name]; ok {
		return place{kind: 's', s: v}
	}
	if len(args) > 1 {
		return args[1]
	}
	return place{kind: 's'} // None, as far as "or" goes
}

// packageDir is the folder of a package.
func (r *placeReader) packageDir(args []place) place {
	name := r.n.Name
	if len(args) > 0 {
		s, ok := args[0].text()
		if !ok {
			if args[0].kind != 'd' {
				return place{}
			}
			s = args[0].s
		}
		name = s
	}
	n := r.im.node(name)
	if n == nil || n.Found != SourceFile {
		return place{}
	}
	return place{kind: 'p', s: "/" + path.Dir(n.File)}
}

// method is what a method of a string or path gives.
func (r *placeReader) method(v place, name string) place {
	args := r.arguments()
	s, known := v.text()
	switch {
	case !known:
	case v.kind == 'p':
		return r.pathMethod(v, name, args)
	case name == "lower" && len(args) == 0:
		return place{kind: 's', s: strings.ToLower(s)}
	case name == "upper" && len(args) == 0:
		return place{kind: 's', s: strings.ToUpper(s)}
	case name == "strip" && len(args) == 0:
		return place{kind: 's', s: strings.TrimSpace(s)}
	case name == "rstrip" || name == "strip" || name == "replace" || name == "removesuffix":
	case name == "join" && len(args) == 1 && args[0].kind == 'l':
		out := place{kind: 's'}
		for i, item := range args[0].list {
			t, ok := item.text()
			if !ok {
				return place{}
			}
			if i > 0 {
				out.s += s
			}
			out.s += t
		}
		return out
	case name == "format":
		return formatted(s, args)
	}
	return place{}
}

func (r *placeReader) pathMethod(v place, name string, args []place) place {
	switch name {
	case "resolve":
		return r.absolute(v, true)
	case "absolute":
		return r.absolute(v, false)
	case "expanduser":
		return r.home(v)
	case "as_posix", "__str__", "__fspath__":
		return place{kind: 's', s: v.s}
	case "joinpath":
		return joined('p', append([]place{v}, args...))
	case "with_name":
		if len(args) == 1 {
			if s, ok := args[0].text(); ok {
				return place{kind: 'p', s: join(dirname(v.s), s)}
			}
		}
	}
	return place{}
}

// formatted is str.format with fields in order.
func formatted(s string, args []place) place {
	out := place{kind: 's'}
	for i := 0; ; i++ {
		text, rest, ok := strings.Cut(s, "{}")
		if strings.ContainsAny(text, "{}") {
			return place{kind: 's', s: out.s + before(text, "{"), open: true}
		}
		out.s += text
		if !ok {
			return out
		}
		if i >= len(args) {
			return place{}
		}
		t, known := args[i].text()
		if !known {
			return place{kind: 's', s: out.s, open: true}
		}
		out.s += t
		s = rest
	}
}

// index is an item of a list, or a variable of the environment.
func (r *placeReader) index(v place) place {
	depth := r.t[r.i].Depth
	r.i++
	at := r.or()
	for r.i < len(r.t) && r.t[r.i].Depth > depth {
		at = place{}
		r.i++
	}
	r.bad = false
	r.i++
	switch {
	case v.kind == 'd' && v.s == "os.environ":
		if name, ok := at.text(); ok {
			if value, ok := r.im.Finder.Process.Env[name]; ok {
				return place{kind: 's', s: value}
			}
		}
	case v.kind == 'l' && at.kind == 'n':
		i := at.n
		if i < 0 {
			i += len(v.list)
		}
		if i >= 0 && i < len(v.list) {
			return v.list[i]
		}
	}
	return place{}
}
