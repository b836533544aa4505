//go:build unix

package tempfolder

import (
	"io/fs"
	"os"
	"syscall"
)

// mine says that a file is this user's.
func mine(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}
