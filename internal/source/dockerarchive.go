package source

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/codec"
)

// savedImage is one image of a docker archive's manifest.json.
// https://github.com/moby/docker-image-spec/blob/main/spec.md
type savedImage struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// dockerArchive is an archive of docker save, of the old layout (a folder for
// each layer) or of the new (an OCI layout with a manifest.json).
type dockerArchive struct {
	*archive
	o      Options
	images []savedImage
	index  []descriptor // of the layout, if it is one too
}

// dockerImage opens an image of a docker archive: one in manifest.json, which
// docker load would take, otherwise one in index.json, which may have further
// names and platforms.
func dockerImage(ctx context.Context, a *archive, selector string, o Options) (*image, error) {
	_, layout := a.files["index.json"]
	if _, ok := a.files["manifest.json"]; !ok {
		if layout {
			return nil, whittle.WithHint(whittle.ErrCorrupt.Errorf("the archive has no manifest.json"), "it is an oci-archive:")
		}
		return nil, a.noImage()
	}
	b, err := a.readFile("manifest.json", o.Limits.Manifest)
	if err != nil {
		return nil, err
	}
	d := &dockerArchive{archive: a, o: o}
	if err := whittle.ParseJSON(b, &d.images); err != nil {
		return nil, whittle.ErrCorrupt.Errorf("manifest.json: %w", err)
	}
	one, err := d.selected(selector)
	if errors.Is(err, whittle.ErrNotFound) && layout {
		if img, err := layoutImage(ctx, a, selector, o); err == nil {
			return img, nil
		}
	}
	if err != nil {
		return nil, err
	}
	return d.image(ctx, one)
}

// selected is the image that the selector and the platform identify. The selector
// is a tag, a name or its end, "@N" for the N-th from 0, or "@" and an image ID.
func (d *dockerArchive) selected(selector string) (savedImage, error) {
	if len(d.images) == 0 {
		return savedImage{}, whittle.ErrCorrupt.Errorf("manifest.json names no image")
	}
	if n, ok := position(selector); ok && n < len(d.images) {
		return d.images[n], nil
	}
	prefix, byID, err := digestSelector(selector)
	if _, ok := position(selector); err != nil && !ok {
		return savedImage{}, err
	}
	tiers := make([][]int, tierCount)
	for i, s := range d.images {
		best := notAtAll
		switch {
		case selector == "":
			best = exactly
		case byID && prefix != "":
			if id, _, err := d.config(s); err == nil && strings.HasPrefix(id.Hex(), prefix) {
				best = exactly
			}
		default:
			for _, t := range s.RepoTags {
				best = min(best, tierOf(t, selector))
			}
		}
		if best < tierCount {
			tiers[best] = append(tiers[best], i)
		}
	}
	for _, tier := range tiers {
		if len(tier) > 0 {
			return d.only(tier, selector)
		}
	}
	return savedImage{}, whittle.WithHint(whittle.ErrNotFound.Errorf("no image is named %q", selector), availableHint(d.groups(d.all())))
}

func (d *dockerArchive) all() []int {
	all := make([]int, len(d.images))
	for i := range all {
		all[i] = i
	}
	return all
}

// only is the only image among those that match a selector and the platform, if
// the user named one. Entries with the same configuration are one image.
func (d *dockerArchive) only(found []int, selector string) (savedImage, error) {
	var distinct []int
	var platforms []string
	seen := map[whittle.Digest]bool{}
	for _, i := range found {
		id, cfg, err := d.config(d.images[i])
		if err != nil {
			if len(found) > 1 {
				err = fmt.Errorf("image %d of the archive: %w", i, err)
			}
			return savedImage{}, err
		}
		if seen[id] {
			continue
		}
		seen[id] = true
		platforms = append(platforms, cfg.Platform().String())
		if p := (&picker{o: d.o}); d.o.Platform == nil || p.distance(cfg.Platform()) >= 0 {
			distinct = append(distinct, i)
		}
	}
	switch {
	case len(distinct) == 0:
		return savedImage{}, whittle.WithHint(whittle.ErrNotFound.Errorf("no image for %s", d.o.platform()), "the archive has "+strings.Join(platforms, ", "))
	case len(distinct) > 1 && selector != "":
		return savedImage{}, whittle.WithHint(whittle.ErrUsage.Errorf("%q names %d images: %s", selector, len(distinct), labels(d.groups(distinct))),
			"put a whole name, or :@N for the N-th from 0, behind the path")
	case len(distinct) > 1:
		return savedImage{}, whittle.WithHint(whittle.ErrUsage.Errorf("the archive has %d images: %s", len(distinct), labels(d.groups(distinct))),
			"put :NAME, or :@N for the N-th from 0, behind the path")
	}
	return d.images[distinct[0]], nil
}

// groups labels images for a message so that they can be selected: by name, or by
// position if the name is not unique.
func (d *dockerArchive) groups(images []int) []imageGroup {
	label := func(i int) string { return strings.Join(d.images[i].RepoTags, " = ") }
	times := map[string]int{}
	for _, i := range images {
		times[label(i)]++
	}
	var groups []imageGroup
	for _, i := range images {
		g := imageGroup{label: label(i)}
		switch position := "@" + strconv.Itoa(i); {
		case g.label == "":
			g.label = position
		case times[g.label] > 1:
			g.label += " = " + position
		}
		groups = append(groups, g)
	}
	return groups
}

// config reads an image's configuration and computes its ID, as docker load does.
// Its file may have any name; among blobs, the name is a digest and is verified.
func (d *dockerArchive) config(s savedImage) (whittle.Digest, *configuration, error) {
	name, err := whittle.CleanPath(s.Config)
	if err != nil {
		return "", nil, fmt.Errorf("manifest.json: %w", err)
	}
	raw, err := d.readFile(name, d.o.Limits.Config)
	if err != nil {
		return "", nil, err
	}
	id := whittle.SHA256(sha256.Sum256(raw))
	if claimed, ok := blobDigest(name); ok && claimed != id {
		return "", nil, whittle.ErrCorrupt.Errorf("configuration %s has another digest, %s", name, id)
	}
	cfg, err := parseConfig(raw, len(s.Layers))
	return id, &cfg, err
}

// image is the image of an entry of manifest.json. Only compressed layers are what
// a registry would send.
func (d *dockerArchive) image(ctx context.Context, s savedImage) (*image, error) {
	id, cfg, err := d.config(s)
	if err != nil {
		return nil, err
	}
	img := &image{ref: whittle.Ref{Digest: id}, config: *cfg}
	manifest, err := d.manifestOf(ctx, id, s)
	if err != nil {
		return nil, err
	}
	img.details = func(ctx context.Context) (Details, error) { return d.details(ctx, s, manifest) }
	if manifest != nil {
		img.ref.Digest = manifest.Digest
	}
	for i, name := range s.Layers {
		l, err := archiveLayer(d.archive, name, cfg.RootFS.DiffIDs[i])
		if err != nil {
			return nil, fmt.Errorf("layer %d: %w", i, err)
		}
		if manifest != nil {
			desc := manifest.doc.Layers[i]
			if _, inArchive := d.section(desc.Digest); inArchive && desc.Size >= 0 {
				l = blobLayer(d.archive, desc, cfg.RootFS.DiffIDs[i])
				// Docker compresses uncompressed layers of its store when it pushes
				// them.
				l.transfer = strings.HasSuffix(desc.MediaType, "gzip") || strings.HasSuffix(desc.MediaType, "zstd")
			}
		}
		img.layers = append(img.layers, l)
	}
	return img, nil
}

// manifestOf finds the OCI manifest of an image, if the archive is an OCI layout
// too. The index may name manifests that are not in the archive: docker save keeps
// the whole index of an image even if only one platform was pulled.
func (d *dockerArchive) manifestOf(ctx context.Context, config whittle.Digest, s savedImage) (*leaf, error) {
	if _, ok := d.files["index.json"]; !ok {
		return nil, nil
	}
	b, err := d.readFile("index.json", d.o.Limits.Manifest)
	if err != nil {
		return nil, err
	}
	var index document
	if err := whittle.ParseJSON(b, &index); err != nil {
		return nil, whittle.ErrCorrupt.Errorf("index.json: %w", err)
	}
	p := newPicker(d.archive, d.o)
	d.index = index.Manifests
	found, err := p.leaves(ctx, index.Manifests)
	if err != nil {
		return nil, err
	}
	var first *leaf
	for _, l := range found {
		if err := p.read(ctx, l); err != nil {
			return nil, err
		}
		if l.doc == nil || l.doc.Config == nil || l.doc.Config.Digest != config || len(l.doc.Layers) != len(s.Layers) {
			continue
		}
		if sameLayers(l.doc.Layers, s.Layers) {
			return l, nil
		}
		if first == nil {
			first = l
		}
	}
	return first, nil
}

// sameLayers says whether files are the blobs of a manifest's layers. One
// configuration may have several manifests with differently compressed layers.
func sameLayers(layers []descriptor, files []string) bool {
	for i, l := range layers {
		if d, ok := blobDigest(files[i]); ok && d != l.Digest {
			return false
		}
	}
	return true
}

// archiveLayer is a layer of which only the file in the archive is known. A
// compressed one is the blob that kaniko, ko, crane, Jib or Bazel push; its digest
// and media type are unknown.
func archiveLayer(a *archive, name string, diffID whittle.Digest) (*layer, error) {
	clean, err := whittle.CleanPath(name)
	if err != nil {
		return nil, err
	}
	s, ok := a.sectionOf(clean)
	if !ok {
		return nil, whittle.ErrCorrupt.Errorf("the archive has no %s", clean)
	}
	l := &layer{
		diffID: diffID,
		blob:   whittle.Blob{Size: s.Size()},
		raw: func(context.Context) (io.ReadCloser, error) {
			s, _ := a.sectionOf(clean)
			return io.NopCloser(s), nil
		},
		inPlace: func() (*io.SectionReader, bool) { return a.sectionOf(clean) },
		stat:    func(context.Context) (int64, string, error) { return a.statOf(clean) },
	}
	l.blob.Digest, _ = blobDigest(clean)
	var magic [codec.MagicSize]byte
	n, err := s.ReadAt(magic[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, whittle.ErrUsage.Errorf("reading %s: %w", clean, err)
	}
	c := codec.Of(magic[:n])
	l.transfer = c == codec.Gzip || c == codec.Zstd
	return l, nil
}

// blobDigest is the digest in the name of a blob's file.
func blobDigest(name string) (whittle.Digest, bool) {
	hex, ok := strings.CutPrefix(name, "blobs/sha256/")
	if !ok {
		return "", false
	}
	d, err := whittle.ParseDigest("sha256:" + hex)
	return d, err == nil
}

// details are those of an image: of its manifest, if the archive has one.
func (d *dockerArchive) details(ctx context.Context, s savedImage, manifest *leaf) (Details, error) {
	if manifest != nil {
		out, err := manifestDetails(ctx, d.archive, manifest.doc, d.o)
		if err != nil {
			return Details{}, err
		}
		out.Attached, err = inIndex(ctx, d.archive, d.index, append(slices.Clone(manifest.above), manifest.Digest), d.o)
		out.Attached = sortAttached(out.Attached)
		return out, err
	}
	name, err := whittle.CleanPath(s.Config)
	if err != nil {
		return Details{}, fmt.Errorf("manifest.json: %w", err)
	}
	raw, err := d.readFile(name, d.o.Limits.Config)
	return Details{Config: raw}, err
}
