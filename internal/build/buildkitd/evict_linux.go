package buildkitd

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"whittle.dev/whittle"
)

// Evict removes the files of all images that a daemon keeps in root from the page cache, so
// that the next container reads them from the disk. What is not on the disk yet is
// written first. Other files of this machine stay in the cache, and so do the kernel's
// caches of folders and inodes. Files that a process has mapped are not removed.
// https://man7.org/linux/man-pages/man2/posix_fadvise.2.html
func Evict(ctx context.Context, root string) error {
	if err := syncAll(root); err != nil {
		return whittle.ErrSystem.Errorf("writing the engine's images to the disk: %w", err)
	}
	folders, err := filepath.Glob(filepath.Join(root, "runc-*", "snapshots"))
	if err != nil {
		return err
	}
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(file string, e fs.DirEntry, err error) error {
			switch {
			case ctx.Err() != nil:
				return context.Cause(ctx)
			case errors.Is(err, fs.ErrNotExist): // it was of a container that has ended
				return nil
			case err != nil || !e.Type().IsRegular():
				return err
			}
			return evict(file)
		})
		if err != nil {
			return whittle.ErrSystem.Errorf("removing the engine's images from the page cache: %w", err)
		}
	}
	return nil
}

// syncAll writes what the file system of a folder has in memory.
func syncAll(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Syncfs(int(f.Fd()))
}

// evict removes one file from the page cache.
func evict(file string) error {
	fd, err := unix.Open(file, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOATIME|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return &fs.PathError{Op: "open", Path: file, Err: err}
	}
	defer unix.Close(fd)
	return unix.Fadvise(fd, 0, 0, unix.FADV_DONTNEED)
}
