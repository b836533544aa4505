package imports

import (
	"slices"
	"strings"

	"whittle.dev/whittle/internal/python/source"
)

// hasStar says that the module's text takes names that it does not show.
func (n *Node) hasStar() bool {
	return n.Source != nil && slices.ContainsFunc(n.Source.Imports, func(i source.Import) bool { return slices.Contains(i.Names, "*") })
}

// isSubmoduleLike says that a name that a package lacks is more likely a
// module than an attribute: packages without any text of their own have
// nothing else.
func isSubmoduleLike(from *Node, _ string) bool {
	return from.Source != nil && len(from.Source.Names) == 0
}

// maxStars bounds how far star imports are followed.
const maxStars = 20

// nameQuery asks for one name. Stars lead to a module on many ways: each is
// asked once.
type nameQuery struct {
	im   *Importer
	name string
	// said are the answers; a module that is still being asked, which stars
	// lead back to, may have the name.
	said map[*Node]source.Truth
}

// defines says whether a module binds a name.
func (im *Importer) defines(n *Node, name string) source.Truth {
	q := nameQuery{im: im, name: name}
	return q.defines(n, 0)
}

func (q *nameQuery) defines(n *Node, depth int) source.Truth {
	im, name := q.im, q.name
	if implicit[name] || im.made.bound[n.Name][name] || n.binds(name, im.hanging > 0) {
		return source.Yes
	}
	if n.opaque() || depth > maxStars || im.made.bound[n.Name][""] {
		return source.Maybe
	}
	if n.Source == nil {
		return source.No
	}
	if t, ok := q.said[n]; ok {
		return t
	}
	if q.said == nil {
		q.said = map[*Node]source.Truth{}
	}
	q.said[n] = source.Maybe
	q.said[n] = q.stars(n, depth)
	return q.said[n]
}

// stars says whether a module has a name by what its text does not show.
func (q *nameQuery) stars(n *Node, depth int) source.Truth {
	out := source.No
	if q.im.opened(n) || slices.ContainsFunc(n.Source.Prefixes, func(p string) bool { return strings.HasPrefix(q.name, p) }) {
		out = source.Maybe
	}
	for i := range n.Source.Imports {
		imp := &n.Source.Imports[i]
		if !imp.IsStar() {
			continue
		}
		full, ok := n.absolute(imp)
		if !ok {
			return source.Maybe
		}
		from := q.im.node(full)
		switch {
		case n.loading && (from == nil || from.loading):
			continue // the star has not run, or not to its end: no names are there yet
		case from == nil:
			return source.Maybe
		}
		switch t := q.exports(from, depth+1); {
		case t == source.Yes && imp.Context&source.Guarded == 0 && len(imp.Conditions) == 0:
			return source.Yes
		case t != source.No:
			out = source.Maybe
		}
	}
	return out
}

// exports says whether a star import takes the name out of a module.
func (q *nameQuery) exports(from *Node, depth int) source.Truth {
	switch {
	case q.hidden(from):
		return source.No
	case from.Source != nil && from.Source.AllKnown && !from.Source.Open:
		return source.Yes
	}
	t := q.defines(from, depth)
	if from.bound("__all__") && (t == source.Yes || from.Dirs != nil) { // submodules, too, where __all__ names them
		return source.Maybe
	}
	return t
}

// hidden says that a star import does not take the name out of a module,
// whatever that binds: it takes what __all__ has, and without one no name that
// begins with an underscore.
func (q *nameQuery) hidden(from *Node) bool {
	if from.Source != nil && from.Source.AllKnown && !from.Source.Open {
		return !slices.Contains(from.Source.All, q.name)
	}
	return strings.HasPrefix(q.name, "_") && (!from.bound("__all__") || !from.bound(q.name)) && !from.opaque()
}

// opened says that this module, or one that it imports, may bind names in it
// that the text does not show.
func (im *Importer) opened(n *Node) bool {
	return n.Source.OpensOthers || slices.ContainsFunc(n.imports, func(e edge) bool {
		return e.to.Source != nil && e.to.Source.OpensOthers && !im.changer().isStandard(e.to.File)
	})
}

// binds says whether the text binds a name, as far as the module has run. What
// is deleted again is not there in the end.
func (n *Node) binds(name string, hanging bool) bool {
	if n.Source == nil {
		return false
	}
	i, ok := slices.BinarySearch(n.Source.Names, name)
	switch {
	case !ok:
		return false
	case n.loading:
		return hanging || n.Source.NamesAt == nil || n.Source.NamesAt[i] <= n.at
	}
	return !slices.Contains(n.Source.Deleted, name)
}

// hints says that there is reason to think that a module has a name that its
// text does not bind: it is compiled code, or the text speaks of it.
func (im *Importer) hints(n *Node, name string) bool {
	q := nameQuery{im: im, name: name}
	return q.hints(n, 0)
}

func (q *nameQuery) hints(n *Node, depth int) bool {
	im, name := q.im, q.name
	switch {
	case n.Source == nil:
		return n.Found != Namespace
	case depth > maxStars:
		return true
	case slices.ContainsFunc(n.Source.Prefixes, func(p string) bool { return strings.HasPrefix(name, p) }), n.bound(name):
		return true
	case n.Source.Open && im.changer().isStandard(n.File): // it is whole, or a file of it is missing
		return true
	case n.Source.Open:
		if _, ok := slices.BinarySearch(n.Source.Words, name); ok || len(n.Source.Words) >= source.MaxWords {
			return true
		}
	}
	if t, ok := q.said[n]; ok {
		return t != source.No
	}
	if q.said == nil {
		q.said = map[*Node]source.Truth{}
	}
	q.said[n] = source.Maybe
	for i := range n.Source.Imports {
		imp := &n.Source.Imports[i]
		if !imp.IsStar() {
			continue
		}
		if full, ok := n.absolute(imp); ok {
			if from := im.node(full); from != nil && from != n && !q.hidden(from) && q.hints(from, depth+1) {
				return true
			}
		}
	}
	q.said[n] = source.No
	return false
}

// star are the modules that a star import loads besides, and the names of
// __all__ that are not there.
func (im *Importer) star(from *Node) (nodes []*Node, missing []string) {
	if from.Source == nil || !from.Source.AllKnown || from.loading {
		return nil, nil
	}
	for _, name := range from.Source.All {
		if im.defines(from, name) != source.No {
			continue
		}
		if from.Dirs != nil {
			sub, f := im.part(from, from.Name+"."+name, name)
			if sub != nil {
				nodes = append(nodes, sub)
			}
			if f == nil {
				continue
			}
		}
		missing = append(missing, name)
	}
	return nodes, missing
}

// Defines says whether a module binds a name, or has it as a submodule.
func (im *Importer) Defines(n *Node, name string) source.Truth {
	if t := im.defines(n, name); t != source.No || n.Dirs == nil {
		return t
	}
	if sub, f := im.part(n, n.Name+"."+name, name); f == nil {
		if sub == nil {
			return source.Maybe
		}
		return source.Yes
	}
	return source.No
}

// implicit are the attributes that every module has.
var implicit = source.NameSet(`__name__ __doc__ __file__ __path__ __package__ __spec__ __loader__ __dict__ __builtins__ __cached__ __annotations__ __warningregistry__`)
