package rule

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"whittle"
	"whittle/internal/pep"
	"whittle/internal/python"
)

func unusedDependency() Rule {
	return Rule{
		ID:    "unused-dependency",
		Title: "Declared dependencies that nothing imports",
		Text: `The image's starts, the commands that have to work and all modules that they reach import nothing of the
distribution, not in functions either; no used distribution loads it by a name that is known or as a plug-in, and no string, script, setting
or command of the application names it, its modules, its programs or what it plugs into. What is freed is all that only
it needs: the size is that of the whole group, and of several that share what they need that of all together. Constraints may keep their
lines.`,
		Before: "dependencies = [\n    \"pandas>=2\",\n    \"pygwalker>=0.5\",\n]\n",
		After:  "dependencies = [\n    \"pandas>=2\",\n]\n",
		Run:    findUnused,
	}
}

// asked are the positions of the distributions that the project asks for, and
// of those that nothing requires: what is installed for its own sake. The
// project itself is none of them, as its requirements are what is changed.
func (p *Pass) asked() []int {
	own := map[int]bool{}
	for i := range p.Graph.Distributions {
		own[i] = p.isApplication(&p.Graph.Distributions[i])
	}
	var out []int
	add := func(i int) {
		if i >= 0 && !own[i] && !slices.Contains(out, i) {
			out = append(out, i)
		}
	}
	for _, e := range p.Graph.Edges {
		if e.From >= 0 && own[e.From] || e.From < 0 {
			add(e.To)
		}
	}
	for _, d := range p.declared() {
		if i, ok := p.Graph.Find(d.Name); ok {
			add(i)
		}
	}
	for _, i := range p.Graph.Roots() {
		add(i)
	}
	slices.Sort(out)
	return out
}

// declared are the dependencies that the project declares to run, for
// everything or for an extra.
func (p *Pass) declared() []*python.Dependency {
	var out []*python.Dependency
	if p.Declared == nil {
		return nil
	}
	for i := range p.Declared.Dependencies {
		if d := &p.Declared.Dependencies[i]; d.Kind == python.Runs || d.Kind == python.Optional {
			out = append(out, d)
		}
	}
	return out
}

// usage is how a distribution is used.
func (p *Pass) usage(i int) Usage {
	if i < len(p.Usage) {
		return p.Usage[i]
	}
	return UsageUnknown
}

// contents are the items of distributions above the base image, dead ones and
// the wheels that they were installed from included. What was deleted is known
// by their RECORDs alone.
func (p *Pass) contents(dists []int) []int {
	names, recorded := map[string]bool{}, p.recorded(dists)
	for _, i := range dists {
		names[p.Graph.Distributions[i].Name] = true
	}
	var out []int
	for i := range p.Ledger.Items {
		it := &p.Ledger.Items[i]
		if it.Bytes == 0 || p.base(it.Layer) {
			continue
		}
		if p.Owner[i].Ecosystem == "pypi" && names[p.Owner[i].Name] || it.Cause != whittle.Live && recorded[it.Path] {
			out = append(out, i)
		} else if strings.HasSuffix(it.Path, ".whl") {
			name, _, _ := strings.Cut(path.Base(it.Path), "-")
			if names[pep.Normalize(name)] {
				out = append(out, i)
			}
		}
	}
	return out
}

// recorded are all paths that the RECORDs of distributions name, whether they
// are there or not.
func (p *Pass) recorded(dists []int) map[string]bool {
	out := map[string]bool{}
	for _, i := range dists {
		d := &p.Graph.Distributions[i]
		for file := range p.recordLines(d) {
			out[file] = true
		}
	}
	return out
}

// recordLines are the lines of a distribution's RECORD by the path that each
// names, in the root.
func (p *Pass) recordLines(d *python.Distribution) map[string]string {
	text, err := p.Root.ReadFile(d.Record+"/RECORD", maxSource)
	if err != nil {
		return nil
	}
	out := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if file, _, ok := strings.Cut(line, ","); ok {
			out[path.Join(d.Site, file)] = line
		}
	}
	return out
}

// owned are the bytes that each distribution has above the base image, by
// position.
func (p *Pass) owned() []int64 {
	byName := map[string]int64{}
	for i := range p.Ledger.Items {
		if p.ofDistribution(i) {
			byName[p.Owner[i].Name] += p.Ledger.Items[i].Bytes
		}
	}
	out := make([]int64, len(p.Graph.Distributions))
	for i := range out {
		if d := &p.Graph.Distributions[i]; d.VendoredBy == "" {
			out[i] = byName[d.Name]
		}
	}
	return out
}

// removable are the positions of declared distributions that nothing uses and
// whose removal takes nothing along that is used.
func (p *Pass) removable(roots []int) []int {
	var out []int
	imports, ok := p.projectImports()
	said, all := p.said()
	if !ok || !all {
		return nil
	}
	looked := map[int]bool{}
	named := func(i int) bool {
		found, ok := looked[i]
		if !ok {
			_, found = namedIn(said, &p.Graph.Distributions[i])
			looked[i] = found
		}
		return found
	}
	for _, d := range p.declared() {
		i, ok := p.Graph.Find(d.Name)
		if ok && p.usage(i) == Unused && slices.Contains(roots, i) && !slices.Contains(out, i) && !buildsOthers(d.Name) &&
			!slices.ContainsFunc(p.Graph.Distributions[i].ImportNames(), func(m string) bool { return imports[m] }) && !named(i) && !p.partOfUsed(i) {
			out = append(out, i)
		}
	}
	slices.Sort(out)
	for {
		// Data without modules is of unknown use, and goes with the only ones
		// that require it.
		bad := slices.DeleteFunc(p.Graph.Frees(roots, out...), func(i int) bool { return p.usage(i) < Lazy && !named(i) })
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
// as plug-ins do (dbt.adapters.postgres): the other one finds it there by name.
func (p *Pass) partOfUsed(i int) bool {
	for _, name := range p.Graph.Distributions[i].ImportNames() {
		if slices.Contains([]string{"google", "azure", "backports", "jaraco", "zope", "ruamel", "mpl_toolkits", "sphinxcontrib"}, name) {
			continue // unrelated distributions share these
		}
		for j := range p.Graph.Distributions {
			if d := &p.Graph.Distributions[j]; j != i && d.VendoredBy == "" && p.usage(j) >= Plugin && slices.Contains(d.ImportNames(), name) {
				return true
			}
		}
	}
	return false
}

// buildsOthers says that a distribution builds or installs others: nobody
// imports those.
func buildsOthers(name string) bool {
	return slices.Contains([]string{"pip", "setuptools", "wheel", "build", "hatchling", "flit-core", "poetry-core", "pdm-backend", "setuptools-scm",
		"meson-python", "scikit-build-core", "maturin", "uv", "poetry", "pdm", "pipenv"}, pep.Normalize(name))
}

// together parts distributions into groups of those that share what is freed,
// in their order.
func (p *Pass) together(dists []int, freed []int) [][]int {
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

func findUnused(p *Pass) []whittle.Finding {
	if p.Graph == nil || p.Declared == nil || len(p.Usage) == 0 {
		return nil
	}
	roots := p.asked()
	unused := p.removable(roots)
	if len(unused) == 0 {
		return nil
	}
	var out []whittle.Finding
	for _, group := range p.together(unused, p.Graph.Frees(roots, unused...)) {
		freed := p.Graph.Frees(roots, group...)
		if items := p.contents(freed); p.bytes(items) >= small {
			out = append(out, p.unused(group, freed, items))
		}
	}
	return out
}

// unused states that a group of distributions is used by nothing.
func (p *Pass) unused(group, freed, items []int) whittle.Finding {
	names := p.names(group)
	deps := slices.DeleteFunc(p.declared(), func(d *python.Dependency) bool {
		i, ok := p.Graph.Find(d.Name)
		return !ok || !slices.Contains(group, i)
	})
	f := whittle.Finding{
		Evidence: p.byDistribution(items), Change: p.remove(items), Fingerprint: whittle.Fingerprint("unused-dependency", names...),
		Advice: "remove " + list(names) + " from what the project declares",
	}
	for _, d := range deps {
		f.Evidence = append(f.Evidence, whittle.Evidence{Layer: -1, File: d.File, Line: d.Line, What: d.Text})
	}
	is := "is"
	if len(names) > 1 {
		is = "are"
	}
	f.Message = fmt.Sprintf("%s %s imported by nothing that the image starts", list(names), is)
	if others := len(freed) - len(p.present(group, freed)); others > 0 {
		f.Message += fmt.Sprintf("; with what only %s %s: %s in %s", pronoun(names), needs(names), whittle.Bytes(p.bytes(items)), distributions(len(freed)))
	} else {
		f.Message += ": " + whittle.Bytes(p.bytes(items))
	}
	f.Risk, f.Caution = p.unusedRisk(group, freed)
	if extra, ok := development(deps); ok {
		f.Advice = "install the project without the extra " + extra
	} else if patches, ok := p.undeclare(deps); ok {
		f.Fix = p.projectFix("remove "+list(names), patches)
	}
	return f
}

// development finds an extra that serves whoever develops the project: it is
// right that it declares them, and an image should not have it.
func development(deps []*python.Dependency) (extra string, ok bool) {
	for _, d := range deps {
		for _, word := range []string{"dev", "test", "lint", "doc", "typing", "mypy"} {
			if strings.Contains(strings.ToLower(d.Extra), word) {
				return d.Extra, true
			}
		}
	}
	return "", false
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

func distributions(n int) string {
	if n == 1 {
		return "1 distribution"
	}
	return fmt.Sprintf("%d distributions", n)
}

// present are those of a group that are among others.
func (p *Pass) present(group, others []int) []int {
	return slices.DeleteFunc(slices.Clone(group), func(i int) bool { return !slices.Contains(others, i) })
}

// names are those of distributions, sorted.
func (p *Pass) names(dists []int) []string {
	var out []string
	for _, i := range dists {
		out = append(out, p.Graph.Distributions[i].Name)
	}
	slices.Sort(out)
	return out
}

// byDistribution are items as evidence, one row for each distribution and
// layer, the largest first. The path is the folder that has the most of it.
func (p *Pass) byDistribution(items []int) []whittle.Evidence {
	type key struct {
		what  string
		layer int
	}
	rows := map[key]*whittle.Evidence{}
	folders := map[key]map[string]int64{}
	sites := p.sites()
	for _, i := range items {
		it := &p.Ledger.Items[i]
		k, folder := key{p.Owner[i].String(), it.Layer}, it.Path
		if p.Owner[i].Ecosystem != "pypi" {
			k.what = path.Base(it.Path)
		} else if s, ok := site(sites, it.Path); ok {
			folder = path.Join(s, topFolder(it.Path[len(s)+1:]))
		}
		if rows[k] == nil {
			rows[k] = &whittle.Evidence{Layer: k.layer, What: k.what}
			folders[k] = map[string]int64{}
		}
		rows[k].Bytes += it.Bytes
		rows[k].Files++
		folders[k][folder] += it.Bytes
	}
	out := make([]whittle.Evidence, 0, len(rows))
	for k, e := range rows {
		for _, f := range slices.Sorted(maps.Keys(folders[k])) {
			if e.Path == "" || folders[k][f] > folders[k][e.Path] {
				e.Path = f
			}
		}
		out = append(out, *e)
	}
	slices.SortFunc(out, func(a, b whittle.Evidence) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), strings.Compare(a.What, b.What), cmp.Compare(a.Layer, b.Layer))
	})
	if len(out) <= maxPlaces {
		return out
	}
	rest := whittle.Evidence{Layer: -1, What: "in other places"}
	for _, e := range out[maxPlaces-1:] {
		rest.Bytes += e.Bytes
		rest.Files += e.Files
	}
	return append(out[:maxPlaces-1], rest)
}
