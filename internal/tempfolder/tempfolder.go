// Package tempfolder makes folders of temporary files that go with their process: the next
// one removes what a killed one has left behind.
package tempfolder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"whittle.dev/whittle"
)

// Folder is a folder of temporary files that goes with its process. Its
// name says which process made it; it is locked as long as that one lives, so
// that the next one knows what a killed one has left behind.
type Folder struct {
	Dir  string
	lock *os.File
}

// Make makes the folder dir, whose name is from [whittle.TempName].
func Make(dir string) (*Folder, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	t := &Folder{Dir: dir}
	var err error
	if t.lock, err = Lock(dir); err != nil {
		return nil, errors.Join(err, os.Remove(dir))
	}
	return t, nil
}

// Remove removes the folder with all that is in it, and frees its lock.
func (t *Folder) Remove() error {
	err := os.RemoveAll(t.Dir)
	if t.lock != nil {
		err = errors.Join(err, t.lock.Close())
	}
	return err
}

// Dead are this user's folders in parent, with names from [whittle.TempName],
// whose processes have ended. They are locked: the caller removes them.
func Dead(parent, prefix string) []*Folder {
	dirs, _ := filepath.Glob(filepath.Join(parent, prefix+"*"))
	var dead []*Folder
	for _, dir := range dirs {
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() || !mine(info) {
			continue
		}
		// A folder that nobody has locked may be a moment old: its process is
		// asked for, too.
		if !whittle.LeftBehind(filepath.Base(dir), prefix, info) {
			continue
		}
		if lock, err := Lock(dir); err == nil && lock != nil {
			dead = append(dead, &Folder{dir, lock})
		}
	}
	return dead
}

// Lock locks a folder or file until what it gives is closed or the
// process ends; nil where another has it.
func Lock(dir string) (*os.File, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO of that name would wait for a writer
	if err != nil {
		return nil, err
	}
	free, err := whittle.Lock(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("locking %s: %w", dir, err), f.Close())
	}
	if !free {
		return nil, f.Close()
	}
	return f, nil
}
