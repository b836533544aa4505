package memory

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// cheapGarbage is the garbage in bytes that is never collected early, leastPercent the
	// garbage in percent of what is in use at which it is collected once that is more.
	// Little memory is collected often, and would be thrice as often.
	cheapGarbage = 16 << 20
	leastPercent = 40
)

// Frugal lets garbage be collected sooner than it is by default, if much memory is in use.
func Frugal() {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	type collected struct{ _ [16]byte } // its finalizer runs after each collection
	var adjust func(c *collected)
	adjust = func(c *collected) {
		metrics.Read(live)
		debug.SetGCPercent(percent(live[0].Value.Uint64()))
		runtime.SetFinalizer(c, adjust)
	}
	adjust(&collected{})
}

// percent is the garbage that is allowed, in percent of what is in use, which is in bytes.
func percent(live uint64) int {
	return int(min(max(100*cheapGarbage/max(live, 1), leastPercent), 100))
}
