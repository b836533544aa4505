package lab

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/bench"
	"whittle.dev/whittle/internal/runs"
)

// firstWorking is the name of the first variant whose image runs with the fixes,
// otherwise of the first that builds; empty if none does.
func (p *prover) firstWorking(variants []whittle.Variant) string {
	first := ""
	for _, v := range variants {
		t := p.now[v.Name]
		if t == nil || t.image == "" || p.workshop.bench.Project.IsBase(v.Name) {
			continue
		}
		if runs.Outcome(t.Variant).Verdict == whittle.Runs {
			return v.Name
		}
		first = cmp.Or(first, v.Name)
	}
	return first
}

// slowStrategy says which start is slower in the image of a strategy than in that which
// it was made from.
func (w *workshop) slowStrategy(ctx context.Context, was, is *trial) (string, error) {
	if !w.startCounts() || was == nil {
		return "", nil
	}
	all, err := w.starts(ctx, was, is, true)
	for _, s := range all {
		if !s.Slower() {
			continue
		}
		if later, err := w.later(ctx, was, is, s.Medians()); later != "" || err != nil {
			return fmt.Sprintf("it makes starts slower: %s; only --objective size makes it the best", later), err
		}
	}
	return "", err
}

// bestArchive is the name of the best image's archive in the study's folder.
const bestArchive = "best.tar"

// best is the smallest image that runs, with its Dockerfile and the diff that
// leads to it. Images for one extra ("split-") are not compared, because they
// contain less of the project than the others, and neither are strategies that make
// starts slower, unless only the size counts.
func (p *prover) best(ctx context.Context, out *whittle.Study, generated map[string]*trial) (*whittle.Best, error) {
	var best *trial
	var name string
	smaller := func(t *trial) bool {
		return t != nil && t.image != "" && runs.Outcome(t.Variant).Verdict == whittle.Runs && (best == nil || runs.Outcome(t.Variant).Sizes.Size < runs.Outcome(best.Variant).Sizes.Size)
	}
	for _, v := range out.Variants {
		if t := p.now[v.Name]; !p.workshop.bench.Project.IsBase(v.Name) && smaller(t) {
			best, name = t, v.Name
		}
	}
	for i := range out.Forecasts {
		f := &out.Forecasts[i]
		if t := generated[f.Strategy]; !strings.HasPrefix(f.Strategy, "split-") && smaller(t) {
			why, err := p.workshop.slowStrategy(ctx, p.now[p.firstWorking(out.Variants)], t)
			if err != nil {
				return nil, err
			}
			if why != "" {
				f.Notes = append(f.Notes, why)
				continue
			}
			best, name = t, f.Strategy
		}
	}
	i := slices.IndexFunc(out.Variants, func(v whittle.Variant) bool { return v.Inspect != nil })
	if best == nil || i < 0 {
		return nil, nil
	}
	b := &whittle.Best{Variant: name, Dockerfile: string(best.source), Outcome: runs.Outcome(best.Variant), Original: out.Variants[i].Inspect.Sizes}
	var err error
	if b.Outcome.Ready, err = p.workshop.ready(ctx, best); err != nil {
		return nil, err
	}
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
	file := strings.TrimPrefix(best.image, bench.ArchiveScheme)
	if !strings.HasPrefix(file, p.workshop.images) {
		b.Archive = best.Build.Archive
		return b, nil
	}
	b.Archive = bestArchive
	if err := os.Rename(file, p.workshop.bench.Out.Path(b.Archive)); err != nil {
		return nil, fmt.Errorf("keeping the best image: %w", err)
	}
	return b, nil
}
