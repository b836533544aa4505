package squeeze

import (
	"context"

	"whittle.dev/whittle"
)

// Changed says that the bytes are not those of a layer of the image as it was.
func (l *Layer) Changed() bool {
	if from, ok := l.from.(*Layer); ok && from.Changed() {
		return true // a trimmed one, which was kept as it is
	}
	return l.file != ""
}

// Before describes the layers of the image as it was.
func (r *Result) Before(ctx context.Context, img whittle.Image, indexes []*whittle.Index) ([]whittle.LayerBlob, error) {
	out := make([]whittle.LayerBlob, len(indexes))
	for n, l := range img.Layers() {
		was := r.After[n]
		if was == nil || was.Changed() {
			blob, _ := l.Blob()
			size, err := storedBytes(ctx, l)
			if err != nil {
				return nil, err
			}
			blob.Size = size
			was = &Layer{ID: l.DiffID(), Tar: indexes[n].TarSize, Stored: blob}
		}
		out[n] = describe(was, indexes[n])
	}
	return out, nil
}

// Describe describes a layer of an image as it is.
func Describe(ctx context.Context, l whittle.Layer, idx *whittle.Index) (whittle.LayerBlob, error) {
	as, err := unchanged(ctx, l, idx)
	if err != nil {
		return whittle.LayerBlob{}, err
	}
	return describe(as, idx), nil
}

func describe(l *Layer, idx *whittle.Index) whittle.LayerBlob {
	return whittle.LayerBlob{Digest: l.Stored.Digest, DiffID: l.ID, MediaType: l.Stored.MediaType, Stored: l.Stored.Size, Size: idx.Size, Tar: l.Tar, Entries: len(idx.Entries)}
}

// Blob describes what a layer became; it is false if the layer is gone.
func (r *Result) Blob(layer int) (whittle.LayerBlob, bool) {
	if r.After[layer] == nil {
		return whittle.LayerBlob{}, false
	}
	at := 0
	for _, l := range r.After[:layer] {
		if l != nil {
			at++
		}
	}
	return describe(r.After[layer], r.Indexes[at]), true
}

// SumDropped adds up what the layers lost.
func SumDropped(layers []whittle.SqueezedLayer) []whittle.Dropped {
	sums := map[string]whittle.Dropped{}
	for _, l := range layers {
		for _, d := range l.Dropped {
			s := sums[d.Reason]
			sums[d.Reason] = whittle.Dropped{Reason: d.Reason, Entries: s.Entries + d.Entries, Bytes: s.Bytes + d.Bytes}
		}
	}
	return sorted(sums)
}

// BaseSaving is what could go from the base's layers, and what images of one base share
// of those that would change; nil if no layer was left alone for that.
func BaseSaving(ctx context.Context, indexes []*whittle.Index, before []whittle.LayerBlob, job Job) (*whittle.SqueezeBase, error) {
	if job.Base == 0 {
		return nil, nil //nolint:nilnil // there is nothing to say
	}
	plan, err := Find(ctx, indexes, Options{AnyRuntime: job.AnyRuntime, Ledger: ledgerOptions(job.Limits)})
	if err != nil {
		return nil, err
	}
	out := &whittle.SqueezeBase{Layers: job.Base}
	for n := range job.Base {
		if plan.Changed(n) {
			out.Shared += before[n].Stored
		}
		for _, d := range plan.Dropped(indexes, n) {
			out.Saves += d.Bytes
		}
	}
	return out, nil
}
