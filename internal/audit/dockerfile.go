package audit

import (
	"path/filepath"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/outdir"
)

// WithStudyDockerfile adds to o the Dockerfile of an image that a study has built.
// Such an image is an archive in the images folder of a study. For other images it
// returns o unchanged.
func WithStudyDockerfile(env *host.Env, img whittle.Image, name string, o InspectOptions) InspectOptions {
	path := strings.TrimPrefix(name, "docker-archive:")
	variant, isTar := strings.CutSuffix(filepath.Base(path), ".tar")
	images := filepath.Dir(path)
	if o.Source != nil || !isTar || filepath.Base(images) != "images" || !filepath.IsLocal(variant) {
		return o
	}
	v, source, ok := outdir.At(filepath.Dir(images), env.Key()).Record(variant, img.Ref().Digest)
	if ok {
		o.Dockerfile, o.Source, o.Target, o.Args, o.Context = v.Dockerfile, source, v.Target, v.Args, v.Context
	}
	return o
}
