package destination

import (
	"context"
	"fmt"
	"io"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/source"
)

// push sends an image to a registry: its blobs, then its manifest under its name, then
// the artifacts.
func (d Destination) push(ctx context.Context, p *parcel, o source.Options) error {
	r, err := source.OpenPush(ctx, d.name, p.from, o)
	if err != nil {
		return fmt.Errorf("writing %s: %w", d.text, err)
	}
	up := source.Upload{MediaType: p.manifest.MediaType, Manifest: p.raw, From: p.from}
	for _, b := range once(append([]blob{p.config}, p.layers...)) {
		if b.open != nil {
			up.Blobs = append(up.Blobs, b.upload())
		}
	}
	if err := r.Put(ctx, up, true); err != nil {
		return fmt.Errorf("writing %s: %w", d.text, err)
	}
	for _, a := range p.attached {
		up := source.Upload{MediaType: a.manifest.MediaType, Manifest: a.raw}
		for _, b := range a.blobs {
			up.Blobs = append(up.Blobs, b.upload())
		}
		if err := r.Put(ctx, up, false); err != nil {
			return fmt.Errorf("writing what is attached to %s: %w", d.text, err)
		}
	}
	return nil
}

func (b blob) upload() source.UploadBlob {
	return source.UploadBlob{Blob: whittle.Blob{Digest: b.Digest, Size: b.Size, MediaType: b.MediaType}, Open: b.read}
}

// load sends a docker archive to an engine.
func (d Destination) load(ctx context.Context, p *parcel, o source.Options) error {
	err := source.Load(ctx, d.name, []whittle.Digest{p.config.Digest, p.manifest.Digest}, o, func(ctx context.Context, w io.Writer) error {
		return p.dockerArchive(ctx, w, d.name)
	})
	if err != nil {
		return fmt.Errorf("writing %s: %w", d.text, err)
	}
	return nil
}
