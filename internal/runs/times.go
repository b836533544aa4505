package runs

import (
	"slices"
	"strings"

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
	// SlowerCPUSeconds is that of the time that processors work, which other work of the
	// machine hardly changes.
	SlowerCPUSeconds = 0.1
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
	// CPUBefore and CPUAfter are the times that processors worked, empty where they are
	// not known.
	CPUBefore, CPUAfter []float64
	Least               float64 // difference of Before and After that counts, in seconds
}

// Slower says that the start of the second image is clearly slower. The time that
// processors work decides where it is known, so that a loaded machine does not: a start
// that only waits longer is not slower.
func (s *StartTimes) Slower() bool {
	if len(s.CPUBefore) < BlockRuns || len(s.CPUAfter) < BlockRuns {
		return clearly(s.Before, s.After, s.Least)
	}
	return clearly(s.CPUBefore, s.CPUAfter, SlowerCPUSeconds)
}

// clearly says that times are longer after: the medians differ by more than a tenth and
// more than least, and so do the fastest runs (of the second image the second fastest,
// if there are enough), as what disturbs a run makes it slower, hardly ever faster.
// Without the fastest run of the second and the slowest of the first, every run of the
// second was slower than every run of the first.
func clearly(allBefore, allAfter []float64, least float64) bool {
	if len(allBefore) < BlockRuns || len(allAfter) < BlockRuns || !SlowerBy(Median(allBefore), Median(allAfter), least) {
		return false
	}
	before, after := slices.Sorted(slices.Values(allBefore)), slices.Sorted(slices.Values(allAfter))
	fastest := after[0]
	if len(after) > BlockRuns {
		fastest = after[1]
	}
	return after[1] > before[len(before)-2] && SlowerBy(before[0], fastest, least)
}

// SlowerBy says that a start of after seconds is slower than one of before seconds by
// more than a tenth, and by more than least seconds.
func SlowerBy(before, after, least float64) bool {
	return after-before > max(least, before*slowerShare)
}

// Seems says that single runs of a start in two images give a reason to measure it.
func Seems(before, after *whittle.CommandRun) bool {
	least := SlowerSeconds
	if before.Own {
		least = SlowerOwnSeconds
	}
	if len(before.CPU) > 0 && len(after.CPU) > 0 {
		return SlowerBy(Median(before.CPU), Median(after.CPU), SlowerCPUSeconds)
	}
	return SlowerBy(Median(before.Seconds), Median(after.Seconds), least)
}

// Medians are the medians of both images.
func (s *StartTimes) Medians() whittle.SlowerStart {
	out := whittle.SlowerStart{Start: s.Name, Before: Median(s.Before), After: Median(s.After)}
	if len(s.CPUBefore) > 0 && len(s.CPUAfter) > 0 {
		before, after := Median(s.CPUBefore), Median(s.CPUAfter)
		out.CPUBefore, out.CPUAfter = &before, &after
	}
	return out
}

// Timed is the start that says how long an image takes until it is ready: its own, if
// that was seen to be ready, else the first command that was named; nil if neither runs.
func Timed(v *whittle.Variant) *whittle.CommandRun {
	if own := OwnRun(v.Run); own != nil && own.Status == whittle.Runs && own.Ready != "" && !strings.HasPrefix(own.Ready, stillThere) {
		return own
	}
	if len(v.Run.Commands) == 0 || v.Run.Commands[0].Own || v.Run.Commands[0].Optional || v.Run.Commands[0].Status != whittle.Runs {
		return nil
	}
	return &v.Run.Commands[0]
}

// Together has the times of a start when it was first run and of more runs of it, but for
// the first one of an image's own start: that one also noted what it imports, which takes
// its time.
func Together(first *whittle.CommandRun, more whittle.CommandRun) whittle.CommandRun {
	all := *first
	if first.Own {
		all.Seconds, all.CPU = nil, nil
	}
	all.Seconds, all.CPU = slices.Concat(all.Seconds, more.Seconds), slices.Concat(all.CPU, more.CPU)
	all.Cold = slices.Concat(all.Cold, more.Cold)
	return all
}
