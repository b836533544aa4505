package main

import (
	"fmt"
	"math"
	"os"
	"syscall"
)

// addressMargin is what the runtime may ask for at once, in bytes: a few arenas
// of 64 MB, and the stacks of threads.
const addressMargin = 160 << 20

// fullAddresses says whether the resource limit of addresses (ulimit -v) is as
// good as reached; nil where there is none. What is reserved counts there, so
// that the memory in use says nothing.
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
