// Package distribution has the rules about Python distributions as a whole: those
// that are unused, optional, undeclared, declared in the wrong place or for
// developers only, and wheels of which there is a smaller build.
package distribution

import (
	"fmt"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/rule/analysis"
)

// UnusedDependency is the rule unused-dependency: declared dependencies that
// nothing imports.
func UnusedDependency() analysis.Rule {
	return analysis.Rule{
		ID:    "unused-dependency",
		Title: "Declared dependencies that nothing imports",
		Text: `What the image starts, the commands that must work and all modules that they reach never import the distribution, not in functions either.
No used distribution loads it by name (docs/explanation/loaded-by-name.md) or as a plug-in. No string, script, setting or command of the application names it, its
modules, its programs or the plug-ins that it provides. Removing it also removes everything that only it needs, so the saving is that of
the whole group. With a trace (whittle trace, --trace), nothing goes of which a run touched a file, and the finding says that no run did. If several unused distributions share what they need, the saving is that of all together. Lines of constraints files may
stay.`,
		Before: "dependencies = [\n    \"pandas>=2\",\n    \"pygwalker>=0.5\",\n]\n",
		After:  "dependencies = [\n    \"pandas>=2\",\n]\n",
		Run:    findUnused,
	}
}

// removable are the positions of declared distributions that nothing uses and
// whose removal removes nothing that is used.
func removable(p *analysis.Pass, roots []int) []int {
	var out []int
	imports, ok := p.Project.Imports()
	said, all := p.AllTexts()
	if !ok || !all {
		return nil
	}
	looked := map[int]bool{}
	asks := asksForEntryPoints(p)
	named := func(i int) bool {
		found, ok := looked[i]
		if !ok {
			_, found = said.Naming(&p.Graph.Distributions[i])
			found = found || asks && plugsIn(&p.Graph.Distributions[i]) || p.Traced.Distribution(p.Graph.Distributions[i].Name) || loaded(p, said, &p.Graph.Distributions[i])
			looked[i] = found
		}
		return found
	}
	for _, d := range p.Dists.Declared() {
		i, ok := p.Graph.Find(d.Name)
		if ok && p.Dists.Usage(i) == analysis.Unused && slices.Contains(roots, i) && !slices.Contains(out, i) && !buildsOthers(d.Name) && !isForDevelopment(d) &&
			!slices.ContainsFunc(p.Graph.Distributions[i].ImportNames(), func(m string) bool { return imports[m] }) && !named(i) && !partOfUsed(p, i) {
			out = append(out, i)
		}
	}
	slices.Sort(out)
	for {
		// The use of data without modules is not known. It is removed together
		// with the only distributions that require it.
		bad := slices.DeleteFunc(p.Graph.Frees(roots, out...), func(i int) bool { return p.Dists.Usage(i) < analysis.Lazy && !named(i) })
		if len(bad) == 0 {
			return out
		}
		// Whoever leads to it keeps it in the image.
		n := len(out)
		out = slices.DeleteFunc(out, func(c int) bool {
			needed := p.Graph.Needed([]int{c})
			return slices.ContainsFunc(bad, func(b int) bool { return needed[b] })
		})
		if len(out) == n {
			return nil
		}
	}
}

// partOfUsed says that a distribution shares its package with one that is used,
// as plug-ins do (dbt.adapters.postgres), which are found by name.
func partOfUsed(p *analysis.Pass, i int) bool {
	for _, name := range p.Graph.Distributions[i].ImportNames() {
		if slices.Contains([]string{"google", "azure", "backports", "jaraco", "zope", "ruamel", "mpl_toolkits", "sphinxcontrib"}, name) {
			continue // unrelated distributions share these
		}
		for j := range p.Graph.Distributions {
			if d := &p.Graph.Distributions[j]; j != i && d.VendoredBy == "" && p.Dists.Usage(j) >= analysis.Plugin && slices.Contains(d.ImportNames(), name) {
				return true
			}
		}
	}
	return false
}

// buildsOthers says that a distribution builds or installs others, which needs
// no import.
func buildsOthers(name string) bool {
	return slices.Contains([]string{"pip", "setuptools", "wheel", "build", "hatchling", "flit-core", "poetry-core", "pdm-backend", "setuptools-scm",
		"meson-python", "scikit-build-core", "maturin", "uv", "poetry", "pdm", "pipenv"}, pep.Normalize(name))
}

// freedTogether divides distributions into groups that free the same
// distributions, in their order.
func freedTogether(p *analysis.Pass, dists []int, freed []int) [][]int {
	group := make([]int, len(dists))
	needed := make([][]bool, len(dists))
	for i, d := range dists {
		group[i], needed[i] = i, p.Graph.Needed([]int{d})
	}
	for _, f := range freed {
		first := -1
		for i := range dists {
			switch {
			case !needed[i][f]:
			case first < 0:
				first = i
			default: // all of its group join the first's
				from := group[i]
				for j := range group {
					if group[j] == from {
						group[j] = group[first]
					}
				}
			}
		}
	}
	members := map[int][]int{}
	for i, d := range dists {
		members[group[i]] = append(members[group[i]], d)
	}
	var out [][]int
	for i := range dists {
		if members[i] != nil {
			out = append(out, members[i])
		}
	}
	return out
}

func findUnused(p *analysis.Pass) []whittle.Finding {
	if p.Graph == nil || p.Declared == nil || len(p.Usage) == 0 {
		return nil
	}
	roots := p.Dists.Requested()
	unused := removable(p, roots)
	if len(unused) == 0 {
		return nil
	}
	var out []whittle.Finding
	for _, group := range freedTogether(p, unused, p.Graph.Frees(roots, unused...)) {
		freed := p.Graph.Frees(roots, group...)
		if items := p.Dists.Contents(freed); p.Layers.Bytes(items) >= analysis.MinBytes {
			out = append(out, unusedDependencies(p, group, freed, items))
		}
	}
	return out
}

// unusedDependencies reports a group of distributions that nothing uses.
func unusedDependencies(p *analysis.Pass, group, freed, items []int) whittle.Finding {
	names := p.Dists.Names(group)
	deps := slices.DeleteFunc(p.Dists.Declared(), func(d *manifest.Dependency) bool {
		i, ok := p.Graph.Find(d.Name)
		return !ok || !slices.Contains(group, i)
	})
	f := whittle.Finding{
		Evidence: p.Dists.ByDistribution(items), Change: p.Layers.Removal(items), Fingerprint: whittle.Fingerprint("unused-dependency", names...),
		Advice: "remove " + analysis.List(names) + " from what the project declares",
	}
	for _, d := range deps {
		f.Evidence = append(f.Evidence, whittle.Evidence{Layer: -1, File: d.File, Line: d.Line, What: d.Text})
	}
	is := "is"
	if len(names) > 1 {
		is = "are"
	}
	f.Message = fmt.Sprintf("%s %s imported by nothing that the image starts", analysis.List(names), is)
	if traced := p.Traced.Evidence(items); len(traced) > 0 {
		f.Message += ", and touched by no traced run"
		f.Evidence, f.Untouched = append(f.Evidence, traced...), true
	}
	if others := len(freed) - len(present(group, freed)); others > 0 {
		f.Message += fmt.Sprintf("; with what only %s %s: %s in %s", pronoun(names), needs(names), whittle.Bytes(p.Layers.Bytes(items)), analysis.Count(len(freed), "distribution"))
	} else {
		f.Message += ": " + whittle.Bytes(p.Layers.Bytes(items))
	}
	f.Risk, f.Caution = unusedRisk(p, group, freed)
	if patches, ok := undeclare(p, deps); ok {
		f.Fix = projectFix(p, "remove "+analysis.List(names), patches)
	}
	afterRelease(p, &f)
	return f
}

// isForDevelopment says that a dependency is for developers: the rule
// development-tools reports it.
func isForDevelopment(d *manifest.Dependency) bool {
	return purposeOf(d.Name) != "" || d.Kind == manifest.Optional && forDevelopersOnly(d.Extra)
}

func pronoun(names []string) string {
	if len(names) == 1 {
		return "it"
	}
	return "they"
}

func needs(names []string) string {
	if len(names) == 1 {
		return "needs"
	}
	return "need"
}

// present are the members of a group that are among others.
func present(group, others []int) []int {
	return slices.DeleteFunc(slices.Clone(group), func(i int) bool { return !slices.Contains(others, i) })
}
