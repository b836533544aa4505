package rule

import (
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/project"
)

// Installs are the declared dependencies that the Dockerfile installs, by the
// commands of all its stages.
func Installs(p *Pass) []project.Dependency {
	p = p.withViews()
	sources := installSources(p)
	var out []project.Dependency
	for _, d := range p.dists.declarations() {
		if installsPlace(p, sources, d) {
			out = append(out, *d)
		}
	}
	return out
}

// Freed are the positions of the distributions that nothing needs any more when
// the project does not ask for some of them.
func Freed(p *Pass, names []string) []int {
	if p.Graph == nil {
		return nil
	}
	p = p.withViews()
	var gone []int
	for _, name := range names {
		if i, ok := p.Graph.Find(name); ok && !slices.Contains(gone, i) {
			gone = append(gone, i)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	return p.Graph.Frees(p.dists.asked(), gone...)
}

// Without is what the layers do not have when some distributions are not
// installed.
func Without(p *Pass, dists []int) whittle.LayerChange {
	p = p.withViews()
	return p.layers.remove(p.dists.contents(dists))
}
