package lab

import (
	"context"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/forecast"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/rule/distribution"
)

// requirementsDiff is the effect of a change of the project's files on an image's
// distributions: the requirements that it would install in addition, and the
// positions of installed distributions that nothing would need any more.
type requirementsDiff struct {
	added   []string
	removed []int
}

// projectFiles are a variant's Dockerfile and the project's declarations in a state.
type projectFiles struct {
	dockerfile *dockerfile.File
	declared   *manifest.Declared
}

// projectFiles checks a state out and reads its files.
func (w *workshop) projectFiles(v project.Variant, s state) (out projectFiles, err error) {
	if err := w.copy.Checkout(s); err != nil {
		return out, err
	}
	out.declared, _ = manifest.ReadDeclared(whittle.Folder(w.contextDir(v))) // what cannot be read declares nothing
	source, err := w.dockerfile(&v)
	if err != nil {
		return out, err
	}
	f, err := dockerfile.Parse(v.Dockerfile, source)
	if err != nil {
		return out, err
	}
	out.dockerfile = f.With(v.Args)
	return out, nil
}

// requirementsDiff compares what the variant's image installs with what it would
// install from the files of a state.
func (w *workshop) requirementsDiff(v project.Variant, x advisedImage, s state) (out requirementsDiff, err error) {
	if x.image.Facts.Graph == nil || x.image.Facts.Declared == nil || x.image.Facts.Dockerfile == nil {
		return out, nil
	}
	if err := w.copy.Checkout(x.trial.state); err != nil {
		return out, err
	}
	before := distribution.Installs(x.image.Facts)
	next, err := w.projectFiles(v, s)
	if err != nil || next.declared == nil {
		return out, err
	}
	then := *x.image.Facts
	then.Declared, then.Dockerfile = next.declared, next.dockerfile
	after := distribution.Installs(&then)
	for _, d := range after {
		_, installed := x.image.Facts.Graph.Find(d.Name)
		if applies, err := d.Marker.Evaluate(x.image.Environment, ""); !installed && err == nil && applies && !declares(before, d.Name) && !slices.Contains(out.added, d.Text) {
			out.added = append(out.added, d.Text)
		}
	}
	var gone []string
	for _, d := range before {
		if !declares(after, d.Name) {
			gone = append(gone, d.Name)
		}
	}
	out.removed = distribution.Freed(x.image.Facts, gone)
	return out, nil
}

func declares(all []manifest.Dependency, name string) bool {
	return slices.ContainsFunc(all, func(d manifest.Dependency) bool { return pep.Normalize(d.Name) == pep.Normalize(name) })
}

// change is the effect on the image's bytes. The removed bytes are exact; the
// added ones come from the package index.
func (r requirementsDiff) change(ctx context.Context, env *host.Env, x *audit.Examined) whittle.LayerChange {
	c := distribution.Without(x.Facts, r.removed)
	if len(r.added) > 0 {
		c.Minus, c.Plus, _ = x.Growth(ctx, env, r.added)
	}
	return c
}

// weights are the sizes of the distributions that the added requirements install,
// after the clean-up; ok is false if the package index does not tell.
func (r requirementsDiff) weights(ctx context.Context, env *host.Env, x *audit.Examined, clean forecast.Cleanup) ([]forecast.Weight, bool) {
	if len(r.added) == 0 {
		return nil, true
	}
	ctx, cancel := context.WithTimeout(ctx, audit.ResolvePatience)
	defer cancel()
	installed := x.InstalledExcept(r.removed)
	res, in, ok := x.Resolve(ctx, env, r.added, installed)
	if !ok {
		return nil, false
	}
	all, err := forecast.CleanWeights(ctx, env.Packages, res, in, clean)
	if err != nil {
		return nil, false
	}
	return slices.DeleteFunc(all, func(w forecast.Weight) bool { return installed[w.Name] != "" }), true
}

// predictShared sets the candidates' effects on the images of other variants: a
// fix of the project's declarations changes all images that install from them.
func (p *prover) predictShared(ctx context.Context, cands []*candidate) error {
	for _, c := range cands {
		if c.own || !slices.ContainsFunc(c.finding.Fix.Patches, func(f whittle.Patch) bool { return !slices.Contains(p.workshop.dockerfiles(), f.File) }) {
			continue
		}
		c.shared = map[string]whittle.LayerChange{}
		for _, v := range p.workshop.bench.Project.Variants {
			x, ok := p.images.byVariant[v.Name]
			if _, shown := c.prints[v.Name]; !ok || shown {
				continue
			}
			next, _, err := p.workshop.mergeFindings(p.state, []whittle.Finding{c.finding})
			if err != nil {
				return err
			}
			r, err := p.workshop.requirementsDiff(v, x, next)
			if err != nil {
				return err
			}
			if len(r.added)+len(r.removed) > 0 {
				c.shared[v.Name] = r.change(ctx, p.workshop.bench.Env, x.image)
			}
		}
	}
	return ctx.Err()
}
