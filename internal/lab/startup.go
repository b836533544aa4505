package lab

import (
	"context"
	"fmt"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/ready"
	"whittle.dev/whittle/internal/runs"
)

// Objectives: what a fix is judged by. With both, none is made that makes a start slower;
// with size, the start-up does not count; with ready, one that makes a start slower is
// made if the image is ready sooner all the same, at all bandwidths.
const (
	ObjectiveBoth  = "both"
	ObjectiveSize  = "size"
	ObjectiveReady = "ready"
)

// Objectives are the names of the objectives, the default first.
func Objectives() []string { return []string{ObjectiveBoth, ObjectiveSize, ObjectiveReady} }

// startCounts says that a fix is also judged by the start-up time.
func (w *workshop) startCounts() bool { return w.objective != ObjectiveSize }

// slowdown says how fixes make a start slower, and notes the times with those that are
// known to. It is empty if they may stay.
func (p *prover) slowdown(ctx context.Context, cands []*candidate, variants []project.Variant, was, is []*trial) (string, error) {
	if !p.workshop.startCounts() {
		return "", nil
	}
	slows := slices.ContainsFunc(cands, (*candidate).slowsStart)
	var timed []whittle.SlowerStart
	reason := ""
	for i, v := range variants {
		all, err := p.stopwatch.starts(ctx, was[i], is[i], slows)
		if err != nil {
			return "", err
		}
		for _, s := range all {
			m := s.Medians()
			timed = append(timed, m)
			if reason != "" || !s.Slower() {
				continue
			}
			later, err := p.stopwatch.later(ctx, was[i], is[i], m)
			switch {
			case err != nil:
				return "", err
			case later == "":
			case len(cands) > 1: // each is still to be measured
				return fmt.Sprintf("%s: together they make it slower: %s", v.Name, later), nil
			default:
				reason = slower(v.Name, later, was[i], is[i])
			}
		}
	}
	for _, c := range cands {
		if c.slowsStart() {
			c.timed = timed
		}
	}
	return reason, nil
}

// slower says that a change is not kept as it makes a start slower.
func slower(variant, s string, was, is *trial) string {
	return fmt.Sprintf("%s: it saves %s and makes starts slower: %s; --objective size keeps it", variant,
		whittle.Bytes(runs.Outcome(was.Variant).Sizes.Size-runs.Outcome(is.Variant).Sizes.Size), s)
}

// slowsStart says that the fix is known to make starts slower.
func (c *candidate) slowsStart() bool { return c.finding.SlowsStart }

// untimed says why a fix that makes starts slower is not made: nobody asked for it,
// and by how much cannot be measured, or is not.
func (p *prover) untimed(f *whittle.Finding, t *trial) string {
	if !f.SlowsStart || !p.workshop.startCounts() || len(p.images.rules) > 0 {
		return ""
	}
	asked := fmt.Sprintf("--objective size or --only %s makes it", f.Rule)
	switch {
	case !p.proves:
		return f.Caution + ": --verify tries it and measures that, " + asked
	case !slices.ContainsFunc(t.Run.Commands, func(c whittle.CommandRun) bool { return c.Status == whittle.Runs && isTimed(t, &c) }):
		return f.Caution + ", and no start runs whose time shows what that costs: " + asked
	}
	return ""
}

// isTimed says that a run is the first command or the image's own start.
func isTimed(t *trial, c *whittle.CommandRun) bool {
	return c.Own || c.Name == t.Run.Commands[0].Name
}

// later says why an image with a slower start is not wanted. It is empty if it is ready
// sooner than the other one, and that is what counts.
func (w *stopwatch) later(ctx context.Context, was, is *trial, s whittle.SlowerStart) (string, error) {
	if w.workshop.objective != ObjectiveReady {
		return s.String(), nil
	}
	if err := w.workshop.bench.unpack(ctx, was); err != nil {
		return "", err
	}
	why := ready.Later(was.Ready, runs.Outcome(was.Variant).Sizes, runs.Outcome(is.Variant).Sizes, s, w.workshop.bench.bandwidths)
	if why != "" {
		why = s.String() + "; " + why
	}
	return why, nil
}

// stopwatch measures which starts are slower in the second of two images.
type stopwatch struct {
	workshop *workshop
	measured map[pair][]runs.StartTimes // so far
	// taken has the times of all runs of a start so far.
	taken map[timedStart]whittle.CommandRun
	// asked are the images whose start was measured for the time to ready.
	asked map[*trial]bool
}

// timedStart is a start of an image, by its name.
type timedStart struct {
	of   *trial
	name string
}

// pair are two images of which all starts are measured, or what seems to be slower.
type pair struct {
	was, is *trial
	all     bool
}

// starts are the times of the first command and of the image's own start in two
// images. Unless all are wanted, one that was not slower when the images were built is
// not measured.
func (w *stopwatch) starts(ctx context.Context, was, is *trial, all bool) ([]runs.StartTimes, error) {
	if was == is || was.image == "" || is.image == "" {
		return nil, nil
	}
	key := pair{was, is, all}
	if known, ok := w.measured[pair{was, is, true}]; ok {
		return known, nil
	}
	if known, ok := w.measured[key]; ok {
		return known, nil
	}
	var out []runs.StartTimes
	for _, c := range was.Run.Commands {
		other := runs.SameCommand(is.Variant, c)
		least := runs.SlowerSeconds
		if c.Own {
			least = runs.SlowerOwnSeconds
		}
		if !isTimed(was, &c) || other == nil || c.Status != whittle.Runs || other.Status != whittle.Runs ||
			!all && !runs.Seems(&c, other) {
			continue
		}
		s := runs.StartTimes{Name: c.Name, Least: least}
		for n := range runs.Blocks {
			if n > 0 && !s.Slower() {
				break
			}
			for _, side := range []struct {
				t         *trial
				wall, cpu *[]float64
			}{{was, &s.Before, &s.CPUBefore}, {is, &s.After, &s.CPUAfter}} {
				run, err := w.time(ctx, side.t, c, runs.BlockRuns, 0)
				if err != nil {
					return nil, err
				}
				*side.wall, *side.cpu = append(*side.wall, run.Seconds...), append(*side.cpu, run.CPU...)
			}
		}
		if len(s.Before) > 0 && len(s.After) > 0 {
			out = append(out, s)
		}
	}
	w.measured[key] = out
	return out, nil
}

// time runs a start of a trial's image some times, without tracing, and then cold times
// without its files in the page cache. There are no times if a run fails.
func (w *stopwatch) time(ctx context.Context, t *trial, run whittle.CommandRun, times, cold int) (whittle.CommandRun, error) {
	v := t.made
	run.Seconds, run.CPU, run.Cold = nil, nil, nil
	process, err := w.process(ctx, t)
	if err != nil {
		return run, err
	}
	c := build.Command{Name: run.Name, Args: run.Command, Timeout: runs.Limit}
	if run.Own {
		all, _, err := w.workshop.bench.ownStarts(v, process)
		if err != nil {
			return run, err
		}
		i := slices.IndexFunc(all, func(j job) bool { return j.Name == run.Name })
		if i < 0 {
			return run, nil
		}
		c = all[i].Command
	}
	c.Repeat, c.Cold = times, cold
	if err := w.workshop.copy.Checkout(t.state); err != nil {
		return run, err
	}
	w.workshop.bench.env.Listener().Step(fmt.Sprintf("%s: measuring the start-up of %s", v.Name, c.Name))
	commands := []build.Command{c}
	if !run.Own {
		if err := w.workshop.bench.inputs.SetStartEnvironment(commands, w.workshop.bench.project.Commands, environmentStart(v)); err != nil {
			return run, err
		}
	}
	results, err := w.workshop.bench.engine.builder.Run(ctx, w.workshop.bench.inFolder(w.workshop.copy.Dir, w.workshop.bench.out, nil).definition(v), commands, build.RunOptions{Commands: w.workshop.bench.env.Listener()})
	if err != nil {
		return run, fmt.Errorf("measuring the start-up of %s: %w", v.Name, err)
	}
	if r := results[0]; r.OK() && len(r.Times) == times {
		run.Seconds, run.CPU, run.Cold = runs.Seconds(r.Times), runs.Seconds(r.CPU), runs.Seconds(r.Cold)
		w.note(t, run)
	}
	return run, nil
}

// note keeps the times of a start, for the time to ready.
func (w *stopwatch) note(t *trial, run whittle.CommandRun) {
	key := timedStart{t, run.Name}
	all := w.taken[key]
	run.Seconds, run.CPU, run.Cold = slices.Concat(all.Seconds, run.Seconds), slices.Concat(all.CPU, run.CPU), slices.Concat(all.Cold, run.Cold)
	w.taken[key] = run
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
