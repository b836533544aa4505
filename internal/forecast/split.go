package forecast

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/restage"
)

// split is an image of the base dependencies and those of one extra.
func (a *account) split(extra string) (*whittle.Forecast, error) {
	a = installsItself(a)
	f, s := a.forecast("split-"+extra, fmt.Sprintf("a separate image for the extra %s", extra))
	have, missing := a.neededBy([]string{extra})
	a.addPackages(s, have, true)
	asked := slices.ContainsFunc(a.Added, func(w Weight) bool { return slices.Contains(missing, w.Name) })
	a.addChanges(s, asked)
	if asked {
		missing = slices.DeleteFunc(missing, func(name string) bool {
			return slices.ContainsFunc(a.Added, func(w Weight) bool { return w.Name == name })
		})
	}
	missing = a.addWeights(s, a.Extras[extra], have, missing)
	a.addMade(s, func(st *restage.Step) bool { return st.Role == recipe.InstallsBuildTools && !a.outline.Two() })
	a.addVenv(s)
	t := a.twoStage(fmt.Sprintf("The extra %s in a separate image: what the others need is not in it.", extra))
	t.dest.extras, t.dest.all = []string{extra}, true
	if len(missing) > 0 {
		f.Notes = append(f.Notes, "no sizes are known of "+strings.Join(missing, ", "))
	}
	if start := absentStart(a, have); start != "" {
		script, err := ownScript(a)
		if err != nil {
			return f, fmt.Errorf("the image starts %s, which is not in it: %w", start, err)
		}
		f.Notes = append(f.Notes, fmt.Sprintf("the original starts %s, which is not in it: this image starts %s, and has no health check", start, script))
		t.run = startWith(script)
	}
	return a.finish(f, t.text, t.dest)
}

// wanted are the distributions that the application needs, nil if the image has no
// others, such as installers.
func (a *account) wanted() map[string]bool {
	tools := a.tools()
	if len(tools) == 0 || a.Graph == nil {
		return nil
	}
	have := map[string]bool{}
	if a.Declared != nil {
		have, _ = a.neededBy(a.extras())
	}
	var roots []int
	for _, i := range a.Graph.Roots() {
		if !slices.Contains(tools, a.Graph.Distributions[i].Name) {
			roots = append(roots, i)
		}
	}
	for i, needed := range a.Graph.Needed(roots) {
		if needed {
			have[a.Graph.Distributions[i].Name] = true
		}
	}
	return have
}

// tools are the distributions that install others.
func (a *account) tools() (names []string) {
	for _, s := range a.outline.InstallSteps() {
		for _, p := range s.Parts {
			if p.Role != recipe.PreparesInstaller || p.OnlyPip() {
				continue
			}
			names = append(names, asked(p.Install.Args)...)
		}
	}
	return names
}

// asked are the distributions that the arguments of an installer name.
func asked(args []string) (names []string) {
	for _, arg := range args {
		if r, err := pep.ParseRequirement(strings.Trim(arg, `"'`)); err == nil {
			names = append(names, r.Name)
		}
	}
	return names
}

// addWeights adds the distributions of an index, and gives those whose size is not
// known.
func (a *account) addWeights(s sizes, weights []Weight, have map[string]bool, missing []string) (unknown []string) {
	var low, n, high, bytecode int64
	source := ""
	known := map[string]bool{}
	for _, w := range weights {
		known[w.Name] = true
		if have[w.Name] {
			continue
		}
		low, n, high, bytecode = low+w.Low, n+w.Bytes, high+w.High, bytecode+w.Bytecode
		source = w.Source
	}
	s.between("packages of the index", low, n, high, source)
	if !a.Clean.Bytecode {
		s.between("bytecode of the index's packages", bytecode/10*8, bytecode, bytecode/10*12, "ratio of bytecode to sources")
	}
	for _, l := range missing {
		if !known[l] {
			unknown = append(unknown, l)
		}
	}
	return unknown
}

// absentStart is the program that the image starts if it belongs to a distribution
// that is not installed; empty otherwise.
func absentStart(a *account, have map[string]bool) string {
	for _, c := range a.outline.Starts() {
		if name := program(&c); name != "" && absent(a, name, have) {
			return name
		}
	}
	return ""
}

// program is what a command starts: the module of python -m, else its name.
func program(c *dockerfile.Command) string {
	words, _ := recipe.Values(c.Words)
	if strings.HasPrefix(c.Name(), "python") && len(words) > 2 && words[1] == "-m" {
		top, _, _ := strings.Cut(words[2], ".")
		return top
	}
	return c.Name()
}

// absent says whether a program belongs to distributions, none of which is in the
// set.
func absent(a *account, program string, have map[string]bool) bool {
	owned := false
	for _, d := range a.dists {
		dist := &a.Graph.Distributions[d.index]
		if !ships(dist, program) {
			continue
		}
		if have[d.name] {
			return false
		}
		owned = true
	}
	return owned
}

// ships says whether a distribution has a console script or a module of that
// name.
func ships(d *python.Distribution, name string) bool {
	return slices.ContainsFunc(d.EntryPoints, func(e python.EntryPoint) bool { return e.Group == "console_scripts" && e.Name == name }) ||
		slices.ContainsFunc(d.Files, func(f string) bool { return path.Base(f) == name && path.Base(path.Dir(f)) == "bin" }) ||
		slices.Contains(d.ImportNames(), name)
}

// ownScript is the console script that the project starts with.
func ownScript(a *account) (string, error) {
	var names []string
	for name := range a.Declared.Scripts {
		names = append(names, name)
	}
	switch {
	case len(names) == 1 && restage.Plain(names[0]):
		return names[0], nil
	case slices.Contains(names, a.Declared.Name) && restage.Plain(a.Declared.Name):
		return a.Declared.Name, nil
	}
	return "", fmt.Errorf("the project has %d console scripts to start instead", len(names))
}

// startWith replaces how an image starts.
func startWith(script string) func(*restage.Step) (string, error) {
	written := false
	return func(s *restage.Step) (string, error) {
		switch s.In.Keyword {
		case "HEALTHCHECK", "EXPOSE":
			return "", nil
		case "CMD", "ENTRYPOINT":
			if written {
				return "", nil
			}
			written = true
			return fmt.Sprintf("# What the original starts belongs to another extra.\nENTRYPOINT [%q]", script), nil
		}
		return s.Text, nil
	}
}
