package sitepackages

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle/internal/rule/analysis"
	"whittle.dev/whittle/internal/shell"
)

const (
	// maxFolders is the number of folders that a command names even if a search
	// would find them all.
	maxFolders = 2
	// maxNamed is the number of folders that it names if a search would need
	// exceptions.
	maxNamed = 5
	// maxKept is the number of folders that a search excludes by name.
	maxKept = 2
)

// deleteFolders is the shortest command that deletes the folders of a group's
// items. It names a few folders, otherwise it searches for all of their kind.
// If too many of that kind must be kept, it names the largest, and drops the
// items of the others from the group.
func deleteFolders(p *analysis.Pass, g *analysis.Group, folders map[string][]int, kept []string) (command string, dropped []int) {
	mine := map[string]int64{}
	folderOf := map[int]string{}
	for _, i := range g.Items {
		for dir := path.Dir(p.Ledger.Items[i].Path); dir != "."; dir = path.Dir(dir) {
			if folders[dir] != nil {
				mine[dir] += p.Ledger.Items[i].Bytes
				folderOf[i] = dir
			}
		}
	}
	names := slices.Sorted(maps.Keys(mine))
	search, exceptions := search(p, g, names, kept)
	switch {
	case len(names) <= maxFolders || exceptions > 0 && len(names) <= maxNamed:
		return deleteNamed(p, g, names), nil
	case exceptions <= maxKept:
		return search, nil
	}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(mine[b], mine[a]) })
	names = names[:maxNamed]
	slices.Sort(names)
	g.Items = slices.DeleteFunc(g.Items, func(i int) bool {
		gone := !slices.Contains(names, folderOf[i])
		if gone {
			dropped = append(dropped, i)
		}
		return gone
	})
	return deleteNamed(p, g, names), dropped
}

// deleteNamed deletes folders by name.
func deleteNamed(p *analysis.Pass, g *analysis.Group, names []string) string {
	words := []string{"rm -rf"}
	for _, dir := range names {
		words = append(words, p.Quoted(g, dir))
	}
	return strings.Join(words, " ")
}

// search deletes all folders with the names of some, except those that are
// kept, and gives the number of exceptions.
func search(p *analysis.Pass, g *analysis.Group, names, kept []string) (command string, exceptions int) {
	sites, bases := map[string]bool{}, map[string]bool{}
	all := p.Dists.Sites()
	for _, dir := range names {
		s, _ := analysis.Site(all, dir)
		sites[s], bases[path.Base(dir)] = true, true
	}
	words := []string{"find"}
	for _, s := range slices.Sorted(maps.Keys(sites)) {
		words = append(words, p.Quoted(g, s))
	}
	words = append(words, "-type d")
	if b := slices.Sorted(maps.Keys(bases)); len(b) == 1 {
		words = append(words, "-name "+b[0])
	} else {
		words = append(words, `\( -name `+strings.Join(b, " -o -name ")+` \)`)
	}
	for _, dir := range kept {
		if s, _ := analysis.Site(all, dir); sites[s] && (bases[path.Base(dir)] || holds(p, dir, bases)) {
			exceptions++
			words = append(words, exceptFolder(dir[len(s):], names))
		}
	}
	return strings.Join(append(words, "-prune -exec rm -rf {} +"), " "), exceptions
}

// holds says that a folder contains folders with some names.
func holds(p *analysis.Pass, dir string, names map[string]bool) bool {
	for i := range p.Ledger.Items {
		rest, below := strings.CutPrefix(p.Ledger.Items[i].Path, dir+"/")
		if !below {
			continue
		}
		for part := range strings.SplitSeq(path.Dir(rest), "/") {
			if names[part] {
				return true
			}
		}
	}
	return false
}

// exceptFolder is a condition of find that is true for everything but a folder
// and its contents. It is a single pattern if that excludes none of the others.
func exceptFolder(below string, names []string) string {
	spared := func(dir string) bool { return strings.Contains(dir, below) }
	if strings.ContainsAny(below, "*?[\\'") || slices.ContainsFunc(names, spared) {
		at := shell.Quote("*" + below)
		return "! -path " + at + " ! -path " + shell.Quote("*"+below+"/*")
	}
	return "! -path '*" + below + "*'"
}
