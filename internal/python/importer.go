package python

import (
	"slices"
	"strings"
)

// Cause is why an import fails.
type Cause uint8

// The causes.
const (
	// NoModule: there is no such module (ModuleNotFoundError).
	NoModule Cause = iota
	// NoName: the module does not define the name (ImportError).
	NoName
	// NoParent: a relative import in a file that is run as a program, or one
	// that leaves the top-level package.
	NoParent
	// NotPackage: the parent is a module, no package.
	NotPackage
	// CannotLoad: it is compiled code that the dynamic loader refuses.
	CannotLoad
)

// Failure is a statement that imports something that is not there.
type Failure struct {
	Cause
	// Module is the full name of the module that is missing, or that lacks
	// Name.
	Module, Name string
	// Wanted is the module that the statement names, of which Module is a part
	// or a parent, and Names what it imports from that.
	Wanted string
	Names  []string
	// In is the module that holds the statement, File its path.
	In, File string
	Line     int
	Context  Context
}

// Node is a module as importing it would leave it.
type Node struct {
	Module
	// Source is what its text says, nil where there is none.
	Source *Source
	// Failures are its own statements that fail for certain when it is
	// imported; Guarded those that fail and are caught; Perhaps those that
	// fail if they run, which depends on a condition that is not known.
	Failures, Guarded, Perhaps []Failure
	// Later are the statements that run when a function is called.
	Later []*Import

	imports []edge // the modules that are imported with it
	loading bool
	fate    Truth // whether importing it fails; Maybe while it is not known
	decided bool
}

type edge struct {
	to   *Node
	line int
	// caught: a failure of the other module does not fail this one.
	caught bool
}

// Importer imports modules on paper: it follows the statements that run when
// a module is imported, and finds those that fail. It is not safe for use by
// several goroutines.
type Importer struct {
	*Finder
	Runtime Runtime
	// Sources gives what the text at a path says; ok is false where it is not
	// known.
	Sources func(path string) (*Source, bool)
	// Loads says whether compiled code at a path can be loaded; nil means that
	// all can.
	Loads func(path string) bool
	nodes map[string]*Node
}

// Import imports a module by its full name, with its parents. Where it, or a
// parent, is not there, the failure says so.
func (im *Importer) Import(name string) (*Node, *Failure) {
	nodes, f := im.chain(name)
	if f != nil || len(nodes) == 0 {
		return nil, f
	}
	return nodes[len(nodes)-1], nil
}

// Program is the module __main__ made from a file's text.
func (im *Importer) Program(file string, src *Source) *Node {
	n := &Node{Module: Module{Name: "__main__", Found: SourceFile, File: file}, Source: src}
	im.load(n)
	return n
}

// RunModule is a module run by "python -m": a package's __main__. It is nil
// without a failure where the module may be there and cannot be looked into.
func (im *Importer) RunModule(name string) (*Node, *Failure) {
	n, f := im.Import(name)
	if f != nil || n == nil {
		return nil, f
	}
	if n.Dirs != nil {
		if _, f := im.Import(name + ".__main__"); f != nil {
			return nil, f
		}
		return im.asMain(im.node(name + ".__main__")), nil
	}
	return im.asMain(n), nil
}

// asMain is a module with what stands under __name__ == "__main__".
func (im *Importer) asMain(n *Node) *Node {
	if n == nil || n.Source == nil {
		return n
	}
	m := &Node{Module: n.Module, Source: n.Source}
	im.loadAs(m, true)
	return m
}

func (im *Importer) node(name string) *Node { return im.nodes[name] }

// chain imports a dotted name from its top: the nodes of each part. An opaque
// part ends the chain without failure.
func (im *Importer) chain(name string) ([]*Node, *Failure) {
	var out []*Node
	for end := 0; end < len(name); {
		next := strings.IndexByte(name[end+1:], '.')
		if next < 0 {
			next = len(name)
		} else {
			next += end + 1
		}
		var parent *Node
		if len(out) > 0 {
			parent = out[len(out)-1]
		}
		n, f := im.part(parent, name[:next], strings.TrimPrefix(name[end:next], "."))
		if f != nil {
			return out, f
		}
		if n == nil {
			return out, nil
		}
		out, end = append(out, n), next
	}
	return out, nil
}

// part imports one module of a dotted name: nil without a failure is opaque.
func (im *Importer) part(parent *Node, full, name string) (*Node, *Failure) {
	if n, ok := im.nodes[full]; ok {
		if n.Found == Missing {
			return nil, &Failure{Module: full}
		}
		if n.Found == Opaque {
			return nil, nil
		}
		return n, nil
	}
	var m Module
	switch {
	case parent == nil:
		m = im.Top(full)
	case parent.Dirs == nil:
		if parent.opaque() || synthetic[full] {
			return nil, nil
		}
		return nil, &Failure{Cause: NotPackage, Module: full}
	default:
		m = im.Sub(parent.Module, name)
		if m.Found == Missing && (parent.Source != nil && parent.Source.Open || parent.bound("__path__") || synthetic[full]) {
			m.Found = Opaque
		}
	}
	if im.nodes == nil {
		im.nodes = map[string]*Node{}
	}
	n := &Node{Module: m}
	im.nodes[full] = n
	switch m.Found {
	case Missing:
		return nil, &Failure{Module: full}
	case Opaque:
		return nil, nil
	case SourceFile:
		if src, ok := im.Sources(m.File); ok {
			n.Source = src
			im.load(n)
		}
	case ExtensionFile:
		if im.Loads != nil && !im.Loads(m.File) {
			n.Failures = []Failure{{Cause: CannotLoad, Module: full, In: full, File: m.File}}
		}
	}
	return n, nil
}

// opaque says that what a module holds is not known from text.
func (n *Node) opaque() bool {
	return n.Source == nil && n.Found != Namespace || n.Source != nil && n.Source.Open
}

// bound says whether the module's text binds a name at its top level.
func (n *Node) bound(name string) bool {
	if n.Source == nil {
		return false
	}
	_, ok := slices.BinarySearch(n.Source.Names, name)
	return ok
}

// load goes through the statements of a module.
func (im *Importer) load(n *Node) { im.loadAs(n, false) }

func (im *Importer) loadAs(n *Node, main bool) {
	n.loading = true
	defer func() { n.loading = false }()
	rt := im.Runtime
	rt.Main = main || n.Name == "__main__"
	tries := outcomes{}
	for i := range n.Source.Imports {
		imp := &n.Source.Imports[i]
		if imp.Context&TypeChecking != 0 {
			continue
		}
		runs := tries.runs(imp, rt)
		guarded := imp.Context&Guarded != 0
		switch {
		case runs == No:
		case imp.Context&Lazy != 0:
			n.Later = append(n.Later, imp)
		case guarded:
			tries.add(imp, im.statement(n, imp, &n.Guarded, true), runs)
		case runs == Maybe:
			tries.add(imp, im.statement(n, imp, &n.Perhaps, true), runs)
		default:
			tries.add(imp, im.statement(n, imp, &n.Failures, false), runs)
		}
	}
}

// statement imports what a statement imports. What is not there is added to
// the failures; it says whether the statement fails.
func (im *Importer) statement(n *Node, imp *Import, failures *[]Failure, caught bool) Truth {
	nodes, fs := im.targets(n, imp)
	fate := No
	for _, to := range nodes {
		n.imports = append(n.imports, edge{to, imp.Line, caught})
		if !caught || fate == Yes {
			continue
		}
		if f := im.fails(to); f != No {
			fate = f
		}
	}
	if len(fs) > 0 {
		*failures = append(*failures, fs...)
		return Yes
	}
	return fate
}

// Resolve is what a later statement of a module would import, and what of that
// is not there.
func (im *Importer) Resolve(n *Node, imp *Import) ([]*Node, []Failure) { return im.targets(n, imp) }

// targets are the modules that a statement imports, and what it does not find.
func (im *Importer) targets(n *Node, imp *Import) (nodes []*Node, failures []Failure) {
	fail := func(f *Failure) {
		f.Wanted, _ = n.absolute(imp)
		f.Names = imp.Names
		f.In, f.File, f.Line, f.Context = n.Name, n.File, imp.Line, imp.Context
		failures = append(failures, *f)
	}
	name, ok := n.absolute(imp)
	if !ok {
		fail(&Failure{Cause: NoParent, Module: strings.Repeat(".", imp.Level) + imp.Module})
		return nil, failures
	}
	nodes, f := im.chain(name)
	if f != nil {
		fail(f)
		return nodes, failures
	}
	if imp.Names == nil || len(nodes) == 0 || nodes[len(nodes)-1].Name != name {
		return nodes, failures
	}
	from := nodes[len(nodes)-1]
	for _, item := range imp.Names {
		// A package that imports from itself while it is imported finds what it
		// bound before, and else its submodules.
		itself := from == n && n.Dirs != nil && imp.Context&Lazy == 0 && !slices.Contains(imp.Known, item) && !implicit[item]
		if item == "*" || !itself && im.defines(from, item, 0) == Yes {
			continue
		}
		if from.Dirs == nil {
			if im.defines(from, item, 0) == No {
				fail(&Failure{Cause: NoName, Module: name, Name: item})
			}
			continue
		}
		sub, f := im.part(from, name+"."+item, item)
		switch {
		case sub != nil:
			nodes = append(nodes, sub)
		case f != nil && itself && !n.opaque() && !n.hasStar():
			fail(&Failure{Module: name + "." + item})
		case f != nil && im.defines(from, item, 0) == No:
			if from.Found == Namespace || isSubmoduleLike(from, item) {
				fail(&Failure{Module: name + "." + item})
			} else {
				fail(&Failure{Cause: NoName, Module: name, Name: item})
			}
		}
	}
	return nodes, failures
}

// hasStar says that the module's text takes names that it does not show.
func (n *Node) hasStar() bool {
	return n.Source != nil && slices.ContainsFunc(n.Source.Imports, func(i Import) bool { return slices.Contains(i.Names, "*") })
}

// isSubmoduleLike says that a name that a package lacks is more likely a
// module than an attribute: packages without any text of their own have
// nothing else.
func isSubmoduleLike(from *Node, _ string) bool {
	return from.Source != nil && len(from.Source.Names) == 0
}

// maxStars bounds how far star imports are followed.
const maxStars = 20

// defines says whether a module binds a name.
func (im *Importer) defines(n *Node, name string, depth int) Truth {
	if implicit[name] || n.bound(name) {
		return Yes
	}
	if n.opaque() || depth > maxStars {
		return Maybe
	}
	if n.Source == nil {
		return No
	}
	for i := range n.Source.Imports {
		imp := &n.Source.Imports[i]
		if len(imp.Names) != 1 || imp.Names[0] != "*" || imp.Context&(Lazy|TypeChecking) != 0 {
			continue
		}
		full, ok := n.absolute(imp)
		if !ok {
			return Maybe
		}
		from := im.node(full)
		switch {
		case n.loading && (from == nil || from.loading):
			continue // the star has not run, or not to its end: no names are there yet
		case from == nil:
			return Maybe
		case strings.HasPrefix(name, "_") && (!from.bound("__all__") || !from.bound(name)):
			continue // a star takes such names only where __all__ has them
		}
		// A star takes submodules too, where __all__ names them.
		if t := im.defines(from, name, depth+1); t != No || from.Dirs != nil && from.bound("__all__") {
			return Maybe
		}
	}
	return No
}

// absolute is the full name of the module that a statement names.
func (n *Node) absolute(imp *Import) (string, bool) {
	if imp.Level == 0 {
		return imp.Module, imp.Module != ""
	}
	if n.Name == "__main__" {
		return "", false
	}
	pkg := n.Name
	drop := imp.Level
	if n.Dirs != nil {
		drop--
	}
	for ; drop > 0; drop-- {
		i := strings.LastIndexByte(pkg, '.')
		if i < 0 {
			return "", false
		}
		pkg = pkg[:i]
	}
	if imp.Module == "" {
		return pkg, true
	}
	return pkg + "." + imp.Module, true
}

// fails says whether importing a module fails, with all that it imports.
func (im *Importer) fails(n *Node) Truth {
	if n.decided {
		return n.fate
	}
	if n.loading {
		return No // a cycle: what is loading counts as loaded
	}
	fate, decided := No, true
	seen := map[*Node]bool{n: true}
	for todo := []*Node{n}; len(todo) > 0 && fate != Yes; {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		decided = decided && !at.loading
		if len(at.Failures) > 0 {
			fate = Yes
		} else if len(at.Perhaps) > 0 && fate == No {
			fate = Maybe
		}
		for _, e := range at.imports {
			if !e.caught && !seen[e.to] && !(e.to.decided && e.to.fate == No) {
				seen[e.to] = true
				todo = append(todo, e.to)
			}
		}
	}
	n.fate, n.decided = fate, decided || fate == Yes
	return fate
}

// Defines says whether a module binds a name, or has it as a submodule.
func (im *Importer) Defines(n *Node, name string) Truth {
	if t := im.defines(n, name, 0); t != No || n.Dirs == nil {
		return t
	}
	if sub, f := im.part(n, n.Name+"."+name, name); f == nil {
		if sub == nil {
			return Maybe
		}
		return Yes
	}
	return No
}

// implicit are the attributes that every module has.
var implicit = names(`__name__ __doc__ __file__ __path__ __package__ __spec__ __loader__ __dict__ __builtins__ __cached__ __annotations__`)

// synthetic are modules that others put into sys.modules under names that no
// file has.
var synthetic = names(`os.path six.moves pkg_resources.extern setuptools.extern typing.io typing.re requests.packages
	pip._vendor.six.moves urllib3.packages.six.moves`)
