// Package sent has what a build engine is sent of this machine, beside whole folders:
// files of memory, a folder of which one file differs, a program, and the blobs of an
// OCI layout.
package sent

import (
	"bytes"
	"context"
	"fmt"
	"io"
	iofs "io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"

	"whittle.dev/whittle"
)

// Files is a folder of files in memory, by name.
type Files map[string][]byte

// Walk implements [fsutil.FS].
func (m Files) Walk(_ context.Context, target string, fn iofs.WalkDirFunc) error {
	target = strings.TrimPrefix(filepath.Clean("/"+target), "/")
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if target != "" && target != name {
			continue
		}
		stat := &types.Stat{Path: name, Mode: 0o644, Size: int64(len(m[name]))}
		if err := fn(name, &fsutil.DirEntryInfo{Stat: stat}, nil); err != nil {
			return err
		}
	}
	return nil
}

// Open implements [fsutil.FS].
func (m Files) Open(name string) (io.ReadCloser, error) {
	text, ok := m[strings.TrimPrefix(filepath.Clean(name), "/")]
	if !ok {
		return nil, &os.PathError{Op: "open", Path: name, Err: os.ErrNotExist}
	}
	return io.NopCloser(bytes.NewReader(text)), nil
}

// touchFS sends one file of a folder with something added at its end.
type touchFS struct {
	fsutil.FS
	path  string // clean, relative
	added []byte
	now   time.Time
	size  int64
}

// Touched adds blanks that spell the time: they differ at every build, and
// no text format minds them at the end of a file.
func Touched(fs fsutil.FS, dir, path string, now time.Time) (fsutil.FS, error) {
	if !filepath.IsLocal(path) {
		return nil, whittle.ErrUsage.Errorf("file to touch %q is outside of the context", path)
	}
	info, err := os.Lstat(filepath.Join(dir, path))
	if err != nil {
		return nil, whittle.ErrUsage.Errorf("file to touch: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, whittle.ErrUsage.Errorf("file to touch %s is not a regular file", path)
	}
	return &touchFS{FS: fs, path: filepath.Clean(path), added: blanks(now), now: now, size: info.Size()}, nil
}

// blanks is a new line and the time in binary, a space for 0 and a new line
// for 1.
func blanks(now time.Time) []byte {
	out := []byte{'\n'}
	for n := uint64(now.UnixNano()); n != 0; n >>= 1 {
		out = append(out, " \n"[n&1])
	}
	return append(out, '\n')
}

func (t *touchFS) Walk(ctx context.Context, target string, fn iofs.WalkDirFunc) error {
	return t.FS.Walk(ctx, target, func(path string, entry iofs.DirEntry, err error) error {
		if err != nil || path != t.path {
			return fn(path, entry, err)
		}
		info, err := entry.Info()
		if err != nil {
			return fn(path, entry, err)
		}
		stat, ok := info.Sys().(*types.Stat)
		if !ok {
			return fmt.Errorf("touching %s: no file information", path)
		}
		stat = stat.CloneVT()
		stat.Size = t.size + int64(len(t.added))
		stat.ModTime = t.now.UnixNano()
		stat.Linkname = "" // a hard link to a file that stays as it was
		return fn(path, &fsutil.DirEntryInfo{Stat: stat}, nil)
	})
}

func (t *touchFS) Open(path string) (io.ReadCloser, error) {
	f, err := t.FS.Open(path)
	if err != nil || strings.TrimPrefix(filepath.Clean(path), "/") != t.path {
		return f, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(io.LimitReader(f, t.size), bytes.NewReader(t.added)), f}, nil
}

// ProgramName is the name of the file of a [Program].
const ProgramName = "whittle"

// Program is a folder with one file, which is a program of this machine: its path.
type Program string

// Walk implements [fsutil.FS].
func (p Program) Walk(_ context.Context, target string, fn iofs.WalkDirFunc) error {
	if target = strings.TrimPrefix(filepath.Clean("/"+target), "/"); target != "" && target != ProgramName {
		return nil
	}
	info, err := os.Stat(string(p))
	if err != nil {
		return err
	}
	stat := &types.Stat{Path: ProgramName, Mode: 0o555, Size: info.Size(), ModTime: info.ModTime().UnixNano()}
	return fn(ProgramName, &fsutil.DirEntryInfo{Stat: stat}, nil)
}

// Open implements [fsutil.FS].
func (p Program) Open(string) (io.ReadCloser, error) { return os.Open(string(p)) }
