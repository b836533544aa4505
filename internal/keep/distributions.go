package keep

import (
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/python/source"
)

// Facts are what an image's files show of its Python distributions.
type Facts struct {
	Root  whittle.Root
	Graph *python.Graph
	// Used says of a distribution of the graph why files show that it is used, or do not
	// show that it is not; empty where they show that it is not.
	Used func(i int) string
	// Source gives the facts of a module.
	Source func(path string) (*source.Facts, bool)
	// Loaded are the files that the dynamic loader loads with a binary; nil of others.
	Loaded func(path string) []string
	// File gives all names of a regular file and its bytes; of other files one name and 0.
	File func(path string) (names []string, bytes int64)
	// Stays says why a path has to stay, empty if it can go.
	Stays func(path string) string
}

// Distributions are the packages of an [Image] of which each is a Python distribution of
// a graph, in its order. All of one goes or nothing. Vendored ones are parts of others,
// and stay.
type Distributions struct {
	Image
	// Needed says why files show that a distribution is used, Left why it cannot be
	// removed; both are empty where neither.
	Needed, Left []string
	// Paths go with each distribution; Files counts the regular ones, each once.
	Paths [][]string
	Files []int
	// Within says of the distributions that a system package brought which unit that is;
	// the others are not in it.
	Within map[int]int

	facts Facts
	dists []python.Distribution
	used  []string // as [Facts.Used] says
	names []string // of the units
	// of are the positions of the distributions that have a path, records the metadata
	// files of one name in one folder of distributions.
	of      map[string][]int
	records map[string][]string
}

// lookedUp are distributions whose data the standard library or many others look for
// without an import that files show: certificates and time zones.
var lookedUp = []string{"certifi", "tzdata"}

// Read finds what distributions need, and which of them stay whatever runs touch.
func Read(f Facts) *Distributions {
	n := len(f.Graph.Distributions)
	d := &Distributions{facts: f, dists: f.Graph.Distributions, of: map[string][]int{}, records: map[string][]string{}, Within: map[int]int{},
		Needed: make([]string, n), Left: make([]string, n), Paths: make([][]string, n), Files: make([]int, n),
		Image: Image{Bytes: make([]int64, n), Always: make([]bool, n), Needs: make([][]int, n)}}
	names := map[string]int{}
	for i := range d.dists {
		x := &d.dists[i]
		if d.names = append(d.names, x.Name); x.VendoredBy != "" {
			continue
		}
		names[x.Name]++
		for _, p := range x.Files {
			d.of[p] = append(d.of[p], i)
			if path.Dir(p) == x.Record {
				key := x.Site + "/" + path.Base(p)
				d.records[key] = append(d.records[key], p)
			}
		}
	}
	for i := range d.dists {
		d.used = append(d.used, f.Used(i))
	}
	d.requirements()
	d.imports()
	d.libraries()
	strange := d.strangers()
	for i := range d.dists {
		d.Left[i] = d.whole(i, strange)
		switch {
		case d.Needed[i] != "":
		case d.used[i] != "":
			d.Needed[i] = d.used[i]
		case slices.Contains(lookedUp, d.dists[i].Name):
			d.Needed[i] = "its data are looked up without an import"
		case names[d.dists[i].Name] > 1:
			d.Needed[i] = "it is installed in several places"
		}
		d.Always[i] = d.Needed[i] != "" || d.Left[i] != ""
	}
	return d
}

func (d *Distributions) requirements() {
	for _, e := range d.facts.Graph.Edges {
		if e.From >= 0 && e.To >= 0 {
			d.Needs[e.From] = append(d.Needs[e.From], e.To)
		}
	}
}

// imports notes what the modules of distributions import that files do not show to be
// used: what used ones import is.
func (d *Distributions) imports() {
	modules := map[string][]int{}
	for i := range d.dists {
		if d.dists[i].VendoredBy == "" {
			for _, m := range d.dists[i].ImportNames() {
				modules[m] = append(modules[m], i)
			}
		}
	}
	for i := range d.dists {
		if d.used[i] != "" {
			continue
		}
		for _, p := range d.dists[i].Files {
			if d.dists[i].PartOf(p) != python.Modules {
				continue
			}
			src, ok := d.facts.Source(p)
			if !ok {
				continue
			}
			for _, imp := range src.Imports {
				if imp.Level == 0 && imp.Context&source.TypeChecking == 0 {
					d.Needs[i] = append(d.Needs[i], modules[source.Top(imp.Module)]...)
				}
			}
		}
	}
}

// libraries notes whose libraries the binaries of each distribution load, and those of
// nobody.
func (d *Distributions) libraries() {
	for _, p := range d.facts.Root.Paths() {
		for _, lib := range d.facts.Loaded(p) {
			for _, to := range d.of[lib] {
				if len(d.of[p]) == 0 {
					d.Needed[to] = "/" + p + " loads a library of it"
				}
				for _, from := range d.of[p] {
					d.Needs[from] = append(d.Needs[from], to)
				}
			}
		}
	}
}

// strangers are files that no distribution has, by the folder or module of a site that
// they are in: they would stay there, and an import would find a package without its
// modules.
func (d *Distributions) strangers() map[string]string {
	sites, out := map[string]bool{}, map[string]string{}
	for i := range d.dists {
		sites[d.dists[i].Site] = true
	}
	for _, p := range d.facts.Root.Paths() {
		if len(d.of[p]) > 0 {
			continue
		}
		if e, err := d.facts.Root.Lstat(p); err != nil || e.Kind == whittle.Dir {
			continue
		}
		for dir, top := path.Dir(p), p; dir != "."; dir, top = path.Dir(dir), dir {
			if sites[dir] {
				out[top] = p
			}
		}
	}
	return out
}

// whole says why a distribution cannot be removed whole, empty if it can, and notes what
// goes with it.
func (d *Distributions) whole(i int, strange map[string]string) string {
	x := &d.dists[i]
	switch {
	case x.VendoredBy != "":
		return "it is a part of another one"
	case x.Editable, !slices.Contains(x.Files, x.Record+"/RECORD"):
		return "no list says all of its files"
	}
	counted := map[string]bool{}
	for _, p := range x.Files {
		if _, err := d.facts.Root.Lstat(p); err != nil {
			continue
		}
		names, bytes := d.facts.File(p)
		for _, name := range names {
			if why := d.stays(i, p, name, strange); why != "" {
				return why
			}
		}
		if d.Paths[i] = append(d.Paths[i], p); !counted[names[0]] {
			counted[names[0]] = true
			d.Files[i]++
			d.Bytes[i] += bytes
		}
	}
	return ""
}

// stays says why a name of a distribution's file has to stay.
func (d *Distributions) stays(i int, file, name string, strange map[string]string) string {
	inSite, below := strings.CutPrefix(file, d.dists[i].Site+"/")
	top, _, _ := strings.Cut(inSite, "/")
	other := strange[d.dists[i].Site+"/"+top]
	switch why := d.facts.Stays(name); {
	case why != "":
		return why
	case !slices.Contains(d.of[name], i):
		return "/" + name + " is the same file as /" + file
	case len(d.of[name]) > 1:
		return "/" + name + " is of several distributions"
	case below && top != "__pycache__" && other != "":
		return "no list has /" + other
	}
	return ""
}

// Touched are the distributions that a run touched, by the absolute paths that it did. A
// run that looks through the metadata of all that is installed, as pytest does for its
// plug-ins, uses none of them by that: of three distributions or more in one folder it
// then touched the same metadata file of each.
func (d *Distributions) Touched(paths map[string]bool) (out []int) {
	passed := map[string]bool{}
	for _, files := range d.records {
		if len(files) >= 3 && !slices.ContainsFunc(files, func(p string) bool { return !paths["/"+p] }) {
			for _, p := range files {
				passed[p] = true
			}
		}
	}
	for p := range paths {
		if p = strings.TrimPrefix(p, "/"); !passed[p] {
			out = append(out, d.of[p]...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
