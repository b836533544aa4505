package rule

import (
	"fmt"
	"slices"
	"strings"

	"whittle.dev/whittle"
)

func optionalDependency() Rule {
	return Rule{
		ID:    "optional-dependency",
		Title: "Heavy dependencies that only some functions import",
		Text: `The distribution is imported when a function runs, or only if it is there: what the image starts would start without
it. Where one command of several needs it, an extra and an image of its own keep it out of all the others. Whether that is worth it, and
whose function it is, is for a person to decide: there is no fix.`,
		Before: "dependencies = [\"click\", \"matplotlib\"]\n",
		After:  "dependencies = [\"click\"]\n\n[project.optional-dependencies]\nreports = [\"matplotlib\"]\n",
		Run:    findOptional,
	}
}

// heavy is what makes a dependency worth an image of its own, in bytes with all
// that only it needs.
const heavy = 20_000_000

func findOptional(p *Pass) []whittle.Finding {
	if p.Graph == nil || p.Declared == nil || len(p.Usage) == 0 || partial(p) {
		return nil
	}
	roots := p.dists.asked()
	retained := p.Graph.Retained(p.dists.owned(), roots)
	var out []whittle.Finding
	seen := map[int]bool{}
	for _, d := range p.dists.declared() {
		i, ok := p.Graph.Find(d.Name)
		if !ok || seen[i] || retained[i].Size <= heavy || p.dists.usage(i) != Lazy && p.dists.usage(i) != Optional {
			continue
		}
		seen[i] = true
		freed := p.Graph.Frees(roots, i)
		if !slices.Contains(freed, i) || slices.ContainsFunc(freed, func(f int) bool { return p.dists.usage(f) == Eager }) {
			continue
		}
		items := p.dists.contents(freed)
		size := p.layers.bytes(items)
		f := whittle.Finding{
			Evidence: append(p.dists.byDistribution(items), whittle.Evidence{Layer: -1, File: d.File, Line: d.Line, What: d.Text}),
			Change:   p.layers.remove(items), Risk: whittle.RiskHigh,
			Caution:     "the functions that import it fail, or do less, in an image without it",
			Fingerprint: whittle.Fingerprint("optional-dependency", p.Graph.Distributions[i].Name),
		}
		f.Change.Plus = size // whoever needs it in some image saves nothing there
		when := "only imported when a function runs"
		if p.dists.usage(i) == Optional {
			when = "only imported if it is there"
		}
		f.Message = fmt.Sprintf("%s is %s; with what only it needs it takes %s in %s", d.Name, when, whittle.Bytes(size), distributions(len(freed)))
		f.Advice = "declare " + d.Name + " in an extra, and build an image without it for those who do not need it"
		if extras := extrasNeeded(p, i); len(extras) > 0 {
			f.Advice = "build an image without the extra " + strings.Join(extras, " or ") + " for those who do not need " + d.Name
		}
		out = append(out, f)
	}
	return out
}

// partial says that a part of the application is not in the image: what it
// imports at start is not known.
func partial(p *Pass) bool {
	return p.Check != nil && slices.ContainsFunc(p.Check.Problems, func(q whittle.Problem) bool {
		return q.Rule == whittle.CheckMissingSource || q.Rule == whittle.CheckNotOnPath || q.Rule == whittle.CheckMissingEntryPoint
	})
}

// extrasNeeded are the extras that declare a distribution, empty where the
// project's plain dependencies do.
func extrasNeeded(p *Pass, i int) []string {
	var out []string
	for _, d := range p.dists.declared() {
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
