package check

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"whittle"
	"whittle/internal/python"
)

// unused are declared dependencies that no module of the project imports, and
// no file of it names.
func (t *tree) unused() []whittle.Problem {
	used := map[string]bool{}
	use := func(u *unit, file string, src *python.Source) {
		for i := range src.Imports {
			imp := &src.Imports[i]
			if imp.Level > 0 || imp.Module == "" {
				continue
			}
			used[python.Normalize(topOf(imp.Module))] = true
			for _, n := range t.namesOf(u, file, imp) {
				for _, d := range append(append([]string{n.Distribution}, n.Candidates...), n.Perhaps...) {
					used[d] = true
				}
			}
		}
	}
	for _, p := range slices.Sorted(maps.Keys(t.sources)) {
		use(t.unitOf(p), p, t.sources[p])
	}
	for _, src := range t.notebooks {
		use(t.units[len(t.units)-1], "", src)
	}
	var out []whittle.Problem
	for _, u := range t.units {
		for i := range u.declared.Dependencies {
			d := &u.declared.Dependencies[i]
			name := python.Normalize(d.Name)
			if d.Kind != python.Runs || used[name] || t.isUnit(name) || t.ignored(name, []string{name}) || u.aside() || strings.HasPrefix(name, "types-") {
				continue
			}
			out = append(out, whittle.Problem{Rule: "unused-dependency", Severity: Info, Path: d.File, Line: d.Line, Distribution: name,
				Message: fmt.Sprintf("%s is declared by %s:%d, and no module of the project imports it", d.Name, d.File, d.Line),
				Fix:     "remove it, if it is no program and nothing loads it by name (a plug-in, a driver of a database)"})
		}
	}
	return t.unnamed(out)
}

var nameWord = regexp.MustCompile(`[A-Za-z0-9][A-Za-z0-9._-]*`)

// unnamed leaves out those that a file of the project names in some other way:
// a setting that names a plug-in, a command that starts a program.
func (t *tree) unnamed(problems []whittle.Problem) []whittle.Problem {
	if len(problems) == 0 {
		return nil
	}
	named := map[string]bool{}
	note := func(text string) {
		for _, w := range nameWord.FindAllString(text, -1) {
			named[python.Normalize(w)] = true
			named[python.Normalize(topOf(w))] = true
		}
	}
	for _, r := range t.images {
		note(r.text)
	}
	for p := range t.sources {
		if b, err := t.read(p); err == nil && path.Base(p) != "setup.py" {
			note(string(b))
		}
	}
	return slices.DeleteFunc(problems, func(p whittle.Problem) bool { return named[p.Distribution] })
}
