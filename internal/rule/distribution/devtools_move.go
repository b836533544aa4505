package distribution

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/edit"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/rule/analysis"
)

// move is what takes development tools out of the application's requirements.
type move struct {
	advice  string
	patches []whittle.Patch
	// to are the places that have them then.
	to []place
	ok bool
}

// destination is where a requirement goes: a list of pyproject.toml or Pipfile, or a
// file of requirements.
type destination struct {
	place
	list edit.List
	// in is the file, new says that it is not there yet.
	in  string
	new bool
}

// movesTo says that tools would come to one of the places that the image installs,
// or to one that it would install.
func (d *developers) movesTo(t *tools, asked []place) bool {
	return slices.ContainsFunc(t.misplaced, func(dep *manifest.Dependency) bool {
		to, ok := d.destination(dep)
		return ok && (slices.Contains(asked, to.place) || len(asked) > 0 && d.mayInstall(to.place))
	})
}

// move makes the edits that move requirements to the places for developers.
func (d *developers) move(deps []*manifest.Dependency) (m move) {
	c := moved{changes: map[string][]analysis.Change{}, added: map[string][]string{}}
	var names, places []string
	m.ok = true
	for _, dep := range deps {
		if !slices.Contains(names, dep.Name) {
			names = append(names, dep.Name)
		}
		to, ok := d.destination(dep)
		if !ok {
			m.ok = false
			continue
		}
		if !slices.Contains(m.to, to.place) {
			m.to, places = append(m.to, to.place), append(places, to.String())
		}
		for _, file := range d.p.Project.Written(dep.File) {
			m.ok = c.move(dep, file, d.p.Project.File(file), to) && m.ok
		}
	}
	m.advice = "declare " + analysis.List(names) + " in " + cmp.Or(analysis.List(places), "an extra for developers") + " instead of the application's dependencies"
	for _, file := range c.order {
		patch, err := d.p.Project.Patch(file, c.changes[file])
		if err != nil && len(c.added) == 0 && slices.ContainsFunc(m.to, func(w place) bool { return w.file == file }) {
			continue // it has them already
		}
		m.ok = m.ok && err == nil
		m.patches = append(m.patches, patch)
	}
	for _, file := range slices.Sorted(maps.Keys(c.added)) {
		m.patches = append(m.patches, whittle.Patch{File: file, Edits: []whittle.Edit{{New: d.newFile(deps[0], file, c.added[file])}}})
	}
	m.ok = m.ok && len(m.patches) > 0
	return m
}

// moved is what changes in files when requirements move.
type moved struct {
	changes map[string][]analysis.Change
	// order are the files with changes, in the order of their first one.
	order []string
	// added are the lines of new files, by their names.
	added map[string][]string
}

func (m *moved) change(file string, c analysis.Change) {
	if m.changes[file] == nil {
		m.order = append(m.order, file)
	}
	m.changes[file] = append(m.changes[file], c)
}

// move moves a requirement from a file with the text src. It says whether files of
// this kind can be edited.
func (m *moved) move(dep *manifest.Dependency, file string, src []byte, to destination) bool {
	switch ext := path.Ext(file); {
	case path.Base(file) == "pyproject.toml" || path.Base(file) == "Pipfile":
		from, found := listOf(src, dep)
		if !found || to.in != file {
			return true // a compiled file, whose source is declared, too
		}
		m.change(file, func(src []byte) ([]whittle.Edit, error) { return edit.MoveRequirement(src, from, to.list, dep.Name) })
	case ext == ".txt" || ext == ".in" || ext == ".pip":
		text := lineOf(src, dep)
		m.change(file, func(src []byte) ([]whittle.Edit, error) { return edit.RemoveLine(src, dep.Name) })
		if to.new {
			m.added[to.in] = append(m.added[to.in], text)
		} else {
			m.change(to.in, func(src []byte) ([]whittle.Edit, error) { return edit.AddLine(src, text) })
		}
	default:
		return false
	}
	return true
}

// lineOf is the requirement as a file of requirements has it, which may be the source
// of the one that declares it.
func lineOf(src []byte, dep *manifest.Dependency) string {
	for line := range pep.Lines(src) {
		text, _ := pep.SplitOptions(line.Text)
		if r, err := pep.ParseRequirement(text); err == nil && r.Name == dep.Requirement.Name {
			return text
		}
	}
	return dep.Text
}

// newFile is the text of a new file of requirements for developers: those of the
// application, and theirs.
func (d *developers) newFile(dep *manifest.Dependency, file string, lines []string) string {
	slices.Sort(lines)
	base := path.Base(d.p.Project.Written(dep.File)[0])
	if path.Ext(file) == ".in" {
		base = strings.TrimSuffix(base, ".in") + ".txt"
		return "-c " + base + "\n" + strings.Join(lines, "\n") + "\n"
	}
	return "-r " + base + "\n" + strings.Join(lines, "\n") + "\n"
}

// destination is where a requirement belongs: where the project has requirements
// for developers, else where its tool would have them.
func (d *developers) destination(dep *manifest.Dependency) (to destination, ok bool) {
	written := d.p.Project.Written(dep.File)
	if len(written) == 0 {
		return to, false
	}
	switch file := written[0]; {
	case path.Base(file) == "pyproject.toml":
		return d.listFor(dep, file)
	case path.Base(file) == "Pipfile":
		return destination{place: place{file: file}, list: edit.List{Kind: "pipfile-dev"}, in: file}, true
	case placeOf(dep).file != "":
		return d.fileFor(dep, file)
	}
	return to, false
}

// listFor is the list of a pyproject.toml for developers.
func (d *developers) listFor(dep *manifest.Dependency, file string) (to destination, ok bool) {
	src := d.p.Project.File(file)
	from, found := listOf(src, dep)
	lists, err := edit.Lists(src)
	if !found || err != nil {
		return to, false
	}
	at := func(l edit.List) destination {
		w := place{group: pep.Normalize(l.Name)}
		switch l.Kind {
		case "optional":
			w = place{extra: w.group}
		case "uv-dev":
			w.group = "dev"
		}
		return destination{place: w, list: l, in: file}
	}
	kinds := []string{"group", "uv-dev", "pdm-dev", "poetry-group", "optional"}
	if strings.HasPrefix(from.Kind, "poetry") {
		kinds = []string{"poetry-group"}
	}
	best, most := edit.List{}, 0
	for _, l := range lists {
		rank := slices.Index(kinds, l.Kind)
		if rank < 0 || !d.isDevelopersPlace(at(l).place) && !forDevelopersOnly(l.Name) && l.Kind != "uv-dev" {
			continue
		}
		score := 10 * (len(kinds) - rank)
		if names, err := edit.Requirements(src, l); err == nil && slices.ContainsFunc(names, func(text string) bool {
			r, err := pep.ParseRequirement(text)
			return err == nil && r.Name == pep.Normalize(dep.Name)
		}) {
			score += 100
		}
		score += fits(l.Name, purposeOf(dep.Name))
		if score > most {
			best, most = l, score
		}
	}
	if most > 0 {
		return at(best), true
	}
	_, uv := d.p.Project.Read(path.Join(path.Dir(file), "uv.lock"))
	_, pdm := d.p.Project.Read(path.Join(path.Dir(file), "pdm.lock"))
	_, poetry := d.p.Project.Read(path.Join(path.Dir(file), "poetry.lock"))
	managed := func(tool string) bool {
		return slices.ContainsFunc(d.commands(), func(c installing) bool { return c.Tool == tool && !byWords(&c.InstallCommand) })
	}
	switch {
	case strings.HasPrefix(from.Kind, "poetry"), poetry || managed("poetry"):
		return at(edit.List{Kind: "poetry-group", Name: "dev"}), true
	case uv || pdm || managed("uv") || managed("pdm"):
		return at(edit.List{Kind: "group", Name: "dev"}), true
	}
	return at(edit.List{Kind: "optional", Name: "dev"}), true
}

// fits says how well a name for developers fits a tool: 5 for one of its purpose, 3
// for one of all purposes, 1 for others.
func fits(name, purpose string) int {
	name = strings.ToLower(name)
	switch {
	case purpose != "" && strings.Contains(name, purpose), purpose == "typing" && strings.Contains(name, "lint"), purpose == "docs" && strings.Contains(name, "doc"):
		return 5
	case strings.Contains(name, "dev"), name == "":
		return 3
	}
	return 1
}

// fileFor is the file of requirements for developers: the one that is there, else a
// new one beside the application's.
func (d *developers) fileFor(dep *manifest.Dependency, file string) (to destination, ok bool) {
	best, most := "", 0
	for _, name := range d.p.Declared.Files {
		ext := path.Ext(name)
		if ext != ".txt" && ext != ".in" && ext != ".pip" || name == dep.File || name == file || !d.isDevelopersPlace(place{file: name}) {
			continue
		}
		written := d.p.Project.Written(name)
		if len(written) != 1 || path.Ext(written[0]) != path.Ext(file) && path.Ext(written[0]) == ".in" {
			continue
		}
		score := 1 + fits(path.Base(name), purposeOf(dep.Name))
		if path.Dir(written[0]) == path.Dir(file) {
			score += 10
		}
		if slices.ContainsFunc(d.p.Dists.Declarations(), func(o *manifest.Dependency) bool {
			return o.File == name && pep.Normalize(o.Name) == pep.Normalize(dep.Name) && o.Kind == manifest.Development
		}) {
			score += 100
		}
		if score > most {
			best, most = name, score
		}
	}
	if best != "" {
		return destination{place: place{file: best}, in: d.p.Project.Written(best)[0]}, true
	}
	base, ext := strings.TrimSuffix(path.Base(file), path.Ext(file)), path.Ext(file)
	if base != "requirements" && path.Base(path.Dir(file)) != "requirements" {
		return to, false
	}
	name := path.Join(path.Dir(file), base+"-dev"+ext)
	if path.Base(path.Dir(file)) == "requirements" {
		name = path.Join(path.Dir(file), "dev"+ext)
	}
	if _, there := d.p.Project.Read(name); there {
		return to, false
	}
	return destination{place: place{file: name}, in: name, new: true}, true
}
