// Package host is the outside world of the verbs: images by name, the build
// engine, package indexes, the cache, the clock and the terminal. [System] gives
// those of this machine.
package host

import (
	"context"
	"io"
	"os"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/git"
	"whittle.dev/whittle/internal/index"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/resolve"
	"whittle.dev/whittle/internal/source"
)

// Env is all of the outside world that verbs use, so that tests can replace it.
type Env struct {
	// Images opens images by name.
	Images Images
	// Places says how the places are reached that images are written to.
	Places source.Options
	// Engine opens the build engine. A verb that builds calls it once, and closes
	// the builder at its end. bases says that images must be able to stand in for
	// a registry.
	Engine func(ctx context.Context, bases bool) (Builder, error)
	// Packages is the index of Python distributions; nil if none is asked.
	Packages resolve.Index
	// Fetch reads indexes of OS packages; nil if none is read.
	Fetch Fetcher
	// Dirty gives those of a folder's files that have uncommitted changes; nil if
	// that is not checked.
	Dirty func(ctx context.Context, dir string, files []string) ([]string, error)
	// Repository opens the git repository of a folder; nil if there is no git.
	Repository func(ctx context.Context, dir string) (Repository, error)
	// Docker runs the docker client; nil if it is never asked.
	Docker func(ctx context.Context, dir string, args, env []string) ([]byte, error)
	// Lookup gives variables of whittle's environment; nil is [os.LookupEnv].
	Lookup func(name string) (string, bool)
	// Secret gives the key that authenticates this user's records; nil is an empty
	// key.
	Secret func() []byte
	// Index are the options with which layers are read.
	Index index.Options
	// Program identifies the program that makes results, of which some are kept in the
	// cache; if it is empty, none is.
	Program string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Machine describes the machine that times are measured on.
	Machine whittle.Machine
	// Progress shows what is going on; nil means silence.
	Progress whittle.Progress
	// Notes say what is not available, and what that means.
	Notes []string
}

// Repository is a git repository to which whittle commits: see [git.Repository].
type Repository = *git.Repository

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

// Key is the key that [Env.Secret] gives, nil if there is none.
func (e *Env) Key() []byte {
	if e.Secret == nil {
		return nil
	}
	return e.Secret()
}

// Variables looks up the variables of whittle's environment.
func (e *Env) Variables() project.Lookup {
	if e.Lookup == nil {
		return os.LookupEnv
	}
	return e.Lookup
}

// Listener is the progress of the environment, or one that shows nothing; it is
// never nil.
func (e *Env) Listener() whittle.Progress {
	if e.Progress == nil {
		return whittle.Unseen{}
	}
	return e.Progress
}

// Time is the current time of the clock.
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
