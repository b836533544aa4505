package lab

import (
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

// bench builds, runs and checks variants of a project from the files in its folder.
type bench struct {
	env     *host.Env
	project *project.Project
	// out is the folder of images and logs.
	out    outdir.Folder
	bases  map[string]build.Base
	inputs *inputs.Set
	// sources are the Dockerfiles by variant.
	sources map[string][]byte
	// quick and offline are as in [StudyOptions].
	quick, offline bool
	engine         *engine
	trace          *whittle.Trace // as in [StudyOptions]
	// usual is how long builds took in the last study, by variant.
	usual      map[string]time.Duration
	bandwidths []whittle.Bandwidth // see [StudyOptions]
	unpacked   ready.Known         // layers, so far
	// unpackedFirst is the first image whose time to ready was asked for.
	unpackedFirst *whittle.Variant
	// trial says that it builds a copy of the project, whose cache is put nowhere.
	trial bool
}

// engine is the build engine that the benches of one study share.
type engine struct {
	builder host.Builder    // nil until the first build needs it
	warmed  map[string]bool // bases that were unpacked before
}

func newBench(env *host.Env, p *project.Project, o StudyOptions) *bench {
	bandwidths := o.Bandwidths
	if len(bandwidths) == 0 {
		bandwidths = whittle.Bandwidths()
	}
	return &bench{bandwidths: bandwidths, unpacked: ready.Known{}, env: env, project: p, quick: o.Quick, offline: o.Offline, trace: o.Trace, sources: map[string][]byte{}, usual: map[string]time.Duration{}, engine: &engine{warmed: map[string]bool{}}}
}

// inFolder is a bench of a copy of the project, which builds with the cache, and
// writes its images and logs to out.
func (b *bench) inFolder(dir string, out outdir.Folder, sources map[string][]byte) *bench {
	next, here := *b, *b.project
	here.Dir = dir
	next.project, next.out, next.sources, next.quick, next.trial = &here, out, sources, true, true
	next.usual = nil // the cache makes them faster
	return &next
}

// inspected are the Dockerfiles that an image of a variant was made by.
func (b *bench) inspected(v project.Variant, source []byte) audit.InspectOptions {
	o := audit.InspectOptions{Dockerfile: v.Dockerfile, Source: source, Target: v.Target, Args: v.Args, Below: map[string]audit.InspectOptions{}}
	for name, in := range v.Builds {
		if text, err := b.project.Source(*in); err == nil { // else it was not built
			o.Below[name] = b.inspected(*in, text)
		}
	}
	return o
}
