package lab

import (
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/inputs"
	"whittle.dev/whittle/internal/outdir"
	"whittle.dev/whittle/internal/project"
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
	// trial says that it builds a copy of the project, whose cache is put nowhere.
	trial bool
}

// engine is the build engine that the benches of one study share.
type engine struct {
	builder host.Builder    // nil until the first build needs it
	warmed  map[string]bool // bases that were unpacked before
}

func newBench(env *host.Env, p *project.Project, o StudyOptions) *bench {
	return &bench{env: env, project: p, quick: o.Quick, offline: o.Offline, sources: map[string][]byte{}, engine: &engine{warmed: map[string]bool{}}}
}

// inFolder is a bench of a copy of the project, which builds with the cache, and
// writes its images and logs to out.
func (b *bench) inFolder(dir string, out outdir.Folder, sources map[string][]byte) *bench {
	next, here := *b, *b.project
	here.Dir = dir
	next.project, next.out, next.sources, next.quick, next.trial = &here, out, sources, true, true
	return &next
}
