package build

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"whittle.dev/whittle"
)

// Defaults of [Limits]. A build of many parallel jobs has some hundred
// processes; the longest that people wait for compile for an hour.
const (
	defaultPids = 8192
	defaultTime = 2 * time.Hour
)

// NoLimit is a field of [Limits] that bounds nothing.
const NoLimit = -1

// Limits bound what builds and runs may take of this machine. They are the
// user's: a project has no way to change them. A zero field is its default.
type Limits struct {
	// Memory is what all containers of a private engine may take together, in
	// bytes and without swap: three quarters of this machine's memory.
	Memory int64
	// Pids is the number of processes and threads in all of them: 8192.
	Pids int64
	// Time is that of one build, by any engine: two hours. A run has its own
	// (see [Command]).
	Time time.Duration
}

// guard is what holds the containers of a private engine to their limits. A
// nil one, of an engine that is not whittle's, holds nothing.
type guard struct {
	memory, pids int64 // those in force; 0 is none
	// killed is how many times memory ran out so far, crowded whether there
	// were ever as many processes as may be; crowded is nil where the kernel
	// does not say it.
	killed  func() int64
	crowded func() bool
	close   func()
}

// deaths is how many times the containers' memory ran out so far.
func (g *guard) deaths() int64 {
	if g == nil || g.memory == 0 {
		return 0
	}
	return g.killed()
}

func (g *guard) release() {
	if g != nil && g.close != nil {
		g.close()
	}
}

// forkFailed is what programs print when they cannot have another process.
var forkFailed = regexp.MustCompile(`(?i)resource temporarily unavailable|can(?:no|')t (?:fork|start new thread|create thread)|fork failed|errno 11\b|EAGAIN`)

// why says that a step or run which failed was ended by a limit, and which
// option is about it; empty where it was not. before is what deaths was then.
func (g *guard) why(before int64, code int, output string) string {
	switch {
	case g == nil:
		return ""
	case g.deaths() > before:
		text := fmt.Sprintf("ended by the memory limit of %s", whittle.Bytes(g.memory))
		if code != 128+int(syscall.SIGKILL) { // the step saw a process of its own die
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

// outOfTime is the cause of a build's end that took too long.
type outOfTime struct{ limit time.Duration }

func (o *outOfTime) Error() string {
	return fmt.Sprintf("ended by the time limit of %s for a build; --build-timeout %s", spell(o.limit), spell(2*o.limit))
}

// spell is a duration without the units that are zero: "2h", not "2h0m0s".
func spell(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// DefaultLimits are the limits where none are given, but for Memory, which
// hangs on the machine.
func DefaultLimits() Limits { return Limits{}.withDefaults() }

// DefaultKeep is how much of its cache a private engine keeps, in bytes.
const DefaultKeep = 20_000_000_000

// withDefaults fills in what is the same on every machine.
func (l Limits) withDefaults() Limits {
	if l.Pids == 0 {
		l.Pids = defaultPids
	}
	if l.Time == 0 {
		l.Time = defaultTime
	}
	return l
}
