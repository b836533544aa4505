package lab

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/forecast"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/ready"
	"whittle.dev/whittle/internal/runs"
)

// strategies forecasts and builds the strategies for the project with its fixes,
// and records the actual sizes. A Dockerfile that does not build is a note, not
// an error.
func (p *prover) strategies(ctx context.Context, out *whittle.Study, c *assumed) (map[string]*trial, error) {
	base := p.firstWorking(out.Variants)
	if base == "" {
		return map[string]*trial{}, nil
	}
	var from project.Variant
	for _, v := range p.workshop.bench.Project.Variants {
		if v.Name == base {
			from = v
		}
	}
	x, ok, err := p.images.advise(ctx, from, p.now[from.Name])
	if err != nil || !ok {
		return map[string]*trial{}, err
	}
	forecasts, err := p.workshop.forecast(ctx, from, x, c)
	if err != nil {
		return nil, err
	}
	if out.Forecasts, err = p.predicted(ctx, out.Forecasts); err != nil {
		return nil, err
	}
	for _, f := range forecasts.Forecasts {
		if len(out.Forecasts) == 0 || f.Strategy != fixedStrategy {
			out.Forecasts = append(out.Forecasts, f)
		}
	}
	return p.buildAll(ctx, from, out.Forecasts, c.state)
}

// buildAll builds the forecasts that have a Dockerfile, and records the actual
// sizes. It gives the trials by strategy.
func (p *prover) buildAll(ctx context.Context, from project.Variant, forecasts []whittle.Forecast, s state) (map[string]*trial, error) {
	var all []wanted
	var built []*whittle.Forecast
	for i := range forecasts {
		if f := &forecasts[i]; f.Dockerfile != "" && len(f.Skipped) == 0 && f.Actual == nil {
			all, built = append(all, p.strategy(from, f, s)), append(built, f)
		}
	}
	trials, err := p.workshop.tryAll(ctx, all)
	if err != nil {
		return nil, err
	}
	made := map[string]*trial{}
	for i, f := range built {
		t := trials[i]
		if t.image == "" {
			f.Notes = append(f.Notes, "it does not build: "+t.Build.Reason)
			continue
		}
		size := runs.Outcome(t.Variant).Sizes.Size
		f.Actual = &size
		switch o := runs.Outcome(t.Variant); o.Verdict {
		case whittle.Fails:
			f.Notes = append(f.Notes, "it does not run: "+o.Problem)
		case whittle.Unknown:
			f.Notes = append(f.Notes, "it was not run: "+o.Start)
		}
		made[f.Strategy] = t
		if err := p.workshop.unpack(ctx, t); err != nil {
			return nil, err
		}
		f.Ready = t.Ready
	}
	return made, nil
}

// fixedStrategy is the name of the forecast for the original image with the fixes.
const fixedStrategy = "original-fixed"

// predicted is the forecast for the first image with its fixes, as it was before
// any change, with the actual size added. It is empty if no fix was tried.
func (p *prover) predicted(ctx context.Context, before []whittle.Forecast) ([]whittle.Forecast, error) {
	i := slices.IndexFunc(before, func(f whittle.Forecast) bool { return f.Strategy == fixedStrategy })
	if i < 0 || len(p.steps) == 0 {
		return []whittle.Forecast{}, nil
	}
	f := before[i]
	for _, v := range p.workshop.bench.Project.Variants {
		if t := p.start[v.Name]; t.image != "" {
			size := runs.Outcome(p.now[v.Name].Variant).Sizes.Size
			f.Actual = &size
			if err := p.workshop.unpack(ctx, p.now[v.Name]); err != nil {
				return nil, err
			}
			f.Ready = p.now[v.Name].Ready
			break
		}
	}
	if slices.ContainsFunc(p.steps, func(s whittle.RepairStep) bool { return s.Status == whittle.Reverted }) {
		f.Notes = append(f.Notes, "fixes were reverted that were counted on")
	}
	if slices.ContainsFunc(p.steps, func(s whittle.RepairStep) bool { return s.Status == whittle.Applied && s.Finding.SlowsStart }) && p.workshop.startCounts() {
		f.Notes = append(f.Notes, "fixes were kept that were not counted on, as no start is slower with them")
	}
	return []whittle.Forecast{f}, nil
}

// strategy is the build of the Dockerfile of one forecast.
func (p *prover) strategy(from project.Variant, f *whittle.Forecast, s state) wanted {
	v := from
	folder := from.Context
	if filepath.IsAbs(folder) {
		folder = ""
	}
	v.Name, v.Target, v.Dockerfile = f.Strategy, "", path.Join(folder, "Dockerfile."+f.Strategy)
	if slices.Contains(p.workshop.dockerfiles(), v.Dockerfile) {
		v.Dockerfile = path.Join(folder, "Dockerfile.whittle-"+f.Strategy)
	}
	if f.Strategy == fixedStrategy && from.Inline == nil {
		v.Target, v.Dockerfile = from.Target, from.Dockerfile
	}
	v.Inline = nil
	return wanted{v, s.With(map[string][]byte{v.Dockerfile: []byte(f.Dockerfile)})}
}

// ForecastOptions are the options of [Forecast].
type ForecastOptions struct {
	StudyOptions
	// Build also builds the forecast images, to show their actual sizes.
	Build bool
}

// Forecast predicts the sizes of a project's image under strategies that nobody
// has built. It starts from the first variant that builds.
func Forecast(ctx context.Context, env *host.Env, o ForecastOptions) (*whittle.Forecasts, error) {
	s, err := openBuilt(ctx, env, o.StudyOptions)
	if err != nil {
		return nil, err
	}
	defer s.close()
	w, err := newWorkshop(ctx, s)
	if err != nil {
		return nil, err
	}
	defer w.close()
	w.risk = o.Risk
	p := newProver(w, nil, whittle.RiskLow, nil)
	defer p.images.close()
	for _, v := range s.bench.Project.Variants {
		x, ok, err := p.images.advise(ctx, v, p.now[v.Name])
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		c, err := w.assumedFixes(ctx, v, x, o.Build)
		if err != nil {
			return nil, err
		}
		out, err := w.forecast(ctx, v, x, c)
		if err == nil && o.Build {
			_, err = p.buildAll(ctx, v, out.Forecasts, c.state)
		}
		return out, err
	}
	return nil, s.noImage()
}

// forecast predicts the sizes of a variant's image under each strategy, with the
// assumed fixes.
func (w *workshop) forecast(ctx context.Context, v project.Variant, x advisedImage, c *assumed) (*whittle.Forecasts, error) {
	in, notes, err := w.forecastInput(ctx, v, x, c)
	if err != nil {
		return nil, err
	}
	out, err := forecast.Strategies(in)
	if errors.Is(err, whittle.ErrUnsupported) {
		out, notes, err = &whittle.Forecasts{Forecasts: []whittle.Forecast{}}, append(notes, whittle.OneLine(err.Error())), nil
	}
	if err != nil {
		return nil, fmt.Errorf("forecasting %s: %w", v.Name, err)
	}
	if out.Forecasts == nil {
		out.Forecasts = []whittle.Forecast{}
	}
	out.Schema, out.Project, out.Base = whittle.ForecastSchema, w.bench.Project.Name, v.Name
	out.Notes = append(out.Notes, notes...)
	if x.trial.Inspect == nil {
		x.trial.Inspect = x.image.Subject.Inspection()
	}
	if err := w.unpack(ctx, x.trial); err != nil {
		return nil, err
	}
	ready.EstimateAll(out.Forecasts, x.trial.Variant, w.bench.Bandwidths)
	return out, nil
}
