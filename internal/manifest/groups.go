package manifest

import (
	"slices"

	"whittle.dev/whittle/internal/pep"
)

// Groups say how a project's groups of dependencies are installed. Names are
// normalized.
type Groups struct {
	// Default are those that "uv sync" installs without being asked: "dev", or what
	// tool.uv.default-groups names; AllDefault says that it names all of them.
	// https://docs.astral.sh/uv/concepts/projects/dependencies/#default-groups
	Default    []string
	AllDefault bool
	// Optional are Poetry's groups that are installed only when they are named.
	Optional []string
	// Includes are the groups that each group includes (PEP 735).
	Includes map[string][]string
}

// With are some groups and those that they include, each once.
func (g *Groups) With(names ...string) []string {
	out := slices.Clone(names)
	for i := 0; i < len(out); i++ {
		for _, more := range g.Includes[out[i]] {
			if !slices.Contains(out, more) {
				out = append(out, more)
			}
		}
	}
	return out
}

// groups reads how the groups of a pyproject.toml are installed.
func (d *declaredReader) groups(t tomlTable) {
	g := Groups{Default: []string{"dev"}, Includes: map[string][]string{}}
	uv := t.table("tool", "uv")
	if _, set := uv["default-groups"]; set {
		g.Default = nil
		for _, name := range uv.strings("default-groups") {
			g.Default = append(g.Default, pep.Normalize(name))
		}
		_, list := uv["default-groups"].([]any)
		g.AllDefault = !list && slices.Equal(g.Default, []string{"all"})
	}
	for name := range t.table("dependency-groups") {
		key := pep.Normalize(name)
		for _, item := range t.list("dependency-groups", name) {
			for _, other := range (tomlTable{"i": item}).strings("i", "include-group") {
				g.Includes[key] = append(g.Includes[key], pep.Normalize(other))
			}
		}
	}
	for name := range t.table("tool", "poetry", "group") {
		if slices.Equal(t.strings("tool", "poetry", "group", name, "optional"), []string{"true"}) {
			g.Optional = append(g.Optional, pep.Normalize(name))
		}
	}
	slices.Sort(g.Optional)
	d.out.Groups = g
}
