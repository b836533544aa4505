package distribution

import (
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// releaseOf is the project's name if the image installs a release of it from a
// package index and nothing of its folder: what its files declare changes the image
// only with the next release.
func releaseOf(p *analysis.Pass) (name string, ok bool) {
	if p.Dockerfile == nil || p.Declared == nil || p.Declared.Name == "" {
		return "", false
	}
	name = pep.Normalize(p.Declared.Name)
	found := false
	for i := range p.Dockerfile.Stages {
		for j := range p.Dockerfile.Stages[i].Instructions {
			in := &p.Dockerfile.Stages[i].Instructions[j]
			if in.Keyword == "COPY" && slices.ContainsFunc(in.Args, func(a dockerfile.Arg) bool {
				return strings.Contains(a.Value, ".whl") || strings.Contains(a.Value, "dist/")
			}) {
				return "", false // it may be the project's own build
			}
			s, err := in.Shell()
			if in.Keyword != "RUN" || err != nil {
				continue
			}
			installs, _ := recipe.InstallCommands(in)
			if len(recipe.WheelCommands(s.Commands())) > 0 || slices.ContainsFunc(s.Commands(), builds) {
				return "", false
			}
			for _, c := range installs {
				by, local := namesRelease(p, &c, name)
				if local {
					return "", false
				}
				found = found || by
			}
		}
	}
	return name, found
}

// builds says that a command builds a distribution.
func builds(c dockerfile.Command) bool {
	words := c.Words
	return slices.ContainsFunc(words, func(w dockerfile.Word) bool {
		return w.Value == "build" || w.Value == "setup.py" || w.Value == "bdist_wheel"
	}) &&
		(strings.HasPrefix(c.Name(), "python") || slices.Contains([]string{"uv", "poetry", "pdm", "hatch", "flit", "pyproject-build"}, c.Name()))
}

// namesRelease says that a command names the project, which it then gets from an
// index; local says that it may install something of the project's folder.
func namesRelease(p *analysis.Pass, c *recipe.InstallCommand, name string) (release, local bool) {
	if !byWords(c) || c.Has("--find-links", "-f", "--no-index") {
		return false, true
	}
	for _, a := range c.Arguments() {
		switch a.Option {
		case "-r", "--requirement", "-e", "--editable", "--group":
			local = local || a.Option != "-r" && a.Option != "--requirement" || requirementsFile(p, a.Value) != ""
		case "":
			word := strings.Trim(c.Words[a.At].Text, `"'`)
			own, _ := pep.CutName(word)
			switch {
			case strings.HasPrefix(word, ".") || strings.HasPrefix(word, "/") || strings.HasSuffix(word, ".whl"):
				local = true
			case pep.Normalize(own) == name:
				release = true
			}
		}
	}
	return release, local
}

// afterRelease adds to advice about declarations that the image has the effect with
// the next release only.
func afterRelease(p *analysis.Pass, f *whittle.Finding) {
	if name, ok := releaseOf(p); ok {
		f.Advice += "; the image has that from the next release on: it installs " + name + " from the index"
	}
}
