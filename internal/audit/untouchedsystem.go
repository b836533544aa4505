package audit

import (
	"context"
	"slices"

	"whittle.dev/whittle/internal/keep"
)

// addSystem adds the packages of the operating system to the units, with what names them.
func (t *trimming) addSystem(ctx context.Context, u *keep.Distributions) error {
	if len(t.system) == 0 {
		return nil
	}
	t.env.Listener().Step("reading which files name packages of the system")
	root := t.x.Subject.Image
	binary := func(p string) bool {
		_, ok := root.Binary(p)
		return ok
	}
	return u.AddSystem(ctx, keep.SystemFacts{Packages: t.system, Stays: t.trimmer.Fixed,
		Contents: keep.Contents{Process: &t.x.Subject.Config().Config, Binary: binary, Each: root.Each}})
}

// ofGone says that packages which are removed list a folder, and that no other one does.
func (t *trimming) ofGone(dir string, remove map[string]bool) bool {
	lists := t.lists.Naming(dir)
	return len(lists) > 0 && !slices.ContainsFunc(lists, func(list string) bool { return !remove[list] })
}
