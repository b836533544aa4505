package lab

import (
	"io/fs"
	"path/filepath"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile/ignore"
)

// unread gives a function that says whether nothing reads a file of the project,
// by its path in it. Every variant's ignore file excludes it from the build, the
// tests do not get it, and it is larger than any text that whittle reads. Data
// sets are such files. Fixes cannot change that, because they only exclude more
// from a build, never less.
func (b *bench) unread() func(rel string, d fs.DirEntry) bool {
	var ignores []*ignore.File
	for _, v := range b.project.Variants {
		if _, ok := b.inside(v.Dockerfile); !ok { // its ignore file is not the project's
			return func(string, fs.DirEntry) bool { return false }
		}
		file, err := ignore.Load(b.project.Dir, filepath.Join(b.project.Dir, filepath.FromSlash(v.Dockerfile)))
		if err != nil { // the build says why
			return func(string, fs.DirEntry) bool { return false }
		}
		ignores = append(ignores, file)
	}
	var copied []string
	if t := b.project.Test; t != nil {
		for _, name := range t.Copy {
			if real, ok := b.inside(name); ok {
				copied = append(copied, real)
			}
		}
	}
	return func(rel string, d fs.DirEntry) bool {
		if !d.Type().IsRegular() || len(ignores) == 0 {
			return false
		}
		if info, err := d.Info(); err != nil || info.Size() <= whittle.MaxText {
			return false
		}
		at := filepath.Join(b.project.Dir, rel)
		seen := func(i *ignore.File) bool { return !i.Excludes(filepath.ToSlash(rel)) }
		within := func(dir string) bool {
			in, err := filepath.Rel(dir, at)
			return err == nil && (in == "." || filepath.IsLocal(in))
		}
		return !slices.ContainsFunc(ignores, seen) && !slices.ContainsFunc(copied, within)
	}
}
