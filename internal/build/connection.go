package build

import (
	"context"
	"errors"
	"fmt"
	"sync"

	bkclient "github.com/moby/buildkit/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"
)

// errLost is why a call ends when the connection to the engine does.
var errLost = errors.New("the connection was lost")

// connection notices when the connection to an engine ends, and cancels the calls
// that use it: BuildKit's client would wait forever for a process that runs in a
// container.
type connection struct {
	mu   sync.Mutex
	held map[int]context.CancelCauseFunc
	next int
}

// hold gives a context that is cancelled with errLost when the connection
// ends; release must be called.
func (l *connection) hold(ctx context.Context) (held context.Context, release func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held == nil {
		l.held = map[int]context.CancelCauseFunc{}
	}
	id := l.next
	l.next++
	l.held[id] = cancel
	return ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.held, id)
		cancel(nil)
	}
}

// orLost adds errLost to the error of a call that ended for it.
func orLost(held context.Context, err error) error {
	if errors.Is(context.Cause(held), errLost) && !errors.Is(err, errLost) {
		return fmt.Errorf("%w: %w", errLost, err)
	}
	return err
}

func (l *connection) option() bkclient.ClientOpt {
	return bkclient.WithGRPCDialOption(grpc.WithStatsHandler(connHandler{l}))
}

// connHandler learns of the connection's end from gRPC.
type connHandler struct{ *connection }

func (h connHandler) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (h connHandler) HandleRPC(context.Context, stats.RPCStats)                         {}
func (h connHandler) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (h connHandler) HandleConn(_ context.Context, s stats.ConnStats) {
	if _, ok := s.(*stats.ConnEnd); !ok {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, cancel := range h.held {
		cancel(errLost)
	}
}
