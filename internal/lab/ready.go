package lab

import (
	"context"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/bench"
	"whittle.dev/whittle/internal/ready"
	"whittle.dev/whittle/internal/runs"
)

// readyAll measures the time to ready of the variants that were built, and keeps it with
// them. A quick study takes the start-up as it was when the image was run.
func (s *study) readyAll(ctx context.Context, w *workshop) error {
	for i := range s.variants {
		v := &s.variants[i]
		if v.Build.Status != whittle.Built || v.Inspect == nil {
			continue
		}
		known := v.Ready != nil
		t := w.trials[trialKey(v.Name, nil)]
		if err := w.unpack(ctx, t); err != nil {
			return err
		}
		if known || v.Build.Image != "" {
			continue
		}
		if !s.o.Quick {
			if _, err := w.ready(ctx, t); err != nil {
				return err
			}
		}
		kept := *v
		kept.Inspect, kept.Change = nil, nil // they are worked out again
		if err := s.bench.Out.Save(&kept, s.bench.Sources[v.Name], s.digestOf(ctx)); err != nil {
			return err
		}
	}
	return nil
}

// unpack measures the time to ready of a trial's image: see [bench.Bench.Unpack].
func (w *workshop) unpack(ctx context.Context, t *trial) error {
	return w.bench.Unpack(ctx, t.Variant, t.image)
}

// verifiedReady is the time to ready of an image before or after the fixes. A quick study
// starts only the best image again for it.
func verifiedReady(ctx context.Context, p *prover, t *trial) (*whittle.Ready, error) {
	if b := p.workshop.bench; p.study && b.Quick {
		err := p.workshop.unpack(ctx, t)
		return t.Ready, err
	}
	return p.workshop.ready(ctx, t)
}

// ready is the time to ready of a trial's image, nil if there is none. Of its start, the
// runs that are known count, and as many more are made as are missing.
func (w *workshop) ready(ctx context.Context, t *trial) (*whittle.Ready, error) {
	if err := w.unpack(ctx, t); err != nil || t.Ready == nil {
		return nil, err
	}
	run := runs.Timed(t.Variant)
	if run == nil || !w.bench.IsOpen() || t.readied {
		return t.Ready, nil
	}
	t.readied = true
	all := runs.Together(run, t.times[run.Name])
	if missing := bench.Startups - len(all.Seconds); missing > 0 || len(all.Cold) == 0 {
		if _, err := w.time(ctx, t, *run, max(1, missing), bench.Startups); err != nil {
			return nil, err
		}
		all = runs.Together(run, t.times[run.Name])
	}
	if s := ready.StartUp(&all); s != nil { // else it failed: the first run counts
		t.Ready.Start = s
		t.Ready.At(w.bench.Bandwidths)
	}
	return t.Ready, nil
}
