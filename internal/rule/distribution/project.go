package distribution

import (
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/edit"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/rule/analysis"
)

// listOf is the list of a pyproject.toml in which a dependency stands.
func listOf(src []byte, d *project.Dependency) (edit.List, bool) {
	lists, err := edit.Lists(src)
	if err != nil {
		return edit.List{}, false
	}
	for _, l := range lists {
		mine := d.Kind == project.Runtime && (l.Kind == "dependencies" || l.Kind == "poetry" || l.Kind == "poetry-group" && l.Name == "main") ||
			d.Kind == project.Optional && (l.Kind == "optional" && pep.Normalize(l.Name) == pep.Normalize(d.Extra) || l.Kind == "poetry")
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

// undeclare takes dependencies out of the project's files; ok is false where
// one stands in a file that cannot be edited.
func undeclare(p *analysis.Pass, deps []*project.Dependency) (patches []whittle.Patch, ok bool) {
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

// undeclaring is the change that takes a dependency out of the file that
// people write it in.
func undeclaring(p *analysis.Pass, d *project.Dependency) (file string, c analysis.Change, ok bool) {
	for _, file := range p.Project.Written(d.File) {
		switch {
		case path.Base(file) == "pyproject.toml":
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
