package check

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"whittle"
	"whittle/internal/python"
)

// foreign reports an import of other distributions that are not declared for
// what runs.
func (t *tree) foreign(file string, imp *python.Import, module string, way route) {
	if imp.Context&(python.Guarded|python.Handler) != 0 {
		return
	}
	for _, n := range t.names.OfImport(module, imp.Names) {
		if !n.Evident() && t.elsewhere(file, imp, &n, way) || n.Space && n.Distribution == "" {
			continue
		}
		p := whittle.Problem{Rule: "undeclared-dependency", Severity: Error, Path: file, Line: imp.Line, Module: n.Module, Distribution: n.Distribution,
			ReachedFrom: way.steps}
		if !t.undeclared(&p, &n, way) {
			continue
		}
		if way.later && p.Severity == Error {
			p.Severity = Warning
		}
		t.report(p)
	}
}

// undeclared says of a module's distribution how it is not declared for what
// runs; it is false where it is.
func (t *tree) undeclared(p *whittle.Problem, n *python.Named, way route) bool {
	kinds := t.kinds(n.Distribution)
	if kinds[python.Runs] != nil {
		return false
	}
	if d := kinds[python.Optional]; d != nil && (t.extras["*"] || t.extras[python.Normalize(d.Extra)]) {
		return false
	}
	at := t.importedBy(p, way)
	locked, version := t.locked(n.Distribution)
	switch {
	case n.Distribution == "" || n.By == python.ByWheels && len(n.Perhaps) > 0:
		return t.notNamed(p, n, at)
	case kinds[python.Optional] != nil:
		d := kinds[python.Optional]
		p.Severity = Warning
		p.Message = fmt.Sprintf("%s; only extra `%s` declares it (%s:%d)", at, d.Extra, d.File, d.Line)
		p.Fix = fmt.Sprintf("install the extra `%s`, or move %s to the dependencies", d.Extra, n.Distribution)
	case kinds[python.Dev] != nil:
		d := kinds[python.Dev]
		p.Rule, p.Message = "misplaced-dependency", fmt.Sprintf("%s; %s:%d declares it for development only", at, d.File, d.Line)
		p.Fix = "move " + d.Text + " to the dependencies"
	case locked:
		p.Rule, p.Severity = "transitive-dependency", Warning
		p.Message = at + "; no dependency declares it, another brings it along"
		p.Fix = "add " + n.Distribution + python.SeriesOf(version) + " to the dependencies"
	case !n.Editable():
		why, fix := notKnown(n)
		p.Distribution, p.Message, p.Fix = "", at+"; no dependency declares it; "+why, fix
	default:
		specifiers := python.SeriesOf(version)
		if version == "" && t.bound != nil {
			specifiers, _ = t.bound(n.Distribution)
		}
		p.Message = at + "; no dependency declares it"
		p.Fix = "add " + n.Distribution + specifiers + " to the dependencies"
	}
	return true
}

// importedBy is the beginning of a message: who imports what.
func (t *tree) importedBy(p *whittle.Problem, way route) string {
	from := ""
	if len(way.steps) > 1 {
		from = ", reached from " + way.steps[0]
	}
	return fmt.Sprintf("%s is imported by %s:%d%s", p.Module, p.Path, p.Line, from)
}

// notNamed is about a module whose distribution is not known: where a declared
// one may have it nothing is said, as a false word costs more than none.
func (t *tree) notNamed(p *whittle.Problem, n *python.Named, at string) bool {
	if len(n.Perhaps) > 0 {
		t.doubts("whether " + strings.Join(n.Perhaps, " or ") + " has " + n.Module + " is not known")
		return false
	}
	why, fix := notKnown(n)
	p.Distribution, p.Message, p.Fix = "", at+"; no dependency that is known to have it is declared; "+why, fix
	if len(n.Candidates) == 0 {
		p.Severity = Warning
		t.doubts("what has " + n.Module + ", which " + p.Path + " imports, is not known")
	}
	return true
}

func (t *tree) doubts(line string) {
	if !slices.Contains(t.unknown, line) {
		t.unknown = append(t.unknown, line)
	}
}

// elsewhere follows an import of a module that the project has in a folder
// which not every start looks in: whether this one does is not known without
// the image.
func (t *tree) elsewhere(file string, imp *python.Import, n *python.Named, way route) bool {
	at, all, ok := t.places.find(n.Module, file)
	if !ok {
		return false
	}
	if all {
		for _, f := range []string{at, at + "/__init__.py"} {
			if t.sources[f] != nil {
				t.reach(f, route{way.steps, true})
			}
		}
	}
	root := rootOf(at, n.Module)
	where := root
	if where == "" {
		where = "the project's own folder"
	}
	p := whittle.Problem{Rule: "not-on-path", Severity: Info, Path: file, Line: imp.Line, Module: n.Module, ReachedFrom: way.steps}
	p.Message = fmt.Sprintf("%s; the project has it, %s, and a start has to look in %s: streamlit and python FILE look in FILE's folder, python -m in the working directory, console scripts in neither",
		t.importedBy(&p, way), at, where)
	if n.By == python.ByWheels || len(n.Candidates) > 0 {
		p.Message += "; or the module of " + oneOf(n) + " is meant, which no dependency declares"
	}
	p.Fix = fmt.Sprintf("set PYTHONPATH to it where that runs, or package %s", topOf(n.Module))
	if full := t.places.fullName(root, n.Module); full != "" {
		p.Fix = "import it as " + full + ", or set PYTHONPATH where that runs"
	}
	t.report(p)
	return true
}

// report adds a problem; one line is enough for a file that imports many
// modules of one distribution.
func (t *tree) report(p whittle.Problem) {
	for i := range t.problems {
		q := &t.problems[i]
		if q.Path == p.Path && q.Distribution == p.Distribution && q.Rule == p.Rule && (p.Distribution != "" || topOf(q.Module) == topOf(p.Module)) {
			if rank(p.Severity) < rank(q.Severity) {
				*q = p
			}
			return
		}
	}
	t.problems = append(t.problems, p)
}

func (t *tree) kinds(dist string) map[python.DependencyKind]*python.Dependency {
	out := map[python.DependencyKind]*python.Dependency{}
	for i := range t.declared.Dependencies {
		if d := &t.declared.Dependencies[i]; python.Normalize(d.Name) == python.Normalize(dist) && out[d.Kind] == nil {
			out[d.Kind] = d
		}
	}
	return out
}

// locked says whether a distribution comes along with what is declared, by the
// files that pin all of that; version is the pinned one.
func (t *tree) locked(dist string) (ok bool, version string) {
	version, ok = t.pins()[python.Normalize(dist)]
	return ok, version
}

// pins are the versions of a lock file, or of constraints that pin everything
// that is declared and so, as pip-compile and uv make them, what that needs.
// It is nil where something is not pinned: what comes along is not known then.
func (t *tree) pins() map[string]string {
	pins := map[string]string{}
	for _, l := range t.declared.Locked {
		pins[python.Normalize(l.Name)] = l.Version
	}
	for _, d := range t.declared.Dependencies {
		if _, ok := pins[python.Normalize(d.Name)]; !ok && d.Kind == python.Runs {
			return nil
		}
	}
	return pins
}

// verdict: what is not declared is missing for certain where the pins do not
// have it; otherwise another dependency may bring it along.
func (t *tree) verdict(c *whittle.Check) string {
	v := verdict(c)
	if v != whittle.Fails || t.pins() != nil {
		return v
	}
	for _, p := range c.Problems {
		if p.Severity == Error && p.Rule != "undeclared-dependency" {
			return v
		}
	}
	c.Unknown = append(c.Unknown, "whether another dependency brings along what is not declared: there is no lock file")
	return whittle.Unknown
}

// unused are declared dependencies that no module of the project imports.
func (t *tree) unused() []whittle.Problem {
	all := map[string]bool{}
	for _, src := range t.sources {
		for _, imp := range src.Imports {
			for _, dist := range t.names.All(imp.Module, imp.Names) {
				all[dist] = true
			}
		}
	}
	var out []whittle.Problem
	for _, d := range t.declared.Dependencies {
		if name := python.Normalize(d.Name); d.Kind == python.Runs && !all[name] && !t.named(name) {
			out = append(out, whittle.Problem{Rule: "unused-dependency", Severity: Info, Path: d.File, Line: d.Line, Distribution: name,
				Message: fmt.Sprintf("%s is declared by %s:%d, and no module of the project imports it", d.Name, d.File, d.Line),
				Fix:     "remove it, if it is no program and nothing loads it by name (a plug-in, a driver of a database)"})
		}
	}
	return out
}

// named says whether a Dockerfile of the project names a distribution, as one
// that is started.
func (t *tree) named(name string) bool {
	entries, _ := fs.ReadDir(t.fsys, ".")
	for _, e := range entries {
		if e.Type().IsRegular() && strings.Contains(strings.ToLower(e.Name()), "dockerfile") {
			if b, err := fs.ReadFile(t.fsys, e.Name()); err == nil && strings.Contains(string(b), name) {
				return true
			}
		}
	}
	return false
}
