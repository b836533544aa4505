package distribution

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// installSource is something of the project that a command of the Dockerfile
// installs: its folder, with extras and groups, or a requirements file.
type installSource struct {
	run     *dockerfile.Instruction
	command recipe.InstallCommand
	// word is the position of the word that names it; it is the subcommand if
	// the tool installs the project by default.
	word int
	// file is the requirements file in the project, empty for its folder.
	file string
	// extras and groups are those that are installed too; every says that all
	// are.
	extras, groups []string
	every          bool
}

// installSources are the sources that the Dockerfile installs from the project,
// or builds wheels of.
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

// sourcesIn are the sources in one command.
func sourcesIn(p *analysis.Pass, run *dockerfile.Instruction, c recipe.InstallCommand) []installSource {
	if c.Has("--no-deps", "--no-dependencies") {
		return nil // nothing that is declared comes along
	}
	if !byWords(&c) {
		return []installSource{managedSources(run, c)}
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

// isProject says that a word of an installer names the project, by its folder
// or its name. A folder in the project that is a project itself is a different
// one.
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

// requirementsFile is the project's file for a path of the build, empty if the
// project has none.
func requirementsFile(p *analysis.Pass, named string) string {
	for try := strings.TrimPrefix(path.Clean(named), "/"); try != ""; _, try, _ = strings.Cut(try, "/") {
		if p.Project.File(try) != nil {
			return try
		}
	}
	return ""
}

// installsFrom is the requirements file of the project that the Dockerfile
// installs, empty if there is none; folder says that it installs the project
// itself.
func installsFrom(p *analysis.Pass) (file string, folder bool) {
	for _, s := range installSources(p) {
		if byWords(&s.command) {
			file, folder = cmp.Or(file, s.file), folder || s.file == ""
		}
	}
	return file, folder
}

// byWords says that an installer only installs what its arguments name, as pip
// does.
func byWords(c *recipe.InstallCommand) bool {
	return c.Tool == "pip" || c.Tool == "uv" && c.Verb > 0 && c.Words[c.Verb-1].Value == "pip"
}

// managedSources are the sources that uv, Poetry and PDM install of the project
// that they manage.
func managedSources(run *dockerfile.Instruction, c recipe.InstallCommand) installSource {
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

// installsPlace says that the image installs, or may install, the list that
// declares a dependency. Then the dependency is missing for another reason.
func installsPlace(p *analysis.Pass, sources []installSource, d *manifest.Dependency) bool {
	if p.Dockerfile == nil {
		return d.Kind == manifest.Runtime
	}
	for _, s := range sources {
		switch {
		case s.file != "":
			if slices.Contains(p.Project.Included(s.file), d.File) {
				return true
			}
		case strings.HasSuffix(d.File, ".txt"):
		case d.Kind == manifest.Runtime, s.every:
			return true
		case d.Kind == manifest.Optional && slices.Contains(s.extras, pep.Normalize(d.Extra)):
			return true
		case d.Kind == manifest.Development && slices.Contains(s.groups, pep.Normalize(d.Group)):
			return true
		}
	}
	// Commands that are not read install something else, or nothing.
	return len(sources) == 0 && d.Kind == manifest.Runtime
}
