package project

import (
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v4"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/project/bake"
	"whittle.dev/whittle/internal/project/compose"
)

// Bake says which Bake files a project has, and what of them counts.
type Bake struct {
	// Files are relative to the project's folder; empty are those that bake finds
	// itself.
	Files Strings `yaml:"files"`
	// Targets are targets and groups; empty is the default group.
	Targets Strings `yaml:"targets"`
}

// UnmarshalYAML reads the mapping, or only its files.
func (b *Bake) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.MappingNode {
		return b.Files.UnmarshalYAML(n)
	}
	type plain Bake
	return n.Decode((*plain)(b))
}

// fromBake gives the variants of the project's Bake files that are not among
// others. What cannot be a variant is noted.
func (p *Project) fromBake(k *Bake, from Outside, others []Variant) ([]Variant, error) {
	outside := p.files(from)
	o := bake.Options{Files: bake.Find(p.Dir), Lookup: outside.Lookup, Read: outside.Read}
	if k != nil {
		o.Targets = k.Targets
		if len(k.Files) > 0 {
			o.Files = nil
			for _, f := range k.Files {
				o.Files = append(o.Files, filepath.Join(p.Dir, filepath.FromSlash(f)))
			}
		}
	}
	if len(o.Files) == 0 {
		if k != nil {
			return nil, whittle.ErrUsage.Errorf("bake: the project has no Bake file")
		}
		return nil, nil
	}
	targets, err := bake.Read(o)
	if err != nil {
		return nil, err
	}
	b := composed{project: p, noun: "target", file: filepath.Base(o.Files[0]), byBuild: map[string]int{}, variants: others}
	for _, v := range others {
		b.byBuild[v.build()] = -1
	}
	for _, t := range targets {
		s := &compose.Service{Name: t.Name, Active: true, Build: &compose.Build{Context: p.bakeContext(t.Context), Dockerfile: t.Dockerfile, Inline: t.Inline, Target: t.Target,
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
		b.add(s)
	}
	out := b.variants[len(others):]
	for i := range out {
		out[i].Starts = nil
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
