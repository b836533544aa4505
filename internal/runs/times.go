package runs

import (
	"slices"

	"whittle.dev/whittle"
)

const (
	// slowerShare is the least share of its time that makes a start slower.
	slowerShare = 0.10
	// SlowerSeconds is the least difference that makes a start slower, in seconds: of
	// a start that takes less than two, a tenth is noise.
	SlowerSeconds = 0.2
	// SlowerOwnSeconds is that of an image's own start: whether it is ready is
	// polled only every few tenths of a second.
	SlowerOwnSeconds = 0.5
	// BlockRuns is the number of runs in a row.
	BlockRuns = 3
	// Blocks is the number of turns of the two images, so that a change of the
	// machine's speed affects both.
	Blocks = 3
)

// StartTimes are the durations of a start in two images, in seconds.
type StartTimes struct {
	Name          string // of the command
	Before, After []float64
	Least         float64 // difference that counts, in seconds
}

// Slower says that the start of the second image is clearly slower: the medians
// differ by more than a tenth and more than Least, and so do the fastest runs (of the
// second image the second fastest, if there are enough), as what disturbs a run makes it
// slower, hardly ever faster. Without the fastest run of the second and the slowest of
// the first, every run of the second was slower than every run of the first.
func (s *StartTimes) Slower() bool {
	if len(s.Before) < BlockRuns || len(s.After) < BlockRuns || !SlowerBy(Median(s.Before), Median(s.After), s.Least) {
		return false
	}
	before, after := slices.Sorted(slices.Values(s.Before)), slices.Sorted(slices.Values(s.After))
	fastest := after[0]
	if len(after) > BlockRuns {
		fastest = after[1]
	}
	return after[1] > before[len(before)-2] && SlowerBy(before[0], fastest, s.Least)
}

// SlowerBy says that a start of after seconds is slower than one of before seconds by
// more than a tenth, and by more than least seconds.
func SlowerBy(before, after, least float64) bool {
	return after-before > max(least, before*slowerShare)
}

// Medians are the medians of both images.
func (s *StartTimes) Medians() whittle.SlowerStart {
	return whittle.SlowerStart{Start: s.Name, Before: Median(s.Before), After: Median(s.After)}
}
