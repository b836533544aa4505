package build

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build/buildkitd"
)

// fixture is what the tests with a real engine share: one private daemon and
// one base image, whose only file is the program in testdata/probe.
type fixture struct {
	dir    string
	engine *Engine
	layout Base
	skip   string
	err    error
}

var shared = sync.OnceValue(makeFixture)

func TestMain(m *testing.M) {
	code := runHelper()
	if code >= 0 {
		os.Exit(code)
	}
	code = m.Run()
	f := usedFixture
	if f != nil {
		if f.engine != nil {
			if err := f.engine.Close(); err != nil {
				fmt.Fprintln(os.Stderr, "closing the engine:", err)
				code = 1
			}
		}
		_ = os.RemoveAll(f.dir)
	}
	os.Exit(code)
}

// usedFixture is set by makeFixture for TestMain to clean up.
var usedFixture *fixture

func makeFixture() *fixture {
	f := &fixture{}
	usedFixture = f
	opts, skip := privateOptions()
	if skip != "" {
		f.skip = skip
		return f
	}
	if f.dir, f.err = os.MkdirTemp("", "whittle-build-test-"); f.err != nil {
		return f
	}
	if f.layout, f.err = makeLayout(f.dir); f.err != nil {
		return f
	}
	opts.Daemon.StateDir = filepath.Join(f.dir, "state")
	f.engine, f.err = Open(context.Background(), opts)
	return f
}

// privateOptions finds what a private daemon needs, or says what is missing.
func privateOptions() (Options, string) {
	if os.Geteuid() != 0 {
		return Options{}, "needs root for a private buildkitd"
	}
	if found(runcs...) == "" {
		return Options{}, "needs runc"
	}
	opts := Options{NoDocker: true}
	if opts.Daemon.Binary = daemonBinary(); opts.Daemon.Binary == "" {
		return Options{}, "needs buildkitd in $WHITTLE_BUILDKITD, .cache/bin or on PATH"
	}
	// Where the engine cannot have a network of its own, its tests ask for the
	// host's.
	_, missing := exec.LookPath("slirp4netns")
	_, err := os.Stat("/dev/net/tun")
	opts.Daemon.HostNetwork = missing != nil || err != nil
	return opts, ""
}

var runcs = []string{"buildkit-runc", "runc", "crun"}

// found is the path of the first program that there is, empty if there is none.
func found(names ...string) string {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			if abs, err := filepath.Abs(path); err == nil {
				return abs
			}
		}
	}
	return ""
}

func daemonBinary() string {
	if path := os.Getenv("WHITTLE_BUILDKITD"); path != "" {
		return path
	}
	return found("../../.cache/bin/buildkitd", "buildkitd")
}

func needEngine(t *testing.T) *fixture {
	t.Helper()
	f := shared()
	if f.skip != "" {
		t.Skip(f.skip)
	}
	if f.err != nil {
		t.Fatal(f.err)
	}
	return f
}

// makeLayout compiles the probe and writes an OCI layout around it.
func makeLayout(dir string) (Base, error) {
	bin := filepath.Join(dir, "probe")
	cmd := exec.Command("go", "build", "-ldflags=-s -w", "-o", bin, "./testdata/probe")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return Base{}, fmt.Errorf("compiling the probe: %w: %s", err, out)
	}
	probe, err := os.ReadFile(bin)
	if err != nil {
		return Base{}, err
	}
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	add := func(name string, mode int64, text []byte) {
		_ = w.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: int64(len(text)), ModTime: time.Unix(1700000000, 0)})
		_, _ = w.Write(text)
	}
	add("probe", 0o755, probe)
	add("etc/passwd", 0o644, []byte("root:x:0:0::/root:/probe\napp:x:1000:1001::/home/app:/probe\n"))
	add("etc/group", 0o644, []byte("root:x:0:\napp:x:1001:\n"))
	if err := w.Close(); err != nil {
		return Base{}, err
	}
	var blob bytes.Buffer
	z := gzip.NewWriter(&blob)
	_, _ = z.Write(layer.Bytes())
	_ = z.Close()
	return writeLayout(filepath.Join(dir, "layout"), layer.Bytes(), blob.Bytes())
}

func writeLayout(dir string, layer, blob []byte) (Base, error) {
	put := func(text []byte) (string, error) {
		d := whittle.SHA256(sha256.Sum256(text))
		return string(d), os.WriteFile(filepath.Join(dir, "blobs", "sha256", d.Hex()), text, 0o644)
	}
	if err := os.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o755); err != nil {
		return Base{}, err
	}
	layerDigest, err := put(blob)
	if err != nil {
		return Base{}, err
	}
	config, _ := json.Marshal(map[string]any{
		"architecture": "amd64", "os": "linux",
		"config":  map[string]any{"Env": []string{"PATH=/:/bin", "FROM_BASE=yes"}},
		"rootfs":  map[string]any{"type": "layers", "diff_ids": []string{string(whittle.SHA256(sha256.Sum256(layer)))}},
		"history": []map[string]any{{"created_by": "base"}},
	})
	configDigest, err := put(config)
	if err != nil {
		return Base{}, err
	}
	desc := func(kind, digest string, size int) map[string]any {
		return map[string]any{"mediaType": "application/vnd.oci.image." + kind, "digest": digest, "size": size}
	}
	manifest, _ := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
		"config": desc("config.v1+json", configDigest, len(config)),
		"layers": []any{desc("layer.v1.tar+gzip", layerDigest, len(blob))},
	})
	manifestDigest, err := put(manifest)
	if err != nil {
		return Base{}, err
	}
	index, _ := json.Marshal(map[string]any{
		"schemaVersion": 2, "manifests": []any{desc("manifest.v1+json", manifestDigest, len(manifest))},
	})
	if err := os.WriteFile(filepath.Join(dir, "index.json"), index, 0o644); err != nil {
		return Base{}, err
	}
	err = os.WriteFile(filepath.Join(dir, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644)
	return Base{Layout: dir, Digest: whittle.Digest(manifestDigest)}, err
}

// define is a definition on the base "probe" with the given files as context.
func (f *fixture) define(t *testing.T, dockerfile string, files map[string]string) Definition {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o644); err != nil {
		t.Fatal(err)
	}
	return Definition{Context: dir, Bases: map[string]Base{"probe": f.layout}}
}

func TestNoEngine(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Open(t.Context(), Options{NoDocker: true, Daemon: buildkitd.Options{StateDir: t.TempDir()}})
	if !errors.Is(err, whittle.ErrEngine) {
		t.Errorf("error is %v", err)
	}
	for _, way := range []string{"--engine", "Docker", "buildkitd", "runc"} {
		if !strings.Contains(whittle.Hint(err), way) {
			t.Errorf("hint %q lacks %s", whittle.Hint(err), way)
		}
	}
}

// A remote engine, by each kind of address that needs no other program, and
// one that goes away in the middle of a build and of a run.
func TestRemote(t *testing.T) {
	f := needEngine(t)
	for _, network := range []string{"unix", "tcp"} {
		t.Run(network, func(t *testing.T) {
			p := startProxy(t, network, f.engine.Info().Address)
			e, err := Open(t.Context(), Options{Address: network + "://" + p.Addr().String(), Daemon: buildkitd.Options{Pids: 100}})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			if i := e.Info(); i.Kind != Remote || !i.NamedContexts || !i.Exporter || len(i.Platforms) == 0 {
				t.Errorf("%+v", i)
			} else if len(i.Notes) != 1 || !strings.Contains(i.Notes[0], "--build-pids do nothing here") {
				t.Errorf("notes: %q", i.Notes)
			}
			if r, err := e.Run(t.Context(), f.define(t, "FROM probe\n", nil), []Command{probe("net")}, RunOptions{}); err != nil || !r[0].OK() {
				t.Errorf("%+v, %v", r, err)
			}
			dir := t.TempDir()
			d := f.define(t, "FROM probe\nRUN [\"/probe\", \"sleep\", \"30\"]\n", nil)
			d.NoCache = true
			log := &watcher{wait: "sleeping", then: p.cut}
			_, err = e.Build(t.Context(), d, Output{Archive: filepath.Join(dir, "x.tar"), Log: log})
			if !errors.Is(err, whittle.ErrEngine) || errors.Is(err, whittle.ErrUsage) || !strings.Contains(err.Error(), "went away") {
				t.Errorf("a lost connection: %v", err)
			}
			if left := folder(t, dir); len(left) != 0 {
				t.Errorf("files left: %q", left)
			}
			p.mend()
			time.AfterFunc(time.Second, p.cut)
			_, err = e.Run(t.Context(), f.define(t, "FROM probe\n", nil), []Command{probe("sleep", "30")}, RunOptions{})
			if !errors.Is(err, whittle.ErrEngine) {
				t.Errorf("a connection lost in a run: %v", err)
			}
		})
	}
}

// proxy stands between a client and an engine, and can cut the line.
type proxy struct {
	net.Listener
	mu    sync.Mutex
	broke bool
	conns []net.Conn
}

func startProxy(t *testing.T, network, engine string) *proxy {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "s")
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{Listener: l}
	t.Cleanup(func() { _ = l.Close(); p.cut() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("unix", strings.TrimPrefix(engine, "unix://"))
			if err != nil || p.add(in, out) {
				_ = in.Close()
				continue
			}
			go func() { _, _ = io.Copy(out, in); _ = out.Close() }()
			go func() { _, _ = io.Copy(in, out); _ = in.Close() }()
		}
	}()
	return p
}

func (p *proxy) add(conns ...net.Conn) (broke bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = append(p.conns, conns...)
	return p.broke
}

func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broke = true
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.conns = nil
}

func (p *proxy) mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broke = false
}
