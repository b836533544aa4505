// Package host is the outside world that verbs touch: images by name, the build
// engine, package indexes, the cache, the clock and the terminal; and what these
// are on this machine.
package host

import (
	"context"
	"io"
	"os"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/index"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/resolve"
)

// Env is all of the outside world that verbs touch, so that the whole program
// runs in a test.
type Env struct {
	// Images opens images by name.
	Images Images
	// Engine opens the build engine; it is called once, by the verbs that
	// build, and the builder is closed when the verb ends.
	Engine func(ctx context.Context, bases bool) (Builder, error)
	// Packages is the index of Python distributions; nil asks none.
	Packages resolve.Index
	// Fetch reads indexes of OS packages; nil reads none.
	Fetch Fetcher
	// Dirty says which of a folder's files have changes that version control
	// does not have; nil knows of none.
	Dirty func(ctx context.Context, dir string, files []string) ([]string, error)
	// Lookup gives variables of whittle's environment; nil is [os.LookupEnv].
	Lookup func(name string) (string, bool)
	// Secret is the key by which this user's own records are known; nil is an
	// empty one.
	Secret func() []byte
	// Index reads layers.
	Index index.Options
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Machine describes the machine that times are measured on.
	Machine whittle.Machine
	// Progress gets lines about long work; nil means silence.
	Progress Progress
	// Notes say what of the outside world could not be had, and what that
	// means.
	Notes []string
}

// Images opens an image by the name that a user wrote.
type Images interface {
	Open(ctx context.Context, name string) (whittle.Image, error)
}

// Builder is a build engine.
type Builder interface {
	Info() build.Info
	Build(ctx context.Context, d build.Definition, o build.Output) (*build.Result, error)
	Run(ctx context.Context, d build.Definition, commands []build.Command, o build.RunOptions) ([]build.RunResult, error)
	Warm(ctx context.Context, d build.Definition, o build.RunOptions) error
	io.Closer
}

// Progress is told what is going on.
type Progress interface {
	// Step says in one line what begins now.
	Step(line string)
	// Writer is where the engine shows a build while it runs.
	Writer() io.Writer
}

type silent struct{}

func (silent) Step(string)       {}
func (silent) Writer() io.Writer { return nil }

// Key is what [Env.Secret] gives, empty where there is none.
func (e *Env) Key() []byte {
	if e.Secret == nil {
		return nil
	}
	return e.Secret()
}

// Variables gives the variables of whittle's environment.
func (e *Env) Variables() project.Lookup {
	if e.Lookup == nil {
		return os.LookupEnv
	}
	return e.Lookup
}

// Listener is told what is going on; it is never nil.
func (e *Env) Listener() Progress {
	if e.Progress == nil {
		return silent{}
	}
	return e.Progress
}

// Time is what the clock says now.
func (e *Env) Time() time.Time {
	if e.Now == nil {
		return time.Now()
	}
	return e.Now()
}

// Fetcher reads a file that an OS distribution publishes.
type Fetcher interface {
	// Fetch gives the content at a URL; the caller closes it.
	Fetch(ctx context.Context, url string) (io.ReadCloser, error)
}
