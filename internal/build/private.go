package build

import (
	"context"
	"fmt"
	"time"

	bkclient "github.com/moby/buildkit/client"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build/buildkitd"
)

// startTimeout is how long a daemon may take until it answers.
const startTimeout = 2 * time.Minute

// openPrivate starts a daemon and connects to it.
func openPrivate(ctx context.Context, opts buildkitd.Options) (*Engine, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("no answer within %s", startTimeout))
	defer cancel()
	d, err := buildkitd.Start(ctx, opts)
	if err != nil {
		return nil, err
	}
	l := &connection{}
	c, err := bkclient.New(ctx, d.Address(), l.option())
	if err != nil {
		_ = d.Stop()
		return nil, whittle.ErrEngine.Errorf("connecting to buildkitd: %w", err)
	}
	e := &Engine{client: c, conn: l, daemon: d, guard: d.Guard(), info: Info{
		Kind: Buildkitd, Address: d.Address(), Exporter: true, Root: d.Root(), Log: d.Log(), Notes: d.Notes(),
	}}
	if err := e.awaitAnswer(ctx); err != nil {
		err = d.StartFailed(ctx, err)
		_ = e.Close()
		return nil, err
	}
	d.HideTraces()
	if e.info.Version == "" {
		e.info.Version = d.Version()
	}
	return e, nil
}

// awaitAnswer asks a daemon that was just started until it answers: on a busy
// machine much time may pass between its first connection and its first answer.
func (e *Engine) awaitAnswer(ctx context.Context) error {
	for {
		_, err := e.client.ListWorkers(ctx)
		if err == nil {
			return e.probe(ctx)
		}
		if status.Code(err) != codes.Unavailable || e.daemon.Exited() {
			return fmt.Errorf("does not answer: %s", plain(err))
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
