package build

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/containerd/log"
	"github.com/containerd/platforms"
	bkclient "github.com/moby/buildkit/client"

	// Addresses that reach an engine through another program.
	_ "github.com/moby/buildkit/client/connhelper/dockercontainer"
	_ "github.com/moby/buildkit/client/connhelper/kubepod"
	_ "github.com/moby/buildkit/client/connhelper/podmancontainer"
	_ "github.com/moby/buildkit/client/connhelper/ssh"

	dockerclient "github.com/moby/moby/client"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build/buildkitd"
)

// Kinds of engines.
const (
	Remote    = "remote"
	Docker    = "docker"
	Buildkitd = "buildkitd"
)

// probeTimeout limits the first question to an engine.
const probeTimeout = 20 * time.Second

// Options say where to look for an engine.
type Options struct {
	// Address is that of a BuildKit daemon: tcp://, unix://, kube-pod://,
	// docker-container://, podman-container:// or ssh://. Where it is set
	// nothing else is tried.
	Address string
	// DockerHost is the address of a Docker engine; empty is the Docker
	// client's default with its environment variables. NoDocker does not look
	// for one.
	DockerHost string
	NoDocker   bool
	// NamedContexts says that the builds have bases: an engine that silently
	// ignores those is not taken.
	NamedContexts bool

	// Time is the time limit of one build, by any engine; 0 is [DefaultTime],
	// [NoLimit] is none. A run has its own limit (see [Command]).
	Time time.Duration
	// Daemon says how a private daemon is started.
	Daemon buildkitd.Options
}

// NoLimit is a time or a limit of a private daemon that bounds nothing.
const NoLimit = buildkitd.NoLimit

// Info says what builds.
type Info struct {
	// Kind is "remote", "docker" or "buildkitd" (private).
	Kind    string
	Address string
	// Version is what the engine says of itself, empty where it says nothing.
	Version string
	// Platforms are those that it can build for, its own first.
	Platforms []string
	// NamedContexts: bases can be passed. Exporter: images leave it as
	// archives with compressed layers; otherwise through docker save.
	NamedContexts, Exporter bool
	// Root is where a private daemon keeps its cache, Log its log file.
	Root, Log string
	Notes     []string
}

// Engine is a connection to what builds. It is safe for concurrent use.
type Engine struct {
	client *bkclient.Client
	conn   *connection
	docker *dockerclient.Client // nil but for Kind Docker
	daemon *buildkitd.Daemon    // nil but for Kind Buildkitd
	guard  *buildkitd.Guard     // nil but for Kind Buildkitd
	limit  time.Duration        // of one build; none where it is below zero
	grown  atomic.Bool          // a build was made, so that the cache may be too large
	info   Info
}

// Open finds an engine: the one at opts.Address, else a running Docker
// engine's own, else a private buildkitd that [Engine.Close] stops. A Docker
// engine that cannot do what is needed is passed over with a note. Errors
// wrap [whittle.ErrEngine].
func Open(ctx context.Context, opts Options) (*Engine, error) {
	_ = log.SetLevel(log.ErrorLevel) // warnings of libraries would go to standard error
	e, err := open(ctx, opts)
	if err != nil {
		return nil, err
	}
	e.limit = cmp.Or(opts.Time, DefaultTime)
	if e.daemon == nil && (opts.Daemon.Memory != 0 || opts.Daemon.Pids != 0) {
		e.info.Notes = append(e.info.Notes, "--build-memory and --build-pids do nothing here: they are about an engine that whittle starts, and this one has its own limits")
	}
	return e, nil
}

func open(ctx context.Context, opts Options) (*Engine, error) {
	if opts.Address != "" {
		return openRemote(ctx, opts.Address)
	}
	var old *Engine
	var notes []string
	if !opts.NoDocker {
		e, err := openDocker(ctx, opts.DockerHost)
		switch {
		case err != nil && opts.DockerHost != "":
			return nil, err
		case err != nil:
			// No Docker here, the usual case on a build machine.
		case e.info.NamedContexts && e.info.Exporter:
			return e, nil
		default:
			old = e
			notes = append(notes, fmt.Sprintf("the Docker engine %s is too old: its BuildKit silently ignores named contexts and exports no archives", e.info.Version))
		}
	}
	e, err := openPrivate(ctx, opts.Daemon)
	if err == nil {
		if old != nil {
			_ = old.Close()
		}
		e.info.Notes = append(notes, e.info.Notes...)
		return e, nil
	}
	if old != nil && !opts.NamedContexts && ctx.Err() == nil {
		old.info.Notes = append(slices.Clip(notes), fmt.Sprintf("it is used all the same, as there is no other: %v", err))
		return old, nil
	}
	if old != nil {
		_ = old.Close()
		err = fmt.Errorf("%s; %w", strings.Join(notes, "; "), err)
	}
	return nil, err
}

// freeSpace says how many bytes the disk of a private engine has left; nil for
// others.
func (e *Engine) freeSpace() func() int64 {
	if e.daemon == nil {
		return nil
	}
	return e.daemon.FreeSpace
}

// Info says which engine it is and what it can do.
func (e *Engine) Info() Info {
	info := e.info
	info.Notes = slices.Clone(info.Notes)
	return info
}

// Close ends the connection, and the daemon where it is private.
func (e *Engine) Close() error {
	if e.daemon != nil && e.grown.Load() && !e.daemon.Exited() {
		e.prune()
	}
	err := e.client.Close()
	if e.docker != nil {
		err = errors.Join(err, e.docker.Close())
	}
	if e.daemon != nil {
		err = errors.Join(err, e.daemon.Stop())
	}
	return err
}

// pruneLimit is how long a private daemon may take to make room.
const pruneLimit = 30 * time.Second

// prune makes a private daemon keep no more of its cache than it should: it
// looks at that by itself only now and then, and seldom lives that long.
func (e *Engine) prune() {
	ctx, cancel := context.WithTimeout(context.Background(), pruneLimit)
	defer cancel()
	keep := e.daemon.Keep()
	_ = e.client.Prune(ctx, nil, bkclient.PruneAll, bkclient.WithKeepOpt(0, keep/4, keep, buildkitd.KeepFree))
}

func openRemote(ctx context.Context, address string) (*Engine, error) {
	l := &connection{}
	c, err := bkclient.New(ctx, address, l.option())
	if err != nil {
		return nil, whittle.ErrEngine.Errorf("engine at %s: %w", address, err)
	}
	e := &Engine{client: c, conn: l, info: Info{Kind: Remote, Address: address, Exporter: true}}
	if err := e.probe(ctx); err != nil {
		_ = c.Close()
		if ctx.Err() != nil {
			return nil, fmt.Errorf("asking the engine at %s: %w", address, context.Cause(ctx))
		}
		return nil, whittle.WithHint(fmt.Errorf("engine at %s: %w", address, err),
			"is a BuildKit daemon listening there? without --engine and BUILDKIT_HOST whittle looks for Docker or starts its own")
	}
	return e, nil
}

// probe asks the engine what it is. One that knows the call Info is BuildKit
// 0.11 or newer, and those take OCI layouts as named contexts.
func (e *Engine) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	workers, err := e.client.ListWorkers(ctx)
	if err != nil {
		return whittle.ErrEngine.Errorf("does not answer: %s", plain(err))
	}
	if len(workers) == 0 {
		return whittle.ErrEngine.Errorf("has no workers")
	}
	for _, p := range workers[0].Platforms {
		if name := platforms.Format(p); !slices.Contains(e.info.Platforms, name) {
			e.info.Platforms = append(e.info.Platforms, name)
		}
	}
	info, err := e.client.Info(ctx)
	switch {
	case err == nil:
		e.info.NamedContexts = true
		if v := info.BuildkitVersion.Version; v != "v0.0.0+unknown" {
			e.info.Version = v
		}
	case ctx.Err() != nil:
		return whittle.ErrEngine.Errorf("does not answer: %s", plain(err))
	default:
		e.info.Notes = append(e.info.Notes, "the engine is older than BuildKit 0.11: it has no named contexts")
	}
	return nil
}
