package check

import (
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/python/imports"
	"whittle.dev/whittle/internal/python/source"
	"whittle.dev/whittle/internal/start"
)

// extraOfOwn is the extra of the application's own metadata that requires a
// distribution.
func (s *state) extraOfOwn(dist string) (extra, by string, ok bool) {
	for _, i := range s.owners.Own {
		d := &s.Distributions[i]
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
func (s *state) requirersOf(name string) []string {
	var out []string
	for i := range s.Distributions {
		for _, text := range s.Distributions[i].Metadata.RequiresDist {
			if r, err := pep.ParseRequirement(text); err == nil && pep.Normalize(r.Name) == name && !strings.Contains(text, "extra ==") {
				out = append(out, s.Distributions[i].Name)
				break
			}
		}
	}
	sort.Strings(out)
	return out
}

// isProgram says that a distribution offers programs or plug-ins, which work
// without being imported by name.
func (s *state) isProgram(name string) bool {
	for i := range s.Distributions {
		if d := &s.Distributions[i]; d.Name == name {
			return len(d.EntryPoints) > 0 || len(d.ImportNames()) == 0
		}
	}
	return false
}

// requirersWithout are those that require a distribution, without the
// application.
func (s *state) requirersWithout(name string) []string {
	return slices.DeleteFunc(s.requirersOf(name), func(by string) bool {
		for _, i := range s.owners.Own {
			if s.Distributions[i].Name == by {
				return true
			}
		}
		return false
	})
}

// lookalike finds compiled code for another interpreter, machine or C library
// where a module is missing. A folder of stubs beside it makes a namespace of
// the module, without anything that it should have.
func (s *state) lookalike(p *whittle.Problem, r start.Root, f imports.Failure, at, from string) bool {
	module := f.Module
	file, isSpace := s.compiledFor(r.Importer, module)
	if up, _, ok := source.CutLast(module); ok && file == "" && isSpace {
		module = up
		file, _ = s.compiledFor(r.Importer, up)
	}
	if file == "" {
		return false
	}
	p.Module = module
	base := path.Base(file)
	want := "CPython " + r.Importer.Finder.Interpreter.Series
	switch machine := r.Importer.Runtime.Machine; {
	case strings.Contains(base, "-musl") != strings.Contains(r.Importer.Finder.Suffix(), "-musl") && strings.Contains(base, "-linux-"):
		p.Rule, want = whittle.CheckWrongLibc, want+" and this image's C library"
	case strings.Contains(base, "-linux-") && !strings.Contains(base, machine):
		p.Rule, want = whittle.CheckWrongArch, want+" on "+machine
	}
	if i, ok := s.owners.Owner[file]; ok {
		p.Distribution = s.Distributions[i].Name
	}
	p.Message = fmt.Sprintf("%s is imported by %s%s; only %s is there, which is not made for %s", module, at, from, base, want)
	p.Fix = "install it with the final image's own interpreter, for its platform"
	return true
}

// compiledFor is the compiled code of a module's name that this interpreter
// does not load, "" for none; space says that its parent is a namespace.
func (s *state) compiledFor(im *imports.Importer, module string) (file string, space bool) {
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

// ownPackage says that a parent of a module is there and is the application's.
func (s *state) ownPackage(im *imports.Importer, module string) bool {
	parent, _, ok := source.CutLast(module)
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
		if dir != "" && s.owners.OwnFile(dir, im.Finder) && (n.File == "" || s.owners.OwnFile(n.File, im.Finder)) {
			return true
		}
	}
	return false
}

// distributionOf is the installed distribution that a module belongs to.
func (s *state) distributionOf(im *imports.Importer, module string) (int, bool) {
	n, f := im.Import(module)
	if f != nil || n == nil {
		return 0, false
	}
	if i, ok := s.owners.Owner[n.File]; ok && n.File != "" {
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
	i, ok := s.owners.Owner[file]
	if !ok || slices.Contains(s.owners.Own, i) {
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

// nameOf is which distribution has what a failing statement imports: of
// several, the first that is known.
func (s *state) nameOf(f imports.Failure) python.Named {
	if len(f.Module) > len(f.Wanted) {
		return s.names.Of(f.Module)
	}
	all := s.names.OfImport(f.Wanted, f.Names)
	for _, n := range all {
		if n.Distribution != "" {
			return n
		}
	}
	return all[0]
}

// installed is the version of a distribution.
func (s *state) installed(name string) (string, bool) {
	for i := range s.Distributions {
		if d := &s.Distributions[i]; d.Name == name && d.VendoredBy == "" {
			return d.Version, true
		}
	}
	return "", false
}
