package buildkitd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/sys/unix"

	"whittle.dev/whittle"
)

// Mounted are the folders of the layers that a daemon's running containers consist of,
// in its root; none where that is not known.
func Mounted(d *Daemon) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", d.process.Pid))
	if err != nil {
		return nil
	}
	var out []string
	for _, id := range mounted(string(text)) {
		found, err := filepath.Glob(filepath.Join(d.root, "runc-*", "snapshots", "snapshots", id))
		if err == nil {
			out = append(out, found...)
		}
	}
	return out
}

// snapshot is the folder of a layer in the options of an overlay. Where they were too
// long, containerd names it from a folder that all have in common.
var snapshot = regexp.MustCompile(`(?:^|/)(\d+)/fs$`)

// mounted are the numbers of the layers in a mountinfo that containers consist of.
// https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html
func mounted(mountinfo string) (numbers []string) {
	for line := range strings.Lines(mountinfo) {
		place, options, ok := strings.Cut(strings.TrimSpace(line), " - overlay ")
		if fields := strings.Fields(place); !ok || len(fields) < 5 || !strings.Contains(fields[4], "/executor/") {
			continue
		}
		for part := range strings.FieldsFuncSeq(options, func(r rune) bool { return r == ':' || r == ',' || r == '=' }) {
			if m := snapshot.FindStringSubmatch(part); m != nil {
				numbers = append(numbers, m[1])
			}
		}
	}
	return numbers
}

// Evict removes the files in some folders of a daemon's root from the page cache, so that
// the next container reads them from the disk. What is not on the disk yet is written
// first. Other files of this machine stay in the cache, and so do the kernel's caches of
// folders and inodes. Files that a process has mapped are not removed.
// https://man7.org/linux/man-pages/man2/posix_fadvise.2.html
func Evict(ctx context.Context, root string, folders map[string]bool) error {
	if err := syncAll(root); err != nil {
		return whittle.ErrSystem.Errorf("writing the engine's images to the disk: %w", err)
	}
	for folder := range folders {
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
