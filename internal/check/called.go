package check

import (
	"fmt"
	"slices"

	"whittle.dev/whittle/internal/python/imports"
	"whittle.dev/whittle/internal/python/source"
	"whittle.dev/whittle/internal/start"
)

// called finds the functions that modules call while a start imports them:
// "app = create_app()". What such a function imports is needed to start.
type called struct {
	r start.Root
	// modules are those that are imported with the start.
	modules *imports.Reach
}

// calledAtOnce notes a missing import of a function that is called when the
// start is imported. A function may return or raise before the import, so that
// this is no failure for certain.
func (l *later) calledAtOnce(r start.Root, n *imports.Node, imp *source.Import, f imports.Failure) {
	if imp.In == "" || source.Hold(imp.Conditions, r.Importer.Runtime) != source.Yes || r.Node == nil {
		return
	}
	what := f.Module
	if f.Cause == imports.NoName {
		what += "." + f.Name
	}
	c := called{r: r, modules: imports.Walk(false, r.Node)}
	for _, m := range c.modules.Nodes {
		if m.Source == nil || m != r.Node && !l.s.owners.OwnFile(m.File, r.Importer.Finder) {
			continue
		}
		if line := c.calls(m, n, imp.In); line > 0 {
			l.st.Doubt(fmt.Sprintf("whether %s:%d, which calls %s, needs %s, which %s:%d imports and which is not there",
				l.s.owners.Shown(m.File), line, imp.In, what, l.s.owners.Shown(n.File), imp.Line))
			return
		}
	}
}

// calls is the line where a module that is imported calls a function of another
// module or its own; 0 where it does not.
func (c *called) calls(m, n *imports.Node, function string) int {
	rt := c.r.Importer.Runtime
	rt.Main = m == c.r.Node
	for i := range m.Source.Effects {
		e := &m.Source.Effects[i]
		if e.Kind == source.CallName && e.Name == function && e.In == "" && len(e.Tries) == 0 && e.Context&(source.Guarded|source.Handler|source.TypeChecking) == 0 &&
			source.Hold(e.Conditions, rt) != source.No && (m == n || c.means(m, n, function)) {
			return e.Line
		}
	}
	return 0
}

// means says whether a name that a module calls may be another module's
// function: it takes the name out of a module, or imports the other one.
func (c *called) means(m, n *imports.Node, function string) bool {
	if _, has := slices.BinarySearch(n.Source.Names, function); !has {
		return false
	}
	_, bound := slices.BinarySearch(m.Source.Names, function)
	for i := range m.Source.Imports {
		imp := &m.Source.Imports[i]
		if imp.Context&source.Lazy != 0 {
			continue
		}
		if slices.Contains(imp.Names, function) || slices.Contains(imp.Names, "*") {
			return true
		}
		if bound {
			continue
		}
		if nodes, _ := c.r.Importer.Resolve(m, imp); slices.Contains(nodes, n) {
			return true
		}
	}
	return false
}
