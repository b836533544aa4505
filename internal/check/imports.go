package check

import (
	"fmt"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/deps"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/python/imports"
	"whittle.dev/whittle/internal/python/source"
	"whittle.dev/whittle/internal/start"
)

// imported sees that what is imported at start is there.
func imported() group {
	return group{run: checkImports, also: []string{whittle.CheckMissingSource, whittle.CheckMissingSharedLibrary, whittle.CheckWrongLibc, whittle.CheckWrongArch}, checks: []Check{
		{ID: whittle.CheckMissingModule, Severity: whittle.SeverityError, Title: "a module that is imported at start is not there",
			Text: "whittle follows imports from what the image starts, statement by statement, with the search path that the process would have. An import does not count if it is in a `try` that catches its failure, under a condition that is false, or in a function. Install the distribution that has the module, or declare it."},
		{ID: whittle.CheckNotOnPath, Severity: whittle.SeverityError, Title: "a module of the project is in the image, but not where the start looks for it",
			Text: "The file is there, but no folder of `sys.path` leads to it. Set `WORKDIR` or `PYTHONPATH`, start it with `-m` from the right folder, or install the project."},
		{ID: whittle.CheckMissingName, Severity: whittle.SeverityError, Title: "a module is there but does not define a name that is imported from it",
			Text: "In most cases, the distribution has another version than the code was written for, or a file of the project hides a module of the same name."},
		{ID: whittle.CheckMissingEntryPoint, Severity: whittle.SeverityError, Title: "a console script names an object that is not there",
			Text: "A script of `[project.scripts]` or `console_scripts` imports a module and calls an object of it. The module or the object is missing."},
		{ID: whittle.CheckRelativeImport, Severity: whittle.SeverityError, Title: "a relative import has no package to start from",
			Text: "A file that is run as a program does not belong to a package. Start it with `python -m package.module`."},
		{ID: whittle.CheckSyntaxError, Severity: whittle.SeverityError, Title: "a module does not compile with the image's interpreter",
			Text: "The text does not follow the grammar of the interpreter's version: it uses newer syntax or Python 2, or the file is damaged."},
	}}
}

// checkImports reports what fails for certain when a Python process starts.
func checkImports(s *state) []whittle.Problem {
	var out []whittle.Problem
	for _, st := range s.starts {
		if st.Python == nil {
			continue
		}
		for _, r := range st.Python.Roots {
			out = append(out, importsOf(s, st, r)...)
		}
	}
	return out
}

func importsOf(s *state, st *start.Process, r start.Root) []whittle.Problem {
	var out []whittle.Problem
	if r.Failure != nil {
		out = append(out, targetProblem(s, st, r))
	}
	if r.Node == nil {
		return out
	}
	if r.Attr != "" && r.Importer.Defines(r.Node, r.Attr) == source.No {
		out = append(out, adjust(st, whittle.Problem{Rule: whittle.CheckMissingEntryPoint, Module: r.Node.Name, Path: s.owners.Shown(r.Node.File),
			Message: fmt.Sprintf("%s: %s does not define %s", r.What, s.owners.Shown(r.Node.File), r.Attr), Fix: "name what the module defines"}))
	}
	walk := imports.Walk(false, r.Node)
	for _, n := range walk.Nodes {
		for _, f := range n.Failures {
			out = append(out, adjust(st, problem(s, st, r, walk, n, f)))
		}
		for _, d := range n.Doubts {
			doubt(s, st, r, d)
		}
		for _, f := range n.Perhaps {
			perhaps(s, st, r, f)
		}
	}
	return out
}

// doubt notes an import that may fail or not. Names that a module makes up are
// only doubted where the application asks for them: distributions are made to
// fit together.
func doubt(s *state, st *start.Process, r start.Root, d imports.Doubt) {
	at := fmt.Sprintf("%s:%d", s.owners.Shown(d.File), d.Line)
	line := fmt.Sprintf("whether %s, which %s imports, is there", d.Module, at)
	switch d.Cause {
	case imports.BadSyntax:
		line = fmt.Sprintf("whether Python %s compiles %s: %s", r.Importer.Finder.Interpreter.Series, at, d.Name)
	case imports.NoName:
		if !s.owners.OwnFile(d.File, r.Importer.Finder) {
			return
		}
		line = fmt.Sprintf("whether %s, which makes names when it runs, defines %s, which %s imports", d.Module, d.Name, at)
	}
	if d.Why != "" {
		line += ": " + s.owners.ShownIn(d.Why)
	}
	st.Doubt(line)
}

// perhaps notes an import of the application that fails if it runs.
func perhaps(s *state, st *start.Process, r start.Root, f imports.Failure) {
	if f.Caught() || !s.owners.OwnFile(f.File, r.Importer.Finder) {
		return
	}
	st.Doubt(fmt.Sprintf("whether %s:%d imports %s, which is not there", s.owners.Shown(f.File), f.Line, f.Module))
}

// targetProblem is that of a module that no statement names.
func targetProblem(s *state, st *start.Process, r start.Root) whittle.Problem {
	f := r.Failure
	p := whittle.Problem{Rule: whittle.CheckMissingEntryPoint, Module: f.Module, Message: fmt.Sprintf("%s: there is no module %s", r.What, f.Module),
		Fix: "correct the name, or COPY the application's source to where it is looked for"}
	if r.File != "" {
		p.Path, p.Line = s.owners.Shown(r.File), r.Line
		p.Message = fmt.Sprintf("%s:%d: %s", p.Path, p.Line, p.Message)
	}
	name := s.names.Of(f.Module)
	place, own := locate(s, r.Importer, *f)
	switch {
	case own && place.copied:
		p.Message += fmt.Sprintf("; it is at /%s, and this start does not look in /%s%s", place.at, place.root, firstFolder(r, ", it begins with "))
		p.Fix = fmt.Sprintf("set WORKDIR or PYTHONPATH to /%s, or the server's own option for it", place.root)
	case own:
		p.Message += "; the project has it, " + place.at + ", and the image does not"
	case !s.owners.OwnModules[source.Top(f.Module)] && (name.Evident() || name.By == python.ByWheels):
		p.Rule, p.Distribution = whittle.CheckMissingModule, name.Distribution
		p.Fix = "install " + name.Distribution
	}
	return adjust(st, p)
}

// adjust makes a problem that of its start.
func adjust(st *start.Process, p whittle.Problem) whittle.Problem {
	if p.Severity == "" {
		p.Severity = whittle.SeverityError
	}
	st.Soften(&p)
	if st.Role == start.Healthcheck {
		p.Rule = whittle.CheckHealthcheckCannotRun
	}
	if p.ReachedFrom == nil {
		p.ReachedFrom = []string{st.Name}
	}
	return p
}

// problem describes a failing statement.
func problem(s *state, st *start.Process, r start.Root, walk *imports.Reach, n *imports.Node, f imports.Failure) whittle.Problem {
	chain := walk.Chain(n)
	p := whittle.Problem{Path: s.owners.Shown(f.File), Line: f.Line, Module: f.Module, ReachedFrom: reached(s, st, r, chain)}
	at := fmt.Sprintf("%s:%d", p.Path, p.Line)
	from := ", reached from " + st.Name
	switch f.Cause {
	case imports.BadSyntax:
		p.Rule = whittle.CheckSyntaxError
		p.Message = fmt.Sprintf("%s cannot be compiled by Python %s: %s; it is run by %s", at, r.Importer.Finder.Interpreter.Series, f.Name, st.Name)
		if len(chain) > 0 {
			last := chain[len(chain)-1]
			p.Message = fmt.Sprintf("%s cannot be compiled by Python %s: %s; it is imported by %s:%d%s", at, r.Importer.Finder.Interpreter.Series, f.Name, s.owners.Shown(last.File), last.Line, from)
		}
		p.Fix = "correct the text, or use a Python that reads it"
		return p
	case imports.CannotLoad:
		return unloadable(s, st, walk, n, p)
	case imports.NoParent:
		p.Rule = whittle.CheckRelativeImport
		p.Message = fmt.Sprintf("%s imports %s, but is run as a program, which has no parent package%s", at, f.Module, from)
		p.Fix = "run it as a module (python -m), or import by the full name"
		return p
	case imports.NoName:
		p.Name = f.Name
		p.Rule, p.Message = whittle.CheckMissingName, fmt.Sprintf("%s imports %s from %s, which does not define it%s", at, f.Name, f.Module, from)
		if i, ok := s.distributionOf(r.Importer, f.Module); ok {
			d := s.Distributions[i]
			p.Distribution = d.Name
			p.Fix = fmt.Sprintf("pin a version of %s that has it (%s is installed)", d.Name, d.Version)
		}
		if s.owners.IsScript(f.File) {
			p.Rule, p.Fix = whittle.CheckMissingEntryPoint, "correct the entry point: "+f.Module+" does not define "+f.Name
		}
		return p
	}
	missingModule(s, &p, r, f, at, from)
	return p
}

// missingModule says why a module is missing, and what to do.
func missingModule(s *state, p *whittle.Problem, r start.Root, f imports.Failure, at, from string) {
	top := source.Top(f.Module)
	p.Rule = whittle.CheckMissingModule
	name := s.nameOf(f)
	parent, _, sub := source.CutLast(f.Module)
	of, there := 0, false
	hidden := false // by a folder of that name, which is no package
	if sub {
		of, there = s.distributionOf(r.Importer, parent)
		n, _ := r.Importer.Import(parent)
		hidden = n != nil && n.Found == imports.Namespace && !there && name.Distribution != ""
	}
	if !there && f.Cause != imports.NotPackage && !python.IsStandard(top) && ownElsewhere(s, p, r, f, &name, at, from) {
		return
	}
	if !hidden && (s.owners.OwnModules[top] || s.ownPackage(r.Importer, f.Module)) {
		p.Rule = whittle.CheckMissingSource
		p.Message = fmt.Sprintf("%s is imported by %s%s; it is the application's own, and its source is not in the image", f.Module, at, from)
		p.Fix = "COPY the application's source before it is installed, or to where it is imported from"
		return
	}
	if s.lookalike(p, r, f, at, from) {
		return
	}
	if f.Cause == imports.NotPackage {
		p.Message = fmt.Sprintf("%s is imported by %s%s; its parent is a module and no package", f.Module, at, from)
		return
	}
	if there {
		d := s.Distributions[of]
		p.Distribution = d.Name
		p.Message = fmt.Sprintf("%s is imported by %s%s; %s %s is installed and does not have it", f.Module, at, from, d.Name, d.Version)
		p.Fix = "install a version of " + d.Name + " that has it, and do not delete parts of it"
		return
	}
	foreignModule(s, p, r, f, &name, at, from)
}

// foreignModule describes a missing module that is not the application's.
func foreignModule(s *state, p *whittle.Problem, r start.Root, f imports.Failure, name *python.Named, at, from string) {
	if name.Distribution != "" && strings.HasPrefix(name.Module, f.Module+".") && s.names.Of(f.Module).Space {
		p.Module = name.Module // a namespace is nobody's alone
	}
	if name.Module != p.Module {
		p.Wanted = name.Module
	}
	p.Message = fmt.Sprintf("%s is imported by %s%s; ", p.Module, at, from)
	p.Distribution = name.Distribution
	by, required := s.requiredBy(f.File, name.Distribution)
	switch {
	case python.IsStandard(f.Module):
		p.Distribution = ""
		p.Message += "it is of the standard library, which the image has not whole"
		p.Fix = "do not delete parts of the standard library"
	case name.Distribution == "":
		why, fix := deps.NotKnown(name)
		p.Message, p.Fix = p.Message+why, fix
	case required:
		p.Message += fmt.Sprintf("%s requires %s, which is not installed", by, name.Distribution)
		p.Fix = "install " + name.Distribution
	case s.owners.OwnFile(f.File, r.Importer.Finder) && !name.Editable():
		p.Distribution = ""
		why, fix := deps.NotKnown(name)
		p.Message, p.Fix = p.Message+why, fix
	case s.owners.OwnFile(f.File, r.Importer.Finder):
		why, fix := declaredAs(s, name.Distribution)
		p.Message += why + "; " + fix
		p.Fix = fix
	default:
		p.Message += name.Distribution + " is not installed"
		p.Fix = "install " + name.Distribution
	}
}

// unloadable is a compiled module that the loader refuses: the statement that
// imports it is where Python fails.
func unloadable(s *state, st *start.Process, walk *imports.Reach, n *imports.Node, p whittle.Problem) whittle.Problem {
	chain := walk.Chain(n)
	if len(chain) > 0 {
		last := chain[len(chain)-1]
		p.Path, p.Line = s.owners.Shown(last.File), last.Line
	}
	problems := libraryProblems(s, n.File, s.files.Real(st.Python.Executable))
	if len(problems) == 0 {
		p.Rule, p.Message = whittle.CheckMissingSharedLibrary, "/"+n.File+" cannot be loaded"
		return p
	}
	l := problems[0]
	p.Rule, p.Fix = l.Rule, l.Fix
	p.Message = fmt.Sprintf("%s is imported by %s:%d, reached from %s; %s", n.Name, p.Path, p.Line, st.Name, l.Message)
	if i, ok := s.owners.Owner[n.File]; ok {
		p.Distribution = s.Distributions[i].Name
	}
	return p
}

// reached is the way from the start to a statement, of at most some lines.
func reached(s *state, st *start.Process, r start.Root, chain []imports.Link) []string {
	const most = 12
	out := []string{st.Name}
	if r.What != "" && r.What != st.Name {
		out = append(out, r.What)
	}
	last := ""
	for i, l := range chain {
		if len(chain) > most && i == most/2 {
			out = append(out, "…")
		}
		if len(chain) > most && i >= most/2 && i < len(chain)-most/2 {
			continue
		}
		if line := fmt.Sprintf("%s:%d", s.owners.Shown(l.File), l.Line); line != last {
			out, last = append(out, line), line
		}
	}
	return out
}
