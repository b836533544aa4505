package audit

import (
	"context"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/ledger"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/rule/analysis"
	"whittle.dev/whittle/internal/view"
)

// View reads an image and gives all that is looked at in it: its files, and what
// the rules find. The image is closed by then.
func View(ctx context.Context, env *host.Env, name string, o AdviseOptions) (*view.Model, error) {
	x, err := Examine(ctx, env, name, o)
	if err != nil {
		return nil, err
	}
	defer x.Subject.Close()
	advice, err := x.Advise(ctx, env, o.Only)
	if err != nil {
		return nil, err
	}
	return x.View(advice)
}

// Look reads an image and gives its files alone. That is sooner than [View], which
// has the requirements and what the rules find. While layers are still being read,
// first, if not nil, gets the lowest ones that were, with their number; it is not
// called after Look has returned.
func Look(ctx context.Context, env *host.Env, name string, o InspectOptions, first func(m *view.Model, layers int)) (*view.Model, error) {
	s, err := open(ctx, env, name, o, first)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return s.look()
}

// look is a subject's files alone.
func (s *Subject) look() (*view.Model, error) {
	x := Examined{Subject: s, Facts: &analysis.Facts{}}
	return x.View(nil)
}

// View is the image with its findings, as it is looked at. It keeps nothing of the
// image that was read.
func (x *Examined) View(advice *whittle.Advice) (*view.Model, error) {
	a := x.Subject.Account
	in := x.Subject.Inspection()
	f := view.Facts{Inspection: in, Base: whittle.BaseLayers(a.Steps, len(a.Ledger.Layers)), Owners: a.Owners, OwnerNames: a.OwnerNames(),
		Categories: ledger.CategoryNames(), Advice: advice, Requirements: x.requirements(in.Packages)}
	if d := x.Facts.Dockerfile; d != nil {
		f.Dockerfiles = []view.Dockerfile{{Name: d.Name, Text: string(d.Source)}}
	}
	names := make([]int, len(a.Ledger.Items))
	for _, n := range a.Ledger.Tree.Nodes {
		if n.Item >= 0 {
			names[n.Item]++
		}
	}
	f.Items = func(yield func(view.Item) bool) {
		for i, it := range a.Ledger.Items {
			if !yield(view.Item{Path: it.Path, Layer: it.Layer, HiddenBy: it.HiddenBy, Entry: it.Entry, Bytes: it.Bytes, Cause: it.Cause,
				Owner: a.Owner[i], Category: int(a.Category[i]), Names: names[i]}) {
				return
			}
		}
	}
	return view.New(f)
}

// requirements are the distributions with what only they need, as the rows of the
// inspection have it; nil without one.
func (x *Examined) requirements(rows []whittle.PackageRow) *view.Requirements {
	g := x.Facts.Graph
	if g == nil || len(g.Distributions) == 0 {
		return nil
	}
	roots := g.Asked()
	_, sizes := g.Rows(rows)
	retained := g.Retained(sizes, roots)
	out := &view.Requirements{List: make([]view.Requirement, len(sizes))}
	for i, r := range retained {
		d := &g.Distributions[i]
		out.List[i] = view.Requirement{Name: d.Name, Version: d.Version, Own: sizes[i], Retained: r.Size, By: r.By, Needed: r.Needed, Asked: slices.Contains(roots, i),
			Unused: i < len(x.Facts.Usage) && x.Facts.Usage[i] == analysis.Unused}
	}
	for _, e := range g.Edges {
		if e.From >= 0 && e.To >= 0 && !slices.Contains(out.List[e.From].Needs, e.To) {
			out.List[e.From].Needs = append(out.List[e.From].Needs, e.To)
		}
	}
	slim := *g // the lists of the distributions' files are long
	slim.Distributions = make([]python.Distribution, len(sizes))
	out.Frees = func(without ...int) []int { return slim.Frees(roots, without...) }
	return out
}
