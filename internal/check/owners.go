package check

import (
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/python/imports"
	"whittle.dev/whittle/internal/python/source"
)

// owners says whose a file or a module is: the application's, or that of an
// installed distribution.
type owners struct {
	distributions []python.Distribution
	project       *project.Declared
	names         *python.Names
	workdir       string
	// own are the indexes of the application's own distributions; owner is
	// the distribution of each file.
	own   []int
	owner map[string]int
	// ownModules are the top-level modules of the application.
	ownModules map[string]bool
}

func newOwners(img *Image, workdir string) *owners {
	ow := &owners{distributions: img.Distributions, project: img.Project, names: img.Names, workdir: workdir,
		owner: map[string]int{}, ownModules: map[string]bool{}}
	if ow.names == nil {
		ow.names = python.NewNames(img.Distributions)
		ow.names.Declare(img.Project.Names())
	}
	for i := range img.Distributions {
		d := &img.Distributions[i]
		for _, f := range d.Files {
			ow.owner[f] = i
		}
		if !ow.isOwn(d) {
			continue
		}
		ow.own = append(ow.own, i)
		for _, name := range d.ImportNames() {
			ow.ownModules[source.Top(name)] = true
		}
		for _, e := range d.EntryPoints {
			if e.Group == "console_scripts" || e.Group == "gui_scripts" {
				ow.ownModules[source.Top(e.Module)] = true
			}
		}
	}
	if img.Project != nil {
		for _, name := range img.Project.Packages {
			ow.ownModules[source.Top(name)] = true
		}
	}
	return ow
}

// extraOfOwn is the extra of the application's own metadata that requires a
// distribution.
func (ow *owners) extraOfOwn(dist string) (extra, by string, ok bool) {
	for _, i := range ow.own {
		d := &ow.distributions[i]
		for _, text := range d.Metadata.RequiresDist {
			m := ownExtra.FindStringSubmatch(text)
			if r, err := pep.ParseRequirement(text); err == nil && m != nil && r.Name == pep.Normalize(dist) {
				return m[1], d.Name, true
			}
		}
	}
	return "", "", false
}

// requirersOf are the installed distributions that require another.
func (ow *owners) requirersOf(name string) []string {
	var out []string
	for i := range ow.distributions {
		for _, text := range ow.distributions[i].Metadata.RequiresDist {
			if r, err := pep.ParseRequirement(text); err == nil && pep.Normalize(r.Name) == name && !strings.Contains(text, "extra ==") {
				out = append(out, ow.distributions[i].Name)
				break
			}
		}
	}
	sort.Strings(out)
	return out
}

// isProgram says that a distribution offers programs or plug-ins, which work
// without being imported by name.
func (ow *owners) isProgram(name string) bool {
	for i := range ow.distributions {
		if d := &ow.distributions[i]; d.Name == name {
			return len(d.EntryPoints) > 0 || len(d.ImportNames()) == 0
		}
	}
	return false
}

// requirersWithout are those that require a distribution, the application
// left out.
func (ow *owners) requirersWithout(name string) []string {
	return slices.DeleteFunc(ow.requirersOf(name), func(by string) bool {
		for _, i := range ow.own {
			if ow.distributions[i].Name == by {
				return true
			}
		}
		return false
	})
}

// shownIn is a reason whose first word may be a file and a line.
func (ow *owners) shownIn(why string) string {
	file, rest, _ := strings.Cut(why, " ")
	if name, line, ok := strings.Cut(file, ":"); ok {
		return ow.shown(name) + ":" + line + " " + rest
	}
	return why
}

// lookalike finds compiled code for another interpreter, machine or C library
// where a module is missing. A folder of stubs beside it makes a namespace of
// the module, which lacks all that it should have.
func (ow *owners) lookalike(p *whittle.Problem, r root, f imports.Failure, at, from string) bool {
	module := f.Module
	file, isSpace := ow.compiledFor(r.im, module)
	if up, _, ok := source.CutLast(module); ok && file == "" && isSpace {
		module = up
		file, _ = ow.compiledFor(r.im, up)
	}
	if file == "" {
		return false
	}
	p.Module = module
	base := path.Base(file)
	want := "CPython " + r.im.Finder.Interpreter.Series
	switch machine := r.im.Runtime.Machine; {
	case strings.Contains(base, "-musl") != strings.Contains(r.im.Finder.Suffix(), "-musl") && strings.Contains(base, "-linux-"):
		p.Rule, want = whittle.CheckWrongLibc, want+" and this image's C library"
	case strings.Contains(base, "-linux-") && !strings.Contains(base, machine):
		p.Rule, want = whittle.CheckWrongArch, want+" on "+machine
	}
	if i, ok := ow.owner[file]; ok {
		p.Distribution = ow.distributions[i].Name
	}
	p.Message = fmt.Sprintf("%s is imported by %s%s; only %s is there, which is not made for %s", module, at, from, base, want)
	p.Fix = "install it with the final image's own interpreter, for its platform"
	return true
}

// compiledFor is the compiled code of a module's name that this interpreter
// does not load, "" for none; space says that its parent is a namespace.
func (ow *owners) compiledFor(im *imports.Importer, module string) (file string, space bool) {
	up, last, ok := source.CutLast(module)
	if !ok {
		return im.Finder.Lookalike(nil, module), false
	}
	n, failure := im.Import(up)
	if failure != nil || n == nil {
		return "", false
	}
	return im.Finder.Lookalike(&n.Module, last), n.Found == imports.Namespace
}

// isScript says that a file is a console script's wrapper.
func (ow *owners) isScript(file string) bool {
	return path.Base(path.Dir(file)) == "bin" && !strings.HasSuffix(file, ".py")
}

func (ow *owners) isOwnOrScript(im *imports.Importer, file string) bool {
	return ow.ownFile(file, im.Finder)
}

// ownPackage says that a parent of a module is there and is the application's.
func (ow *owners) ownPackage(im *imports.Importer, module string) bool {
	parent, _, ok := source.CutLast(module)
	if !ok {
		return false
	}
	n, f := im.Import(parent)
	if f != nil {
		return ow.ownPackage(im, parent)
	}
	if n == nil {
		return false
	}
	for _, dir := range append([]string{n.File}, n.Dirs...) {
		if dir != "" && ow.ownFile(dir, im.Finder) && (n.File == "" || ow.ownFile(n.File, im.Finder)) {
			return true
		}
	}
	return false
}

// distributionOf is the installed distribution that a module belongs to.
func (ow *owners) distributionOf(im *imports.Importer, module string) (int, bool) {
	n, f := im.Import(module)
	if f != nil || n == nil {
		return 0, false
	}
	if i, ok := ow.owner[n.File]; ok && n.File != "" {
		return i, true
	}
	for _, dir := range n.Dirs {
		for i := range ow.distributions {
			for _, file := range ow.distributions[i].Files {
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
func (ow *owners) requiredBy(file, dist string) (string, bool) {
	i, ok := ow.owner[file]
	if !ok || slices.Contains(ow.own, i) {
		return "", false
	}
	d := &ow.distributions[i]
	for _, text := range d.Metadata.RequiresDist {
		if r, err := pep.ParseRequirement(text); err == nil && pep.Normalize(r.Name) == pep.Normalize(dist) {
			return d.Name + " " + d.Version, true
		}
	}
	return "", false
}

// nameOf is which distribution has what a failing statement imports: of
// several, the first that is known.
func (ow *owners) nameOf(f imports.Failure) python.Named {
	if len(f.Module) > len(f.Wanted) {
		return ow.names.Of(f.Module)
	}
	all := ow.names.OfImport(f.Wanted, f.Names)
	for _, n := range all {
		if n.Distribution != "" {
			return n
		}
	}
	return all[0]
}

// installedOwn says that a file is of one of the application's distributions.
func (ow *owners) installedOwn(f string) bool {
	i, ok := ow.owner[f]
	return ok && slices.Contains(ow.own, i) || ow.ownModules[topModule(f)]
}

func (ow *owners) requirementsOf(st *start, d *python.Distribution, env pep.Environment) []whittle.Problem {
	var out []whittle.Problem
	for _, text := range d.Metadata.RequiresDist {
		r, err := pep.ParseRequirement(text)
		if err != nil {
			continue
		}
		if !applies(r, st.python.finder.Interpreter, env) {
			continue
		}
		name := pep.Normalize(r.Name)
		version, ok := ow.installed(name)
		p := whittle.Problem{Rule: whittle.CheckMissingRequirement, Severity: whittle.SeverityWarning, Distribution: name, ReachedFrom: []string{st.name}}
		if ok {
			v, err := pep.ParseVersion(version)
			if err != nil || r.Specifiers.Contains(v, true) {
				continue
			}
			p.Message = fmt.Sprintf("%s %s requires %s; %s %s is installed", d.Name, d.Version, text, name, version)
		} else {
			p.Message = fmt.Sprintf("%s %s requires %s, which is not installed", d.Name, d.Version, r.Name)
		}
		p.Fix = "install " + r.Name + r.Specifiers.String()
		out = append(out, p)
	}
	return out
}

// installed is the version of a distribution.
func (ow *owners) installed(name string) (string, bool) {
	for i := range ow.distributions {
		if d := &ow.distributions[i]; d.Name == name && d.VendoredBy == "" {
			return d.Version, true
		}
	}
	return "", false
}

// isOwn says whether a distribution is the application: the project's own
// name, or installed from a folder rather than from an index (PEP 610).
func (ow *owners) isOwn(d *python.Distribution) bool {
	if ow.project != nil && ow.project.Name != "" && pep.Normalize(ow.project.Name) == d.Name {
		return true
	}
	return d.VendoredBy == "" && (d.Editable || d.Local)
}

// ownFile says whether a file is the application's.
func (ow *owners) ownFile(file string, f *imports.Finder) bool {
	if file == "" || strings.HasPrefix(file, "<") {
		return file != ""
	}
	if i, ok := ow.owner[file]; ok {
		return slices.Contains(ow.own, i)
	}
	if strings.Contains("/"+file, "/site-packages/") || strings.Contains("/"+file, "/dist-packages/") {
		return ow.ownModules[topModule(file)]
	}
	return f == nil || !strings.HasPrefix(file, f.Interpreter.Lib+"/")
}

// shown is how messages name a file of the image: the application's as the
// developer knows it, others by what follows site-packages or another folder
// that distributions were installed to, or whole.
func (ow *owners) shown(file string) string {
	if file == "" || strings.HasPrefix(file, "<") {
		return file
	}
	p := "/" + file
	for _, dir := range []string{"/site-packages/", "/dist-packages/"} {
		if i := strings.LastIndex(p, dir); i >= 0 {
			return p[i+len(dir):]
		}
	}
	if i, ok := ow.owner[file]; ok {
		if rest, ok := strings.CutPrefix(file, ow.distributions[i].Site+"/"); ok {
			return rest
		}
	}
	if ow.workdir != "" {
		if rest, ok := strings.CutPrefix(file, ow.workdir+"/"); ok {
			return rest
		}
	}
	return p
}
