package build

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	gateway "github.com/moby/buildkit/frontend/gateway/client"

	"whittle.dev/whittle"
)

// container is one whose processes do what start says.
type container struct {
	gateway.Container
	start func(gateway.StartRequest) (gateway.ContainerProcess, error)
}

func (c container) Start(_ context.Context, r gateway.StartRequest) (gateway.ContainerProcess, error) {
	return c.start(r)
}

// process ends when its channel says how; a signal ends it, if it is not deaf.
type process struct {
	gateway.ContainerProcess
	end  chan error
	deaf bool
}

func (p process) Wait() error { return <-p.end }
func (p process) Signal(context.Context, syscall.Signal) error {
	if !p.deaf {
		p.end <- errors.New("killed")
	}
	return nil
}

// TestUnanswered: a container whose end nobody was told of is noticed long before the
// command's time is over; one that is only busy is left in peace.
func TestUnanswered(t *testing.T) {
	img := image{config: whittle.Config{}}
	const limit, soon = 10 * time.Minute, 10 * time.Second // soon is over before the silence is long
	gone := func(chan<- error) error { return errors.New("container not found") }
	mute := func(chan<- error) error { return nil }
	stopped := func(end chan<- error) error { end <- errors.New("has stopped"); return nil }
	ends := errors.New("the process ends while its container is asked")
	busy := func(end chan<- error) error { end <- nil; return nil }
	for name, c := range map[string]struct {
		limit time.Duration
		shell func(end chan<- error) error // of a shell that asks whether it is there
		want  error
		least time.Duration
	}{
		"gone":             {limit, gone, errUnanswered, silence},
		"no answer":        {limit, mute, errUnanswered, silence + answerTime},
		"ends in error":    {limit, stopped, errUnanswered, silence},
		"busy":             {limit, busy, nil, limit},
		"gone, late":       {soon, gone, errUnanswered, soon},
		"no answer, late":  {soon, mute, errUnanswered, soon + answerTime},
		"ends, late":       {soon, stopped, errUnanswered, soon},
		"busy until later": {soon, busy, nil, soon},
		"ends meanwhile":   {soon, func(chan<- error) error { return ends }, nil, soon},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				never := make(chan error)
				var mu sync.Mutex
				var shells []chan error
				main := process{end: make(chan error, 1), deaf: c.want != nil}
				r := RunResult{Watched: &Watched{}}
				ctr := container{start: func(s gateway.StartRequest) (gateway.ContainerProcess, error) {
					if s.Args[len(s.Args)-1] != ":" {
						return process{end: never}, nil // the observer, which says nothing
					}
					end := make(chan error, 1)
					mu.Lock()
					defer mu.Unlock()
					shells = append(shells, end)
					err := c.shell(end)
					if errors.Is(err, ends) {
						main.end <- errors.New("exit 3")
						time.Sleep(time.Second)
					}
					return process{end: end}, err
				}}
				began := time.Now()
				err := img.watch(t.Context(), ctr, main, Command{Timeout: c.limit, Watch: &Watch{}}, &r, func() {})
				if took := time.Since(began); !errors.Is(err, c.want) || took < c.least || c.want != nil && took > time.Minute {
					t.Errorf("%v after %s", err, took)
				}
				if r.TimedOut != (c.want == nil) {
					t.Errorf("timed out: %v", r.TimedOut)
				}
				// What still waits ends with the container. The limit may be over just when
				// another shell is started: that has to be done first.
				synctest.Wait()
				close(never)
				for _, end := range shells {
					close(end)
				}
				select {
				case main.end <- nil:
				default:
				}
			})
		})
	}
}
