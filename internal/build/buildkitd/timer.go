package buildkitd

import (
	"runtime"
	"time"
)

const (
	// tick is how often a timer looks at what the containers used.
	tick = 250 * time.Millisecond
	// maxStretch is how much longer than its limit a timer may take.
	maxStretch = 5
	// working is the least share of a processor that containers use which work; those
	// that only wait use less.
	working = 0.02
)

// After is a channel that is sent the time when a limit for what runs in the containers
// is over, and what ends it. Where other work leaves the containers too little of the
// processors, the limit is longer by as much, up to five times: a start that is slow
// only since the machine is busy is not taken for one that hangs.
func (g *Guard) After(limit time.Duration) (over <-chan time.Time, stop func()) {
	if _, counts := g.CPU(); !counts || g.load == nil {
		t := time.NewTimer(limit)
		return t.C, func() { t.Stop() }
	}
	c, done := make(chan time.Time, 1), make(chan struct{})
	go func() {
		latest := time.NewTimer(maxStretch * limit)
		defer latest.Stop()
		ticks := time.NewTicker(min(tick, limit))
		defer ticks.Stop()
		last, before := time.Now(), g.used()
		for left := limit; left > 0; {
			select {
			case <-done:
				return
			case <-latest.C:
				left = 0
			case now := <-ticks.C:
				used := g.used()
				left -= counted(now.Sub(last), time.Duration(used-before), g.load(), runtime.NumCPU())
				last, before = now, used
			}
		}
		c <- time.Now()
	}()
	return c, func() { close(done) }
}

// counted is how much of a time counts towards a limit: all of it, unless the containers
// worked and there was more to do than the processors can: then the part that they would
// have taken had they been alone. load is the machine's load average: the processes that
// run or could, of the last minute.
func counted(took, used time.Duration, load float64, processors int) time.Duration {
	if float64(used) < working*float64(took) || load <= float64(processors) {
		return took
	}
	return time.Duration(float64(took) * float64(processors) / load)
}
