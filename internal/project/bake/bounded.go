package bake

import (
	"fmt"
	"runtime/metrics"
	"time"

	"whittle.dev/whittle"
)

// patience is how long the parser may take, and growth by how much the heap may grow
// meanwhile, in bytes: variables that name each other grow without end, and the
// parser has no limit of its own.
const (
	patience = 5 * time.Second
	growth   = 256 << 20
)

// bounded runs the parser. Errors of what is over a limit wrap [whittle.ErrLimit]:
// the parser then still runs, so that the caller has to end.
func bounded(file string, parse func() error) error {
	done := make(chan error, 1)
	before := heap()
	go func() {
		defer func() {
			if r := recover(); r != nil {
				done <- whittle.ErrUsage.Errorf("reading %s: buildx's parser does not understand it (%.100v)", file, r)
			}
		}()
		done <- parse()
	}()
	end := time.NewTimer(patience)
	defer end.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	over := func(what string) error {
		return whittle.ErrUsage.Errorf("reading %s: %w", file, whittle.ErrLimit.Errorf("its variables take more than %s", what))
	}
	for {
		select {
		case err := <-done:
			return err
		case <-end.C:
			return over(fmt.Sprint(patience))
		case <-tick.C:
			if heap() > before+growth {
				return over(whittle.Bytes(growth))
			}
		}
	}
}

// heap is the size of the heap in bytes.
func heap() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
