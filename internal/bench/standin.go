package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/outdir"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/source"
)

// ArchiveScheme begins the names of images that a study has built.
const ArchiveScheme = "docker-archive:"

// NotRun begins the note that an image was not run.
const NotRun = "nothing was run: "

// standInBase names an image in the Dockerfile that only runs it.
const standInBase = "whittle-stand-in"

// ImageOf is the name by which a variant's image is opened.
func (b *Bench) ImageOf(v *whittle.Variant) string {
	return cmp.Or(v.Build.Image, ArchiveScheme+b.Out.Path(v.Build.Archive))
}

// StandIn measures, checks and runs an image in place of a build. Without a build
// engine it is not run.
func (b *Bench) StandIn(ctx context.Context, v project.Variant, ref string) (*whittle.Variant, error) {
	b.Env.Listener().Step(fmt.Sprintf("variant %s: %s stands in for its build", v.Name, ref))
	out := &whittle.Variant{Name: v.Name, Context: v.Context, Dockerfile: v.Dockerfile, Target: v.Target, Args: v.Args,
		Build: whittle.BuildFacts{Status: whittle.Built, Image: ref, Log: outdir.LogPath(v.Name), Date: b.Env.Time().UTC().Format(time.RFC3339),
			Notes: []string{ref + " stands in for the build: there are no times of a build and a rebuild, and no size with zstd"}},
		Run: whittle.RunFacts{Status: whittle.Unknown, Commands: []whittle.CommandRun{}}}
	log, err := b.Out.Create(out.Build.Log)
	if err != nil {
		return nil, whittle.ErrSystem.Errorf("writing the log: %w", err)
	}
	defer log.Close()
	var d build.Definition
	switch err := b.Open(ctx); {
	case err == nil:
		out.Build.Engine = b.engineFacts()
		dir, err := os.MkdirTemp(b.Out.Dir, outdir.TrialsPattern)
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
		out.Build.Notes = append(out.Build.Notes, NotRun+whittle.OneLine(err.Error()))
	}
	return out, b.run(ctx, d, v, out, log)
}

// runnable is the definition of a build that only hands an image to the engine.
func (b *Bench) runnable(ctx context.Context, v project.Variant, ref, dir string) (d build.Definition, err error) {
	img, err := b.Env.Images.Open(ctx, ref)
	if err != nil {
		return d, err
	}
	defer img.Close()
	b.Env.Listener().Step("handing " + ref + " to the build engine")
	digest, err := source.WriteLayout(ctx, img, dir)
	if err != nil {
		return d, err
	}
	d = build.Definition{Content: []byte("FROM " + standInBase + "\n"), Dockerfile: v.Dockerfile, Platform: img.Config().Platform().String(), Offline: true, Bases: maps.Clone(b.Bases)}
	if d.Bases == nil {
		d.Bases = map[string]build.Base{}
	}
	d.Bases[standInBase] = build.Base{Layout: dir, Digest: digest}
	b.Inputs.AddTo(&d)
	return d, nil
}
