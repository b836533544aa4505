package lab

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/patch"
	"whittle.dev/whittle/internal/series"
)

// openRepository opens the repository that commits go to, and checks before
// anything is built whether they can be made. It is nil if none are wanted, or a
// series is only shown and there is no repository.
func openRepository(ctx context.Context, env *host.Env, o FixOptions) (host.Repository, error) {
	if !o.Commits {
		return nil, nil
	}
	if env.Repository == nil {
		return nil, whittle.ErrUnsupported.Errorf("commits need git")
	}
	r, err := env.Repository(ctx, o.Dir)
	if err == nil && o.Write {
		if _, err = r.Author(ctx); err == nil {
			err = r.Clean(ctx)
		}
	}
	switch {
	case err == nil:
		return r, nil
	case o.Write || ctx.Err() != nil:
		return nil, err
	}
	return nil, nil // the patches say from where they are
}

// series is a repair as commits. Each commit is what the state gains by the fixes of
// one rule, on top of those before; generated files are made again for each.
func (p *prover) series(ctx context.Context, r *whittle.Repair, repository host.Repository) (*whittle.RepairSeries, error) {
	out := &whittle.RepairSeries{Date: p.workshop.bench.Env.Time().Format(time.RFC3339), Commits: []whittle.RepairCommit{}}
	if repository != nil {
		out.Prefix = repository.Prefix()
		out.Author, _ = repository.Author(ctx) // Clean has checked it where commits are made
	}
	now := state(nil)
	for _, round := range series.Rounds(r.Steps) {
		base := now
		var chosen []whittle.RepairStep
		for _, c := range series.Concerns(r.Steps, round) {
			chosen = append(chosen, c.Steps...)
			next, err := p.applied(ctx, base, series.InOrder(r.Steps, chosen))
			if err != nil {
				return nil, err
			}
			files, err := p.workshop.between(now, next)
			if err != nil {
				return nil, err
			}
			if now = next; len(files) > 0 {
				out.Commits = append(out.Commits, whittle.RepairCommit{Subject: series.Subject(c.Steps), Body: series.Body(c.Steps, r.Verified, round), Rule: c.Rule, Files: files})
			}
		}
	}
	rest, err := p.workshop.between(now, p.state)
	if err != nil {
		return nil, err
	}
	if len(rest) > 0 {
		var names []string
		for _, f := range rest {
			names = append(names, f.Path)
		}
		out.Commits = append(out.Commits, whittle.RepairCommit{Subject: series.Fitted("Make the image smaller: "+strings.Join(names, ", "), series.MaxSubject), Body: series.Measured(r.Verified, 0), Files: rest})
	}
	return out, nil
}

// applied is a state with some fixes, and with the generated files that they need.
func (p *prover) applied(ctx context.Context, base state, fixes []*whittle.Fix) (state, error) {
	files, err := p.workshop.copy.Files(base, fixes)
	if err != nil {
		return nil, err
	}
	changed, _, err := patch.Merge(files, p.workshop.dockerfiles(), fixes)
	if err != nil {
		return nil, err
	}
	var remake []string
	for _, f := range fixes {
		for _, name := range f.Remake {
			if !slices.Contains(remake, name) {
				remake = append(remake, name)
			}
		}
	}
	return p.workshop.remake(ctx, base.With(changed), remake)
}

// between are the differences between two states.
func (w *workshop) between(from, to state) ([]whittle.FileChange, error) {
	before, after := map[string][]byte{}, map[string][]byte{}
	from, err := w.copy.Whole(from)
	if err != nil {
		return nil, err
	}
	if to, err = w.copy.Whole(to); err != nil {
		return nil, err
	}
	for _, s := range []state{from, to} {
		for name := range s {
			for where, in := range map[*map[string][]byte]state{&before: from, &after: to} {
				text, err := w.copy.Content(in, name)
				if err != nil {
					return nil, err
				}
				if text != nil {
					(*where)[name] = text
				}
			}
		}
	}
	return patch.Changes(before, after), nil
}

// writeOrCommit writes a repair's files. If it has a series, it also makes the
// commits: git has their objects before a file is written, and they become part of
// the branch all at once after that. If they cannot, the files get their former
// contents.
func (s *study) writeOrCommit(ctx context.Context, r *whittle.Repair, force bool, repository host.Repository) error {
	if r.Series == nil || len(r.Series.Commits) == 0 {
		return s.write(ctx, r.Files, force)
	}
	commits := r.Series.Commits
	err := repository.Prepare(ctx, commits, s.bench.Env.Time())
	if err == nil {
		err = s.write(ctx, r.Files, force)
	}
	if err == nil {
		if err = repository.Land(ctx, len(commits)); err == nil {
			return nil
		}
		err = errors.Join(err, s.unwrite(context.WithoutCancel(ctx), r.Files))
	}
	for i := range commits {
		commits[i].Commit = ""
	}
	return err
}

// unwrite gives files that were written their former contents.
func (s *study) unwrite(ctx context.Context, files []whittle.FileChange) error {
	places, err := s.places(files)
	if err != nil {
		return err
	}
	var back []whittle.FileChange
	var where []string
	folder := whittle.Folder(s.bench.Project.Dir)
	for i, f := range files {
		now, err := folder.ReadFile(f.Path)
		switch {
		case err != nil || !bytes.Equal(now, f.After): // somebody else has changed it
		case f.Created:
			if err := folder.Remove(f.Path); err != nil {
				return err
			}
		default:
			back = append(back, whittle.FileChange{Path: f.Path, Before: f.After, After: f.Before})
			where = append(where, places[i])
		}
	}
	if len(back) == 0 {
		return nil
	}
	return s.bench.Out.Commit(ctx, s.bench.Project.Dir, back, where)
}
