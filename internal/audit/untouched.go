package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/keep"
	"whittle.dev/whittle/internal/rootfs"
	"whittle.dev/whittle/internal/rule/analysis"
)

// TracedOptions say which runs decide what is removed.
type TracedOptions struct {
	TraceOptions
	// Miss is the share of further runs that may be expected to touch something that
	// was removed, from 0 to 1: see [keep.Rate] and [keep.Image.Abstain].
	Miss float64
}

// distributions are those of the image, with what its files show of their use.
func (t *trimming) distributions() *keep.Distributions {
	x := t.x
	texts, _ := analysis.New(x.Facts).AllTexts()
	items := map[string]int{}
	for _, n := range x.Facts.Ledger.Tree.Nodes {
		items[n.Path] = n.Item
	}
	return keep.Read(keep.Facts{Root: x.Subject.Image, Graph: x.Facts.Graph, Source: x.Subject.Source,
		Used: func(i int) string {
			where, named := texts.Naming(&x.Facts.Graph.Distributions[i])
			switch use := x.Facts.Usage[i]; {
			case use == analysis.UsageUnknown:
				return "how it is used is not known"
			case use != analysis.Unused:
				return "what the image starts may import or load it"
			case named:
				return where + " names it"
			case t.workload != nil && t.workload.setUpBy(&x.Facts.Graph.Distributions[i]):
				return "the setup of the tests calls it"
			}
			return ""
		},
		Loaded: func(p string) []string {
			if _, ok := x.Subject.Binary(p); !ok {
				return nil
			}
			return x.Facts.Loaded(p)
		},
		File: func(p string) ([]string, int64) {
			if items[p] < 0 {
				return []string{p}, 0
			}
			return t.trimmer.Names(items[p]), x.Facts.Ledger.Items[items[p]].Bytes
		},
		Stays: func(p string) string {
			if by := t.lists.Managed(p); by != "" {
				return "it is of a package (" + by + ") that would still be said to be installed"
			}
			owner := whittle.Owner{Ecosystem: "pypi"}
			if items[p] >= 0 {
				owner = x.Facts.Owner[items[p]]
			}
			return cmp.Or(t.trimmer.Fixed(p), t.lists.Stays(p, owner, t.trimmer.Fixed))
		}})
}

// untouched traces the workload in the image as it is, and gives the paths of what no run
// touched and nothing that stays needs, each with [whittle.TracedTrim].
func (t *trimming) untouched(ctx context.Context) (map[string]string, error) {
	was, err := t.workload.trace(ctx, t.x.Subject, t.name)
	if err != nil {
		return nil, err
	}
	if t.was = was.out.Runs; len(t.was) < 2 {
		return nil, whittle.WithHint(whittle.ErrUnmeasured.Errorf("squeezing %s: of one run none can be held out, and what a further one would touch is unknown", t.name), "name more to run with --command, or the project's commands and tests with --project and --test")
	}
	for i := range t.was {
		if why := problemOf(&t.was[i]); why != "" {
			return nil, whittle.WithHint(whittle.ErrUsage.Errorf("%s fails in %s as it is: %s", t.was[i].Name, t.name, why), "leave it out, or give it what it needs: a run that fails touches less than it will")
		}
	}
	u := t.distributions()
	if err := t.addSystem(ctx, u); err != nil {
		return nil, err
	}
	touched := make([][]int, len(t.was))
	for i := range touched {
		touched[i] = u.Touched(was.byRun[i])
	}
	t.evidence = u.HeldOut(t.was, touched)
	t.evidence.Miss = t.options.Traced.Miss
	kept := u.Kept(touched...)
	back, estimate := u.Abstain(kept, t.evidence.Rate, t.evidence.Miss)
	t.evidence.Estimate = min(1, estimate) // more than one in a run are no more runs
	return t.untouchedPaths(&keep.Outcome{Units: u, Touched: slices.Concat(touched...), Kept: kept, Back: back, Rule: whittle.TracedTrim, Paths: map[string]string{}}), nil
}

// problemOf says why a run is no evidence, empty if it is. The image's own start may run
// on: what else does not end was not seen to its end.
func problemOf(r *whittle.TraceRun) string {
	if r.Problem == "" && r.Exit < 0 && !r.Served && r.Name != "CMD" && r.Name != "ENTRYPOINT" {
		return "it does not end in time"
	}
	return r.Problem
}

// untouchedPaths says of each unit why it stays or goes, and gives the paths of those that
// go.
func (t *trimming) untouchedPaths(o *keep.Outcome) map[string]string {
	e, dists := t.evidence, t.x.Facts.Graph.Distributions
	for i := range dists {
		if _, within := o.Units.Within[i]; !within && dists[i].VendoredBy == "" {
			e.Distributions = append(e.Distributions, o.Row(i, dists[i].Name, dists[i].Version))
		}
	}
	for i := range t.system {
		e.Packages = append(e.Packages, o.Row(len(dists)+i, t.system[i].Name, t.system[i].Version))
	}
	row := whittle.Trim{Rule: whittle.TracedTrim, Status: whittle.Applied, Files: o.Files, Bytes: o.Bytes, Left: []whittle.TrimLeft{}}
	row.Message = fmt.Sprintf("%d of %d Python distributions", removed(e.Distributions), len(e.Distributions))
	if len(t.system) > 0 {
		row.Message += fmt.Sprintf(" and %d of %d packages of the operating system", removed(e.Packages), len(e.Packages))
	}
	row.Message += ": no run touched them, and nothing that stays needs them"
	if len(o.Paths) == 0 {
		row.Status, row.Reason = whittle.FixSkipped, "nothing is left to remove"
	}
	t.rows = append(t.rows, row)
	return o.Paths
}

func removed(all []whittle.TracedDistribution) (n int) {
	for i := range all {
		if all[i].Status == whittle.TracedRemoved {
			n++
		}
	}
	return n
}

// passes says which run of the workload does not pass in an image any more, and why;
// empty if all do.
func (t *trimming) passes(ctx context.Context, img *rootfs.Image) (harm string, err error) {
	is, err := t.workload.trace(ctx, &Subject{Image: img}, t.name)
	if errors.Is(err, whittle.ErrNotFound) || errors.Is(err, whittle.ErrUnmeasured) {
		return err.Error(), nil // what it starts is gone, or the setup of the tests fails
	}
	if err != nil {
		return "", err
	}
	t.evidence.Failed = 0
	for i, r := range is.out.Runs {
		if was := t.was[i]; r.Problem == "" && (r.Served != was.Served || !r.Served && r.Exit != was.Exit) {
			r.Problem = fmt.Sprintf("it ended with %d, and with %d before", r.Exit, was.Exit)
		}
		if t.evidence.Runs[i].Problem = r.Problem; r.Problem == "" {
			continue
		}
		if harm = cmp.Or(harm, r.Name+": "+r.Problem); t.evidence.Runs[i].HeldOut {
			t.evidence.Failed++
		}
	}
	return harm, nil
}
