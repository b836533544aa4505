package memory

import (
	"fmt"
	"math"
	"os"
	"syscall"
)

// addressMargin is how many bytes the runtime may request at once: a few
// arenas of 64 MB, and the stacks of threads.
const addressMargin = 160 << 20

// fullAddresses says whether the limit of the address space (ulimit -v) is
// nearly reached; it is nil if there is no limit. Reserved addresses count for
// this limit, so the memory in use does not show how near it is.
func fullAddresses() func() bool {
	var r syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_AS, &r) != nil || r.Cur >= math.MaxInt64 {
		return nil
	}
	return func() bool {
		used, ok := addressesInUse()
		return ok && used+addressMargin > int64(r.Cur)
	}
}

// addressesInUse is the size of the address space of this process, in bytes.
// https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html
func addressesInUse() (int64, bool) {
	b, err := os.ReadFile("/proc/self/statm")
	var pages int64
	if err != nil {
		return 0, false
	}
	_, err = fmt.Sscan(string(b), &pages)
	return pages * int64(os.Getpagesize()), err == nil
}
