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

// Objectives of a proof: whether a fix is judged by the size alone, or by what
// it does to the start too.
const (
	ObjectiveBoth = "both"
	ObjectiveSize = "size"
)

// Objectives are the names of the objectives, the default first.
func Objectives() []string { return []string{ObjectiveBoth, ObjectiveSize} }

const (
	// slowerShare and slowerSeconds are by how much a start is at least slower
	// that is called slower. An image's own start is seen to be ready only
	// every few tenths of a second.
	slowerShare      = 0.10
	slowerSeconds    = 0.2
	slowerOwnSeconds = 0.5
	// blockRuns is how often a start is run in one go, blocks how often the two
	// images take turns, so that a machine that gets slower slows both.
	blockRuns, blocks = 3, 2
	// fetchRate is what a saved byte is worth: what 100 Mbit/s bring in a
	// second.
	fetchRate = 12.5e6
)

// startTimes are how long a start took in two images, in seconds.
type startTimes struct {
	name          string // of the command
	before, after []float64
	least         float64 // seconds
}

// slower says that the start of the second image is clearly slower: by a tenth
// and by more than the least at the median, and without the fastest and the
// slowest run of each no run of the first was as slow as one of the second.
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

// paysOff says that what was saved takes longer to fetch than the start takes
// longer.
func (s *startTimes) paysOff(saved int64) bool {
	return float64(saved) >= (runs.Median(s.after)-runs.Median(s.before))*fetchRate
}

// String is "start-up of CMD 2.3 → 3.2 s".
func (s *startTimes) String() string {
	return fmt.Sprintf("start-up of %s %.1f → %.1f s", s.name, runs.Median(s.before), runs.Median(s.after))
}

// slowdown says why fixes must not stay that make a start slower: one for more
// than it saves, and of several at all, so that the one that does is found.
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

// stopwatch measures what starts are slower in the second of two images.
type stopwatch struct {
	workshop *workshop
	// measured is what was measured.
	measured map[[2]*trial][]startTimes
}

// slowerStarts are the starts of two images of a variant that are clearly slower in
// the second one: the first command's and the image's own. One that was not
// slower when it was run before is not measured again.
func (w *stopwatch) slowerStarts(ctx context.Context, v project.Variant, was, is *trial) ([]startTimes, error) {
	if was == is || was.archive == "" || is.archive == "" {
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

// time runs a start of a trial's image a few times, without anything that notes
// what it does; it gives no times where that does not succeed.
func (w *stopwatch) time(ctx context.Context, v project.Variant, t *trial, run whittle.CommandRun) ([]float64, error) {
	process, err := w.process(ctx, t)
	if err != nil {
		return nil, err
	}
	c := build.Command{Name: run.Name, Args: run.Command, Timeout: runs.Limit}
	if run.Own {
		own, missing := runs.OwnStart(process, runs.Requests(w.workshop.bench.project.Requests), runs.Patience)
		if missing != "" {
			return nil, nil
		}
		c = own
	}
	c.Repeat = blockRuns
	if err := w.workshop.checkout(t.state); err != nil {
		return nil, err
	}
	w.workshop.bench.env.Listener().Step(fmt.Sprintf("%s: measuring the start-up of %s", v.Name, c.Name))
	commands := []build.Command{c}
	if err := w.workshop.bench.inputs.Run(commands, w.workshop.bench.project.Commands); err != nil {
		return nil, err
	}
	results, err := w.workshop.bench.engine.builder.Run(ctx, w.workshop.bench.inFolder(w.workshop.dir, w.workshop.bench.out, nil).definition(v), commands, build.RunOptions{})
	if err != nil {
		return nil, fmt.Errorf("measuring the start-up of %s: %w", v.Name, err)
	}
	if r := results[0]; r.OK() && len(r.Times) == blockRuns {
		return runs.Seconds(r.Times), nil
	}
	return nil, nil
}

// process is what a trial's image starts.
func (w *stopwatch) process(ctx context.Context, t *trial) (whittle.Process, error) {
	img, err := w.workshop.bench.env.Images.Open(ctx, "docker-archive:"+t.archive)
	if err != nil {
		return whittle.Process{}, err
	}
	defer img.Close()
	return img.Config().Config, nil
}
