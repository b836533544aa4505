package elf

import (
	"path"
	"strings"

	"whittle"
)

// resolver follows paths in a root as the kernel does.
type resolver struct {
	root whittle.Root
	memo map[[2]string]resolved
}

// resolved is where a path ended: a clean relative path without symlinks.
// Nothing is there where kind is 0.
type resolved struct {
	path string
	kind whittle.Kind
}

const (
	maxLinks = 40      // the kernel's: a path through more symlinks is a loop
	maxMemo  = 1 << 20 // answers; past that, paths are walked again
)

// file resolves an absolute path, or one relative to the root, to a regular
// file.
func (r *resolver) file(name string) (string, bool) {
	at := r.in(".", name)
	return at.path, at.kind == whittle.File
}

// in resolves a path below a directory that is resolved already; an absolute
// one starts at the root. Answers are remembered.
func (r *resolver) in(dir, name string) resolved {
	if len(name) > maxName {
		return resolved{}
	}
	key := [2]string{dir, name}
	at, ok := r.memo[key]
	if !ok {
		at = r.walk(dir, name)
		if len(r.memo) < maxMemo {
			r.memo[key] = at
		}
	}
	return at
}

// walk goes one component at a time, since ".." after a symlink leaves the
// directory that the symlink names, and nothing leaves the root.
func (r *resolver) walk(dir, name string) resolved {
	at, todo, links := resolved{dir, whittle.Dir}, name, 0
	for {
		if strings.HasPrefix(todo, "/") {
			at.path, todo = ".", strings.TrimLeft(todo, "/")
		}
		if todo == "" {
			return at
		}
		if at.kind != whittle.Dir {
			return resolved{}
		}
		component, rest, more := strings.Cut(todo, "/")
		todo = strings.TrimLeft(rest, "/")
		switch component {
		case ".":
			continue
		case "..":
			at.path = path.Dir(at.path)
			continue
		}
		next := path.Join(at.path, component)
		e, err := r.root.Lstat(next)
		if err != nil {
			return resolved{}
		}
		if e.Kind != whittle.Symlink {
			at = resolved{next, e.Kind}
			if more && e.Kind != whittle.Dir {
				return resolved{}
			}
			continue
		}
		if links++; links > maxLinks || e.Link == "" {
			return resolved{}
		}
		if todo = e.Link; more {
			todo += "/" + rest
		}
		if strings.HasPrefix(e.Link, "/") {
			at.path = "."
		}
	}
}

// dirOf is the directory of an absolute path, uncleaned.
func dirOf(name string) string { return name[:strings.LastIndexByte(name, '/')+1] }
