package lab

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/forecast"
	"whittle.dev/whittle/internal/patch"
	"whittle.dev/whittle/internal/project"
)

// Strategies are the names of the strategies that [Fix] can write.
func Strategies() []string { return forecast.Names() }

// applyStrategy makes the Dockerfiles of the variants as a strategy has them, before
// any other fix. When changes are proven, it builds and runs them and reverts the
// strategy if that does harm; kept says that it was not. It is an error if no
// Dockerfile can be made so.
func (p *prover) applyStrategy(ctx context.Context, name string) (kept bool, err error) {
	var reasons, done []string
	for _, v := range p.workshop.bench.project.Variants {
		if slices.Contains(done, v.Dockerfile) {
			continue
		}
		x, ok, err := p.images.advise(ctx, v, p.now[v.Name])
		if err != nil {
			return false, err
		}
		if !ok {
			continue
		}
		done = append(done, v.Dockerfile)
		step, err := p.strategyStep(ctx, v, x, name)
		if err == nil && !p.workshop.inScope(step.Finding.Fix) {
			err = fmt.Errorf("%s: a variant that is not selected uses it, or it is outside the project", v.Dockerfile)
		}
		if err != nil {
			if ctx.Err() != nil {
				return false, err
			}
			reasons = append(reasons, whittle.OneLine(err.Error()))
			continue
		}
		if kept, err = p.tryStrategy(ctx, v, step); err != nil || !kept {
			return kept, err
		}
	}
	if len(p.steps) == 0 {
		return false, whittle.ErrUnsupported.Errorf("making %s of %s: %s", name, p.workshop.bench.project.Name, strings.Join(reasons, "; "))
	}
	return true, nil
}

// strategyStep is a strategy as a fix of a variant's Dockerfile.
func (p *prover) strategyStep(ctx context.Context, v project.Variant, x advisedImage, name string) (*whittle.RepairStep, error) {
	f, err := p.workshop.strategyOf(ctx, v, x, p.state, name)
	if err != nil {
		return nil, err
	}
	size := outcome(x.trial).Sizes.Size
	finding := whittle.Finding{Rule: name, Variant: v.Name, Risk: whittle.RiskMedium, Fingerprint: whittle.Fingerprint(name, v.Dockerfile),
		Message: fmt.Sprintf("%s: %s: about %s instead of %s", v.Dockerfile, f.Title, whittle.Bytes(f.Predicted), whittle.Bytes(size)),
		Caution: strings.Join(f.Notes, "; "),
		Saving:  whittle.Saving{Low: size - f.High, High: size - f.Low},
		Fix: &whittle.Fix{Title: f.Title, Patches: []whittle.Patch{{File: v.Dockerfile, Digest: whittle.DigestOf(x.trial.source),
			Edits: patch.Edits(x.trial.source, []byte(f.Dockerfile))}}},
	}
	return &whittle.RepairStep{Finding: finding, Strategy: name, Status: whittle.Applied, Round: 1}, nil
}

// strategyOf is one strategy for a variant's image, without any clean-up of the
// packages: that is what other fixes are for. An error says what is in its way.
func (w *workshop) strategyOf(ctx context.Context, v project.Variant, x advisedImage, s state, name string) (*whittle.Forecast, error) {
	in, _, err := w.projectInput(ctx, v, x, &assumed{state: s})
	if err != nil {
		return nil, err
	}
	in.Clean = forecast.Cleanup{}
	if name == forecast.NameDistroless {
		if in.Distroless, err = w.distroless(ctx, x); err != nil {
			return nil, err
		}
	}
	return forecast.Strategy(in, name)
}

// tryStrategy applies a strategy to the state. When changes are proven, it says
// whether all variants run as before with it.
func (p *prover) tryStrategy(ctx context.Context, v project.Variant, step *whittle.RepairStep) (kept bool, err error) {
	text, err := whittle.Splice(p.now[v.Name].source, step.Finding.Fix.Patches[0].Edits)
	if err != nil {
		return false, err
	}
	next := p.state.With(map[string][]byte{v.Dockerfile: text})
	if !p.proves {
		p.state, p.steps = next, append(p.steps, *step)
		return true, nil
	}
	reason := p.unproven(v, &step.Finding)
	after := map[string]*trial{}
	for _, other := range p.workshop.bench.project.Variants {
		if reason != "" {
			break
		}
		was := p.now[other.Name]
		if other.Dockerfile != v.Dockerfile || was.archive == "" {
			continue
		}
		is, err := p.workshop.try(ctx, other, next)
		if err != nil {
			return false, err
		}
		after[other.Name] = is
		if reason, err = p.harm(ctx, was, is, step.Strategy); err != nil {
			return false, err
		}
		if reason != "" {
			reason = other.Name + ": " + reason
		}
	}
	if reason != "" {
		step.Status, step.Reason = whittle.Reverted, reason
		p.steps = append(p.steps, *step)
		return false, nil
	}
	if is := after[v.Name]; is != nil {
		saved := outcome(p.now[v.Name]).Sizes.Size - outcome(is).Sizes.Size
		step.Saved = &saved
		p.rounds = append(p.rounds, whittle.VerifiedRound{Round: 1, Variant: v.Name, Rules: []string{step.Strategy}, Predicted: step.Finding.Saving, Saved: saved})
	}
	p.state, p.steps = next, append(p.steps, *step)
	for name, t := range after {
		p.now[name] = t
	}
	return true, nil
}

// harm says what is worse of an image that a strategy makes; empty if nothing is.
func (p *prover) harm(ctx context.Context, was, is *trial, strategy string) (string, error) {
	if why := worse(was, is, false); why != "" || strategy == forecast.NameDistroless {
		return why, nil // an image without the base's layers has none of its settings
	}
	var configs []*whittle.Process
	for _, t := range []*trial{was, is} {
		img, err := audit.Open(ctx, p.workshop.bench.env, "docker-archive:"+t.archive, audit.InspectOptions{})
		if err != nil {
			return "", err
		}
		configs = append(configs, &img.Config().Config)
		img.Close()
	}
	return otherSettings(configs[0], configs[1]), nil
}

// otherSettings is a setting of an image, other than the variables of an environment
// of Python, that is not what it was; empty if there is none.
func otherSettings(was, is *whittle.Process) string {
	env := func(p *whittle.Process) []string {
		out := slices.DeleteFunc(slices.Clone(p.Env), func(v string) bool { return strings.HasPrefix(v, "PATH=") || strings.HasPrefix(v, "VIRTUAL_ENV=") })
		slices.Sort(out)
		return out
	}
	a, b := *was, *is
	a.Env, b.Env = env(was), env(is)
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	for i := range x.NumField() {
		if v, w := x.Field(i), y.Field(i); !reflect.DeepEqual(v.Interface(), w.Interface()) && !(empty(v) && empty(w)) {
			return fmt.Sprintf("the image has another setting %s", x.Type().Field(i).Name)
		}
	}
	return ""
}

// empty says that a setting is not there.
func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	}
	return v.IsZero()
}

// aside are the candidates whose fixes can be made beside a strategy that nobody has
// built yet. The others are noted.
func (p *prover) aside(cands []*candidate) []*candidate {
	return slices.DeleteFunc(cands, func(c *candidate) bool {
		i := slices.IndexFunc(c.finding.Fix.Patches, func(f whittle.Patch) bool { _, changed := p.state[f.File]; return changed })
		if i < 0 {
			return false
		}
		p.steps = append(p.steps, whittle.RepairStep{Finding: c.finding, Status: whittle.FixSkipped,
			Reason: fmt.Sprintf("%s is another one now: whittle fix --verify looks at the image that it makes", c.finding.Fix.Patches[i].File)})
		return true
	})
}
