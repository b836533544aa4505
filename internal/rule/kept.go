package rule

import (
	"slices"
	"strings"
)

// ImportedTests are the top-level packages in site-packages whose tests have to
// stay, because something outside of them is imported from there.
func ImportedTests(p *Pass) []string {
	if p.Graph == nil {
		return nil
	}
	p = p.withViews()
	_, kept := testFolders(p)
	sites := p.dists.sites()
	var out []string
	for _, dir := range kept {
		if s, ok := site(sites, dir); ok {
			top, _, _ := strings.Cut(dir[len(s)+1:], "/")
			out = append(out, top)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
