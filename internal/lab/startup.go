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

// Objectives: whether a fix is judged by the size alone, or by the start-up time too.
// With both, none is made that makes a start slower.
const (
	ObjectiveBoth = "both"
	ObjectiveSize = "size"
)

// Objectives are the names of the objectives, the default first.
func Objectives() []string { return []string{ObjectiveBoth, ObjectiveSize} }

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
			switch {
			case reason != "" || !s.Slower():
			case len(cands) > 1:
				reason = fmt.Sprintf("%s: together they make it slower: %s", v.Name, m)
			default:
				reason = slower(v.Name, m, was[i], is[i])
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
func slower(variant string, s whittle.SlowerStart, was, is *trial) string {
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

// stopwatch measures which starts are slower in the second of two images.
type stopwatch struct {
	workshop *workshop
	measured map[pair][]runs.StartTimes // so far
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
				run, err := w.time(ctx, side.t, c)
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

// time runs a start of a trial's image runs.BlockRuns times, without tracing. There are
// no times if a run fails.
func (w *stopwatch) time(ctx context.Context, t *trial, run whittle.CommandRun) (whittle.CommandRun, error) {
	v := t.made
	run.Seconds, run.CPU = nil, nil
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
	c.Repeat = runs.BlockRuns
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
	if r := results[0]; r.OK() && len(r.Times) == runs.BlockRuns {
		run.Seconds, run.CPU = runs.Seconds(r.Times), runs.Seconds(r.CPU)
	}
	return run, nil
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
