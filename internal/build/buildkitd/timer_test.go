package buildkitd

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// TestAfter: a limit is longer where other work leaves the containers too little of the
// processors, and only where they work.
func TestAfter(t *testing.T) {
	const limit = time.Minute
	for _, c := range []struct {
		name        string
		guard       *Guard
		least, most time.Duration
	}{
		{"an engine of others", nil, limit, limit},
		{"a kernel that does not count", &Guard{load: loaded(1000)}, limit, limit},
		{"a machine with nothing else to do", working10th(loaded(0)), limit, limit + tick},
		{"four times what it can do", working10th(func() float64 { return float64(4 * runtime.NumCPU()) }), 4 * limit, 4*limit + time.Second},
		{"a hundred times what it can do", working10th(func() float64 { return float64(100 * runtime.NumCPU()) }), maxStretch * limit, maxStretch*limit + tick},
		{"containers that only wait", &Guard{used: func() int64 { return 0 }, load: loaded(1e6)}, limit, limit + tick},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				over, stop := c.guard.After(limit)
				<-over
				stop()
				if took := time.Since(start); took < c.least || took > c.most {
					t.Errorf("over after %s, want %s to %s", took, c.least, c.most)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) { // what is stopped leaves nothing behind
		_, stop := working10th(loaded(0)).After(limit)
		time.Sleep(limit / 2)
		stop()
		synctest.Wait()
	})
}

func loaded(n float64) func() float64 { return func() float64 { return n } }

// working10th is a guard whose containers use a tenth of a processor.
func working10th(load func() float64) *Guard {
	var start time.Time
	return &Guard{load: load, used: func() int64 {
		if start.IsZero() {
			start = time.Now()
		}
		return int64(time.Since(start) / 10)
	}}
}
