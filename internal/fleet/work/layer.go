package work

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/fleet/store"
	"whittle.dev/whittle/internal/rootfs"
	"whittle.dev/whittle/internal/source"
)

// layer fetches and reads a blob, unless that was done, and adds the jobs for the images
// that have all their layers now.
func (w *Worker) layer(ctx context.Context, job *river.Job[layerJob]) error {
	id := job.Args.Blob
	b, places, err := w.store.Blob(ctx, id)
	if err != nil {
		return err
	}
	if !b.Read && len(places) > 0 {
		if err := w.read(ctx, job, b, places); err != nil {
			return err
		}
	}
	return w.settle(ctx, 0, id)
}

// read reads a blob where the first of the images that wait for it is, else where another one
// is. If it can be read nowhere, the images of each place have the error of that place.
func (w *Worker) read(ctx context.Context, job *river.Job[layerJob], b store.Blob, places []string) error {
	var order []string
	images := map[string][]string{} // the names of images by the place
	for _, name := range places {
		repository := name
		if inRegistry(name) {
			repository = whittle.Untagged(name)
		}
		if images[repository] == nil {
			order = append(order, repository)
		}
		images[repository] = append(images[repository], name)
	}
	errs := map[string]error{}
	if err := hopeless(job.JobRow); err != nil {
		for _, repository := range order {
			errs[repository] = fmt.Errorf("layer %s: %w", b.DiffID.Short(), err)
		}
		return w.failBlob(ctx, job.Args.Blob, images, errs)
	}
	var wait error // for a registry, or for another attempt
	for _, repository := range order {
		encoded, err := w.readAt(ctx, images[repository][0], b)
		if err == nil {
			return w.store.Within(ctx, func(tx *sql.Tx) error { return w.store.PutLayer(ctx, tx, job.Args.Blob, b.DiffID, encoded) })
		}
		again := w.outcome(ctx, job.JobRow, images[repository][0], err, func(why error) error {
			errs[repository] = why
			return nil
		})
		if ctx.Err() != nil || errors.Is(again, whittle.ErrSystem) {
			return again
		}
		var snooze *rivertype.JobSnoozeError
		if again != nil && (wait == nil || errors.As(again, &snooze)) {
			wait = again
		}
	}
	if wait != nil {
		return wait
	}
	return w.failBlob(ctx, job.Args.Blob, images, errs)
}

func (w *Worker) failBlob(ctx context.Context, blob int64, images map[string][]string, errs map[string]error) error {
	return w.store.Within(ctx, func(tx *sql.Tx) error {
		for repository, err := range errs {
			if err := w.store.FailBlob(ctx, tx, blob, images[repository], err); err != nil {
				return err
			}
		}
		return nil
	})
}

// readAt reads a blob of an image by its place.
func (w *Worker) readAt(ctx context.Context, place string, b store.Blob) ([]byte, error) {
	l, done, err := w.layerAt(ctx, place, b.Claim)
	if err != nil {
		return nil, err
	}
	defer done()
	o := reading()
	o.Index.Limits = w.o.Limits
	encoded, err := rootfs.ReadLayer(ctx, l, o)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", place, err)
	}
	w.count.Layers.Add(1)
	w.count.LayerBytes.Add(b.Size)
	return encoded, nil
}

// layerAt is a layer of an image by its place. The caller calls done.
func (w *Worker) layerAt(ctx context.Context, place string, c store.Claim) (l whittle.Layer, done func(), err error) {
	if inRegistry(place) {
		l, err = source.RegistryLayer(ctx, place, c.Blob, c.DiffID, w.o.Source)
		return l, func() {}, err
	}
	img, err := open(ctx, place, w.o.Source)
	if err != nil {
		return nil, nil, err
	}
	for i, l := range img.Layers() {
		blob, ok := l.Blob()
		if !ok {
			blob.Digest = whittle.Digest(fmt.Sprintf("%s#%d of %s", noBlob, i, place))
		}
		if l.DiffID() == c.DiffID && blob.Digest == c.Digest {
			return l, func() { img.Close() }, nil
		}
	}
	return nil, nil, errors.Join(whittle.ErrNotFound.Errorf("%s has no layer %s any more", place, c.DiffID.Short()), img.Close())
}
