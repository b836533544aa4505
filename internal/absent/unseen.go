package absent

import (
	"path/filepath"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile/ignore"
	"whittle.dev/whittle/internal/project"
)

// Unseen gives a function that says whether no build and no test gets a file of the
// project, by its path in it.
func Unseen(p *project.Project) func(rel string) bool {
	type seen struct {
		variant project.Variant
		ignore  *ignore.File
	}
	var contexts []seen
	var copied []string // folders and files that are read as they are
	for _, v := range p.Variants {
		for _, dir := range p.Folders(v) {
			copied = append(copied, dir)
		}
		if filepath.IsAbs(v.Context) {
			continue // it gets no file of the project
		}
		if _, ok := whittle.Inside(p.Dir, v.Dockerfile); !ok && v.Inline == nil { // its ignore file is not the project's
			return func(string) bool { return false }
		}
		file, err := ignore.Load(p.ContextDir(v), filepath.Join(p.Dir, filepath.FromSlash(v.Dockerfile)))
		if err != nil { // the build says why
			return func(string) bool { return false }
		}
		contexts = append(contexts, seen{v, file})
	}
	if t := p.Test; t != nil {
		for _, name := range t.Copy {
			if real, ok := whittle.Inside(p.Dir, name); ok {
				copied = append(copied, real)
			}
		}
	}
	return func(rel string) bool {
		at := filepath.Join(p.Dir, rel)
		sees := func(s seen) bool {
			name, ok := s.variant.InContext(filepath.ToSlash(rel))
			return ok && !s.ignore.Excludes(name)
		}
		within := func(dir string) bool {
			_, ok := whittle.Below(dir, at)
			return ok
		}
		return !slices.ContainsFunc(contexts, sees) && !slices.ContainsFunc(copied, within)
	}
}
