package host

import (
	"context"
	"io"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/index"
	"whittle.dev/whittle/internal/pypi"
	"whittle.dev/whittle/internal/resolve"
)

// slowAnswer is how long an index takes to answer until that is worth a line.
const slowAnswer = 10 * time.Second

// packages is the index of Python distributions, which shows what it is asked.
func (o *SystemOptions) packages() resolve.Index {
	var asked resolve.Index = pypi.Open(pypi.Options{CacheDir: cacheFolder(o.CacheDir, "pypi"), Offline: o.NoIndexes})
	if o.Progress != nil {
		asked = watchedIndex{asked, o.Progress}
	}
	return asked
}

// watchedIndex is an index that shows what it is asked.
type watchedIndex struct {
	index    resolve.Index
	progress whittle.Progress
}

func (w watchedIndex) begin(what string) whittle.Task {
	return w.progress.Begin(whittle.Work{Name: "asking the package index about " + what, Kept: slowAnswer})
}

// Files implements [resolve.Index].
func (w watchedIndex) Files(ctx context.Context, distribution string) ([]whittle.IndexFile, error) {
	defer w.begin(distribution).End("")
	return w.index.Files(ctx, distribution)
}

// Metadata implements [resolve.Index].
func (w watchedIndex) Metadata(ctx context.Context, f whittle.IndexFile) ([]byte, error) {
	defer w.begin(f.Name).End("")
	return w.index.Metadata(ctx, f)
}

// Members implements [resolve.Index].
func (w watchedIndex) Members(ctx context.Context, f whittle.IndexFile) ([]whittle.WheelMember, error) {
	defer w.begin(f.Name).End("")
	return w.index.Members(ctx, f)
}

// watchedBody is an answer that shows how much of it was read.
type watchedBody struct {
	io.ReadCloser
	task        whittle.Task
	done, total int64
}

// Read implements [io.Reader].
func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.done += int64(n)
	b.task.Done(b.done, b.total)
	return n, err
}

// Close implements [io.Closer].
func (b *watchedBody) Close() error {
	b.task.End("")
	return b.ReadCloser.Close()
}

// Reading shows that the layers of an image are read. The options that it gives
// report how far that is; the caller ends the task.
func (e *Env) Reading(name string, img whittle.Image) (index.Options, whittle.Task) {
	e.Listener().Step("reading " + name)
	o, total := e.Index, index.Stored(img.Layers())
	task := e.Listener().Begin(whittle.Work{Bytes: true, Total: total})
	o.Progress = func(n int64) { task.Done(n, total) }
	return o, task
}
