package static

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/outdir"
	"whittle.dev/whittle/internal/patch"
)

// FixOptions say which fixes are made, and how.
type FixOptions struct {
	Options
	// Risk is the highest that is taken; empty is low.
	Risk whittle.Risk
	// Write changes the files, with Force also those with changes that git has not
	// committed.
	Write, Force bool
	// Ask says whether a fix is wanted; nil makes all.
	Ask func(context.Context, whittle.Finding) (bool, error)
	// Dirty are those of some files of a folder that have such changes; nil looks at none.
	Dirty func(ctx context.Context, dir string, names []string) ([]string, error)
	// TempDir is where new contents are kept until all are written.
	TempDir string
}

// maxRounds bounds how often the rules are asked again about what the fixes have made.
const maxRounds = 5

// Fix makes the fixes that the text of Dockerfiles proves to be safe. Without Write it
// only gives the changes. All files have to be of one project.
func Fix(ctx context.Context, o FixOptions) (*whittle.Repair, error) {
	if err := knownRules(o.Only); err != nil {
		return nil, err
	}
	builds, _, failed := o.builds(ctx)
	if len(failed) > 0 {
		return nil, first(failed)
	}
	for i := range builds {
		if builds[i].dir != builds[0].dir {
			return nil, whittle.WithHint(whittle.ErrUsage.Errorf("%s and %s are not of one project", builds[0].shown, builds[i].shown), "fix one after the other")
		}
	}
	out := &whittle.Repair{Schema: whittle.FixSchema, Static: true, Steps: []whittle.RepairStep{}, Files: []whittle.FileChange{}}
	if len(builds) == 0 {
		return out, nil
	}
	out.Project = filepath.Base(builds[0].dir)
	r := repair{o: &o, builds: builds, before: map[string][]byte{}, now: map[string][]byte{}, asked: map[string]bool{}}
	for round := 1; round <= maxRounds; round++ {
		steps, err := r.round(ctx, round)
		if err != nil {
			return nil, err
		}
		r.told = true
		if len(steps) == 0 {
			break
		}
		out.Steps = append(out.Steps, steps...)
	}
	out.Ignored = whittle.MergeIgnored(r.ignored)
	after := map[string][]byte{}
	for name, text := range r.now {
		if !bytes.Equal(text, r.before[name]) {
			after[name] = text
		}
	}
	out.Files = append(out.Files, patch.Changes(r.before, after)...)
	if !o.Write || len(out.Files) == 0 {
		return out, nil
	}
	err := Write(ctx, builds[0].dir, out.Files, WriteOptions{o.Force, o.Dirty, o.TempDir})
	out.Written = err == nil
	return out, err
}

// repair is a change of the files of a project.
type repair struct {
	o           *FixOptions
	builds      []build
	before, now map[string][]byte // the files that are changed, by path
	asked       map[string]bool   // fixes that were made or not wanted
	// ignored are what the project accepts of the files as they were; told says that
	// the first round is over.
	ignored []whittle.Ignored
	told    bool
}

// round makes the fixes for what the rules find now. Those that do not go together are
// made in the next round.
func (r *repair) round(ctx context.Context, n int) (steps []whittle.RepairStep, err error) {
	var fixes []*whittle.Fix
	var found []whittle.Finding
	var dockerfiles []string
	for i := range r.builds {
		b := &r.builds[i]
		dockerfiles = append(dockerfiles, b.name)
		wanted, err := r.wanted(ctx, b)
		if err != nil {
			return nil, err
		}
		for _, f := range wanted {
			fixes, found = append(fixes, f.Fix), append(found, f)
		}
	}
	merged, conflicts, err := patch.Merge(r.now, dockerfiles, fixes)
	if err != nil {
		return nil, err
	}
	for i := range found {
		if slices.ContainsFunc(conflicts, func(c patch.Conflict) bool { return c.Fix == i }) {
			for j := range r.builds {
				delete(r.asked, fixKey(&found[i], &r.builds[j]))
			}
			continue
		}
		steps = append(steps, whittle.RepairStep{Finding: found[i], Status: whittle.Applied, Round: n})
	}
	for name, text := range merged {
		r.now[name] = text
	}
	return steps, nil
}

// fixKey identifies a fix of a build.
func fixKey(f *whittle.Finding, b *build) string { return f.Rule + " " + f.Fingerprint + " " + b.name }

// wanted are the findings of a build as it is now whose fixes are to be made, with the
// files that these change.
func (r *repair) wanted(ctx context.Context, b *build) (out []whittle.Finding, err error) {
	if text, ok := r.now[b.name]; ok {
		b.text = text
	}
	_, all, accepted, err := r.o.find(ctx, b)
	if err != nil {
		return nil, err
	}
	if !r.told {
		r.ignored = append(r.ignored, accepted...)
	}
	for _, f := range all {
		key := fixKey(&f, b)
		if f.Fix == nil || b.inline || r.asked[key] || !f.Risk.AtMost(r.o.risk()) {
			continue
		}
		r.asked[key] = true
		if r.o.Ask != nil {
			if yes, err := r.o.Ask(ctx, f); err != nil {
				return nil, err
			} else if !yes {
				continue
			}
		}
		if err := r.read(f.Fix); err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

func (o *FixOptions) risk() whittle.Risk {
	if o.Risk == "" {
		return whittle.RiskLow
	}
	return o.Risk
}

// read reads the files that a fix changes, as they are on disk.
func (r *repair) read(f *whittle.Fix) error {
	for _, p := range f.Patches {
		if _, ok := r.now[p.File]; ok {
			continue
		}
		text, err := whittle.Folder(r.builds[0].dir).ReadFile(p.File)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("reading %s: %w", p.File, err)
		}
		r.before[p.File], r.now[p.File] = text, text
	}
	return nil
}

// WriteOptions say how files are changed; the fields are those of [FixOptions].
type WriteOptions struct {
	Force   bool
	Dirty   func(ctx context.Context, dir string, names []string) ([]string, error)
	TempDir string
}

// Write changes files of a project's folder, all or none. If one is no longer as it was
// before the change, it is an error.
func Write(ctx context.Context, dir string, files []whittle.FileChange, o WriteOptions) error {
	var places, names []string
	for _, f := range files {
		place, ok := whittle.Inside(dir, f.Path)
		if !ok {
			return whittle.ErrUsage.Errorf("%s is a link out of the project", f.Path)
		}
		if now, err := whittle.ReadFile(place, whittle.MaxText); f.Created != errors.Is(err, fs.ErrNotExist) || err == nil && !bytes.Equal(now, f.Before) {
			return whittle.WithHint(whittle.ErrUsage.Errorf("%s has changed meanwhile: nothing was written", f.Path), "look for the change again")
		}
		places = append(places, place)
		if rel, err := filepath.Rel(dir, place); err == nil && !f.Created {
			names = append(names, filepath.ToSlash(rel))
		}
	}
	if o.Dirty != nil && !o.Force {
		dirty, err := o.Dirty(ctx, dir, names)
		if err != nil {
			return err
		}
		if len(dirty) > 0 {
			return whittle.WithHint(whittle.ErrUsage.Errorf("%s has changes that are not committed", strings.Join(dirty, ", ")), "commit them, or use --force")
		}
	}
	scratch, err := os.MkdirTemp(o.TempDir, "whittle-fix-")
	if err != nil {
		return whittle.ErrSystem.Errorf("writing the changes: %w", err)
	}
	defer os.RemoveAll(scratch)
	folder, err := outdir.Make(scratch)
	if err != nil {
		return err
	}
	return folder.Commit(ctx, dir, files, places)
}
