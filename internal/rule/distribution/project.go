package distribution

import (
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/edit"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/python/source"
	"whittle.dev/whittle/internal/rule/analysis"
)

// listOf is the list of a pyproject.toml that contains a dependency.
func listOf(src []byte, d *manifest.Dependency) (edit.List, bool) {
	lists, err := edit.Lists(src)
	if err != nil {
		return edit.List{}, false
	}
	for _, l := range lists {
		mine := d.Kind == manifest.Runtime && (l.Kind == "dependencies" || l.Kind == "pipfile" || l.Kind == "poetry" || l.Kind == "poetry-group" && l.Name == "main") ||
			d.Kind == manifest.Optional && (l.Kind == "optional" && pep.Normalize(l.Name) == pep.Normalize(d.Extra) || l.Kind == "poetry")
		if !mine {
			continue
		}
		names, err := edit.Requirements(src, l)
		if err == nil && slices.ContainsFunc(names, func(text string) bool {
			r, err := pep.ParseRequirement(text)
			return err == nil && r.Name == pep.Normalize(d.Name)
		}) {
			return l, true
		}
	}
	return edit.List{}, false
}

// undeclare removes dependencies from the project's files; ok is false if one
// is in a file that cannot be edited.
func undeclare(p *analysis.Pass, deps []*manifest.Dependency) (patches []whittle.Patch, ok bool) {
	changes := map[string][]analysis.Change{}
	var order []string
	for _, d := range deps {
		file, c, found := undeclaring(p, d)
		if !found {
			return nil, false
		}
		if changes[file] == nil {
			order = append(order, file)
		}
		changes[file] = append(changes[file], c)
	}
	for _, file := range order {
		patch, err := p.Project.Patch(file, changes[file])
		if err != nil {
			return nil, false
		}
		patches = append(patches, patch)
	}
	return patches, len(patches) > 0
}

// undeclaring is the change that removes a dependency from the file that people
// edit.
func undeclaring(p *analysis.Pass, d *manifest.Dependency) (file string, c analysis.Change, ok bool) {
	for _, file := range p.Project.Written(d.File) {
		switch {
		case path.Base(file) == "pyproject.toml", path.Base(file) == "Pipfile":
			list, found := listOf(p.Project.File(file), d)
			if !found {
				continue
			}
			c = func(src []byte) ([]whittle.Edit, error) { return edit.RemoveRequirement(src, list, d.Name) }
		case strings.HasSuffix(file, ".txt"), strings.HasSuffix(file, ".in"):
			c = func(src []byte) ([]whittle.Edit, error) { return edit.RemoveLine(src, d.Name) }
		default:
			continue
		}
		if _, err := p.Project.Patch(file, []analysis.Change{c}); err == nil {
			return file, c, true
		}
	}
	return "", nil, false
}

// namesOf finds the distribution of a module.
func namesOf(p *analysis.Pass) *python.Names {
	if p.Names != nil {
		return p.Names
	}
	n := python.NewNames(nil)
	n.Declare(p.Declared.Names())
	return n
}

// listFor is the list to which a problem's distribution belongs: the extra
// without which the importing file cannot be imported anyway, otherwise the
// project's dependencies.
func listFor(p *analysis.Pass, q *whittle.Problem, src []byte) (edit.List, bool) {
	lists, err := edit.Lists(src)
	if err != nil {
		return edit.List{}, false
	}
	has := func(kind string) bool {
		return slices.ContainsFunc(lists, func(l edit.List) bool { return l.Kind == kind })
	}
	if extra := extraNeededBy(p, q.Path, q.Distribution); extra != "" {
		return edit.List{Kind: "optional", Name: extra}, true
	}
	switch {
	case has("dependencies") || p.Declared.Name != "" && !has("poetry"):
		return edit.List{Kind: "dependencies"}, true
	case has("poetry"):
		return edit.List{Kind: "poetry"}, true
	}
	return edit.List{}, false
}

// extraNeededBy is the only extra that declares something that a file of the
// project imports at its top, apart from a given distribution.
func extraNeededBy(p *analysis.Pass, file, without string) string {
	text := p.Project.File(file)
	if text == nil {
		return ""
	}
	extras := map[string]string{}
	for _, d := range p.Dists.Declared() {
		name := pep.Normalize(d.Name)
		if other, twice := extras[name]; twice && other != d.Extra {
			extras[name] = "" // several lists have it
			continue
		}
		extras[name] = d.Extra
	}
	for _, imp := range source.Scan(text).Imports {
		if imp.Context != 0 || len(imp.Conditions) > 0 || imp.Level > 0 {
			continue
		}
		for _, n := range namesOf(p).OfImport(imp.Module, imp.Names) {
			if extra := extras[n.Distribution]; extra != "" && n.Distribution != pep.Normalize(without) {
				return extra
			}
		}
	}
	return ""
}
