package audit

import (
	"path/filepath"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/outdir"
)

// WithStudyDockerfile finds the Dockerfile of an image that a study left behind, by the
// image's name: the archive lies in the study's images folder. It gives o
// unchanged for any other image.
func WithStudyDockerfile(env *host.Env, img whittle.Image, name string, o InspectOptions) InspectOptions {
	path := strings.TrimPrefix(name, "docker-archive:")
	variant, isTar := strings.CutSuffix(filepath.Base(path), ".tar")
	images := filepath.Dir(path)
	if o.Source != nil || !isTar || filepath.Base(images) != "images" || !filepath.IsLocal(variant) {
		return o
	}
	v, source, ok := outdir.At(filepath.Dir(images), env.Key()).Record(variant, img.Ref().Digest)
	if ok {
		o.Dockerfile, o.Source, o.Target, o.Args = v.Dockerfile, source, v.Target, v.Args
	}
	return o
}
