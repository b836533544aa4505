package check

import (
	"fmt"
	"io/fs"
	"strings"

	"whittle"
	"whittle/internal/python"
)

// foreign reports an import of another distribution that is not declared for
// what runs.
func (t *tree) foreign(file string, imp *python.Import, module string, way route) {
	dist, guessed, _ := python.DistributionFor(module)
	kinds := t.kinds(dist)
	if kinds[python.Runs] != nil || imp.Context&(python.Guarded|python.Handler) != 0 {
		return
	}
	if d := kinds[python.Optional]; d != nil && (t.extras["*"] || t.extras[python.Normalize(d.Extra)]) {
		return
	}
	p := whittle.Problem{Rule: "undeclared-dependency", Severity: Error, Path: file, Line: imp.Line, Module: module, Distribution: dist,
		ReachedFrom: way.steps}
	from := ""
	if len(p.ReachedFrom) > 1 {
		from = ", reached from " + p.ReachedFrom[0]
	}
	at := fmt.Sprintf("%s is imported by %s:%d%s", module, file, imp.Line, from)
	locked, version := t.locked(dist)
	switch {
	case kinds[python.Optional] != nil:
		d := kinds[python.Optional]
		p.Severity = Warning
		p.Message = fmt.Sprintf("%s; only extra `%s` declares it (%s:%d)", at, d.Extra, d.File, d.Line)
		p.Fix = fmt.Sprintf("install the extra `%s`, or move %s to the dependencies", d.Extra, dist)
	case kinds[python.Dev] != nil:
		d := kinds[python.Dev]
		p.Rule, p.Message = "misplaced-dependency", fmt.Sprintf("%s; %s:%d declares it for development only", at, d.File, d.Line)
		p.Fix = "move " + d.Text + " to the dependencies"
	case locked:
		p.Rule, p.Severity = "transitive-dependency", Warning
		p.Message = at + "; no dependency declares it, another brings it along"
		p.Fix = "add " + dist + python.SeriesOf(version) + " to the dependencies"
	case guessed && t.mayShip(module):
		p.Severity = Warning
		p.Message = at + "; no dependency of that name is declared"
		p.Fix = "declare the distribution that has it, if none of the declared ones does"
	default:
		specifiers := python.SeriesOf(version)
		if version == "" && t.bound != nil {
			specifiers, _ = t.bound(dist)
		}
		p.Message = at + "; no dependency declares it"
		p.Fix = "add " + dist + specifiers + " to the dependencies"
	}
	if way.later && p.Severity == Error {
		p.Severity = Warning
	}
	for i := range t.problems {
		if q := &t.problems[i]; q.Path == file && q.Distribution == dist && q.Rule == p.Rule {
			if rank(p.Severity) < rank(q.Severity) {
				*q = p
			}
			return // one line is enough for a file that imports many modules of it
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

// mayShip says whether a declared distribution is not known to have other
// modules only: "acme-client" may well have the module acme.
func (t *tree) mayShip(module string) bool {
	top := strings.ToLower(topOf(module))
	for _, d := range t.declared.Dependencies {
		name := strings.ReplaceAll(python.Normalize(d.Name), "-", "_")
		if d.Kind == python.Runs && (strings.Contains(name, top) || strings.Contains(top, name)) {
			return true
		}
	}
	return false
}

// unused are declared dependencies that no module of the project imports.
func (t *tree) unused() []whittle.Problem {
	all := map[string]bool{}
	for _, src := range t.sources {
		for _, imp := range src.Imports {
			dist, _, _ := python.DistributionFor(imp.Module)
			all[python.Normalize(dist)] = true
			all[python.Normalize(topOf(imp.Module))] = true
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
