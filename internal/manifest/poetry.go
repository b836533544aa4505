package manifest

import (
	"errors"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
)

// poetry reads Poetry's own tables.
// https://python-poetry.org/docs/dependency-specification/
func (d *declaredReader) poetry(p *pyprojectFile, file string, at *lineFinder) {
	po := &p.Tool.Poetry
	if d.out.Name == "" {
		d.out.Name = po.Name
	}
	for name, target := range po.Scripts {
		if s := append((tomlTable{"t": target}).strings("t"), (tomlTable{"t": target}).strings("t", "callable")...); len(s) > 0 {
			d.out.Scripts[name] = s[0]
		}
	}
	for _, pkg := range po.Packages {
		if name, ok := pkg["include"].(string); ok {
			d.out.Packages = append(d.out.Packages, strings.Trim(name, "/"))
		}
	}
	extras := map[string]string{}
	for extra, list := range po.Extras {
		names, _ := list.([]any)
		for _, n := range names {
			if s, ok := n.(string); ok {
				extras[pep.Normalize(s)] = extra
			}
		}
	}
	table := func(section string, deps map[string]any, kind DependencyKind, group string) {
		for _, name := range sortedKeys(deps) {
			if name == "python" {
				continue
			}
			k, extra := kind, ""
			if e, ok := extras[pep.Normalize(name)]; ok && kind == Runtime {
				k, extra = Optional, e
			}
			d.add(name+poetryExtras(deps[name])+poetrySpecifier(deps[name])+poetryMarker(deps[name]), file, at.key(section, name), k, extra, group)
		}
	}
	if v := (tomlTable{"d": po.Dependencies}).strings("d", "python"); len(v) == 1 && d.out.RequiresPython == "" {
		d.out.RequiresPython = poetrySpecifier(v[0])
	}
	table("tool.poetry.dependencies", po.Dependencies, Runtime, "")
	table("tool.poetry.dev-dependencies", po.Dev, Development, "dev")
	for _, g := range sortedKeys(po.Group) {
		kind := Development
		if g == "main" {
			kind = Runtime
		}
		table("tool.poetry.group."+g+".dependencies", po.Group[g].Dependencies, kind, g)
	}
}

// poetryExtras are the extras of a dependency in a table, in brackets.
func poetryExtras(v any) string {
	extras := slices.DeleteFunc(tomlTable{"v": v}.strings("v", "extras"), func(name string) bool { return !pep.IsName(name) })
	if len(extras) == 0 {
		return ""
	}
	return "[" + strings.Join(extras, ",") + "]"
}

// poetrySpecifier turns a constraint of Poetry's into specifiers. One that they
// cannot say becomes none; what is no constraint stays, for who reads the
// requirement to say so.
func poetrySpecifier(v any) string {
	text, _ := v.(string)
	if m, ok := v.(map[string]any); ok {
		text, _ = m["version"].(string)
	}
	if text == "" {
		return ""
	}
	s, err := pep.ParseConstraint(text)
	switch {
	case errors.Is(err, whittle.ErrUnsupported):
		return ""
	case err != nil:
		return "==" + text
	}
	return s.String()
}

// poetryMarker is the marker of a dependency in a table, with the semicolon.
func poetryMarker(v any) string {
	m := tomlTable{"v": v}.strings("v", "markers")
	if len(m) != 1 {
		return ""
	}
	if _, err := pep.ParseMarker(m[0]); err != nil {
		return ""
	}
	return " ; " + m[0]
}
