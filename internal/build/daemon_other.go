//go:build !linux

package build

import "context"

// daemon is a private buildkitd, which runs on Linux only.
type daemon struct {
	root  string
	notes []string
	guard *guard
	keep  int64
}

func startDaemon(context.Context, string, Options) (*daemon, error) {
	return nil, noEngine("a private buildkitd runs on Linux only")
}

func (d *daemon) awaitListening(context.Context) error          { return nil }
func (d *daemon) notStarted(_ context.Context, err error) error { return err }
func (d *daemon) address() string                               { return "" }
func (d *daemon) logPath() string                               { return "" }
func (d *daemon) isolate() (func() error, error)                { return func() error { return nil }, nil }
func (d *daemon) freeSpace() int64                              { return 0 }
func (d *daemon) hideTraces()                                   {}
func (d *daemon) exited() bool                                  { return false }
func (d *daemon) awaitExit() bool                               { return false }
func (d *daemon) died() error                                   { return nil }
func (d *daemon) stop() error                                   { return nil }
