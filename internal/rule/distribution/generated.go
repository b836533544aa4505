package distribution

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/rule/analysis"
)

// generated are the files that tools generate from others (lock files and
// compiled requirements): in the project's folder, in the folders of the given
// files and above them, and among the declarations.
func generated(p *analysis.Pass, beside map[string]bool) (out []manifest.Generated) {
	if p.Declared == nil || p.Files == nil {
		return nil
	}
	dirs := map[string]bool{".": true}
	for name := range beside {
		for dir := path.Dir(name); !dirs[dir] && !path.IsAbs(dir); dir = path.Dir(dir) {
			dirs[dir] = true
		}
	}
	names := map[string]bool{}
	for _, name := range p.Declared.Files {
		names[name] = true
	}
	for dir := range dirs {
		entries, err := fs.ReadDir(p.Files, dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if e.Type().IsRegular() && len(names) < analysis.MaxProjectFiles {
				names[path.Join(dir, e.Name())] = true
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if g, ok := p.Project.GeneratedFrom(name); ok {
			out = append(out, g)
		}
	}
	return out
}

// projectFix is a fix of the project's declarations. Generated files that
// depend on them are remade with it. It is nil if it is not known how, because
// a lock file that does not match the declarations is worse than the finding.
func projectFix(p *analysis.Pass, title string, patches []whittle.Patch) *whittle.Fix {
	if _, ok := releaseOf(p); ok {
		return nil // the image would not change
	}
	changed := map[string]bool{}
	for _, patch := range patches {
		changed[patch.File] = true
	}
	f := &whittle.Fix{Title: title, Patches: patches}
	all := generated(p, changed)
	for again := true; again; {
		again = false
		for _, g := range all {
			if changed[g.File] || !madeOf(p, &g, changed) || dependsOnOther(p, &g, all, changed) {
				continue
			}
			if g.Tool == "" {
				return nil
			}
			changed[g.File], again = true, true
			f.Remake = append(f.Remake, g.File)
		}
	}
	return f
}

// madeOf says that a generated file depends on one that changes: a source, a
// file that a source includes, or a member of its workspace. If that is not
// known, it depends on every file in its folder.
func madeOf(p *analysis.Pass, g *manifest.Generated, changed map[string]bool) bool {
	dir := path.Dir(g.File)
	if slices.ContainsFunc(readFor(p, g), func(name string) bool { return changed[name] }) {
		return true
	}
	for name := range changed {
		switch below := dir == "." || strings.HasPrefix(name, dir+"/"); {
		case path.Base(g.File) == "uv.lock" && path.Base(name) == "pyproject.toml" && below && nearest(p, path.Dir(name), "uv.lock") == g.File:
			return true
		case g.Tool == "" && path.Base(g.File) == "conda-lock.yml":
			if text := p.Project.File(g.File); text == nil || strings.Contains(string(text), path.Base(name)) {
				return true
			}
		case g.Tool == "" && path.Dir(name) == dir:
			return true
		}
	}
	return false
}

// readFor are the files of the project that a tool reads to generate a file:
// its sources, and the requirements and constraints that these and its
// arguments name.
func readFor(p *analysis.Pass, g *manifest.Generated) []string {
	out := slices.Clone(g.Sources)
	named := func(dir string, words []string) {
		for i := 0; i+1 < len(words); i++ {
			switch words[i] {
			case "-r", "--requirement", "-c", "--constraint", "--constraints":
				if at := path.Join(dir, words[i+1]); !slices.Contains(out, at) {
					out = append(out, at)
				}
			}
		}
	}
	named(g.Dir(), g.Args)
	for i := 0; i < len(out) && len(out) < 50; i++ {
		if ext := path.Ext(out[i]); ext != ".txt" && ext != ".in" {
			continue
		}
		for line := range strings.Lines(string(p.Project.File(out[i]))) {
			named(path.Dir(out[i]), strings.Fields(line))
		}
	}
	return out
}

// dependsOnOther says that a file is generated from another one that must be
// remade first.
func dependsOnOther(p *analysis.Pass, g *manifest.Generated, all []manifest.Generated, changed map[string]bool) bool {
	return slices.ContainsFunc(all, func(o manifest.Generated) bool {
		return o.File != g.File && !changed[o.File] && slices.Contains(readFor(p, g), o.File) && madeOf(p, &o, changed)
	})
}

// nearest is the file with a name in a folder of the project, or in the closest
// parent folder that has one.
func nearest(p *analysis.Pass, dir, name string) string {
	for {
		at := path.Join(dir, name)
		if _, err := fs.Stat(p.Files, at); err == nil {
			return at
		}
		if dir == "." || path.IsAbs(dir) {
			return ""
		}
		dir = path.Dir(dir)
	}
}
