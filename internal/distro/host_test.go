package distro

import (
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"whittle"
)

// host is the machine's own root, as far as some folders go.
type host struct{ paths []string }

func hostRoot(t *testing.T, dirs ...string) host {
	t.Helper()
	seen := map[string]bool{}
	for _, dir := range dirs {
		if info, err := os.Lstat(dir); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			seen[strings.TrimPrefix(dir, "/")] = true
			continue
		}
		err := filepath.WalkDir(dir, func(p string, _ fs.DirEntry, err error) error {
			seen[strings.TrimPrefix(p, "/")] = true
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var h host
	for p := range seen {
		h.paths = append(h.paths, p)
	}
	sort.Slice(h.paths, func(i, j int) bool {
		return strings.ReplaceAll(h.paths[i], "/", "\x00") < strings.ReplaceAll(h.paths[j], "/", "\x00")
	})
	return h
}

func (h host) Paths() []string { return h.paths }

func (h host) Lstat(p string) (whittle.Entry, error) {
	info, err := os.Lstat("/" + p)
	if err != nil {
		return whittle.Entry{}, err
	}
	e := whittle.Entry{Path: p, Kind: whittle.File, Size: info.Size()}
	switch {
	case info.IsDir():
		e.Kind = whittle.Dir
	case info.Mode()&fs.ModeSymlink != 0:
		e.Kind = whittle.Symlink
		e.Link, err = os.Readlink("/" + p)
	}
	return e, err
}

func (h host) ReadFile(p string, _ int64) ([]byte, error) { return os.ReadFile("/" + p) }
