package states

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"whittle.dev/whittle"
)

// CopyTree copies a file or folder with its modes. It skips paths for which skip
// is true, by their path in the folder, and everything but folders, files and
// symbolic links.
func CopyTree(ctx context.Context, from, to string, skip func(rel string, d fs.DirEntry) bool) error {
	modes := map[string]fs.FileMode{} // set last: a folder may be read-only for its owner
	err := filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, p)
		if err != nil {
			return err
		}
		if rel != "." && skip != nil && skip(rel, d) {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		dst := filepath.Join(to, rel)
		switch {
		case d.IsDir():
			info, err := d.Info()
			if err == nil {
				modes[dst] = info.Mode().Perm()
				err = os.MkdirAll(dst, 0o755)
			}
			return err
		case d.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(p)
			if err != nil {
				return err
			}
			return os.Symlink(target, dst)
		case d.Type().IsRegular():
			return CopyFile(ctx, p, dst)
		}
		return nil
	})
	for dst, mode := range modes {
		if err == nil {
			err = os.Chmod(dst, mode|0o700)
		}
	}
	return err
}

// CopyFile copies a file with its mode, and makes the folders that it needs.
func CopyFile(ctx context.Context, from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	in, err := whittle.OpenFile(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(out, Interruptible{ctx, in})
	return errors.Join(err, out.Close(), os.Chmod(to, info.Mode().Perm()))
}

// Interruptible is a reader that fails once its context is done.
type Interruptible struct {
	Context context.Context
	Reader  io.Reader
}

func (i Interruptible) Read(p []byte) (int, error) {
	if err := i.Context.Err(); err != nil {
		return 0, err
	}
	return i.Reader.Read(p)
}
