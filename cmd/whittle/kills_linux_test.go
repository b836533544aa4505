package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const killedDockerfile = `FROM debian:trixie-slim
RUN head -c 500000 /dev/urandom > /opt/big
RUN rm -rf /opt/big
RUN head -c 300000 /dev/urandom > /srv/data
RUN chmod 700 /srv/data
CMD ["ls", "/srv/data"]
`

// TestKilledWithEngine kills lab --fix --write with its private engine at
// random moments, as often as WHITTLE_ENGINE_KILLS says: the project is as before
// or as after, the next run ends well, and neither files nor processes, mounts or
// control groups are left.
func TestKilledWithEngine(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("WHITTLE_ENGINE_KILLS"))
	if err != nil {
		t.Skip("WHITTLE_ENGINE_KILLS says how often")
	}
	base := filepath.Join(root(t), ".cache/bases/debian-trixie-slim")
	if _, err := os.Stat(filepath.Join(base, "index.json")); err != nil || os.Getuid() != 0 {
		t.Skip("needs root and the base image of scripts/base-image")
	}
	top, err := os.MkdirTemp("", "whittle-kills-") // a short name, for sockets
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(top)
	cache, temp := filepath.Join(top, "cache"), filepath.Join(top, "temp")
	k := &killing{t: t, top: top, cache: cache, temp: temp, files: map[string]string{
		"Dockerfile":   killedDockerfile,
		"Dockerfile.b": strings.ReplaceAll(killedDockerfile, "/opt/big", "/opt/other"),
		"whittle.yaml": "bases:\n  \"debian:trixie-slim\": oci-layout:" + base + "\nrun:\n  - name: list\n    command: [ls, /srv/data]\n",
	}}
	if err := os.Mkdir(temp, 0o700); err != nil {
		t.Fatal(err)
	}
	k.make()
	before := k.texts()
	k.mustEnd()
	start := time.Now() // of one whose bases are unpacked
	k.make()
	k.mustEnd()
	took, after := time.Since(start), k.texts()
	if before == after {
		t.Fatal("nothing is changed: the test looks at the wrong place")
	}
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 3))
	signals := []os.Signal{syscall.SIGKILL, os.Interrupt, syscall.SIGTERM}
	unchanged, changed := 0, 0
	for i := range n {
		sig, delay := signals[i%len(signals)], time.Duration(rng.Int64N(int64(took)))
		k.make()
		cmd := k.command()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(delay)
		_ = cmd.Process.Signal(sig)
		_ = cmd.Wait()
		what := fmt.Sprintf("%s after %s", sig, delay)
		if code := cmd.ProcessState.ExitCode(); sig != syscall.SIGKILL && code != exitInterrupted && code != 0 {
			t.Errorf("%s: exit code %d", what, code)
		}
		switch k.texts() {
		case before:
			unchanged++
		case after:
			changed++
		default:
			if _, err := os.Stat(filepath.Join(top, "p", ".whittle", "journal")); err != nil || sig != syscall.SIGKILL {
				t.Errorf("%s: files of before and of after", what)
			}
		}
		k.mustEnd()
		if k.texts() != after {
			t.Errorf("%s: the next run did not do what a whole one does", what)
		}
		if left := k.left(); len(left) > 0 {
			t.Errorf("%s: left behind: %q", what, left)
		}
	}
	t.Logf("%d killed within %s: %d before the change, %d after", n, took, unchanged, changed)
}

// killing is a project whose runs are killed.
type killing struct {
	t                *testing.T
	top, cache, temp string
	files            map[string]string
}

// make makes the project anew.
func (k *killing) make() {
	dir := filepath.Join(k.top, "p")
	err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o755))
	for name, text := range k.files {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	if err != nil {
		k.t.Fatal(err)
	}
}

func (k *killing) texts() (out [2]string) {
	for i, name := range []string{"Dockerfile", "Dockerfile.b"} {
		text, err := os.ReadFile(filepath.Join(k.top, "p", name))
		if err != nil {
			k.t.Fatal(err)
		}
		out[i] = string(text)
	}
	return out
}

func (k *killing) command() *exec.Cmd {
	cmd := &exec.Cmd{Path: os.Args[0], Args: []string{"whittle", "lab", "-q", "--quick", "--fix", "--write", "--builtin-frontend", "--no-package-index", "--cache-dir", k.cache, filepath.Join(k.top, "p")}}
	cmd.Env = append(os.Environ(), "TMPDIR="+k.temp, "DOCKER_HOST=unix://"+filepath.Join(k.top, "none.sock"), "WHITTLE_BUILDKITD="+filepath.Join(root(k.t), ".cache/bin/buildkitd"))
	return cmd
}

// mustEnd runs to the end.
func (k *killing) mustEnd() {
	k.t.Helper()
	if out, err := k.command().CombinedOutput(); err != nil {
		k.t.Fatalf("a whole run: %v\n%s", err, out)
	}
}

// left is what a run has left behind.
func (k *killing) left() (left []string) {
	for _, dir := range []string{filepath.Join(k.top, "p"), k.temp} {
		_ = filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
			if err == nil && (strings.HasPrefix(d.Name(), ".whittle-") || strings.HasPrefix(d.Name(), "whittle-") || d.Name() == "journal") {
				left = append(left, p)
			}
			return nil
		})
	}
	mounts, _ := os.ReadFile("/proc/self/mounts")
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, k.top) {
			left = append(left, "mount "+line)
		}
	}
	processes, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range processes {
		if text, _ := os.ReadFile(p); strings.Contains(string(text), k.cache) {
			left = append(left, "process "+strings.ReplaceAll(string(text), "\x00", " "))
		}
	}
	groups, _ := filepath.Glob("/sys/fs/cgroup/whittle-buildkitd-*")
	more, _ := filepath.Glob("/sys/fs/cgroup/*/whittle-buildkitd-*")
	for _, g := range append(groups, more...) {
		// Other whittles of this machine have theirs: those of dead processes count.
		if number, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(g), "whittle-buildkitd-"), "-"); number != "" {
			if _, err := os.Stat("/proc/" + number); err != nil {
				left = append(left, "control group "+g)
			}
		}
	}
	return left
}
