//go:build unix

package lab

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// inherit gives a new file the owner of the file that it will replace, or of
// the folder where there is none, and its attributes: root that edits a user's
// file does not take it away. What cannot be given shows in [replaceable].
func inherit(f *os.File, target string, old fs.FileInfo) {
	from := old
	if from == nil {
		from, _ = os.Stat(filepath.Dir(target))
	}
	if from == nil {
		return
	}
	if st, ok := from.Sys().(*syscall.Stat_t); ok {
		_ = f.Chown(int(st.Uid), int(st.Gid))
	}
	if old != nil {
		copyAttributes(target, f.Name())
	}
}

// replaceable says that one file may take the place of another by its name: it
// is the other's owner's, and the other has no second name.
func replaceable(staged, target string) bool {
	is, err := os.Stat(staged)
	if err != nil {
		return false
	}
	was, err := os.Lstat(target)
	if err != nil {
		return true // there is none
	}
	a, ok := is.Sys().(*syscall.Stat_t)
	b, too := was.Sys().(*syscall.Stat_t)
	return ok && too && a.Uid == b.Uid && a.Gid == b.Gid && b.Nlink == 1
}
