package deps

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/python/source"
)

// foreign reports an import of another distribution that is not declared for
// production.
func (t *tree) foreign(u *unit, file string, imp *source.Import, way route) {
	if !u.declares() && t.scripts[file] == nil || vendored(path.Dir(file)) {
		return // nothing says what there is; a copy of others' code is as they made it
	}
	if way.level == guarded || way.level == unreached && (passesOn(imp) || imp.Context&source.Lazy != 0) {
		return
	}
	for _, n := range t.namesOf(u, imp) {
		t.undeclared(u, file, imp, way, &n)
	}
}

// passesOn says that the failure of an import is turned into another one: a
// module that is loaded by name, and says what it would need.
func passesOn(imp *source.Import) bool {
	return slices.ContainsFunc(imp.Tries, func(t source.Try) bool { return t.Part == source.TryThrough })
}

// namesOf are the distributions of what a statement imports.
func (t *tree) namesOf(u *unit, imp *source.Import) []python.Named {
	if t.venv != nil {
		if dist := t.venv.modules[source.Top(imp.Module)]; dist != "" && t.options.Names[source.Top(imp.Module)] == "" {
			if all := u.names.OfImport(imp.Module, imp.Names); all[0].Evident() {
				return all
			}
			return []python.Named{{Module: imp.Module, Distribution: dist, By: python.Installed, Sure: true}}
		}
	}
	return u.names.OfImport(imp.Module, imp.Names)
}

// declarations are how the distributions that may have a module are declared.
type declarations struct {
	// runs is a declaration for what runs, whose marker holds; elsewhere one
	// whose marker never does where the project runs.
	runs, elsewhere, extra, dev *manifest.Dependency
	// transitive and only say that a dependency for production requires it, or
	// only one for development.
	transitive, only bool
	// notOnLinux says that none of the declarations for what runs holds on Linux.
	notOnLinux bool
}

func (t *tree) declarationsOf(u *unit, file string, dists []string) declarations {
	var s declarations
	take := func(v *unit, d *manifest.Dependency, script bool) {
		if !slices.Contains(dists, pep.Normalize(d.Name)) {
			return
		}
		switch {
		case d.Kind == manifest.Runtime && (script || t.applies(u, d)) || t.takes(v, d):
			s.notOnLinux = (s.runs == nil || s.notOnLinux) && d.Kind == manifest.Runtime && !onLinuxToo(t, u, d)
			s.runs = d
		case d.Kind == manifest.Runtime:
			s.elsewhere = d
		case d.Kind == manifest.Development || d.Kind == manifest.Optional && slices.Contains(t.options.Development, d.Extra):
			if s.dev == nil {
				s.dev = d
			}
		case d.Kind == manifest.Optional && s.extra == nil:
			s.extra = d
		}
	}
	for i := range t.scripts[file] {
		take(u, &t.scripts[file][i], true)
	}
	for _, v := range u.chain() {
		for i := range v.declared.Dependencies {
			take(v, &v.declared.Dependencies[i], false)
		}
		for _, l := range v.lists {
			for i := range l.declared.Dependencies {
				if d := &l.declared.Dependencies[i]; d.Kind == manifest.Runtime {
					take(l, d, false)
				}
			}
		}
	}
	s.transitive, s.only = t.closureOf(u).has(dists)
	return s
}

// undeclared reports one distribution of an import.
func (t *tree) undeclared(u *unit, file string, imp *source.Import, way route, n *python.Named) {
	dists := append(append([]string{n.Distribution}, n.Candidates...), n.Perhaps...)
	dists = slices.DeleteFunc(dists, func(d string) bool { return d == "" })
	if t.ignored(n.Module, dists) || slices.ContainsFunc(dists, t.isUnit) || foundBefore(imp, n, dists) {
		return
	}
	s, h := t.declarationsOf(u, file, dists), providers{t, u}
	h.declared(&s, n, file, imp, way)
	if s.runs != nil || installedByImage(t, dists) || t.platform.has(dists) || h.askedFor(dists) || n.Distribution == "" && isMade(t, imp, n, way) {
		return
	}
	p := whittle.Problem{Rule: whittle.CheckUndeclared, Path: file, Line: imp.Line, Module: n.Module, Distribution: n.Distribution, ReachedFrom: way.steps}
	from := ""
	if len(p.ReachedFrom) > 1 && p.ReachedFrom[0] != file {
		from = ", reached from " + p.ReachedFrom[0]
	}
	at := fmt.Sprintf("%s is imported by %s:%d%s", n.Module, file, imp.Line, from)
	if t.scripts[file] != nil {
		if imp.Context&source.Asked == 0 {
			inScript(t, p, at, n)
		}
		return
	}
	a := t.closureOf(u)
	if resolve(t, u, a); !s.transitive {
		s.transitive, s.only = a.has(dists)
	}
	if n.Distribution == "" && !s.transitive && h.indexKnows(n) {
		return
	}
	call := whittle.SeverityWarning // an application's own functions are called; a library's may be for those who have more
	if u.declared.Builds {
		call = whittle.SeverityInfo
	}
	switch {
	case s.elsewhere != nil && !s.transitive:
		p.Severity = atLevel(way.level, whittle.SeverityError, "", "")
		p.Message = fmt.Sprintf("%s; %s:%d declares it under a marker that does not hold where the project runs: %s", at, s.elsewhere.File, s.elsewhere.Line, s.elsewhere.Text)
		p.Fix = "import it under the same condition, or widen the marker"
	case s.transitive && n.Distribution != "" && s.elsewhere == nil:
		p.Rule, p.Severity = whittle.CheckTransitive, whittle.SeverityWarning
		p.Message = at + "; no dependency declares it, another brings it along"
		if s.extra != nil || s.dev != nil {
			p.Severity, p.Message = whittle.SeverityInfo, at+"; an extra or development declares it, and another dependency brings it along"
		}
		p.Fix = "add " + n.Distribution + pep.SeriesOf(a.versions[n.Distribution]) + " to the dependencies"
	case s.transitive:
		return
	case s.extra != nil:
		p.Severity = atLevel(way.level, whittle.SeverityWarning, "", "")
		p.Message = fmt.Sprintf("%s; only extra `%s` declares it (%s:%d)", at, s.extra.Extra, s.extra.File, s.extra.Line)
		p.Fix = fmt.Sprintf("install the extra `%s`, or move %s to the dependencies", s.extra.Extra, n.Distribution)
	case s.dev != nil:
		p.Severity = atLevel(way.level, certain(a, whittle.SeverityError), certain(a, call), whittle.SeverityInfo)
		if presumed(t, u, way) || slices.ContainsFunc(t.images, func(r *image) bool { return r.groups }) {
			p.Severity = whittle.SeverityInfo // a program of the developers' beside the application, or an image that has it all the same
		}
		p.Rule, p.Message = whittle.CheckMisplaced, fmt.Sprintf("%s; %s:%d declares it for development only", at, s.dev.File, s.dev.Line)
		p.Fix = "move " + s.dev.Text + " to the dependencies"
	default:
		if !h.providedBy(&p, a, n, way, at) {
			declaredNowhere(t, &p, a, way, n, &s, at, call)
		}
	}
	t.judged(p, a, imp, way, n)
}

// judged reports a problem of an import, or says what is in doubt about it.
func (t *tree) judged(p whittle.Problem, a *closure, imp *source.Import, way route, n *python.Named) {
	switch {
	case p.Severity == "":
		return
	case imp.Context&source.Asked != 0:
		if way.level == atStart && p.Severity == whittle.SeverityError {
			t.doubt("whether it is to run without %s, which nothing declares for it: %s:%d imports it behind a test that ends the program where it is not there", source.Top(n.Module), p.Path, p.Line)
		}
		return
	}
	onWindows(&p, n)
	if !a.known && (p.Severity == whittle.SeverityInfo || p.Rule == whittle.CheckMisplaced) && way.level == atStart {
		t.doubt("%s", a.why)
	}
	t.report(p)
}

// foundBefore says that an import only runs where the metadata of its
// distribution was found.
func foundBefore(imp *source.Import, n *python.Named, dists []string) bool {
	return slices.ContainsFunc(imp.Found, func(name string) bool {
		name = pep.Normalize(name)
		return slices.Contains(dists, name) || name == pep.Normalize(source.Top(n.Module))
	})
}

// onWindows says of a distribution for Windows alone that it is one.
func onWindows(p *whittle.Problem, n *python.Named) {
	if !python.ForWindowsAlone(n.Distribution) || !strings.HasPrefix(p.Fix, "add ") {
		return
	}
	p.Message += "; it is for Windows alone"
	p.Fix = strings.Replace(p.Fix, " to the ", python.WindowsMarker+" to the ", 1) + `, and import it under "if sys.platform == 'win32':"`
}

// presumed says that nothing but its place makes a file a start.
func presumed(t *tree, u *unit, way route) bool {
	base := path.Base(way.steps[0])
	return !u.declared.Builds && t.sources[way.steps[0]] != nil && !usualStart.MatchString(base) &&
		pep.Normalize(strings.TrimSuffix(base, ".py")) != pep.Normalize(u.declared.Name)
}

// declaredNowhere is an import that no file declares.
func declaredNowhere(t *tree, p *whittle.Problem, a *closure, way route, n *python.Named, s *declarations, at string, call whittle.Severity) {
	p.Message = at + "; no dependency declares it"
	if s.only {
		p.Message = at + "; only what is for development or an extra brings it along"
	}
	switch {
	case n.Distribution == "" || len(n.Perhaps) > 0:
		why, fix := NotKnown(n)
		p.Message, p.Fix, p.Distribution = at+"; "+why, fix, ""
		p.Severity = atLevel(way.level, whittle.SeverityInfo, "", "")
		if a.known && (len(a.runs) == 0 || len(n.Candidates) > 0 && a.identified()) {
			p.Severity = atLevel(way.level, whittle.SeverityError, call, whittle.SeverityWarning)
			p.Message = at + "; no dependency declares it, and it is no module of the project; " + why
			if len(a.runs) == 0 {
				p.Message = at + "; no dependency is declared, and it is no module of the project; " + why
			}
		} else if way.level == atStart {
			t.doubt("which distribution has %s", source.Top(n.Module))
		}
	default:
		p.Severity = atLevel(way.level, certain(a, whittle.SeverityError), certain(a, call), certain(a, whittle.SeverityWarning))
		if s.only {
			p.Severity = atLevel(way.level, p.Severity, p.Severity, whittle.SeverityInfo)
		}
		specifiers := pep.SeriesOf(a.versions[n.Distribution])
		if specifiers == "" && t.options.Bound != nil && n.Sure {
			var asked bool
			if specifiers, asked = t.bounds[n.Distribution]; !asked {
				specifiers, _ = t.options.Bound(n.Distribution)
				t.bounds[n.Distribution] = specifiers
			}
		}
		p.Fix = "add " + n.Distribution + specifiers + " to the dependencies"
	}
}

// inScript reports an import that the metadata of a script does not declare.
func inScript(t *tree, p whittle.Problem, at string, n *python.Named) {
	if len(t.scripts[p.Path]) > 0 || n.Distribution == "" {
		return // what it declares may bring it along
	}
	p.Severity, p.Message = whittle.SeverityError, at+"; the script's own metadata does not declare it"
	p.Fix = "add " + n.Distribution + " to the script's dependencies"
	onWindows(&p, n)
	t.report(p)
}

func atLevel(l level, start, call, unreached whittle.Severity) whittle.Severity {
	switch l {
	case atStart:
		return start
	case inCall:
		return call
	}
	return unreached
}

// certain is a severity if all that is installed is known, else "info".
func certain(a *closure, sure whittle.Severity) whittle.Severity {
	if a.known {
		return sure
	}
	return whittle.SeverityInfo
}

// report adds a problem: one problem is enough for a file that imports many modules
// of a distribution.
func (t *tree) report(p whittle.Problem) {
	for i := range t.problems {
		q := &t.problems[i]
		if q.Path == p.Path && q.Rule == p.Rule && q.Distribution == p.Distribution && (p.Distribution != "" || q.Module == p.Module) {
			if p.Severity.Rank() < q.Severity.Rank() {
				*q = p
			}
			return
		}
	}
	t.problems = append(t.problems, p)
}

// installedByImage says that a Dockerfile installs one of some distributions by name.
func installedByImage(t *tree, dists []string) bool {
	return slices.ContainsFunc(t.images, func(r *image) bool {
		return slices.ContainsFunc(dists, func(d string) bool { return slices.Contains(r.installs, d) })
	})
}

// soften makes a piece of information of what only modules import that nothing
// reaches, where the project uses the same distribution elsewhere only if it is
// there: those who load these modules have it.
func soften(t *tree) {
	optional := map[string]bool{}
	for p, src := range t.sources {
		r, reached := t.at[p]
		for i := range src.Imports {
			imp := &src.Imports[i]
			if imp.Context&(source.Guarded|source.Handler|source.Lazy|source.Dynamic|source.Asked) != 0 || len(imp.Conditions)+len(imp.Found) > 0 || passesOn(imp) || reached && (r.level == inCall || r.level == guarded) {
				optional[source.Top(imp.Module)] = true
			}
		}
	}
	for i := range t.problems {
		p := &t.problems[i]
		if p.Severity == whittle.SeverityWarning && p.Rule == whittle.CheckUndeclared && t.at[p.Path].level == unreached && optional[source.Top(p.Module)] {
			p.Severity = whittle.SeverityInfo
		}
	}
}

// ignored says that the project's configuration excludes a module.
func (t *tree) ignored(module string, dists []string) bool {
	for _, ig := range t.options.Ignore {
		if module == ig || strings.HasPrefix(module, ig+".") || slices.Contains(dists, pep.Normalize(ig)) {
			return true
		}
	}
	return false
}

// alternatives reports a try statement of which neither the body nor what its
// handler imports instead is declared.
func (t *tree) alternatives(file string, src *source.Facts) {
	from := t.at[file]
	u := t.unitOf(file)
	if from.level != atStart || !t.closureOf(u).known {
		return
	}
	for i := range src.Imports {
		body := &src.Imports[i]
		if len(body.Tries) != 1 || body.Tries[0].Part != source.TryBody || body.Context&source.Lazy != 0 || len(body.Conditions) > 0 {
			continue
		}
		first, ok := absent(t, u, file, body)
		if !ok {
			continue
		}
		var others []string
		for j := range src.Imports {
			h := &src.Imports[j]
			if len(h.Tries) == 0 || h.Tries[len(h.Tries)-1].Number != body.Tries[0].Number || h.Tries[len(h.Tries)-1].Part != source.TryHandler || h.Context&source.Lazy != 0 {
				continue
			}
			name, ok := absent(t, u, file, h)
			if !ok || len(h.Tries) > 1 || len(h.Conditions) > 0 {
				others = nil
				break
			}
			others = append(others, name)
		}
		if len(others) > 0 {
			t.report(whittle.Problem{Rule: whittle.CheckUndeclared, Severity: whittle.SeverityError, Path: file, Line: body.Line, Module: body.Module, Distribution: first,
				ReachedFrom: append(slices.Clone(from.steps), fmt.Sprintf("%s:%d", file, body.Line)), Guarded: true,
				Message: fmt.Sprintf("%s:%d imports %s or else %s; no dependency declares either", file, body.Line, first, strings.Join(others, " or ")),
				Fix:     "add one of them to the dependencies"})
		}
	}
}

// absent is the distribution of an import that nothing declares or brings.
func absent(t *tree, u *unit, file string, imp *source.Import) (string, bool) {
	if imp.Level > 0 || python.IsStandard(imp.Module) || len(t.folder.files(append(t.searchPath("."), t.copied()...), imp.Module, imp.Names)) > 0 || len(t.folder.tops[source.Top(imp.Module)]) > 0 {
		return "", false
	}
	all := t.namesOf(u, imp)
	if len(all) != 1 || all[0].Distribution == "" || len(all[0].Perhaps) > 0 || t.ignored(all[0].Module, []string{all[0].Distribution}) {
		return "", false
	}
	s := t.declarationsOf(u, file, []string{all[0].Distribution})
	return all[0].Distribution, s.runs == nil && s.elsewhere == nil && s.extra == nil && !s.transitive
}
