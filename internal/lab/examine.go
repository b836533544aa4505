package lab

import (
	"cmp"
	"context"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/host"
)

// Examine builds the one selected variant of a project, or takes the image of an earlier
// study, and gives it to do. Unless [StudyOptions.Quick], it is timed as in a study.
func Examine(ctx context.Context, env *host.Env, o StudyOptions, do func(v *whittle.Variant, x *audit.Examined, a *whittle.Advice) error) error {
	o.Resume = true
	s, err := newStudy(ctx, env, o)
	if err != nil {
		return err
	}
	defer s.close()
	if all := s.bench.Project.Variants; len(all) != 1 {
		return whittle.WithHint(whittle.ErrUsage.Errorf("%s has %d variants, and one is wanted", s.bench.Project.Name, len(all)), "choose one with --variant, such as "+all[0].Name)
	}
	if err := s.buildAll(ctx); err != nil {
		return err
	}
	w, err := newWorkshop(ctx, s)
	if err != nil {
		return err
	}
	defer w.close()
	v := s.bench.Project.Variants[0]
	a, x, err := w.advise(ctx, v, w.trials[trialKey(v.Name, nil)], nil)
	if err != nil || x == nil {
		return cmp.Or(err, whittle.ErrUnmeasured.Of(s.noImage()))
	}
	defer x.Subject.Close()
	return do(&s.variants[0], x, a)
}
