package deps

import (
	"fmt"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/python/source"
	"whittle.dev/whittle/internal/python/source/byname"
)

// uses are what the modules of a project import: the distributions that may be
// meant with the names of modules, and of which names some import has a dot.
type uses struct{ names, deeper map[string]bool }

// more says that the modules of the project import more of a name than the file
// of that name in a folder can have: it is not what they mean.
func (s uses) more(f *folder, dir, top string) bool {
	own := path.Join(dir, top)
	return f.module[own] != "" && !f.isPackage(own) && s.deeper[top]
}

// usesOf are what the modules import, the cells of notebooks and Cython.
func usesOf(t *tree) uses {
	s := uses{map[string]bool{}, map[string]bool{}}
	use := func(u *unit, src *source.Facts) {
		for i := range src.Imports {
			imp := &src.Imports[i]
			if imp.Level > 0 || imp.Module == "" {
				continue
			}
			top := source.Top(imp.Module)
			s.names[pep.Normalize(top)] = true
			s.deeper[top] = s.deeper[top] || top != imp.Module
			for _, n := range t.namesOf(u, imp) {
				for _, d := range append(append([]string{n.Distribution}, n.Candidates...), n.Perhaps...) {
					s.names[d] = true
				}
			}
		}
	}
	for _, p := range slices.Sorted(maps.Keys(t.sources)) {
		use(t.unitOf(p), t.sources[p])
	}
	for _, src := range t.others {
		use(t.units[len(t.units)-1], src)
	}
	return s
}

// unused are declared dependencies that no module of the project imports, and
// no file of it names. One whose modules are not known may be what has a module
// that nothing else is declared for.
func (t *tree) unused() []whittle.Problem {
	open := slices.ContainsFunc(t.problems, func(p whittle.Problem) bool { return p.Rule == whittle.CheckUndeclared && p.Distribution == "" })
	used := t.uses.names
	squeeze := strings.NewReplacer("-", "")
	same := map[string]bool{}
	for name := range used {
		same[squeeze.Replace(name)] = true
	}
	loaded := loadedByName(t)
	var out []whittle.Problem
	for _, u := range t.units {
		for i := range u.declared.Dependencies {
			d := &u.declared.Dependencies[i]
			name := pep.Normalize(d.Name)
			if d.Kind != manifest.Runtime || d.Via || used[name] || same[squeeze.Replace(name)] || t.provided[name] || loaded[name] || open && python.ModulesOf(name) == nil ||
				t.isUnit(name) || t.ignored(name, []string{name}) || u.auxiliary() || stubs(name) || t.uses.replacesStandard(name) {
				continue
			}
			out = append(out, whittle.Problem{Rule: whittle.CheckUnused, Severity: whittle.SeverityInfo, Path: d.File, Line: d.Line, Distribution: name,
				Message: fmt.Sprintf("%s is declared by %s:%d, and no module of the project imports it", d.Name, d.File, d.Line),
				Fix:     "remove it, if it is no program and nothing loads it by name (a plug-in, a driver of a database)"})
		}
	}
	return unnamed(t, out)
}

// loadedByName are the distributions that the standard library, or one that the
// project declares or its lock has, can load by a name in a string: a driver of a
// database. Whether it is asked to is not known, as the texts of libraries are not
// there.
func loadedByName(t *tree) map[string]bool {
	declared := map[string]bool{"python": true}
	for _, u := range t.units {
		for i := range u.declared.Dependencies {
			declared[pep.Normalize(u.declared.Dependencies[i].Name)] = true
		}
		for _, l := range u.declared.Locked {
			declared[pep.Normalize(l.Name)] = true
		}
	}
	out := map[string]bool{}
	for r := range byname.Rows() {
		out[r.Name] = out[r.Name] || declared[r.Host]
	}
	return out
}

// replacesStandard says that a distribution has a module that the project
// imports and the standard library no longer has.
func (s uses) replacesStandard(name string) bool {
	for top := range s.names {
		if _, until := python.StandardSpan(top); until != 0 && replaces(name, top) {
			return true
		}
	}
	return false
}

// nameWords gives the words of a text that may be names: letters and digits, and dots, hyphens
// and underscores behind the first. A regular expression takes ten times as long, and all files
// of a project are looked through.
func nameWords(text string) iter.Seq[string] {
	within := func(c byte) bool {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
	}
	return func(yield func(string) bool) {
		for i := 0; i < len(text); i++ {
			if !within(text[i]) {
				continue
			}
			from := i
			for i < len(text) && (within(text[i]) || text[i] == '.' || text[i] == '_' || text[i] == '-') {
				i++
			}
			if !yield(text[from:i]) {
				return
			}
		}
	}
}

// unnamed excludes those that a file of the project names in some other way:
// a setting that names a plug-in, a command that starts a program.
func unnamed(t *tree, problems []whittle.Problem) []whittle.Problem {
	if len(problems) == 0 {
		return nil
	}
	named, seen := map[string]bool{}, map[string]bool{}
	note := func(text string) {
		for w := range nameWords(text) {
			if seen[w] {
				continue
			}
			w = strings.Clone(w) // else the whole text is kept
			seen[w] = true
			named[pep.Normalize(w)] = true
			named[pep.Normalize(source.Top(w))] = true
			program, _, _ := strings.Cut(w, "-") // waitress-serve
			named[pep.Normalize(program)] = true
		}
	}
	for _, r := range t.images {
		note(r.text)
	}
	for p := range t.sources {
		if b, err := t.read(p); err == nil && path.Base(p) != "setup.py" {
			note(string(b))
		}
		note(p)
	}
	for _, p := range t.folder.settings {
		if b, err := t.read(p); err == nil {
			note(string(b))
		}
	}
	return slices.DeleteFunc(problems, func(p whittle.Problem) bool {
		return slices.ContainsFunc(python.PlainNames(p.Distribution), func(n string) bool { return named[n] }) || slices.ContainsFunc(python.ModulesOf(p.Distribution), func(m string) bool { return named[pep.Normalize(m)] })
	})
}
