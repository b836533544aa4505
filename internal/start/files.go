package start

import (
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/python/source"
)

// Files reads the image's files, as the user that it starts as.
type Files struct {
	root    whittle.Root
	sources func(path string) (*source.Facts, bool)
	user    *Account
}

// lookup finds a program as execvp does: by its path, or on PATH. What is not
// there, or not executable, becomes a problem of the start.
func (fl *Files) lookup(st *Process, name string) (string, bool) {
	if strings.Contains(name, "/") {
		return fl.executable(st, whittle.Join(st.Dir, name), name)
	}
	denied := ""
	for _, dir := range strings.Split(searchPath(st.Env), ":") {
		p := whittle.Join(st.Dir, dir+"/"+name)
		_, e, ok := fl.Stat(p)
		switch {
		case !ok || e.Kind == whittle.Dir:
		case e.Mode&0o111 == 0:
			denied = p
		default:
			return p, true
		}
	}
	if denied != "" {
		st.problem(whittle.Problem{Rule: whittle.CheckExecFailed, Path: "/" + denied, Message: "/" + denied + " is not executable",
			Fix: "make it executable: COPY --chmod=755, or chmod +x in the RUN that makes it"})
		return "", false
	}
	st.missing(name, name+" is nowhere on PATH ("+searchPath(st.Env)+")")
	return "", false
}

// executable sees that a path can be started.
func (fl *Files) executable(st *Process, p, shown string) (string, bool) {
	_, e, ok := fl.Stat(p)
	switch {
	case !ok:
		if link, err := fl.root.Lstat(p); err == nil && link.Kind == whittle.Symlink {
			st.missing(shown, "/"+p+" is a symlink to "+link.Link+", which is not there")
		} else {
			st.missing(shown, "/"+p+" is not there")
		}
		return "", false
	case e.Kind == whittle.Dir:
		st.problem(whittle.Problem{Rule: whittle.CheckExecFailed, Path: "/" + p, Message: "/" + p + " is a directory, not a program"})
		return "", false
	case e.Mode&0o111 == 0:
		st.problem(whittle.Problem{Rule: whittle.CheckExecFailed, Path: "/" + p, Message: "/" + p + " is not executable",
			Fix: "make it executable: COPY --chmod=755, or chmod +x in the RUN that makes it"})
		return "", false
	}
	return p, true
}

func (fl *Files) home(env map[string]string) string {
	if h := env["HOME"]; h != "" {
		return whittle.Join("", h)
	}
	return fl.user.home
}

// source is what a Python file says, by whatever name it has.
func (fl *Files) source(file string) (*source.Facts, bool) {
	if src, ok := fl.sources(file); ok {
		return src, true
	}
	_, text, ok := fl.text(file)
	if !ok || text == nil || strings.IndexByte(string(text), 0) >= 0 {
		return nil, false
	}
	return source.Scan(text), true
}

// which is the file of a program, where it can be started.
func (fl *Files) which(name, search, dir string) (string, bool) {
	candidates := []string{name}
	if !strings.Contains(name, "/") {
		candidates = nil
		for _, in := range strings.Split(search, ":") {
			candidates = append(candidates, in+"/"+name)
		}
	}
	for _, c := range candidates {
		p := whittle.Join(dir, c)
		if _, e, ok := fl.Stat(p); ok && e.Kind != whittle.Dir && e.Mode&0o111 != 0 {
			return p, true
		}
	}
	return "", false
}

// Stat follows a path's symlinks to what is there.
func (fl *Files) Stat(p string) (real string, e whittle.Entry, ok bool) {
	return whittle.Follow(fl.root, "", p)
}

// Real is a path without symlinks, "" where it leads nowhere.
func (fl *Files) Real(p string) string { real, _, _ := fl.Stat(p); return real }

// text reads a script; first is its first line with the line end. Of Python
// files only the first line may be known.
func (fl *Files) text(file string) (first string, text []byte, ok bool) {
	real, e, ok := fl.Stat(file)
	if !ok || e.Kind == whittle.Dir {
		return "", nil, false
	}
	if b, err := fl.root.ReadFile(real, maxScript); err == nil {
		line, _, more := strings.Cut(string(b), "\n")
		if more {
			line += "\n"
		}
		return line, b, true
	}
	if src, ok := fl.sources(real); ok {
		return src.Shebang, nil, true
	}
	return "", nil, false
}
