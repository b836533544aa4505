package rule

import (
	"io"
	"slices"

	"whittle"
	"whittle/internal/python"
)

// generated are the files of the project that tools make of others: lock files
// and compiled requirements.
func (p *Pass) generated() (out []python.Generated) {
	if p.Declared == nil || p.Project == nil {
		return nil
	}
	names := []string{"uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock"}
	for _, name := range p.Declared.Files {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, name := range names {
		if g, ok := p.generatedFrom(name); ok {
			out = append(out, g)
		}
	}
	return out
}

// generatedFrom says what makes a file of the project; ok is false for what
// people write, and for what is not there.
func (p *Pass) generatedFrom(name string) (g python.Generated, ok bool) {
	f, err := p.Project.Open(name)
	if err != nil {
		return g, false
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, 4<<10))
	if err != nil {
		return g, false
	}
	return python.GeneratedFrom(name, head)
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
// is made again with it.
func (p *Pass) projectFix(title string, patches []whittle.Patch) *whittle.Fix {
	changed := map[string]bool{}
	for _, patch := range patches {
		changed[patch.File] = true
	}
	f := &whittle.Fix{Title: title, Patches: patches}
	all := p.generated()
	for again := true; again; {
		again = false
		for _, g := range all {
			if changed[g.File] || !slices.ContainsFunc(g.Sources, func(s string) bool { return changed[s] }) {
				continue
			}
			changed[g.File], again = true, true
			f.Remake = append(f.Remake, g.File)
		}
	}
	return f
}
