package lab

import (
	"bufio"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"whittle"
	"whittle/internal/build"
	"whittle/internal/index"
	"whittle/internal/source"
)

// Limits guard against hostile layers.
type Limits = index.Limits

// SystemOptions say how the user's own system is used.
type SystemOptions struct {
	// CacheDir holds the indexes of layers and the private engine's state.
	CacheDir string
	// CacheLimit bounds the indexes in bytes; 0 is the default.
	CacheLimit int64
	// NoIndexCache reads every layer anew.
	NoIndexCache bool
	// Platform picks from indexes; nil is this machine's.
	Platform *whittle.Platform
	// Engine is BuildKit's address; empty is $BUILDKIT_HOST, a Docker engine
	// or a private buildkitd, in this order.
	Engine string
	// Limits guard against hostile layers.
	Limits Limits
	// Progress gets lines about long work; nil means silence.
	Progress Progress
}

// System is the outside world of this machine.
func System(o SystemOptions) (*Env, error) {
	env := &Env{
		Images:   systemImages{source.Options{Platform: o.Platform}},
		Index:    index.Options{Limits: o.Limits, Keep: keepDatabases, KeepName: databasesVersion, KeepToo: []string{factsVersion}},
		Machine:  machine(),
		Progress: o.Progress,
	}
	if !o.NoIndexCache {
		cache, err := index.OpenCache(filepath.Join(o.CacheDir, "index"), o.CacheLimit)
		if err != nil {
			return nil, err
		}
		env.Index.Cache = cache
	}
	env.Engine = func(ctx context.Context, bases bool) (Builder, error) {
		e, err := build.Open(ctx, engineOptions(o, bases))
		if err != nil {
			return nil, err // not the nil engine in an interface
		}
		return e, nil
	}
	return env, nil
}

func engineOptions(o SystemOptions, bases bool) build.Options {
	address := o.Engine
	if address == "" {
		address = os.Getenv("BUILDKIT_HOST")
	}
	return build.Options{
		Address:       address,
		NamedContexts: bases,
		Buildkitd:     os.Getenv("WHITTLE_BUILDKITD"),
		StateDir:      filepath.Join(o.CacheDir, "buildkit"),
	}
}

type systemImages struct{ o source.Options }

func (s systemImages) Open(ctx context.Context, name string) (whittle.Image, error) {
	return source.Open(ctx, name, s.o)
}

// machine describes this machine, as far as it says.
func machine() whittle.Machine {
	m := whittle.Machine{OS: runtime.GOOS, Architecture: runtime.GOARCH, Cores: runtime.NumCPU()}
	m.CPU = procField("/proc/cpuinfo", "model name")
	if kb, ok := strings.CutSuffix(procField("/proc/meminfo", "MemTotal"), " kB"); ok {
		n, _ := strconv.ParseInt(kb, 10, 64)
		m.Memory = n * 1024
	}
	return m
}

// procField is the value of the first line "name: value" of a file of
// Linux's; empty elsewhere.
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
