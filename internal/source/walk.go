package source

import (
	"context"
	"errors"
	"slices"
	"strings"

	"whittle.dev/whittle"
)

// leaf is a manifest, not an index, to which the entries of a place lead.
type leaf struct {
	descriptor
	// names are the names of the outermost index above it that has any, otherwise
	// its own; tags are all names and bare tags of it and these indexes.
	names, tags []string
	// above are the indexes that contain it, outermost first; named is the number
	// of indexes outside the one that has the names.
	above []whittle.Digest
	named int

	// Set when it is read; doc stays nil if it is absent.
	doc      *document
	config   *configuration
	artifact string
	absent   error
}

// picker finds one image among the manifests of a place.
type picker struct {
	from blobs
	o    Options
	// indexes are the indexes read so far; visits counts the entries of them and of
	// the place.
	indexes map[whittle.Digest]*document
	visits  int
}

func newPicker(from blobs, o Options) *picker {
	return &picker{from: from, o: o, indexes: map[whittle.Digest]*document{}}
}

// leaves follows indexes to the manifests in them. Entries with the same digest are
// merged, with the names of all.
func (p *picker) leaves(ctx context.Context, roots []descriptor) ([]*leaf, error) {
	merged := map[whittle.Digest]*leaf{}
	var order []*leaf
	for _, d := range roots {
		if isAttestation(d) {
			continue
		}
		l := merged[d.Digest]
		if l == nil {
			l = &leaf{descriptor: d}
			merged[d.Digest] = l
			order = append(order, l)
		}
		if l.Platform == nil {
			l.Platform = d.Platform
		}
		l.addNames(d)
	}
	var found []*leaf
	for _, l := range order {
		if err := p.walk(ctx, l, map[whittle.Digest]bool{}, &found); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// addNames adds the names in an entry's annotations.
func (l *leaf) addNames(d descriptor) {
	if n := d.fullName(); n != "" && !slices.Contains(l.names, n) {
		l.names = append(l.names, n)
	}
	for _, n := range []string{d.Annotations[refName], d.Annotations[containerName]} {
		if n != "" && !slices.Contains(l.tags, n) {
			l.tags = append(l.tags, n)
		}
	}
}

// child is the leaf for an entry of an index.
func (l *leaf) child(d descriptor) *leaf {
	child := &leaf{descriptor: d, names: slices.Clip(l.names), tags: slices.Clip(l.tags), above: append(slices.Clip(l.above), l.Digest), named: l.named}
	child.addNames(d)
	switch {
	case len(l.names) > 0:
		child.names = l.names
	case len(child.names) > 0:
		child.named = len(child.above)
	}
	return child
}

func (p *picker) walk(ctx context.Context, l *leaf, seen map[whittle.Digest]bool, found *[]*leaf) error {
	if len(l.above) > p.o.Limits.Nested {
		return whittle.ErrLimit.Errorf("indexes lie more than %d deep", p.o.Limits.Nested)
	}
	if _, err := whittle.ParseDigest(string(l.Digest)); errors.Is(err, whittle.ErrUnsupported) {
		l.absent = err // a digest of another kind, which whittle cannot read
	} else if err != nil {
		return err
	}
	if p.visits++; p.visits > p.o.Limits.Manifests {
		return whittle.ErrLimit.Errorf("its indexes name more than %d manifests", p.o.Limits.Manifests)
	}
	if seen[l.Digest] || isAttestation(l.descriptor) {
		return nil
	}
	seen[l.Digest] = true
	index, err := p.index(ctx, l)
	if err != nil {
		return err
	}
	if index == nil {
		*found = append(*found, l)
		return nil
	}
	for _, d := range index.Manifests {
		if err := p.walk(ctx, l.child(d), seen, found); err != nil {
			return err
		}
	}
	return nil
}

// index reads an entry that is an index according to its media type or, if that is
// unknown, its content. It is nil for a manifest.
func (p *picker) index(ctx context.Context, l *leaf) (*document, error) {
	if doc, ok := p.indexes[l.Digest]; ok {
		return doc, nil
	}
	if isManifest(l.MediaType) || l.absent != nil {
		return nil, nil
	}
	if err := p.read(ctx, l); err != nil || l.absent != nil || l.doc.Manifests == nil {
		return nil, err
	}
	p.indexes[l.Digest] = l.doc
	return l.doc, nil
}

func isManifest(mediaType string) bool {
	return strings.HasPrefix(mediaType, "application/vnd.oci.image.manifest.") || strings.HasPrefix(mediaType, "application/vnd.docker.distribution.manifest.v")
}

// read reads a manifest, and records whether it is absent or another artifact.
func (p *picker) read(ctx context.Context, l *leaf) error {
	if l.doc != nil || l.absent != nil {
		return nil
	}
	b, err := readBlob(ctx, p.from.manifest, l.descriptor, "manifest", p.o.Limits.Manifest)
	var absent *absentError
	if errors.As(err, &absent) {
		l.absent = err
		if !slices.Contains(configTypes, l.ArtifactType) {
			l.artifact = l.ArtifactType
		}
		return nil
	}
	if err != nil {
		return err
	}
	doc, err := parseDocument(b, l.Digest)
	if err != nil {
		return err
	}
	l.doc = &doc
	if doc.Manifests == nil {
		l.artifact = doc.artifactType()
	}
	return nil
}

// configure reads an image's configuration.
func (p *picker) configure(ctx context.Context, l *leaf) error {
	if l.config != nil {
		return nil
	}
	if l.doc.Config == nil {
		return whittle.ErrCorrupt.Errorf("manifest %s names no configuration", l.Digest)
	}
	cfg, err := manifestConfig(ctx, p.from, l.doc, p.o)
	l.config = cfg
	return err
}

// runsOn is the platform of a manifest's image according to its index, otherwise
// its configuration.
func (p *picker) runsOn(ctx context.Context, l *leaf) (whittle.Platform, error) {
	if l.Platform != nil {
		return l.platform(), nil
	}
	if err := p.configure(ctx, l); err != nil {
		return whittle.Platform{}, err
	}
	return l.config.Platform(), nil
}
