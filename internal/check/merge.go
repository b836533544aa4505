package check

import (
	"cmp"
	"slices"
	"strings"

	"whittle.dev/whittle"
)

// cause is what problems that are merged have in common: what is missing, and
// how severe that is.
type cause struct {
	rule, module, name, distribution, path, what string
	severity                                     whittle.Severity
}

// byModule are the rules whose cause is a missing module, byDistribution those
// whose cause is a declaration: all places that show it are one problem.
var (
	byModule = []string{whittle.CheckMissingModule, whittle.CheckMissingSource, whittle.CheckNotOnPath, whittle.CheckMissingName, whittle.CheckMissingMetadata, whittle.CheckLazyImport, whittle.CheckOptionalImport,
		whittle.CheckMissingSharedLibrary, whittle.CheckWrongLibc, whittle.CheckWrongArch}
	byDistribution = []string{whittle.CheckUndeclared, whittle.CheckMisplaced, whittle.CheckTransitive}
)

// causeOf is a problem's cause. Problems that name neither a file nor a module are
// distinguished by their messages.
func causeOf(p *whittle.Problem) cause {
	c := cause{rule: p.Rule, severity: p.Severity, module: p.Module, name: p.Name, distribution: p.Distribution}
	switch {
	case p.Module != "" && slices.Contains(byModule, p.Rule):
	case p.Distribution != "" && slices.Contains(byDistribution, p.Rule):
		c.module = ""
	default:
		c.path, c.what = p.Path, p.Message
	}
	return c
}

// merge makes one problem of those that have one cause: the first that was found
// gives the path, and the others are its places. An error hides a warning of the
// same place. Errors come first, and of those what production starts before what
// only scripts and commands reach.
func merge(problems []whittle.Problem) []whittle.Problem {
	type spot struct {
		rule, path, module, distribution, what string
		line                                   int
	}
	worst := map[spot]whittle.Problem{}
	spotOf := func(p *whittle.Problem) spot {
		s := spot{p.Rule, p.Path, p.Module, p.Distribution, p.Name, p.Line}
		if p.Path == "" && p.Module == "" {
			s.what = p.Message
		}
		return s
	}
	for _, p := range problems {
		if was, ok := worst[spotOf(&p)]; !ok || p.Severity.Rank() < was.Severity.Rank() {
			worst[spotOf(&p)] = p
		}
	}
	at := map[cause]int{}
	out := []whittle.Problem{}
	for i := range problems {
		s := spotOf(&problems[i])
		p, ok := worst[s]
		if !ok {
			continue // from another start
		}
		delete(worst, s)
		c := causeOf(&p)
		if k, ok := at[c]; ok {
			out[k].Places = append(out[k].Places, placeOf(&p, out[k].Module))
			continue
		}
		at[c] = len(out)
		out = append(out, p)
	}
	for i := range out {
		slices.SortStableFunc(out[i].Places, func(a, b whittle.Location) int {
			return cmp.Or(strings.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line))
		})
	}
	slices.SortStableFunc(out, func(a, b whittle.Problem) int {
		return cmp.Or(cmp.Compare(a.Severity.Rank(), b.Severity.Rank()), cmp.Compare(turn(&a), turn(&b)), strings.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line))
	})
	return out
}

// turn is 1 for what only console scripts and commands reach, else 0.
func turn(p *whittle.Problem) int {
	starts := p.Starts()
	if len(starts) > 0 && !slices.ContainsFunc(starts, whittle.IsProduction) {
		return 1
	}
	return 0
}

// placeOf is a problem as a further place of another; its module is said where
// that is not the other's.
func placeOf(p *whittle.Problem, module string) whittle.Location {
	at := whittle.Location{Path: p.Path, Line: p.Line, ReachedFrom: p.ReachedFrom}
	if p.Module != module {
		at.Module = p.Module
	}
	return at
}
