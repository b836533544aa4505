package build

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	bkclient "github.com/moby/buildkit/client"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"whittle.dev/whittle"
)

// startTimeout is how long a daemon may take until it answers.
const startTimeout = 2 * time.Minute

// keepFree is how much of the disk a private daemon leaves free, in bytes.
const keepFree = 5_000_000_000

// threeWays is the hint where there is no engine.
const threeWays = "three ways to have an engine: --engine or BUILDKIT_HOST with a BuildKit daemon's address; a running Docker engine, 24 or newer; " +
	"or, as root on Linux, buildkitd and runc on PATH (scripts/setup installs both)"

// noEngine is ErrEngine with the three ways.
func noEngine(format string, args ...any) error {
	err := fmt.Errorf("no build engine: "+format+": %w", append(args, whittle.ErrEngine)...)
	return whittle.WithHint(err, threeWays)
}

// openPrivate starts a daemon and connects to it.
func openPrivate(ctx context.Context, opts Options) (*Engine, error) {
	binary, err := findBuildkitd(opts)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("starting buildkitd: %w", context.Cause(ctx))
	}
	d, err := startDaemon(ctx, binary, opts)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("no answer within %s", startTimeout))
	defer cancel()
	// gRPC tries a connection that is refused again a second later only.
	if err := d.awaitListening(ctx); err != nil {
		_ = d.stop()
		return nil, err
	}
	l := &line{}
	c, err := bkclient.New(ctx, d.address(), l.option())
	if err != nil {
		_ = d.stop()
		return nil, fmt.Errorf("connecting to buildkitd: %w: %w", err, whittle.ErrEngine)
	}
	e := &Engine{client: c, line: l, daemon: d, guard: d.guard, info: Info{
		Kind: Buildkitd, Address: d.address(), Exporter: true, Root: d.root, Log: d.logPath(), Notes: d.notes,
	}}
	if err := e.awaitAnswer(ctx); err != nil {
		if ctx.Err() == nil && d.awaitExit() {
			err = d.died()
		} else {
			err = d.notStarted(ctx, err)
		}
		_ = e.Close()
		return nil, err
	}
	d.hideTraces()
	if e.info.Version == "" {
		e.info.Version = moduleVersion(binary)
	}
	return e, nil
}

// awaitAnswer asks a daemon that was just started until it answers: on a busy
// machine much time may pass between its first connection and its first word.
func (e *Engine) awaitAnswer(ctx context.Context) error {
	for {
		_, err := e.client.ListWorkers(ctx)
		if err == nil {
			return e.probe(ctx)
		}
		if status.Code(err) != codes.Unavailable || e.daemon.exited() {
			return fmt.Errorf("does not answer: %s", plain(err))
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// findBuildkitd is the path of the daemon to start.
func findBuildkitd(opts Options) (string, error) {
	if opts.Buildkitd != "" {
		path, err := exec.LookPath(opts.Buildkitd)
		if err != nil {
			return "", noEngine("buildkitd: %w", err)
		}
		return filepath.Abs(path)
	}
	dirs := opts.SearchDirs
	if exe, err := os.Executable(); err == nil {
		dirs = append(dirs[:len(dirs):len(dirs)], filepath.Dir(exe))
	}
	for _, dir := range dirs {
		if path, err := exec.LookPath(filepath.Join(dir, "buildkitd")); err == nil {
			return filepath.Abs(path)
		}
	}
	path, err := exec.LookPath("buildkitd")
	if err != nil {
		return "", noEngine("no Docker engine answers and there is no buildkitd on PATH")
	}
	return path, nil
}

// findRunc is the path of what runs the containers.
func findRunc() (string, error) {
	for _, name := range []string{"buildkit-runc", "runc", "crun"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", noEngine("there is a buildkitd, but no runc on PATH to run containers with")
}

// moduleVersion reads BuildKit's version from a binary that was compiled from
// another module, which says of itself only "unknown".
func moduleVersion(binary string) string {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return ""
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == "github.com/moby/buildkit" {
			return m.Version
		}
	}
	return ""
}

// daemonConfig is the private daemon's buildkitd.toml. Its own is written so
// that the limits of a system-wide daemon do not throw away what a study is
// about to measure.
func daemonConfig(keep int64, cgroup string) string {
	var b strings.Builder
	b.WriteString("[history]\n  maxEntries = 0\n")
	b.WriteString("[worker.oci]\n  enabled = true\n  gc = true\n")
	fmt.Fprintf(&b, "  defaultCgroupParent = %q\n", cgroup)
	fmt.Fprintf(&b, "  [[worker.oci.gcpolicy]]\n    all = true\n    reservedSpace = %d\n    maxUsedSpace = %d\n    minFreeSpace = %d\n",
		keep/4, keep, int64(keepFree))
	return b.String()
}
