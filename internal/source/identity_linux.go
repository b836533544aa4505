package source

import (
	"fmt"
	"io/fs"
	"syscall"
	"time"
)

// settleTime is the age from which a file's times are sure to show a later change:
// the clocks of file systems are coarse.
const settleTime = 2 * time.Second

// FileIdentity is a text that changes with a file's content, empty if that is not
// sure. A write changes the file's ctime, which no program can set.
func FileIdentity(info fs.FileInfo) string {
	st, ok := info.Sys().(*syscall.Stat_t)
	changed := time.Unix(0, 0)
	if ok {
		changed = time.Unix(st.Ctim.Unix())
	}
	if !ok || !info.Mode().IsRegular() || time.Since(changed) < settleTime {
		return ""
	}
	return fmt.Sprintf("file %d %d %d %d %d", st.Dev, st.Ino, st.Size, st.Mtim.Nano(), st.Ctim.Nano())
}
