package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/forecast"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/project"
)

// analyze asks the rules about a study's variants, forecasts what nobody has
// built, and with [StudyOptions.Fix] proves what can be made of the project.
func (s *study) analyze(ctx context.Context, out *whittle.Study) error {
	w, err := newWorkshop(ctx, s)
	if err != nil {
		return err
	}
	defer w.close()
	p := newProver(w, nil, cmp.Or(s.o.Risk, whittle.RiskMedium), nil)
	p.objective = s.o.Objective
	if s.o.Fix {
		w.risk = p.risk
	}
	defer p.close()
	if err := p.adviseAll(ctx); err != nil {
		return err
	}
	first := true // forecasts start from the first that builds
	for _, v := range s.bench.project.Variants {
		image, ok := p.images[v.Name]
		if !ok {
			continue
		}
		if first {
			first = false
			c, err := w.assumedFixes(ctx, v, image, false)
			if err != nil {
				return err
			}
			f, err := w.forecast(ctx, v, image, c)
			if err != nil {
				return err
			}
			out.Forecasts = f.Forecasts
		}
		out.Findings = append(out.Findings, image.findings...)
	}
	audit.SortFindings(out.Findings)
	if !s.o.Fix {
		return nil
	}
	if err := p.proveStudy(ctx, out); err != nil || !s.o.Write {
		return err
	}
	err = s.write(ctx, out.Repair.Files, s.o.Force)
	out.Repair.Written = err == nil
	return err
}

// proveStudy is the proof loop at the end of a study: the fixes, then the
// strategies that nobody had built, and the best image of all that run.
func (p *prover) proveStudy(ctx context.Context, out *whittle.Study) error {
	if err := p.prove(ctx); err != nil {
		return err
	}
	var err error
	r := &whittle.Repair{Schema: whittle.FixSchema, Project: p.workshop.bench.project.Name, Steps: append([]whittle.RepairStep{}, p.steps...)}
	if r.Verified, err = p.verified(ctx); err != nil {
		return err
	}
	if r.Files, err = p.workshop.changes(p.state); err != nil {
		return err
	}
	out.Repair = r
	generated, err := p.strategies(ctx, out, &assumed{state: p.state})
	if err != nil {
		return err
	}
	out.Best, err = p.best(out, generated)
	return err
}

// strategies builds the forecasts' Dockerfiles on top of the project as the
// fixes have left it, and notes how large the images truly are. One that does
// not build is a note, not an error.
func (p *prover) strategies(ctx context.Context, out *whittle.Study, c *assumed) (map[string]*trial, error) {
	base := p.firstWorking(out.Variants)
	if base == "" {
		return map[string]*trial{}, nil
	}
	var from project.Variant
	for _, v := range p.workshop.bench.project.Variants {
		if v.Name == base {
			from = v
		}
	}
	x, _, err := p.advised(ctx, from)
	if err != nil {
		return nil, err
	}
	forecasts, err := p.workshop.forecast(ctx, from, x, c)
	if err != nil {
		return nil, err
	}
	out.Forecasts = append([]whittle.Forecast{}, p.predicted(out.Forecasts)...)
	for _, f := range forecasts.Forecasts {
		if len(out.Forecasts) == 0 || f.Strategy != fixedStrategy {
			out.Forecasts = append(out.Forecasts, f)
		}
	}
	return p.buildAll(ctx, from, out.Forecasts, c.state)
}

// buildAll builds what can be built of some forecasts, and notes how large it
// truly is.
func (p *prover) buildAll(ctx context.Context, from project.Variant, forecasts []whittle.Forecast, s state) (map[string]*trial, error) {
	made := map[string]*trial{}
	for i := range forecasts {
		f := &forecasts[i]
		if f.Dockerfile == "" || len(f.Skipped) > 0 || f.Actual != nil {
			continue
		}
		t, err := p.strategy(ctx, from, f, s)
		if err != nil {
			return nil, err
		}
		if t.archive == "" {
			f.Notes = append(f.Notes, "it does not build: "+t.Build.Reason)
			continue
		}
		size := outcome(t).Sizes.Size
		f.Actual = &size
		switch o := outcome(t); o.Verdict {
		case whittle.Fails:
			f.Notes = append(f.Notes, "it does not run: "+o.Problem)
		case whittle.Unknown:
			f.Notes = append(f.Notes, "it was not run: "+o.Start)
		}
		made[f.Strategy] = t
	}
	return made, nil
}

// fixedStrategy is the name of the forecast of an image as it is, with the
// fixes.
const fixedStrategy = "original-fixed"

// predicted is what was said before anything was changed of the first image
// with its fixes, beside what became of it.
func (p *prover) predicted(before []whittle.Forecast) []whittle.Forecast {
	i := slices.IndexFunc(before, func(f whittle.Forecast) bool { return f.Strategy == fixedStrategy })
	if i < 0 || len(p.steps) == 0 {
		return nil
	}
	f := before[i]
	for _, v := range p.workshop.bench.project.Variants {
		if t := p.start[v.Name]; t.archive != "" {
			size := outcome(p.now[v.Name]).Sizes.Size
			f.Actual = &size
			break
		}
	}
	if slices.ContainsFunc(p.steps, func(s whittle.RepairStep) bool { return s.Status == whittle.Reverted }) {
		f.Notes = append(f.Notes, "fixes were reverted that were counted on")
	}
	return []whittle.Forecast{f}
}

// strategy builds one generated Dockerfile.
func (p *prover) strategy(ctx context.Context, from project.Variant, f *whittle.Forecast, s state) (*trial, error) {
	v := project.Variant{Name: f.Strategy, Dockerfile: "Dockerfile." + f.Strategy, Platform: from.Platform, Args: from.Args}
	if slices.Contains(p.workshop.dockerfiles(), v.Dockerfile) {
		v.Dockerfile = "Dockerfile.whittle-" + f.Strategy
	}
	if f.Strategy == fixedStrategy {
		v.Target, v.Dockerfile = from.Target, from.Dockerfile
	}
	return p.workshop.try(ctx, v, s.with(map[string][]byte{v.Dockerfile: []byte(f.Dockerfile)}))
}

// firstWorking is the first variant whose image works as the fixes have left it, else
// the first that builds; empty where none does.
func (p *prover) firstWorking(variants []whittle.Variant) string {
	first := ""
	for _, v := range variants {
		t := p.now[v.Name]
		if t == nil || t.archive == "" {
			continue
		}
		if outcome(t).Verdict == whittle.Runs {
			return v.Name
		}
		first = cmp.Or(first, v.Name)
	}
	return first
}

// bestArchive is the best image's place in the study's folder.
const bestArchive = "best.tar"

// best is the smallest image that works, with the Dockerfile that makes it and
// what it takes to get there. Images of one extra do less than the others and
// are not compared with them.
func (p *prover) best(out *whittle.Study, generated map[string]*trial) (*whittle.Best, error) {
	var best *trial
	var name string
	consider := func(n string, t *trial) {
		if t == nil || t.archive == "" || outcome(t).Verdict != whittle.Runs {
			return
		}
		if best == nil || outcome(t).Sizes.Size < outcome(best).Sizes.Size {
			best, name = t, n
		}
	}
	for _, v := range out.Variants {
		consider(v.Name, p.now[v.Name])
	}
	for _, f := range out.Forecasts {
		if !strings.HasPrefix(f.Strategy, "split-") {
			consider(f.Strategy, generated[f.Strategy])
		}
	}
	i := slices.IndexFunc(out.Variants, func(v whittle.Variant) bool { return v.Inspect != nil })
	if best == nil || i < 0 {
		return nil, nil
	}
	b := &whittle.Best{Variant: name, Dockerfile: string(best.source), Outcome: outcome(best), Original: out.Variants[i].Inspect.Sizes}
	b.Sizes = b.Outcome.Sizes
	if b.Original.Size > 0 {
		b.Percent = float64(b.Sizes.Size) * 100 / float64(b.Original.Size)
	}
	changes, err := p.workshop.changes(best.state)
	if err != nil {
		return nil, err
	}
	var diff strings.Builder
	for _, c := range changes {
		if c.Path == best.Variant.Dockerfile || !slices.Contains(p.workshop.dockerfiles(), c.Path) {
			diff.WriteString(c.Diff)
		}
	}
	b.Diff = diff.String()
	if !strings.HasPrefix(best.archive, p.workshop.images) {
		b.Archive = best.Build.Archive
		return b, nil
	}
	b.Archive = bestArchive
	if err := os.Rename(best.archive, p.workshop.bench.out.Path(b.Archive)); err != nil {
		return nil, fmt.Errorf("keeping the best image: %w", err)
	}
	return b, nil
}

// ForecastOptions are the options of [Forecast].
type ForecastOptions struct {
	StudyOptions
	// Build says that what is forecast is built too, to show the true sizes.
	Build bool
}

// Forecast says how large a project's image would be if it were made in ways
// that nobody has built. It starts from the first variant that builds.
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
	defer p.close()
	for _, v := range s.bench.project.Variants {
		x, ok, err := p.advised(ctx, v)
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

// noImage is why there is nothing to look at.
func (s *study) noImage() error {
	return whittle.WithHint(whittle.ErrUsage.Errorf("no variant of %s builds, so that there is no image to start from", s.bench.project.Name),
		"see the logs in "+s.bench.out.Path("logs"))
}

// forecast says how large other ways of making a variant's image would be, with
// the fixes that are counted on.
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
	out.Schema, out.Project, out.Base = whittle.ForecastSchema, w.bench.project.Name, v.Name
	out.Notes = append(out.Notes, notes...)
	return out, nil
}
