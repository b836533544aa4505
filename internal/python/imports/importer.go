package imports

import (
	"slices"
	"strings"

	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/python/source"
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
	// BadSyntax: it is text that the interpreter does not compile; Name says
	// why.
	BadSyntax
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
	Context  source.Context
	// exceptional: it stands in a handler of something that hardly happens.
	exceptional bool
}

// Caught says that the statement stands in a handler, or a part of a try, that
// hardly runs.
func (f *Failure) Caught() bool {
	return f.exceptional || f.Context&(source.Guarded|source.Handler) != 0
}

// Node is a module as importing it would leave it.
type Node struct {
	Module
	// Source is what its text says, nil where there is none.
	Source *source.Facts
	// Failures are its own statements that fail for certain when it is
	// imported; Guarded those that fail and are caught; Perhaps those that
	// fail if they run, which depends on a condition that is not known.
	Failures, Guarded, Perhaps []Failure
	// Doubts are those that may fail or not.
	Doubts []Doubt
	// Later are the statements that run when a function is called.
	Later []*source.Import

	imports       []edge       // the modules that are imported with it
	at            int          // the import that is running
	why           string       // why it may be there although it was not found
	more          string       // why the package may have other modules
	fate          source.Truth // whether importing it fails; Maybe while it is not known
	decided       bool
	loading, main bool // main: it is run as a program
}

// Doubt is a statement that imports what may be there or not; Why says what
// makes that unknown.
type Doubt struct {
	Failure
	Why string
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
	Finder  *Finder
	Runtime source.Runtime
	// Sources gives what the text at a path says; ok is false where it is not
	// known.
	Sources func(path string) (*source.Facts, bool)
	// Loads says whether compiled code at a path can be loaded; nil means that
	// all can.
	Loads func(path string) bool
	nodes map[string]*Node
	// missed are the names that were not found, hanging counts the statements
	// around that may not run, or are caught.
	missed  []string
	hanging int
	made    changes
	broken  bool // a module that was loaded does not compile
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
func (im *Importer) Program(file string, src *source.Facts) *Node {
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
	if parent == nil && full == "distutils" && im.Finder.mapped[full] != "" && im.nodes["setuptools"] == nil {
		// Its finder imports setuptools, which puts what it vendors on the path, and
		// may import distutils.
		if _, f := im.chain("setuptools"); f == nil && im.nodes[full] != nil {
			return im.part(parent, full, name)
		}
	}
	var m Module
	switch {
	case parent == nil:
		m = im.Finder.Top(full)
	case parent.Dirs == nil:
		if parent.opaque() || python.Synthetic[full] || im.made.set[full] {
			return nil, nil
		}
		return nil, &Failure{Cause: NotPackage, Module: full}
	default:
		m = im.Finder.Sub(parent.Module, name)
	}
	why := ""
	if m.Found == Missing {
		m.Found, why = im.changer().unfound(parent, full, name)
	} else if m.Found == Opaque && im.Finder.opaque != "" {
		why = im.Finder.opaque
	}
	if im.nodes == nil {
		im.nodes = map[string]*Node{}
	}
	n := &Node{Module: m, why: why}
	if shim := im.nodes["setuptools"]; shim != nil && parent == nil && full == "distutils" {
		n.imports = append(n.imports, edge{to: shim, caught: true})
	}
	im.nodes[full] = n
	if m.Found == Missing || m.Found == Opaque {
		im.missed = append(im.missed, full)
	}
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
	if im.refuses(n) {
		return
	}
	n.loading = true
	defer func() { n.loading = false }()
	rt := im.Runtime
	n.main = main || n.Name == "__main__"
	rt.Main = n.main
	tries := outcomes{}
	im.changer().enter(n)
	effects := 0
	for i := range n.Source.Imports {
		imp := &n.Source.Imports[i]
		effects = im.changer().effects(n, effects, i, tries, rt)
		n.at = i
		if imp.Context&source.TypeChecking != 0 {
			continue
		}
		runs := tries.runs(imp, rt)
		if runs == source.Maybe && len(imp.Conditions) > 0 {
			runs = im.imports(n, imp, tries, rt)
		}
		guarded := imp.Context&source.Guarded != 0
		switch {
		case runs == source.No || slices.ContainsFunc(imp.Found, func(name string) bool { return !im.Finder.Metadata(name) }):
		case imp.Context&source.Lazy != 0:
			n.Later = append(n.Later, imp)
		case guarded:
			tries.add(imp, im.statement(n, imp, &n.Guarded, true), runs)
		case runs == source.Maybe:
			tries.add(imp, im.statement(n, imp, &n.Perhaps, true), runs)
		default:
			tries.add(imp, im.statement(n, imp, &n.Failures, false), runs)
		}
	}
	im.changer().effects(n, effects, -1, tries, rt)
}

// imports is whether a statement runs whose conditions may be about paths.
func (im *Importer) imports(n *Node, imp *source.Import, tries outcomes, rt source.Runtime) source.Truth {
	return im.changer().runs(n, &source.Effect{Line: imp.Line, Conditions: imp.Conditions, Tries: imp.Tries}, tries, rt)
}

// statement imports what a statement imports. What is not there is added to
// the failures; it says whether the statement fails.
func (im *Importer) statement(n *Node, imp *source.Import, failures *[]Failure, caught bool) source.Truth {
	if caught {
		im.hanging++
		defer func() { im.hanging-- }()
	}
	nodes, fs, doubts := im.targets(n, imp)
	fate := source.No
	if len(doubts) > 0 {
		fate = source.Maybe
		if !caught {
			n.Doubts = append(n.Doubts, doubts...)
		}
	}
	for _, to := range nodes {
		if caught := im.catches(to, imp, caught); !caught {
			n.imports = append(n.imports, edge{to, imp.Line, caught})
			continue
		}
		n.imports = append(n.imports, edge{to, imp.Line, true})
		if !caught || fate == source.Yes {
			continue
		}
		if f := im.fails(to); f != source.No {
			fate = f
		}
	}
	if len(fs) > 0 {
		*failures = append(*failures, fs...)
		return source.Yes
	}
	return fate
}

// Resolve is what a later statement of a module would import, and what of that
// is not there.
func (im *Importer) Resolve(n *Node, imp *source.Import) ([]*Node, []Failure) {
	nodes, failures, _ := im.targets(n, imp)
	return nodes, failures
}

// targets are the modules that a statement imports, what it does not find, and
// what may be there or not.
func (im *Importer) targets(n *Node, imp *source.Import) (nodes []*Node, failures []Failure, doubts []Doubt) {
	t := targets{im: im, n: n, imp: imp}
	t.find()
	return t.nodes, t.failures, t.doubts
}

func topName(module string) string { top, _, _ := strings.Cut(module, "."); return top }

// opaquePart is the part of a dotted name that could not be looked into.
func (im *Importer) opaquePart(name string) *Node {
	for i := 0; i <= len(name); i++ {
		if i == len(name) || name[i] == '.' {
			if n := im.nodes[name[:i]]; n != nil && n.Found == Opaque {
				return n
			}
		}
	}
	return nil
}

// absolute is the full name of the module that a statement names.
func (n *Node) absolute(imp *source.Import) (string, bool) {
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
func (im *Importer) fails(n *Node) source.Truth {
	if n.decided {
		return n.fate
	}
	if n.loading {
		return source.No // a cycle: what is loading counts as loaded
	}
	fate, decided := source.No, true
	seen := map[*Node]bool{n: true}
	for todo := []*Node{n}; len(todo) > 0 && fate != source.Yes; {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		decided = decided && !at.loading
		if len(at.Failures) > 0 {
			fate = source.Yes
		} else if len(at.Perhaps) > 0 && fate == source.No {
			fate = source.Maybe
		}
		for _, e := range at.imports {
			if !e.caught && !seen[e.to] && !(e.to.decided && e.to.fate == source.No) {
				seen[e.to] = true
				todo = append(todo, e.to)
			}
		}
	}
	n.fate, n.decided = fate, decided || fate == source.Yes
	return fate
}
