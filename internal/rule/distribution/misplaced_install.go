package distribution

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
	"whittle.dev/whittle/internal/shell"
)

// installSource is one thing that a command of the Dockerfile installs of the
// project: its folder, with some extras and groups, or a requirements file.
type installSource struct {
	run     *dockerfile.Instruction
	command recipe.InstallCommand
	// word is the position of what names it; that of the verb where the tool
	// installs the project without being told.
	word int
	// file is the requirements file in the project, empty for the folder.
	file string
	// extras and groups are those that come along; every says that all do.
	extras, groups []string
	every          bool
}

// installSources are what the Dockerfile installs of the project, and makes
// wheels of.
func installSources(p *analysis.Pass) []installSource {
	if p.Dockerfile == nil {
		return nil
	}
	var out []installSource
	for i := range p.Dockerfile.Stages {
		for j := range p.Dockerfile.Stages[i].Instructions {
			in := &p.Dockerfile.Stages[i].Instructions[j]
			commands, _ := recipe.InstallCommands(in)
			if s, err := in.Shell(); err == nil && in.Keyword == "RUN" {
				commands = append(commands, recipe.WheelCommands(s.Commands())...)
			}
			for _, c := range commands {
				out = append(out, sourcesIn(p, in, c)...)
			}
		}
	}
	return out
}

// sourcesIn reads one command.
func sourcesIn(p *analysis.Pass, run *dockerfile.Instruction, c recipe.InstallCommand) []installSource {
	if c.Has("--no-deps", "--no-dependencies") {
		return nil // nothing that is declared comes along
	}
	if !byWords(&c) {
		return []installSource{managed(run, c)}
	}
	var out []installSource
	for _, a := range c.Arguments() {
		s := installSource{run: run, command: c, word: a.At}
		switch a.Option {
		case "-r", "--requirement":
			if s.file = requirementsFile(p, a.Value); s.file == "" {
				continue
			}
		case "", "-e", "--editable":
			if !isProject(p, a.Value) {
				continue
			}
			if _, extras, ok := strings.Cut(strings.TrimSuffix(a.Value, "]"), "["); ok {
				s.extras = normalized(strings.Split(extras, ","))
			}
		default:
			continue
		}
		out = append(out, s)
	}
	return out
}

// isProject says that a word of an installer names the project: its folder, or
// its name. A folder in the project that is a project too is another one.
func isProject(p *analysis.Pass, word string) bool {
	base, _, _ := strings.Cut(word, "[")
	for below := strings.Trim(path.Clean("/"+base), "/"); below != "" && strings.Contains(base, "/"); _, below, _ = strings.Cut(below, "/") {
		if p.Project.File(path.Join(below, "pyproject.toml")) != nil || p.Project.File(path.Join(below, "setup.py")) != nil {
			return false
		}
	}
	return base == "." || strings.HasPrefix(base, "./") || strings.HasPrefix(base, "/") && !strings.HasSuffix(base, ".whl") ||
		p.Declared != nil && p.Declared.Name != "" && pep.Normalize(base) == pep.Normalize(p.Declared.Name)
}

// requirementsFile is the project's file behind a path of the build, empty
// where the project has none of the kind.
func requirementsFile(p *analysis.Pass, named string) string {
	for try := strings.TrimPrefix(path.Clean(named), "/"); try != ""; _, try, _ = strings.Cut(try, "/") {
		if p.Project.File(try) != nil {
			return try
		}
	}
	return ""
}

// installsFrom is the requirements file of the project that the Dockerfile
// installs, empty where there is none; folder says that it installs the
// project itself.
func installsFrom(p *analysis.Pass) (file string, folder bool) {
	for _, s := range installSources(p) {
		if byWords(&s.command) {
			file, folder = cmp.Or(file, s.file), folder || s.file == ""
		}
	}
	return file, folder
}

// byWords says that an installer installs what its words name, as pip does.
func byWords(c *recipe.InstallCommand) bool {
	return c.Tool == "pip" || c.Tool == "uv" && c.Verb > 0 && c.Words[c.Verb-1].Value == "pip"
}

// managed is what uv, Poetry and PDM install of the project that they manage.
func managed(run *dockerfile.Instruction, c recipe.InstallCommand) installSource {
	s := installSource{run: run, command: c, word: c.Verb, every: c.Has("--all-extras", "--all-groups")}
	for k := c.Verb + 1; k < len(c.Words); k++ {
		option, value, joined := strings.Cut(c.Words[k].Value, "=")
		if !joined && k+1 < len(c.Words) {
			value = c.Words[k+1].Value
		}
		names := normalized(strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' }))
		switch option {
		case "--extra", "--extras", "-E":
			s.extras = append(s.extras, names...)
		case "--group", "--with", "--only", "--only-group":
			s.groups = append(s.groups, names...)
		case "-G":
			s.extras, s.groups = append(s.extras, names...), append(s.groups, names...)
		}
	}
	return s
}

func normalized(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = pep.Normalize(strings.TrimSpace(n))
	}
	return out
}

// installsPlace says that the image installs what declares a dependency, or
// that it may: then why it is not there is another question.
func installsPlace(p *analysis.Pass, sources []installSource, d *project.Dependency) bool {
	if p.Dockerfile == nil {
		return d.Kind == project.Runtime
	}
	for _, s := range sources {
		switch {
		case s.file != "":
			if slices.Contains(p.Project.Included(s.file), d.File) {
				return true
			}
		case strings.HasSuffix(d.File, ".txt"):
		case d.Kind == project.Runtime, s.every:
			return true
		case d.Kind == project.Optional && slices.Contains(s.extras, pep.Normalize(d.Extra)):
			return true
		case d.Kind == project.Development && slices.Contains(s.groups, pep.Normalize(d.Group)):
			return true
		}
	}
	// Commands that are not read install something else, or nothing.
	return len(sources) == 0 && d.Kind == project.Runtime
}

// installToo is the way out in the Dockerfile: it installs what declares the
// dependency, too.
func installToo(p *analysis.Pass, d *project.Dependency, sources []installSource) (w wayOut) {
	switch {
	case d.Kind == project.Optional:
		w.advice = "install the extra " + d.Extra
	case d.Group != "":
		w.advice = "install the group " + d.Group
	case strings.HasSuffix(d.File, ".txt"):
		w.advice = "install " + d.File + " too"
	default:
		return wayOut{}
	}
	w.cost(p, declaredBeside(p, d)...)
	if p.Dockerfile == nil {
		return w
	}
	var edits []whittle.Edit
	for i := range sources {
		more, ok := widen(p, &sources[i], d)
		if !ok {
			return w
		}
		edits = append(edits, more...)
	}
	if fix, ok := p.Recipe.Fix(w.advice, edits); ok {
		w.fix = fix
	}
	return w
}

// declaredBeside are the requirements that come with a dependency where all of its
// extra, group or file is installed.
func declaredBeside(p *analysis.Pass, d *project.Dependency) []string {
	var out []string
	for _, other := range p.Dists.Declarations() {
		same := other.File == d.File && other.Kind == d.Kind && other.Extra == d.Extra && other.Group == d.Group
		if same && !(p.Declared != nil && pep.Normalize(other.Name) == pep.Normalize(p.Declared.Name)) {
			out = append(out, other.Text)
		}
	}
	return out
}

// widen lets a command install the extra, group or file of a dependency, too.
// ok is false where it cannot be told how; a command that installs something
// else stays as it is.
func widen(p *analysis.Pass, s *installSource, d *project.Dependency) (edits []whittle.Edit, ok bool) {
	c := s.command
	switch {
	case strings.HasSuffix(d.File, ".txt"):
		if s.file == "" {
			return nil, true
		}
		return widenFile(p, s, d.File)
	case s.file != "":
		return nil, true
	case byWords(&c):
		if d.Kind != project.Optional {
			return nil, false // pip knows groups since 25.1 only
		}
		w := c.Words[s.word]
		base, extras, had := strings.Cut(strings.TrimSuffix(w.Value, "]"), "[")
		if had {
			extras += ","
		}
		return []whittle.Edit{s.run.ReplaceWord(w, `"`+base+"["+extras+d.Extra+`]"`)}, !strings.ContainsAny(w.Value, "\"\\$`") && w.Literal
	}
	option := map[string]map[bool]string{"uv": {true: "--extra", false: "--group"}, "poetry": {true: "--extras", false: "--with"},
		"pdm": {true: "-G", false: "-G"}}[c.Tool][d.Kind == project.Optional]
	name := d.Extra + d.Group
	if option == "" || name == "" || d.Extra != "" && d.Group != "" {
		return nil, false
	}
	if d.Kind == project.Development && c.Has("--only", "--only-group", "--without", "--no-group") {
		return nil, false // it says which groups it means
	}
	e, err := s.run.AddWords(c.Command, len(c.Words)-1, option, shell.Quote(name))
	return []whittle.Edit{e}, err == nil
}

// widenFile lets a command install another requirements file, too, which the
// stage has to have beside the one that it installs.
func widenFile(p *analysis.Pass, s *installSource, file string) ([]whittle.Edit, bool) {
	w := s.command.Words[s.word]
	named := strings.TrimPrefix(strings.TrimPrefix(w.Value, "--requirement="), "-r")
	if !strings.HasSuffix("/"+path.Clean(named), "/"+s.file) || path.Dir(s.file) != path.Dir(file) || !p.Recipe.InContext(file) {
		return nil, false
	}
	copies, ok := alsoCopied(p, s, file)
	if !ok {
		return nil, false
	}
	e, err := s.run.AddWords(s.command.Command, s.word, "-r", shell.Quote(path.Join(path.Dir(named), path.Base(file))))
	return append(copies, e), err == nil
}

// alsoCopied are the edits that bring a file of the project to where a
// command's stage has another one; none where it comes along already.
func alsoCopied(p *analysis.Pass, s *installSource, file string) ([]whittle.Edit, bool) {
	for _, in := range p.Recipe.ChainOf(&p.Dockerfile.Stages[s.run.Stage]) {
		c, ok := p.Recipe.ReadCopy(in)
		if in == s.run {
			break
		}
		if !ok || !c.FromContext() {
			continue
		}
		covers := func(name string) int {
			return slices.IndexFunc(c.Sources, func(source string) bool {
				clean := strings.Trim(path.Clean("/"+source), "/")
				match, err := path.Match(clean, name)
				return clean == "" || whittle.Under(name, clean) || err == nil && match
			})
		}
		k := covers(s.file)
		switch last := in.Args[len(in.Args)-1].Value; {
		case k < 0:
		case covers(file) >= 0:
			return nil, true
		case in.JSON || c.Sources[k] != s.file && path.Clean(c.Sources[k]) != s.file || !strings.HasSuffix(last, "/") && last != "." && last != "..":
			return nil, false
		default:
			text := string(p.Dockerfile.Source[in.Args[k].Span.Start:in.Args[k].Span.End])
			return []whittle.Edit{in.ReplaceArg(k, text+" "+file)}, !strings.ContainsAny(file, " \"'$\\*?[")
		}
	}
	return nil, false
}
