package imports

import (
	"slices"
	"strings"

	"whittle.dev/whittle/internal/python/source"
)

// targets finds what one statement of a module imports.
type targets struct {
	im  *Importer
	n   *Node
	imp *source.Import

	nodes    []*Node
	failures []Failure
	doubts   []Doubt
}

func (t *targets) fail(f Failure) {
	f.Wanted, _ = t.n.absolute(t.imp)
	f.Names = t.imp.Names
	f.In, f.File, f.Line, f.Context = t.n.Name, t.n.File, t.imp.Line, t.imp.Context
	f.exceptional = slices.ContainsFunc(t.imp.Conditions, func(c source.Condition) bool { return c.Text == "except" })
	t.failures = append(t.failures, f)
}

func (t *targets) doubt(f Failure, why string) {
	f.In, f.File, f.Line, f.Context = t.n.Name, t.n.File, t.imp.Line, t.imp.Context
	t.doubts = append(t.doubts, Doubt{f, why})
}

// find looks up the module of the statement, and then each name that it takes
// from it.
func (t *targets) find() {
	name, ok := t.n.absolute(t.imp)
	if !ok {
		t.parentless()
		return
	}
	var f *Failure
	if t.nodes, f = t.im.chain(name); f != nil {
		t.fail(*f)
		return
	}
	if top := t.im.nodes[topName(name)]; top != nil && top.Found != Opaque && t.im.made.unsure != "" && top.File != "" && !t.im.changer().isStandard(top.File) && top != t.n {
		t.doubt(Failure{Module: topName(name)}, t.im.made.unsure)
	}
	if len(t.nodes) == 0 || t.nodes[len(t.nodes)-1].Name != name {
		if at := t.im.opaquePart(name); at != nil && at.why != "" {
			t.doubt(Failure{Module: at.Name}, at.why)
		}
		return
	}
	from := t.nodes[len(t.nodes)-1]
	for _, item := range t.imp.Names {
		switch {
		case item == "*":
			t.star(from)
		case from.Dirs == nil:
			t.ofModule(from, name, item)
		default:
			t.ofPackage(from, name, item)
		}
	}
}

// parentless is a relative import that leads out of all packages.
func (t *targets) parentless() {
	f := Failure{Cause: NoParent, Module: strings.Repeat(".", t.imp.Level) + t.imp.Module}
	if t.n.bound("__package__") {
		t.doubt(f, where(t.n, t.imp.Line)+" is in a module that sets its own __package__")
		return
	}
	t.fail(f)
}

func (t *targets) star(from *Node) {
	more, missing := t.im.star(from)
	t.nodes = append(t.nodes, more...)
	for _, name := range missing {
		t.fail(Failure{Cause: NoName, Module: from.Name, Name: name})
	}
}

// ofModule takes a name from a module that is no package.
func (t *targets) ofModule(from *Node, module, item string) {
	switch t.im.defines(from, item) {
	case source.No:
		t.fail(Failure{Cause: NoName, Module: module, Name: item})
	case source.Maybe:
		if !t.im.hints(from, item) {
			t.doubt(Failure{Cause: NoName, Module: module, Name: item}, "")
		}
	}
}

// ofPackage takes a name from a package: one that it defines, or a submodule.
func (t *targets) ofPackage(from *Node, module, item string) {
	// A package that imports from itself while it is imported finds what it
	// bound before, and else its submodules.
	itself := from == t.n && t.imp.Context&source.Lazy == 0 && !slices.Contains(t.imp.Known, item) && !implicit[item]
	if !itself && t.im.defines(from, item) == source.Yes {
		return
	}
	full := module + "." + item
	sub, f := t.im.part(from, full, item)
	switch {
	case sub != nil:
		t.nodes = append(t.nodes, sub)
	case f == nil:
		t.opaque(from, module, item)
	case itself && !t.n.opaque() && !t.n.hasStar():
		t.fail(Failure{Module: full})
	case t.im.defines(from, item) == source.No:
		if from.Found == Namespace || isSubmoduleLike(from, item) {
			t.fail(Failure{Module: full})
		} else {
			t.fail(Failure{Cause: NoName, Module: module, Name: item})
		}
	case itself || t.im.hints(from, item):
	case t.imp.Level > 0 && strings.HasPrefix(item, "_"):
		// A package's own part, of which nothing else speaks: its file is gone.
		t.fail(Failure{Module: full})
	default:
		t.doubt(Failure{Cause: NoName, Module: module, Name: item}, "")
	}
}

// opaque is a submodule that is there and could not be looked into.
func (t *targets) opaque(from *Node, module, item string) {
	at := t.im.nodes[module+"."+item]
	switch {
	case at == nil || at.why == "":
	case t.im.defines(from, item) != source.Maybe:
		t.doubt(Failure{Module: at.Name}, at.why)
	case !t.im.hints(from, item):
		t.doubt(Failure{Cause: NoName, Module: module, Name: item}, "")
	}
}
