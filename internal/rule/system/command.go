package system

import (
	"cmp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

func commandsOf(in []recipe.SystemCommand) (out []recipe.RunCommand) {
	for _, c := range in {
		out = append(out, c.RunCommand)
	}
	return out
}

// withoutCommands are the edits that take commands out of a RUN. whole says that
// they remove the RUN, because what is left would only fetch lists of packages
// and delete them. ok is false if that is not possible.
func withoutCommands(p *analysis.Pass, in *dockerfile.Instruction, layer int, gone []recipe.RunCommand) (edits []whittle.Edit, whole, ok bool) {
	if slices.ContainsFunc(gone, func(c recipe.RunCommand) bool { return c.Inner || c.Depth > 0 || c.Negated }) || in.JSON {
		return nil, false, false
	}
	all, ok := recipe.RunCommands(in)
	if !ok {
		return nil, false, false
	}
	isGone := func(c recipe.RunCommand) bool {
		return slices.ContainsFunc(gone, func(g recipe.RunCommand) bool { return g.Span == c.Span })
	}
	if !slices.ContainsFunc(all, func(c recipe.RunCommand) bool { return !isGone(c) && !prepares(c) }) {
		if leavesLists(p, layer) && listsUsed(p, in) || len(p.Recipe.Mounts(in)) > 0 {
			if len(gone) == len(all) {
				return nil, false, false // nobody can say what a later RUN takes of it
			}
		} else if alone(p, in) {
			return p.Dockerfile.Remove(in), true, true
		}
	}
	for _, c := range gone {
		more, err := in.RemoveCommand(c.Command)
		if err != nil {
			return nil, false, false
		}
		edits = append(edits, more...)
	}
	slices.SortStableFunc(edits, func(a, b whittle.Edit) int { return cmp.Compare(a.Span.Start, b.Span.Start) })
	return edits, false, true
}

// alone says that a RUN can be removed: its stage has another instruction.
func alone(p *analysis.Pass, in *dockerfile.Instruction) bool {
	return len(p.Dockerfile.Stages[in.Stage].Instructions) > 1
}

// prepares says that a command only fetches lists of packages, deletes what
// package managers keep, or does nothing to files.
func prepares(c recipe.RunCommand) bool {
	if s, ok := recipe.ReadSystem(c); ok {
		return s.Prepares()
	}
	switch c.Name() {
	case "set", "true", ":", "echo":
		return len(c.Redirects) == 0
	case "rm":
		for _, w := range c.Words[c.Program+1:] {
			if !strings.HasPrefix(w.Value, "-") && !slices.ContainsFunc(managersFolders, func(dir string) bool { return strings.HasPrefix(w.Value, dir) }) {
				return false
			}
		}
		return true
	}
	return false
}

// managersFolders are where package managers keep what they fetch.
var managersFolders = []string{"/var/lib/apt/lists", "/var/cache/apt", "/var/cache/apk", "/var/cache/dnf", "/var/cache/libdnf5", "/var/cache/yum", "/var/cache/zypp", "/tmp/", "/var/tmp/"}

// listsUsed says that a later RUN may install with the lists that a RUN fetched.
func listsUsed(p *analysis.Pass, in *dockerfile.Instruction) bool {
	for i := range p.Dockerfile.Stages {
		chain := p.Recipe.ChainOf(&p.Dockerfile.Stages[i])
		at := slices.Index(chain, in)
		if at < 0 {
			continue
		}
		if slices.ContainsFunc(chain[at+1:], func(later *dockerfile.Instruction) bool {
			commands, ok := recipe.RunCommands(later)
			return later.Keyword == "ONBUILD" || later.Keyword == "RUN" && (!ok || slices.ContainsFunc(commands, mayInstall))
		}) {
			return true
		}
	}
	return false
}

// mayInstall says that a command is a package manager of the system, or a script of
// which nobody knows what it runs.
func mayInstall(c recipe.RunCommand) bool {
	if _, ok := recipe.ReadSystem(c); ok {
		return true
	}
	name := c.Name()
	return name == "" || strings.HasSuffix(name, ".sh") || strings.Contains(c.Words[c.Program].Value, "/") ||
		slices.Contains([]string{"sh", "bash", "dash", "ash", "source", ".", "eval", "su", "make", "add-apt-repository"}, name)
}

// leavesLists says that a layer has lists of packages that a later RUN may use.
func leavesLists(p *analysis.Pass, layer int) bool {
	for at, e := range p.Layers.Entries(layer) {
		if e.Kind == whittle.File && e.Size > 0 && (strings.HasPrefix(at, "var/lib/apt/lists/") || strings.HasPrefix(at, "var/cache/apk/")) {
			return true
		}
	}
	return false
}
