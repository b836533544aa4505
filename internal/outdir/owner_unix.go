//go:build unix

package outdir

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// inherit gives a new file the owner and attributes of the file that it will
// replace, or the owner of the folder if there is no such file, so that a user's
// file stays the user's when root edits it. If that fails, [replaceable] is false.
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

// replaceable says that a staged file may be renamed to the target: both have the
// same owner, and the target has no other hard link.
func replaceable(staged string, t target) bool {
	is, err := os.Stat(staged)
	if err != nil {
		return false
	}
	was, err := t.root.Lstat(t.path)
	if err != nil {
		return true // there is no target yet
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
