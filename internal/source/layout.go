package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"whittle.dev/whittle"
)

// descriptor, manifest and index are those of the OCI image specification;
// Docker's schema 2 has the same shapes.
// https://github.com/opencontainers/image-spec/blob/main/descriptor.md
type descriptor struct {
	MediaType    string            `json:"mediaType"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Digest       whittle.Digest    `json:"digest"`
	Size         int64             `json:"size"`
	URLs         []string          `json:"urls,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	Platform     *struct {
		OS           string `json:"os"`
		Architecture string `json:"architecture"`
		Variant      string `json:"variant"`
	} `json:"platform,omitempty"`
}

// document is a manifest or an index, which differ in the fields that are set.
type document struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType,omitempty"`
	ArtifactType  string       `json:"artifactType,omitempty"`
	Config        *descriptor  `json:"config,omitempty"`
	Layers        []descriptor `json:"layers,omitempty"`
	Manifests     []descriptor `json:"manifests,omitempty"`
	Subject       *descriptor  `json:"subject,omitempty"`

	Annotations map[string]string `json:"annotations,omitempty"`
}

// folder is an OCI layout in a directory.
type folder string

func (f folder) readFile(name string, limit int64) ([]byte, error) {
	file, err := whittle.OpenFile(filepath.Join(string(f), filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, whittle.ErrNotFound.Errorf("%s has no %s", string(f), name)
	}
	if err != nil {
		return nil, whittle.ErrUsage.Of(err)
	}
	defer file.Close()
	return readAll(file, name, limit)
}

func (f folder) open(_ context.Context, d whittle.Digest) (io.ReadCloser, error) {
	file, err := whittle.OpenFile(f.blob(d))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &absentError{d, "layout"}
	}
	return file, err
}

func (f folder) manifest(ctx context.Context, d whittle.Digest) (io.ReadCloser, error) {
	return f.open(ctx, d)
}

func (f folder) blob(d whittle.Digest) string {
	return filepath.Join(string(f), "blobs", "sha256", d.Hex())
}

func (f folder) section(d whittle.Digest) (*io.SectionReader, bool) { return sectionOf(f.blob(d)) }

func (f folder) stat(_ context.Context, d whittle.Digest) (int64, string, error) {
	return statOf(f.blob(d), &absentError{d, "layout"})
}

// store is a place that holds an OCI layout.
type store interface {
	blobs
	readFile(name string, limit int64) ([]byte, error)
}

// absentError is the error of a blob that a document names and that is missing.
type absentError struct {
	digest whittle.Digest
	place  string
}

func (e *absentError) Error() string {
	return fmt.Sprintf("blob %s is not in the %s", e.digest, e.place)
}
func (e *absentError) Unwrap() error { return whittle.ErrCorrupt }

// layoutImage opens an image of an OCI layout in any place.
func layoutImage(ctx context.Context, s store, selector string, o Options) (*image, error) {
	b, err := s.readFile("index.json", o.Limits.Manifest)
	if err != nil {
		return nil, err
	}
	var index document
	if err := whittle.ParseJSON(b, &index); err != nil {
		return nil, whittle.ErrCorrupt.Errorf("index.json: %w", err)
	}
	if len(index.Manifests) == 0 {
		return nil, &placeError{why: "the layout is empty: its index.json names no image", kind: whittle.ErrNotFound}
	}
	roots := index.Manifests
	if n, ok := position(selector); ok && n < len(roots) {
		roots, selector = roots[n:n+1], ""
	}
	img, err := pick(ctx, s, roots, selector, o)
	if err != nil {
		return nil, err
	}
	img.withAttached(func(ctx context.Context) ([]Attached, error) {
		return inIndex(ctx, s, index.Manifests, []whittle.Digest{img.ref.Digest}, o)
	})
	return img, nil
}

func parseDocument(b []byte, d whittle.Digest) (document, error) {
	var doc document
	if err := whittle.ParseJSON(b, &doc); err != nil {
		return doc, whittle.ErrCorrupt.Errorf("manifest %s: %w", d, err)
	}
	switch {
	case doc.SchemaVersion == 1:
		return doc, whittle.WithHint(whittle.ErrUnsupported.Errorf("manifest %s has Docker's schema 1", d), "pull and push the image again with a current engine")
	case doc.Config != nil && doc.Manifests != nil:
		return doc, whittle.ErrCorrupt.Errorf("manifest %s is of two kinds, with a configuration and with manifests", d)
	case doc.Config == nil && doc.Manifests == nil && doc.ArtifactType == "":
		return doc, whittle.ErrCorrupt.Errorf("manifest %s names neither a configuration nor manifests", d)
	}
	return doc, nil
}

func (d descriptor) platform() whittle.Platform {
	if d.Platform == nil {
		return whittle.Platform{}
	}
	return whittle.Platform{OS: d.Platform.OS, Architecture: d.Platform.Architecture, Variant: d.Platform.Variant}
}

// manifestConfig reads the configuration that a manifest names.
func manifestConfig(ctx context.Context, from blobs, doc *document, o Options) (*configuration, error) {
	if _, err := whittle.ParseDigest(string(doc.Config.Digest)); err != nil {
		return nil, fmt.Errorf("the manifest's configuration: %w", err)
	}
	b, err := readBlob(ctx, from.open, *doc.Config, "configuration", o.Limits.Config)
	if err != nil {
		return nil, err
	}
	cfg, err := parseConfig(b, len(doc.Layers))
	return &cfg, err
}

// manifestImage is the image that a manifest and its configuration describe.
func manifestImage(from blobs, d whittle.Digest, doc *document, cfg *configuration) (*image, error) {
	img := &image{ref: whittle.Ref{Digest: d}, config: *cfg}
	for i, d := range doc.Layers {
		if _, err := whittle.ParseDigest(string(d.Digest)); err != nil {
			return nil, fmt.Errorf("layer %d: %w", i, err)
		}
		if d.Size < 0 {
			return nil, whittle.ErrCorrupt.Errorf("layer %d claims %d bytes", i, d.Size)
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
				return nil, whittle.ErrUnsupported.Errorf("it is kept elsewhere (a foreign layer): %w", err)
			}
			return r, err
		},
		inPlace: func() (*io.SectionReader, bool) { return from.section(d.Digest) },
		stat:    func(ctx context.Context) (int64, string, error) { return from.stat(ctx, d.Digest) },
	}
}
