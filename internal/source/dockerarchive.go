package source

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	"crypto/sha256"

	"whittle"
)

// saved is one image of a docker archive's manifest.json.
// https://github.com/moby/docker-image-spec/blob/main/spec.md
type saved struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// dockerImage opens an image of a docker archive, of the old layout (a folder
// for each layer) and of the new (an OCI layout with a manifest.json). Only
// where the archive has an OCI manifest with compressed layers are the blobs
// what a registry would send.
func dockerImage(ctx context.Context, a *archive, selector string, o Options) (*image, error) {
	if _, ok := a.files["manifest.json"]; !ok {
		if _, layout := a.files["index.json"]; layout {
			return nil, whittle.WithHint(fmt.Errorf("the archive has no manifest.json: %w", whittle.ErrCorrupt), "it is an oci-archive:")
		}
		return nil, fmt.Errorf("the archive has no manifest.json: it is not of docker save: %w", whittle.ErrCorrupt)
	}
	b, err := a.readFile("manifest.json", o.Limits.Manifest)
	if err != nil {
		return nil, err
	}
	var all []saved
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, fmt.Errorf("manifest.json: %w: %w", err, whittle.ErrCorrupt)
	}
	one, err := selectSaved(all, selector)
	if err != nil {
		return nil, err
	}
	configName, err := whittle.CleanPath(one.Config)
	if err != nil {
		return nil, fmt.Errorf("manifest.json: %w", err)
	}
	raw, err := a.readFile(configName, o.Limits.Config)
	if err != nil {
		return nil, err
	}
	id := whittle.SHA256(sha256.Sum256(raw))
	if claimed := strings.TrimSuffix(path.Base(configName), ".json"); len(claimed) == 64 && claimed != id.Hex() {
		return nil, fmt.Errorf("configuration %s has another digest, %s: %w", configName, id, whittle.ErrCorrupt)
	}
	cfg, err := parseConfig(raw, len(one.Layers))
	if err != nil {
		return nil, err
	}
	if o.Platform != nil && !fits(cfg.Platform(), o) {
		return nil, whittle.WithHint(fmt.Errorf("no image for %s: %w", o.platform(), whittle.ErrNotFound), "the archive has "+cfg.Platform().String())
	}
	img := &image{ref: whittle.Ref{Digest: id}, config: cfg}
	manifest, err := archiveManifest(ctx, a, id, o)
	if err != nil {
		return nil, err
	}
	if manifest != nil && len(manifest.doc.Layers) == len(one.Layers) {
		img.ref.Digest = manifest.Digest
	} else {
		manifest = nil
	}
	for i, name := range one.Layers {
		l, err := archiveLayer(a, name, cfg.RootFS.DiffIDs[i])
		if err != nil {
			return nil, fmt.Errorf("layer %d: %w", i, err)
		}
		if manifest != nil {
			d := manifest.doc.Layers[i]
			if _, there := a.section(d.Digest); there && d.Size >= 0 {
				l = blobLayer(a, d, cfg.RootFS.DiffIDs[i])
				// Raw layers in an archive are Docker's own store, not what it
				// would push.
				l.transfer = strings.HasSuffix(d.MediaType, "gzip") || strings.HasSuffix(d.MediaType, "zstd")
			}
		}
		img.layers = append(img.layers, l)
	}
	return img, nil
}

// selectSaved picks an image by a tag or, as "@N", by its position.
func selectSaved(all []saved, selector string) (saved, error) {
	if len(all) == 0 {
		return saved{}, fmt.Errorf("manifest.json names no image: %w", whittle.ErrCorrupt)
	}
	var names []string
	for i, s := range all {
		name := "@" + strconv.Itoa(i)
		if len(s.RepoTags) > 0 {
			name = strings.Join(s.RepoTags, " ")
		}
		names = append(names, name)
		if selector == "@"+strconv.Itoa(i) || slices.ContainsFunc(s.RepoTags, func(t string) bool { return nameMatches(t, selector) }) {
			return s, nil
		}
	}
	switch {
	case selector != "":
		return saved{}, whittle.WithHint(fmt.Errorf("no image is named %q: %w", selector, whittle.ErrNotFound), "there are "+strings.Join(names, ", "))
	case len(all) > 1:
		return saved{}, whittle.WithHint(fmt.Errorf("the archive has %d images: %s: %w", len(all), strings.Join(names, ", "), whittle.ErrUsage),
			"put :NAME, or :@N for the N-th from 0, behind the path")
	}
	return all[0], nil
}

// archiveManifest finds the OCI manifest for a configuration, where the
// archive is an OCI layout too.
func archiveManifest(ctx context.Context, a *archive, config whittle.Digest, o Options) (*candidate, error) {
	if _, ok := a.files["index.json"]; !ok {
		return nil, nil
	}
	b, err := a.readFile("index.json", o.Limits.Manifest)
	if err != nil {
		return nil, err
	}
	var index document
	if err := json.Unmarshal(b, &index); err != nil {
		return nil, fmt.Errorf("index.json: %w: %w", err, whittle.ErrCorrupt)
	}
	var found []candidate
	any := o
	any.Platform = nil
	if err := collect(ctx, a, index.Manifests, any, 0, map[whittle.Digest]bool{}, &found); err != nil {
		return nil, err
	}
	for i := range found {
		if c := found[i].doc.Config; c != nil && c.Digest == config {
			return &found[i], nil
		}
	}
	return nil, nil
}

// archiveLayer is a layer known only by its file's name in the archive.
func archiveLayer(a *archive, name string, diffID whittle.Digest) (*layer, error) {
	clean, err := whittle.CleanPath(name)
	if err != nil {
		return nil, err
	}
	if _, ok := a.sectionOf(clean); !ok {
		return nil, fmt.Errorf("the archive has no %s: %w", clean, whittle.ErrCorrupt)
	}
	return &layer{
		diffID: diffID,
		raw: func(context.Context) (io.ReadCloser, error) {
			s, _ := a.sectionOf(clean)
			return io.NopCloser(s), nil
		},
		inPlace: func() (*io.SectionReader, bool) { return a.sectionOf(clean) },
		look:    func(context.Context) (int64, string, error) { return a.statOf(clean) },
	}, nil
}
