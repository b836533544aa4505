//go:build !linux

package buildkitd

import "context"

// Daemon is a private buildkitd. It runs on Linux only; on this system, none
// can be started.
type Daemon struct{}

func start(context.Context, string, Options) (*Daemon, error) {
	return nil, noEngine("a private buildkitd runs on Linux only")
}

// Address is where BuildKit's client reaches it.
func (d *Daemon) Address() string { return "" }

// Log is the path of its log.
func (d *Daemon) Log() string { return "" }

// Root is the folder of its cache.
func (d *Daemon) Root() string { return "" }

// Notes say what could not be set up as asked.
func (d *Daemon) Notes() []string { return nil }

// Keep is the size limit of its cache, in bytes.
func (d *Daemon) Keep() int64 { return 0 }

// Guard keeps its containers within their limits.
func (d *Daemon) Guard() *Guard { return nil }

// Version is BuildKit's version.
func (d *Daemon) Version() string { return "" }

// StartFailed is the error of a daemon that did not answer because of err.
func (d *Daemon) StartFailed(_ context.Context, err error) error { return err }

// HideTraces removes the socket of BuildKit's collector of traces.
func (d *Daemon) HideTraces() {}

// Isolate cuts the daemon's network off from the outside.
func (d *Daemon) Isolate() (restore func() error, err error) { return func() error { return nil }, nil }

// FreeSpace is the free space of the disk that holds its state, in bytes.
func (d *Daemon) FreeSpace() int64 { return 0 }

// Exited says whether the process has ended.
func (d *Daemon) Exited() bool { return false }

// Ended is why the process ended, nil if it runs.
func (d *Daemon) Ended() error { return nil }

// Stop ends the daemon.
func (d *Daemon) Stop() error { return nil }

// Mounted are the folders of the layers that a daemon's running containers consist of.
func Mounted(*Daemon) []string { return nil }

// Evict removes the files in folders of a daemon's root from the page cache.
func Evict(context.Context, string, map[string]bool) error { return nil }
