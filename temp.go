package whittle

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// TempFolder is a folder of temporary files that goes with its process. Its
// name says which process made it; it is locked as long as that one lives, so
// that the next one knows what a killed one has left behind.
type TempFolder struct {
	Dir  string
	lock *os.File
}

// TempName is a new name for a [TempFolder] of this process.
func TempName(prefix string) string {
	return fmt.Sprintf("%s%d-%s", prefix, os.Getpid(), strings.ToLower(rand.Text()[:8]))
}

// MakeTempFolder makes the folder dir, whose name is from [TempName].
func MakeTempFolder(dir string) (*TempFolder, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	t := &TempFolder{Dir: dir}
	var err error
	if t.lock, err = LockFolder(dir); err != nil {
		return nil, errors.Join(err, os.Remove(dir))
	}
	return t, nil
}

// Remove removes the folder with all that is in it, and frees its lock.
func (t *TempFolder) Remove() error {
	err := os.RemoveAll(t.Dir)
	if t.lock != nil {
		err = errors.Join(err, t.lock.Close())
	}
	return err
}

// DeadTempFolders are this user's folders in parent, with names from [TempName],
// whose processes have ended. They are locked: the caller removes them.
func DeadTempFolders(parent, prefix string) []*TempFolder {
	dirs, _ := filepath.Glob(filepath.Join(parent, prefix+"*"))
	var dead []*TempFolder
	for _, dir := range dirs {
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() || !mine(info) {
			continue
		}
		// A folder that nobody has locked may be a moment old: its process is
		// asked for, too.
		if !leftBehind(filepath.Base(dir), prefix, info) {
			continue
		}
		if lock, err := LockFolder(dir); err == nil && lock != nil {
			dead = append(dead, &TempFolder{dir, lock})
		}
	}
	return dead
}

func alive(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	defer p.Release()
	return !errors.Is(p.Signal(syscall.Signal(0)), os.ErrProcessDone)
}

// LockFolder locks a folder or file until what it gives is closed or the
// process ends; nil where another has it.
func LockFolder(dir string) (*os.File, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO of that name would wait for a writer
	if err != nil {
		return nil, err
	}
	free, err := Lock(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("locking %s: %w", dir, err), f.Close())
	}
	if !free {
		return nil, f.Close()
	}
	return f, nil
}
