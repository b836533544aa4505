//go:build linux || darwin

package ready

import "golang.org/x/sys/unix"

// freeSpace is the free space in bytes where a folder is, -1 where it is not known.
func freeSpace(dir string) int64 {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return -1
	}
	return int64(st.Bavail) * int64(st.Bsize) //nolint:unconvert // their types differ by system
}
