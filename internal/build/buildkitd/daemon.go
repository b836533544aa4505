// Package buildkitd starts a private BuildKit daemon, for a machine without one,
// and confines it: PID, mount and network namespaces, limits of memory and
// processes, and folders that are gone when it is. It knows nothing of builds.
package buildkitd

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"whittle.dev/whittle"
)

// Options say which program to start, and with which rights.
type Options struct {
	// Binary is the daemon to start; empty looks in SearchDirs, in the
	// executable's folder and on PATH, in that order. The folder of the project is
	// never searched: it may be anyone's.
	Binary     string
	SearchDirs []string
	// Config is a buildkitd.toml (registry mirrors, limits); empty writes one with
	// Keep, Memory and Pids.
	Config string
	// StateDir keeps the cache between runs. It holds one folder for each daemon
	// that runs at the same time.
	StateDir string
	// TempDir is where socket, log and temporary files are; empty is the system's.
	TempDir string
	// HostNetwork gives the daemon this machine's network, so that RUN steps reach
	// everything that listens on its loopback and in abstract sockets. Otherwise it
	// has a separate network, for which slirp4netns is needed.
	HostNetwork bool
	// NoNetwork gives it a separate network that leads nowhere: it pulls nothing, and
	// RUN steps reach nothing but themselves. slirp4netns is not needed.
	NoNetwork bool
	// Keep is how much of the cache stays when the engine is closed, in bytes; 0 is
	// [DefaultKeep]. Each further daemon at the same time keeps a quarter of it.
	// While a daemon runs it deletes what exceeds Keep, and what leaves less than
	// [KeepFree] of the disk free.
	Keep int64
	// Memory is what all containers may take together, in bytes and without swap;
	// 0 is three quarters of this machine's. Pids is the number of processes and
	// threads in all of them; 0 is [DefaultPids]. [NoLimit] is none. A project has
	// no way to change them.
	Memory, Pids int64
}

// KeepFree is how much of the disk a daemon leaves free, in bytes.
const KeepFree = 5_000_000_000

// EngineHint is the hint where there is no engine.
const EngineHint = "start Docker (24 or newer); or give a BuildKit daemon's address with --engine or BUILDKIT_HOST; " +
	"or, as root on Linux, install runc and put buildkitd on PATH or beside whittle (scripts/setup does both on Debian or Ubuntu)"

// noEngine is ErrEngine with the hint.
func noEngine(format string, args ...any) error {
	err := whittle.ErrEngine.Errorf("no build engine: "+format, args...)
	return whittle.WithHint(err, EngineHint)
}

// Start starts a daemon and waits until it takes connections, or ctx is over.
// [Daemon.Stop] ends it. Errors wrap [whittle.ErrEngine]; with [EngineHint] where
// this machine cannot run one.
func Start(ctx context.Context, opts Options) (*Daemon, error) {
	binary, err := findBuildkitd(opts)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("starting buildkitd: %w", context.Cause(ctx))
	}
	return start(ctx, binary, opts)
}

// findBuildkitd is the path of the daemon to start.
func findBuildkitd(opts Options) (string, error) {
	if opts.Binary != "" {
		path, err := exec.LookPath(opts.Binary)
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

// daemonConfig is the daemon's buildkitd.toml. With the file of a system-wide
// daemon, the limits there could delete what a study is about to measure.
func daemonConfig(keep int64, cgroup string) string {
	var b strings.Builder
	b.WriteString("[history]\n  maxEntries = 0\n")
	b.WriteString("[worker.oci]\n  enabled = true\n  gc = true\n")
	fmt.Fprintf(&b, "  defaultCgroupParent = %q\n", cgroup)
	fmt.Fprintf(&b, "  [[worker.oci.gcpolicy]]\n    all = true\n    reservedSpace = %d\n    maxUsedSpace = %d\n    minFreeSpace = %d\n",
		keep/4, keep, int64(KeepFree))
	return b.String()
}
