package source

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/codec"
)

const (
	ociManifest = "application/vnd.oci.image.manifest.v1+json"
	ociIndex    = "application/vnd.oci.image.index.v1+json"
	ociConfig   = "application/vnd.oci.image.config.v1+json"
	ociLayer    = "application/vnd.oci.image.layer.v1.tar"
)

// WriteLayout writes an image as an OCI image layout into an empty folder: its
// layers as they are stored, and a configuration with the fields of
// [whittle.Config]. It returns the digest of the manifest.
// https://github.com/opencontainers/image-spec/blob/main/image-layout.md
func WriteLayout(ctx context.Context, img whittle.Image, dir string) (whittle.Digest, error) {
	d, err := writeLayout(ctx, img, folder(dir))
	if err != nil {
		return "", fmt.Errorf("writing %s as an OCI layout: %w", img.Ref().Name, err)
	}
	return d, nil
}

func writeLayout(ctx context.Context, img whittle.Image, f folder) (whittle.Digest, error) {
	if err := os.MkdirAll(filepath.Join(string(f), "blobs", "sha256"), 0o755); err != nil {
		return "", err
	}
	manifest := document{SchemaVersion: 2, MediaType: ociManifest}
	for i, l := range img.Layers() {
		d, err := f.writeLayer(ctx, l)
		if err != nil {
			return "", fmt.Errorf("layer %d: %w", i, err)
		}
		manifest.Layers = append(manifest.Layers, d)
	}
	config, err := f.writeJSON(ociConfig, img.Config())
	if err != nil {
		return "", err
	}
	manifest.Config = &config
	m, err := f.writeJSON(ociManifest, manifest)
	if err != nil {
		return "", err
	}
	index, err := json.Marshal(document{SchemaVersion: 2, MediaType: ociIndex, Manifests: []descriptor{m}})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(string(f), "index.json"), index, 0o644); err != nil {
		return "", err
	}
	return m.Digest, os.WriteFile(filepath.Join(string(f), "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644)
}

// writeLayer copies a layer's blob. Its first bytes tell the media type.
func (f folder) writeLayer(ctx context.Context, l whittle.Layer) (descriptor, error) {
	r, err := l.Open(ctx)
	if err != nil {
		return descriptor{}, err
	}
	defer r.Close()
	br := bufio.NewReaderSize(r, 1<<20)
	magic, _ := br.Peek(codec.MagicSize)
	mediaType := ociLayer
	switch codec.Of(magic) {
	case codec.Gzip:
		mediaType += "+gzip"
	case codec.Zstd:
		mediaType += "+zstd"
	case codec.Bzip2, codec.XZ: // which engines do not read from a layout
		dec, release, err := codec.Decompress(br)
		if err != nil {
			return descriptor{}, err
		}
		defer release()
		return f.writeBlob(mediaType, contextReader{ctx, dec})
	}
	return f.writeBlob(mediaType, contextReader{ctx, br})
}

func (f folder) writeJSON(mediaType string, v any) (descriptor, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return descriptor{}, err
	}
	return f.writeBlob(mediaType, bytes.NewReader(b))
}

func (f folder) writeBlob(mediaType string, r io.Reader) (descriptor, error) {
	blobs := filepath.Join(string(f), "blobs", "sha256")
	temp, err := os.CreateTemp(blobs, ".blob-*")
	if err != nil {
		return descriptor{}, err
	}
	defer os.Remove(temp.Name()) // of no effect once it is renamed
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(temp, h), r)
	if closed := temp.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return descriptor{}, err
	}
	d := descriptor{MediaType: mediaType, Digest: whittle.SHA256([32]byte(h.Sum(nil))), Size: n}
	return d, os.Rename(temp.Name(), filepath.Join(blobs, d.Digest.Hex()))
}

// contextReader ends when its context does.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.r.Read(p)
}
