//go:build unix

package whittle

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// Lock locks a file or folder until it is closed or the process ends, however
// it ends; free is false where another process has it.
func Lock(f *os.File) (free bool, err error) {
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

// mine says that a file is this user's.
func mine(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}
