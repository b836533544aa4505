package elf

import (
	"strings"

	"whittle.dev/whittle"
)

// resolver remembers where paths of a root lead.
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

// maxMemo bounds the answers that are remembered; past that, paths are walked
// again.
const maxMemo = 1 << 20

// file resolves an absolute path, or one relative to the root, to a regular
// file.
func (r *resolver) file(name string) (string, bool) {
	at := r.in("", name)
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
