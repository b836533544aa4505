package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"whittle.dev/whittle"
)

const (
	// memoryShare is the part of a limit that others set which is used, in
	// percent: where it is used up, the kernel ends the process without a word.
	memoryShare = 90
	// memoryTick is how often the memory in use is looked at. A process that
	// unpacks fast takes some 20 MB meanwhile.
	memoryTick = 20 * time.Millisecond
	// memoryGrace is how long what was begun has to end.
	memoryGrace = 2 * time.Second
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

// memoryLimit is how much memory this process may use, in bytes, and who says
// so: GOMEMLIMIT, the control group, or the machine.
func memoryLimit() (limit int64, whose string) {
	limit = math.MaxInt64
	least := func(n int64, by string) {
		if n > 0 && n < limit {
			limit, whose = n, by
		}
	}
	least(debug.SetMemoryLimit(-1), "GOMEMLIMIT")
	if n, err := memlimit.FromCgroup(); err == nil && n < math.MaxInt64/100 {
		least(int64(n)/100*memoryShare, "its control group")
	}
	if n, err := memlimit.FromSystem(); err == nil && n < math.MaxInt64/100 {
		least(int64(n)/100*memoryShare, "this machine")
	}
	return limit, whose
}

// guardMemory ends the context when the process needs more memory than it may
// have: that is one line and an exit code, where the runtime would print its
// stacks and the kernel nothing. Who does not end within the grace is ended by
// last.
func guardMemory(ctx context.Context, last func(error)) (context.Context, context.CancelFunc) {
	e := &outOfMemory{}
	e.limit, e.whose = memoryLimit()
	ctx, cancel := context.WithCancelCause(ctx)
	debug.SetMemoryLimit(e.limit)
	go func() {
		err := waitForMemory(ctx, e)
		if err == nil {
			return
		}
		cancel(err)
		time.Sleep(memoryGrace)
		last(err)
	}()
	return ctx, func() { cancel(nil) }
}

// waitForMemory returns an error when the limit is reached, not counting
// garbage, and nil when the context ends.
func waitForMemory(ctx context.Context, e *outOfMemory) error {
	tick := time.NewTicker(memoryTick)
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

// memoryCause is what a context ended with, nil where memory is not the reason.
func memoryCause(ctx context.Context) *outOfMemory {
	var e *outOfMemory
	errors.As(context.Cause(ctx), &e)
	return e
}

// exitLast ends a process that does not end by itself.
func exitLast(a *app) func(error) {
	return func(err error) {
		a.complain(err, exitOutside)
		os.Exit(exitOutside)
	}
}
