package project

import (
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle"
)

// ContextDir is the folder that the build of a variant gets.
func (p *Project) ContextDir(v Variant) string { return p.folder(v.Context) }

// folder is the place of a context.
func (p *Project) folder(context string) string {
	if filepath.IsAbs(context) {
		return context
	}
	return filepath.Join(p.Dir, filepath.FromSlash(context))
}

// Folders are the variant's named contexts that are folders.
func (p *Project) Folders(v Variant) map[string]string {
	out := map[string]string{}
	for name, value := range v.Contexts {
		if !strings.HasPrefix(value, ImageContext) {
			out[name] = p.folder(value)
		}
	}
	return out
}

// WithBuilds are the variant and those that its image is made of.
func (v Variant) WithBuilds() []Variant {
	out := []Variant{v}
	for _, name := range slices.Sorted(maps.Keys(v.Builds)) {
		out = append(out, v.Builds[name].WithBuilds()...)
	}
	return out
}

// BasesFirst are the variants in an order in which each is built after those that it is
// made of: it then has their layers.
func (p *Project) BasesFirst() []Variant {
	all := slices.Clone(p.Variants)
	slices.SortStableFunc(all, func(a, b Variant) int {
		if !a.IsBase || !b.IsBase {
			return -whittle.CompareBools(a.IsBase, b.IsBase)
		}
		return len(a.WithBuilds()) - len(b.WithBuilds())
	})
	return all
}

// HasBases says that a variant is made of others.
func (p *Project) HasBases() bool {
	return slices.ContainsFunc(p.Variants, func(v Variant) bool { return len(v.Builds) > 0 })
}

// IsBase says that other variants are made of the one with a name.
func (p *Project) IsBase(name string) bool {
	return slices.ContainsFunc(p.Variants, func(v Variant) bool { return v.Name == name && v.IsBase })
}

// InContext is the path in a variant's context of a path in the project; ok is
// false if the context does not hold it.
func (v Variant) InContext(name string) (rel string, ok bool) {
	name = path.Clean(filepath.ToSlash(name))
	switch {
	case v.Context == "":
		return name, filepath.IsLocal(name)
	case filepath.IsAbs(v.Context):
		return "", false
	case name == v.Context:
		return ".", true
	}
	return strings.CutPrefix(name, v.Context+"/")
}

// place finds a variant's contexts: links are followed, and what lies in the
// project is named from its folder.
func (p *Project) place(v *Variant, shown string) error {
	var err error
	if v.Context, err = p.placed(v.Context); err == nil && v.Context != "" {
		if _, above := whittle.Below(p.ContextDir(*v), p.Dir); above {
			err = whittle.WithHint(whittle.ErrUsage.Errorf("the context %s holds the project's folder", p.ContextDir(*v)), "name that folder in place of "+shown)
		}
	}
	for name, value := range v.Contexts {
		if err == nil && !strings.HasPrefix(value, ImageContext) {
			v.Contexts[name], err = p.placed(value)
		}
	}
	if err != nil {
		return whittle.ErrUsage.Errorf("variant %s: %w", v.Name, err)
	}
	if filepath.IsAbs(v.Dockerfile) {
		v.Dockerfile = whittle.WithoutLinks(v.Dockerfile)
		if rel, err := filepath.Rel(p.Dir, v.Dockerfile); err == nil {
			v.Dockerfile = filepath.ToSlash(rel)
		}
	}
	return nil
}

// remote is how a context begins that the engine fetches.
var remote = regexp.MustCompile(`^([a-zA-Z][a-zA-Z0-9+-]*://|git@|github\.com/|target:|service:|oci-layout:)`)

// placed is the place of a context that was named in the project's folder.
func (p *Project) placed(context string) (string, error) {
	if remote.MatchString(context) {
		return "", whittle.WithHint(whittle.ErrUsage.Errorf("the context %q is not a folder", context), "whittle fetches no context: get it, and name its folder")
	}
	real := whittle.WithoutLinks(p.folder(context))
	if info, err := os.Stat(real); err != nil {
		return "", whittle.ErrUsage.Errorf("the context %s: %w", context, reason(err))
	} else if !info.IsDir() {
		return "", whittle.ErrUsage.Errorf("the context %s is not a folder", context)
	}
	switch rel, ok := whittle.Below(p.Dir, real); {
	case !ok:
		return real, nil
	case rel == ".":
		return "", nil
	default:
		return filepath.ToSlash(rel), nil
	}
}
