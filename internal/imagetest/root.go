package imagetest

import (
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strings"

	"whittle.dev/whittle"
)

// Root is a root file system in memory: contents by path. A content that
// begins with "-> " is a symlink's target.
type Root map[string]string

// Paths implements [whittle.Root]; parents of files are directories.
func (r Root) Paths() []string {
	seen := map[string]bool{}
	var out []string
	for p := range r {
		for ; p != "." && p != "/" && !seen[p]; p = path.Dir(p) {
			seen[p] = true
			out = append(out, p)
		}
	}
	sort.Slice(out, func(i, j int) bool {
		return strings.ReplaceAll(out[i], "/", "\x00") < strings.ReplaceAll(out[j], "/", "\x00")
	})
	return out
}

// Lstat implements [whittle.Root].
func (r Root) Lstat(p string) (whittle.Entry, error) {
	content, ok := r[p]
	if target, link := strings.CutPrefix(content, "-> "); link {
		return whittle.Entry{Path: p, Kind: whittle.Symlink, Link: target}, nil
	}
	if ok {
		return whittle.Entry{Path: p, Kind: whittle.File, Size: int64(len(content)), Mode: 0o644}, nil
	}
	for q := range r {
		if strings.HasPrefix(q, p+"/") {
			return whittle.Entry{Path: p, Kind: whittle.Dir, Mode: 0o755}, nil
		}
	}
	return whittle.Entry{}, fmt.Errorf("%s: %w", p, fs.ErrNotExist)
}

// ReadFile implements [whittle.Root].
func (r Root) ReadFile(p string, limit int64) ([]byte, error) {
	content, ok := r[p]
	switch {
	case !ok:
		return nil, fmt.Errorf("%s: %w", p, fs.ErrNotExist)
	case int64(len(content)) > limit:
		return nil, whittle.ErrLimit.Errorf("%s has %d bytes, more than %d", p, len(content), limit)
	}
	return []byte(content), nil
}

// Solid is a root whose look-ups cost the same however many files it has.
func Solid(r Root) whittle.Root {
	s := &solid{Root: r, paths: r.Paths(), dirs: map[string]bool{}}
	for _, p := range s.paths {
		if _, file := r[p]; !file {
			s.dirs[p] = true
		}
	}
	return s
}

type solid struct {
	Root
	paths []string
	dirs  map[string]bool
}

func (s *solid) Paths() []string { return s.paths }

func (s *solid) Lstat(p string) (whittle.Entry, error) {
	if _, file := s.Root[p]; file {
		return s.Root.Lstat(p)
	}
	if s.dirs[p] {
		return whittle.Entry{Path: p, Kind: whittle.Dir, Mode: 0o755}, nil
	}
	return whittle.Entry{}, fmt.Errorf("%s: %w", p, fs.ErrNotExist)
}
