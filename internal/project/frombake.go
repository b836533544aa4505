package project

import (
	"context"
	"path/filepath"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/project/bake"
	"whittle.dev/whittle/internal/project/compose"
)

// fromBake gives the variants of the project's Bake files that are not among
// others. What cannot be a variant is noted.
func (p *Project) fromBake(ctx context.Context, k *BuildFiles, from Outside, others []Variant) ([]Variant, error) {
	outside := p.files(from)
	o := bake.Options{Dir: p.Dir, Files: k.paths(p.Dir, bake.Find(p.Dir)), Lookup: outside.Lookup, Read: outside.Read, Docker: from.Docker}
	if k != nil {
		o.Targets = k.Targets
	}
	if len(o.Files) == 0 {
		if k != nil {
			return nil, whittle.ErrUsage.Errorf("bake: the project has no Bake file")
		}
		return nil, nil
	}
	targets, err := bake.Read(ctx, o)
	if err != nil {
		return nil, err
	}
	b := composed{project: p, noun: "target", file: filepath.Base(o.Files[0]), files: o.Files, model: &compose.Model{}, byBuild: map[string]int{}, variants: others}
	for _, v := range others {
		b.byBuild[v.build()] = -1
	}
	for _, t := range targets {
		s := compose.Service{Name: t.Name, Active: true, Build: &compose.Build{Context: p.bakeContext(t.Context), Dockerfile: t.Dockerfile, Inline: t.Inline, Target: t.Target,
			Args: t.Args, Contexts: map[string]string{}, Platforms: t.Platforms, SSH: t.SSH}}
		for name, context := range t.Contexts {
			s.Build.Contexts[name] = p.bakeContext(context)
		}
		for _, one := range t.Secrets {
			if one.File != "" {
				one.File = Place(p.Dir, one.File, Lookup(outside.Lookup))
			}
			s.Build.Secrets = append(s.Build.Secrets, compose.Secret(one))
		}
		if t.Linked {
			b.parts = append(b.parts, t.Name)
		}
		b.model.Services = append(b.model.Services, s)
	}
	for i := range b.model.Services {
		b.add(&b.model.Services[i])
	}
	b.markBases()
	out := b.variants[len(others):]
	for i := range out {
		if !out[i].OnlyBase {
			out[i].Starts = nil
		}
	}
	return out, nil
}

// bakeContext is the place of a context of a Bake file.
func (p *Project) bakeContext(context string) string {
	context = strings.TrimPrefix(context, "cwd://")
	if remote.MatchString(context) {
		return context
	}
	return p.folder(context)
}
