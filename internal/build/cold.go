package build

import "context"

// cold runs c as often as it asks for without the image's files in the page cache. Where
// they cannot be removed from there, or a run fails, there are no times. Errors are the
// engine's.
func (img image) cold(ctx context.Context, c Command, r *RunResult) error {
	if img.evict == nil || !r.OK() {
		return nil
	}
	for range min(c.Cold, maxRepeat) {
		if err := img.evict(ctx); err != nil {
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
