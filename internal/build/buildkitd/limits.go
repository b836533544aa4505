package buildkitd

import (
	"fmt"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"whittle.dev/whittle"
)

// Defaults of [Options]: a build of many parallel jobs has some hundred
// processes.
const (
	DefaultKeep = 20_000_000_000
	DefaultPids = 8192
)

// NoLimit is a Memory or Pids of [Options] that bounds nothing.
const NoLimit = -1

// Guard keeps the containers of a daemon within their limits. A nil one, of an
// engine that whittle did not start, has none.
type Guard struct {
	memory, pids int64 // those in force; 0 is none
	// kills is how many times memory ran out so far, crowded whether there were
	// ever as many processes as allowed; crowded is nil where the kernel does
	// not count them.
	kills   func() int64
	crowded func() bool
	close   func()
	// used is the processor time of all containers so far in nanoseconds, -1 where it
	// is not known; nil where the kernel does not count it.
	used func() int64
	// load is the machine's load average of the last minute; nil where it is not known.
	load func() float64
}

// CPU is the processor time that the containers have used so far, of all processors
// together. It is false where that is not known.
func (g *Guard) CPU() (time.Duration, bool) {
	if g == nil || g.used == nil {
		return 0, false
	}
	n := g.used()
	return time.Duration(n), n >= 0
}

// Kills is how many times the kernel has killed a process because the
// containers' memory ran out.
func (g *Guard) Kills() int64 {
	if g == nil || g.memory == 0 {
		return 0
	}
	return g.kills()
}

func (g *Guard) release() {
	if g != nil && g.close != nil {
		g.close()
	}
}

// forkFailed is what programs print when they cannot start another process.
var forkFailed = regexp.MustCompile(`(?i)resource temporarily unavailable|can(?:no|')t (?:fork|start new thread|create thread)|fork failed|errno 11\b|EAGAIN`)

// Why says that a limit ended a step or run that failed, and names the option to
// raise it; empty where none did. before is what [Guard.Kills] was at its start.
func (g *Guard) Why(before int64, code int, output string) string {
	switch {
	case g == nil:
		return ""
	case g.Kills() > before:
		text := fmt.Sprintf("ended by the memory limit of %s", whittle.Bytes(g.memory))
		if code != 128+int(syscall.SIGKILL) { // the step saw one of its processes die
			text = fmt.Sprintf("exit code %d, after the memory limit of %s ended one of its processes", code, whittle.Bytes(g.memory))
		}
		return text + "; --build-memory " + doubled(g.memory)
	case g.pids > 0 && forkFailed.MatchString(output) && (g.crowded == nil || g.crowded()):
		return fmt.Sprintf("exit code %d at the limit of %d processes; --build-pids %d", code, g.pids, 2*g.pids)
	}
	return ""
}

// doubled is twice a size, as the option takes it.
func doubled(n int64) string {
	for _, unit := range []struct {
		size int64
		name string
	}{{1e9, "GB"}, {1e6, "MB"}} {
		if 2*n >= unit.size {
			return strconv.FormatInt((2*n+unit.size-1)/unit.size, 10) + unit.name
		}
	}
	return strconv.FormatInt(2*n, 10)
}
