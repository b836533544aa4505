package distribution

import (
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// installing is a command of a stage that the image needs, which installs
// distributions.
type installing struct {
	recipe.InstallCommand
	run *dockerfile.Instruction
	d   *developers
}

// commands are those that install distributions in the stages that the image needs.
func (d *developers) commands() (out []installing) {
	if d.p.Dockerfile == nil {
		return nil
	}
	for i := range d.p.Dockerfile.Stages {
		if !d.p.Recipe.Ships(i) {
			continue
		}
		for j := range d.p.Dockerfile.Stages[i].Instructions {
			run := &d.p.Dockerfile.Stages[i].Instructions[j]
			found, _ := recipe.InstallCommands(run)
			if s, err := run.Shell(); err == nil && run.Keyword == "RUN" {
				found = append(found, recipe.WheelCommands(s.Commands())...)
			}
			for _, c := range found {
				out = append(out, installing{c, run, d})
			}
		}
	}
	return out
}

// option is an option of a command with its words [from, to) and its values.
type option struct {
	name     string
	from, to int
	values   []string
}

// options are those of some names that take a value.
func (c *installing) options(names ...string) (out []option) {
	for k := c.Verb + 1; k < len(c.Words); k++ {
		name, value, joined := strings.Cut(c.Words[k].Value, "=")
		if !slices.Contains(names, name) {
			continue
		}
		o := option{name: name, from: k, to: k + 1}
		if !joined && k+1 < len(c.Words) {
			k++
			value, o.to = c.Words[k].Value, k+1
		}
		o.values = normalized(strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' }))
		out = append(out, o)
	}
	return out
}

func (c *installing) values(names ...string) (out []string) {
	for _, o := range c.options(names...) {
		out = append(out, o.values...)
	}
	return out
}

// isSet says that a variable has a value that means yes when the command runs.
func (c *installing) isSet(name string) bool {
	value, ok := c.d.p.Recipe.Env(c.run, name)
	for _, a := range c.Assigns {
		if v, found := strings.CutPrefix(a.Text, name+"="); found {
			value, ok = strings.Trim(v, `"'`), true
		}
	}
	return ok && !slices.Contains([]string{"", "0", "false", "no", "off"}, strings.ToLower(value))
}

// places are the places of the project's dependencies that are for developers.
func (d *developers) places() (out []place) {
	add := func(w place) {
		if w != (place{}) && !slices.Contains(out, w) && d.isDevelopersPlace(w) {
			out = append(out, w)
		}
	}
	for _, dep := range d.p.Dists.Declarations() {
		add(placeOf(dep))
	}
	if d.p.Declared != nil {
		for name := range d.p.Declared.Groups.Includes {
			add(place{group: name})
		}
	}
	slices.SortFunc(out, func(a, b place) int { return strings.Compare(a.String(), b.String()) })
	return out
}

// isDevelopersPlace says that a place is for developers: by its name, its table, or
// because it has nothing but development tools.
func (d *developers) isDevelopersPlace(w place) bool {
	all, none := true, true
	for _, dep := range d.p.Dists.Declarations() {
		if placeOf(dep) != w {
			continue
		}
		if w.file != "" && dep.Kind == manifest.Runtime {
			return false
		}
		if dep.Developers || w.file != "" && path.Base(w.file) == "Pipfile" {
			return true
		}
		none, all = false, all && purposeOf(dep.Name) != ""
	}
	return w != (place{}) && (forDevelopersOnly(w.extra+w.group+path.Base(w.file)) || path.Base(path.Dir(w.file)) == "requirements" && forDevelopersOnly(w.file)) || all && !none && w.file == ""
}

// askedPlaces are the places for developers that the image installs.
func (d *developers) askedPlaces() []place {
	commands := d.commands()
	return slices.DeleteFunc(d.places(), func(w place) bool {
		return !slices.ContainsFunc(commands, func(c installing) bool { return c.asks(w) })
	})
}

// mayInstall says that the image would install what is declared in a place, also in
// one that is not there yet.
func (d *developers) mayInstall(w place) bool {
	return slices.ContainsFunc(d.commands(), func(c installing) bool { return c.asks(w) })
}

// asks says that a command installs what is declared in a place.
func (c *installing) asks(w place) bool {
	p := c.d.p
	switch {
	case c.Has("--no-deps", "--no-dependencies") && byWords(&c.InstallCommand):
		return false
	case w.extra != "":
		return slices.Contains(c.d.extrasWith(c.extras()...), w.extra)
	case w.group != "":
		return slices.Contains(c.groups(w.group), w.group)
	case path.Base(w.file) == "Pipfile":
		return c.Tool == "pipenv" && (c.Has("--dev", "-d") || c.isSet("PIPENV_DEV"))
	case !byWords(&c.InstallCommand):
		return false
	}
	return slices.ContainsFunc(c.Arguments(), func(a recipe.Argument) bool {
		if a.Option != "-r" && a.Option != "--requirement" {
			return false
		}
		file := requirementsFile(p, a.Value)
		return file != "" && slices.Contains(p.Project.Included(file), w.file)
	})
}

// extras are those of the project that a command asks for.
func (c *installing) extras() (out []string) {
	if byWords(&c.InstallCommand) {
		for _, a := range c.Arguments() {
			if a.Option == "" || a.Option == "-e" || a.Option == "--editable" {
				if _, extras, ok := strings.Cut(strings.TrimSuffix(a.Value, "]"), "["); ok && isProject(c.d.p, a.Value) {
					out = append(out, normalized(strings.Split(extras, ","))...)
				}
			}
		}
	}
	out = append(out, c.values("--extra", "--extras", "-E")...)
	if c.Tool == "pdm" {
		out = append(out, c.values("-G", "--group")...)
	}
	if c.Has("--all-extras") || c.Tool == "pdm" && slices.Contains(out, ":all") {
		for _, dep := range c.d.p.Dists.Declarations() {
			if dep.Kind == manifest.Optional {
				out = append(out, pep.Normalize(dep.Extra))
			}
		}
		no := c.values("--no-extra")
		out = slices.DeleteFunc(out, func(e string) bool { return slices.Contains(no, e) })
	}
	return out
}

// extrasWith are extras and those that they name of the project itself: dev =
// ["app[test]"].
func (d *developers) extrasWith(names ...string) []string {
	out := slices.Clone(names)
	for i := 0; i < len(out); i++ {
		for _, dep := range d.p.Dists.Declarations() {
			if dep.Kind != manifest.Optional || pep.Normalize(dep.Extra) != out[i] || d.p.Declared == nil || pep.Normalize(dep.Name) != pep.Normalize(d.p.Declared.Name) {
				continue
			}
			for _, e := range normalized(dep.Extras) {
				if !slices.Contains(out, e) {
					out = append(out, e)
				}
			}
		}
	}
	return out
}

// defaults are the groups that a tool installs without being asked, one of which may
// not be there yet.
func (c *installing) defaults(more string) (out []string) {
	g := &c.d.p.Declared.Groups
	if c.Tool == "uv" && !g.AllDefault {
		return g.Default
	}
	for _, dep := range c.d.p.Dists.Declarations() {
		if name := pep.Normalize(dep.Group); dep.Kind == manifest.Development && name != "" && !slices.Contains(out, name) && !slices.Contains(g.Optional, name) && !isHatch(dep) {
			out = append(out, name)
		}
	}
	if more != "" && !slices.Contains(out, more) && !slices.Contains(g.Optional, more) {
		out = append(out, more)
	}
	return out
}

// isHatch says that a dependency is of an environment of Hatch's, which no other
// tool installs.
func isHatch(dep *manifest.Dependency) bool {
	return dep.Developers && strings.HasPrefix(path.Base(dep.File), "pyproject") && dep.Kind == manifest.Development && dep.Group == "default"
}

// groups are those that a command installs, of those that are there and one more.
func (c *installing) groups(more string) []string {
	if c.d.p.Declared == nil {
		return nil
	}
	g := &c.d.p.Declared.Groups
	var out []string
	switch {
	case byWords(&c.InstallCommand):
		return g.With(c.values("--group")...)
	case c.Tool == "uv":
		if c.Has("--only-group", "--only-dev") {
			return g.With(append(c.values("--only-group"), "dev")...)
		}
		if !c.Has("--no-default-groups") && !c.isSet("UV_NO_DEFAULT_GROUPS") {
			out = slices.Clone(c.defaults(more))
		}
		out = append(out, c.values("--group")...)
		if c.Has("--all-groups") {
			out = append(out, append(c.d.everyGroup(), more)...)
		}
		no := c.values("--no-group")
		if c.Has("--no-dev") || c.isSet("UV_NO_DEV") {
			no = append(no, "dev")
		}
		return without(g.With(without(out, no)...), no)
	case c.Tool == "poetry":
		if c.Has("--only-root") {
			return nil
		}
		if only := c.values("--only"); len(only) > 0 {
			return only
		}
		out = append(slices.Clone(c.defaults(more)), c.values("--with")...)
		out = without(out, c.values("--without"))
		if c.Has("--no-dev") {
			out = without(out, []string{"dev"})
		}
		return g.With(out...)
	case c.Tool == "pdm":
		if !c.Has("--prod", "--production") {
			out = slices.Clone(c.defaults(more))
		}
		return g.With(without(append(out, c.values("-G", "--group", "--with")...), c.values("--without"))...)
	}
	return nil
}

// everyGroup are all groups that are there.
func (d *developers) everyGroup() (out []string) {
	for _, dep := range d.p.Dists.Declarations() {
		if dep.Kind == manifest.Development && dep.Group != "" {
			out = append(out, pep.Normalize(dep.Group))
		}
	}
	return out
}

func without(names, gone []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return slices.Contains(gone, n) })
}

// narrowed is what keeps places for developers out of the image.
type narrowed struct {
	advice   string
	patches  []whittle.Patch
	evidence []whittle.Evidence
	ok       bool
}

// narrow changes the commands that install some places so that they do not.
func (d *developers) narrow(drop []place) narrowed {
	var names []string
	for _, w := range drop {
		names = append(names, w.String())
	}
	n := narrowed{advice: "install the project without " + analysis.List(names), ok: true}
	var edits []whittle.Edit
	uv := false
	for _, c := range d.commands() {
		mine := slices.DeleteFunc(slices.Clone(drop), func(w place) bool { return !c.asks(w) })
		if len(mine) == 0 {
			continue
		}
		e := whittle.Evidence{Layer: -1, File: d.p.Dockerfile.Name, Line: c.run.Line, What: c.run.Keyword}
		if !slices.Contains(n.evidence, e) {
			n.evidence = append(n.evidence, e)
		}
		more, ok := c.without(mine)
		edits, n.ok = append(edits, more...), n.ok && ok
		uv = uv || c.Tool == "uv" && !byWords(&c.InstallCommand)
	}
	if uv {
		more, ok := d.uvRun(drop)
		edits, n.ok = append(edits, more...), n.ok && ok
	}
	if fix, ok := d.p.Recipe.Fix("", edits); ok && n.ok {
		n.patches = fix.Patches
	} else {
		n.ok = false
	}
	return n
}

// without are the edits after which a command does not install some places, which
// it asks for.
func (c *installing) without(drop []place) (edits []whittle.Edit, ok bool) {
	var groups, extras []string
	for _, w := range drop {
		switch {
		case w.group != "":
			groups = append(groups, w.group)
		case w.extra != "":
			extras = append(extras, w.extra)
		}
	}
	switch {
	case byWords(&c.InstallCommand):
		return c.withoutWords(drop, groups, extras)
	case c.Tool == "pipenv":
		return c.removeFlags("--dev", "-d"), !c.isSet("PIPENV_DEV") && c.Has("--dev", "-d")
	case c.Tool == "uv":
		return c.withoutUV(groups, extras)
	case c.Tool == "poetry":
		return c.withoutPoetry(groups, extras)
	case c.Tool == "pdm":
		return c.withoutPDM(groups, extras)
	}
	return nil, false
}

// removeFlags takes words out of a command.
func (c *installing) removeFlags(flags ...string) (edits []whittle.Edit) {
	for k := c.Verb + 1; k < len(c.Words); k++ {
		if slices.Contains(flags, c.Words[k].Value) {
			if e, err := c.run.RemoveWords(c.Command, k, k+1); err == nil {
				edits = append(edits, e...)
			}
		}
	}
	return edits
}

// removeValues takes values out of options, and options that have no value left.
func (c *installing) removeValues(gone []string, names ...string) (edits []whittle.Edit, ok bool) {
	for _, o := range c.options(names...) {
		rest := without(o.values, gone)
		switch last := c.Words[o.to-1]; {
		case len(rest) == len(o.values):
		case len(rest) == 0:
			e, err := c.run.RemoveWords(c.Command, o.from, o.to)
			if err != nil {
				return nil, false
			}
			edits = append(edits, e...)
		case !last.Literal:
			return nil, false
		default:
			sep := ","
			if strings.Contains(last.Value, " ") {
				sep = " "
			}
			text := strings.Join(rest, sep)
			if o.to == o.from+1 {
				text = o.name + "=" + text
			}
			if sep == " " {
				text = `"` + text + `"`
			}
			edits = append(edits, c.run.ReplaceWord(last, text))
		}
	}
	return edits, true
}

// add puts words at the end of a command.
func (c *installing) add(words ...string) ([]whittle.Edit, bool) {
	e, err := c.run.AddWords(c.Command, len(c.Words)-1, words...)
	return []whittle.Edit{e}, err == nil
}

// noGroups are the options with which uv leaves out default groups.
func (c *installing) noGroups(groups []string) (words []string) {
	defaults := c.defaults("")
	groups = slices.DeleteFunc(slices.Clone(groups), func(g string) bool { return !slices.Contains(defaults, g) })
	switch {
	case len(groups) == 0:
		return nil
	case slices.Equal(defaults, []string{"dev"}) && slices.Contains(groups, "dev"):
		return []string{"--no-dev"}
	case len(without(defaults, groups)) == 0 && !c.d.p.Declared.Groups.AllDefault:
		return []string{"--no-default-groups"}
	}
	for _, g := range groups {
		words = append(words, "--no-group", g)
	}
	return words
}

func (c *installing) withoutUV(groups, extras []string) (edits []whittle.Edit, ok bool) {
	if c.Has("--only-group", "--only-dev") {
		return nil, false
	}
	edits, ok = c.removeValues(groups, "--group")
	more, fine := c.removeValues(extras, "--extra")
	edits, ok = append(edits, more...), ok && fine
	var words []string
	if len(groups) > 0 {
		edits = append(edits, c.removeFlags("--dev")...)
		if c.Has("--all-groups") {
			for _, g := range groups {
				words = append(words, "--no-group", g)
			}
		} else if !c.Has("--no-default-groups") {
			words = c.noGroups(groups)
		}
	}
	if c.Has("--all-extras") {
		for _, e := range extras {
			words = append(words, "--no-extra", e)
		}
	}
	if len(words) > 0 {
		e, fine := c.add(words...)
		edits, ok = append(edits, e...), ok && fine
	}
	return edits, ok && len(edits) > 0
}

func (c *installing) withoutPoetry(groups, extras []string) (edits []whittle.Edit, ok bool) {
	edits, ok = c.removeValues(groups, "--with", "--only")
	more, fine := c.removeValues(extras, "--extras", "-E")
	edits, ok = append(edits, more...), ok && fine && !(len(extras) > 0 && c.Has("--all-extras"))
	groups = slices.DeleteFunc(slices.Clone(groups), func(g string) bool { return slices.Contains(c.values("--with", "--only"), g) })
	if len(groups) == 0 {
		return edits, ok && len(edits) > 0
	}
	var words []string
	switch given := c.options("--without"); {
	case c.d.oldPoetry():
		words = []string{"--no-dev"}
		ok = ok && slices.Equal(groups, []string{"dev"})
	case len(given) > 0:
		return nil, false
	case len(without(c.groups(groups[0]), groups)) == 0:
		words = []string{"--only", "main"}
	default:
		words = []string{"--without", strings.Join(groups, ",")}
	}
	e, fine := c.add(words...)
	return append(edits, e...), ok && fine
}

// oldPoetry says that the Dockerfile installs a Poetry without groups (before 1.2).
func (d *developers) oldPoetry() bool {
	text := string(d.p.Dockerfile.Source)
	for _, mark := range []string{"poetry==", "POETRY_VERSION=", "POETRY_VERSION "} {
		if _, version, found := strings.Cut(text, mark); found {
			version = strings.TrimLeft(version, `"'`)
			return strings.HasPrefix(version, "1.0") || strings.HasPrefix(version, "1.1.") || strings.HasPrefix(version, "0.")
		}
	}
	return false
}

func (c *installing) withoutPDM(groups, extras []string) (edits []whittle.Edit, ok bool) {
	edits, ok = c.removeValues(append(slices.Clone(groups), extras...), "-G", "--group")
	asked := c.values("-G", "--group")
	groups = slices.DeleteFunc(slices.Clone(groups), func(g string) bool { return slices.Contains(asked, g) })
	if len(groups) == 0 || c.Has("--prod", "--production") {
		return edits, ok && len(edits) > 0
	}
	edits = append(edits, c.removeFlags("-d", "--dev")...)
	words := []string{"--prod"}
	if len(without(c.groups(groups[0]), groups)) > 0 {
		words = []string{"--without", strings.Join(groups, ",")}
	}
	e, fine := c.add(words...)
	return append(edits, e...), ok && fine
}
