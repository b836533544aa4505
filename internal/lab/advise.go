package lab

import (
	"context"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/host"
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
	out := []*whittle.Advice{}
	for _, v := range s.bench.project.Variants {
		advice, x, err := w.advise(ctx, v, w.trials[trialKey(v.Name, nil)], only)
		if err != nil {
			return nil, err
		}
		if x != nil {
			out = append(out, advice)
			x.Subject.Close()
		}
	}
	if len(out) == 0 {
		return nil, s.noImage()
	}
	return out, nil
}
