package sitepackages

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/rule/analysis"
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
	// If as few folders as mostFolders hold this part of the bytes, in percent, only they
	// are named: a reader sees whose tests go, and a search would also find those of later
	// versions.
	mostFolders, mostBytes = 3, 80
)

// deleteFolders is the shortest command that deletes the folders of a group's
// items. It names a few folders, also if these are only most of them; otherwise it
// searches for all of their kind. If too many of that kind must be kept, it names the
// largest. It drops the items of those that stay from the group.
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
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(mine[b], mine[a]) })
	if few := most(names, mine); len(few) < len(names) && len(names) > maxFolders {
		slices.Sort(few)
		return deleteNamed(p, g, few), keepOnly(g, few, folderOf)
	}
	switch {
	case len(names) <= maxFolders || exceptions > 0 && len(names) <= maxNamed:
		slices.Sort(names)
		return deleteNamed(p, g, names), nil
	case exceptions <= maxKept:
		return search, nil
	}
	names = names[:maxNamed]
	slices.Sort(names)
	return deleteNamed(p, g, names), keepOnly(g, names, folderOf)
}

// most are the largest folders if a few of them hold most of the bytes; otherwise all.
// names are sorted by their bytes, the largest first.
func most(names []string, bytes map[string]int64) []string {
	var all, sum int64
	for _, n := range bytes {
		all += n
	}
	for i, name := range names[:min(len(names), mostFolders)] {
		if sum += bytes[name]; sum*100 >= all*mostBytes {
			return names[:i+1]
		}
	}
	return names
}

// keepOnly drops the items of other folders from a group.
func keepOnly(g *analysis.Group, names []string, folderOf map[int]string) (dropped []int) {
	g.Items = slices.DeleteFunc(g.Items, func(i int) bool {
		gone := !slices.Contains(names, folderOf[i])
		if gone {
			dropped = append(dropped, i)
		}
		return gone
	})
	return dropped
}

// deleteNamed deletes folders by name.
func deleteNamed(p *analysis.Pass, g *analysis.Group, names []string) string {
	words := []string{"rm -rf"}
	for _, dir := range names {
		words = append(words, p.Relative(g, dir))
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
		words = append(words, p.Relative(g, searched(p, g, s, bases)))
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
			except := exceptFolder(s, dir[len(s):], names)
			if except == "" {
				exceptions = maxKept + 1
			}
			words = append(words, except)
		}
	}
	return strings.Join(append(words, "-prune -exec rm -rf {} +"), " "), exceptions
}

// searched is the folder in which a search for folders with some names finds those of
// site-packages alone: the virtual environment around it, whose path has no version of
// Python.
func searched(p *analysis.Pass, g *analysis.Group, site string, names map[string]bool) string {
	env, rest, ok := strings.Cut(site, "/lib/python3")
	if !ok || names[path.Base(g.Install.Path(env))] || !strings.HasSuffix(rest, "/site-packages") || g.Install.Here != "" && !whittle.Under(env, g.Install.Here) {
		return site
	}
	isEnvironment := false
	for i := range p.Ledger.Tree.Nodes {
		at := p.Ledger.Tree.Nodes[i].Path
		if !whittle.Under(at, env) || whittle.Under(at, site) {
			continue
		}
		isEnvironment = isEnvironment || at == env+"/pyvenv.cfg"
		for part := range strings.SplitSeq(strings.TrimPrefix(at, env), "/") {
			if names[part] {
				return site
			}
		}
	}
	if !isEnvironment {
		return site
	}
	return env
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
// and its contents. It is a single pattern if that excludes none of the others. It is
// empty if every pattern would exclude others, too.
func exceptFolder(site, below string, names []string) string {
	for _, at := range []string{below, "/" + path.Base(site) + below} {
		in := func(dir string) bool { return strings.Contains(dir, at) }
		same := func(dir string) bool { return strings.HasSuffix(dir, at) || strings.Contains(dir, at+"/") }
		switch special := strings.ContainsAny(at, "*?[\\'"); {
		case special:
		case !slices.ContainsFunc(names, in):
			return "! -path '*" + at + "*'"
		case !slices.ContainsFunc(names, same):
			return "! -path '*" + at + "' ! -path '*" + at + "/*'"
		}
	}
	return ""
}
