package distribution

import (
	"fmt"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/rule/analysis"
)

// OptionalDependency is the rule optional-dependency: large dependencies that
// only some functions import.
func OptionalDependency() analysis.Rule {
	return analysis.Rule{
		ID:    "optional-dependency",
		Title: "Heavy dependencies that only some functions import",
		Text: `The distribution is only imported when a function runs, or only if it is installed: what the image starts would also start without it. If
one command of several needs it, an extra and a separate image keep it out of all the others. Only a person can decide whether that is
worth it, so there is no fix. With a trace, what a run touched is not reported.`,
		Before: "dependencies = [\"click\", \"matplotlib\"]\n",
		After:  "dependencies = [\"click\"]\n\n[project.optional-dependencies]\nreports = [\"matplotlib\"]\n",
		Run:    findOptional,
	}
}

// heavySize is the size in bytes, with all that only it needs, from which a
// dependency is reported.
const heavySize = 20_000_000

func findOptional(p *analysis.Pass) []whittle.Finding {
	if p.Graph == nil || p.Declared == nil || len(p.Usage) == 0 || isPartial(p) {
		return nil
	}
	roots := p.Dists.Requested()
	retained := p.Graph.Retained(p.Dists.Sizes(), roots)
	var out []whittle.Finding
	seen := map[int]bool{}
	for _, d := range p.Dists.Declared() {
		i, ok := p.Graph.Find(d.Name)
		if !ok || seen[i] || isForDevelopment(d) || retained[i].Size <= heavySize || p.Dists.Usage(i) != analysis.Lazy && p.Dists.Usage(i) != analysis.Optional {
			continue
		}
		seen[i] = true
		freed := p.Graph.Frees(roots, i)
		if !slices.Contains(freed, i) || slices.ContainsFunc(freed, func(f int) bool {
			return p.Dists.Usage(f) == analysis.Eager || p.Traced.Distribution(p.Graph.Distributions[f].Name)
		}) {
			continue
		}
		items := p.Dists.Contents(freed)
		size := p.Layers.Bytes(items)
		f := whittle.Finding{
			Evidence: append(p.Dists.ByDistribution(items), whittle.Evidence{Layer: -1, File: d.File, Line: d.Line, What: d.Text}),
			Change:   p.Layers.Removal(items), Risk: whittle.RiskHigh,
			Caution:     "the functions that import it fail, or do less, in an image without it",
			Fingerprint: whittle.Fingerprint("optional-dependency", p.Graph.Distributions[i].Name),
		}
		f.Change.Plus = size // whoever needs it in some image saves nothing there
		when := "only imported when a function runs"
		if p.Dists.Usage(i) == analysis.Optional {
			when = "only imported if it is there"
		}
		f.Message = fmt.Sprintf("%s is %s; with what only it needs it takes %s in %s", d.Name, when, whittle.Bytes(size), analysis.Count(len(freed), "distribution"))
		f.Advice = "declare " + d.Name + " in an extra, and build an image without it for those who do not need it"
		if traced := p.Traced.Evidence(items); len(traced) > 0 {
			f.Message += ", and no traced run touched it"
			f.Evidence, f.Untouched = append(f.Evidence, traced...), true
		}
		if extras := extrasNeeded(p, i); len(extras) > 0 {
			f.Advice = "build an image without the extra " + strings.Join(extras, " or ") + " for those who do not need " + d.Name
		}
		out = append(out, f)
	}
	return out
}

// isPartial says that a part of the application is missing from the image, so
// that its imports at start are not known.
func isPartial(p *analysis.Pass) bool {
	return p.Check != nil && slices.ContainsFunc(p.Check.Problems, func(q whittle.Problem) bool {
		return q.Rule == whittle.CheckMissingSource || q.Rule == whittle.CheckNotOnPath || q.Rule == whittle.CheckMissingEntryPoint
	})
}

// extrasNeeded are the extras that declare a distribution, empty if the
// project's dependencies do.
func extrasNeeded(p *analysis.Pass, i int) []string {
	var out []string
	for _, d := range p.Dists.Declared() {
		if j, ok := p.Graph.Find(d.Name); !ok || j != i {
			continue
		}
		if d.Extra == "" {
			return nil
		}
		if !slices.Contains(out, d.Extra) {
			out = append(out, d.Extra)
		}
	}
	return out
}
