package runs

import (
	"cmp"
	"slices"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
)

// What a study keeps of a build's steps: their number, and the shortest time of
// those that are not the Dockerfile's.
const (
	maxBuildSteps = 500
	longStep      = 100 * time.Millisecond
)

// BuildSteps are the steps that are worth knowing, by when they started.
func BuildSteps(all []build.Step) (out []whittle.BuildStep) {
	var first time.Time
	for _, s := range all {
		if !s.Started.IsZero() && (first.IsZero() || s.Started.Before(first)) {
			first = s.Started
		}
	}
	for _, s := range all {
		if s.Started.IsZero() || s.Completed.IsZero() || !s.Dockerfile() && s.Duration() < longStep {
			continue
		}
		out = append(out, whittle.BuildStep{Name: whittle.Shorten(s.Name, 200), Start: s.Started.Sub(first).Seconds(), Seconds: s.Duration().Seconds(), Cached: s.Cached})
	}
	slices.SortStableFunc(out, func(a, b whittle.BuildStep) int { return cmp.Compare(a.Start, b.Start) })
	return out[:min(len(out), maxBuildSteps)]
}
