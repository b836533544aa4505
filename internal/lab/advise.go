package lab

import (
	"context"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/project"
)

// AdviseProject gives the findings in the images of a project's variants. Images
// of an earlier study are used if their inputs are still the same; others are
// built.
func AdviseProject(ctx context.Context, env *host.Env, o StudyOptions, only []string) ([]*whittle.Advice, error) {
	if err := audit.KnownRules(only); err != nil {
		return nil, err
	}
	s, err := openBuilt(ctx, env, o)
	if err != nil {
		return nil, err
	}
	defer s.close()
	w, err := newWorkshop(ctx, s)
	if err != nil {
		return nil, err
	}
	defer w.close()
	p := newProver(w, only, whittle.RiskLow, nil)
	out := []*whittle.Advice{}
	for _, v := range s.bench.Project.Variants {
		advice, err := (restager{p}).advice(ctx, v)
		if err != nil {
			return nil, err
		}
		if advice != nil {
			out = append(out, advice)
		}
	}
	if len(out) == 0 {
		return nil, s.noImage()
	}
	return out, nil
}

// advice are the findings in a variant's image, with a strategy that does more than
// their fixes; nil where there is no image.
func (p restager) advice(ctx context.Context, v project.Variant) (*whittle.Advice, error) {
	t, only := p.now[v.Name], p.images.rules
	advice, x, err := p.workshop.advise(ctx, v, t, only)
	if err != nil || x == nil {
		return nil, err
	}
	defer x.Subject.Close()
	if len(only) == 0 {
		advice.Next, err = p.next(ctx, v, advisedImage{x, advice.Findings, t}, advice.Sizes.Size-advice.Fixable.High)
	}
	return advice, err
}
