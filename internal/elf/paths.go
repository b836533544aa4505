package elf

import (
	"strings"

	"whittle.dev/whittle"
)

// resolver resolves paths of a root and caches the results.
type resolver struct {
	root whittle.Root
	memo map[[2]string]resolved
}

// resolved is the result: a clean relative path without symlinks. kind is 0 if
// the path does not exist.
type resolved struct {
	path string
	kind whittle.Kind
}

// maxMemo bounds the cache; further paths are resolved each time.
const maxMemo = 1 << 20

// file resolves an absolute path, or one relative to the root, to a regular
// file.
func (r *resolver) file(name string) (string, bool) {
	at := r.resolve("", name)
	return at.path, at.kind == whittle.File
}

// resolve resolves a path below a resolved directory; an absolute one starts at the
// root. Results are cached.
func (r *resolver) resolve(dir, name string) resolved {
	if len(name) > maxName {
		return resolved{}
	}
	key := [2]string{dir, name}
	at, ok := r.memo[key]
	if !ok {
		if real, e, found := whittle.Follow(r.root, dir, name); found {
			at = resolved{real, e.Kind}
		}
		if len(r.memo) < maxMemo {
			r.memo[key] = at
		}
	}
	return at
}

// dirOf is the directory of an absolute path, uncleaned.
func dirOf(name string) string { return name[:strings.LastIndexByte(name, '/')+1] }
