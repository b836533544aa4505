package lab

import (
	"context"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/forecast"
	"whittle.dev/whittle/internal/ledger"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/runs"
)

const (
	// A strategy is named beside the fixes where it saves more than both: 5 MB, and
	// this part of the image that they leave.
	nextBytes, nextShare = 5_000_000, 20
)

// next is the strategy that makes a variant's image much smaller than the fixes, which
// leave it fixed bytes; nil where none does, none can be written, or the image is not
// the Dockerfile's. Only strategies that need nothing from outside are looked at.
func (p restager) next(ctx context.Context, v project.Variant, x advisedImage, fixed int64) (*whittle.NextStrategy, error) {
	if isStrange(x.trial.Variant, x.image.Subject) {
		return nil, nil
	}
	before := *p.prover // as the image was made: fixes may have changed the state since
	before.state = x.trial.state
	var best *whittle.NextStrategy
	for _, name := range []string{forecast.NameTwoStage, forecast.NameSingleStage} {
		step, f, err := restager{&before}.step(ctx, v, x, name)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil || !p.workshop.inScope(step.Finding.Fix) || best != nil && f.Predicted >= best.Predicted {
			continue // what is in its way is said where it is asked for
		}
		best = &whittle.NextStrategy{Strategy: name, Variant: v.Name, Predicted: f.Predicted, Fixed: fixed}
	}
	if best == nil || fixed-best.Predicted <= nextBytes || (fixed-best.Predicted)*nextShare <= fixed {
		return nil, nil
	}
	return best, nil
}

// nextProven is next for the first variant whose image runs with the fixes that were
// proven.
func (p restager) nextProven(ctx context.Context) (*whittle.NextStrategy, error) {
	for _, v := range p.workshop.bench.Project.Variants {
		now := p.now[v.Name]
		if now == nil || now.image == "" || runs.Outcome(now.Variant).Verdict != whittle.Runs {
			continue
		}
		x, ok, err := p.images.advise(ctx, v, now)
		if err != nil || !ok {
			return nil, err
		}
		return p.next(ctx, v, x, runs.Outcome(now.Variant).Sizes.Size)
	}
	return nil, nil
}

// nextProposed is next for the first variant with an image, of which the proposed fixes
// take the most that they may.
func (p restager) nextProposed(ctx context.Context, cands []*candidate) (*whittle.NextStrategy, error) {
	for _, v := range p.workshop.bench.Project.Variants {
		x, ok := p.images.byVariant[v.Name]
		if !ok {
			continue
		}
		made := slices.DeleteFunc(slices.Clone(cands), func(c *candidate) bool { return c.status != "" })
		saving, err := ledger.Saving(x.image.Facts.Indexes, p.images.changes(v.Name, made)...)
		if err != nil {
			return nil, err
		}
		return p.next(ctx, v, x, runs.Outcome(x.trial.Variant).Sizes.Size-saving.High)
	}
	return nil, nil
}
