package build

import (
	"context"

	"whittle.dev/whittle/internal/build/buildkitd"
)

// pageCache is what a private engine has in memory of an image's files.
type pageCache struct {
	daemon *buildkitd.Daemon
	// folders are those of the image's layers, as runs of it have shown.
	folders map[string]bool
}

// note notes where the files of the image are whose container runs. A nil one notes
// nothing.
func (p *pageCache) note() {
	if p == nil {
		return
	}
	for _, folder := range buildkitd.Mounted(p.daemon) {
		p.folders[folder] = true
	}
}

// cold runs c as often as it asks for without the image's files in the page cache. Where
// they cannot be removed from there, or a run fails, there are no times. Errors are the
// engine's.
func (img image) cold(ctx context.Context, c Command, r *RunResult) error {
	if img.cache == nil || len(img.cache.folders) == 0 || !r.OK() {
		return nil
	}
	for range min(c.Cold, maxRepeat) {
		if err := buildkitd.Evict(ctx, img.cache.daemon.Root(), img.cache.folders); err != nil {
			r.Cold = nil
			return context.Cause(ctx)
		}
		again := RunResult{Name: r.Name, Args: r.Args, ExitCode: -1}
		if r.Watched != nil {
			again.Watched = &Watched{Blind: r.Watched.Blind}
		}
		if err := img.once(ctx, c, &again); err != nil {
			return err
		}
		if !again.OK() {
			r.Cold = nil
			return nil
		}
		r.Cold = append(r.Cold, again.Times...)
	}
	return nil
}
