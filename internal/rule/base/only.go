package base

import (
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// onlyFull are the packages of the base, above its lowest layer, that a slim
// image does not have. Certain are all that are needed neither by the language
// nor by the packages that the Dockerfile installs. If no binary was read, the
// libraries that the language links to are not known; then only tools and the
// packages that only they need are certain, and all others perhaps. also are packages
// that stay.
func onlyFull(p *analysis.Pass, s *analysis.Packages, also []int) (certain, perhaps []int) {
	var tools []int
	roots, has := slices.Clone(also), inSlim(p)
	for n := range s.List {
		if k := &s.List[n]; k.Layer > 0 && p.Layers.IsBase(k.Layer) && analysis.IsBuildTool(k.Name) {
			tools = append(tools, n)
		} else if k.Layer == 0 || k.Layer > 0 && !p.Layers.IsBase(k.Layer) || slices.Contains(has, k.Name) {
			roots = append(roots, n)
		}
	}
	roots = append(append(roots, linkedPackages(p, s)...), installedByName(p, s)...)
	kept := s.Needed(roots, false)
	for n := range s.List {
		k := &s.List[n]
		switch {
		case k.Layer <= 0 || !p.Layers.IsBase(k.Layer) || kept[n]:
		case p.Libraries != nil, slices.Contains(tools, n):
			certain = append(certain, n)
		default:
			perhaps = append(perhaps, n)
		}
	}
	return certain, perhaps
}

// linkedPackages are the packages of the libraries that the language links to,
// without those that only Tk needs, which slim images do not have.
func linkedPackages(p *analysis.Pass, s *analysis.Packages) (out []int) {
	if p.Libraries == nil {
		return nil
	}
	sonames := map[string]bool{}
	for i := range p.Ledger.Tree.Nodes {
		n := &p.Ledger.Tree.Nodes[i]
		if n.Item < 0 || !p.Layers.IsBase(n.Layer) || !ofLanguage(n.Path) || strings.Contains(n.Path, "tkinter") {
			continue
		}
		for _, name := range p.Libraries(n.Path) {
			sonames[name] = true
		}
	}
	for n := range s.List {
		if slices.ContainsFunc(s.List[n].Items, func(i int) bool { return provides(path.Base(p.Ledger.Items[i].Path), sonames) }) {
			out = append(out, n)
		}
	}
	return out
}

// provides says that a file is the library with one of the names, which may be
// links to it: libffi.so.8.1.2 is libffi.so.8.
func provides(file string, sonames map[string]bool) bool {
	for name := file; strings.Contains(name, ".so"); {
		if sonames[name] {
			return true
		}
		i := strings.LastIndexByte(name, '.')
		if i < 0 {
			break
		}
		name = name[:i]
	}
	return false
}

// installedByName are the packages that the Dockerfile installs by name. Even
// if the base already has them, they would be installed on another base.
func installedByName(p *analysis.Pass, s *analysis.Packages) (out []int) {
	for _, in := range p.Recipe.Chain() {
		if in.Keyword != "RUN" {
			continue
		}
		commands, _ := recipe.AptCommands(in)
		for i := range commands {
			for _, name := range commands[i].Packages() {
				out = append(out, s.Providers[name]...)
			}
		}
	}
	return out
}

// ofLanguage says that a path belongs to the language itself and not to a
// package.
func ofLanguage(at string) bool {
	return strings.HasPrefix(at, "usr/local/") || strings.HasPrefix(at, "opt/")
}

// inSlim are the packages that the slim image installs besides libraries: see
// Dockerfile-linux.template of github.com/docker-library/python, Dockerfile.template
// of github.com/docker-library/ruby and Dockerfile-slim.template of
// github.com/nodejs/docker-node.
func inSlim(p *analysis.Pass) []string {
	if st := baseStage(p); st != nil {
		switch o, _ := parseOfficial(st.BaseResolved); o.name {
		case "python":
			return []string{"ca-certificates", "netbase", "tzdata"}
		case "ruby":
			return []string{"ca-certificates"}
		}
	}
	return nil
}

// emptyInSlim are folders that are empty in every released official image.
var emptyInSlim = []string{"var/cache/apt", "var/cache/man", "var/lib/apt/lists", "tmp"}

// excludedInSlim are the folders that Debian's slim images exclude from every
// package, except copyright files.
var excludedInSlim = []string{"usr/share/doc", "usr/share/info", "usr/share/linda", "usr/share/lintian", "usr/share/locale", "usr/share/man"}

// slimmedItems are the items of the base in folders that slim images exclude or
// that must be empty, without the items in but.
func slimmedItems(p *analysis.Pass, but []int) (out []int) {
	have := map[int]bool{}
	for _, i := range but {
		have[i] = true
	}
	for i := range p.Ledger.Items {
		it := &p.Ledger.Items[i]
		base := path.Base(it.Path)
		if have[i] || it.Bytes == 0 || !p.Layers.IsBase(it.Layer) || base == "copyright" || base == "locale.alias" {
			continue
		}
		if slices.ContainsFunc(excludedInSlim, func(dir string) bool { return whittle.Under(it.Path, dir) }) || it.Layer > 0 && inEmpty(it.Path) {
			out = append(out, i)
		}
	}
	return out
}

// unownedItems are the items of the base, above its lowest layer, that belong
// neither to a package nor to the language: databases, caches, logs. A slim
// image has fewer and smaller ones.
func unownedItems(p *analysis.Pass) (out []int) {
	for i := range p.Ledger.Items {
		it := &p.Ledger.Items[i]
		if it.Bytes > 0 && it.Layer > 0 && p.Layers.IsBase(it.Layer) && !ofLanguage(it.Path) && !p.Layers.OfSystem(i) && !inEmpty(it.Path) &&
			!slices.ContainsFunc(excludedInSlim, func(dir string) bool { return whittle.Under(it.Path, dir) }) {
			out = append(out, i)
		}
	}
	return out
}

func inEmpty(at string) bool {
	return slices.ContainsFunc(emptyInSlim, func(dir string) bool { return whittle.Under(at, dir) })
}
