package rule

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/python/source"
)

// dists is what is installed of Python: distributions, who asks for them, how
// they are used, and which items are theirs.
type dists struct {
	graph    *python.Graph
	usages   []Usage
	declares *project.Declared
	root     whittle.Root
	ledger   *whittle.Ledger
	owner    []whittle.Owner
	layers   *layers
}

// sites are the folders that distributions are installed in, sorted.
func (ds *dists) sites() []string {
	var out []string
	for i := range ds.graph.Distributions {
		if d := &ds.graph.Distributions[i]; d.VendoredBy == "" && !slices.Contains(out, d.Site) {
			out = append(out, d.Site)
		}
	}
	slices.Sort(out)
	return out
}

// source is what the Python text at a path of the image says.
func (ds *dists) source(at string) (*source.Facts, bool) {
	if r, ok := ds.root.(sourceReader); ok {
		return r.Source(at)
	}
	b, err := ds.root.ReadFile(at, maxSource)
	if err != nil {
		return nil, false
	}
	return source.Scan(b), true
}

// isApplication says whether a distribution is the project itself: by its name,
// or because it was installed from a folder.
func (ds *dists) isApplication(d *python.Distribution) bool {
	return d.Local || d.Editable || ds.declares != nil && ds.declares.Name != "" && pep.Normalize(ds.declares.Name) == d.Name
}

// declarations are all places where the project declares something that an
// installer could install, those for what runs first. Without the project's
// files they are those of the application's own metadata.
func (ds *dists) declarations() []*project.Dependency {
	var out []*project.Dependency
	if ds.declares != nil {
		for i := range ds.declares.Dependencies {
			if d := &ds.declares.Dependencies[i]; d.Kind <= project.Development {
				out = append(out, d)
			}
		}
	}
	if len(out) == 0 && ds.graph != nil {
		for i := range ds.graph.Distributions {
			if d := &ds.graph.Distributions[i]; d.VendoredBy == "" && ds.isApplication(d) {
				out = append(out, extrasOf(d)...)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b *project.Dependency) int { return int(a.Kind) - int(b.Kind) })
	return out
}

// applicationFolders are the files of the project's own distributions: their
// tests are the project's affair.
func (ds *dists) applicationFolders() map[string]bool {
	out := map[string]bool{}
	for i := range ds.graph.Distributions {
		if d := &ds.graph.Distributions[i]; ds.isApplication(d) {
			for _, f := range d.Files {
				out[f] = true
			}
		}
	}
	return out
}

// asked are the positions of the distributions that the project asks for, and
// of those that nothing requires: what is installed for its own sake. The
// project itself is none of them, as its requirements are what is changed.
func (ds *dists) asked() []int {
	own := map[int]bool{}
	for i := range ds.graph.Distributions {
		own[i] = ds.isApplication(&ds.graph.Distributions[i])
	}
	var out []int
	add := func(i int) {
		if i >= 0 && !own[i] && !slices.Contains(out, i) {
			out = append(out, i)
		}
	}
	for _, e := range ds.graph.Edges {
		if e.From >= 0 && own[e.From] || e.From < 0 {
			add(e.To)
		}
	}
	for _, d := range ds.declared() {
		if i, ok := ds.graph.Find(d.Name); ok {
			add(i)
		}
	}
	for _, i := range ds.graph.Roots() {
		add(i)
	}
	slices.Sort(out)
	return out
}

// declared are the dependencies that the project declares to run, for
// everything or for an extra.
func (ds *dists) declared() []*project.Dependency {
	var out []*project.Dependency
	if ds.declares == nil {
		return nil
	}
	for i := range ds.declares.Dependencies {
		if d := &ds.declares.Dependencies[i]; d.Kind == project.Runtime || d.Kind == project.Optional {
			out = append(out, d)
		}
	}
	return out
}

// usage is how a distribution is used.
func (ds *dists) usage(i int) Usage {
	if i < len(ds.usages) {
		return ds.usages[i]
	}
	return UsageUnknown
}

// contents are the items of distributions above the base image, dead ones and
// the wheels that they were installed from included. What was deleted is known
// by their RECORDs alone.
func (ds *dists) contents(dists []int) []int {
	names, recorded := map[string]bool{}, ds.recorded(dists)
	for _, i := range dists {
		names[ds.graph.Distributions[i].Name] = true
	}
	var out []int
	for i := range ds.ledger.Items {
		it := &ds.ledger.Items[i]
		if it.Bytes == 0 || ds.layers.base(it.Layer) {
			continue
		}
		if ds.owner[i].Ecosystem == "pypi" && names[ds.owner[i].Name] || it.Cause != whittle.Live && recorded[it.Path] {
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
func (ds *dists) recorded(dists []int) map[string]bool {
	out := map[string]bool{}
	for _, i := range dists {
		d := &ds.graph.Distributions[i]
		for file := range ds.recordLines(d) {
			out[file] = true
		}
	}
	return out
}

// recordLines are the lines of a distribution's RECORD by the path that each
// names, in the root.
func (ds *dists) recordLines(d *python.Distribution) map[string]string {
	text, err := ds.root.ReadFile(d.Record+"/RECORD", maxSource)
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
func (ds *dists) owned() []int64 {
	byName := map[string]int64{}
	for i := range ds.ledger.Items {
		if ds.layers.ofDistribution(i) {
			byName[ds.owner[i].Name] += ds.ledger.Items[i].Bytes
		}
	}
	out := make([]int64, len(ds.graph.Distributions))
	for i := range out {
		if d := &ds.graph.Distributions[i]; d.VendoredBy == "" {
			out[i] = byName[d.Name]
		}
	}
	return out
}

// names are those of distributions, sorted.
func (ds *dists) names(dists []int) []string {
	var out []string
	for _, i := range dists {
		out = append(out, ds.graph.Distributions[i].Name)
	}
	slices.Sort(out)
	return out
}

// byDistribution are items as evidence, one row for each distribution and
// layer, the largest first. The path is the folder that has the most of it.
func (ds *dists) byDistribution(items []int) []whittle.Evidence {
	type key struct {
		what  string
		layer int
	}
	rows := map[key]*whittle.Evidence{}
	folders := map[key]map[string]int64{}
	sites := ds.sites()
	for _, i := range items {
		it := &ds.ledger.Items[i]
		k, folder := key{ds.owner[i].String(), it.Layer}, it.Path
		if ds.owner[i].Ecosystem != "pypi" {
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
