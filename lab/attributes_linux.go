package lab

import (
	"strings"

	"golang.org/x/sys/unix"
)

// copyAttributes copies extended attributes, access lists among them, as far
// as the file system and the user's rights allow. xattr(7)
func copyAttributes(from, to string) {
	names := make([]byte, 64<<10)
	n, err := unix.Llistxattr(from, names)
	if err != nil {
		return
	}
	value := make([]byte, 64<<10)
	for name := range strings.SplitSeq(strings.TrimRight(string(names[:n]), "\x00"), "\x00") {
		if n, err := unix.Lgetxattr(from, name, value); err == nil {
			_ = unix.Lsetxattr(to, name, value[:n], 0)
		}
	}
}
