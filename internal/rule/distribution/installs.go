package distribution

import (
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/rule/analysis"
)

// Installs are the declared dependencies that the commands of all stages of the
// Dockerfile install.
func Installs(f *analysis.Facts) []manifest.Dependency {
	p := analysis.New(f)
	sources := installSources(p)
	var out []manifest.Dependency
	for _, d := range p.Dists.Declarations() {
		if installsPlace(p, sources, d) {
			out = append(out, *d)
		}
	}
	return out
}

// Freed are the positions of the distributions that nothing needs any more if
// the project does not require some of them.
func Freed(f *analysis.Facts, names []string) []int {
	if f.Graph == nil {
		return nil
	}
	p := analysis.New(f)
	var gone []int
	for _, name := range names {
		if i, ok := p.Graph.Find(name); ok && !slices.Contains(gone, i) {
			gone = append(gone, i)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	return p.Graph.Frees(p.Dists.Requested(), gone...)
}

// Without is the change that some distributions are not installed.
func Without(f *analysis.Facts, dists []int) whittle.LayerChange {
	p := analysis.New(f)
	return p.Layers.Removal(p.Dists.Contents(dists))
}
