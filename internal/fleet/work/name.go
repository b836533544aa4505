package work

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/fleet/store"
	"whittle.dev/whittle/internal/source"
)

// schemes are those of names that are not in a registry.
var schemes = []string{source.DockerArchive, source.OCILayout, source.OCIArchive, "oci", source.Dir, source.Docker, source.PodmanEngine, source.ContainersStorage, source.RootFS}

// inRegistry says whether a name of a scan is one in a registry: it has no scheme.
func inRegistry(name string) bool {
	for _, s := range schemes {
		if strings.HasPrefix(name, s+":") {
			return false
		}
	}
	return true
}

// name finds the image of a name, and adds the jobs for what has to be read of it.
func (w *Worker) name(ctx context.Context, job *river.Job[nameJob]) error {
	scan, name := job.Args.Scan, job.Args.Name
	open, platform, err := w.store.Open(ctx, scan, name)
	if err != nil || !open {
		return err
	}
	if err := hopeless(job.JobRow); err != nil {
		return w.store.NameFailed(ctx, scan, name, err)
	}
	m, err := w.manifest(ctx, name, platform)
	if err != nil {
		return w.outcome(ctx, job.JobRow, name, err, func(why error) error { return w.store.NameFailed(ctx, scan, name, why) })
	}
	var image int64
	err = w.store.Within(ctx, func(tx *sql.Tx) error {
		var missing []int64
		var err error
		if image, missing, err = w.store.Put(ctx, tx, scan, name, m); err != nil {
			return err
		}
		var jobs []river.JobArgs
		for _, b := range missing {
			jobs = append(jobs, layerJob{b})
		}
		return insert(ctx, w.client, tx, jobs)
	})
	if err != nil {
		return err
	}
	w.count.Names.Add(1)
	return w.settle(ctx, image, 0)
}

// outcome is how a job ends that failed for an image: it waits for the registry of a name, is
// tried again, or says by fail that it is over.
func (w *Worker) outcome(ctx context.Context, job *rivertype.JobRow, name string, err error, fail func(why error) error) error {
	if ctx.Err() != nil || errors.Is(err, whittle.ErrSystem) {
		return err
	}
	if host, _ := source.HostOf(name); host != "" { // empty for a name that is in no registry
		var snooze *rivertype.JobSnoozeError
		if waits := w.left(host, err); errors.As(waits, &snooze) {
			return waits
		}
	}
	if !w.o.Source.Offline && !final(job, err) { // offline, nothing goes away
		return err
	}
	w.count.Failures.Add(1)
	return fail(err)
}

// settle adds the jobs for images whose layers are all read: one image, or those with a blob.
// The layer that is read last does so, or the image itself if there is nothing to read.
func (w *Worker) settle(ctx context.Context, image, blob int64) error {
	ready, err := w.store.Ready(ctx, nil, image, blob)
	if err != nil || len(ready) == 0 {
		return err
	}
	var jobs []river.JobArgs
	for _, id := range ready {
		jobs = append(jobs, accountJob{id})
	}
	return w.store.Within(ctx, func(tx *sql.Tx) error { return insert(ctx, w.client, tx, jobs) })
}

// manifest opens an image, and has what it says of itself.
func (w *Worker) manifest(ctx context.Context, name, platform string) (*store.Manifest, error) {
	o := w.o.Source
	if platform != "" {
		p, err := whittle.ParsePlatform(platform)
		if err != nil {
			return nil, err
		}
		o.Platform = &p
	}
	img, err := open(ctx, name, o)
	if err != nil {
		return nil, err
	}
	defer img.Close()
	d, err := config(img)
	if err != nil {
		return nil, err
	}
	cfg := img.Config()
	m := &store.Manifest{Digest: img.Ref().Digest, Place: name, Platform: cfg.Platform().String(), Labels: cfg.Config.Labels, Config: d}
	if inRegistry(name) {
		m.Place = whittle.Untagged(name) + "@" + string(m.Digest)
	}
	if !cfg.Created.IsZero() {
		m.Created = cfg.Created.UTC().Format(time.RFC3339)
	}
	for i, l := range img.Layers() {
		blob, ok := l.Blob()
		if !ok { // the place has no blob that others could have, too
			blob = whittle.Blob{Digest: whittle.Digest(fmt.Sprintf("%s#%d of %s", noBlob, i, m.Place))}
		}
		m.Layers = append(m.Layers, store.Claim{Blob: blob, DiffID: l.DiffID()})
	}
	return m, nil
}

// noBlob begins the name of a blob where an image has none: a layer of a docker archive.
const noBlob = "in place"

// config is an image's configuration as it is written.
func config(img whittle.Image) ([]byte, error) {
	if r, ok := img.(whittle.RawConfiger); ok && r.RawConfig() != nil {
		return r.RawConfig(), nil
	}
	d, err := source.DetailsOf(context.Background(), img)
	return d.Config, err
}

// open opens an image by a name of a scan.
func open(ctx context.Context, name string, o source.Options) (whittle.Image, error) {
	if inRegistry(name) {
		name = source.Registry + ":" + name
	}
	return source.Open(ctx, name, o)
}
