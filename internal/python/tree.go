package python

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strings"

	"whittle.dev/whittle"
)

// Tree is a root with the look-ups that reading distributions needs.
type Tree struct {
	Root  whittle.Root
	Paths []string
	// compiled has the cached .pyc files by the path of their source, nil
	// before anyone asks.
	compiled map[string][]string
	// lists are those that List gave.
	lists map[string][]string
	// named counts the files that all records together name.
	named int
}

// name counts a file that a record names.
func (t *Tree) name(record string) error {
	if t.named++; t.named > maxFiles {
		return tooMany(record)
	}
	return nil
}

// NewTree lists the paths of a root once, for all look-ups.
func NewTree(root whittle.Root) *Tree { return &Tree{Root: root, Paths: root.Paths()} }

// bytecode are the cached .pyc files of a source.
func (t *Tree) bytecode(source string) []string {
	if t.compiled == nil {
		t.compiled = map[string][]string{}
		for _, p := range t.Paths {
			if source, ok := sourceOf(p); ok {
				t.compiled[source] = append(t.compiled[source], p)
			}
		}
	}
	return t.compiled[source]
}

// sourceOf is the path of the source that a cached bytecode file was compiled
// from (PEP 3147).
func sourceOf(p string) (string, bool) {
	if path.Base(path.Dir(p)) != "__pycache__" {
		return "", false
	}
	return whittle.BytecodeSource(p)
}

// IsFile says whether a path is there and no directory.
func (t *Tree) IsFile(p string) bool {
	e, err := t.Root.Lstat(p)
	return err == nil && e.Kind != whittle.Dir
}

// Read gives the content of a record, nil where it is not there.
func (t *Tree) Read(p string, limit int64) ([]byte, error) {
	b, err := t.Root.ReadFile(p, limit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", p, err)
	}
	return b, nil
}

// below gives the files below a directory.
func (t *Tree) below(dir string) []string {
	// Paths are sorted by component: what is below a directory follows it.
	i := sort.Search(len(t.Paths), func(i int) bool { return whittle.ComparePaths(t.Paths[i], dir) > 0 })
	var out []string
	for ; i < len(t.Paths) && strings.HasPrefix(t.Paths[i], dir+"/"); i++ {
		if t.IsFile(t.Paths[i]) {
			out = append(out, t.Paths[i])
		}
	}
	return out
}

// real resolves the symlinked parents of a path within the root; ok is false
// where it leads nowhere. A path that is there as written needs no walk.
func (t *Tree) real(p string) (string, bool) {
	if _, err := t.Root.Lstat(p); err == nil {
		return p, true
	}
	dir, base := path.Split(p)
	real, _, ok := whittle.Follow(t.Root, "", dir)
	if !ok {
		return "", false
	}
	real = path.Join(real, base)
	_, err := t.Root.Lstat(real)
	return real, err == nil
}

// Follow resolves a path below a folder that is resolved already, and what it
// is, if that is a symlink; ok is false where it leads nowhere.
func (t *Tree) Follow(dir, p string) (string, bool) {
	real, _, ok := whittle.Follow(t.Root, dir, p)
	return real, ok
}

// List gives the names in a folder, sorted.
func (t *Tree) List(dir string) []string {
	if out, ok := t.lists[dir]; ok {
		return out
	}
	prefix := dir + "/"
	i := 0
	if dir == "" {
		prefix = ""
	} else {
		i = sort.Search(len(t.Paths), func(i int) bool { return whittle.ComparePaths(t.Paths[i], dir) > 0 })
	}
	var out []string
	for i < len(t.Paths) && strings.HasPrefix(t.Paths[i], prefix) {
		name, _, below := strings.Cut(t.Paths[i][len(prefix):], "/")
		if !below {
			out = append(out, name)
			i++
			continue
		} // what is in a folder of the folder is passed over at once
		in := prefix + name + "/"
		i += sort.Search(len(t.Paths)-i, func(n int) bool { return !strings.HasPrefix(t.Paths[i+n], in) })
	}
	if t.lists == nil {
		t.lists = map[string][]string{}
	}
	t.lists[dir] = out
	return out
}
