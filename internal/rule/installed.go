package rule

import (
	"cmp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
)

// installed are items that one RUN installs.
type installed struct {
	by    install
	items []int
}

// byInstall parts items by the RUN that installs them, in the order of the
// Dockerfile. A copy that a higher layer makes of a file belongs to the RUN
// that made the file. The rest came in another way.
func (p *Pass) byInstall(items []int) (groups []installed, rest []int) {
	lowest := map[string]int{}
	for i := range p.Ledger.Items {
		it := &p.Ledger.Items[i]
		if _, ok := lowest[it.Path]; !ok {
			lowest[it.Path] = it.Layer
		}
	}
	type answer struct {
		by install
		ok bool
	}
	known := map[int]answer{}
	for _, i := range items {
		layer := lowest[p.Ledger.Items[i].Path]
		a, asked := known[layer]
		if !asked {
			a.by, a.ok = p.recipe.install(layer)
			known[layer] = a
		}
		k := slices.IndexFunc(groups, func(g installed) bool { return g.by == a.by })
		switch {
		case !a.ok:
			rest = append(rest, i)
		case k >= 0:
			groups[k].items = append(groups[k].items, i)
		default:
			groups = append(groups, installed{a.by, []int{i}})
		}
	}
	slices.SortStableFunc(groups, func(a, b installed) int {
		return cmp.Or(cmp.Compare(a.by.run.Line, b.by.run.Line), strings.Compare(a.by.here, b.by.here))
	})
	return groups, rest
}

// listed names layers: "COPY line 3 and RUN line 8".
func (p *Pass) listed(layers []int) string {
	var names []string
	for _, layer := range layers {
		names = append(names, p.recipe.named(layer))
	}
	return list(names)
}

// quoted is a path of the image, where it is while a group's RUN runs, as a
// word of its shell. Where the base image's tag may come to mean another
// Python, the version in the path is a pattern.
func (p *Pass) quoted(g *installed, at string) string {
	word := dockerfile.Quote(g.by.path(at))
	version := libPython.FindString(word)
	if version == "" || strings.Contains(string(p.Dockerfile.Source), version) || p.recipe.pinsPython(g.by.run.Stage, strings.Trim(version, "/python")) {
		return word
	}
	if glob := strings.Replace(word, version, "/python3.*/", 1); !strings.HasPrefix(word, "'") {
		return glob
	}
	return word
}

// appended is the fix that has each RUN run one more command at its end. ok is
// false where one of them takes none.
func (p *Pass) appended(title string, groups []installed, command func(*installed) string) (*whittle.Fix, bool) {
	var edits []whittle.Edit
	for i := range groups {
		e, err := groups[i].by.run.AppendCommand(command(&groups[i]))
		if err != nil {
			return nil, false
		}
		edits = append(edits, e)
	}
	return p.recipe.dockerfileFix(title, edits)
}

// runs names the RUNs of some groups: "RUN line 5".
func (p *Pass) runs(groups []installed) string {
	var names []string
	for _, g := range groups {
		if name := short(g.by.run); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return list(names)
}

// runLines are the RUNs of some groups as evidence.
func (p *Pass) runLines(groups []installed) []whittle.Evidence {
	var out []whittle.Evidence
	for _, g := range groups {
		e := whittle.Evidence{Layer: -1, File: p.Dockerfile.Name, Line: g.by.run.Line, What: g.by.run.Keyword}
		if !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	return out
}
