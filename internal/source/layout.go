package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"whittle"
)

// descriptor, manifest and index are those of the OCI image specification;
// Docker's schema 2 has the same shapes.
// https://github.com/opencontainers/image-spec/blob/main/descriptor.md
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      whittle.Digest    `json:"digest"`
	Size        int64             `json:"size"`
	URLs        []string          `json:"urls,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Platform    *struct {
		OS           string `json:"os"`
		Architecture string `json:"architecture"`
		Variant      string `json:"variant"`
	} `json:"platform,omitempty"`
}

// document is a manifest or an index: which of the two shows by its fields.
type document struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType,omitempty"`
	Config        *descriptor  `json:"config,omitempty"`
	Layers        []descriptor `json:"layers,omitempty"`
	Manifests     []descriptor `json:"manifests,omitempty"`
}

// folder is an OCI layout in a directory.
type folder string

func (f folder) readFile(name string, limit int64) ([]byte, error) {
	file, err := whittle.OpenFile(filepath.Join(string(f), filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s has no %s: %w", string(f), name, whittle.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, whittle.ErrUsage)
	}
	defer file.Close()
	return readAll(file, name, limit)
}

func (f folder) open(_ context.Context, d whittle.Digest) (io.ReadCloser, error) {
	file, err := whittle.OpenFile(filepath.Join(string(f), "blobs", "sha256", d.Hex()))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("blob %s is not in the layout: %w", d, whittle.ErrCorrupt)
	}
	return file, err
}

func (f folder) manifest(ctx context.Context, d whittle.Digest) (io.ReadCloser, error) {
	return f.open(ctx, d)
}

// section opens the blob for reading in place. The file is closed with the
// last reader of it, by the garbage collector.
func (f folder) section(d whittle.Digest) (*io.SectionReader, bool) {
	file, err := whittle.OpenFile(filepath.Join(string(f), "blobs", "sha256", d.Hex()))
	if err != nil {
		return nil, false
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, false
	}
	return io.NewSectionReader(file, 0, info.Size()), true
}

func (f folder) stat(_ context.Context, d whittle.Digest) (int64, string, error) {
	info, err := os.Stat(filepath.Join(string(f), "blobs", "sha256", d.Hex()))
	if err != nil {
		return 0, "", err
	}
	return info.Size(), fileIdentity(info), nil
}

// store is a place that holds an OCI layout.
type store interface {
	blobs
	readFile(name string, limit int64) ([]byte, error)
}

// layoutImage opens an image of an OCI layout, wherever that lies.
func layoutImage(ctx context.Context, s store, selector string, o Options) (*image, error) {
	b, err := s.readFile("index.json", o.Limits.Manifest)
	if err != nil {
		return nil, err
	}
	var index document
	if err := json.Unmarshal(b, &index); err != nil {
		return nil, fmt.Errorf("index.json: %w: %w", err, whittle.ErrCorrupt)
	}
	roots, err := selectRoots(index.Manifests, selector)
	if err != nil {
		return nil, err
	}
	return pick(ctx, s, roots, o)
}

// Annotations that name an image in a layout.
const (
	refName       = "org.opencontainers.image.ref.name"
	containerName = "io.containerd.image.name"
)

// selectRoots finds the entries of index.json that a selector names: a tag, a
// full name or a digest.
func selectRoots(all []descriptor, selector string) ([]descriptor, error) {
	if len(all) == 0 {
		return nil, fmt.Errorf("index.json names no image: %w", whittle.ErrCorrupt)
	}
	if selector == "" {
		names := rootNames(all)
		if len(names) > 1 {
			return nil, whittle.WithHint(fmt.Errorf("there are %d images: %s: %w", len(names), strings.Join(names, ", "), whittle.ErrUsage),
				"put :TAG or @DIGEST behind the path")
		}
		return all, nil
	}
	if d, ok := strings.CutPrefix(selector, "@"); ok {
		digest, err := whittle.ParseDigest(d)
		if err != nil {
			return nil, err
		}
		for _, m := range all {
			if m.Digest == digest {
				return []descriptor{m}, nil
			}
		}
		// It may lie deeper; the blob store decides.
		return []descriptor{{Digest: digest, Size: -1}}, nil
	}
	var found []descriptor
	for _, m := range all {
		if nameMatches(m.Annotations[refName], selector) || nameMatches(m.Annotations[containerName], selector) {
			found = append(found, m)
		}
	}
	if len(found) == 0 {
		return nil, whittle.WithHint(fmt.Errorf("no image is named %q: %w", selector, whittle.ErrNotFound),
			"there are "+strings.Join(rootNames(all), ", "))
	}
	return found, nil
}

func nameMatches(name, selector string) bool {
	return name != "" && (name == selector || strings.HasSuffix(name, ":"+selector) || strings.HasSuffix(name, "/"+selector))
}

// rootNames are the distinct names of a layout's images, or their digests.
func rootNames(all []descriptor) []string {
	seen := map[string]bool{}
	for _, m := range all {
		name := m.Annotations[refName]
		if name == "" {
			name = m.Annotations[containerName]
		}
		if name == "" {
			name = "@" + string(m.Digest)
			if m.Platform != nil {
				name = "" // platforms of one image without a name
			}
		}
		seen[name] = true
	}
	var names []string
	for n := range seen {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// candidate is a manifest that an index leads to.
type candidate struct {
	descriptor
	doc document
}

// pick finds the manifest for the platform among roots and what they hold.
func pick(ctx context.Context, from blobs, roots []descriptor, o Options) (*image, error) {
	var found []candidate
	if err := collect(ctx, from, roots, o, 0, map[whittle.Digest]bool{}, &found); err != nil {
		return nil, err
	}
	c, err := choose(found, o)
	if err != nil {
		return nil, err
	}
	return manifestImage(ctx, from, c, o)
}

// collect reads manifests, and indexes to their leaves.
func collect(ctx context.Context, from blobs, list []descriptor, o Options, depth int, seen map[whittle.Digest]bool, found *[]candidate) error {
	if depth > o.Limits.Nested {
		return fmt.Errorf("indexes lie more than %d deep: %w", o.Limits.Nested, whittle.ErrLimit)
	}
	for _, d := range list {
		if _, err := whittle.ParseDigest(string(d.Digest)); err != nil {
			return err
		}
		if seen[d.Digest] || isAttestation(d) {
			continue
		}
		seen[d.Digest] = true
		if len(seen) > 1000 {
			return fmt.Errorf("an index names more than 1000 manifests: %w", whittle.ErrLimit)
		}
		if d.Platform != nil && len(list) > 1 && !fits(d.platform(), o) && !isIndex(d.MediaType) {
			*found = append(*found, candidate{descriptor: d}) // named in the error if nothing fits
			continue
		}
		b, err := readBlob(ctx, from.manifest, d, "manifest", o.Limits.Manifest)
		if err != nil {
			return err
		}
		doc, err := parseDocument(b, d.Digest)
		if err != nil {
			return err
		}
		if doc.Config == nil {
			if err := collect(ctx, from, doc.Manifests, o, depth+1, seen, found); err != nil {
				return err
			}
			continue
		}
		*found = append(*found, candidate{d, doc})
	}
	return nil
}

func parseDocument(b []byte, d whittle.Digest) (document, error) {
	var doc document
	if err := json.Unmarshal(b, &doc); err != nil {
		return doc, fmt.Errorf("manifest %s: %w: %w", d, err, whittle.ErrCorrupt)
	}
	switch {
	case doc.SchemaVersion == 1:
		return doc, whittle.WithHint(fmt.Errorf("manifest %s has Docker's schema 1: %w", d, whittle.ErrUnsupported), "pull and push the image again with a current engine")
	case doc.Config == nil && doc.Manifests == nil:
		return doc, fmt.Errorf("manifest %s names neither a configuration nor manifests: %w", d, whittle.ErrCorrupt)
	}
	return doc, nil
}

func (d descriptor) platform() whittle.Platform {
	if d.Platform == nil {
		return whittle.Platform{}
	}
	return whittle.Platform{OS: d.Platform.OS, Architecture: d.Platform.Architecture, Variant: d.Platform.Variant}
}

// isAttestation says whether a manifest is BuildKit's provenance, not an image.
func isAttestation(d descriptor) bool {
	return d.Annotations["vnd.docker.reference.type"] == "attestation-manifest" || d.platform() == whittle.Platform{OS: "unknown", Architecture: "unknown"}
}

func isIndex(mediaType string) bool {
	return strings.Contains(mediaType, "image.index") || strings.Contains(mediaType, "manifest.list")
}

func fits(p whittle.Platform, o Options) bool {
	want := o.platform()
	return p.OS == want.OS && p.Architecture == want.Architecture && (want.Variant == "" || want.Variant == p.Variant)
}

// choose takes the candidate for the platform, or the only one there is where
// no platform was asked for.
func choose(found []candidate, o Options) (candidate, error) {
	var platforms []string
	for _, c := range found {
		if c.doc.Config != nil && (fits(c.platform(), o) || c.Platform == nil && len(found) == 1) {
			return c, nil
		}
		platforms = append(platforms, c.platform().String())
	}
	switch {
	case len(found) == 0:
		return candidate{}, fmt.Errorf("the index names no image: %w", whittle.ErrCorrupt)
	case len(found) == 1 && o.Platform == nil && found[0].doc.Config != nil:
		return found[0], nil
	}
	for _, c := range found {
		if c.doc.Config != nil && c.Platform == nil {
			return c, nil
		}
	}
	return candidate{}, whittle.WithHint(fmt.Errorf("no image for %s: %w", o.platform(), whittle.ErrNotFound),
		"--platform picks one of "+strings.Join(platforms, ", "))
}

// manifestImage opens the image that a manifest describes.
func manifestImage(ctx context.Context, from blobs, c candidate, o Options) (*image, error) {
	if _, err := whittle.ParseDigest(string(c.doc.Config.Digest)); err != nil {
		return nil, fmt.Errorf("the manifest's configuration: %w", err)
	}
	b, err := readBlob(ctx, from.open, *c.doc.Config, "configuration", o.Limits.Config)
	if err != nil {
		return nil, err
	}
	cfg, err := parseConfig(b, len(c.doc.Layers))
	if err != nil {
		return nil, err
	}
	if o.Platform != nil && !fits(cfg.Platform(), o) {
		return nil, whittle.WithHint(fmt.Errorf("no image for %s: %w", o.platform(), whittle.ErrNotFound), "--platform picks one of "+cfg.Platform().String())
	}
	img := &image{ref: whittle.Ref{Digest: c.Digest}, config: cfg}
	for i, d := range c.doc.Layers {
		if _, err := whittle.ParseDigest(string(d.Digest)); err != nil {
			return nil, fmt.Errorf("layer %d: %w", i, err)
		}
		if d.Size < 0 {
			return nil, fmt.Errorf("layer %d claims %d bytes: %w", i, d.Size, whittle.ErrCorrupt)
		}
		img.layers = append(img.layers, blobLayer(from, d, cfg.RootFS.DiffIDs[i]))
	}
	return img, nil
}

// blobLayer is a layer stored as the blob that a manifest describes.
func blobLayer(from blobs, d descriptor, diffID whittle.Digest) *layer {
	return &layer{
		diffID:   diffID,
		blob:     whittle.Blob{Digest: d.Digest, Size: d.Size, MediaType: d.MediaType},
		transfer: true,
		raw: func(ctx context.Context) (io.ReadCloser, error) {
			r, err := from.open(ctx, d.Digest)
			if err != nil && len(d.URLs) > 0 {
				return nil, fmt.Errorf("it is kept elsewhere (a foreign layer): %w: %w", err, whittle.ErrUnsupported)
			}
			return r, err
		},
		inPlace: func() (*io.SectionReader, bool) { return from.section(d.Digest) },
		look:    func(ctx context.Context) (int64, string, error) { return from.stat(ctx, d.Digest) },
	}
}
