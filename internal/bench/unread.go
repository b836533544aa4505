package bench

import (
	"io/fs"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/absent"
	"whittle.dev/whittle/internal/states"
)

// Unread gives a function that says whether nothing reads a file of the project,
// by its path in it; unseen is [absent.Unseen] of the project. Every variant's ignore file excludes it from the build, the
// tests do not get it, and it is larger than any text that whittle reads. Data
// sets are such files. Fixes cannot change that, because they only exclude more
// from a build, never less.
func (b *Bench) Unread(unseen func(rel string) bool) func(rel string, d fs.DirEntry) bool {
	return func(rel string, d fs.DirEntry) bool {
		if !d.Type().IsRegular() || len(b.Project.Variants) == 0 {
			return false
		}
		if info, err := d.Info(); err != nil || info.Size() <= whittle.MaxText {
			return false
		}
		return unseen(rel)
	}
}

// Unchanging gives a function that says whether the content of a file of the project
// changes nothing: nothing reads it, or it is of a repository that no build sees.
func (b *Bench) Unchanging() func(rel string, d fs.DirEntry) bool {
	unseen := absent.Unseen(b.Project)
	unread := b.Unread(unseen)
	return func(rel string, d fs.DirEntry) bool {
		_, ofRepository := states.InRepository(rel)
		return unread(rel, d) || ofRepository && unseen(rel)
	}
}
