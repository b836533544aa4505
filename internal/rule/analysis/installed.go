package analysis

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/shell"
)

// Group are items that one RUN installs.
type Group struct {
	Install recipe.Install
	Items   []int
}

// ByInstall groups items by the RUN that installs them, in the order of the
// Dockerfile. A copy of a file in a higher layer belongs to the RUN that made the
// file. rest are the items that no RUN installs.
func (p *Pass) ByInstall(items []int) (groups []Group, rest []int) {
	lowest := map[string]int{}
	for i := range p.Ledger.Items {
		it := &p.Ledger.Items[i]
		if _, ok := lowest[it.Path]; !ok {
			lowest[it.Path] = it.Layer
		}
	}
	type answer struct {
		by recipe.Install
		ok bool
	}
	known := map[int]answer{}
	for _, i := range items {
		layer := lowest[p.Ledger.Items[i].Path]
		a, asked := known[layer]
		if !asked {
			a.by, a.ok = p.Recipe.Installer(layer)
			known[layer] = a
		}
		k := slices.IndexFunc(groups, func(g Group) bool { return g.Install == a.by })
		switch {
		case !a.ok:
			rest = append(rest, i)
		case k >= 0:
			groups[k].Items = append(groups[k].Items, i)
		default:
			groups = append(groups, Group{a.by, []int{i}})
		}
	}
	slices.SortStableFunc(groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(a.Install.Run.Line, b.Install.Run.Line), strings.Compare(a.Install.Here, b.Install.Here))
	})
	return groups, rest
}

// LayerNames names layers: "COPY line 3 and RUN line 8".
func (p *Pass) LayerNames(layers []int) string {
	var names []string
	for _, layer := range layers {
		names = append(names, p.Recipe.LayerName(layer))
	}
	return List(names)
}

// Quoted is a path of the image as a word of the shell of a group's RUN, at its
// place during that RUN. The version of Python in the path is a pattern, so that the
// command goes on to work with another base image, unless the Dockerfile has such a path
// of its own.
func (p *Pass) Quoted(g *Group, at string) string {
	word := shell.Quote(g.Install.Path(at))
	version := libPython.FindString(word)
	if version == "" || strings.Contains(string(p.Dockerfile.Source), version) {
		return word
	}
	if glob := strings.Replace(word, version, "/python3.*/", 1); !strings.HasPrefix(word, "'") {
		return glob
	}
	return word
}

// Relative is what Quoted gives, from the working directory of the group's RUN if the
// path is below it, and no command changes it.
func (p *Pass) Relative(g *Group, at string) string {
	word, run := p.Quoted(g, at), g.Install.Run
	dir := p.Recipe.Last(run, "WORKDIR")
	script, err := run.Shell()
	if err != nil || dir == "" || dir == "/" || strings.Contains(dir, "$") || slices.ContainsFunc(script.Commands(), func(c dockerfile.Command) bool {
		return c.Name() == "" && len(c.Words) > 0 || slices.Contains([]string{"cd", "pushd", "popd", "eval", "source", "."}, c.Name())
	}) {
		return word
	}
	if rest, ok := strings.CutPrefix(word, path.Clean(dir)+"/"); ok && !strings.HasPrefix(rest, "-") {
		return rest
	}
	return word
}

// AppendedFix is the fix that appends a command to each RUN. ok is false if that is
// not possible for one of them.
func (p *Pass) AppendedFix(title string, groups []Group, command func(*Group) string) (*whittle.Fix, bool) {
	var edits []whittle.Edit
	for i := range groups {
		e, err := groups[i].Install.Run.AppendCommand(command(&groups[i]))
		if err != nil {
			return nil, false
		}
		edits = append(edits, e)
	}
	return p.Recipe.Fix(title, edits)
}

// RunNames names the RUNs of groups: "Dockerfile:5".
func (p *Pass) RunNames(groups []Group) string {
	var names []string
	for _, g := range groups {
		if name := p.Recipe.Name(g.Install.Run); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return List(names)
}

// RunLines are the RUNs of groups as evidence.
func (p *Pass) RunLines(groups []Group) []whittle.Evidence {
	var out []whittle.Evidence
	for _, g := range groups {
		e := whittle.Evidence{Layer: -1, File: p.Dockerfile.Name, Line: g.Install.Run.Line, What: g.Install.Run.Keyword}
		if !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	return out
}

// libPython matches the folder of an interpreter's libraries.
var libPython = regexp.MustCompile(`/python3\.\d+/`)
