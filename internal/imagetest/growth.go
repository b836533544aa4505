package imagetest

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

const (
	// growthStep is how much larger the second input is. Work that grows with
	// the square takes growthStep² = 64 times as much, work that grows with the
	// input 8, give or take what caches and the kernel's memory cost; growthMost
	// is what a power of 1.6 takes.
	growthStep = 8
	growthMost = 28
	// growthSuspect is the ratio from which two sizes are not enough: the work
	// is done growthRounds times more at each size from the one to the other,
	// and the least time of each size is compared. What disturbs makes work
	// slower, never faster.
	growthSuspect = 16
	growthRounds  = 4
	// growthDoubling is how much more each doubling of the input takes then: 4
	// times where the square is all there is, 2.6 where it has just overtaken
	// the rest. What no longer fits into a cache costs far more at one size, and
	// twice as much from there on.
	growthDoubling = 2.5
	// growthFrom is what the first input takes at least: what takes less is
	// taken for as much, since its time is mostly chance.
	growthFrom = 10 * time.Millisecond
	// growthMemory is what the process may take while the collector is off, in
	// bytes.
	growthMemory = 1 << 30
)

// Growth is what happens to inputs of many sizes.
type Growth struct {
	Name string
	// Most is the largest size that is tried: 8 times the size of the smaller
	// of the two inputs that are compared.
	Most int
	// Least is the smallest size that is tried. Below it the work may grow with the
	// square, up to a limit that the code keeps.
	Least int
	// Make makes the input of a size, and returns what is done with it, any
	// number of times.
	Make func(n int) func()
}

// Linear fails where the work, in CPU time or in bytes that are allocated,
// grows faster than its input. Nothing hangs on how fast the machine is: what
// is compared are sizes of the same input. What is faster than can be measured
// at an eighth of the largest size passes. With the race detector nothing is
// measured: see [RaceDetector].
func Linear(t *testing.T, cases ...Growth) {
	t.Helper()
	if RaceDetector {
		return
	}
	for _, g := range cases {
		t.Run(g.Name, func(t *testing.T) {
			t.Helper()
			if message := g.compare(); message != "" {
				t.Error(message)
			}
		})
	}
}

// compare measures two inputs, and those between them if the second takes
// suspiciously long. It says what is wrong.
func (g *Growth) compare() string {
	defer collectorOff()()
	most := max(g.Most/growthStep, 1)
	n := max(most/256, g.Least, 1)
	small := measure(g.Make(n))
	for small.cpu < growthFrom && n < most {
		n = min(2*n, most)
		small = measure(g.Make(n))
	}
	if large := measure(g.Make(growthStep * n)); suspicious(small, large) {
		return g.confirm(n)
	}
	return ""
}

// confirm measures n of them, 2n, 4n and 8n, each many times.
func (g *Growth) confirm(n int) string {
	var works []func()
	var costs []cost
	for size := n; size <= growthStep*n; size *= 2 {
		works = append(works, g.Make(size))
		costs = append(costs, measure(works[len(works)-1]))
	}
	last := len(costs) - 1
	for range growthRounds {
		if !suspicious(costs[0], costs[last]) {
			return ""
		}
		for i, work := range works {
			costs[i] = costs[i].least(once(work))
		}
	}
	switch {
	case moreMemory(costs[0], costs[last]):
		return fmt.Sprintf("the memory grows faster than the input: from %d of them on, each time twice as many: %v", n, costs)
	case moreTime(costs):
		return fmt.Sprintf("the time grows faster than the input: from %d of them on, each time twice as many: %v", n, costs)
	}
	return ""
}

// suspicious says whether it is worth while to measure again.
func suspicious(small, large cost) bool {
	return moreMemory(small, large) || large.cpu > growthSuspect*max(small.cpu, growthFrom)
}

// moreTime says whether the time grows faster than the input, over all sizes
// and with each doubling.
func moreTime(costs []cost) bool {
	if costs[len(costs)-1].cpu < growthMost*max(costs[0].cpu, growthFrom) {
		return false
	}
	for i := range costs[1:] {
		if float64(costs[i+1].cpu) < growthDoubling*float64(costs[i].cpu) {
			return false
		}
	}
	return true
}

// moreMemory says whether what is allocated grows faster than the input. It is
// the same each time, but for what the runtime allocates for itself.
func moreMemory(small, large cost) bool {
	return large.bytes > growthMost*max(small.bytes, 1<<20)
}

// cost is what work takes: CPU time, and bytes that are allocated.
type cost struct {
	cpu   time.Duration
	bytes uint64
}

func (c cost) least(d cost) cost { return cost{min(c.cpu, d.cpu), min(c.bytes, d.bytes)} }

func (c cost) String() string {
	return fmt.Sprintf("%v and %d bytes", c.cpu.Round(time.Microsecond), c.bytes)
}

// measure is the least of two runs, which leaves out what happens once.
func measure(work func()) cost {
	out := once(work)
	if out.cpu < 10*growthFrom {
		out = out.least(once(work))
	}
	return out
}

// once measures work on a heap that is swept and stays where it is.
func once(work func()) cost {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	from := cpuTime()
	work()
	took := cpuTime() - from
	runtime.ReadMemStats(&after)
	return cost{took, after.TotalAlloc - before.TotalAlloc}
}

// collectorOff keeps the collector from running, as far as there is memory,
// until what it returns is called: small inputs are gone before it runs, large
// ones pay for it several times.
func collectorOff() (on func()) {
	limit, percent := debug.SetMemoryLimit(growthMemory), debug.SetGCPercent(-1)
	return func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}
}

// Lines are n lines, each made of its number.
func Lines(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}
