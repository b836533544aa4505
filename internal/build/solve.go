package build

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	bkclient "github.com/moby/buildkit/client"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	dockerclient "github.com/moby/moby/client"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build/buildkitd"
)

// Output says where the result of a build goes.
type Output struct {
	// Archive is the file for a docker-type archive (manifest.json and
	// index.json, compressed blobs); it appears only when it is whole. Empty
	// writes none.
	Archive string
	// Layout is the folder of an OCI image layout that the image is added to:
	// existing blobs are not written again. It needs an engine with an exporter.
	Layout string
	// Measure reads the sizes of the image's layers from an export that is not
	// kept. An Archive is always measured.
	Measure bool
	// Compression of all layers: "", "gzip", "zstd" or "uncompressed". Empty
	// compresses new layers by gzip and leaves those of the base as they are.
	Compression string
	// Log takes the full log as plain text; nil for none.
	Log      io.Writer
	Progress Progress
}

// Result is the outcome of a build.
type Result struct {
	// Solve is the time of the build, Export that of the archive's making:
	// compressing and writing the layers.
	Solve, Export time.Duration
	// Manifest is the manifest's digest, ImageID the configuration's; empty
	// where nothing was exported.
	Manifest, ImageID whittle.Digest
	// Layers are the layer blobs as exported, lowest first, and Transfer is
	// the sum of their sizes. Both are empty where nothing was exported, or
	// an old Docker engine wrote raw layers.
	Layers   []whittle.Blob
	Transfer int64
	// Steps are all steps as the engine ran them. Cached counts those of the
	// Dockerfile that were taken from an earlier build.
	Steps  []Step
	Cached int
	// Warnings are the engine's. Notes are whittle's: where it did not do what the
	// Dockerfile asks.
	Warnings, Notes []string
}

// Build builds d and exports it as o says. See the package for its errors.
func (e *Engine) Build(ctx context.Context, d Definition, o Output) (*Result, error) {
	switch o.Compression {
	case "", "gzip", "zstd", "uncompressed":
	default:
		return nil, whittle.ErrUsage.Errorf("compression %q is not gzip, zstd or uncompressed", o.Compression)
	}
	below := RunOptions{Log: o.Log, Progress: o.Progress}.together(d)
	o.Log, o.Progress = below.Log, below.Progress
	j, err := e.prepare(d, below)
	if err != nil {
		return nil, err
	}
	var res *Result
	err = e.withLinked(ctx, d, j, below, func(ctx context.Context) error {
		return j.fallBack(func() (err error) {
			res, err = e.solve(ctx, d, o, j)
			return err
		})
	})
	return res, err
}

// noContexts refuses bases on an engine that would build without them.
func (e *Engine) noContexts() error {
	err := whittle.ErrEngine.Of(whittle.ErrUnsupported.Errorf("the engine (%s %s) silently ignores named contexts, so that bases cannot be used",
		e.info.Kind, e.info.Version))
	return whittle.WithHint(err, buildkitd.EngineHint)
}

func frontendMissing(err error) bool {
	var f *Error
	return errors.As(err, &f) && f.Kind == FrontendMissing
}

func logOr(log io.Writer) io.Writer {
	if log == nil {
		return io.Discard
	}
	return log
}

// solve runs the build once.
func (e *Engine) solve(ctx context.Context, d Definition, o Output, j *job) (*Result, error) {
	out, err := e.newExport(d, o)
	if err != nil {
		return nil, err
	}
	defer out.discard()
	opt := j.opt
	opt.Exports = out.entries
	rec, ch := record(o.Log, o.Progress, e.freeSpace(), j.redactor)
	start := time.Now()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer e.endLater(cancel).Stop()
	e.grown.Store(true)
	j.kills = e.guard.Kills()
	held, release := e.conn.hold(ctx)
	defer release()
	resp, err := e.client.Solve(held, nil, opt, ch)
	took := time.Since(start)
	rec.wait()
	switch {
	case err == nil:
		err = out.fetch(ctx)
	case out.err != nil && ctx.Err() == nil:
		err = whittle.ErrSystem.Errorf("writing %s: %w", o.Archive, out.err)
	default:
		err = j.redactor.Error(e.failure(ctx, j, rec, orLost(held, err)))
	}
	if err != nil {
		return nil, err
	}
	res := &Result{Notes: append(j.notes, out.notes...), Steps: rec.list(), Warnings: rec.warnings}
	res.Export = exportTime(res.Steps)
	res.Solve = max(0, took-res.Export)
	res.Manifest = whittle.Digest(resp.ExporterResponse[exptypes.ExporterImageDigestKey])
	res.ImageID = whittle.Digest(resp.ExporterResponse[exptypes.ExporterImageConfigDigestKey])
	for _, s := range res.Steps {
		if s.Cached && s.Dockerfile() {
			res.Cached++
		}
	}
	if err := out.describe(res); err != nil {
		return nil, err
	}
	return res, out.commit()
}

// endLater ends a build when its time is over, with [outOfTime] as the cause.
func (e *Engine) endLater(cancel context.CancelCauseFunc) *time.Timer {
	limit := e.limit
	if limit <= 0 {
		limit = math.MaxInt64
	}
	return time.AfterFunc(limit, func() { cancel(&outOfTime{limit}) })
}

// exportTime is the time of the exporter's steps.
func exportTime(steps []Step) time.Duration {
	var d time.Duration
	for _, s := range steps {
		if strings.HasPrefix(s.Name, "exporting to ") {
			d += s.Duration()
		}
	}
	return d
}

// export is where the image goes.
type export struct {
	entries []bkclient.ExportEntry
	archive string
	temp    *os.File  // nil where nothing is written
	sink    *scanSink // nil where nothing is read on the way
	err     error     // what failed on this side
	notes   []string
	save    func(ctx context.Context, w io.Writer) error // nil but for old Docker engines
}

func (e *Engine) newExport(d Definition, o Output) (*export, error) {
	x := &export{archive: o.Archive}
	if o.Layout != "" {
		return x, x.viaLayout(e.info, d, o)
	}
	if o.Archive == "" && !o.Measure {
		return x, nil
	}
	entry := bkclient.ExportEntry{Type: bkclient.ExporterDocker, Attrs: exportAttrs(d, o)}
	if o.Archive == "" {
		entry.Type = bkclient.ExporterOCI
		if !e.info.Exporter {
			return nil, whittle.ErrUnsupported.Errorf("the Docker engine %s exports no compressed layers to measure", e.info.Version)
		}
		x.sink = newScanSink()
		entry.Output = func(map[string]string) (io.WriteCloser, error) { return x.sink, nil }
		x.entries = []bkclient.ExportEntry{entry}
		return x, nil
	}
	temp, err := os.CreateTemp(filepath.Dir(o.Archive), ".whittle-*.partial")
	if err != nil {
		return nil, whittle.ErrSystem.Errorf("creating the archive: %w", err)
	}
	x.temp = temp
	if e.info.Exporter {
		entry.Output = func(map[string]string) (io.WriteCloser, error) { return fileSink{x}, nil }
		x.entries = []bkclient.ExportEntry{entry}
		return x, nil
	}
	return x, x.viaDocker(e.docker, d, o)
}

func (x *export) viaLayout(info Info, d Definition, o Output) error {
	if !info.Exporter || o.Archive != "" {
		return whittle.ErrUnsupported.Errorf("the Docker engine %s exports no OCI layout, and no engine a layout and an archive at once", info.Version)
	}
	if err := os.MkdirAll(o.Layout, 0o755); err != nil {
		return whittle.ErrUsage.Errorf("making the layout's folder: %w", err)
	}
	attrs := exportAttrs(d, o)
	attrs["tar"] = "false"
	x.entries = []bkclient.ExportEntry{{Type: bkclient.ExporterOCI, Attrs: attrs, OutputDir: o.Layout}}
	return nil
}

func exportAttrs(d Definition, o Output) map[string]string {
	attrs := map[string]string{}
	if o.Compression != "" {
		attrs["compression"] = o.Compression
		attrs["force-compression"] = "true"
		if o.Compression == "zstd" {
			attrs["oci-mediatypes"] = "true" // Docker's own types know no zstd
		}
	}
	if d.SourceDateEpoch != nil {
		attrs["rewrite-timestamp"] = "true"
	}
	return attrs
}

// viaDocker lets an engine without archive exporters keep the image under a
// name of whittle's own, saves it and removes the name.
func (x *export) viaDocker(docker *dockerclient.Client, d Definition, o Output) error {
	if docker == nil {
		return whittle.ErrEngine.Of(whittle.ErrUnsupported.Errorf("the engine is too old to export archives"))
	}
	if o.Compression != "" || d.SourceDateEpoch != nil {
		return whittle.ErrEngine.Of(whittle.ErrUnsupported.Errorf("the Docker engine is too old to choose a compression or timestamps"))
	}
	name := "whittle-build:" + strings.ToLower(rand.Text())
	x.entries = []bkclient.ExportEntry{{Type: "moby", Attrs: map[string]string{"name": name}}}
	x.notes = append(x.notes, "saved by an old Docker engine: the archive's layers are not compressed, so that there is no download size")
	x.save = func(ctx context.Context, w io.Writer) error {
		defer func() {
			_, _ = docker.ImageRemove(context.WithoutCancel(ctx), name, dockerclient.ImageRemoveOptions{PruneChildren: true})
		}()
		r, err := docker.ImageSave(ctx, []string{name})
		if err != nil {
			return err
		}
		defer r.Close()
		_, err = io.Copy(w, r)
		return err
	}
	return nil
}

// fileSink writes the archive and remembers what failed on this side: the
// engine reports it as its own failure.
type fileSink struct{ x *export }

func (s fileSink) Write(p []byte) (int, error) {
	n, err := s.x.temp.Write(p)
	if err != nil {
		s.x.err = err
		var path *os.PathError
		if errors.As(err, &path) {
			s.x.err = path.Err // the name is a temporary one
		}
	}
	return n, err
}

func (s fileSink) Close() error { return nil }

// fetch gets the image where the engine does not send it by itself.
func (x *export) fetch(ctx context.Context) error {
	if x.save == nil {
		return nil
	}
	if err := x.save(ctx, x.temp); err != nil {
		return whittle.ErrEngine.Errorf("saving the image to %s: %w", x.archive, err)
	}
	return nil
}

// commit puts the archive in its place.
func (x *export) commit() error {
	if x.temp == nil {
		return nil
	}
	err := x.temp.Chmod(0o644)
	if err == nil {
		err = os.Rename(x.temp.Name(), x.archive)
	}
	if err != nil {
		return whittle.ErrSystem.Errorf("writing %s: %w", x.archive, err)
	}
	return nil
}

// discard closes the temporary file, and removes it where it was not renamed.
func (x *export) discard() {
	if x.sink != nil {
		_ = x.sink.Close()
	}
	if x.temp != nil {
		_ = os.Remove(x.temp.Name())
		_ = x.temp.Close()
	}
}

// describe reads the exported image's layers into res.
func (x *export) describe(res *Result) error {
	var found *scan
	switch {
	case x.sink != nil:
		found = x.sink.scan
		if x.sink.err != nil {
			return fmt.Errorf("reading the exported image: %w", x.sink.err)
		}
	case x.temp != nil:
		if _, err := x.temp.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("reading %s: %w", x.archive, err)
		}
		found = newScan()
		if err := found.read(x.temp); err != nil {
			return fmt.Errorf("reading %s: %w", x.archive, err)
		}
	default:
		return nil
	}
	if x.save != nil {
		res.ImageID, res.Manifest = found.imageID(), ""
		return nil
	}
	layers, err := found.layers(res.Manifest)
	if err != nil {
		return fmt.Errorf("reading the exported image: %w", err)
	}
	res.Layers = layers
	for _, l := range layers {
		res.Transfer += l.Size
	}
	return nil
}
