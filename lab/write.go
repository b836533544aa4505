package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"whittle"
)

// WriteFile writes a file whole or not at all, durably.
func WriteFile(path string, content []byte) error { return writeFile(path, content, 0o644) }

func writeFile(path string, content []byte, mode fs.FileMode) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), partialPattern)
	if err != nil {
		return fmt.Errorf("writing %s: %w: %w", path, err, whittle.ErrSystem)
	}
	defer func() {
		if err != nil {
			os.Remove(tmp.Name())
		}
	}()
	_, err = tmp.Write(content)
	if err == nil {
		err = errors.Join(tmp.Chmod(mode), tmp.Sync())
	}
	err = errors.Join(err, tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w: %w", path, err, whittle.ErrSystem)
	}
	syncFolder(filepath.Dir(path))
	return nil
}

// syncFolder makes a folder's names durable, where the system can do that.
func syncFolder(dir string) {
	if f, err := os.Open(dir); err == nil {
		_ = f.Sync()
		_ = f.Close()
	}
}
