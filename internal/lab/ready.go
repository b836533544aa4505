package lab

import (
	"context"
	"fmt"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/ready"
	"whittle.dev/whittle/internal/runs"
)

// readyAll measures the time to ready of the variants that were built, and keeps it with
// them. A quick study takes the start-up as it was when the image was run.
func (s *study) readyAll(ctx context.Context, w *stopwatch) error {
	for i := range s.variants {
		v := &s.variants[i]
		if v.Build.Status != whittle.Built || v.Inspect == nil {
			continue
		}
		known := v.Ready != nil
		t := w.workshop.trials[trialKey(v.Name, nil)]
		if err := s.bench.unpack(ctx, t); err != nil {
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
		if err := s.bench.out.Save(&kept, s.bench.sources[v.Name], s.digestOf(ctx)); err != nil {
			return err
		}
	}
	return nil
}

// unpack measures the time to ready of a trial's image, with the start-up as it was when
// the image was run. What was measured before stays. A quick study unpacks the first
// image only: it takes a tenth of its time.
func (b *bench) unpack(ctx context.Context, t *trial) error {
	if t.image == "" || t.Inspect == nil {
		return nil
	}
	if b.unpackedFirst == nil {
		b.unpackedFirst = t.Variant
	}
	if t.Ready != nil {
		t.Ready.At(b.bandwidths)
		return nil
	}
	if b.quick && b.unpackedFirst != t.Variant {
		if t.Ready = ready.Like(t.Variant, b.unpackedFirst, b.bandwidths); t.Ready != nil {
			return nil
		}
	}
	img, err := b.env.Images.Open(ctx, t.image)
	if err != nil {
		return err
	}
	defer img.Close()
	b.env.Listener().Step(fmt.Sprintf("%s: measuring how long unpacking takes", t.Name))
	if t.Ready, err = ready.Measure(ctx, img, t.Variant, b.out.Dir, b.bandwidths, b.unpacked); err != nil {
		return fmt.Errorf("measuring how long unpacking %s takes: %w", t.Name, err)
	}
	return nil
}

// verifiedReady is the time to ready of an image before or after the fixes. A quick study
// starts only the best image again for it.
func verifiedReady(ctx context.Context, p *prover, t *trial) (*whittle.Ready, error) {
	if b := p.workshop.bench; p.study && b.quick {
		err := b.unpack(ctx, t)
		return t.Ready, err
	}
	return p.stopwatch.ready(ctx, t)
}

// ready is the time to ready of a trial's image, nil if there is none. Of its start, the
// runs that are known count, and as many more are made as are missing.
func (w *stopwatch) ready(ctx context.Context, t *trial) (*whittle.Ready, error) {
	if err := w.workshop.bench.unpack(ctx, t); err != nil || t.Ready == nil {
		return nil, err
	}
	run := runs.Timed(t.Variant)
	if run == nil || w.workshop.bench.engine.builder == nil || w.asked[t] {
		return t.Ready, nil
	}
	w.asked[t] = true
	all := runs.Together(run, w.taken[timedStart{t, run.Name}])
	if missing := startups - len(all.Seconds); missing > 0 || len(all.Cold) == 0 {
		if _, err := w.time(ctx, t, *run, max(1, missing), startups); err != nil {
			return nil, err
		}
		all = runs.Together(run, w.taken[timedStart{t, run.Name}])
	}
	if s := ready.StartUp(&all); s != nil { // else it failed: the first run counts
		t.Ready.Start = s
		t.Ready.At(w.workshop.bench.bandwidths)
	}
	return t.Ready, nil
}
