package lab

import (
	"context"
	"fmt"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/runs"
)

// Objectives of a proof: whether a fix is judged by the size alone, or by the
// start-up time too.
const (
	ObjectiveBoth = "both"
	ObjectiveSize = "size"
)

// Objectives are the names of the objectives, the default first.
func Objectives() []string { return []string{ObjectiveBoth, ObjectiveSize} }

const (
	// slowerShare and slowerSeconds are the least differences that make a start
	// slower. For an image's own start it is slowerOwnSeconds, because whether it
	// is ready is polled only every few tenths of a second.
	slowerShare      = 0.10
	slowerSeconds    = 0.2
	slowerOwnSeconds = 0.5
	// blockRuns is the number of runs in a row, and blocks the number of turns of
	// the two images, so that a change of the machine's speed affects both.
	blockRuns, blocks = 3, 2
	// fetchRate converts bytes saved to seconds of start-up: 100 Mbit/s, in bytes
	// per second.
	fetchRate = 12.5e6
)

// startTimes are the durations of a start in two images, in seconds.
type startTimes struct {
	name          string // of the command
	before, after []float64
	least         float64 // difference that counts, in seconds
}

// slower says that the start of the second image is clearly slower: the medians
// differ by more than a tenth and more than least, and, without the fastest run
// of the second and the slowest of the first, every run of the second was slower
// than every run of the first.
func (s *startTimes) slower() bool {
	if len(s.before) < blockRuns || len(s.after) < blockRuns || !slowerBy(runs.Median(s.before), runs.Median(s.after), s.least) {
		return false
	}
	before, after := slices.Sorted(slices.Values(s.before)), slices.Sorted(slices.Values(s.after))
	return after[1] > before[len(before)-2]
}

func slowerBy(before, after, least float64) bool {
	return after-before > max(least, before*slowerShare)
}

// paysOff says that the saved bytes would take at least as long to fetch as the
// start has become slower.
func (s *startTimes) paysOff(saved int64) bool {
	return float64(saved) >= (runs.Median(s.after)-runs.Median(s.before))*fetchRate
}

// String is "start-up of CMD 2.3 → 3.2 s".
func (s *startTimes) String() string {
	return fmt.Sprintf("start-up of %s %.1f → %.1f s", s.name, runs.Median(s.before), runs.Median(s.after))
}

// slowdown says how fixes make a start slower. A single fix may do so if its
// saving pays off; several may not, so that the culprit is found. It is empty if
// they may stay.
func (p *prover) slowdown(ctx context.Context, several bool, variants []project.Variant, was, is []*trial) (string, error) {
	if p.objective == ObjectiveSize {
		return "", nil
	}
	for i, v := range variants {
		all, err := p.stopwatch.slowerStarts(ctx, v, was[i], is[i])
		if err != nil {
			return "", err
		}
		saved := outcome(was[i]).Sizes.Size - outcome(is[i]).Sizes.Size
		for _, s := range all {
			switch {
			case several:
				return fmt.Sprintf("%s: together they make it slower: %s", v.Name, &s), nil
			case !s.paysOff(saved):
				return fmt.Sprintf("%s: not worth it: %s for %s (--objective size keeps it)", v.Name, &s, whittle.Bytes(saved)), nil
			}
		}
	}
	return "", nil
}

// stopwatch measures which starts are slower in the second of two images.
type stopwatch struct {
	workshop *workshop
	// measured are the results so far, by pair of images.
	measured map[[2]*trial][]startTimes
}

// slowerStarts are the starts that are clearly slower in the second image of a
// variant, of the first command and the image's own start. A start that was not
// slower when the images were built is not measured again.
func (w *stopwatch) slowerStarts(ctx context.Context, v project.Variant, was, is *trial) ([]startTimes, error) {
	if was == is || was.image == "" || is.image == "" {
		return nil, nil
	}
	key := [2]*trial{was, is}
	if known, ok := w.measured[key]; ok {
		return known, nil
	}
	var out []startTimes
	for i, c := range was.Run.Commands {
		other := sameCommand(is, c)
		least := slowerSeconds
		if c.Own {
			least = slowerOwnSeconds
		}
		if i > 0 && !c.Own || other == nil || c.Status != whittle.Runs || other.Status != whittle.Runs || !slowerBy(runs.Median(c.Seconds), runs.Median(other.Seconds), least) {
			continue
		}
		s := startTimes{name: c.Name, least: least}
		for n := range blocks {
			if n > 0 && !s.slower() {
				break
			}
			for _, side := range []struct {
				t  *trial
				to *[]float64
			}{{was, &s.before}, {is, &s.after}} {
				times, err := w.time(ctx, v, side.t, c)
				if err != nil {
					return nil, err
				}
				*side.to = append(*side.to, times...)
			}
		}
		if s.slower() {
			out = append(out, s)
		}
	}
	w.measured[key] = out
	return out, nil
}

// time runs a start of a trial's image blockRuns times, without tracing. It gives
// no times if a run fails.
func (w *stopwatch) time(ctx context.Context, v project.Variant, t *trial, run whittle.CommandRun) ([]float64, error) {
	process, err := w.process(ctx, t)
	if err != nil {
		return nil, err
	}
	c := build.Command{Name: run.Name, Args: run.Command, Timeout: runs.Limit}
	if run.Own {
		all, _, err := w.workshop.bench.ownStarts(v, process)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(all, func(j job) bool { return j.Name == run.Name })
		if i < 0 {
			return nil, nil
		}
		c = all[i].Command
	}
	c.Repeat = blockRuns
	if err := w.workshop.copy.Checkout(t.state); err != nil {
		return nil, err
	}
	w.workshop.bench.env.Listener().Step(fmt.Sprintf("%s: measuring the start-up of %s", v.Name, c.Name))
	commands := []build.Command{c}
	if !run.Own {
		if err := w.workshop.bench.inputs.SetStartEnvironment(commands, w.workshop.bench.project.Commands, environmentStart(v)); err != nil {
			return nil, err
		}
	}
	results, err := w.workshop.bench.engine.builder.Run(ctx, w.workshop.bench.inFolder(w.workshop.copy.Dir, w.workshop.bench.out, nil).definition(v), commands, build.RunOptions{})
	if err != nil {
		return nil, fmt.Errorf("measuring the start-up of %s: %w", v.Name, err)
	}
	if r := results[0]; r.OK() && len(r.Times) == blockRuns {
		return runs.Seconds(r.Times), nil
	}
	return nil, nil
}

// process is the process that a trial's image starts.
func (w *stopwatch) process(ctx context.Context, t *trial) (whittle.Process, error) {
	img, err := w.workshop.bench.env.Images.Open(ctx, t.image)
	if err != nil {
		return whittle.Process{}, err
	}
	defer img.Close()
	return img.Config().Config, nil
}
