package build

import (
	"testing"
	"time"
)

// TestWatchLosesNoExit: how a command ended is known although it may end before it
// can be observed.
func TestWatchLosesNoExit(t *testing.T) {
	f := needEngine(t)
	d := f.define(t, "FROM probe\nCOPY --from=probe /probe /bin/sh\n", nil)
	var all []Command
	for range 20 {
		c := probe("exit", "3")
		c.Watch, c.Timeout = &Watch{}, time.Minute
		all = append(all, c)
	}
	for i, r := range f.run(t, d, all...) {
		if r.ExitCode != 3 || string(r.Stderr) != "err\n" {
			t.Errorf("run %d: exit code %d, %q", i, r.ExitCode, r.Stderr)
		}
	}
}
