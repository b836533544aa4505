//go:build linux

package build

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	dockerclient "github.com/moby/moby/client"
	"golang.org/x/sys/unix"

	"whittle.dev/whittle"
)

// dockerd starts a Docker engine of the test's own and gives its address. It
// has namespaces of its own, so that its bridge is not the machine's.
func dockerd(t *testing.T) string {
	t.Helper()
	binary := os.Getenv("WHITTLE_TEST_DOCKERD")
	if binary == "" {
		binary = "dockerd"
	}
	path, err := exec.LookPath(binary)
	if err != nil || os.Geteuid() != 0 {
		t.Skip("needs root and dockerd in $WHITTLE_TEST_DOCKERD or on PATH")
	}
	dir, err := os.MkdirTemp("", "whittle-dockerd-")
	if err != nil {
		t.Fatal(err)
	}
	host := "unix://" + filepath.Join(dir, "docker.sock")
	var log bytes.Buffer
	cmd := exec.Command("/bin/sh", "-c", `mount -t proc proc /proc && exec "$@"`, "sh", path, "-H", host, "--data-root", filepath.Join(dir, "data"),
		"--exec-root", filepath.Join(dir, "exec"), "--pidfile", filepath.Join(dir, "pid"), "--iptables=false", "--ip6tables=false", "--bip=10.213.7.1/24")
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.Env = append(os.Environ(), "DOCKER_BUILDKIT=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNET, Unshareflags: unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	started, done := make(chan error, 1), make(chan struct{})
	go func() {
		runtime.LockOSThread() // as buildkitd starts its daemon
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
		close(done)
	}()
	if err := <-started; err != nil {
		t.Skipf("dockerd: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-done:
		case <-time.After(15 * time.Second):
			_ = cmd.Process.Kill()
			<-done
		}
		_ = os.RemoveAll(dir)
	})
	for range 300 {
		e, err := openDocker(t.Context(), host)
		if err == nil {
			_ = e.Close()
			return host
		}
		select {
		case <-done:
			t.Skipf("dockerd does not run here:\n%s", log.String())
		case <-time.After(100 * time.Millisecond):
		}
	}
	t.Skip("dockerd does not answer")
	return ""
}

// TestDocker runs against whatever Docker engine there is: an old one must be
// recognised, a new one must do everything.
func TestDocker(t *testing.T) {
	f := needEngine(t)
	host := dockerd(t)
	e, err := openDocker(t.Context(), host)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	info := e.Info()
	t.Logf("%+v", info)
	if info.Kind != Docker || info.Address != host || info.Version == "" || len(info.Platforms) == 0 {
		t.Errorf("%+v", info)
	}
	onBase := f.define(t, "FROM probe\nRUN [\"/probe\", \"exit\", \"0\"]\n", nil)
	probeFile, err := os.ReadFile(filepath.Join(f.dir, "probe"))
	if err != nil {
		t.Fatal(err)
	}
	plain := f.define(t, "FROM scratch\nCOPY --chmod=755 probe /probe\nRUN [\"/probe\", \"write\", \"/made\", \"x\"]\nENV A=b\n", map[string]string{"probe": string(probeFile)})
	plain.Bases = nil
	t.Run("archive", func(t *testing.T) { dockerArchive(t, e, plain) })
	t.Run("run", func(t *testing.T) {
		r, err := e.Run(t.Context(), plain, []Command{probe("env"), probe("net"), probe("exit", "3")}, RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(r[0].Stdout), "A=b\n") || string(r[1].Stdout) != "lo\n" || r[2].ExitCode != 3 {
			t.Errorf("%+v", r)
		}
	})
	t.Run("failing step", func(t *testing.T) {
		d := plain
		d.Content = []byte("FROM scratch\nCOPY --chmod=755 probe /probe\nRUN [\"/probe\", \"exit\", \"5\"]\n")
		_, err := e.Build(t.Context(), d, Output{})
		var got *Error
		if !errors.As(err, &got) || got.Kind != StepFailed || got.ExitCode != 5 || !errors.Is(err, whittle.ErrUsage) {
			t.Errorf("%v", err)
		}
	})
	if info.NamedContexts {
		if _, err := e.Build(t.Context(), onBase, Output{Measure: true}); err != nil {
			t.Errorf("bases: %v", err)
		}
		return
	}
	t.Run("bases are refused", func(t *testing.T) {
		for _, err := range []error{
			second(e.Build(t.Context(), onBase, Output{})),
			second(e.Run(t.Context(), onBase, nil, RunOptions{})),
			e.Warm(t.Context(), onBase, RunOptions{}),
		} {
			if !errors.Is(err, whittle.ErrUnsupported) || !strings.Contains(err.Error(), "silently ignores named contexts") {
				t.Errorf("%v", err)
			}
		}
		// What would happen otherwise: the engine looks for the base in a registry.
		e.info.NamedContexts = true
		_, err := e.Build(t.Context(), onBase, Output{})
		e.info.NamedContexts = false
		var got *Error
		if !errors.As(err, &got) || got.Kind != BaseMissing || got.Image != "probe" {
			t.Errorf("an engine that ignores named contexts: %v", err)
		}
		t.Log(err)
	})
	t.Run("falls back", func(t *testing.T) {
		opts, _ := privateOptions()
		opts.NoDocker, opts.DockerHost, opts.Daemon.StateDir = false, host, t.TempDir()
		p, err := Open(t.Context(), opts)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if i := p.Info(); i.Kind != Buildkitd || len(i.Notes) != 1 || !strings.Contains(i.Notes[0], "too old") {
			t.Errorf("%+v", i)
		}
		opts.Daemon.Binary = "/nosuch/buildkitd"
		if p, err := Open(t.Context(), opts); err != nil || p.Info().Kind != Docker || len(p.Info().Notes) < 2 {
			t.Errorf("without another engine: %+v, %v", p, err)
		}
		opts.NamedContexts = true
		if _, err := Open(t.Context(), opts); !errors.Is(err, whittle.ErrEngine) || !strings.Contains(err.Error(), "too old") {
			t.Errorf("bases and no other engine: %v", err)
		}
	})
}

func second[T any](_ T, err error) error { return err }

// dockerArchive builds an archive and checks that nothing stays behind.
func dockerArchive(t *testing.T, e *Engine, d Definition) {
	archive := filepath.Join(t.TempDir(), "x.tar")
	res, err := e.Build(t.Context(), d, Output{Archive: archive})
	if err != nil {
		t.Fatal(err)
	}
	names := archiveNames(t, archive)
	if _, ok := names["manifest.json"]; !ok || res.ImageID == "" {
		t.Errorf("archive %v, result %+v", names, res)
	}
	if e.info.Exporter != (res.Transfer > 0) || e.info.Exporter == slices.ContainsFunc(res.Notes, func(n string) bool { return strings.Contains(n, "download") }) {
		t.Errorf("%+v", res)
	}
	images, err := e.docker.ImageList(t.Context(), dockerclient.ImageListOptions{All: true})
	if err != nil || len(images.Items) != 0 {
		t.Errorf("images left: %+v, %v", images, err)
	}
}
