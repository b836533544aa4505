package whittle

import (
	"cmp"
	"path"
	"path/filepath"
	"strings"
)

// Linux's limits of a walk: bytes of a path or of a symlink's target, and
// symlinks on the way.
const (
	maxPath  = 4096
	maxLinks = 40
)

// Join is a path of an image as a clean relative one; p is taken from the
// directory dir where it is not absolute. It never leaves the root, which is
// "".
func Join(dir, p string) string {
	if !strings.HasPrefix(p, "/") {
		p = "/" + dir + "/" + p
	}
	return strings.TrimPrefix(path.Clean(p), "/")
}

// BytecodeSource is the path of the source that a bytecode file was compiled
// from: beside the __pycache__ that it lies in (PEP 3147), or, as Python 2 and
// compileall -b have it, beside itself.
func BytecodeSource(p string) (string, bool) {
	ext := path.Ext(p)
	if ext != ".pyc" && ext != ".pyo" {
		return "", false
	}
	dir, base := path.Split(p)
	parent, cached := strings.CutSuffix(dir, "__pycache__/")
	if !cached || parent != "" && !strings.HasSuffix(parent, "/") {
		return strings.TrimSuffix(p, ext) + ".py", true
	}
	stem, _, _ := strings.Cut(base, ".")
	return parent + stem + ".py", true
}

// Follow finds where a path leads in a root as the kernel does: every symlink
// on the way is followed, the last one too, ".." leaves the directory that a
// symlink names, and nothing leaves the root. A path that is not absolute
// starts at dir, which holds no symlinks itself. What it gives is the path
// without symlinks ("" for the root itself) and what is there; ok is false
// where nothing is, where links go in a circle, and beyond Linux's limits.
// path_resolution(7)
func Follow(root Root, dir, p string) (real string, e Entry, ok bool) {
	if len(p) > maxPath {
		return "", Entry{}, false
	}
	real, kind := dir, Dir
	if strings.HasPrefix(p, "/") {
		real = ""
	} else if whole := path.Join(dir, p); dir+"/"+p == whole || p == whole { // often nothing has to be walked
		if e, err := root.Lstat(whole); err == nil && e.Kind != Symlink {
			return whole, e, true
		}
	}
	todo := strings.Split(p, "/")
	for links := 0; len(todo) > 0; {
		name := todo[0]
		todo = todo[1:]
		if kind != Dir {
			return "", Entry{}, false
		}
		switch name {
		case "", ".":
			continue
		case "..":
			if real = path.Dir(real); real == "." {
				real = ""
			}
			continue
		}
		next := path.Join(real, name)
		e, err := root.Lstat(next)
		if err != nil {
			return "", Entry{}, false
		}
		if e.Kind != Symlink {
			real, kind = next, e.Kind
			continue
		}
		if links++; links > maxLinks || len(e.Link) > maxPath || e.Link == "" {
			return "", Entry{}, false
		}
		if strings.HasPrefix(e.Link, "/") {
			real = ""
		}
		todo = append(strings.Split(e.Link, "/"), todo...)
	}
	if real == "" {
		return "", Entry{Kind: Dir, Mode: 0o755}, true
	}
	e, err := root.Lstat(real)
	return real, e, err == nil
}

// Below is a path of this machine relative to a folder; ok is false where it is
// not in it. Links are not followed.
func Below(dir, path string) (rel string, ok bool) {
	rel, err := filepath.Rel(dir, path)
	return rel, err == nil && filepath.IsLocal(rel)
}

// Inside resolves the symbolic links of a slashed path in a folder that itself holds
// none; ok is false if it leads out of the folder. The file need not exist.
func Inside(dir, name string) (real string, ok bool) {
	name = filepath.FromSlash(name)
	real = WithoutLinks(filepath.Join(dir, name))
	_, within := Below(dir, real)
	return real, filepath.IsLocal(name) && within
}

// Under says whether a path is a folder or lies in it. Both are clean and
// relative; the root is "".
func Under(p, dir string) bool {
	return p == dir || dir == "" || strings.HasPrefix(p, dir+"/")
}

// WithoutLinks is a path of this machine with its links followed; as it is, where
// it leads nowhere.
func WithoutLinks(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return filepath.Clean(path)
}

// ComparePaths orders paths bytewise by component: "a/b" comes before "a-b".
func ComparePaths(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] == b[i] {
			continue
		}
		switch {
		case a[i] == '/':
			return -1
		case b[i] == '/':
			return 1
		}
		return cmp.Compare(a[i], b[i])
	}
	return cmp.Compare(len(a), len(b))
}

// Extension is a file name's extension, "(none)" where there is none. The version
// behind a shared library's ".so" is no part of it.
func Extension(p string) string {
	base := path.Base(p)
	if i := strings.Index(base, ".so."); i > 0 {
		return ".so"
	}
	if ext := path.Ext(base); ext != "" && ext != base && len(ext) <= 12 {
		return ext
	}
	return "(none)"
}
