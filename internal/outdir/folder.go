// Package outdir is the folder of a study: its images, logs and finished variants,
// its lock, and the journal with which several files of the project are changed
// together or not at all.
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

// Name is the name of the folder in a project in which a study keeps its images,
// logs and reports.
const Name = ".whittle"

const (
	lockName = "lock"
	// WorkPattern is the pattern of temporary copies of the project.
	WorkPattern = ".whittle-work-*"
	// TrialsPattern is the pattern of temporary folders of images.
	TrialsPattern = ".whittle-trials-*"
	// partialPattern is the pattern of files that are being written.
	partialPattern = ".whittle-*.partial"
)

// Folder is the folder of a study. A project may contain a folder of that name,
// so whittle follows no links in it.
type Folder struct {
	Dir string
	// key authenticates the records of this user.
	key  []byte
	lock *os.File // nil if the folder is part of a locked one
}

// Open makes the study's folder and locks it. If a run was killed, it finishes that
// run's change of files, which it reports to say, and removes its other files. Git
// ignores the folder, and builds do not send it. [Folder.Close] unlocks it.
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
	if err := Committed(f.Dir); err != nil {
		return f, errors.Join(err, f.Close())
	}
	return f, nil
}

// ignored is what git ignores of a study's folder: all but baselines, which people
// commit. It was the first line alone before there were any.
const ignored = "*\n!baseline*.json\n"

// Committed lets git see the baselines in a study's folder, and nothing else of it. A
// .gitignore that somebody has written stays as it is.
func Committed(dir string) error {
	text, err := whittle.Folder(dir).Read(".gitignore", whittle.MaxText)
	if errors.Is(err, fs.ErrNotExist) || err == nil && string(text) == "*\n" {
		return whittle.Folder(dir).Write(".gitignore", []byte(ignored), 0o644)
	}
	return nil
}

// refuseLinks returns an error if a part of the path from the project to a folder
// in it is a link.
func refuseLinks(project, dir string) error {
	rel, ok := whittle.Below(project, dir)
	if !ok {
		return nil // the user has chosen a folder outside the project
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

// refuseLink returns an error if a path is a link.
func refuseLink(path string) error {
	info, err := os.Lstat(path)
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return whittle.WithHint(whittle.ErrUsage.Errorf("the study's folder: %s is a link, and nothing is written through links", path),
			"remove it, or name another folder with --out")
	}
	return nil
}

// Make makes a folder for images, logs and variants.
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

// folderError is the error if the study's folder cannot be made. Its hint covers
// folders of other users, such as root's after a run as root.
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

// At is a folder of which only records are read. It is neither made nor locked.
func At(dir string, key []byte) Folder { return Folder{Dir: dir, key: key} }

// Path is the path of a file in the folder.
func (f Folder) Path(rel string) string { return filepath.Join(f.Dir, rel) }

// Close unlocks the folder.
func (f Folder) Close() error {
	if f.lock == nil {
		return nil
	}
	return f.lock.Close() // frees the lock
}

// Create makes a new file in the folder. It removes an existing one.
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

// sync makes a file in the folder and its name durable.
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

// acquire locks the folder for this process. Its error names the process that has
// the lock.
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

// removeLeftovers removes temporary files of runs that were killed. The folder is
// locked, so nobody uses them. Files that cannot be removed do no harm.
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
