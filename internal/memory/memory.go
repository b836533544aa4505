// Package memory ends a process that needs more memory than it may have with an error,
// where the runtime would print its stacks and the kernel would say nothing.
package memory

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"whittle.dev/whittle"
)

const (
	// share is the part of a limit that others set which is used, in
	// percent: where it is used up, the kernel ends the process without a word.
	share = 90
	// every is how often the memory in use is looked at. A process that
	// unpacks fast takes some 20 MB meanwhile.
	every = 20 * time.Millisecond
	// grace is how long what was begun has to end.
	grace = 2 * time.Second
)

// outOfMemory is the cause that a context ends with when the process needs more
// memory than it may have.
type outOfMemory struct {
	limit int64  // in bytes
	whose string // who set it
}

func (e *outOfMemory) Error() string {
	return fmt.Sprintf("it needs more than %s of memory, and %s allows no more", whittle.Bytes(e.limit), e.whose)
}

func (e *outOfMemory) Hint() string {
	return "give it more memory; whittle help limits says what bounds the memory that an image takes"
}

// lowest is how much memory this process may use, in bytes, and who says
// so: GOMEMLIMIT, the control group, or the machine.
func lowest() (limit int64, whose string) {
	limit = math.MaxInt64
	least := func(n int64, by string) {
		if n > 0 && n < limit {
			limit, whose = n, by
		}
	}
	least(debug.SetMemoryLimit(-1), "GOMEMLIMIT")
	if n, err := memlimit.FromCgroup(); err == nil && n < math.MaxInt64/100 {
		least(int64(n)/100*share, "its control group")
	}
	if n, err := memlimit.FromSystem(); err == nil && n < math.MaxInt64/100 {
		least(int64(n)/100*share, "this machine")
	}
	return limit, whose
}

// Guard ends the context when the process needs more memory than it may have: more than
// GOMEMLIMIT, its control group or the machine allows. A process that has not ended two
// seconds later is ended by last. The function that is returned ends the guard.
func Guard(ctx context.Context, last func(error)) (context.Context, context.CancelFunc) {
	e := &outOfMemory{}
	e.limit, e.whose = lowest()
	ctx, cancel := context.WithCancelCause(ctx)
	debug.SetMemoryLimit(e.limit)
	go func() {
		err := wait(ctx, e)
		if err == nil {
			return
		}
		cancel(err)
		time.Sleep(grace)
		last(err)
	}()
	return ctx, func() { cancel(nil) }
}

// wait returns an error when the limit is reached, not counting
// garbage, and nil when the context ends.
func wait(ctx context.Context, e *outOfMemory) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	full := fullAddresses()
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}, {Name: "/gc/heap/live:bytes"}}
	limit := uint64(e.limit)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		metrics.Read(samples)
		used, live := samples[0].Value.Uint64()-samples[1].Value.Uint64(), samples[2].Value.Uint64()
		// Near the limit the collector runs all the time, so that what is live
		// is what the last ticks had.
		if used > limit && live > limit/5*4 {
			return e
		}
		if full != nil && full() {
			return &outOfMemory{int64(used), "its resource limit of addresses (ulimit -v)"}
		}
	}
}

// Cause is what a context of Guard ended with, nil where memory is not the reason.
func Cause(ctx context.Context) error {
	var e *outOfMemory
	if errors.As(context.Cause(ctx), &e) {
		return e
	}
	return nil
}
