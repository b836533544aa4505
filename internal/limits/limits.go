// Package limits lists the limits on the resources that whittle uses.
package limits

import (
	"fmt"
	"strings"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/build/buildkitd"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/dockerfile/ignore"
	"whittle.dev/whittle/internal/fleet/names"
	"whittle.dev/whittle/internal/fleet/work"
	"whittle.dev/whittle/internal/index"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/pypi"
	"whittle.dev/whittle/internal/resolve"
	"whittle.dev/whittle/internal/runs"
	"whittle.dev/whittle/internal/serve"
	"whittle.dev/whittle/internal/serve/jobs"
	"whittle.dev/whittle/internal/source"
	"whittle.dev/whittle/internal/source/catalog"
	"whittle.dev/whittle/internal/trace"
)

// Bound is a limit on the resources that whittle uses.
type Bound struct {
	// About names the group; What is bounded, with its unit; Value is the default;
	// Option changes it, and is empty if there is none.
	About, What, Value, Option string
}

// Bounds are all limits that a user can reach, with their defaults.
func Bounds() []Bound {
	image, parts, wait := index.DefaultLimits(), source.DefaultLimits(), source.DefaultDeadlines()
	const (
		ofImage    = "An image, all its layers together"
		ofParts    = "The metadata of an image"
		ofProject  = "A file of a project"
		ofRegistry = "A registry"
		ofIndex    = "A package index"
		ofBuilds   = "Builds and runs"
		ofPage     = "The local page"
		ofFleet    = "A fleet"
		ofDisk     = "Caches on the disk"
	)
	return []Bound{
		{ofImage, "tar entries", whittle.Thousands(int64(image.Entries)), "--max-entries"},
		{ofImage, "bytes, uncompressed", inUnits(image.Unpacked), "--max-size"},
		{ofImage, "bytes of a name", whittle.Thousands(int64(image.Name)), "--max-name"},
		{ofImage, "memory of the tables of entries", inUnits(image.Memory), "--max-memory"},
		{ofImage, "uncompressed bytes for each stored one, of a large layer", whittle.Thousands(image.Ratio), "--max-ratio"},
		{ofParts, "a manifest", inUnits(parts.Manifest), ""},
		{ofParts, "a configuration", inUnits(parts.Config), ""},
		{ofParts, "files in an archive", whittle.Thousands(int64(parts.Files)), ""},
		{ofParts, "manifests that indexes list", whittle.Thousands(int64(parts.Manifests)), ""},
		{ofParts, "indexes in indexes", whittle.Thousands(int64(parts.Nested)), ""},
		{ofProject, "Dockerfile", inUnits(dockerfile.MaxSize), ""},
		{ofProject, "whittle.yaml", inUnits(project.MaxConfig), ""},
		{ofProject, "a file of environment variables", inUnits(project.MaxEnvFile), ""},
		{ofProject, "the value of an environment variable", inUnits(project.MaxValue), ""},
		{ofProject, "all environment variables of a container", inUnits(project.MaxEnvironment), ""},
		{ofProject, "patterns of .dockerignore", whittle.Thousands(ignore.MaxPatterns), ""},
		{ofProject, "a file that declares dependencies", inUnits(manifest.MaxDeclared), ""},
		{ofProject, "all of them together", inUnits(manifest.MaxDeclaredBytes), ""},
		{ofProject, "declared dependencies", whittle.Thousands(manifest.MaxDependencies), ""},
		{ofProject, "any other text", inUnits(whittle.MaxText), ""},
		{ofRegistry, "a connection and its TLS", inOneUnit(wait.Connect), ""},
		{ofRegistry, "until the first byte of an answer", inOneUnit(wait.Answer), ""},
		{ofRegistry, "a whole manifest, configuration or login", inOneUnit(wait.Document), ""},
		{ofRegistry, "opening an image, in all", inOneUnit(4 * wait.Document), ""},
		{ofRegistry, fmt.Sprintf("a layer that brings less than %s", whittle.Bytes(wait.Bytes)), inOneUnit(wait.Stall), ""},
		{ofRegistry, "redirects of one request", whittle.Thousands(source.MaxRedirects), ""},
		{ofIndex, "one question whose answer is not essential", inOneUnit(resolve.Patience), "--no-package-index"},
		{ofIndex, "all questions of one resolution", inOneUnit(audit.ResolvePatience), "--no-package-index"},
		{ofBuilds, "share of the memory, for all RUN steps and runs", "3/4", "--build-memory"},
		{ofBuilds, "processes and threads in them", whittle.Thousands(buildkitd.DefaultPids), "--build-pids"},
		{ofBuilds, "one build, by any engine", inOneUnit(build.DefaultTime), "--build-timeout"},
		{ofBuilds, "one run of a command", inOneUnit(runs.Limit), ""},
		{ofBuilds, "one run of what the image starts (with check: 10 s)", inOneUnit(runs.Patience), "check --patience"},
		{ofBuilds, "the project's tests", inOneUnit(runs.TestsLimit), ""},
		{ofBuilds, "paths that a traced run touches or misses", whittle.Thousands(trace.MaxPaths), ""},
		{ofBuilds, "the log of a traced run", inUnits(trace.MaxLog), ""},
		{ofBuilds, "the file of --trace", inUnits(whittle.MaxTrace), ""},
		{ofPage, "a form that is sent", inUnits(serve.MaxBody), ""},
		{ofPage, "what is shown of a file", inUnits(serve.MaxShow), ""},
		{ofPage, "a file that is given whole", inUnits(serve.MaxFile), ""},
		{ofPage, "the report of a study", inUnits(serve.MaxStudy), ""},
		{ofPage, "the log of a job", inUnits(jobs.MaxLog), ""},
		{ofPage, "jobs that have ended and are kept", whittle.Thousands(jobs.MostKept), ""},
		{ofPage, "images that are compared at once", whittle.Thousands(serve.MaxCompared), ""},
		{ofFleet, "repositories of a registry, and tags of one", whittle.Thousands(catalog.Most), ""},
		{ofFleet, "a Kubernetes manifest", inUnits(names.MaxManifest), ""},
		{ofFleet, "attempts to read an image or a layer", whittle.Thousands(work.Failures), ""},
		{ofDisk, "the build engine's cache", whittle.Bytes(buildkitd.DefaultKeep), "--engine-keep"},
		{ofDisk, "indexes of layers", inUnits(index.DefaultCacheSize), ""},
		{ofDisk, "listings of package indexes", inUnits(pypi.CacheSize), ""},
	}
}

// inUnits formats a size in the largest binary unit that divides it.
func inUnits(n int64) string {
	for _, unit := range []struct {
		bits int
		name string
	}{{30, "GiB"}, {20, "MiB"}, {10, "KiB"}} {
		if n>>unit.bits > 0 && n&(1<<unit.bits-1) == 0 {
			return fmt.Sprintf("%d %s", n>>unit.bits, unit.name)
		}
	}
	return whittle.Thousands(n) + " B"
}

// inOneUnit formats a time in its largest whole unit: "45 s", "2 min", "2 h".
func inOneUnit(d time.Duration) string {
	switch {
	case d%time.Hour == 0:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return strings.TrimSuffix(d.String(), "s") + " s"
}
