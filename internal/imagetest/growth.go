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
	// growthStep is how much larger the second input is, growthMost how much
	// more it may take: work that grows with the square takes growthStep² = 64
	// times as much, work that grows with the input 8, give or take what caches
	// and the collector cost.
	growthStep = 8
	growthMost = 24
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
	// Make makes the input of a size, and returns what is done with it, any
	// number of times.
	Make func(n int) func()
}

// Linear fails where the work, in CPU time or in bytes that are allocated,
// grows faster than its input. Nothing hangs on how fast the machine is: what
// is compared are two sizes of the same input. What is faster than can be
// measured at an eighth of the largest size passes. With the race detector only
// bytes are compared.
func Linear(t *testing.T, cases ...Growth) {
	t.Helper()
	for _, g := range cases {
		t.Run(g.Name, func(t *testing.T) {
			t.Helper()
			var message string
			for range 5 { // another process may have been in the way
				if message = g.compare(); message == "" {
					return
				}
			}
			t.Error(message)
		})
	}
}

// compare measures two inputs, and says what is wrong.
func (g *Growth) compare() string {
	most := max(g.Most/growthStep, 1)
	n := max(most/256, 1)
	small := measure(g.Make(n))
	for small.cpu < growthFrom && n < most {
		n = min(2*n, most)
		small = measure(g.Make(n))
	}
	large := measure(g.Make(growthStep * n))
	if !RaceDetector && large.cpu > growthMost*max(small.cpu, growthFrom) {
		return fmt.Sprintf("%d of them take %v, %d take %v: the time grows faster than the input", n, small.cpu, growthStep*n, large.cpu)
	}
	if large.bytes > growthMost*max(small.bytes, 1<<20) {
		return fmt.Sprintf("%d of them allocate %d bytes, %d allocate %d: the memory grows faster than the input", n, small.bytes, growthStep*n, large.bytes)
	}
	return ""
}

type cost struct {
	cpu   time.Duration
	bytes uint64
}

// measure is the least of two runs, which leaves out what happens once.
func measure(work func()) cost {
	out := once(work)
	if out.cpu < 10*growthFrom {
		again := once(work)
		out = cost{min(out.cpu, again.cpu), min(out.bytes, again.bytes)}
	}
	return out
}

// once measures work without the collector, as far as there is memory: small
// inputs are gone before it runs, large ones pay for it several times.
func once(work func()) cost {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(growthMemory))
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	from := cpuTime()
	work()
	took := cpuTime() - from
	runtime.ReadMemStats(&after)
	return cost{took, after.TotalAlloc - before.TotalAlloc}
}

// Lines are n lines, each made of its number.
func Lines(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}
