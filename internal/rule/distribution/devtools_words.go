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
	"whittle.dev/whittle/internal/shell"
)

// withoutWords narrows a command that installs what its arguments name.
func (c *installing) withoutWords(drop []place, groups, extras []string) (edits []whittle.Edit, ok bool) {
	edits, ok = c.removeValues(groups, "--group")
	more, fine := c.removeValues(extras, "--extra")
	edits, ok = append(edits, more...), ok && fine
	left, gone := 0, 0
	for _, a := range c.Arguments() {
		switch a.Option {
		case "-r", "--requirement":
			file := requirementsFile(c.d.p, a.Value)
			if !slices.ContainsFunc(drop, func(w place) bool { return w.file != "" && slices.Contains(c.d.p.Project.Included(file), w.file) }) {
				left++
				continue
			}
			e, removed, ok := c.otherFile(a, file, drop)
			if !ok {
				return nil, false
			}
			edits = append(edits, e...)
			if removed {
				gone++
			} else {
				left++
			}
		case "", "-e", "--editable":
			left++
			e, ok := c.withoutExtras(a, extras)
			if !ok {
				return nil, false
			}
			edits = append(edits, e...)
		case "--group":
			if len(without(normalized([]string{a.Value}), groups)) > 0 {
				left++
			}
		}
	}
	if left == 0 && gone > 0 {
		return c.removed()
	}
	return edits, ok && len(edits) > 0
}

// withoutExtras takes extras out of an argument that installs the project: ".[dev]".
func (c *installing) withoutExtras(a recipe.Argument, extras []string) (edits []whittle.Edit, ok bool) {
	w := c.Words[a.At]
	base, listed, bracket := strings.Cut(strings.TrimSuffix(a.Value, "]"), "[")
	rest := slices.DeleteFunc(strings.Split(listed, ","), func(e string) bool { return slices.Contains(extras, pep.Normalize(strings.TrimSpace(e))) })
	if !bracket || len(rest) == len(strings.Split(listed, ",")) || !isProject(c.d.p, a.Value) {
		return nil, true
	}
	if !w.Literal {
		return nil, false
	}
	text := shell.Quote(base)
	if len(rest) > 0 {
		text = `"` + base + "[" + strings.Join(rest, ",") + `]"`
		if w.Text[0] != '"' && w.Text[0] != '\'' {
			text = strings.Trim(text, `"`)
		}
	}
	return []whittle.Edit{c.run.ReplaceWord(w, text)}, true
}

// removed are the edits that take the command out.
func (c *installing) removed() ([]whittle.Edit, bool) {
	if s, err := c.run.Shell(); err == nil && len(s.Commands()) == 1 && c.Depth == 0 {
		return c.d.p.Dockerfile.Remove(c.run), true
	}
	e, err := c.run.RemoveCommand(c.Command)
	return e, err == nil
}

// otherFile is the edit after which an argument installs no file for developers:
// the file that it includes takes its place, or one beside it that has the rest, or
// nothing if something else installs that.
func (c *installing) otherFile(a recipe.Argument, file string, drop []place) (edits []whittle.Edit, removed, ok bool) {
	if !slices.Contains(drop, place{file: file}) {
		return nil, false, false // a file for the application includes it
	}
	rest := slices.DeleteFunc(slices.Clone(c.d.p.Project.Included(file)), func(f string) bool { return slices.Contains(drop, place{file: f}) })
	missing := slices.DeleteFunc(slices.Clone(rest), func(f string) bool { return c.othersInstall(f, a, drop) })
	other, stands := c.d.standIn(file)
	switch {
	case len(missing) == 0 && (len(rest) > 0 || !stands):
		return c.withoutFile(a)
	case !c.Words[a.At].Literal:
		return nil, false, false
	case len(missing) == 1 && path.Dir(missing[0]) == path.Dir(file):
		return []whittle.Edit{c.renameFile(a, missing[0])}, false, true // the build has read it there
	case len(missing) == 0:
		copies, fine := alsoCopied(c.d.p, &installSource{run: c.run, command: c.InstallCommand, word: a.At, file: file}, other)
		return append(copies, c.renameFile(a, other)), false, fine
	}
	return nil, false, false
}

// othersInstall says that another argument or command than this one installs a file
// of requirements, by a file that stays.
func (c *installing) othersInstall(file string, but recipe.Argument, drop []place) bool {
	for _, other := range c.d.commands() {
		if !byWords(&other.InstallCommand) {
			continue
		}
		for _, a := range other.Arguments() {
			if c.isSame(&other, a, but) || a.Option != "-r" && a.Option != "--requirement" {
				continue
			}
			if named := requirementsFile(c.d.p, a.Value); slices.Contains(c.d.p.Project.Included(named), file) && !slices.Contains(drop, place{file: named}) {
				return true
			}
		}
	}
	return false
}

// isSame says that an argument of another command is this one of this command.
func (c *installing) isSame(other *installing, a, own recipe.Argument) bool {
	return other.run == c.run && other.Span == c.Span && a.At == own.At
}

// withoutFile takes a file of requirements out of the command. There are no edits if
// the command installs nothing else.
func (c *installing) withoutFile(a recipe.Argument) (edits []whittle.Edit, removed, ok bool) {
	if !c.installsMore(a) {
		return nil, false, false // then nothing is known to install the application's
	}
	from := a.At
	if c.Words[a.At].Value == a.Value {
		from-- // the option is a word of its own
	}
	e, err := c.run.RemoveWords(c.Command, from, a.At+1)
	if err != nil {
		// It is the last thing that the command installs.
		return nil, true, true
	}
	return e, true, true
}

// renameFile makes an argument name another file of the same folder.
func (c *installing) renameFile(a recipe.Argument, to string) whittle.Edit {
	w := c.Words[a.At]
	text := strings.TrimSuffix(w.Text, w.Value) // options in front of the name stay
	if w.Value != a.Value {
		text = strings.TrimSuffix(w.Value, a.Value)
	}
	if strings.ContainsAny(text, `"'`) {
		text = ""
	}
	if strings.HasPrefix(a.Value, "./") {
		text += "./"
	}
	return c.run.ReplaceWord(w, text+shell.Quote(path.Join(path.Dir(a.Value), path.Base(to))))
}

// installsMore says that other arguments or commands install requirements, too: the
// application's are among them.
func (c *installing) installsMore(but recipe.Argument) bool {
	for _, other := range c.d.commands() {
		if !byWords(&other.InstallCommand) {
			return true
		}
		for _, a := range other.Arguments() {
			if !c.isSame(&other, a, but) && (a.ReadsFile() || a.Option == "" || a.Option == "-e" || a.Option == "--editable") {
				return true
			}
		}
	}
	return false
}

// standIn is the file beside a file for developers that has the application's
// requirements, if that one has the same ones and development tools besides.
func (d *developers) standIn(file string) (other string, ok bool) {
	if file == "" || len(d.p.Project.Included(file)) > 1 {
		return "", false
	}
	mine := map[string]string{}
	for _, dep := range d.p.Dists.Declarations() {
		if dep.File == file {
			mine[pep.Normalize(dep.Name)] = pep.Normalize(dep.Text)
		}
	}
	texts := map[string]map[string]string{}
	for _, dep := range d.p.Dists.Declarations() {
		if dep.Kind == manifest.Runtime && path.Dir(dep.File) == path.Dir(file) && placeOf(dep).file != "" {
			if texts[dep.File] == nil {
				texts[dep.File] = map[string]string{}
			}
			texts[dep.File][pep.Normalize(dep.Name)] = pep.Normalize(dep.Text)
		}
	}
	for name, have := range texts {
		for n, text := range have {
			if mine[n] != text {
				have = nil
				break
			}
		}
		if len(have) == 0 {
			continue
		}
		if other != "" {
			return "", false
		}
		other = name
	}
	return other, other != ""
}

// uvRun changes the commands "uv run" of the image so that they do not install
// groups either: they bring the environment up to date before they start a
// program. ok is false if a script has one.
func (d *developers) uvRun(drop []place) (edits []whittle.Edit, ok bool) {
	var groups []string
	for _, w := range drop {
		if w.group != "" {
			groups = append(groups, w.group)
		}
	}
	if len(groups) == 0 {
		return nil, true
	}
	for i := range d.said {
		if t := &d.said[i]; t.Contains("uv run") && !t.OfImage() {
			return nil, false
		}
	}
	for i := range d.p.Dockerfile.Stages {
		if !d.p.Recipe.Ships(i) {
			continue
		}
		for j := range d.p.Dockerfile.Stages[i].Instructions {
			in := &d.p.Dockerfile.Stages[i].Instructions[j]
			switch in.Keyword {
			case "RUN", "CMD", "ENTRYPOINT", "HEALTHCHECK":
				more, ok := d.uvRunIn(in, groups)
				if !ok {
					return nil, false
				}
				edits = append(edits, more...)
			}
		}
	}
	return edits, true
}

func (d *developers) uvRunIn(in *dockerfile.Instruction, groups []string) (edits []whittle.Edit, ok bool) {
	s, err := in.Shell()
	if err != nil {
		return nil, !strings.Contains(in.Text(), "uv run")
	}
	for _, c := range s.Commands() {
		k := slices.IndexFunc(c.Words, func(w dockerfile.Word) bool { return path.Base(w.Value) == "uv" })
		if k < 0 || k+1 >= len(c.Words) || c.Words[k+1].Value != "run" {
			continue
		}
		i := installing{recipe.InstallCommand{Command: c, Tool: "uv", Verb: k + 1}, in, d}
		if i.Has("--no-sync", "--no-project", "--no-dev", "--no-default-groups") || i.isSet("UV_NO_SYNC") || i.isSet("UV_NO_DEV") {
			continue
		}
		words := i.noGroups(groups)
		if !in.JSON {
			e, err := in.AddWords(c, k+1, words...)
			if err != nil {
				return nil, false
			}
			edits = append(edits, e)
			continue
		}
		at := slices.IndexFunc(in.Args, func(a dockerfile.Arg) bool { return a.Value == "run" || a.Value == `"run"` })
		if at < 0 {
			return nil, false
		}
		edits = append(edits, in.ReplaceArg(at, `"run", "`+strings.Join(words, `", "`)+`"`))
	}
	return edits, true
}

// namedTool is a word of a command that names a development tool.
type namedTool struct {
	c  installing
	at int
	i  int
}

// named are the tools that commands name and no file declares.
func (d *developers) named() (t tools) {
	for _, c := range d.commands() {
		if !byWords(&c.InstallCommand) || c.Words[c.Verb].Value == "wheel" {
			continue
		}
		for _, a := range c.Arguments() {
			r, err := pep.ParseRequirement(a.Value)
			if a.Option != "" || err != nil || purposeOf(r.Name) == "" || declares(d.p, r.Name) {
				continue
			}
			if i, ok := d.p.Graph.Find(r.Name); ok && slices.Contains(d.roots, i) && !d.isUsed(i) {
				t.add(i)
				t.words = append(t.words, namedTool{c, a.At, i})
			}
		}
	}
	t = d.withoutUsed(t)
	t.words = slices.DeleteFunc(t.words, func(w namedTool) bool { return !slices.Contains(t.dists, w.i) })
	return t
}

// unname is the fix of what commands name: they do not.
func (d *developers) unname(f *whittle.Finding, t *tools) {
	var edits []whittle.Edit
	var lines []string
	ok := true
	for k := 0; k < len(t.words); {
		c := t.words[k].c
		gone := map[int]bool{}
		for ; k < len(t.words) && t.words[k].c.run == c.run && t.words[k].c.Span == c.Span; k++ {
			gone[t.words[k].at] = true
		}
		more, fine := c.withoutNames(gone)
		edits, ok = append(edits, more...), ok && fine
		if name := d.p.Recipe.Name(c.run); !slices.Contains(lines, name) {
			lines = append(lines, name)
			f.Evidence = append(f.Evidence, whittle.Evidence{Layer: -1, File: d.p.Dockerfile.Name, Line: c.run.Line, What: c.run.Keyword})
		}
	}
	f.Advice = "do not install " + analysis.List(d.p.Dists.Names(t.dists)) + " at " + analysis.List(lines)
	if !ok {
		return
	}
	if fix, ok := d.p.Recipe.Fix("keep development tools out of the image", edits); ok {
		f.Fix = fix
	}
}

// withoutNames takes words out of a command, or the command if it installs nothing
// else.
func (c *installing) withoutNames(gone map[int]bool) (edits []whittle.Edit, ok bool) {
	others := slices.ContainsFunc(c.Arguments(), func(a recipe.Argument) bool {
		return !gone[a.At] && (a.Option == "" || a.ReadsFile() || a.Option == "-e" || a.Option == "--editable" || a.Option == "--group")
	})
	if !others {
		return c.removed()
	}
	for k := 1; k < len(c.Words); k++ {
		if !gone[k] {
			continue
		}
		to := k + 1
		for gone[to] {
			to++
		}
		e, err := c.run.RemoveWords(c.Command, k, to)
		if err != nil {
			return nil, false
		}
		edits, k = append(edits, e...), to
	}
	return edits, true
}
