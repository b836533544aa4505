package source

import (
	"fmt"
	"io/fs"
	"syscall"
	"time"
)

// unchanged is how long a file must not have changed until its times show every
// change: clocks of file systems are coarse.
const unchanged = 2 * time.Second

// fileIdentity is a text that changes with a file's content, empty where that
// is not sure. Whoever writes to a file changes its ctime, which no program
// can set.
func fileIdentity(info fs.FileInfo) string {
	st, ok := info.Sys().(*syscall.Stat_t)
	changed := time.Unix(0, 0)
	if ok {
		changed = time.Unix(st.Ctim.Unix())
	}
	if !ok || !info.Mode().IsRegular() || time.Since(changed) < unchanged {
		return ""
	}
	return fmt.Sprintf("file %d %d %d %d %d", st.Dev, st.Ino, st.Size, st.Mtim.Nano(), st.Ctim.Nano())
}
