//go:build unix

package source

import (
	"archive/tar"
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"
)

// noFollow opens no symbolic link.
const noFollow = syscall.O_NOFOLLOW

// inodeOf identifies a file, and says whether it may have several names.
func inodeOf(info fs.FileInfo) (id inode, several bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return inode{}, false
	}
	return inode{uint64(s.Dev), uint64(s.Ino)}, s.Nlink > 1 //nolint:unconvert // other systems have other types
}

// owned sets the owner of a file, and the numbers of a device.
func owned(h *tar.Header, info fs.FileInfo) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return
	}
	h.Uid, h.Gid = int(s.Uid), int(s.Gid)
	if h.Typeflag == tar.TypeChar || h.Typeflag == tar.TypeBlock {
		h.Devmajor, h.Devminor = int64(unix.Major(uint64(s.Rdev))), int64(unix.Minor(uint64(s.Rdev))) //nolint:unconvert // other systems have other types
	}
}
