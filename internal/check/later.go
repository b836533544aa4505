package check

import (
	"fmt"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/deps"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/python/imports"
	"whittle.dev/whittle/internal/python/source"
	"whittle.dev/whittle/internal/start"
)

// importedLater sees that what the application imports later or if it can is there.
func importedLater() group {
	return group{run: checkLater, checks: []Check{
		{ID: whittle.CheckLazyImport, Severity: whittle.SeverityWarning, Title: "a function imports a module that is not there",
			Text: "The import runs only when the function is called, so the image starts. If the function is needed, install the distribution."},
		{ID: whittle.CheckOptionalImport, Severity: whittle.SeverityInfo, Title: "a module that the application can do without is not there",
			Text: "The code catches the import's failure. The check reports it so that nobody wonders why a feature is missing."},
	}}
}

// checkLater looks at what the application's own modules import when a
// function runs, or only if it is there.
func checkLater(s *state) []whittle.Problem {
	var out []whittle.Problem
	for _, st := range s.starts {
		if st.Python == nil || st.Role == start.Healthcheck {
			continue
		}
		l := later{s: s, st: st, seen: map[*imports.Node]bool{}}
		for _, r := range st.Python.Roots {
			l.root(r, false)
		}
		for _, r := range st.Python.Later {
			l.root(r, true)
		}
		out = append(out, l.out...)
	}
	return out
}

// later goes through the application's modules of one start, those included
// that only its functions import.
type later struct {
	s    *state
	st   *start.Process
	seen map[*imports.Node]bool
	out  []whittle.Problem
}

func (l *later) root(r start.Root, lazy bool) {
	if r.Node == nil {
		return
	}
	walk := imports.Walk(true, r.Node)
	for _, n := range walk.Nodes {
		if l.seen[n] || n.Source == nil || !l.s.owners.OwnFile(n.File, r.Importer.Finder) {
			continue
		}
		l.seen[n] = true
		chain := reached(l.s, l.st, r, walk.Chain(n))
		if lazy {
			for _, f := range n.Failures {
				l.report(whittle.CheckLazyImport, whittle.SeverityWarning, r, f, chain)
			}
		}
		for _, f := range n.Guarded {
			l.report(whittle.CheckOptionalImport, whittle.SeverityInfo, r, f, chain)
		}
		for _, f := range n.Perhaps {
			l.report(whittle.CheckLazyImport, whittle.SeverityWarning, r, f, chain)
		}
		l.functions(r, n, chain)
	}
}

// functions follows the imports that are in functions.
func (l *later) functions(r start.Root, n *imports.Node, chain []string) {
	for _, imp := range n.Later {
		if source.Hold(imp.Conditions, r.Importer.Runtime) == source.No {
			continue
		}
		nodes, failures := r.Importer.Resolve(n, imp)
		caught := imp.Context&(source.Guarded|source.Handler) != 0
		for _, f := range failures {
			if caught {
				l.report(whittle.CheckOptionalImport, whittle.SeverityInfo, r, f, chain)
			} else {
				l.report(whittle.CheckLazyImport, whittle.SeverityWarning, r, f, chain)
				l.calledAtOnce(r, n, imp, f)
			}
		}
		here := append(slices.Clone(chain), fmt.Sprintf("%s:%d", l.s.owners.Shown(n.File), imp.Line))
		for _, to := range nodes {
			if !l.s.owners.OwnFile(to.File, r.Importer.Finder) || l.seen[to] {
				if !caught && !l.seen[to] {
					l.foreign(r, to, here)
				}
				continue
			}
			walk := imports.Walk(false, to)
			for _, m := range walk.Nodes {
				for _, f := range m.Failures {
					l.report(whittle.CheckLazyImport, whittle.SeverityWarning, r, f, here)
				}
			}
			l.root(start.Root{Importer: r.Importer, Node: to, What: r.What}, false)
		}
	}
}

// foreign reports a distribution that a function imports and that cannot be
// imported itself.
func (l *later) foreign(r start.Root, to *imports.Node, chain []string) {
	l.seen[to] = true
	walk := imports.Walk(false, to)
	for _, m := range walk.Nodes {
		for _, f := range m.Failures {
			l.report(whittle.CheckLazyImport, whittle.SeverityWarning, r, f, chain)
		}
	}
}

func (l *later) report(rule string, severity whittle.Severity, r start.Root, f imports.Failure, chain []string) {
	s := l.s
	p := whittle.Problem{Rule: rule, Severity: severity, Path: s.owners.Shown(f.File), Line: f.Line, Module: f.Module,
		Guarded: severity == whittle.SeverityInfo, ReachedFrom: chain}
	at := fmt.Sprintf("%s:%d", p.Path, p.Line)
	name := f.Module
	if f.Cause == imports.NoName {
		name, p.Name = name+"."+f.Name, f.Name
	}
	named := s.nameOf(f)
	if isOwnModule(s, r, f, &named) || !named.Editable() && named.By != python.Required {
		named.Distribution = ""
	}
	p.Distribution = named.Distribution
	if severity == whittle.SeverityInfo {
		p.Message = fmt.Sprintf("%s is imported by %s, which does without it", name, at)
		if extra := extraOf(s, p.Distribution); extra != "" {
			p.Message += fmt.Sprintf("; extra `%s` would enable it", extra)
		}
	} else {
		missingLater(s, &p, r, f, &named, fmt.Sprintf("%s is imported by %s when a function runs", name, at))
	}
	l.out = append(l.out, p)
}

// missingLater says of a module that a function imports why it is missing, and
// what to do; its rule stays.
func missingLater(s *state, p *whittle.Problem, r start.Root, f imports.Failure, n *python.Named, is string) {
	q := *p
	at := fmt.Sprintf("%s:%d", p.Path, p.Line)
	switch {
	case n.Distribution != "":
		why, fix := declaredAs(s, n.Distribution)
		p.Message, p.Fix = is+", and is not in the image; "+why, fix
	case ownElsewhere(s, &q, r, f, n, at, " when a function runs"):
		p.Message, p.Fix = q.Message, q.Fix
	case s.owners.OwnModules[source.Top(f.Module)]:
		p.Message, p.Fix = is+"; it is not in the image", "COPY it into the image"
	default:
		why, fix := deps.NotKnown(n)
		p.Message, p.Fix = is+", and is not in the image; "+why, fix
	}
}

// extraOf is the extra of the project that has a distribution.
func extraOf(s *state, dist string) string {
	if s.Project == nil {
		return ""
	}
	for _, d := range s.Project.Dependencies {
		if d.Extra != "" && pep.Normalize(d.Name) == pep.Normalize(dist) {
			return d.Extra
		}
	}
	return ""
}
