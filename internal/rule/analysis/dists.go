package analysis

import (
	"cmp"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/python/source"
)

// Dists is the view of the installed Python distributions: what requires them, how
// they are used, and which items belong to them.
type Dists struct {
	graph    *python.Graph
	usages   []Usage
	declares *manifest.Declared
	root     whittle.Root
	ledger   *whittle.Ledger
	owner    []whittle.Owner
	layers   *Layers
}

// Sites are the folders in which distributions are installed, sorted.
func (ds *Dists) Sites() []string {
	var out []string
	for i := range ds.graph.Distributions {
		if d := &ds.graph.Distributions[i]; d.VendoredBy == "" && !slices.Contains(out, d.Site) {
			out = append(out, d.Site)
		}
	}
	slices.Sort(out)
	return out
}

// Source are the facts about the Python text at a path of the image.
func (ds *Dists) Source(at string) (*source.Facts, bool) {
	if r, ok := ds.root.(sourceReader); ok {
		return r.Source(at)
	}
	b, err := ds.root.ReadFile(at, maxSource)
	if err != nil {
		return nil, false
	}
	return source.Scan(b), true
}

// IsApplication says whether a distribution is the project itself: it has its name,
// or was installed from a folder.
func (ds *Dists) IsApplication(d *python.Distribution) bool {
	return d.Local || d.Editable || ds.declares != nil && ds.declares.Name != "" && pep.Normalize(ds.declares.Name) == d.Name
}

// Declarations are all requirements that the project declares, those for running
// first. Without the project's files they are those in the application's metadata.
func (ds *Dists) Declarations() []*manifest.Dependency {
	var out []*manifest.Dependency
	if ds.declares != nil {
		for i := range ds.declares.Dependencies {
			if d := &ds.declares.Dependencies[i]; d.Kind <= manifest.Development {
				out = append(out, d)
			}
		}
	}
	if len(out) == 0 && ds.graph != nil {
		for i := range ds.graph.Distributions {
			if d := &ds.graph.Distributions[i]; d.VendoredBy == "" && ds.IsApplication(d) {
				out = append(out, extrasOf(d)...)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b *manifest.Dependency) int { return int(a.Kind) - int(b.Kind) })
	return out
}

// ApplicationFiles are the files of the project's own distributions: their
// tests are the project's affair.
func (ds *Dists) ApplicationFiles() map[string]bool {
	out := map[string]bool{}
	for i := range ds.graph.Distributions {
		if d := &ds.graph.Distributions[i]; ds.IsApplication(d) {
			for _, f := range d.Files {
				out[f] = true
			}
		}
	}
	return out
}

// Requested are the positions of the distributions that were not installed as a
// dependency: those that the project requires, and those that nothing requires. What
// a compiled file has because of others alone was installed as a dependency.
// The project itself is not among them, because fixes change its requirements.
func (ds *Dists) Requested() []int {
	own := map[int]bool{}
	for i := range ds.graph.Distributions {
		own[i] = ds.IsApplication(&ds.graph.Distributions[i])
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
	for _, d := range ds.Declared() {
		if i, ok := ds.graph.Find(d.Name); ok && !d.Via {
			add(i)
		}
	}
	for _, i := range ds.graph.Roots() {
		add(i)
	}
	slices.Sort(out)
	return out
}

// Declared are the dependencies that the project declares for running, in general
// or in an extra.
func (ds *Dists) Declared() []*manifest.Dependency {
	var out []*manifest.Dependency
	if ds.declares == nil {
		return nil
	}
	for i := range ds.declares.Dependencies {
		if d := &ds.declares.Dependencies[i]; d.Kind == manifest.Runtime || d.Kind == manifest.Optional {
			out = append(out, d)
		}
	}
	return out
}

// Usage is how a distribution is used.
func (ds *Dists) Usage(i int) Usage {
	if i < len(ds.usages) {
		return ds.usages[i]
	}
	return UsageUnknown
}

// Contents are the items of distributions above the base image, including wasted
// ones and the wheels that a RUN made or fetched to install them. Deleted files are found by
// their RECORDs.
func (ds *Dists) Contents(dists []int) []int {
	names, recorded := map[string]bool{}, ds.recorded(dists)
	for _, i := range dists {
		names[ds.graph.Distributions[i].Name] = true
	}
	var out []int
	for i := range ds.ledger.Items {
		it := &ds.ledger.Items[i]
		if it.Bytes == 0 || ds.layers.IsBase(it.Layer) {
			continue
		}
		if ds.owner[i].Ecosystem == "pypi" && names[ds.owner[i].Name] || it.Cause != whittle.Visible && recorded[it.Path] {
			out = append(out, i)
		} else if strings.HasSuffix(it.Path, ".whl") && !ds.layers.isFromContext(it.Layer) {
			name, _, _ := strings.Cut(path.Base(it.Path), "-")
			if names[pep.Normalize(name)] {
				out = append(out, i)
			}
		}
	}
	return out
}

// recorded are all paths that the RECORDs of distributions name, whether or not
// they exist.
func (ds *Dists) recorded(dists []int) map[string]bool {
	out := map[string]bool{}
	for _, i := range dists {
		d := &ds.graph.Distributions[i]
		for file := range ds.RecordLines(d) {
			out[file] = true
		}
	}
	return out
}

// RecordLines are the lines of a distribution's RECORD, by the path in the root that
// each names.
func (ds *Dists) RecordLines(d *python.Distribution) map[string]string {
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

// Sizes are the bytes of each distribution above the base image, by position.
func (ds *Dists) Sizes() []int64 {
	byName := map[string]int64{}
	for i := range ds.ledger.Items {
		if ds.layers.OfDistribution(i) {
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

// Names are the names of distributions, sorted.
func (ds *Dists) Names(dists []int) []string {
	var out []string
	for _, i := range dists {
		out = append(out, ds.graph.Distributions[i].Name)
	}
	slices.Sort(out)
	return out
}

// ByDistribution groups items as evidence: one row for each distribution and layer,
// the largest first. The path is the folder with the most bytes.
func (ds *Dists) ByDistribution(items []int) []whittle.Evidence {
	type key struct {
		what  string
		layer int
	}
	rows := map[key]*whittle.Evidence{}
	folders := map[key]map[string]int64{}
	sites := ds.Sites()
	for _, i := range items {
		it := &ds.ledger.Items[i]
		k, folder := key{ds.owner[i].String(), it.Layer}, it.Path
		if ds.owner[i].Ecosystem != "pypi" {
			k.what = path.Base(it.Path)
		} else if s, ok := Site(sites, it.Path); ok {
			folder = path.Join(s, TopFolder(it.Path[len(s)+1:]))
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

// Site is the innermost of the folders that contain a path.
func Site(sites []string, at string) (string, bool) {
	best := ""
	for _, s := range sites {
		if s != at && s != "" && whittle.Under(at, s) && len(s) > len(best) {
			best = s
		}
	}
	return best, best != ""
}

// sourceReader is a Root that has the facts about Python texts instead of the texts.
type sourceReader interface {
	Source(path string) (*source.Facts, bool)
}

// maxSource is the largest Python file that is read, in bytes.
const maxSource = 4 << 20

// extraMarker marks the requirements of an extra in a wheel's metadata.
var extraMarker = regexp.MustCompile(`\bextra\s*==\s*['"]([^'"]+)['"]`)

// extrasOf are the requirements of the extras of an installed distribution.
func extrasOf(d *python.Distribution) []*manifest.Dependency {
	var out []*manifest.Dependency
	for _, text := range d.Metadata.RequiresDist {
		m := extraMarker.FindStringSubmatch(text)
		r, err := pep.ParseRequirement(text)
		if m == nil || err != nil {
			continue
		}
		line, _, _ := strings.Cut(text, ";")
		out = append(out, &manifest.Dependency{Requirement: r, Text: strings.TrimSpace(line), File: d.Record + "/METADATA", Kind: manifest.Optional, Extra: m[1]})
	}
	return out
}
