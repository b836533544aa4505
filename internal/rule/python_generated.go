package rule

import (
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"whittle"
	"whittle/internal/python"
)

// generated are the files of the project that tools make of others: lock files
// and compiled requirements, in its folder, where some files are and above
// those, and among the declarations.
func (p *Pass) generated(beside map[string]bool) (out []python.Generated) {
	if p.Declared == nil || p.Project == nil {
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
		entries, err := fs.ReadDir(p.Project, dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if e.Type().IsRegular() && len(names) < maxProjectFiles {
				names[path.Join(dir, e.Name())] = true
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if g, ok := p.generatedFrom(name); ok {
			out = append(out, g)
		}
	}
	return out
}

// generatedFrom says what makes a file of the project; ok is false for what
// people write, and for what is not there.
func (p *Pass) generatedFrom(name string) (g python.Generated, ok bool) {
	switch path.Ext(name) {
	case ".txt", ".in", ".lock", ".toml", ".yml":
	default:
		return g, false
	}
	f, err := p.Project.Open(name)
	if err != nil {
		return g, false
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, 4<<10))
	if err != nil {
		return g, false
	}
	if g, ok = python.GeneratedFrom(name, head); ok {
		return g, true
	}
	return python.Generated{File: name}, p.exported(name)
}

// exported says that a requirements file looks like what Poetry or pipenv make
// of a lock file, without a word of it: one lies beside it, and all is pinned.
func (p *Pass) exported(name string) bool {
	dir := path.Dir(name)
	if path.Ext(name) != ".txt" || !slices.ContainsFunc([]string{"poetry.lock", "pdm.lock", "uv.lock", "Pipfile.lock"}, func(lock string) bool {
		_, err := fs.Stat(p.Project, path.Join(dir, lock))
		return err == nil
	}) {
		return false
	}
	pinned := false
	for line := range strings.Lines(string(p.projectFile(name))) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#' || line[0] == '-' && !strings.HasPrefix(line, "-e") && !strings.HasPrefix(line, "-r"):
		case !strings.Contains(line, "=="):
			return false
		default:
			pinned = true
		}
	}
	return pinned
}

// written are the files that people edit for what a file says: itself, or what
// a tool makes it of. None where it is not known how the file is made.
func (p *Pass) written(file string) (out []string) {
	seen := map[string]bool{}
	for todo := []string{file}; len(todo) > 0; todo = todo[1:] {
		name := todo[0]
		if seen[name] {
			continue
		}
		seen[name] = true
		if g, ok := p.generatedFrom(name); ok {
			todo = append(todo, g.Sources...)
		} else if p.projectFile(name) != nil {
			out = append(out, name)
		}
	}
	return out
}

// projectFix is a fix of the project's declarations. What tools make of them
// is made again with it. It is nil where nobody knows how: a lock file that is
// not what the declarations say is worse than what the fix is for.
func (p *Pass) projectFix(title string, patches []whittle.Patch) *whittle.Fix {
	changed := map[string]bool{}
	for _, patch := range patches {
		changed[patch.File] = true
	}
	f := &whittle.Fix{Title: title, Patches: patches}
	all := p.generated(changed)
	for again := true; again; {
		again = false
		for _, g := range all {
			if changed[g.File] || !p.madeOf(&g, changed) || p.waits(&g, all, changed) {
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

// madeOf says that a generated file is made of one that changes: of a source,
// what a source includes, or a member of its workspace; of anything beside it
// where it is not known.
func (p *Pass) madeOf(g *python.Generated, changed map[string]bool) bool {
	dir := path.Dir(g.File)
	if slices.ContainsFunc(p.readFor(g), func(name string) bool { return changed[name] }) {
		return true
	}
	for name := range changed {
		switch below := dir == "." || strings.HasPrefix(name, dir+"/"); {
		case path.Base(g.File) == "uv.lock" && path.Base(name) == "pyproject.toml" && below && p.nearest(path.Dir(name), "uv.lock") == g.File:
			return true
		case g.Tool == "" && path.Base(g.File) == "conda-lock.yml":
			if text := p.projectFile(g.File); text == nil || strings.Contains(string(text), path.Base(name)) {
				return true
			}
		case g.Tool == "" && path.Dir(name) == dir:
			return true
		}
	}
	return false
}

// readFor are the files of the project that a tool reads to make a file: its
// sources, and the requirements and constraints that these and its arguments
// name.
func (p *Pass) readFor(g *python.Generated) []string {
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
		for line := range strings.Lines(string(p.projectFile(out[i]))) {
			named(path.Dir(out[i]), strings.Fields(line))
		}
	}
	return out
}

// waits says that a file is made of another one that has to be made first.
func (p *Pass) waits(g *python.Generated, all []python.Generated, changed map[string]bool) bool {
	return slices.ContainsFunc(all, func(o python.Generated) bool {
		return o.File != g.File && !changed[o.File] && slices.Contains(p.readFor(g), o.File) && p.madeOf(&o, changed)
	})
}

// nearest is the file of a name in a folder of the project or the next above it
// that has one.
func (p *Pass) nearest(dir, name string) string {
	for {
		at := path.Join(dir, name)
		if _, err := fs.Stat(p.Project, at); err == nil {
			return at
		}
		if dir == "." || path.IsAbs(dir) {
			return ""
		}
		dir = path.Dir(dir)
	}
}
