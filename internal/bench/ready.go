package bench

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

// Unpack measures the time to ready of a variant whose image was inspected and run, with
// the start-up as it was when it was run. What was measured before stays. A quick study
// unpacks the first image only, and not if the last study did.
func (b *Bench) Unpack(ctx context.Context, v *whittle.Variant, image string) error {
	if image == "" || v.Inspect == nil {
		return nil
	}
	if b.unpackedFirst == nil {
		b.unpackedFirst = v
	}
	if v.Ready != nil {
		v.Ready.At(b.Bandwidths)
		return nil
	}
	if b.Quick && b.unpackedFirst != v {
		if v.Ready = ready.Like(v, b.unpackedFirst, b.Bandwidths); v.Ready != nil {
			return nil
		}
	}
	if seconds, ok := b.Unpacked[v.Name]; ok && b.Quick {
		v.Ready = ready.Before(v, seconds, b.Bandwidths)
		return nil
	}
	img, err := b.Env.Images.Open(ctx, image)
	if err != nil {
		return err
	}
	defer img.Close()
	b.Env.Listener().Step(fmt.Sprintf("%s: measuring how long unpacking takes", v.Name))
	if v.Ready, err = ready.Measure(ctx, img, v, b.Out.Dir, b.Bandwidths, b.unpacked); err != nil {
		return fmt.Errorf("measuring how long unpacking %s takes: %w", v.Name, err)
	}
	return nil
}

// Time runs a start of a variant's image some times, without noting anything, and then
// cold times without its files in the page cache. There are no times if a run fails.
func (b *Bench) Time(ctx context.Context, v project.Variant, image string, run whittle.CommandRun, times, cold int) (whittle.CommandRun, error) {
	run.Seconds, run.CPU, run.Cold = nil, nil, nil
	c, err := b.start(ctx, v, image, run)
	if err != nil || c == nil {
		return run, err
	}
	c.Repeat, c.Cold = times, cold
	b.Env.Listener().Step(fmt.Sprintf("%s: measuring the start-up of %s", v.Name, c.Name))
	results, err := b.engine.builder.Run(ctx, b.Definition(v), []build.Command{*c}, build.RunOptions{Commands: b.Env.Listener()})
	if err != nil {
		return run, fmt.Errorf("measuring the start-up of %s: %w", v.Name, err)
	}
	if r := results[0]; r.OK() && len(r.Times) == times {
		run.Seconds, run.CPU, run.Cold = runs.Seconds(r.Times), runs.Seconds(r.CPU), runs.Seconds(r.Cold)
	}
	return run, nil
}

// start is a start of a variant's image that was run before, nil if the image has it no
// more.
func (b *Bench) start(ctx context.Context, v project.Variant, image string, run whittle.CommandRun) (*build.Command, error) {
	if !run.Own {
		commands := []build.Command{{Name: run.Name, Args: run.Command, Timeout: runs.Limit}}
		err := b.Inputs.SetStartEnvironment(commands, b.Project.Commands, environmentStart(v))
		return &commands[0], err
	}
	img, err := b.Env.Images.Open(ctx, image)
	if err != nil {
		return nil, err
	}
	defer img.Close()
	all, _, err := b.ownStarts(v, img.Config().Config)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(j job) bool { return j.Name == run.Name })
	if i < 0 {
		return nil, nil
	}
	return &all[i].Command, nil
}
