package buildkitd

import "time"

// Clock measures a run in a daemon's containers.
type Clock struct {
	// Took is the time that passed. Used is the processor time of all containers
	// meanwhile, if Counts.
	Took, Used time.Duration
	Counts     bool

	guard   *Guard
	start   time.Time
	before  time.Duration
	stopped bool
}

// Clock starts to measure.
func (g *Guard) Clock() *Clock {
	c := &Clock{guard: g}
	c.before, c.Counts = g.CPU()
	c.start = time.Now()
	return c
}

// Stop ends the measurement; only the first call does.
func (c *Clock) Stop() {
	if c.stopped {
		return
	}
	c.stopped, c.Took = true, time.Since(c.start)
	after, ok := c.guard.CPU()
	c.Used, c.Counts = after-c.before, c.Counts && ok
}
