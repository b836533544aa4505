package names

import (
	"context"
	"fmt"
	"io"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/source/catalog"
)

// Wanted says which images a scan is about: any of these.
type Wanted struct {
	// Images are names; Lists are files with names, - is Input.
	Images, Lists []string
	Input         io.Reader
	// Catalog is what is meant of a registry; without a registry, nothing.
	Catalog Catalog
	// Manifests are folders with Kubernetes manifests.
	Manifests []string
}

// maxNamed is how many names of images are in the text that says what was asked for.
const maxNamed = 3

// Find finds the names, each in the form that all scans have: without the scheme of registries.
// What says what was asked for, notes what could not be read of it.
func (w *Wanted) Find(ctx context.Context, o catalog.Options) (names []string, what string, notes []string, err error) {
	var parts []string
	if len(w.Images) > 0 {
		named := strings.Join(w.Images[:min(len(w.Images), maxNamed)], " ")
		if len(w.Images) > maxNamed {
			named += fmt.Sprintf(" and %d more", len(w.Images)-maxNamed)
		}
		names, parts = append(names, w.Images...), append(parts, named)
	}
	for _, file := range w.Lists {
		list, err := ReadList(file, w.Input)
		if err != nil {
			return nil, "", nil, err
		}
		names, parts = append(names, list...), append(parts, "list "+file)
	}
	if w.Catalog.Registry != "" {
		found, more, err := w.Catalog.Names(ctx, o)
		if err != nil {
			return nil, "", nil, err
		}
		names, notes, parts = append(names, found...), append(notes, more...), append(parts, w.Catalog.String())
	}
	for _, dir := range w.Manifests {
		found, more, err := Manifests(ctx, dir)
		if err != nil {
			return nil, "", nil, err
		}
		names, notes, parts = append(names, found...), append(notes, more...), append(parts, "manifests "+dir)
	}
	for i, name := range names {
		for _, scheme := range []string{"registry:", "docker://"} {
			name = strings.TrimPrefix(name, scheme)
		}
		names[i] = name
	}
	if len(parts) == 0 {
		return nil, "", nil, whittle.WithHint(whittle.ErrUsage.Errorf("nothing says which images to scan"), "name images, or use --list FILE, --registry HOST or --manifests DIR")
	}
	return names, strings.Join(parts, "; "), notes, nil
}
