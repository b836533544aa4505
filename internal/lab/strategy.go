package lab

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/forecast"
	"whittle.dev/whittle/internal/otherbases"
	"whittle.dev/whittle/internal/patch"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/runs"
)

// restager makes Dockerfiles as a strategy has them.
type restager struct{ *prover }

// Strategies are the names of the strategies that [Fix] can write.
func Strategies() []string { return forecast.Names() }

// apply makes the variants' Dockerfiles as a strategy has them. When changes are
// proven, it builds and runs them, and reverts all if that does harm; kept says that
// it does not. It is an error if no Dockerfile can be made so.
func (p restager) apply(ctx context.Context, name string) (kept bool, err error) {
	var reasons, done []string
	for _, v := range p.workshop.bench.Project.Variants {
		if slices.Contains(done, v.Dockerfile) {
			continue
		}
		x, ok, err := p.images.advise(ctx, v, p.now[v.Name])
		if err != nil {
			return false, err
		} else if !ok {
			continue
		}
		done = append(done, v.Dockerfile)
		step, _, err := p.step(ctx, v, x, name)
		if err == nil && !p.workshop.inScope(step.Finding.Fix) {
			err = fmt.Errorf("%s: a variant that is not selected uses it, or it is outside the project", v.Dockerfile)
		}
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if err != nil {
			reasons = append(reasons, whittle.OneLine(err.Error()))
		} else if kept, err = p.try(ctx, v, step); err != nil || !kept {
			p.state = nil // nothing is written of the others either
			maps.Copy(p.now, p.start)
			return kept, err
		}
	}
	if len(p.steps) == 0 {
		return false, whittle.ErrUnsupported.Errorf("making %s of %s: %s", name, p.workshop.bench.Project.Name, strings.Join(reasons, "; "))
	}
	return true, nil
}

// step is a strategy as a fix of a variant's Dockerfile, without any clean-up of the
// packages: that is what other fixes are for. An error says what is in its way.
func (p restager) step(ctx context.Context, v project.Variant, x advisedImage, name string) (*whittle.RepairStep, *whittle.Forecast, error) {
	in, _, err := p.workshop.projectInput(ctx, v, x, &assumed{state: p.state})
	if err == nil && name == forecast.NameDistroless {
		in.Distroless, err = otherbases.Reader{Env: p.workshop.bench.Env}.Distroless(ctx, x.image)
	}
	if err != nil {
		return nil, nil, err
	}
	f, err := forecast.Strategy(in, name)
	if err != nil {
		return nil, nil, err
	}
	fix := patch.Rewrite(forecast.Does(name), v.Dockerfile, x.trial.source, []byte(f.Dockerfile))
	return forecast.Step(f, v.Name, runs.Outcome(x.trial.Variant).Sizes.Size, fix), f, nil
}

// try applies a strategy to the state. When changes are proven, it says
// whether all variants run as before with it.
func (p restager) try(ctx context.Context, v project.Variant, step *whittle.RepairStep) (kept bool, err error) {
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
	users := slices.DeleteFunc(slices.Clone(p.workshop.bench.Project.Variants), func(other project.Variant) bool {
		return reason != "" || other.Dockerfile != v.Dockerfile || p.now[other.Name].image == ""
	})
	trials, err := p.workshop.tryAll(ctx, inState(users, next))
	if err != nil {
		return false, err
	}
	for i, other := range users {
		was := p.now[other.Name]
		if after[other.Name] = trials[i]; reason == "" {
			reason, err = p.harm(ctx, was, trials[i], step.Strategy)
		}
		if err == nil && reason == "" {
			reason, err = p.slowdown(ctx, nil, []project.Variant{other}, []*trial{was}, []*trial{trials[i]})
		}
		if err != nil {
			return false, err
		}
	}
	if reason != "" {
		step.Status, step.Reason = whittle.Reverted, reason
		p.steps = append(p.steps, *step)
		return false, nil
	}
	if is := after[v.Name]; is != nil {
		saved := runs.Outcome(p.now[v.Name].Variant).Sizes.Size - runs.Outcome(is.Variant).Sizes.Size
		step.Saved = &saved
		p.rounds = append(p.rounds, whittle.VerifiedRound{Round: 1, Variant: v.Name, Rules: []string{step.Strategy}, Predicted: step.Finding.Saving, Saved: saved})
	}
	step.Support = support(&step.Finding, false)
	p.state, p.steps = next, append(p.steps, *step)
	maps.Copy(p.now, after)
	return true, nil
}

// harm says what is worse of an image that a strategy makes; empty if nothing is.
func (p restager) harm(ctx context.Context, was, is *trial, strategy string) (string, error) {
	if why := worse(was, is, false); why != "" || strategy == forecast.NameDistroless {
		return why, nil // an image without the base's layers has none of its settings
	}
	var configs []*whittle.Process
	for _, t := range []*trial{was, is} {
		img, err := audit.Open(ctx, p.workshop.bench.Env, t.image, audit.InspectOptions{})
		if err != nil {
			return "", err
		}
		configs = append(configs, &img.Config().Config)
		img.Close()
	}
	return configs[0].Differs(configs[1]), nil
}

// aside are the candidates whose fixes can be made beside a strategy that nobody has
// built yet. The others are noted.
func (p restager) aside(cands []*candidate) []*candidate {
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
