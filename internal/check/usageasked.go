package check

import (
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/python/source"
	"whittle.dev/whittle/internal/python/source/byname"
)

// loading is what the texts of an image say of loading distributions by name.
type loading struct {
	// said has the places that have a word of [byname.Words].
	said map[string][]place
	// made are the application's modules that ask for attributes by names that are
	// made at run time, or run texts.
	made []place
	// compiled says that a part of the application is only there compiled.
	compiled bool
	// answers are those of asks, by the positions of host and distribution.
	answers map[[2]int]answer
}

// place is a file, and the position of its distribution; -1 is the application.
type place struct {
	dist int
	file string
}

// answer is whether a library loads another one by name.
type answer struct {
	// known: the table has rows about them.
	known bool
	// by says what asks for it, empty if nothing does.
	by string
}

// maxPlaces bounds the places of one word.
const maxPlaces = 64

// words reads what the application's and the distributions' modules say, once.
func (u *usage) words() *loading {
	if u.asked != nil {
		return u.asked
	}
	a := &loading{said: map[string][]place{}, answers: map[[2]int]answer{}}
	u.asked = a
	for _, p := range u.s.Root.Paths() {
		own := u.applicationFile(p)
		i, owned := u.s.owners.Owner[p]
		switch {
		case own:
			i = -1
		case !owned || !strings.HasSuffix(p, ".py") || u.s.Distributions[i].PartOf(p) != python.Modules:
			continue
		}
		if src, ok := u.s.Sources(p); ok {
			a.note(place{i, p}, src)
			continue
		}
		if ext := path.Ext(p); own && (ext == ".so" || ext == ".py" || ext == ".pyc" && !strings.Contains(p, "__pycache__")) {
			a.compiled = true
		}
	}
	return a
}

func (a *loading) note(at place, src *source.Facts) {
	made := false
	for _, w := range src.Asks {
		if strings.HasPrefix(w, byname.Made) {
			made = true
		}
		if len(a.said[w]) < maxPlaces {
			a.said[w] = append(a.said[w], at)
		}
	}
	if made && at.dist < 0 {
		a.made = append(a.made, at)
	}
}

// asks says whether a distribution that is used loads another one by name: if a row
// of the table needs no words, if someone else than the two has its words, or if
// what is asked of it shows only at run time.
func (u *usage) asks(host, name int) answer {
	key := [2]int{host, name}
	a := u.words()
	if out, ok := a.answers[key]; ok {
		return out
	}
	h, n := u.s.Distributions[host].Name, u.s.Distributions[name].Name
	rows := byname.Between(h, n)
	out := answer{known: len(rows) > 0}
	for _, r := range rows {
		if out.by != "" {
			break
		}
		if len(r.Words) == 0 {
			out.by = h + " loads it by name"
		}
		for _, w := range r.Words {
			if at, ok := u.sayer(a.said[w], host, name); ok && out.by == "" {
				out.by = h + " loads it for " + w + ", which " + u.s.owners.Shown(at.file) + " has"
			}
		}
	}
	if out.known && out.by == "" {
		if why, ok := u.openly(host); ok {
			out.by = h + " may load it by name: " + why
		}
	}
	a.answers[key] = out
	return out
}

// sayer is the first of some places that is not in the library, in what it loads, or
// in another library that loads the same: that one has rows of its own.
func (u *usage) sayer(places []place, host, name int) (place, bool) {
	for _, at := range places {
		if at.dist < 0 || at.dist != host && at.dist != name && len(byname.Between(u.s.Distributions[at.dist].Name, u.s.Distributions[name].Name)) == 0 {
			return at, true
		}
	}
	return place{}, false
}

// openly says that what is asked of a library shows only when the code runs: the
// application asks for attributes by names that it makes, another library does so of
// the library's module, or there is no text.
func (u *usage) openly(host int) (why string, open bool) {
	a := u.words()
	if a.compiled {
		return "a part of the application is compiled", true
	}
	d := &u.s.Distributions[host]
	modules := d.ImportNames()
	for _, at := range a.made {
		src, ok := u.s.Sources(at.file)
		if ok && slices.ContainsFunc(src.Imports, func(imp source.Import) bool {
			return imp.Level == 0 && slices.Contains(modules, source.Top(imp.Module))
		}) {
			return u.s.owners.Shown(at.file) + " makes the names of attributes", true
		}
	}
	for _, m := range append(slices.Clone(modules), shortNames[d.Name]) {
		for _, at := range a.said[byname.Made+m] {
			if m != "" && at.dist != host {
				return u.s.owners.Shown(at.file) + " makes the names of attributes of " + m, true
			}
		}
	}
	return "", false
}

// shortNames are the names by which modules are imported by custom.
var shortNames = map[string]string{"pandas": "pd", "polars": "pl", "xarray": "xr", "geopandas": "gpd", "sqlalchemy": "sa"}

// unasked says that one file is of a library which would load the distribution of
// another by name, and that nothing asks it to: what it imports for that is not used.
func (u *usage) unasked(from, to string) bool {
	host, ok := u.s.owners.Owner[from]
	name, owned := u.s.owners.Owner[to]
	return ok && owned && from != "" && to != "" && u.unaskedFor(host, name)
}

func (u *usage) unaskedFor(host, name int) bool {
	if host == name || u.requiresOf(host)[u.s.Distributions[name].Name] {
		return false
	}
	a := u.asks(host, name)
	return a.known && a.by == ""
}

// lookedUp finds the distributions of a group of entry points that a used one has as
// a string, in a module that looks for entry points.
func (u *usage) lookedUp(i int) (by string, ok bool) {
	for _, e := range u.s.Distributions[i].EntryPoints {
		if e.Group == "console_scripts" || e.Group == "gui_scripts" {
			continue
		}
		for _, at := range u.words().said[byname.Group+e.Group] {
			if at.dist != i && (at.dist < 0 || u.used(at.dist)) {
				return "entry point " + e.Name + " of " + e.Group + ", which " + u.s.owners.Shown(at.file) + " has", true
			}
		}
	}
	return "", false
}
