package lab

import (
	"context"
	"fmt"
	"slices"

	"whittle.dev/whittle"
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
		all, err := p.workshop.starts(ctx, was[i], is[i], slows)
		if err != nil {
			return "", err
		}
		for _, s := range all {
			m := s.Medians()
			timed = append(timed, m)
			if reason != "" || !s.Slower() {
				continue
			}
			later, err := p.workshop.later(ctx, was[i], is[i], m)
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
func (w *workshop) later(ctx context.Context, was, is *trial, s whittle.SlowerStart) (string, error) {
	if w.objective != ObjectiveReady {
		return s.String(), nil
	}
	if err := w.unpack(ctx, was); err != nil {
		return "", err
	}
	why := ready.Later(was.Ready, runs.Outcome(was.Variant).Sizes, runs.Outcome(is.Variant).Sizes, s, w.bench.Bandwidths)
	if why != "" {
		why = s.String() + "; " + why
	}
	return why, nil
}

// starts are the times of the first command and of the image's own start in two
// images. Unless all are wanted, one that was not slower when the images were built is
// not measured.
func (w *workshop) starts(ctx context.Context, was, is *trial, all bool) ([]runs.StartTimes, error) {
	if was == is || was.image == "" || is.image == "" {
		return nil, nil
	}
	var out []runs.StartTimes
	for _, c := range was.Run.Commands {
		other := runs.SameCommand(is.Variant, c)
		if !isTimed(was, &c) || other == nil || c.Status != whittle.Runs || other.Status != whittle.Runs {
			continue
		}
		if s := timed(&c, was, is); !all && len(s.After) == 0 && !runs.Seems(&c, other) {
			continue
		}
		s, err := w.takeTurns(ctx, &c, was, is)
		if err != nil {
			return nil, err
		}
		if len(s.Before) > 0 {
			out = append(out, s)
		}
	}
	return out, nil
}

// takeTurns times a start in two images, which take turns until it is not slower in the
// second one, or was run often enough. What was timed before counts.
func (w *workshop) takeTurns(ctx context.Context, c *whittle.CommandRun, was, is *trial) (runs.StartTimes, error) {
	s := timed(c, was, is)
	for len(s.Before) == 0 || len(s.Before) < runs.BlockRuns*runs.Blocks && s.Slower() {
		for _, t := range []*trial{was, is} {
			if run, err := w.time(ctx, t, *c, runs.BlockRuns, 0); err != nil || len(run.Seconds) == 0 {
				return runs.StartTimes{}, err
			}
		}
		s = timed(c, was, is)
	}
	return s, nil
}

// timed are the times of a start in two images, of the last runs of each, as many of one
// as of the other: while they take turns, these are the runs that did.
func timed(c *whittle.CommandRun, was, is *trial) runs.StartTimes {
	s := runs.StartTimes{Name: c.Name, Least: runs.SlowerSeconds}
	if c.Own {
		s.Least = runs.SlowerOwnSeconds
	}
	before, after := was.times[c.Name], is.times[c.Name]
	last := func(a, b []float64) ([]float64, []float64) {
		n := min(len(a), len(b), runs.BlockRuns*runs.Blocks)
		return a[len(a)-n:], b[len(b)-n:]
	}
	s.Before, s.After = last(before.Seconds, after.Seconds)
	s.CPUBefore, s.CPUAfter = last(before.CPU, after.CPU)
	return s
}

// time runs a start of a trial's image some times, and then cold times without its files
// in the page cache, and keeps the times. There are none if a run fails.
func (w *workshop) time(ctx context.Context, t *trial, run whittle.CommandRun, times, cold int) (whittle.CommandRun, error) {
	if err := w.copy.Checkout(t.state); err != nil {
		return run, err
	}
	run, err := w.bench.InFolder(w.copy.Dir, w.bench.Out, nil).Time(ctx, t.made, t.image, run, times, cold)
	if err != nil || len(run.Seconds) == 0 {
		return run, err
	}
	all := t.times[run.Name]
	all.Seconds, all.CPU, all.Cold = slices.Concat(all.Seconds, run.Seconds), slices.Concat(all.CPU, run.CPU), slices.Concat(all.Cold, run.Cold)
	if t.times == nil {
		t.times = map[string]whittle.CommandRun{}
	}
	t.times[run.Name] = all
	return run, nil
}
