//go:build linux

package build

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"whittle.dev/whittle"
)

// private opens an engine of the test's own on a state folder.
func private(t *testing.T, state string) *Engine {
	t.Helper()
	opts, skip := privateOptions()
	if skip != "" {
		t.Skip(skip)
	}
	opts.Daemon.StateDir = state
	e, err := Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// gone waits until no process and no mount names the folder.
func gone(t *testing.T, dir string) {
	t.Helper()
	var left []string
	for range 100 {
		if left = slices.Concat(processes(dir), mounts(dir)); len(left) == 0 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("still there: %q", left)
}

func processes(needle string) []string {
	var found []string
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range lines {
		text, _ := os.ReadFile(path)
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if bytes.Contains(text, []byte(needle)) && pid != os.Getpid() {
			found = append(found, fmt.Sprintf("%d %q", pid, text))
		}
	}
	return found
}

// cgroups are the control groups of the last daemon on a state folder.
func cgroups(t *testing.T, state string) []string {
	dir, err := os.ReadFile(filepath.Join(state, "root-0", "scratch"))
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Base(string(dir))
	a, _ := filepath.Glob("/sys/fs/cgroup/" + name)
	b, _ := filepath.Glob("/sys/fs/cgroup/*/" + name)
	return append(a, b...)
}

// kill ends the daemon on a state folder as the kernel does where memory runs out.
func kill(t *testing.T, state string) {
	for _, p := range processes(state) {
		if word, rest, _ := strings.Cut(p, " "); strings.Contains(rest, "--oci-worker-binary") {
			pid, _ := strconv.Atoi(word)
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Error(err)
			}
			return
		}
	}
	t.Error("no daemon is seen")
}

func mounts(needle string) []string {
	text, _ := os.ReadFile("/proc/self/mountinfo")
	var found []string
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, needle) {
			found = append(found, line)
		}
	}
	return found
}

func TestDaemonCloses(t *testing.T) {
	f := needEngine(t)
	state := t.TempDir()
	e := private(t, state)
	info := e.Info()
	if info.Kind != Buildkitd || !info.NamedContexts || !info.Exporter || info.Version == "" || info.Root != filepath.Join(state, "root-0") ||
		!strings.HasPrefix(info.Platforms[0], "linux/") {
		t.Errorf("%+v", info)
	}
	if len(processes(state)) == 0 {
		t.Error("no daemon is seen: the test looks at the wrong place")
	}
	second := private(t, state)
	if notes := second.Info().Notes; len(notes) != 1 || !strings.Contains(notes[0], "root-1") {
		t.Errorf("notes of a second engine: %q", notes)
	}
	d := f.define(t, "FROM probe\nRUN [\"/probe\", \"exit\", \"0\"]\n", nil)
	for _, e := range []*Engine{e, second} {
		if _, err := e.Build(t.Context(), d, Output{}); err != nil {
			t.Error(err)
		}
	}
	if err := errors.Join(e.Close(), second.Close()); err != nil {
		t.Error(err)
	}
	gone(t, state)
	if left := cgroups(t, state); len(left) != 0 {
		t.Errorf("control groups left: %q", left)
	}
	if _, err := os.Stat(filepath.Dir(info.Log)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket's folder is still there: %v", err)
	}
	if again, err := private(t, state).Build(t.Context(), d, Output{}); err != nil || again.Cached != 1 {
		t.Errorf("the cache was not kept: %+v, %v", again, err)
	}
}

// What stays of the cache is bounded, and what was used last stays.
func TestDaemonKeeps(t *testing.T) {
	f := needEngine(t)
	opts, _ := privateOptions()
	opts.Daemon.StateDir, opts.Daemon.Keep = t.TempDir(), 100e6
	build := func(name string) int {
		e, err := Open(t.Context(), opts)
		if err != nil {
			t.Fatal(err)
		}
		res, err := e.Build(t.Context(), f.define(t, "FROM probe\nRUN [\"/probe\", \"fill\", \"/"+name+"\", \"40000000\"]\n", nil), Output{})
		if err := errors.Join(err, e.Close()); err != nil {
			t.Fatal(err)
		}
		return res.Cached
	}
	for _, name := range []string{"a", "b", "c", "d"} {
		build(name)
	}
	var used int64
	_ = filepath.WalkDir(opts.Daemon.StateDir, func(_ string, d os.DirEntry, _ error) error {
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			used += info.Sys().(*syscall.Stat_t).Blocks * 512
		}
		return nil
	})
	if used > opts.Daemon.Keep+20e6 { // the daemon's own tables
		t.Errorf("the state takes %s", whittle.Bytes(used))
	}
	if build("d") != 1 {
		t.Error("the last build's step is not in the cache")
	}
}

// A state folder on a disk that is full.
func TestDaemonDiskFull(t *testing.T) {
	f := needEngine(t)
	opts, _ := privateOptions()
	opts.Daemon.StateDir = t.TempDir()
	if err := unix.Mount("tmpfs", opts.Daemon.StateDir, "tmpfs", 0, "size=60m,mode=700"); err != nil {
		t.Skipf("needs a small disk: %v", err)
	}
	defer func() { _ = unix.Unmount(opts.Daemon.StateDir, unix.MNT_DETACH) }()
	e, err := Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for _, how := range []string{
		"RUN [\"/probe\", \"fill\", \"/a\", \"100000000\"]", // the step sees it
		"COPY a /", // the engine does
	} {
		_, err := e.Build(t.Context(), f.define(t, "FROM probe\n"+how+"\n", map[string]string{"a": strings.Repeat("a", 100e6)}), Output{})
		if !errors.Is(err, whittle.ErrEngine) || errors.Is(err, whittle.ErrUsage) || !strings.Contains(err.Error(), "disk is full") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", how, err)
		}
		t.Logf("%v [%s]", err, whittle.Hint(err))
	}
}

// A daemon that dies in the middle of a build.
func TestDaemonDies(t *testing.T) {
	f := needEngine(t)
	state, dir := t.TempDir(), t.TempDir()
	e := private(t, state)
	d := f.define(t, "FROM probe\nRUN [\"/probe\", \"sleep\", \"1000\"]\n", nil)
	log := &watcher{wait: "sleeping", then: func() { kill(t, state) }}
	_, err := e.Build(t.Context(), d, Output{Archive: filepath.Join(dir, "x.tar"), Log: log})
	if !errors.Is(err, whittle.ErrEngine) || errors.Is(err, whittle.ErrUsage) || !strings.Contains(err.Error(), "buildkitd ended") {
		t.Errorf("error is %v", err)
	}
	t.Log(err)
	if left := folder(t, dir); len(left) != 0 {
		t.Errorf("files left: %q", left)
	}
	if _, err := e.Run(t.Context(), d, []Command{probe("env")}, RunOptions{}); !errors.Is(err, whittle.ErrEngine) {
		t.Errorf("after that: %v", err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	gone(t, state)
	gone(t, "/probe\x00sleep\x001000")
}

// A daemon that dies while a command runs in an image.
func TestDaemonDiesInRun(t *testing.T) {
	f := needEngine(t)
	state := t.TempDir()
	e := private(t, state)
	go func() {
		for len(processes("/probe\x00sleep\x001001")) == 0 && t.Context().Err() == nil {
			time.Sleep(20 * time.Millisecond)
		}
		kill(t, state)
	}()
	start := time.Now()
	_, err := e.Run(t.Context(), f.define(t, "FROM probe\n", nil), []Command{probe("sleep", "1001")}, RunOptions{})
	if time.Since(start) > time.Minute {
		t.Error("the loss was noticed by a timeout only")
	}
	if !errors.Is(err, whittle.ErrEngine) || !strings.Contains(err.Error(), "buildkitd ended") {
		t.Errorf("error is %v", err)
	}
	gone(t, "/probe\x00sleep\x001001")
}

// helperEnv makes the test binary build something that takes long, in a
// process that can be killed: it names the state folder and the context.
const helperEnv = "WHITTLE_TEST_BUILD"

func runHelper() int {
	state, rest, ok := strings.Cut(os.Getenv(helperEnv), "|")
	if !ok {
		return -1
	}
	f := strings.Split(rest, "|")
	opts, _ := privateOptions()
	opts.Daemon.StateDir = state
	e, err := Open(context.Background(), opts)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	d := Definition{Context: f[0], Bases: map[string]Base{"probe": {f[1], whittle.Digest(f[2])}}}
	_, err = e.Build(context.Background(), d, Output{Log: os.Stdout})
	fmt.Println(err)
	return 1
}

// A whittle that is killed leaves no daemon, no container and no mount.
func TestDaemonDiesWithItsParent(t *testing.T) {
	f := needEngine(t)
	state := t.TempDir()
	d := f.define(t, "FROM probe\nRUN [\"/probe\", \"sleep\", \"1002\"]\n", nil)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helperEnv+"="+strings.Join([]string{state, d.Context, f.layout.Layout, string(f.layout.Digest)}, "|"))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	seen := false
	for !seen && lines.Scan() {
		seen = strings.Contains(lines.Text(), "sleeping")
	}
	if !seen || len(processes("/probe\x00sleep\x001002")) == 0 {
		t.Error("the helper does not build")
	}
	record, err := os.ReadFile(filepath.Join(state, "root-0", "scratch"))
	if err != nil {
		t.Fatal(err)
	}
	if left := folder(t, filepath.Join(string(record), "runc")); len(left) != 1 {
		t.Errorf("runc's records of the container: %q: the test looks at the wrong place", left)
	}
	killed := cgroups(t, state)
	_ = cmd.Process.Signal(syscall.SIGKILL)
	_ = cmd.Wait()
	gone(t, state)
	gone(t, "/probe\x00sleep\x001002")
	// The state is usable, and the next daemon clears the control groups away.
	e := private(t, state)
	for _, path := range append(killed, string(record)) {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there after the next start: %v", path, err)
		}
	}
	if _, err := e.Build(t.Context(), f.define(t, "FROM probe\nRUN [\"/probe\", \"exit\", \"0\"]\n", nil), Output{}); err != nil {
		t.Error(err)
	}
	if len(killed) == 0 || len(cgroups(t, state)) == 0 {
		t.Error("no control group is seen: the test looks at the wrong place")
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if left := cgroups(t, state); len(left) != 0 {
		t.Errorf("control groups left: %q", left)
	}
}

// answer is a service of this machine's, until its listener is closed.
func answer(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = io.WriteString(c, "the host's service\n")
		_ = c.Close()
	}
}

// RUN steps and runs reach nothing that listens on this machine's loopback or
// in an abstract socket, unless the host's network is asked for.
func TestDaemonNetwork(t *testing.T) {
	f := needEngine(t)
	var places []string
	for _, at := range [][2]string{{"tcp", "127.0.0.1:0"}, {"tcp", "[::1]:0"}, {"unix", "@whittle-test-" + strconv.Itoa(os.Getpid())}} {
		l, err := net.Listen(at[0], at[1])
		if err != nil {
			t.Logf("not tried: %v", err)
			continue
		}
		defer l.Close()
		go answer(l)
		places = append(places, fmt.Sprintf("%q, %q", at[0], l.Addr().String()))
	}
	opts, _ := privateOptions()
	for _, host := range []bool{false, true} {
		if !host && opts.Daemon.HostNetwork {
			t.Log("own: needs slirp4netns")
			continue
		}
		o := opts
		o.Daemon.StateDir, o.Daemon.HostNetwork = t.TempDir(), host
		e, err := Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		for _, place := range places {
			var log bytes.Buffer
			_, err := e.Build(t.Context(), f.define(t, "FROM probe\nRUN [\"/probe\", \"dial\", "+place+"]\n", nil), Output{Log: &log})
			if reached := strings.Contains(log.String(), "the host's service"); reached != host || (err == nil) != host {
				t.Errorf("host's network %v: RUN reaches %s: %v, %v", host, place, reached, err)
			}
			if host {
				continue
			}
			network, address, _ := strings.Cut(strings.ReplaceAll(place, `"`, ""), ", ")
			r, err := e.Run(t.Context(), f.define(t, "FROM probe\n", nil), []Command{probe("dial", network, address)}, RunOptions{})
			if err != nil || r[0].OK() {
				t.Errorf("a run reaches %s: %s, %v", place, r[0].Stdout, err)
			}
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}

// RUN steps, and no runs, reach what listens on this machine's outer addresses.
func TestDaemonOuterNetwork(t *testing.T) {
	f := needEngine(t)
	if opts, _ := privateOptions(); opts.Daemon.HostNetwork {
		t.Skip("needs slirp4netns")
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(addresses, func(a net.Addr) bool {
		n, ok := a.(*net.IPNet)
		return ok && n.IP.To4() != nil && n.IP.IsGlobalUnicast()
	})
	if i < 0 {
		t.Skip("this machine has no outer address")
	}
	l, err := net.Listen("tcp", net.JoinHostPort(addresses[i].(*net.IPNet).IP.String(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go answer(l)
	if _, err := f.engine.Build(t.Context(), f.define(t, "FROM probe\nRUN [\"/probe\", \"dial\", \"tcp\", \""+l.Addr().String()+"\"]\n", nil), Output{}); err != nil {
		t.Error(err)
	}
	r, err := f.engine.Run(t.Context(), f.define(t, "FROM probe\n", nil), []Command{probe("dial", "tcp", l.Addr().String())}, RunOptions{})
	if err != nil || r[0].OK() {
		t.Errorf("a run: %+v, %v", r, err)
	}
}

// RUN steps that run at the same time reach each other.
func TestDaemonSharedNetwork(t *testing.T) {
	f := needEngine(t)
	d := f.define(t, `FROM probe AS server
RUN ["/probe", "serve", "tcp", "127.0.0.1:18766"]
FROM probe
RUN ["/probe", "redial", "tcp", "127.0.0.1:18766"]
COPY --from=server /etc/passwd /
`, nil)
	d.NoCache = true
	if _, err := f.engine.Build(t.Context(), d, Output{}); err != nil {
		t.Error(err)
	}
}

// Nobody else can enter the engine's folders, and one that is another's is not
// used.
func TestDaemonPrivate(t *testing.T) {
	opts, skip := privateOptions()
	if skip != "" {
		t.Skip(skip)
	}
	opts.Daemon.StateDir = filepath.Join(t.TempDir(), "state")
	e, err := Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{opts.Daemon.StateDir, e.Info().Root, filepath.Dir(e.Info().Log), filepath.Dir(strings.TrimPrefix(e.Info().Address, "unix://"))} {
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", dir, info, err)
		}
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	for _, dir := range []string{opts.Daemon.StateDir, e.Info().Root} {
		for _, change := range []func() error{func() error { return os.Chmod(dir, 0o777) }, func() error { return os.Chown(dir, 4242, 0) }} {
			if err := change(); err != nil {
				t.Fatal(err)
			}
			if e, err := Open(t.Context(), opts); !errors.Is(err, whittle.ErrEngine) {
				t.Errorf("%s: %v", dir, err)
				if err == nil {
					_ = e.Close()
				}
			}
			if err := errors.Join(os.Chmod(dir, 0o700), os.Chown(dir, 0, 0)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Where the engine can have no network of its own, the host's is asked for.
func TestDaemonWithoutNetwork(t *testing.T) {
	opts, skip := privateOptions()
	if skip != "" {
		t.Skip(skip)
	}
	opts.Daemon.StateDir, opts.Daemon.HostNetwork = t.TempDir(), false
	bin := t.TempDir()
	if err := os.Symlink(found(runcs...), filepath.Join(bin, "runc")); err != nil {
		t.Fatal(err)
	}
	opts.Daemon.Binary = daemonBinary()
	t.Setenv("PATH", bin)
	e, err := Open(t.Context(), opts)
	if err == nil {
		_ = e.Close()
	}
	if !errors.Is(err, whittle.ErrEngine) || !strings.Contains(whittle.Hint(err), "--engine-network host") {
		t.Errorf("%v [%s]", err, whittle.Hint(err))
	}
}

func TestDaemonDoesNotStart(t *testing.T) {
	opts, skip := privateOptions()
	if skip != "" {
		t.Skip(skip)
	}
	bad := filepath.Join(t.TempDir(), "buildkitd.toml")
	if err := os.WriteFile(bad, []byte("nonsense = ["), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Options){
		"bad configuration": func(o *Options) { o.Daemon.Config = bad },
		"state is a file":   func(o *Options) { o.Daemon.StateDir = file },
		"no state":          func(o *Options) { o.Daemon.StateDir = "" },
		"no such binary":    func(o *Options) { o.Daemon.Binary = "/nosuch/buildkitd" },
		"not a daemon":      func(o *Options) { o.Daemon.Binary = "/bin/false" },
		"no engine there":   func(o *Options) { o.Address = "unix:///nosuch/buildkitd.sock" },
		"bad address":       func(o *Options) { o.Address = "docker-container://" },
		"no docker there":   func(o *Options) { o.NoDocker, o.DockerHost = false, "unix:///nosuch/docker.sock" },
	} {
		o := opts
		o.Daemon.StateDir = t.TempDir()
		change(&o)
		e, err := Open(t.Context(), o)
		if err == nil {
			_ = e.Close()
		}
		if !errors.Is(err, whittle.ErrEngine) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
		t.Logf("%s: %v [%s]", name, err, whittle.Hint(err))
	}
}

// The disks of the engine and of the archive are full.
func TestDiskFull(t *testing.T) {
	f := needEngine(t)
	small := t.TempDir()
	if err := unix.Mount("tmpfs", small, "tmpfs", 0, "size=12m"); err != nil {
		t.Skipf("needs a small file system to fill: %v", err)
	}
	defer func() { _ = unix.Unmount(small, unix.MNT_DETACH) }()
	d := f.define(t, "FROM probe\nRUN [\"/probe\", \"fill\", \"/zeros\", \"20000000\"]\n", nil)
	archive := filepath.Join(small, "x.tar")
	_, err := f.engine.Build(t.Context(), d, Output{Archive: archive, Compression: "uncompressed"})
	if !errors.Is(err, whittle.ErrSystem) || !strings.Contains(err.Error(), "no space left on device") || !strings.Contains(err.Error(), archive) {
		t.Errorf("archive: %v", err)
	}
	if left := folder(t, small); len(left) != 0 {
		t.Errorf("files left: %q", left)
	}
	e := private(t, filepath.Join(small, "state"))
	_, err = e.Build(t.Context(), d, Output{})
	t.Log(err, whittle.Hint(err))
	if err == nil || !strings.Contains(strings.ToLower(err.Error()+whittle.Hint(err)), "disk") {
		t.Errorf("state: %v", err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}
