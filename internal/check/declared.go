package check

import (
	"fmt"
	"io/fs"
	"maps"
	"regexp"
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

// dependencies checks that the application declares what it imports.
func dependencies() group {
	return group{run: checkDeclared, checks: []Check{
		{ID: whittle.CheckUndeclared, Severity: whittle.SeverityError, Title: "the application imports a distribution that nothing declares",
			Text: "A module that the project's own code imports belongs to a distribution that no file of the project declares. It may work today because another dependency requires it. Declare it."},
		{ID: whittle.CheckUnused, Severity: whittle.SeverityInfo, Title: "nothing that the image starts uses a declared dependency",
			Text: "Nothing that the image starts imports it, names it, or needs it as a plug-in. `whittle fix` can remove it, and prove that everything still runs."},
		{ID: whittle.CheckMisplaced, Severity: whittle.SeverityWarning, Title: "a dependency is declared where the image does not install it from",
			Text: "The application imports it at start, but it is declared only for development or for an extra. Move the declaration."},
		{ID: whittle.CheckTransitive, Severity: whittle.SeverityWarning, Title: "the application imports a distribution that only another dependency requires",
			Text: "If the other dependency no longer requires it, the import fails. Declare it."},
	}}
}

// declaredAs says how the project declares a distribution, and what to do
// where it is not installed.
func declaredAs(s *state, dist string) (why, fix string) {
	if extra, by, ok := s.extraOfOwn(dist); ok && (s.Project == nil || len(s.Project.Files) == 0) {
		return fmt.Sprintf("only the extra `%s` of %s requires it", extra, by), fmt.Sprintf("install the extra `%s`, or move %s to the dependencies", extra, dist)
	}
	if python.ForWindowsAlone(pep.Normalize(dist)) {
		return "it is for Windows alone", "declare " + dist + python.WindowsMarker + ", and import it under \"if sys.platform == 'win32':\""
	}
	if s.Project == nil {
		return "nothing that is installed requires it", "add " + dist + " to the dependencies"
	}
	var best *manifest.Dependency
	for i := range s.Project.Dependencies {
		d := &s.Project.Dependencies[i]
		if d.Kind == manifest.BuildSystem || d.Kind == manifest.Constraint || pep.Normalize(d.Name) != pep.Normalize(dist) {
			continue
		}
		if best == nil || d.Kind < best.Kind {
			best = d
		}
	}
	if best == nil {
		return "no dependency declares it", "add " + dist + bound(s, dist)
	}
	where := fmt.Sprintf("%s:%d", best.File, best.Line)
	switch best.Kind {
	case manifest.Optional:
		return fmt.Sprintf("only extra `%s` declares it (%s)", best.Extra, where), fmt.Sprintf("install the extra `%s`, or move %s to the dependencies", best.Extra, dist)
	case manifest.Development:
		return fmt.Sprintf("it is declared for development only (%s)", where), "move " + best.Text + " to the dependencies"
	}
	return fmt.Sprintf("%s declares it, but it is not installed", where), "install the dependencies of " + best.File + " in the image"
}

// ownExtra matches the marker that metadata gives to a requirement of an
// extra.
var ownExtra = regexp.MustCompile(`\bextra\s*==\s*['"]([^'"]+)['"]`)

// bound is the specifier of a dependency to add: the series that a lock or
// constraints file has, or that is installed, or what the package index says.
func bound(s *state, dist string) string {
	name := pep.Normalize(dist)
	version, ok := s.installed(name)
	if s.Project != nil {
		for _, l := range s.Project.Locked {
			if pep.Normalize(l.Name) == name {
				version, ok = l.Version, true
			}
		}
		for _, d := range s.Project.Dependencies {
			if d.Kind == manifest.Constraint && pep.Normalize(d.Name) == name {
				if v, found := d.Specifiers.Pinned(); found {
					version, ok = v, true
				}
			}
		}
	}
	if ok {
		return pep.SeriesOf(version)
	}
	if s.Bound != nil {
		if specifiers, ok := s.Bound(name); ok {
			return specifiers
		}
	}
	return ""
}

// checkDeclared compares what the application's modules import with what the
// project declares.
func checkDeclared(s *state) []whittle.Problem {
	if s.Project == nil || len(s.Project.Files) == 0 {
		return nil
	}
	d := declared{s: s, used: map[string]bool{}}
	for _, st := range s.starts {
		if st.Python == nil || st.Role == start.Healthcheck || st.Role == start.Command {
			continue
		}
		for _, r := range append(slices.Clone(st.Python.Roots), st.Python.Later...) {
			if r.Node == nil {
				continue
			}
			if i, owned := s.owners.Owner[r.Node.File]; owned { // a setting names it: INSTALLED_APPS
				d.used[s.Distributions[i].Name] = true
			}
			for _, n := range imports.Walk(true, r.Node).Nodes {
				if n.Source != nil && s.owners.OwnFile(n.File, r.Importer.Finder) && !s.owners.IsScript(n.File) && !strings.HasPrefix(n.File, "<") {
					d.module(st, r, n)
				}
			}
		}
	}
	return append(d.out, d.unused()...)
}

type declared struct {
	s    *state
	used map[string]bool
	seen []*imports.Node
	out  []whittle.Problem
}

// module compares the imports of one module.
func (d *declared) module(st *start.Process, r start.Root, n *imports.Node) {
	if slices.Contains(d.seen, n) {
		return
	}
	d.seen = append(d.seen, n)
	for i := range n.Source.Imports {
		imp := &n.Source.Imports[i]
		if imp.Level > 0 || imp.Module == "" || imp.Context&source.TypeChecking != 0 {
			continue
		}
		to, f := r.Importer.Import(imp.Module)
		if f != nil || to == nil {
			continue // missing: that is another problem
		}
		index, ok := d.s.distributionOf(r.Importer, imp.Module)
		if !ok || slices.Contains(d.s.owners.Own, index) || d.s.owners.OwnFile(to.File, r.Importer.Finder) && to.File != "" {
			continue
		}
		d.one(st, n, imp, &d.s.Distributions[index])
	}
}

// one reports an import whose distribution is installed and not declared for
// what runs.
func (d *declared) one(st *start.Process, n *imports.Node, imp *source.Import, dist *python.Distribution) {
	d.used[dist.Name] = true
	kinds := map[manifest.DependencyKind]*manifest.Dependency{}
	for i := range d.s.Project.Dependencies {
		dep := &d.s.Project.Dependencies[i]
		if pep.Normalize(dep.Name) == dist.Name && kinds[dep.Kind] == nil {
			kinds[dep.Kind] = dep
		}
	}
	if kinds[manifest.Runtime] != nil || kinds[manifest.Optional] != nil || imp.Context&source.Guarded != 0 {
		return
	}
	p := whittle.Problem{Rule: whittle.CheckTransitive, Severity: whittle.SeverityWarning, Path: d.s.owners.Shown(n.File), Line: imp.Line, Module: imp.Module, Distribution: dist.Name,
		ReachedFrom: []string{st.Name}, Fix: "add " + dist.Name + pep.SeriesOf(dist.Version) + " to the dependencies"}
	at := fmt.Sprintf("%s:%d", p.Path, p.Line)
	switch dev := kinds[manifest.Development]; {
	case dev != nil:
		p.Rule = whittle.CheckMisplaced
		p.Message = fmt.Sprintf("%s is imported by %s, which runs; %s:%d declares %s for development only", imp.Module, at, dev.File, dev.Line, dist.Name)
	default:
		p.Message = fmt.Sprintf("%s is imported by %s; no dependency declares %s", imp.Module, at, dist.Name)
		if by := d.s.requirersOf(dist.Name); len(by) > 0 {
			p.Message += fmt.Sprintf(", it is there because %s requires it", strings.Join(by[:min(2, len(by))], " and "))
		} else {
			p.Rule = whittle.CheckUndeclared
		}
	}
	d.out = append(d.out, p)
}

// unused are declared and installed dependencies that no module of the
// application imports, not even in a function, and that no other distribution
// needs.
func (d *declared) unused() []whittle.Problem {
	if len(d.seen) == 0 {
		return nil
	}
	s := d.s
	for _, n := range d.seen {
		for _, imp := range n.Source.Imports { // functions included
			for i := range s.Distributions {
				if dist := &s.Distributions[i]; slices.Contains(dist.ImportNames(), source.Top(imp.Module)) {
					d.used[dist.Name] = true
				}
			}
		}
	}
	var out []whittle.Problem
	for _, dep := range s.Project.Dependencies {
		name := pep.Normalize(dep.Name)
		if dep.Kind != manifest.Runtime || d.used[name] || s.isProgram(name) || len(s.requirersWithout(name)) > 0 {
			continue
		}
		if _, ok := s.installed(name); !ok {
			continue
		}
		d.used[name] = true
		out = append(out, whittle.Problem{Rule: whittle.CheckUnused, Severity: whittle.SeverityInfo, Path: dep.File, Line: dep.Line, Distribution: name,
			Message: fmt.Sprintf("%s is declared by %s:%d, and nothing that was found imports it", dep.Name, dep.File, dep.Line),
			Fix:     "remove it, if nothing loads it by name (a plug-in, a driver of a database)"})
	}
	if len(out) == 0 {
		return nil
	}
	imported := s.importedSomewhere(out)
	named := s.namedInProject()
	return slices.DeleteFunc(out, func(p whittle.Problem) bool {
		return imported[p.Distribution] || slices.ContainsFunc(s.Distributions, func(d python.Distribution) bool {
			return d.Name == p.Distribution && slices.ContainsFunc(d.ImportNames(), func(m string) bool { return named[m] })
		})
	})
}

// maxNaming bounds the Python texts of the project that are searched for names, in
// bytes.
const maxNaming = 32 << 20

// quoted matches a name at the beginning of a string.
var quoted = regexp.MustCompile(`["']([A-Za-z_][A-Za-z0-9_]*)["'.:]`)

// namedInProject are the modules that strings of the project's code name: a framework
// imports what its settings name ("debug_toolbar" among Django's applications, also
// under a condition).
func (s *state) namedInProject() map[string]bool {
	out := map[string]bool{}
	if s.Folder == nil {
		return out
	}
	left := int64(maxNaming)
	for _, at := range slices.Sorted(maps.Keys(ofProject(s).files)) {
		if !strings.HasSuffix(at, ".py") || python.ForTests("/"+at) {
			continue
		}
		info, err := fs.Stat(s.Folder, at)
		if err != nil || info.Size() > left {
			continue
		}
		left -= info.Size()
		text, err := fs.ReadFile(s.Folder, at)
		if err != nil {
			continue
		}
		for _, m := range quoted.FindAllSubmatch(text, -1) {
			out[string(m[1])] = true
		}
	}
	return out
}

// importedSomewhere are the distributions of problems that a module of the image
// imports, other than theirs, whether a start reaches it or not: what is loaded by a
// name, like the parts of an application and the drivers of a library, shows nowhere
// else.
func (s *state) importedSomewhere(problems []whittle.Problem) map[string]bool {
	of := map[string][]int{}
	for i := range s.Distributions {
		if slices.ContainsFunc(problems, func(p whittle.Problem) bool { return p.Distribution == s.Distributions[i].Name }) {
			for _, m := range s.Distributions[i].ImportNames() {
				of[m] = append(of[m], i)
			}
		}
	}
	out := map[string]bool{}
	for _, at := range s.Root.Paths() {
		if !strings.HasSuffix(at, ".py") || python.ForTests("/"+at) {
			continue
		}
		src, ok := s.Sources(at)
		if !ok {
			continue
		}
		owner, owned := s.owners.Owner[at]
		for i := range src.Imports {
			imp := &src.Imports[i]
			if imp.Level > 0 || imp.Context&source.TypeChecking != 0 {
				continue
			}
			for _, to := range of[source.Top(imp.Module)] {
				if !owned || owner != to {
					out[s.Distributions[to].Name] = true
				}
			}
		}
	}
	return out
}
