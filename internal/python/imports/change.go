package imports

import (
	"fmt"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/python/source"
)

// changer makes what code does to the search path, to modules and to packages, while
// an importer goes through it.
type changer struct{ im *Importer }

func (im *Importer) changer() changer { return changer{im} }

// changes is what code that ran so far did to what later statements can
// import.
type changes struct {
	// cwd is the working directory; lost says that it is not known any more.
	cwd  string
	lost bool
	// doubt says why a module may be there that is not found, empty for no
	// reason; unsure why one that is found may not be.
	doubt, unsure string
	// maybe are folders that may be on the path.
	maybe []maybeDir
	// set are modules in sys.modules that no file has, prefixes what names of
	// others begin with.
	set      map[string]bool
	prefixes []string
	// bound are names that other modules were given.
	bound map[string]map[string]bool
	// later are the effects of functions by their names, own those of the
	// application's modules.
	later map[string][]laterEffect
	own   []*Node
	// touched says that anything was changed.
	touched bool
	started bool
}

type maybeDir struct{ dir, why string }

type laterEffect struct {
	n *Node
	e *source.Effect
}

func (c *changes) cwdKnown() bool { return !c.lost }

// Touched says that code changed what this process can import: the importer
// is of no use to another one.
func (im *Importer) Touched() bool { return im.made.touched }

// Begin runs what site runs before anything else: the lines of .pth files that
// are code, sitecustomize and usercustomize. What fails there does not end the
// process.
func (im *Importer) Begin() {
	if im.made.started {
		return
	}
	im.made.started, im.made.cwd = true, im.Finder.Process.WorkDir
	im.changer().lines()
	if im.Finder.Process.NoSite {
		return
	}
	for _, name := range []string{"sitecustomize", "usercustomize"} {
		if name == "usercustomize" && im.Finder.Process.NoUserSite {
			continue
		}
		if m := im.Finder.Top(name); m.Found == SourceFile {
			im.Import(name)
		}
	}
	im.changer().lines()
}

// lines runs the code of .pth files that were read since.
func (ch changer) lines() {
	for len(ch.im.Finder.pth) > 0 {
		line := ch.im.Finder.pth[0]
		ch.im.Finder.pth = ch.im.Finder.pth[1:]
		n := &Node{Module: Module{Name: "site", Found: SourceFile, File: line.file}, Source: source.Scan([]byte(line.text))}
		ch.im.load(n)
	}
}

// enter notes the effects of a module's functions.
func (ch changer) enter(n *Node) {
	if ch.isStandard(n.File) {
		return
	}
	own := false
	for i := range n.Source.Effects {
		e := &n.Source.Effects[i]
		if e.In == "" || e.Kind == source.CallName {
			continue
		}
		if ch.im.made.later == nil {
			ch.im.made.later = map[string][]laterEffect{}
		}
		ch.im.made.later[e.In] = append(ch.im.made.later[e.In], laterEffect{n, e})
		own = own || !strings.Contains("/"+n.File, "-packages/")
	}
	if own {
		ch.im.made.own = append(ch.im.made.own, n)
	}
}

// isStandard says that a file belongs to the standard library.
func (ch changer) isStandard(file string) bool {
	return strings.HasPrefix(file, ch.im.Finder.Interpreter.Lib+"/") && !strings.Contains(file[len(ch.im.Finder.Interpreter.Lib):], "-packages/")
}

// effects makes those effects of a module that stand before an import, from
// the k-th on; it gives the next. An at below zero means all that are left.
func (ch changer) effects(n *Node, k, at int, tries outcomes, rt source.Runtime) int {
	for ; k < len(n.Source.Effects); k++ {
		e := &n.Source.Effects[k]
		if at >= 0 && e.At > at {
			break
		}
		if e.In != "" || e.Context&(source.Lazy|source.TypeChecking) != 0 {
			continue
		}
		if runs := ch.runs(n, e, tries, rt); runs != source.No {
			ch.effect(n, e, runs == source.Yes)
		}
	}
	return k
}

// runs says whether an effect happens.
func (ch changer) runs(n *Node, e *source.Effect, tries outcomes, rt source.Runtime) source.Truth {
	runs := tries.parts(e.Tries)
	for _, c := range e.Conditions {
		if runs == source.No || c.Text == source.TrySucceeded {
			continue
		}
		t := c.Holds(rt)
		if t == source.Maybe {
			if t = ch.im.tests(n, e.Line).holds(c.Text, 0); c.Not {
				t = source.Not(t)
			}
		}
		runs = both(runs, t)
	}
	return runs
}

// where names a place in the text for a reason.
func where(n *Node, line int) string { return fmt.Sprintf("%s:%d", n.File, line) }

// effect makes one; sure says that it happens for certain.
func (ch changer) effect(n *Node, e *source.Effect, sure bool) {
	c := &ch.im.made
	switch e.Kind {
	case source.CallName:
		ch.calls(n, e)
		return
	case source.SetName:
		ch.setName(n, e)
		return
	case source.SetModule:
		ch.setModule(n, e)
		return
	case source.AddFinder:
		if !harmlessFinders[n.lastName()] && !ch.isStandard(n.File) {
			ch.doubtBy(where(n, e.Line) + " installs a finder of modules")
		}
		return
	case source.RunText:
		if e.Name == "exit" {
			ch.doubtBy(where(n, e.Line) + " may end the process before")
			return
		}
		ch.doubtBy(where(n, e.Line) + " runs code that was not read")
		return
	case source.PackagePath:
		ch.packagePath(n, e, sure)
		return
	}
	c.touched = true
	v := ch.im.evaluate(n, e.Text, e.Line)
	switch e.Kind {
	case source.PathAppend, source.PathInsert, source.SiteDir:
		index := -1
		if e.Kind == source.PathInsert {
			if at := ch.im.evaluate(n, e.Name, e.Line); at.kind == 'n' && at.n >= 0 {
				index = at.n
			} else if at.kind != 'n' {
				sure = false
			}
		}
		ch.addPlace(v, index, e.Kind == source.SiteDir, sure, where(n, e.Line))
	case source.PathExtend, source.PathPrefix:
		ch.addPlaces(v, e.Kind == source.PathPrefix, sure, where(n, e.Line))
	case source.PathSet:
		ch.setPath(v, sure, where(n, e.Line))
	case source.PathRemove, source.PathPop, source.PathUnknown:
		ch.removePlace(v, e.Kind, sure, where(n, e.Line))
	case source.ChangeDir:
		if s, ok := v.text(); ok && sure && !c.lost {
			c.cwd = whittle.Join(c.cwd, s)
		} else {
			c.lost = true
		}
	}
	ch.forget()
}

// harmlessFinders are modules whose finders give no modules but their own.
var harmlessFinders = source.NameSet(`six importlib_metadata _virtualenv _distutils_hack extern bottle`)

func (n *Node) lastName() string {
	_, last, _ := source.CutLast(n.Name)
	return last
}

// forget lets modules that were not found be looked for again.
func (ch changer) forget() {
	clear(ch.im.Finder.top)
	for _, name := range ch.im.missed {
		if n := ch.im.nodes[name]; n != nil && (n.Found == Missing || n.Found == Opaque) {
			delete(ch.im.nodes, name)
		}
	}
	ch.im.missed = ch.im.missed[:0]
}

func (ch changer) doubtBy(why string) {
	ch.im.made.touched = true
	if ch.im.made.doubt == "" {
		ch.im.made.doubt = why
		ch.forget()
	}
}

// addPlace puts a folder on the path.
func (ch changer) addPlace(v place, index int, site, sure bool, why string) {
	s, ok := v.text()
	if !ok || !strings.HasPrefix(s, "/") && ch.im.made.lost {
		ch.doubtBy(why + " changes sys.path by what is only known when it runs")
		return
	}
	dir := whittle.Join(ch.im.made.cwd, s)
	switch {
	case !sure:
		if real, ok := ch.im.Finder.t.Follow("", dir); ok && !slices.Contains(ch.im.Finder.Path, real) {
			ch.im.made.maybe = append(ch.im.made.maybe, maybeDir{real, why + " may add it to sys.path"})
		}
	case site:
		ch.im.Finder.addSite(dir)
		ch.lines()
	case index < 0:
		ch.im.Finder.addDir(dir)
	default:
		ch.im.Finder.insertDir(index, dir)
	}
}

func (ch changer) addPlaces(v place, front, sure bool, why string) {
	if v.kind != 'l' {
		ch.addPlace(place{}, 0, false, sure, why)
		return
	}
	for i, item := range v.list {
		index := -1
		if front {
			index = i
		}
		ch.addPlace(item, index, false, sure, why)
	}
}

// setPath makes a list the path.
func (ch changer) setPath(v place, sure bool, why string) {
	known := v.kind == 'l' && sure
	for _, item := range v.list {
		s, ok := item.text()
		known = known && ok && (strings.HasPrefix(s, "/") || !ch.im.made.lost)
	}
	if !known {
		why += " changes sys.path by what is only known when it runs"
		ch.doubtBy(why)
		ch.im.made.unsure = why
		return
	}
	ch.im.Finder.replacePath(nil)
	for _, item := range v.list {
		ch.im.Finder.addDir(whittle.Join(ch.im.made.cwd, item.s))
	}
}

// removePlace takes a folder off the path.
func (ch changer) removePlace(v place, kind source.EffectKind, sure bool, why string) {
	s, isText := v.text()
	switch {
	case kind == source.PathPop && v.kind == 'n' && v.n == 0 && sure && ch.im.Finder.Process.First != "":
		ch.im.Finder.replacePath(slices.DeleteFunc(slices.Clone(ch.im.Finder.Path), func(d string) bool { return d == ch.im.Finder.Process.First }))
		ch.im.Finder.Process.First = ""
	case kind == source.PathRemove && isText && sure && (strings.HasPrefix(s, "/") || !ch.im.made.lost):
		if real, ok := ch.im.Finder.t.Follow("", whittle.Join(ch.im.made.cwd, s)); ok {
			if i := slices.Index(ch.im.Finder.Path, real); i >= 0 {
				ch.im.Finder.replacePath(slices.Delete(slices.Clone(ch.im.Finder.Path), i, i+1))
			}
		}
	default:
		why += " changes sys.path by what is only known when it runs"
		ch.doubtBy(why)
		ch.im.made.unsure = why
	}
}

// setModule notes a module that code puts into sys.modules.
func (ch changer) setModule(n *Node, e *source.Effect) {
	v := ch.im.evaluate(n, e.Text, e.Line)
	switch {
	case v.kind == 's' && !v.open:
		if ch.im.made.set == nil {
			ch.im.made.set = map[string]bool{}
		}
		if v.s == n.Name {
			return // the module itself, which is open
		}
		ch.im.made.set[v.s] = true
		ch.forget()
	case v.kind == 's' && v.s != "":
		ch.im.made.prefixes = append(ch.im.made.prefixes, v.s)
		ch.forget()
	case !ch.isStandard(n.File):
		ch.doubtBy(where(n, e.Line) + " puts modules into sys.modules whose names are only known when it runs")
	}
	ch.im.made.touched = true
}

// setName notes a name that one module binds in another.
func (ch changer) setName(n *Node, e *source.Effect) {
	name := e.Name
	if strings.HasPrefix(name, ".") {
		level := len(name) - len(strings.TrimLeft(name, "."))
		full, ok := n.absolute(&source.Import{Level: level, Module: name[level:]})
		if !ok {
			return
		}
		name = full
	}
	if ch.im.made.bound == nil {
		ch.im.made.bound = map[string]map[string]bool{}
	}
	if ch.im.made.bound[name] == nil {
		ch.im.made.bound[name] = map[string]bool{}
	}
	ch.im.made.bound[name][e.Text] = true
}

// calls: a function that changes something is called, or may be.
func (ch changer) calls(n *Node, e *source.Effect) {
	for _, l := range ch.im.made.later[e.Name] {
		sure := l.n == n && n.bound(e.Name) && len(e.Conditions)+len(e.Tries)+len(l.e.Conditions)+len(l.e.Tries) == 0
		ch.byFunction(l, sure)
	}
	for _, m := range ch.im.made.own {
		if m == n && ch.im.made.later[e.Name] != nil || !m.bound(e.Name) || strings.Contains("/"+n.File, "-packages/") {
			continue
		}
		for i := range m.Source.Effects {
			if f := &m.Source.Effects[i]; f.In != "" && f.Kind != source.CallName {
				ch.byFunction(laterEffect{m, f}, false)
			}
		}
	}
}

// byFunction makes an effect of a function that may have been called.
func (ch changer) byFunction(l laterEffect, sure bool) {
	if runs := ch.runs(l.n, l.e, nil, ch.im.Runtime); runs != source.No {
		e := *l.e
		e.Conditions, e.Tries, e.In = nil, nil, ""
		if e.Kind != source.SetModule || ch.im.evaluate(l.n, e.Text, e.Line).kind == 's' || !strings.Contains("/"+l.n.File, "-packages/") {
			ch.effect(l.n, &e, sure)
		}
	}
}

// packagePath adds to the __path__ of a package.
func (ch changer) packagePath(n *Node, e *source.Effect, sure bool) {
	pkg := n
	if e.Name != "" {
		alias := ch.im.evaluate(n, e.Name, e.Line)
		if pkg = ch.im.node(e.Name); alias.kind == 'd' && ch.im.node(alias.s) != nil {
			pkg = ch.im.node(alias.s)
		}
	}
	if pkg == nil || pkg.Dirs == nil {
		return
	}
	ch.forget()
	if e.Text == "*" {
		ch.extendPath(pkg)
		return
	}
	v := ch.im.evaluate(n, e.Text, e.Line)
	s, ok := v.text()
	if !ok || !sure {
		pkg.more = where(n, e.Line) + " changes the package's __path__ by what is only known when it runs"
		return
	}
	if real, ok := ch.im.Finder.t.Follow("", whittle.Join(ch.im.made.cwd, s)); ok && !slices.Contains(pkg.Dirs, real) {
		pkg.Dirs = append(slices.Clone(pkg.Dirs), real)
	}
}

// extendPath adds the folders of a package's name that are on the path.
func (ch changer) extendPath(pkg *Node) {
	dirs := ch.im.Finder.Path
	if owner, _, ok := source.CutLast(pkg.Name); ok {
		if up := ch.im.node(owner); up != nil {
			dirs = up.Dirs
		}
	}
	_, last, _ := source.CutLast(pkg.Name)
	for _, dir := range dirs {
		if real, ok := ch.im.Finder.t.Follow(dir, last); ok && !ch.im.Finder.t.IsFile(real) && !slices.Contains(pkg.Dirs, real) {
			pkg.Dirs = append(slices.Clone(pkg.Dirs), real)
		}
	}
}

// unfound says whether a module that was not found may be there all the same,
// and why.
func (ch changer) unfound(parent *Node, full, name string) (Found, string) {
	if python.Synthetic[full] || ch.im.made.set[full] {
		return Opaque, ""
	}
	for _, p := range ch.im.made.prefixes {
		if strings.HasPrefix(full, p) {
			return Opaque, "modules below " + strings.TrimSuffix(p, ".") + " are put into sys.modules when it runs"
		}
	}
	if parent != nil && parent.Found != Namespace {
		switch {
		case parent.more != "":
			return Opaque, parent.more
		case parent.Source != nil && parent.Source.Open && !parent.bound("__getattr__"):
			if strings.Contains("/"+parent.File, "-packages/") {
				return Opaque, "" // a distribution is made to fit together
			}
			return Opaque, parent.File + " changes its own module when it runs"
		}
		return Missing, ""
	}
	for _, d := range ch.im.made.maybe {
		dir := d.dir
		if parent != nil {
			dir += "/" + strings.ReplaceAll(parent.Name, ".", "/")
		}
		if m := ch.im.Finder.search(full, name, []string{dir}); m.Found != Missing {
			return Opaque, d.why
		}
	}
	if ch.im.made.doubt != "" {
		return Opaque, ch.im.made.doubt
	}
	return Missing, ""
}
