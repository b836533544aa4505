package source

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

// dockerd starts a separate Docker engine and returns its address.
func dockerd(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("dockerd")
	if err != nil {
		t.Skip("no dockerd on this machine (Debian's docker.io has it)")
	}
	if os.Getuid() != 0 {
		t.Skip("dockerd needs root")
	}
	dir, err := os.MkdirTemp("", "whittle-dockerd") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "d.sock")
	return engineAt(t, dir, socket, exec.Command(program, "--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"), "--pidfile", filepath.Join(dir, "pid"),
		"--iptables=false", "--bridge=none", "--host", "unix://"+socket))
}

// engineAt starts an engine that listens at a socket in dir, and ends it and removes dir
// with the test.
func engineAt(t *testing.T, dir, socket string, cmd *exec.Cmd) (address string) {
	t.Helper()
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
		os.RemoveAll(dir)
	})
	for range 150 {
		if _, err := os.Stat(socket); err == nil {
			return "unix://" + socket
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Skipf("%s does not start here: %s", filepath.Base(cmd.Path), log.String())
	return ""
}

// TestEngine loads an image into a real Docker engine and reads it back.
func TestEngine(t *testing.T) {
	docker, err := exec.LookPath("docker")
	if err != nil {
		t.Skip("no docker client on this machine")
	}
	address := dockerd(t)
	m := make2(t, imagetest.Plain, "amd64")
	archive := writeTar(t, dockerFiles(t, true, map[string]*made{"whittle/test:1": m}))
	load := exec.Command(docker, "--host", address, "load", "--input", archive)
	if out, err := load.CombinedOutput(); err != nil {
		t.Skipf("docker load: %v: %s", err, out)
	}
	temp := t.TempDir()
	o := Options{DockerHost: address, TempDir: temp}
	for _, name := range []string{"docker:whittle/test:1", "whittle/test:1"} {
		img, err := Open(context.Background(), name, o)
		if err != nil {
			t.Fatal(err)
		}
		if img.Ref().Source != Docker || img.Ref().Digest != digestOf(m.config) {
			t.Errorf("%s: %+v, want the engine's image %s", name, img.Ref(), digestOf(m.config))
		}
		for i, l := range img.Layers() {
			if l.DiffID() != digestOf(m.raws[i]) || !bytes.Equal(stored(t, l), m.raws[i]) {
				t.Errorf("%s: layer %d differs", name, i)
			}
			if _, known := l.Blob(); known {
				t.Errorf("%s: layer %d has a transfer size, which the engine does not know", name, i)
			}
		}
		if err := img.Close(); err != nil {
			t.Error(err)
		}
	}
	_, err = Open(context.Background(), "docker:whittle/other:1", o)
	if !errors.Is(err, whittle.ErrNotFound) || !strings.Contains(err.Error(), "has no image whittle/other:1") {
		t.Errorf("an image that is not there: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Open(ctx, "docker:whittle/test:1", o); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}

// TestNotAFile: a FIFO or a device is refused, not waited for.
func TestNotAFile(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{fifo, "/dev/zero"} {
		if _, err := Open(context.Background(), path, Options{}); !errors.Is(err, whittle.ErrUsage) {
			t.Errorf("%s: %v, want a refusal", path, err)
		}
	}
}
