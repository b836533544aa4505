package layer

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
	"whittle.dev/whittle/internal/shell"
)

// withoutCache are the edits of a RUN that keep the cache out of its layer: a
// cache mount if the file uses BuildKit already, otherwise the flag, otherwise
// a command that deletes it.
func withoutCache(p *analysis.Pass, m cachingManager, in *dockerfile.Instruction, items []int) (title string, edits []whittle.Edit, err error) {
	script, err := in.Shell()
	if err != nil {
		return "", nil, err
	}
	roots := m.roots(p, items)
	if len(roots) == 1 && m.glob == "" {
		m.mount = roots[0]
	}
	inMount := !slices.ContainsFunc(items, func(i int) bool { return !strings.HasPrefix(p.Ledger.Items[i].Path, m.mount+"/") })
	switch {
	case m.mount != "" && inMount && p.Recipe.UsesBuildKit() && recipe.IsRoot(p.Recipe.Last(in, "USER")):
		edits, err = in.AddFlag("mount", "type=cache,target=/"+m.mount)
		return "mount a cache over /" + m.mount, edits, err
	case m.flag != "":
		edits, err = withFlag(p, m, in, script)
		return "add " + m.flag, edits, err
	}
	prefix, program, found := "", "", false
	for _, c := range script.Commands() {
		if _, ok := m.fills(&c); ok {
			prefix, program = m.prefixed(&c)
			found = true
		}
	}
	if !found || m.clean == "" && !plainPaths(roots) || prefix == "" && !recipe.IsRoot(p.Recipe.Last(in, "USER")) && strings.Contains(m.clean, "/var/") {
		return "", nil, nil // only root may delete it
	}
	if m.name == "apt" && neededBy(p, in, aptNeeds, managers) != nil {
		return "", nil, nil
	}
	if m.name == "apt" && onlyFetches(script) {
		return "delete it: nothing installs from these lists", p.Dockerfile.Remove(in), nil
	}
	command := prefix + m.cleaning(program, roots)
	under := func(dir string) bool {
		return slices.ContainsFunc(items, func(i int) bool { return strings.HasPrefix(p.Ledger.Items[i].Path, dir) })
	}
	switch {
	case m.name != "apt" || !under("var/cache/"):
	case under("var/lib/apt/lists/"):
		command = prefix + "apt-get clean && " + command
	default: // the RUN deletes the lists itself
		command = prefix + "apt-get clean"
	}
	edit, err := in.AppendCommand(command)
	return "append " + command, []whittle.Edit{edit}, err
}

// onlyFetches says that a script does nothing but fetch apt's lists.
func onlyFetches(script *dockerfile.Script) bool {
	return !slices.ContainsFunc(script.Commands(), func(c dockerfile.Command) bool { return aptNeeds(&c) != fetchesAgain })
}

// cleaning is the command that empties the cache: the package manager's own, or one
// that deletes its folders.
func (m *cachingManager) cleaning(program string, roots []string) string {
	if m.clean != "" {
		return strings.Replace(m.clean, "%s", program, 1)
	}
	command := "rm -rf"
	for _, root := range roots {
		command += " /" + root + m.glob
	}
	return command
}

// plainPaths says that there are paths, and that a shell reads them as they are.
func plainPaths(paths []string) bool {
	return len(paths) > 0 && !slices.ContainsFunc(paths, func(at string) bool { return shell.Quote(at) != at })
}

// prefixed is the program of a command that fills the cache, and the prefix
// that runs it as root.
func (m *cachingManager) prefixed(c *dockerfile.Command) (prefix, program string) {
	i := slices.IndexFunc(c.Words, func(w dockerfile.Word) bool { return slices.Contains(m.commands, path.Base(w.Value)) })
	if i < 0 {
		return "", c.Name()
	}
	if c.Name() == "sudo" {
		prefix = "sudo "
	}
	return prefix, c.Words[i].Text
}

// withFlag adds the flag to each command that fills the cache. It also removes
// apk update, unless a later RUN needs the index that it fetches.
func withFlag(p *analysis.Pass, m cachingManager, in *dockerfile.Instruction, script *dockerfile.Script) (edits []whittle.Edit, err error) {
	if m.name == "apk" && neededBy(p, in, apkNeeds, managers) != nil {
		return nil, nil
	}
	// Where the index is in the layer and nothing asks for it, apk fetches it itself.
	asks := func(c dockerfile.Command) bool { return apkNeeds(&c) == fetchesAgain }
	fetched := m.name != "apk" || fetchedBefore(p, in) || !slices.ContainsFunc(script.Commands(), asks)
	for _, c := range script.Commands() {
		fetched = fetched || asks(c)
		at, ok := m.fills(&c)
		if !ok {
			continue
		}
		if verb, _, _ := recipe.Verb(&c, "apk"); !fetched && verb != "add" {
			return nil, nil // it does nothing without an index, and with one it would
		}
		if i := slices.IndexFunc(c.Words, updates); m.name == "apk" && i > 0 {
			edits = append(edits, in.ReplaceWord(c.Words[i], m.flag)) // it fetches the index itself
			continue
		}
		edit, err := in.AddWords(c, at, m.flag)
		if err != nil {
			return nil, err
		}
		edits = append(edits, edit)
	}
	if m.name != "apk" || len(edits) == 0 {
		return edits, nil
	}
	for _, c := range script.Commands() {
		if c.Name() == "apk" && len(c.Words) == 2 && c.Words[1].Value == "update" {
			gone, err := in.RemoveCommand(c)
			if err != nil {
				return nil, err
			}
			edits = append(edits, gone...)
		}
	}
	slices.SortStableFunc(edits, func(a, b whittle.Edit) int { return cmp.Compare(a.Span.Start, b.Span.Start) })
	return edits, nil
}

// fetchedBefore says that an earlier RUN of the stage may have left apk's index.
func fetchedBefore(p *analysis.Pass, in *dockerfile.Instruction) bool {
	for _, before := range p.Recipe.ChainOf(&p.Dockerfile.Stages[in.Stage]) {
		if before == in {
			break
		}
		s, err := before.Shell()
		if before.Keyword == "RUN" && (err != nil || slices.ContainsFunc(s.Commands(), func(c dockerfile.Command) bool { return apkNeeds(&c) != needsNothing })) {
			return true
		}
	}
	return false
}

// updates says that a word makes apk fetch its index.
func updates(w dockerfile.Word) bool {
	return slices.Contains([]string{"--update", "-U", "--update-cache"}, w.Value)
}
