//go:build !linux && !darwin

package ready

// freeSpace is the free space in bytes where a folder is, -1 where it is not known.
func freeSpace(string) int64 { return -1 }
