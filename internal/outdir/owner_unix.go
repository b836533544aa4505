//go:build unix

package outdir

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// inherit gives a new file the owner of the file that it will replace, or of
// the folder where there is none, and its attributes: root that edits a user's
// file does not take it away. What cannot be given shows in [replaceable].
func (t target) inherit(f, old *os.File) {
	var from fs.FileInfo
	if old != nil {
		from, _ = old.Stat()
	} else {
		from, _ = t.root.Stat(filepath.Dir(t.path))
	}
	if from == nil {
		return
	}
	if st, ok := from.Sys().(*syscall.Stat_t); ok {
		_ = f.Chown(int(st.Uid), int(st.Gid))
	}
	if old != nil {
		copyAttributes(old, f)
	}
}

// replaceable says that a staged file may take the target's place by its name:
// it is the other's owner's, and the other has no second name.
func replaceable(staged string, t target) bool {
	is, err := os.Stat(staged)
	if err != nil {
		return false
	}
	was, err := t.root.Lstat(t.path)
	if err != nil {
		return true // there is none
	}
	a, ok := is.Sys().(*syscall.Stat_t)
	b, too := was.Sys().(*syscall.Stat_t)
	return ok && too && a.Uid == b.Uid && a.Gid == b.Gid && b.Nlink == 1
}

// sameDevice says that a staged file can be renamed into the target's folder.
func sameDevice(staged string, t target) bool {
	is, err := os.Stat(staged)
	if err != nil {
		return false
	}
	in, err := t.root.Stat(filepath.Dir(t.path))
	if err != nil {
		return false
	}
	a, ok := is.Sys().(*syscall.Stat_t)
	b, too := in.Sys().(*syscall.Stat_t)
	return ok && too && a.Dev == b.Dev
}
