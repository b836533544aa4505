//go:build amd64 || arm64

package trace

import (
	"errors"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"whittle.dev/whittle"
)

// maxLinks is how many symlinks the kernel follows for one path.
const maxLinks = 40

// walked is where a path leads, as the kernel would find it.
type walked struct {
	// links are the symlinks on the way, final is the end: a real path, empty where
	// it is no file of the file system (a pipe, a deleted file).
	links []string
	final string
	// exists says that there is something at final. Otherwise final is the path that
	// is missing: from the first missing folder on as it was asked for.
	exists bool
}

// walker follows paths for a thread of a traced process. All paths are as the tracer
// has them; root is the thread's own.
type walker struct {
	root string
	// self is the thread's folder in /proc: where the kernel's /proc/self leads it.
	self string
}

// walk follows a path from the folder dir. follow says whether a symlink at its end
// is followed.
func (w walker) walk(dir, name string, follow bool) (walked, error) {
	var out walked
	if strings.HasSuffix(name, "/") || strings.HasSuffix(name, "/.") {
		follow = true // a folder is asked for
	}
	rest, at := components(name), dir
	if path.IsAbs(name) {
		at = w.root
	}
	for len(rest) > 0 {
		c := rest[0]
		rest = rest[1:]
		if c == ".." {
			if at != w.root {
				at = path.Dir(at)
			}
			continue
		}
		if at == "/proc" && (c == "self" || c == "thread-self") {
			at = w.self
			continue
		}
		next := path.Join(at, c)
		last := len(rest) == 0
		var st unix.Stat_t
		switch err := unix.Lstat(next, &st); {
		case errors.Is(err, unix.ENAMETOOLONG) && len(next) >= unix.PathMax:
			return out, whittle.ErrUnsupported.Errorf("a path is longer than %d bytes in all", unix.PathMax)
		case err != nil: // not there, or nobody can tell
			out.final = path.Join(append([]string{next}, rest...)...)
			return out, nil
		}
		switch kind := st.Mode & unix.S_IFMT; {
		case kind == unix.S_IFLNK && (!last || follow):
			target, err := readlink(next)
			if err != nil || len(out.links) >= maxLinks {
				out.final = path.Join(append([]string{next}, rest...)...)
				return out, nil
			}
			out.links = append(out.links, next)
			named := false
			if at, named = w.from(at, next, target); !named {
				return walked{links: out.links, exists: true}, nil
			}
			rest = append(components(target), rest...)
		case kind != unix.S_IFDIR && !last:
			out.final = path.Join(append([]string{next}, rest...)...)
			return out, nil
		default:
			at = next
		}
	}
	out.final, out.exists = at, true
	return out, nil
}

// from is where the target of a symlink begins, which lies in the folder at; named says
// whether there is a path to it. The links of a process's folder lead to what it has
// open: an absolute path of the tracer, or something without one.
func (w walker) from(at, link, target string) (folder string, named bool) {
	magic := whittle.Under(link, "/proc") && path.Dir(link) != "/proc"
	switch {
	case magic && (!path.IsAbs(target) || strings.HasSuffix(target, deleted)):
		return at, false
	case magic:
		return "/", true
	case path.IsAbs(target):
		return w.root, true
	}
	return at, true
}

// deleted is what the kernel appends to the path of what has no name any more.
const deleted = " (deleted)"

func components(name string) (out []string) {
	for c := range strings.SplitSeq(name, "/") {
		if c != "" && c != "." {
			out = append(out, c)
		}
	}
	return out
}

// readlink is what a symlink leads to.
func readlink(name string) (string, error) {
	for size := 256; ; size *= 4 {
		b := make([]byte, size)
		n, err := unix.Readlink(name, b)
		if err != nil || n < size {
			return string(b[:max(n, 0)]), err
		}
	}
}
