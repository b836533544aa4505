package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/outdir"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/source"
)

// archiveScheme begins the names of images that a study has built.
const archiveScheme = "docker-archive:"

// notRun begins the note that an image was not run.
const notRun = "nothing was run: "

// standInBase names an image in the Dockerfile that only runs it.
const standInBase = "whittle-stand-in"

// imageOf is the name by which a variant's image is opened.
func (b *bench) imageOf(v *whittle.Variant) string {
	return cmp.Or(v.Build.Image, archiveScheme+b.out.Path(v.Build.Archive))
}

// standIns are the images that stand in for builds, by variant. They have to be
// there: that is known before anything is built.
func standIns(ctx context.Context, env *host.Env, p *project.Project, o StudyOptions) (map[string]string, error) {
	if len(o.Images) == 0 {
		return nil, nil
	}
	var names []string
	for _, v := range p.Variants {
		names = append(names, v.Name)
	}
	out := map[string]string{}
	for _, text := range o.Images {
		name, ref, ok := strings.Cut(text, "=")
		_, noFile := os.Lstat(text)
		switch {
		case ok && ref == "" || text == "":
			return nil, whittle.WithHint(whittle.ErrUsage.Errorf("--image %q names no image", text), "write --image VARIANT=IMAGE")
		case ok && slices.Contains(names, name):
		case ok && variantLike.MatchString(name) && noFile != nil:
			return nil, whittle.WithHint(whittle.ErrUsage.Errorf("--image %s: no variant is named %q", text, name), whittle.DidYouMean(name, names, "the variants are "+strings.Join(names, ", ")))
		case len(names) == 1:
			name, ref = names[0], text
		default:
			return nil, whittle.WithHint(whittle.ErrUsage.Errorf("--image %s does not say for which variant it stands in", text), "write --image VARIANT=IMAGE; the variants are "+strings.Join(names, ", "))
		}
		if out[name] != "" {
			return nil, whittle.ErrUsage.Errorf("two images stand in for variant %s", name)
		}
		img, err := env.Images.Open(ctx, ref)
		if err != nil {
			return nil, fmt.Errorf("--image %s: %w", text, err)
		}
		img.Close()
		out[name] = ref
	}
	return out, nil
}

// variantLike is what a variant may be named: no path, and no image with a scheme.
var variantLike = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// standIn measures, checks and runs an image in place of a build. Without a build
// engine it is not run.
func (b *bench) standIn(ctx context.Context, v project.Variant, ref string) (*whittle.Variant, error) {
	b.env.Listener().Step(fmt.Sprintf("variant %s: %s stands in for its build", v.Name, ref))
	out := &whittle.Variant{Name: v.Name, Context: v.Context, Dockerfile: v.Dockerfile, Target: v.Target, Args: v.Args,
		Build: whittle.BuildFacts{Status: whittle.Built, Image: ref, Log: outdir.LogPath(v.Name), Date: b.env.Time().UTC().Format(time.RFC3339),
			Notes: []string{ref + " stands in for the build: there are no times of a build and a rebuild, and no size with zstd"}},
		Run: whittle.RunFacts{Status: whittle.Unknown, Commands: []whittle.CommandRun{}}}
	log, err := b.out.Create(out.Build.Log)
	if err != nil {
		return nil, whittle.ErrSystem.Errorf("writing the log: %w", err)
	}
	defer log.Close()
	var d build.Definition
	switch err := b.openEngine(ctx); {
	case err == nil:
		out.Build.Engine = b.engineFacts()
		dir, err := os.MkdirTemp(b.out.Dir, outdir.TrialsPattern)
		if err != nil {
			return nil, whittle.ErrSystem.Errorf("making a folder for the image: %w", err)
		}
		defer os.RemoveAll(dir)
		if d, err = b.runnable(ctx, v, ref, dir); err != nil {
			return nil, err
		}
	case ctx.Err() != nil || !errors.Is(err, whittle.ErrEngine):
		return nil, err
	default:
		out.Build.Notes = append(out.Build.Notes, notRun+whittle.OneLine(err.Error()))
	}
	return out, b.run(ctx, d, v, out, log)
}

// runnable is the definition of a build that only hands an image to the engine.
func (b *bench) runnable(ctx context.Context, v project.Variant, ref, dir string) (d build.Definition, err error) {
	img, err := b.env.Images.Open(ctx, ref)
	if err != nil {
		return d, err
	}
	defer img.Close()
	b.env.Listener().Step("handing " + ref + " to the build engine")
	digest, err := source.WriteLayout(ctx, img, dir)
	if err != nil {
		return d, err
	}
	d = build.Definition{Content: []byte("FROM " + standInBase + "\n"), Dockerfile: v.Dockerfile, Platform: img.Config().Platform().String(), Offline: true, Bases: maps.Clone(b.bases)}
	if d.Bases == nil {
		d.Bases = map[string]build.Base{}
	}
	d.Bases[standInBase] = build.Base{Layout: dir, Digest: digest}
	b.inputs.AddTo(&d)
	return d, nil
}

// isStrange says that an image stands in for a build and was evidently not made by
// its Dockerfile: no instruction that makes a layer is one of the image's steps.
func isStrange(v *whittle.Variant, s *audit.Subject) bool {
	return v.Build.Image != "" && s.Made > 0 && s.Matched == 0
}

// strangeNote says how far the steps of an image that stands in for a build are those
// of its Dockerfile. It is empty if all are.
func strangeNote(v *whittle.Variant, s *audit.Subject) string {
	switch {
	case v.Build.Image == "" || s.Matched == s.Made:
		return ""
	case s.Matched == 0:
		return fmt.Sprintf("%s was not made by %s, as none of its instructions is a step of the image: there are no fixes", v.Build.Image, v.Dockerfile)
	}
	return fmt.Sprintf("%d of the %d instructions of %s that make layers are no steps of %s: an argument has another value, or the file was changed since", s.Made-s.Matched, s.Made, v.Dockerfile, v.Build.Image)
}

// noteStandIn adds to advice what an image that stands in for a build leaves open. If
// its Dockerfile has not made it, there are no fixes.
func noteStandIn(a *whittle.Advice, v *whittle.Variant, s *audit.Subject) {
	if v.Build.Image == "" {
		return
	}
	if note := strangeNote(v, s); note != "" {
		a.Notes = append(a.Notes, note)
	}
	for _, note := range v.Build.Notes {
		if strings.HasPrefix(note, notRun) {
			a.Notes = append(a.Notes, note)
		}
	}
	if !isStrange(v, s) {
		return
	}
	for i := range a.Findings {
		a.Findings[i].Fix = nil
	}
	a.Fixable = whittle.Saving{}
}
