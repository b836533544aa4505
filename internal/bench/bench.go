// Package bench builds variants of a project, runs and checks them one at a time, and
// measures how long they take until they are ready.
package bench

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/inputs"
	"whittle.dev/whittle/internal/outdir"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/ready"
)

// Startups is the number of runs that measure a command's start-up time.
const Startups = 5

// Bench builds, runs and checks variants of a project from the files in its folder.
// [New] makes one.
type Bench struct {
	Env     *host.Env
	Project *project.Project
	// Out is the folder of images and logs.
	Out    outdir.Folder
	Bases  map[string]build.Base
	Inputs *inputs.Set
	// Sources are the Dockerfiles by variant.
	Sources map[string][]byte
	// Unpacked is how long unpacking the images took in the last study, in seconds, by
	// variant: of those that are still the same.
	Unpacked map[string]float64
	// Quick builds with the cache, and skips the measured rebuilds and the zstd sizes.
	Quick bool
	// Offline does not ask a registry for a frontend.
	Offline bool
	// Usual is how long builds took in the last study, by variant.
	Usual map[string]time.Duration
	// Trace traces the runs of images where that can be done: see [Bench.Traced].
	Trace bool
	// Without are files of the project, by path in it, that its builds do not get.
	Without []string
	// Bandwidths are those at which the time to ready is shown.
	Bandwidths []whittle.Bandwidth

	engine   *engine
	unpacked ready.Known // layers, so far
	// unpackedFirst is the first image whose time to ready was asked for.
	unpackedFirst *whittle.Variant
	traced        map[string][]audit.TracedRun // by variant
	// trial says that it builds a copy of the project, whose cache is put nowhere.
	trial bool
}

// engine is the build engine that the benches of one study share.
type engine struct {
	builder host.Builder    // nil until the first build needs it
	warmed  map[string]bool // bases that were unpacked before
}

// New is a bench of a project, with the usual bandwidths. Its engine is opened when the
// first build needs it.
func New(env *host.Env, p *project.Project) *Bench {
	return &Bench{Env: env, Project: p, Bandwidths: whittle.Bandwidths(), Sources: map[string][]byte{}, Usual: map[string]time.Duration{}, Unpacked: map[string]float64{}, unpacked: ready.Known{}, traced: map[string][]audit.TracedRun{}, engine: &engine{warmed: map[string]bool{}}}
}

// IsOpen says that a build engine was needed, and is there.
func (b *Bench) IsOpen() bool { return b.engine.builder != nil }

// Close ends the engine.
func (b *Bench) Close() {
	if b.engine.builder != nil {
		b.engine.builder.Close()
	}
}

// InFolder is a bench of a copy of the project, which builds with the cache, and
// writes its images and logs to out.
func (b *Bench) InFolder(dir string, out outdir.Folder, sources map[string][]byte) *Bench {
	next, here := *b, *b.Project
	here.Dir = dir
	next.Project, next.Out, next.Sources, next.Quick, next.trial = &here, out, sources, true, true
	next.Usual = nil // the cache makes them faster
	next.Trace, next.Unpacked = false, nil
	return &next
}

// Inspected are the Dockerfiles that an image of a variant was made by.
func (b *Bench) Inspected(v project.Variant, source []byte) audit.InspectOptions {
	o := audit.InspectOptions{Dockerfile: v.Dockerfile, Source: source, Target: v.Target, Args: v.Args, Below: map[string]audit.InspectOptions{}}
	for name, in := range v.Builds {
		if text, err := b.Project.Source(*in); err == nil { // else it was not built
			o.Below[name] = b.Inspected(*in, text)
		}
	}
	return o
}

// OwnFolder says whether a path in the project is the folder of a study.
func (b *Bench) OwnFolder(rel string, d fs.DirEntry) bool {
	at := filepath.Join(b.Project.Dir, rel)
	return d.IsDir() && (at == b.Out.Dir || d.Name() == outdir.Name || slices.Contains(b.Inputs.CacheFolders(), at))
}

// isBuildFailure says whether an error concerns one variant only, so that the
// study can go on with the next.
func isBuildFailure(ctx context.Context, err error) bool {
	var be *build.Error
	fatal := errors.Is(err, whittle.ErrEngine) || errors.Is(err, whittle.ErrSystem)
	return ctx.Err() == nil && (errors.As(err, &be) || !fatal)
}
