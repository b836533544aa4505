package destination

import (
	"archive/tar"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/source"
)

// layoutFile is the content of a layout's oci-layout.
// https://github.com/opencontainers/image-spec/blob/main/image-layout.md
const layoutFile = `{"imageLayoutVersion":"1.0.0"}`

// writeArchive writes a tar beside its name, and renames it.
func (d Destination) writeArchive(ctx context.Context, p *parcel) error {
	dir := whittle.Folder(filepath.Dir(d.path))
	dir.SweepPartials()
	return dir.WriteBy(filepath.Base(d.path), 0o644, func(w io.Writer) error {
		if d.kind == source.OCIArchive {
			return p.ociArchive(ctx, w, d.name)
		}
		return p.dockerArchive(ctx, w, d.name)
	})
}

// ociArchive writes a layout as a tar.
func (p *parcel) ociArchive(ctx context.Context, w io.Writer, tag string) error {
	index, err := p.index(tag, "")
	if err != nil {
		return err
	}
	a := newTar(w)
	a.small("oci-layout", []byte(layoutFile))
	a.small("index.json", index)
	for _, b := range append(p.blobs(), p.artifactBlobs()...) {
		if b.open != nil { // the bytes of a foreign layer are where its manifest says
			a.blob(ctx, b)
		}
	}
	return a.close()
}

// dockerArchive writes what docker load reads, as newer engines save it: a layout too.
// Artifacts are left out, as no engine keeps them.
// https://github.com/moby/docker-image-spec/blob/main/spec.md
func (p *parcel) dockerArchive(ctx context.Context, w io.Writer, name string) error {
	for i, l := range p.layers {
		if l.open == nil {
			return whittle.WithHint(whittle.ErrUnsupported.Errorf("layer %d is kept elsewhere (a foreign layer), which a docker archive cannot say", i),
				"write it to an oci-layout: or a registry:")
		}
		if strings.HasSuffix(l.MediaType, "+encrypted") {
			return whittle.WithHint(whittle.ErrUnsupported.Errorf("layer %d is encrypted, which a docker archive cannot say", i), "write it to an oci-layout: or a registry:")
		}
	}
	entry := struct {
		Config   string
		RepoTags []string
		Layers   []string
	}{Config: blobName(p.config.Digest)}
	whole, tag := "", ""
	if name != "" {
		name, whole, tag = source.Tagged(name)
		entry.RepoTags = []string{name}
	}
	for _, l := range p.layers {
		entry.Layers = append(entry.Layers, blobName(l.Digest))
	}
	list, err := json.Marshal([]any{entry})
	if err != nil {
		return err
	}
	alone := *p
	alone.attached = nil
	index, err := alone.index(tag, whole)
	if err != nil {
		return err
	}
	a := newTar(w)
	a.small("oci-layout", []byte(layoutFile))
	a.small("index.json", index)
	a.small("manifest.json", list)
	for _, b := range p.blobs() {
		a.blob(ctx, b)
	}
	return a.close()
}

func blobName(d whittle.Digest) string { return "blobs/sha256/" + d.Hex() }

// tarWriter writes the files of an archive; after an error it does nothing. What it
// writes depends on names and contents alone.
type tarWriter struct {
	w   *tar.Writer
	err error
}

// newTar begins with the folders, which old readers want.
func newTar(w io.Writer) *tarWriter {
	a := &tarWriter{w: tar.NewWriter(w)}
	for _, dir := range []string{"blobs/", "blobs/sha256/"} {
		a.header(&tar.Header{Typeflag: tar.TypeDir, Name: dir, Mode: 0o755})
	}
	return a
}

func (a *tarWriter) header(h *tar.Header) {
	if a.err == nil {
		a.err = a.w.WriteHeader(h)
	}
}

func (a *tarWriter) small(name string, content []byte) {
	a.header(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content))})
	if a.err == nil {
		_, a.err = a.w.Write(content)
	}
}

func (a *tarWriter) blob(ctx context.Context, b blob) {
	a.header(&tar.Header{Typeflag: tar.TypeReg, Name: blobName(b.Digest), Mode: 0o644, Size: b.Size})
	if a.err == nil {
		a.err = b.copyTo(ctx, a.w)
	}
}

func (a *tarWriter) close() error {
	if a.err != nil {
		return a.err
	}
	if err := a.w.Close(); err != nil {
		return fmt.Errorf("ending the archive: %w", err)
	}
	return nil
}
