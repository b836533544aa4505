package check

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/python/imports"
	"whittle.dev/whittle/internal/python/source"
	"whittle.dev/whittle/internal/start"
)

// Use is the strongest way in which the starts of an image use a distribution.
type Use uint8

// The ways, the weakest first. NotUsed is what files show: a distribution may
// still be imported by a name that is made at run time.
const (
	// UnknownUse: nothing imports it, but not everything could be followed, or
	// it has nothing to import.
	UnknownUse Use = iota
	NotUsed
	// PluginUse: it offers itself to a distribution that is used: by an entry
	// point, by a .pth file, or by a name that the other one knows.
	PluginUse
	// OptionalUse: the failure of its import is caught.
	OptionalUse
	// LazyUse: a function imports it, or a module that no start reaches.
	LazyUse
	// EagerUse: it is imported at start.
	EagerUse
)

// Used is how one distribution is used.
type Used struct {
	Use Use
	// By is one place that uses it: the statement as "src/cli.py:12", or in a
	// few words what else; empty where nothing does.
	By string
	// Extras are those of the project that ask for it by name; the empty one
	// is the project's plain dependencies.
	Extras []string
}

// Usage says of each installed distribution, by its position in
// [Image.Distributions], how the image's starts use it: what they import, what
// the functions of all that import, and what may be imported by name.
func Usage(ctx context.Context, img *Image) ([]Used, error) {
	s := newState(img)
	u := &usage{s: s, out: make([]Used, len(img.Distributions)), modules: map[*imports.Node]bool{}, requires: map[int]map[string]bool{}}
	u.extras()
	u.imported(ctx)
	u.programs()
	u.application()
	u.pathFiles()
	for changed := true; changed && ctx.Err() == nil; {
		changed = u.plugins() || u.known() || u.mentioned()
	}
	unknown := u.notFollowed() || len(u.modules) == 0 || u.cutOff()
	for i := range u.out {
		// Without modules it is used for its data or programs.
		if u.out[i].Use == UnknownUse && !unknown && len(img.Distributions[i].ImportNames()) > 0 {
			u.out[i].Use = NotUsed
		}
	}
	return u.out, ctx.Err()
}

// notFollowed says that something which the image starts could not be followed.
// What "uv run" may install before it starts a program does not count: the program
// is known.
func (u *usage) notFollowed() bool {
	return slices.ContainsFunc(u.s.unknown(func(*start.Process) bool { return true }), func(line string) bool { return !strings.HasSuffix(line, start.SyncsFirst) })
}

// cutOff says that a part of the application is not in the image, or cannot be
// started: what that would use shows nowhere. A console script that cannot run
// uses nothing; what its modules would import the rules find in the project.
func (u *usage) cutOff() bool {
	own := func(p whittle.Problem) bool {
		return p.Rule == whittle.CheckMissingSource || p.Rule == whittle.CheckNotOnPath || p.Rule == whittle.CheckMissingEntryPoint || p.Rule == whittle.CheckHealthcheckCannotRun || p.Rule == whittle.CheckEntrypointNotFound || p.Rule == whittle.CheckExecFailed
	}
	for _, st := range u.s.starts {
		if u.ownScript(st) {
			continue
		}
		if slices.ContainsFunc(st.Problems, own) {
			return true
		}
		if st.Python == nil {
			continue
		}
		for _, r := range st.Python.Roots {
			if slices.ContainsFunc(importsOf(u.s, st, r), own) || slices.ContainsFunc(st.Unknown, func(why string) bool { return why != start.SyncsFirst }) {
				return true
			}
		}
	}
	return false
}

// ownScript says that a start is a console script of the application, or a
// command that runs one.
func (u *usage) ownScript(st *start.Process) bool {
	if st.Role != start.Command || len(st.Command) == 0 {
		return st.Role == start.Console
	}
	return slices.ContainsFunc(u.s.owners.Own, func(i int) bool {
		return slices.ContainsFunc(u.s.Distributions[i].EntryPoints, func(e python.EntryPoint) bool { return e.Group == "console_scripts" && e.Name == st.Command[0] })
	})
}

// usage collects what is used.
type usage struct {
	s   *state
	out []Used
	// modules are those that were gone through.
	modules map[*imports.Node]bool
	// requires has the names of what a distribution requires without extras.
	requires map[int]map[string]bool
	// scanned are the distributions whose files mentioned has read.
	scanned map[int]bool
	// asked is nil before the first call of words.
	asked *loading
}

// use notes a use that is stronger than what is known.
func (u *usage) use(i int, how Use, by string) bool {
	if u.out[i].Use >= how {
		return false
	}
	u.out[i].Use, u.out[i].By = how, by
	return true
}

// used says whether a distribution is used in any way that is known.
func (u *usage) used(i int) bool { return u.out[i].Use > NotUsed }

// extras notes which lists of the project name a distribution.
func (u *usage) extras() {
	if u.s.Project == nil {
		return
	}
	for _, d := range u.s.Project.Dependencies {
		if d.Kind != manifest.Runtime && d.Kind != manifest.Optional {
			continue
		}
		for i := range u.s.Distributions {
			if o := &u.out[i]; u.s.Distributions[i].Name == pep.Normalize(d.Name) && !slices.Contains(o.Extras, d.Extra) {
				o.Extras = append(o.Extras, d.Extra)
			}
		}
	}
}

// wave are modules that are imported in one way; by has what leads to each.
type wave struct {
	how   Use
	nodes []*imports.Node
	by    map[*imports.Node]string
}

func newWave(how Use) *wave { return &wave{how: how, by: map[*imports.Node]string{}} }

func (w *wave) add(n *imports.Node, by string) {
	if _, twice := w.by[n]; n != nil && !twice {
		w.nodes = append(w.nodes, n)
		w.by[n] = by
	}
}

// imported follows the modules of all starts. Those that share an importer are
// gone through together, the strongest way first, so that each module is seen
// once.
func (u *usage) imported(ctx context.Context) {
	var order []*imports.Importer
	all := map[*imports.Importer]*follower{}
	of := func(im *imports.Importer) *follower {
		if all[im] == nil {
			all[im] = &follower{u: u, Importer: im, lazy: newWave(LazyUse), optional: newWave(OptionalUse)}
			order = append(order, im)
		}
		return all[im]
	}
	eager := map[*imports.Importer]*wave{}
	for _, st := range u.s.starts {
		if st.Python == nil {
			continue
		}
		for _, r := range st.Python.Roots {
			of(r.Importer)
			if eager[r.Importer] == nil {
				eager[r.Importer] = newWave(EagerUse)
			}
			eager[r.Importer].add(r.Node, st.Name)
		}
		for _, r := range st.Python.Later {
			of(r.Importer).lazy.add(r.Node, st.Name)
		}
	}
	for _, im := range order {
		f := all[im]
		if eager[im] != nil {
			f.walk(eager[im])
		}
		for len(f.lazy.nodes) > 0 && ctx.Err() == nil {
			next := f.lazy
			f.lazy = newWave(LazyUse)
			f.walk(next)
		}
		for len(f.optional.nodes) > 0 && ctx.Err() == nil {
			next := f.optional
			f.optional = newWave(OptionalUse)
			f.walk(next)
		}
	}
}

// follower goes through the modules of one importer.
type follower struct {
	u        *usage
	Importer *imports.Importer
	// lazy and optional are the waves that come next.
	lazy, optional *wave
}

// walk goes through a wave and all that is imported with it.
func (f *follower) walk(w *wave) {
	fresh := slices.DeleteFunc(w.nodes, func(n *imports.Node) bool { return f.u.modules[n] })
	plain := imports.Walk(false, fresh...)
	for _, n := range plain.Nodes {
		switch {
		case f.u.modules[n]:
		case w.how == LazyUse && f.aside(plain.Chain(n), n):
			f.optional.add(n, f.by(w, plain, n))
		default:
			f.u.modules[n] = true
			f.module(w, plain, n)
		}
	}
	every := imports.Walk(true, plain.Nodes...)
	for _, n := range every.Nodes[len(plain.Nodes):] {
		if chain := every.Chain(n); !f.u.modules[n] && len(chain) > 0 && !f.unasked(chain, n) {
			f.optional.add(n, f.at(chain[len(chain)-1].File, chain[len(chain)-1].Line))
		}
	}
}

// by is the statement that leads to a module, or what the wave says of it.
func (f *follower) by(w *wave, walk *imports.Reach, n *imports.Node) string {
	chain := walk.Chain(n)
	if len(chain) == 0 {
		return w.by[n]
	}
	return f.at(chain[len(chain)-1].File, chain[len(chain)-1].Line)
}

// aside says that the way to a module leaves a library for one that it does
// not require: a part of the library that is for those who have the other one.
func (f *follower) aside(chain []imports.Link, n *imports.Node) bool {
	for i, l := range chain {
		to := n.File
		if i+1 < len(chain) {
			to = chain[i+1].File
		}
		from, owned := f.u.s.owners.Owner[l.File]
		if owned && !f.u.s.owners.OwnFile(l.File, f.Importer.Finder) && f.u.feature(from, to) {
			return true
		}
	}
	return false
}

// unasked says that the way to a module leads from a library to what it loads only
// if it is asked to, and nothing asks. Whoever else imports it is found by
// application and mentioned.
func (f *follower) unasked(chain []imports.Link, n *imports.Node) bool {
	for i, l := range chain {
		to := n.File
		if i+1 < len(chain) {
			to = chain[i+1].File
		}
		if f.u.unasked(l.File, to) {
			return true
		}
	}
	return false
}

func (f *follower) at(file string, line int) string {
	return fmt.Sprintf("%s:%d", f.u.s.owners.Shown(file), line)
}

// module notes whose a module is, and what its functions import.
func (f *follower) module(w *wave, walk *imports.Reach, n *imports.Node) {
	owner, owned := f.u.s.owners.Owner[n.File]
	if owned && n.File != "" {
		f.u.use(owner, w.how, f.by(w, walk, n))
	}
	if n.Source == nil {
		return
	}
	own := f.u.s.owners.OwnFile(n.File, f.Importer.Finder)
	if own {
		f.u.calls(n.Source, n.File)
	}
	for _, imp := range n.Later {
		if source.Hold(imp.Conditions, f.Importer.Runtime) == source.No {
			continue
		}
		nodes, _ := f.Importer.Resolve(n, imp)
		for _, to := range nodes {
			if !own && f.u.unasked(n.File, to.File) {
				continue
			}
			next := f.lazy
			if w.how < LazyUse || imp.Context&(source.Guarded|source.Handler) != 0 || !own && f.u.feature(owner, to.File) {
				next = f.optional
			}
			if !f.u.modules[to] {
				next.add(to, f.at(n.File, imp.Line))
			}
		}
	}
}

// feature says that a function of a library imports what the library does not
// require: it is a feature for those who have installed that besides.
func (u *usage) feature(from int, to string) bool {
	other, ok := u.s.owners.Owner[to]
	return ok && to != "" && other != from && !u.requiresOf(from)[u.s.Distributions[other].Name]
}

// requiresOf are the names of what a distribution requires without an extra.
func (u *usage) requiresOf(i int) map[string]bool {
	if r, ok := u.requires[i]; ok {
		return r
	}
	r := map[string]bool{}
	for _, text := range u.s.Distributions[i].Metadata.RequiresDist {
		_, marker, _ := strings.Cut(text, ";")
		if q, err := pep.ParseRequirement(text); err == nil && !strings.Contains(marker, "extra") {
			r[q.Name] = true
		}
	}
	u.requires[i] = r
	return r
}
