package lab

import (
	"context"
	"fmt"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/ready"
	"whittle.dev/whittle/internal/runs"
)

// readyAll measures the time to ready of the variants that were built, and keeps it with
// them.
func (s *study) readyAll(ctx context.Context) error {
	for i := range s.variants {
		v := &s.variants[i]
		if v.Build.Status != whittle.Built || v.Inspect == nil {
			continue
		}
		known := v.Ready != nil
		if err := s.bench.unpack(ctx, &trial{Variant: v, image: s.bench.imageOf(v)}); err != nil {
			return err
		}
		if known || v.Build.Image != "" {
			continue
		}
		kept := *v
		kept.Inspect = nil // it is read from the image again
		if err := s.bench.out.Save(&kept, s.bench.sources[v.Name], s.digestOf(ctx)); err != nil {
			return err
		}
	}
	return nil
}

// unpack measures the time to ready of a trial's image, with the start-up as it was when
// the image was run. What was measured before stays.
func (b *bench) unpack(ctx context.Context, t *trial) error {
	if t.image == "" || t.Inspect == nil {
		return nil
	}
	if t.Ready != nil {
		t.Ready.At(b.bandwidths)
		return nil
	}
	img, err := b.env.Images.Open(ctx, t.image)
	if err != nil {
		return err
	}
	defer img.Close()
	b.env.Listener().Step(fmt.Sprintf("%s: measuring how long unpacking takes", t.Name))
	if t.Ready, err = ready.Measure(ctx, img, t.Variant, b.out.Dir, b.bandwidths); err != nil {
		return fmt.Errorf("measuring how long unpacking %s takes: %w", t.Name, err)
	}
	return nil
}

// estimate says how long images that nobody has built take until they are ready.
func (b *bench) estimate(forecasts []whittle.Forecast, from *trial) {
	for i := range forecasts {
		forecasts[i].Ready = ready.Estimate(from.Ready, runs.Outcome(from.Variant).Sizes.Size, forecasts[i].Predicted, b.bandwidths)
	}
}

// ready is the time to ready of a trial's image, nil if there is none. Of its start, the
// runs that are known count, and as many more are made as are missing.
func (w *stopwatch) ready(ctx context.Context, t *trial) (*whittle.Ready, error) {
	if err := w.workshop.bench.unpack(ctx, t); err != nil || t.Ready == nil {
		return nil, err
	}
	run := runs.Timed(t.Variant)
	if run == nil || w.workshop.bench.engine.builder == nil {
		return t.Ready, nil
	}
	all := w.taken[timedStart{t, run.Name}]
	few := max(len(run.Seconds), len(all.Seconds)) < startups
	if !w.asked[t] && (few || len(run.Cold) == 0) {
		w.asked[t] = true
		if _, err := w.time(ctx, t, *run, max(1, startups-len(all.Seconds)), startups); err != nil {
			return nil, err
		}
		all = w.taken[timedStart{t, run.Name}]
	}
	if s := ready.StartUp(&all); s != nil && (s.Runs > t.Ready.Start.Runs || s.Cold != nil) {
		t.Ready.Start = s
		t.Ready.At(w.workshop.bench.bandwidths)
	}
	return t.Ready, nil
}
