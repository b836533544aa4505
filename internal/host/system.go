package host

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/build/buildkitd"
	"whittle.dev/whittle/internal/git"
	"whittle.dev/whittle/internal/index"
	"whittle.dev/whittle/internal/outdir"
	"whittle.dev/whittle/internal/source"
)

// Limits guard against hostile layers.
type Limits = index.Limits

// BuildLimits bound what builds and runs may take; a zero field is its default.
type BuildLimits struct {
	Memory, Pids int64         // of a private engine's containers: see [buildkitd.Options]
	Time         time.Duration // of one build, by any engine
}

// NoLimit is a field of [BuildLimits] that bounds nothing.
const NoLimit = build.NoLimit

// Networks of a private engine.
const (
	OwnNetwork  = "own"
	HostNetwork = "host"
)

// SystemOptions say how the user's own system is used.
type SystemOptions struct {
	// CacheDir is the folder of the indexes of layers and the private engine's
	// state. If it is empty, nothing is kept.
	CacheDir string
	// CacheLimit bounds the indexes in bytes; 0 is the default.
	CacheLimit int64
	// NoIndexCache reads every layer again.
	NoIndexCache bool
	// VerifyDigests reads all layers and verifies their digests.
	VerifyDigests bool
	// Platform selects an image from an index; nil is this machine's.
	Platform *whittle.Platform
	// Engine is BuildKit's address; empty is $BUILDKIT_HOST, a Docker engine
	// or a private buildkitd, in this order.
	Engine string
	// TempDir is the folder of a private engine's temporary files; empty is the
	// system's.
	TempDir string
	// EngineNetwork is the network of a private engine: [OwnNetwork], or
	// [HostNetwork], with which RUN steps reach everything that listens on this
	// machine's loopback; empty is $WHITTLE_ENGINE_NETWORK, otherwise OwnNetwork.
	EngineNetwork string
	// EngineKeep is the size of a private engine's cache in bytes, and BuildLimits
	// bound builds and runs; zero fields are defaults.
	EngineKeep  int64
	BuildLimits BuildLimits
	// NoIndexes asks no package index, and uses only answers in the cache.
	NoIndexes bool
	// Offline contacts nothing over a network: no registry, no package index, no
	// engine of another machine. Builds use only an engine that whittle starts, whose
	// RUN steps have no network.
	Offline bool
	// Limits guard against hostile layers.
	Limits Limits
	// Progress shows what is going on; nil means silence.
	Progress whittle.Progress
	// Note is told what of an image's place is not in the image; nil means nobody.
	Note func(string)
	// Input is standard input, of which an image named "-" is read; nil where there is
	// none. InputTerminal says that it is a terminal.
	Input         io.Reader
	InputTerminal bool
}

// images opens images where their names say. What cannot be read in place is kept in
// the cache's folder, whose disk has usually more room than that of temporary files.
func (o *SystemOptions) images() Images {
	in := source.Options{Platform: o.Platform, Progress: o.Progress, Note: o.Note, Programs: programs{}, Offline: o.Offline, Spool: &source.Spool{Input: o.Input, Terminal: o.InputTerminal},
		Limits: source.Limits{Unpacked: o.Limits.Unpacked, Ratio: o.Limits.Ratio}}
	if dir := cacheFolder(o.CacheDir, "tmp"); dir != "" && runtime.GOOS != "windows" {
		if _, err := whittle.OwnFolder(dir); err == nil {
			in.TempDir = dir
		}
	}
	return systemImages{in}
}

// System is the outside world of this machine.
func System(o SystemOptions) (*Env, error) {
	if o.Offline && o.Engine != "" {
		return nil, whittle.WithHint(whittle.ErrUsage.Errorf("--offline and --engine %s contradict each other: what another engine contacts is not known", o.Engine),
			"leave one of them out: with --offline, whittle builds with an engine that it starts")
	}
	o.NoIndexes = o.NoIndexes || o.Offline
	var notes []string
	if host := os.Getenv("BUILDKIT_HOST"); o.Offline && host != "" {
		notes = append(notes, "the engine of BUILDKIT_HOST is not used: with --offline, whittle builds with one that it starts")
	}
	if o.CacheDir != "" {
		if _, err := whittle.OwnFolder(o.CacheDir); err != nil {
			notes = append(notes, noteOf("nothing is cached: ", err))
			o.CacheDir = ""
		}
	}
	env := &Env{
		Notes:    notes,
		Images:   o.images(),
		Places:   source.Options{Offline: o.Offline, Progress: o.Progress},
		Packages: o.packages(),
		Dirty:    git.Dirty, Repository: git.Open, Docker: docker,
		Secret:   outdir.UserKey(o.CacheDir),
		Index:    index.Options{Limits: o.Limits, Verify: o.VerifyDigests},
		Machine:  machine(),
		Progress: o.Progress,
	}
	if !o.NoIndexCache && o.CacheDir != "" {
		cache, err := index.OpenCache(filepath.Join(o.CacheDir, "index"), o.CacheLimit)
		if err != nil {
			env.Notes = append(env.Notes, noteOf("layers are read anew each time: ", err))
		} else {
			env.Index.Cache = cache
			env.Program = self()
		}
	}
	if !o.NoIndexes {
		env.Fetch = webFetcher{&http.Client{Timeout: 2 * time.Minute}, env.Listener()}
	}
	if o.Offline {
		env.Docker = nil // what its plugins contact is not known
	}
	env.Engine = func(ctx context.Context, bases bool) (Builder, error) { return openEngine(ctx, o, bases) }
	return env, nil
}

// noteOf is a note with an error and its hint.
func noteOf(what string, err error) string {
	what += err.Error()
	if hint := whittle.Hint(err); hint != "" {
		what += "; " + hint
	}
	return what
}

// openEngine opens the engine. Without a cache, the state of a private engine is
// removed when it is closed.
func openEngine(ctx context.Context, o SystemOptions, bases bool) (Builder, error) {
	options, temporary := engineOptions(o, bases), ""
	if options.Daemon.StateDir == "" {
		var err error
		if temporary, err = os.MkdirTemp("", "whittle-engine-*"); err != nil {
			return nil, whittle.ErrSystem.Errorf("making a folder for the engine's state: %w", err)
		}
		options.Daemon.StateDir = temporary
	}
	e, err := build.Open(ctx, options)
	if err != nil {
		_ = removeState(temporary)
		return nil, err // not the nil engine in an interface
	}
	return engineWithState{e, temporary}, nil
}

// engineWithState is an engine with a folder of state, if not empty, that is
// removed when it is closed.
type engineWithState struct {
	Builder
	state string
}

// Close ends the engine.
func (e engineWithState) Close() error { return errors.Join(e.Builder.Close(), removeState(e.state)) }

func removeState(dir string) error {
	if dir == "" {
		return nil
	}
	return os.RemoveAll(dir)
}

// cacheFolder is a folder in the cache, empty if there is no cache.
func cacheFolder(cache, name string) string {
	if cache == "" {
		return ""
	}
	return filepath.Join(cache, name)
}

func engineOptions(o SystemOptions, bases bool) build.Options {
	address := o.Engine
	if address == "" && !o.Offline {
		address = os.Getenv("BUILDKIT_HOST")
	}
	if o.EngineNetwork == "" {
		o.EngineNetwork = os.Getenv("WHITTLE_ENGINE_NETWORK")
	}
	return build.Options{
		Address:       address,
		NamedContexts: bases,
		NoDocker:      o.Offline,
		Time:          o.BuildLimits.Time,
		Daemon: buildkitd.Options{
			Binary: os.Getenv("WHITTLE_BUILDKITD"), StateDir: cacheFolder(o.CacheDir, "buildkit"), TempDir: o.TempDir,
			HostNetwork: o.EngineNetwork == HostNetwork, NoNetwork: o.Offline,
			Keep: o.EngineKeep, Memory: o.BuildLimits.Memory, Pids: o.BuildLimits.Pids,
		},
	}
}

// ImageFolder says whether a folder holds an image, and no project.
func ImageFolder(dir string) bool { return source.ImageFolder(dir) }

type systemImages struct{ o source.Options }

func (s systemImages) Open(ctx context.Context, name string) (whittle.Image, error) {
	return source.Open(ctx, name, s.o)
}

// machine describes this machine as far as that is known.
func machine() whittle.Machine {
	m := whittle.Machine{OS: runtime.GOOS, Architecture: runtime.GOARCH, Cores: runtime.NumCPU()}
	m.CPU = procField("/proc/cpuinfo", "model name")
	if kb, ok := strings.CutSuffix(procField("/proc/meminfo", "MemTotal"), " kB"); ok {
		n, _ := strconv.ParseInt(kb, 10, 64)
		m.Memory = n * 1024
	}
	return m
}

// procField is the value of the first line "name: value" of a file in Linux's
// /proc; empty elsewhere.
func procField(file, name string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if key, value, ok := strings.Cut(sc.Text(), ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// webFetcher reads over HTTP.
type webFetcher struct {
	client   *http.Client
	progress whittle.Progress
}

// Fetch implements [Fetcher].
func (f webFetcher) Fetch(ctx context.Context, url string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, whittle.ErrUsage.Errorf("asking for an index: %w", err)
	}
	resp, err := f.client.Do(req)
	if err != nil {
		return nil, whittle.ErrEngine.Errorf("asking for an index: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, whittle.ErrEngine.Errorf("asking for an index: %s", resp.Status)
	}
	task := f.progress.Begin(whittle.Work{Name: "reading " + path.Base(url), Bytes: true, Total: max(resp.ContentLength, 0), Kept: slowAnswer})
	return &watchedBody{ReadCloser: resp.Body, task: task, total: max(resp.ContentLength, 0)}, nil
}

// self identifies the file of this program and its version, as a layer's file is
// identified; empty if that is not sure.
func self() string {
	name, err := os.Executable()
	if err != nil {
		return ""
	}
	info, err := os.Stat(name)
	if err != nil {
		return ""
	}
	return source.FileIdentity(info)
}
