package runs

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
)

// TestBuildSteps: a study keeps the Dockerfile's steps, and what else took long,
// by when they started.
func TestBuildSteps(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	step := func(name string, from, to time.Duration, cached bool) build.Step {
		return build.Step{Name: name, Started: start.Add(from), Completed: start.Add(to), Cached: cached}
	}
	got := BuildSteps([]build.Step{
		step("[2/3] RUN make", 3*time.Second, 8*time.Second, false),
		step("[internal] load build definition", 0, 20*time.Millisecond, false),
		step("[internal] load build context", 20*time.Millisecond, 2*time.Second, false),
		step("[1/3] FROM base", time.Second, time.Second, true),
		{Name: "[3/3] COPY . ."}, // it never started
	})
	want := []whittle.BuildStep{{Name: "[internal] load build context", Start: 0.02, Seconds: 1.98}, {Name: "[1/3] FROM base", Start: 1, Cached: true}, {Name: "[2/3] RUN make", Start: 3, Seconds: 5}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
