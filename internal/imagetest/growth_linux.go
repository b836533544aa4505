package imagetest

import (
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime is what the threads of this process have used of all cores: what
// other processes do does not count. The kernel counts it in nanoseconds. Its
// split into user and system time is not used: that is sampled at the ticks of
// the clock, and the whole past of the process is split anew each time.
func cpuTime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}
