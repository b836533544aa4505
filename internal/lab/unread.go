package lab

import (
	"io/fs"
	"path/filepath"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile/ignore"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/states"
)

// unread gives a function that says whether nothing reads a file of the project,
// by its path in it. Every variant's ignore file excludes it from the build, the
// tests do not get it, and it is larger than any text that whittle reads. Data
// sets are such files. Fixes cannot change that, because they only exclude more
// from a build, never less.
func (b *bench) unread() func(rel string, d fs.DirEntry) bool {
	unseen := b.unseen()
	return func(rel string, d fs.DirEntry) bool {
		if !d.Type().IsRegular() || len(b.project.Variants) == 0 {
			return false
		}
		if info, err := d.Info(); err != nil || info.Size() <= whittle.MaxText {
			return false
		}
		return unseen(rel)
	}
}

// unchanging gives a function that says whether the content of a file of the project
// changes nothing: nothing reads it, or it is of a repository that no build sees.
func (b *bench) unchanging() func(rel string, d fs.DirEntry) bool {
	unread, unseen := b.unread(), b.unseen()
	return func(rel string, d fs.DirEntry) bool {
		_, ofRepository := states.InRepository(rel)
		return unread(rel, d) || ofRepository && unseen(rel)
	}
}

// unseen gives a function that says whether no build and no test gets a file of the
// project, by its path in it.
func (b *bench) unseen() func(rel string) bool {
	type seen struct {
		variant project.Variant
		ignore  *ignore.File
	}
	var contexts []seen
	var copied []string // folders and files that are read as they are
	for _, v := range b.project.Variants {
		for _, dir := range b.project.Folders(v) {
			copied = append(copied, dir)
		}
		if filepath.IsAbs(v.Context) {
			continue // it gets no file of the project
		}
		if _, ok := b.inside(v.Dockerfile); !ok && v.Inline == nil { // its ignore file is not the project's
			return func(string) bool { return false }
		}
		file, err := ignore.Load(b.project.ContextDir(v), filepath.Join(b.project.Dir, filepath.FromSlash(v.Dockerfile)))
		if err != nil { // the build says why
			return func(string) bool { return false }
		}
		contexts = append(contexts, seen{v, file})
	}
	if t := b.project.Test; t != nil {
		for _, name := range t.Copy {
			if real, ok := b.inside(name); ok {
				copied = append(copied, real)
			}
		}
	}
	return func(rel string) bool {
		at := filepath.Join(b.project.Dir, rel)
		sees := func(s seen) bool {
			name, ok := s.variant.InContext(filepath.ToSlash(rel))
			return ok && !s.ignore.Excludes(name)
		}
		within := func(dir string) bool {
			in, err := filepath.Rel(dir, at)
			return err == nil && (in == "." || filepath.IsLocal(in))
		}
		return !slices.ContainsFunc(contexts, sees) && !slices.ContainsFunc(copied, within)
	}
}
