package check

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle"
	"whittle/internal/pep"
	"whittle/internal/python"
)

// checkImports reports what fails for certain when a Python process starts.
func checkImports(s *state) []whittle.Problem {
	var out []whittle.Problem
	for _, st := range s.starts {
		if st.python == nil {
			continue
		}
		for _, r := range st.python.roots {
			out = append(out, s.importsOf(st, r)...)
		}
	}
	return out
}

func (s *state) importsOf(st *start, r root) []whittle.Problem {
	var out []whittle.Problem
	if r.failure != nil {
		out = append(out, s.targetProblem(st, r))
	}
	if r.node == nil {
		return out
	}
	if r.attr != "" && r.im.Defines(r.node, r.attr) == python.No {
		out = append(out, s.adjust(st, whittle.Problem{Rule: "missing-entry-point", Module: r.node.Name, Path: s.shown(r.node.File),
			Message: fmt.Sprintf("%s: %s does not define %s", r.what, s.shown(r.node.File), r.attr), Fix: "name what the module defines"}))
	}
	walk := python.Walk(false, r.node)
	for _, n := range walk.Nodes {
		for _, f := range n.Failures {
			out = append(out, s.adjust(st, s.problem(st, r, walk, n, f)))
		}
		for _, d := range n.Doubts {
			s.doubt(st, r, d)
		}
		for _, f := range n.Perhaps {
			s.perhaps(st, r, f)
		}
	}
	return out
}

// doubt notes an import that may fail or not. Names that a module makes up are
// only doubted where the application asks for them: distributions are made to
// fit together.
func (s *state) doubt(st *start, r root, d python.Doubt) {
	at := fmt.Sprintf("%s:%d", s.shown(d.File), d.Line)
	line := fmt.Sprintf("whether %s, which %s imports, is there", d.Module, at)
	switch d.Cause {
	case python.BadSyntax:
		line = fmt.Sprintf("whether Python %s compiles %s: %s", r.im.Interpreter.Series, at, d.Name)
	case python.NoName:
		if !s.ownFile(d.File, r.im.Finder) {
			return
		}
		line = fmt.Sprintf("whether %s, which makes names when it runs, defines %s, which %s imports", d.Module, d.Name, at)
	}
	if d.Why != "" {
		line += ": " + s.shownIn(d.Why)
	}
	st.doubts(line)
}

// perhaps notes an import of the application that fails if it runs.
func (s *state) perhaps(st *start, r root, f python.Failure) {
	if f.Caught() || !s.ownFile(f.File, r.im.Finder) {
		return
	}
	st.doubts(fmt.Sprintf("whether %s:%d imports %s, which is not there", s.shown(f.File), f.Line, f.Module))
}

// shownIn is a reason whose first word may be a file and a line.
func (s *state) shownIn(why string) string {
	file, rest, _ := strings.Cut(why, " ")
	if name, line, ok := strings.Cut(file, ":"); ok {
		return s.shown(name) + ":" + line + " " + rest
	}
	return why
}

// doubts notes what could not be followed, once.
func (st *start) doubts(line string) { st.doubt(line) }

// targetProblem is that of a module that no statement names.
func (s *state) targetProblem(st *start, r root) whittle.Problem {
	f := r.failure
	p := whittle.Problem{Rule: "missing-entry-point", Module: f.Module, Message: fmt.Sprintf("%s: there is no module %s", r.what, f.Module),
		Fix: "mend the name, or COPY the application's source to where it is looked for"}
	if r.file != "" {
		p.Path, p.Line = s.shown(r.file), r.line
		p.Message = fmt.Sprintf("%s:%d: %s", p.Path, p.Line, p.Message)
	}
	name := s.names.Of(f.Module)
	place, own := s.lies(r.im, *f)
	switch {
	case own && place.copied:
		p.Message += fmt.Sprintf("; it is at /%s, and this start does not look in /%s%s", place.at, place.root, firstFolder(r, ", it begins with "))
		p.Fix = fmt.Sprintf("set WORKDIR or PYTHONPATH to /%s, or the server's own option for it", place.root)
	case own:
		p.Message += "; the project has it, " + place.at + ", and the image does not"
	case !s.ownModules[topOf(f.Module)] && (name.Evident() || name.By == python.ByWheels):
		p.Rule, p.Distribution = "missing-module", name.Distribution
		p.Fix = "install " + name.Distribution
	}
	return s.adjust(st, p)
}

// adjust makes a problem that of its start.
func (s *state) adjust(st *start, p whittle.Problem) whittle.Problem {
	if p.Severity == "" {
		p.Severity = Error
	}
	st.soften(&p)
	if st.role == healthcheck {
		p.Rule = "healthcheck-cannot-run"
	}
	if p.ReachedFrom == nil {
		p.ReachedFrom = []string{st.name}
	}
	return p
}

// problem describes a failing statement.
func (s *state) problem(st *start, r root, walk *python.Reach, n *python.Node, f python.Failure) whittle.Problem {
	chain := walk.Chain(n)
	p := whittle.Problem{Path: s.shown(f.File), Line: f.Line, Module: f.Module, ReachedFrom: s.reached(st, r, chain)}
	at := fmt.Sprintf("%s:%d", p.Path, p.Line)
	from := ", reached from " + st.name
	switch f.Cause {
	case python.BadSyntax:
		p.Rule = "syntax-error"
		p.Message = fmt.Sprintf("%s cannot be compiled by Python %s: %s; it is run by %s", at, r.im.Interpreter.Series, f.Name, st.name)
		if len(chain) > 0 {
			last := chain[len(chain)-1]
			p.Message = fmt.Sprintf("%s cannot be compiled by Python %s: %s; it is imported by %s:%d%s", at, r.im.Interpreter.Series, f.Name, s.shown(last.File), last.Line, from)
		}
		p.Fix = "mend the text, or use a Python that reads it"
		return p
	case python.CannotLoad:
		return s.unloadable(st, walk, n, p)
	case python.NoParent:
		p.Rule = "relative-import"
		p.Message = fmt.Sprintf("%s imports %s, but is run as a program, which has no parent package%s", at, f.Module, from)
		p.Fix = "run it as a module (python -m), or import by the full name"
		return p
	case python.NoName:
		p.Name = f.Name
		p.Rule, p.Message = "missing-name", fmt.Sprintf("%s imports %s from %s, which does not define it%s", at, f.Name, f.Module, from)
		if i, ok := s.distributionOf(r.im, f.Module); ok {
			d := s.Distributions[i]
			p.Distribution = d.Name
			p.Fix = fmt.Sprintf("pin a version of %s that has it (%s is installed)", d.Name, d.Version)
		}
		if s.isScript(f.File) {
			p.Rule, p.Fix = "missing-entry-point", "mend the entry point: "+f.Module+" does not define "+f.Name
		}
		return p
	}
	s.missingModule(&p, r, f, at, from)
	return p
}

// missingModule says why a module is missing, and what to do.
func (s *state) missingModule(p *whittle.Problem, r root, f python.Failure, at, from string) {
	top := topOf(f.Module)
	p.Rule = "missing-module"
	name := s.nameOf(f)
	parent, _, sub := cutLast(f.Module)
	of, there := 0, false
	hidden := false // by a folder of that name, which is no package
	if sub {
		of, there = s.distributionOf(r.im, parent)
		n, _ := r.im.Import(parent)
		hidden = n != nil && n.Found == python.Namespace && !there && name.Distribution != ""
	}
	if !there && f.Cause != python.NotPackage && !python.IsStandard(top) && s.ownElsewhere(p, r, f, &name, at, from) {
		return
	}
	if !hidden && (s.ownModules[top] || s.ownPackage(r.im, f.Module)) {
		p.Rule = "missing-source"
		p.Message = fmt.Sprintf("%s is imported by %s%s; it is the application's own, and its source is not in the image", f.Module, at, from)
		p.Fix = "COPY the application's source before it is installed, or to where it is imported from"
		return
	}
	if s.lookalike(p, r, f, at, from) {
		return
	}
	if f.Cause == python.NotPackage {
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
	s.foreignModule(p, r, f, &name, at, from)
}

// foreignModule is a missing module that is somebody else's.
func (s *state) foreignModule(p *whittle.Problem, r root, f python.Failure, name *python.Named, at, from string) {
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
		why, fix := notKnown(name)
		p.Message, p.Fix = p.Message+why, fix
	case required:
		p.Message += fmt.Sprintf("%s requires %s, which is not installed", by, name.Distribution)
		p.Fix = "install " + name.Distribution
	case s.isOwnOrScript(r.im, f.File) && !name.Editable():
		p.Distribution = ""
		why, fix := notKnown(name)
		p.Message, p.Fix = p.Message+why, fix
	case s.isOwnOrScript(r.im, f.File):
		why, fix := s.declaredAs(name.Distribution)
		p.Message += why + "; " + fix
		p.Fix = fix
	default:
		p.Message += name.Distribution + " is not installed"
		p.Fix = "install " + name.Distribution
	}
}

// lookalike finds compiled code for another interpreter, machine or C library
// where a module is missing. A folder of stubs beside it makes a namespace of
// the module, which lacks all that it should have.
func (s *state) lookalike(p *whittle.Problem, r root, f python.Failure, at, from string) bool {
	module := f.Module
	file, isSpace := s.compiledFor(r.im, module)
	if up, _, ok := cutLast(module); ok && file == "" && isSpace {
		module = up
		file, _ = s.compiledFor(r.im, up)
	}
	if file == "" {
		return false
	}
	p.Module = module
	base := path.Base(file)
	want := "CPython " + r.im.Interpreter.Series
	switch machine := r.im.Runtime.Machine; {
	case strings.Contains(base, "-musl") != strings.Contains(r.im.Suffix(), "-musl") && strings.Contains(base, "-linux-"):
		p.Rule, want = "wrong-libc", want+" and this image's C library"
	case strings.Contains(base, "-linux-") && !strings.Contains(base, machine):
		p.Rule, want = "wrong-arch", want+" on "+machine
	}
	if i, ok := s.owner[file]; ok {
		p.Distribution = s.Distributions[i].Name
	}
	p.Message = fmt.Sprintf("%s is imported by %s%s; only %s is there, which is not made for %s", module, at, from, base, want)
	p.Fix = "install it with the final image's own interpreter, for its platform"
	return true
}

// compiledFor is the compiled code of a module's name that this interpreter
// does not load, "" for none; space says that its parent is a namespace.
func (s *state) compiledFor(im *python.Importer, module string) (file string, space bool) {
	up, last, ok := cutLast(module)
	if !ok {
		return im.Lookalike(nil, module), false
	}
	n, failure := im.Import(up)
	if failure != nil || n == nil {
		return "", false
	}
	return im.Lookalike(&n.Module, last), n.Found == python.Namespace
}

func cutLast(module string) (parent, last string, ok bool) {
	i := strings.LastIndexByte(module, '.')
	if i < 0 {
		return "", module, false
	}
	return module[:i], module[i+1:], true
}

// unloadable is a compiled module that the loader refuses: the statement that
// imports it is where Python fails.
func (s *state) unloadable(st *start, walk *python.Reach, n *python.Node, p whittle.Problem) whittle.Problem {
	chain := walk.Chain(n)
	if len(chain) > 0 {
		last := chain[len(chain)-1]
		p.Path, p.Line = s.shown(last.File), last.Line
	}
	problems := s.libraryProblems(n.File, s.realOf(st.python.executable))
	if len(problems) == 0 {
		p.Rule, p.Message = "missing-shared-library", "/"+n.File+" cannot be loaded"
		return p
	}
	l := problems[0]
	p.Rule, p.Fix = l.Rule, l.Fix
	p.Message = fmt.Sprintf("%s is imported by %s:%d, reached from %s; %s", n.Name, p.Path, p.Line, st.name, l.Message)
	if i, ok := s.owner[n.File]; ok {
		p.Distribution = s.Distributions[i].Name
	}
	return p
}

// reached is the way from the start to a statement, of at most some lines.
func (s *state) reached(st *start, r root, chain []python.Link) []string {
	const most = 12
	out := []string{st.name}
	if r.what != "" && r.what != st.name {
		out = append(out, r.what)
	}
	last := ""
	for i, l := range chain {
		if len(chain) > most && i == most/2 {
			out = append(out, "…")
		}
		if len(chain) > most && i >= most/2 && i < len(chain)-most/2 {
			continue
		}
		if line := fmt.Sprintf("%s:%d", s.shown(l.File), l.Line); line != last {
			out, last = append(out, line), line
		}
	}
	return out
}

// isScript says that a file is a console script's wrapper.
func (s *state) isScript(file string) bool {
	return path.Base(path.Dir(file)) == "bin" && !strings.HasSuffix(file, ".py")
}

func (s *state) isOwnOrScript(im *python.Importer, file string) bool {
	return s.ownFile(file, im.Finder)
}

// ownPackage says that a parent of a module is there and is the application's.
func (s *state) ownPackage(im *python.Importer, module string) bool {
	parent, _, ok := cutLast(module)
	if !ok {
		return false
	}
	n, f := im.Import(parent)
	if f != nil {
		return s.ownPackage(im, parent)
	}
	if n == nil {
		return false
	}
	for _, dir := range append([]string{n.File}, n.Dirs...) {
		if dir != "" && s.ownFile(dir, im.Finder) && (n.File == "" || s.ownFile(n.File, im.Finder)) {
			return true
		}
	}
	return false
}

// distributionOf is the installed distribution that a module belongs to.
func (s *state) distributionOf(im *python.Importer, module string) (int, bool) {
	n, f := im.Import(module)
	if f != nil || n == nil {
		return 0, false
	}
	if i, ok := s.owner[n.File]; ok && n.File != "" {
		return i, true
	}
	for _, dir := range n.Dirs {
		for i := range s.Distributions {
			for _, file := range s.Distributions[i].Files {
				if strings.HasPrefix(file, dir+"/") {
					return i, true
				}
			}
		}
	}
	return 0, false
}

// requiredBy finds the installed distribution of a file that requires another
// which is not installed.
func (s *state) requiredBy(file, dist string) (string, bool) {
	i, ok := s.owner[file]
	if !ok || slices.Contains(s.own, i) {
		return "", false
	}
	d := &s.Distributions[i]
	for _, text := range d.Metadata.RequiresDist {
		if r, err := pep.ParseRequirement(text); err == nil && pep.Normalize(r.Name) == pep.Normalize(dist) {
			return d.Name + " " + d.Version, true
		}
	}
	return "", false
}
