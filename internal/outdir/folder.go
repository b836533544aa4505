// Package outdir is the folder of a study: the images, logs and finished variants
// that it keeps, the lock of whoever works in it, and the journal by which several
// files of the project are changed together or not at all.
package outdir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"whittle.dev/whittle"
)

// Name is the folder in a project where a study leaves its images, logs
// and reports.
const Name = ".whittle"

const (
	lockName = "lock"
	// WorkPattern is that of the copies of the project that a run makes and
	// removes again.
	WorkPattern = ".whittle-work-*"
	// TrialsPattern is that of the folders of trials' images.
	TrialsPattern = ".whittle-trials-*"
	// partialPattern is that of files that are being written.
	partialPattern = ".whittle-*.partial"
)

// Folder is where a study keeps what it made. A project may bring a folder of
// that name, so that nothing in it is a link that whittle follows.
type Folder struct {
	Dir string
	// key is the one that seals what this user's whittle keeps.
	key  []byte
	lock *os.File // nil where the folder is a part of a locked one
}

// Open makes the study's folder, locks it, finishes what a run that was
// killed has begun to write, and removes what else it has left; say is told of
// the first. The folder ignores itself for git, and the builds never send it.
// close frees it.
func Open(project, dir string, key []byte, say func(string)) (Folder, error) {
	if err := refuseLinks(project, dir); err != nil {
		return Folder{}, err
	}
	f, err := Make(dir)
	if err != nil {
		return f, err
	}
	f.key = key
	if f.lock, err = f.acquire(); err != nil {
		return f, err
	}
	if err := f.recover(project, say); err != nil {
		return f, errors.Join(err, f.Close())
	}
	f.removeLeftovers()
	if _, err := os.Lstat(f.Path(".gitignore")); errors.Is(err, fs.ErrNotExist) {
		err = whittle.Folder(f.Dir).Write(".gitignore", []byte("*\n"), 0o644)
		if err != nil {
			return f, errors.Join(err, f.Close())
		}
	}
	return f, nil
}

// refuseLinks refuses links on the way from the project to a folder in it.
func refuseLinks(project, dir string) error {
	rel, ok := whittle.Below(project, dir)
	if !ok {
		return nil // the user has named a folder elsewhere
	}
	at := project
	for name := range strings.SplitSeq(rel, string(filepath.Separator)) {
		at = filepath.Join(at, name)
		if err := refuseLink(at); err != nil {
			return err
		}
	}
	return nil
}

// refuseLink says that a path is a link, and no folder that whittle has made.
func refuseLink(path string) error {
	info, err := os.Lstat(path)
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return whittle.WithHint(whittle.ErrUsage.Errorf("the study's folder: %s is a link, and nothing is written through links", path),
			"remove it, or name another folder with --out")
	}
	return nil
}

// Make makes a folder for images, logs and kept variants.
func Make(dir string) (Folder, error) {
	f := Folder{Dir: dir}
	for _, d := range []string{dir, f.Path("images"), f.Path("logs"), f.Path("variants")} {
		if d != dir {
			if err := refuseLink(d); err != nil {
				return f, err
			}
		}
		if err := os.MkdirAll(d, 0o755); err != nil {
			return f, folderError(err)
		}
	}
	return f, nil
}

// folderError says that the study's folder cannot be had, and what to do where it is
// another user's, as root's is after a run of root's.
func folderError(err error) error {
	kind, hint := whittle.ErrUsage, ""
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		hint = "name another folder with --out; one that is there may be another user's"
	case errors.Is(err, syscall.ENOSPC):
		kind = whittle.ErrSystem
	}
	err = fmt.Errorf("making the study's folder: %w: %w", err, kind)
	if hint == "" {
		return err
	}
	return whittle.WithHint(err, hint)
}

// At is a folder whose records are read, and that is neither made nor
// locked.
func At(dir string, key []byte) Folder { return Folder{Dir: dir, key: key} }

// Path is the path of a file of the folder.
func (f Folder) Path(rel string) string { return filepath.Join(f.Dir, rel) }

// Close frees the lock.
func (f Folder) Close() error {
	if f.lock == nil {
		return nil
	}
	return f.lock.Close() // frees the lock
}

// Create makes a new file in the folder in the place of whatever is there.
func (f Folder) Create(rel string) (*os.File, error) {
	root, err := os.OpenRoot(f.Dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	if err := root.Remove(rel); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return root.OpenFile(rel, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
}

// sync brings a file of the folder to the disk, and its name.
func (f Folder) sync(rel string) error {
	file, err := whittle.Folder(f.Dir).OpenFile(rel)
	if err != nil {
		return err
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return whittle.ErrSystem.Of(err)
	}
	syncFolder(filepath.Dir(f.Path(rel)))
	return nil
}

// acquire locks the folder for this process, or says who has it.
func (f Folder) acquire() (*os.File, error) {
	root, err := os.OpenRoot(f.Dir)
	if err != nil {
		return nil, whittle.ErrUsage.Errorf("locking the study's folder: %w", err)
	}
	defer root.Close()
	if info, err := root.Lstat(lockName); err == nil && !info.Mode().IsRegular() {
		return nil, whittle.WithHint(whittle.ErrUsage.Errorf("locking the study's folder: %s is no regular file", f.Path(lockName)), "remove it")
	}
	file, err := root.OpenFile(lockName, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, whittle.ErrUsage.Errorf("locking the study's folder: %w", err)
	}
	free, err := whittle.Lock(file)
	if err != nil {
		return nil, errors.Join(whittle.ErrSystem.Errorf("locking %s: %w", f.Path(lockName), err), file.Close())
	}
	if !free {
		text, _ := whittle.Folder(f.Dir).Read(lockName, 1<<10)
		_ = file.Close()
		return nil, whittle.WithHint(whittle.ErrSystem.Errorf("%s is in use by another whittle (%s)", f.Dir, whittle.OneLine(string(text))),
			"wait for its end, or name another folder with --out")
	}
	host, _ := os.Hostname()
	err = file.Truncate(0)
	if err == nil {
		_, err = fmt.Fprintf(file, "process %d on %s since %s\n", os.Getpid(), host, time.Now().Format(time.RFC3339))
	}
	if err != nil {
		return nil, errors.Join(whittle.ErrSystem.Errorf("locking %s: %w", f.Path(lockName), err), file.Close())
	}
	return file, nil
}

// removeLeftovers removes what runs that were killed have left in a folder that is
// locked: nobody else uses it now. What cannot be removed is in nobody's way.
func (f Folder) removeLeftovers() {
	root, err := os.OpenRoot(f.Dir)
	if err != nil {
		return
	}
	defer root.Close()
	for dir, patterns := range map[string][]string{".": {WorkPattern, TrialsPattern, stagedPattern, partialPattern}, "images": {partialPattern}, "variants": {partialPattern}} {
		entries, _ := fs.ReadDir(root.FS(), dir)
		for _, e := range entries {
			for _, pattern := range patterns {
				if ok, _ := filepath.Match(pattern, e.Name()); ok {
					_ = root.RemoveAll(filepath.Join(dir, e.Name()))
				}
			}
		}
	}
}
