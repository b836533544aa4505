package buildkitd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/shell"
	"whittle.dev/whittle/internal/tempfolder"
)

const (
	stopTimeout = 15 * time.Second
	maxRoots    = 8 // daemons at the same time on one StateDir
	// firstToEnd is the oom_score_adj of containers, in thousandths of the memory:
	// the kernel kills them first where the machine's memory runs out. proc(5)
	firstToEnd = 500
)

// Daemon is a private buildkitd. It is process 1 of a separate PID namespace and
// has a separate mount namespace, so that the kernel ends its containers and
// undoes its mounts when it dies, for whatever reason.
type Daemon struct {
	binary string
	root   string // its state
	notes  []string

	scratch  *scratch // socket, configuration, log and runc's state
	network  *network // nil where it has the host's
	guard    *Guard   // nil before it is made
	rootLock *os.File
	keep     int64 // bytes of its cache that stay
	process  *os.Process
	done     chan struct{} // closed when the process has ended
	err      error         // why it ended; read after done
	stopOnce sync.Once
}

// namespaceScript mounts /proc for the new PID namespace, without which runc would
// look at other processes' entries, and the resolv.conf that its first argument
// names, if any, for the new network namespace. Then it becomes the daemon.
const namespaceScript = `mount -t proc proc /proc && if [ -n "$1" ]; then mount --bind "$1" /etc/resolv.conf; fi && shift && exec "$@"`

func start(ctx context.Context, binary string, opts Options) (*Daemon, error) {
	if os.Geteuid() != 0 {
		return nil, noEngine("a private buildkitd needs root (rootless mode needs RootlessKit around the daemon)")
	}
	worker, err := findRunc()
	if err != nil {
		return nil, err
	}
	d := &Daemon{binary: binary, done: make(chan struct{})}
	switch {
	case opts.NoNetwork:
		d.network = &network{}
	case !opts.HostNetwork:
		if d.network, err = findNetwork(); err != nil {
			return nil, err
		}
		if names := loopbackProxies(os.Getenv); len(names) > 0 {
			d.notes = append(d.notes, fmt.Sprintf("%s names this machine's loopback, which the engine's own network does not reach: --engine-network host", strings.Join(names, ", ")))
		}
	}
	d.keep = cmp.Or(opts.Keep, DefaultKeep)
	if err := d.makeFolders(ctx, opts.StateDir, opts.TempDir); err != nil {
		d.release()
		return nil, whittle.ErrEngine.Errorf("preparing a private buildkitd: %w", err)
	}
	config := opts.Config
	if config == "" {
		var unbound []string
		d.guard, unbound = newGuard(findHierarchy(), d.scratch.cgroup(), opts.Memory, opts.Pids)
		d.notes = append(d.notes, unbound...)
		config = d.scratch.path("buildkitd.toml")
		err = os.WriteFile(config, []byte(daemonConfig(d.keep, d.scratch.cgroup())), 0o600)
	} else {
		config, err = filepath.Abs(config)
	}
	if err == nil {
		worker, err = d.wrapWorker(worker)
	}
	if err == nil {
		err = d.run(config, worker)
	}
	if err == nil && d.network != nil {
		var note string
		if note, err = d.network.connect(ctx, d.process.Pid); note != "" {
			d.notes = append(d.notes, note)
		}
		if err != nil {
			err = whittle.WithHint(fmt.Errorf("giving it a separate network: %w", err), askHost)
			d.end()
		}
	}
	if err != nil {
		d.release()
		return nil, whittle.ErrEngine.Errorf("starting %s: %w", binary, err)
	}
	if err := d.awaitListening(ctx); err != nil {
		_ = d.Stop()
		return nil, err
	}
	return d, nil
}

// makeFolders takes the first state folder that no other daemon uses, and
// makes a scratch folder.
func (d *Daemon) makeFolders(ctx context.Context, state, temp string) error {
	if state == "" {
		return errors.New("no folder for its state")
	}
	state, err := filepath.Abs(state)
	if err != nil {
		return err
	}
	if _, err := whittle.OwnFolder(state); err != nil {
		return err
	}
	// BuildKit mounts files of a snapshot only where no link leads to it.
	if state, err = filepath.EvalSymlinks(state); err != nil {
		return err
	}
	for i := range maxRoots {
		d.root = filepath.Join(state, fmt.Sprintf("root-%d", i))
		// Root would execute what others could write here.
		if _, err := whittle.OwnFolder(d.root); err != nil {
			return err
		}
		if d.rootLock, err = tempfolder.Lock(d.root); err != nil {
			return err
		}
		if d.rootLock != nil {
			if i > 0 {
				d.keep /= 4
				d.notes = append(d.notes, fmt.Sprintf("another whittle is building: this one keeps its own cache in %s", d.root))
			}
			break
		}
	}
	if d.rootLock == nil {
		return fmt.Errorf("%d daemons run on %s already", maxRoots, state)
	}
	if err := awaitUnlocked(ctx, filepath.Join(d.root, "buildkitd.lock")); err != nil {
		return err
	}
	d.scratch, err = newScratch(d.root, temp)
	return err
}

// awaitUnlocked waits until nobody has locked a file: the daemon of a whittle
// that was killed is being killed, too, and may take a moment.
func awaitUnlocked(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, stopTimeout, fmt.Errorf("another daemon has %s", name))
	defer cancel()
	for {
		switch lock, err := tempfolder.Lock(name); {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case lock != nil:
			return lock.Close()
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (d *Daemon) socket() string { return d.scratch.path("buildkitd.sock") }

// Address is where BuildKit's client reaches it.
func (d *Daemon) Address() string { return "unix://" + d.socket() }

// Log is the path of its log.
func (d *Daemon) Log() string { return d.scratch.path("buildkitd.log") }

// Root is the folder of its cache.
func (d *Daemon) Root() string { return d.root }

// Notes say what could not be set up as asked.
func (d *Daemon) Notes() []string { return d.notes }

// Keep is how much of its cache stays, in bytes.
func (d *Daemon) Keep() int64 { return d.keep }

// Guard keeps its containers within their limits; nil with a configuration of the
// user's.
func (d *Daemon) Guard() *Guard { return d.guard }

// Version is BuildKit's version, empty where the binary does not say it.
func (d *Daemon) Version() string { return moduleVersion(d.binary) }

// wrapWorker makes a program that keeps runc's records of containers in the
// scratch folder. It is beside the snapshots, which are executed, too:
// the temporary folder may be mounted noexec.
//
// The wrapper reports success for every "runc exec" (a watch that joins a
// container). When a container's main process ends, the kernel kills all others in
// it; BuildKit ends a container one of whose processes was killed, and kills the
// runc that is about to report the main process's exit code, which would be lost.
//
// Where the machine's memory runs out before the containers' limit is reached, the
// kernel kills their processes first.
func (d *Daemon) wrapWorker(worker string) (string, error) {
	name := filepath.Join(d.root, "runc")
	runc := fmt.Sprintf("%s --root %s \"$@\"", shell.Quote(worker), shell.Quote(d.scratch.path("runc")))
	text := fmt.Sprintf("#!/bin/sh\necho %d 2>/dev/null >/proc/self/oom_score_adj\nfor word; do\n  [ \"$word\" = exec ] && { %s; exit 0; }\ndone\nexec %s\n", firstToEnd, runc, runc)
	return name, whittle.Folder(d.root).Write("runc", []byte(text), 0o700)
}

// run starts the process from a thread that lives as long as the process:
// the kernel sends the parent-death signal when the thread ends.
func (d *Daemon) run(config, worker string) error {
	log, err := os.OpenFile(d.Log(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	resolv := ""
	if d.network != nil {
		host, err := os.ReadFile("/etc/resolv.conf")
		if err == nil { // without one there is nothing to mount over
			resolv = d.scratch.path("resolv.conf")
			err = os.WriteFile(resolv, resolver(host), 0o644)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	cmd := exec.Command("/bin/sh", "-c", namespaceScript, "sh", resolv, d.binary,
		"--config", config, "--root", d.root, "--addr", d.Address(),
		"--otel-socket-path", d.scratch.path("otel.sock"),
		"--containerd-worker=false", "--oci-worker=true", "--oci-worker-binary", worker, "--oci-worker-net", "host")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Dir = "/" // a PATH with relative folders finds nothing in the project
	// A step may print this much into the log; the default cuts at 2 MiB.
	cmd.Env = append(os.Environ(), "BUILDKIT_STEP_LOG_MAX_SIZE=104857600", "BUILDKIT_STEP_LOG_MAX_SPEED=-1", "TMPDIR="+d.scratch.temp())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:   unix.CLONE_NEWPID,
		Unshareflags: unix.CLONE_NEWNS,
		Pdeathsig:    syscall.SIGKILL,
		Setpgid:      true, // Ctrl-C is for whittle, which ends the build first
	}
	if d.network != nil {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWNET
	}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		d.process = cmd.Process
		started <- nil
		d.err = cmd.Wait()
		close(d.done)
	}()
	return <-started
}

// awaitListening waits until something takes connections: the socket's file exists
// before anyone listens, and gRPC repeats a refused connection only a second
// later.
func (d *Daemon) awaitListening(ctx context.Context) error {
	for {
		c, err := (&net.Dialer{}).DialContext(ctx, "unix", d.socket())
		if err == nil {
			return c.Close()
		}
		select {
		case <-d.done:
			return d.died()
		case <-ctx.Done():
			return d.notStarted(ctx, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// StartFailed is the error of a daemon that gave no answer because of err: why it
// ended where it did, else what its log says.
func (d *Daemon) StartFailed(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		if died := d.Ended(); died != nil {
			return died
		}
	}
	return d.notStarted(ctx, err)
}

// notStarted is the error of a daemon that runs and does not answer.
func (d *Daemon) notStarted(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("starting buildkitd: %w", context.Cause(ctx))
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return whittle.ErrEngine.Errorf("starting buildkitd: %w%s", err, d.lastLines())
}

// HideTraces removes the socket of BuildKit's collector of traces, which it would
// mount into every container: docker build mounts none. It is to be called once
// the daemon has answered.
func (d *Daemon) HideTraces() { _ = os.Remove(d.scratch.path("otel.sock")) }

// FreeSpace is what is free of the disk that holds its state, in bytes.
func (d *Daemon) FreeSpace() int64 {
	var st unix.Statfs_t
	if err := unix.Statfs(d.root, &st); err != nil {
		return math.MaxInt64
	}
	return int64(st.Bavail) * st.Bsize
}

// Exited says whether the process has ended.
func (d *Daemon) Exited() bool {
	select {
	case <-d.done:
		return true
	default:
		return false
	}
}

// Ended is why the process ended, nil if it runs: one whose connection broke has
// two seconds to be seen ending.
func (d *Daemon) Ended() error {
	select {
	case <-d.done:
		return d.died()
	case <-time.After(2 * time.Second):
		return nil
	}
}

// died is the error of a daemon that ended by itself.
func (d *Daemon) died() error {
	return whittle.ErrEngine.Errorf("buildkitd ended (%w)%s", d.err, d.lastLines())
}

// lastLines is what the log says of an error, to append to a message.
func (d *Daemon) lastLines() string {
	text, err := os.ReadFile(d.Log())
	if err != nil {
		return ""
	}
	if last := complaints(text); last != "" {
		return ": its log says: " + last
	}
	return ""
}

// logLine takes the level and the text from a line as logrus writes it.
var logLine = regexp.MustCompile(`^time=\S+ level=(\w+) msg=("(?:[^"\\]|\\.)*"|\S+)`)

// complaints is the last two lines of a daemon's log that are errors, without
// the stack traces between them.
func complaints(log []byte) string {
	var found []string
	for line := range strings.Lines(string(log)) {
		line = strings.TrimSpace(line)
		if m := logLine.FindStringSubmatch(line); m != nil {
			if m[1] == "error" || m[1] == "fatal" || m[1] == "panic" {
				msg, err := strconv.Unquote(m[2])
				if err != nil {
					msg = m[2]
				}
				found = append(found, msg)
			}
			continue
		}
		for _, prefix := range []string{"buildkitd: ", "panic: ", "fatal error: ", "sh: ", "mount: ", "/bin/sh: "} {
			if strings.HasPrefix(line, prefix) {
				found = append(found, line)
			}
		}
	}
	return whittle.Shorten(strings.Join(found[max(0, len(found)-2):], "; "), 500)
}

// Stop ends the daemon, with SIGTERM first, and removes its socket and log. The
// cache stays.
func (d *Daemon) Stop() error {
	var err error
	d.stopOnce.Do(func() {
		if d.process != nil {
			_ = d.process.Signal(syscall.SIGTERM)
			d.end()
		}
		err = d.release()
	})
	return err
}

// end waits for the process's end, and kills it after a while.
func (d *Daemon) end() {
	select {
	case <-d.done:
	case <-time.After(stopTimeout):
		_ = d.process.Kill()
		<-d.done
	}
}

// release frees the folders.
func (d *Daemon) release() error {
	var err error
	if d.network != nil {
		d.network.close()
	}
	d.guard.release()
	if d.scratch != nil {
		err = d.scratch.remove()
	}
	if d.rootLock != nil {
		err = errors.Join(err, d.rootLock.Close())
	}
	return err
}
