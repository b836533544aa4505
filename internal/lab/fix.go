package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/patch"
	"whittle.dev/whittle/internal/runs"
)

// FixOptions are the options of [Fix].
type FixOptions struct {
	// StudyOptions name the project and its variants. Images of an earlier study
	// are used if their inputs are still the same. Write changes the project's
	// files, with Force also those with changes that are not committed; an empty
	// Risk is low, or medium with Verify.
	StudyOptions
	// Rules names the rules whose fixes are made; empty is all.
	Rules []string
	// Verify builds and runs the images before and after, and keeps only fixes
	// that do no harm.
	Verify bool
	// Strategy is one of [forecast.Names] that the Dockerfiles are made by before any
	// other fix; empty leaves them as they are built.
	Strategy string
	// Guard is as in [audit.AdviseOptions].
	Guard bool
	// Commits also gives the change as commits, one for each concern. With Write,
	// they are made: the work tree has to be clean.
	Commits bool
	// Ask says whether a fix is wanted, before it is made; nil makes all.
	Ask func(context.Context, whittle.Finding) (bool, error)
}

// Fix applies the fixes for the findings in a project's images. Without Write it
// only gives the changes. If writing fails, it returns the changes together with
// the error.
func Fix(ctx context.Context, env *host.Env, o FixOptions) (*whittle.Repair, error) {
	if err := audit.KnownRules(o.Rules); err != nil {
		return nil, err
	}
	repository, err := openRepository(ctx, env, o)
	if err != nil {
		return nil, err
	}
	o.StudyOptions.Fix = o.Verify // the runs before the fixes are traced
	s, err := openBuilt(ctx, env, o.StudyOptions)
	if err != nil {
		return nil, err
	}
	defer s.close()
	subjects, err := s.readAll(ctx)
	closeAll(subjects)
	if err != nil {
		return nil, err
	}
	for i, sub := range subjects {
		if v := &s.variants[i]; sub != nil && isStrange(v, sub) {
			return nil, whittle.WithHint(whittle.ErrUsage.Errorf("%s", strangeNote(v, sub)), "name the image that was built from it, or leave --image out")
		}
	}
	return s.fix(ctx, o, repository)
}

// fix finds, proves and writes the fixes of a study's variants.
func (s *study) fix(ctx context.Context, o FixOptions, repository host.Repository) (*whittle.Repair, error) {
	if !slices.ContainsFunc(s.variants, func(v whittle.Variant) bool { return v.Build.Status == whittle.Built }) {
		return nil, s.noImage()
	}
	w, err := newWorkshop(ctx, s)
	if err != nil {
		return nil, err
	}
	defer w.close()
	w.guard = o.Guard
	p := newProver(w, o.Rules, o.risk(), o.Ask)
	defer p.images.close()
	out := &whittle.Repair{Schema: whittle.FixSchema, Project: s.bench.Project.Name, Steps: []whittle.RepairStep{}}
	p.proves = o.Verify
	kept := true
	if o.Strategy != "" {
		if kept, err = (restager{p}).apply(ctx, o.Strategy); err != nil {
			return nil, err
		}
	}
	if o.Verify {
		if kept { // else nothing is written
			err = p.prove(ctx)
		}
		if err != nil {
			return nil, err
		}
		if out.Verified, err = p.verified(ctx); err != nil {
			return nil, err
		}
		if o.looksFurther() {
			out.Next, err = restager{p}.nextProven(ctx)
		}
	} else {
		cands, more := p.propose(ctx)
		if err = more; err == nil && o.looksFurther() {
			out.Next, err = restager{p}.nextProposed(ctx, cands)
		}
	}
	if err != nil {
		return nil, err
	}
	out.Steps, out.Ignored = append(out.Steps, p.steps...), w.accepted()
	if out.Files, err = p.workshop.changes(p.state); err != nil {
		return nil, err
	}
	if o.Commits {
		if out.Series, err = p.series(ctx, out, repository); err != nil {
			return nil, err
		}
	}
	if o.Write {
		err = s.writeOrCommit(ctx, out, o.Force, repository)
		out.Written = err == nil
	}
	return out, err
}

// looksFurther says that a strategy may be named: all fixes are made, and none was
// asked for.
func (o *FixOptions) looksFurther() bool {
	return o.Strategy == "" && len(o.Rules) == 0 && o.Ask == nil
}

func (o *FixOptions) risk() whittle.Risk {
	switch {
	case o.Risk != "":
		return o.Risk
	case o.Verify:
		return whittle.RiskMedium
	}
	return whittle.RiskLow
}

// propose applies the fixes to the state without building it, and returns them.
func (p *prover) propose(ctx context.Context) ([]*candidate, error) {
	if err := p.adviseAll(ctx); err != nil {
		return nil, err
	}
	cands, err := p.candidates()
	if err == nil {
		cands, err = p.confirmed(ctx, restager{p}.aside(cands))
	}
	if err != nil {
		return nil, err
	}
	next, _, err := p.merge(ctx, cands)
	if err != nil {
		return nil, err
	}
	for _, c := range cands {
		step := whittle.RepairStep{Finding: c.finding, Status: whittle.Applied, Round: 1}
		if c.status != "" {
			step.Status, step.Reason = c.status, c.reason
		}
		p.steps = append(p.steps, step)
	}
	p.reportWithheld()
	p.state = next
	return cands, nil
}

// changes are the differences between the project's files and a state.
func (w *workshop) changes(s state) ([]whittle.FileChange, error) {
	s, err := w.copy.Whole(s)
	if err != nil {
		return nil, err
	}
	before := map[string][]byte{}
	for name := range s {
		text, err := w.copy.Original(name)
		if err != nil {
			return nil, err
		}
		if text != nil {
			before[name] = text
		}
	}
	return patch.Changes(before, s), nil
}

// verified compares the images before the proof with those after it.
func (p *prover) verified(ctx context.Context) (*whittle.Verification, error) {
	out := &whittle.Verification{Variants: []whittle.VerifiedVariant{}, Rounds: p.rounds, Builds: p.workshop.builds, Images: p.workshop.made}
	for _, v := range p.workshop.bench.Project.Variants {
		was, is := p.start[v.Name], p.now[v.Name]
		row := whittle.VerifiedVariant{Name: v.Name, Before: runs.Outcome(was.Variant), After: runs.Outcome(is.Variant)}
		row.Saved = row.Before.Sizes.Size - row.After.Sizes.Size
		if passed(was) && passed(is) {
			row.SecondsBefore, row.SecondsAfter = was.Run.Seconds, is.Run.Seconds
		}
		starts, err := p.workshop.starts(ctx, was, is, false)
		if err != nil {
			return nil, err
		}
		for _, s := range starts {
			if s.Slower() {
				row.Slower = append(row.Slower, s.Medians())
			}
		}
		for _, r := range p.rounds {
			if r.Variant == v.Name {
				row.Predicted.Low += r.Predicted.Low
				row.Predicted.High += r.Predicted.High
			}
		}
		if was.image != "" && is.image != "" && was != is {
			rows, err := p.compareTrials(ctx, was, is)
			if err != nil {
				return nil, err
			}
			row.Rows = rows
			for _, side := range []struct {
				t  *trial
				to *whittle.Outcome
			}{{was, &row.Before}, {is, &row.After}} {
				if side.to.Ready, err = verifiedReady(ctx, p, side.t); err != nil {
					return nil, err
				}
			}
		}
		out.Variants = append(out.Variants, row)
	}
	return out, nil
}

// passed says that the first command of a trial passed. Its time is the start-up
// time.
func passed(t *trial) bool {
	return t.Run.Seconds != nil && len(t.Run.Commands) > 0 && t.Run.Commands[0].Status == whittle.Runs
}

// compareTrials gives the difference of two images of a variant by owner.
func (p *prover) compareTrials(ctx context.Context, was, is *trial) ([]whittle.CompareRow, error) {
	var pair []*audit.Subject
	defer func() { closeAll(pair) }()
	for _, t := range []*trial{was, is} {
		sub, err := audit.Open(ctx, p.workshop.bench.Env, t.image, audit.InspectOptions{Dockerfile: t.Dockerfile, Source: t.source, Target: t.Target, Args: t.Args})
		if err != nil {
			return nil, err
		}
		pair = append(pair, sub)
	}
	return audit.CompareSubjects(pair, func(int) string { return was.Name }).Rows, nil
}

func closeAll(subjects []*audit.Subject) {
	for _, s := range subjects {
		if s != nil {
			s.Close()
		}
	}
}

// write changes the project's files, all or none. It refuses if a file has
// changed since it was read or, without force, has changes that are not
// committed.
func (s *study) write(ctx context.Context, files []whittle.FileChange, force bool) error {
	places, err := s.places(files)
	if err != nil {
		return err
	}
	var names []string
	for i, f := range files {
		now, err := whittle.Folder(s.bench.Project.Dir).ReadFile(f.Path)
		switch {
		case errors.Is(err, fs.ErrNotExist) && f.Created:
		case err != nil:
			return fmt.Errorf("writing %s: %w", f.Path, err)
		case f.Created || !bytes.Equal(now, f.Before):
			return whittle.WithHint(whittle.ErrUsage.Errorf("%s was changed meanwhile", f.Path), "run fix again")
		default:
			rel, err := filepath.Rel(s.bench.Project.Dir, places[i])
			if err != nil {
				return fmt.Errorf("writing %s: %w", f.Path, err)
			}
			names = append(names, filepath.ToSlash(rel))
		}
	}
	if s.bench.Env.Dirty != nil && !force {
		dirty, err := s.bench.Env.Dirty(ctx, s.bench.Project.Dir, names)
		if err != nil {
			return err
		}
		if len(dirty) > 0 {
			return whittle.WithHint(whittle.ErrUsage.Errorf("%s has changes that are not committed", strings.Join(dirty, ", ")),
				"commit them, or use --force")
		}
	}
	return s.bench.Out.Commit(ctx, s.bench.Project.Dir, files, places)
}

// places are the paths of the files with symbolic links resolved. A file outside
// the project, or with two names, is an error.
func (s *study) places(files []whittle.FileChange) ([]string, error) {
	var out []string
	for _, f := range files {
		name, ok := whittle.Inside(s.bench.Project.Dir, f.Path)
		if !ok {
			return nil, whittle.ErrUsage.Errorf("%s is a link out of the project", f.Path)
		}
		if slices.Contains(out, name) {
			return nil, whittle.ErrUsage.Errorf("%s is a second name of another file that is to be changed", f.Path)
		}
		out = append(out, name)
	}
	return out, nil
}
