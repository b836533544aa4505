package imports

import (
	"fmt"

	"whittle.dev/whittle/internal/python/source"
)

// refuses says that the interpreter does not compile a module's text, or may
// not: then nothing in it runs.
func (im *Importer) refuses(n *Node) bool {
	s := &n.Source.Syntax
	f := Failure{Cause: BadSyntax, Module: n.Name, In: n.Name, File: n.File, Line: s.Line, Name: s.Text}
	minor := im.Runtime.Version[1]
	if s.Needs.Minor > minor && im.Runtime.Version[0] == 3 {
		f.Line, f.Name = s.Needs.Line, fmt.Sprintf("%s, which Python has since 3.%d", s.Needs.What, s.Needs.Minor)
	} else if s.Text == "" {
		return false
	}
	const oldest = 8 // of the grammars that are known
	if s.Needs.Minor <= minor && s.Unsure || minor < oldest || im.Runtime.Implementation != "cpython" {
		n.Doubts = append(n.Doubts, Doubt{Failure: f})
		return false
	}
	im.broken = true
	n.Failures = append(n.Failures, f)
	return true
}

// catches says whether the failure of a module ends at a statement that
// imports it: handlers of ImportError do not catch a SyntaxError.
func (im *Importer) catches(to *Node, imp *source.Import, caught bool) bool {
	if im.broken && im.compiles(to) == source.No {
		return imp.Context&source.Broad != 0
	}
	return caught
}

// compiles says whether all that is imported with a module can be compiled.
func (im *Importer) compiles(n *Node) source.Truth {
	seen := map[*Node]bool{n: true}
	for todo := []*Node{n}; len(todo) > 0; {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for i := range at.Failures {
			if at.Failures[i].Cause == BadSyntax {
				return source.No
			}
		}
		for _, e := range at.imports {
			if !e.caught && !seen[e.to] {
				seen[e.to] = true
				todo = append(todo, e.to)
			}
		}
	}
	return source.Yes
}
