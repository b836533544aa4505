package sitepackages

import (
	"slices"
	"strings"

	"whittle.dev/whittle/internal/rule/analysis"
)

// ImportedTests are the top-level packages in site-packages whose tests must be
// kept, because a module outside of the tests imports from them.
func ImportedTests(f *analysis.Facts) []string {
	if f.Graph == nil {
		return nil
	}
	p := analysis.New(f)
	_, kept := testFolders(p)
	sites := p.Dists.Sites()
	var out []string
	for _, dir := range kept {
		if s, ok := analysis.Site(sites, dir); ok {
			top, _, _ := strings.Cut(dir[len(s)+1:], "/")
			out = append(out, top)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
