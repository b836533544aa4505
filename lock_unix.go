//go:build unix

package whittle

import (
	"errors"
	"fmt"
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

// othersWrite says why others than this user and root may have written to a
// folder; empty where they may not. A folder's group is its owner's choice.
func othersWrite(info fs.FileInfo) string {
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case ok && st.Uid != 0 && int(st.Uid) != os.Geteuid():
		return fmt.Sprintf("belongs to user %d, and this is user %d", st.Uid, os.Geteuid())
	case info.Mode().Perm()&0o002 != 0:
		return fmt.Sprintf("can be written to by everyone (mode %04o)", info.Mode().Perm())
	}
	return ""
}
