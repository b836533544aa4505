//go:build unix

package imagetest

import (
	"syscall"
	"time"
)

// cpuTime is what this process has used of all cores: other processes do not
// count, nor does what the kernel does to give it memory for the first time.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano())
}
