package rule

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle"
	"whittle/internal/dockerfile"
)

// uncached are the edits of a RUN that keep the cache out of its layer: a
// cache mount where the file uses BuildKit already, else the flag, else a
// command that deletes it.
func (p *Pass) uncached(m keeper, in *dockerfile.Instruction, items []int) (title string, edits []whittle.Edit, err error) {
	script, err := in.Shell()
	if err != nil {
		return "", nil, err
	}
	inMount := !slices.ContainsFunc(items, func(i int) bool { return !strings.HasPrefix(p.Ledger.Items[i].Path, m.mount+"/") })
	switch {
	case m.mount != "" && inMount && p.buildkit() && isRoot(p.last(in, "USER")):
		edits, err = in.AddFlag("mount", "type=cache,target=/"+m.mount)
		return "mount a cache over /" + m.mount, edits, err
	case m.flag != "":
		edits, err = p.withFlag(m, in, script)
		return "add " + m.flag, edits, err
	}
	prefix, program, found := "", "", false
	for _, c := range script.Commands() {
		if _, ok := m.fills(&c); ok {
			prefix, program = m.prefixed(&c)
			found = true
		}
	}
	if !found || prefix == "" && !isRoot(p.last(in, "USER")) && strings.Contains(m.clean, "/var/") {
		return "", nil, nil // only root may delete it
	}
	if m.name == "apt" && p.neededBy(in, aptNeeds) != nil {
		return "", nil, nil
	}
	command := prefix + strings.Replace(m.clean, "%s", program, 1)
	if m.name == "apt" && slices.ContainsFunc(items, func(i int) bool { return strings.HasPrefix(p.Ledger.Items[i].Path, "var/cache/") }) {
		command = prefix + "apt-get clean && " + command
	}
	edit, err := in.AppendCommand(command)
	return "append " + command, []whittle.Edit{edit}, err
}

// prefixed is the program of a command that fills the cache, and what runs it
// as root.
func (m *keeper) prefixed(c *dockerfile.Command) (prefix, program string) {
	i := slices.IndexFunc(c.Words, func(w dockerfile.Word) bool { return slices.Contains(m.commands, path.Base(w.Value)) })
	if i < 0 {
		return "", c.Name()
	}
	if c.Name() == "sudo" {
		prefix = "sudo "
	}
	return prefix, c.Words[i].Text
}

// withFlag adds the flag to each command that fills the cache. apk's index that
// an update fetched goes with the update, unless a later RUN needs it.
func (p *Pass) withFlag(m keeper, in *dockerfile.Instruction, script *dockerfile.Script) (edits []whittle.Edit, err error) {
	if m.name == "apk" && p.neededBy(in, apkNeeds) != nil {
		return nil, nil
	}
	for _, c := range script.Commands() {
		at, ok := m.fills(&c)
		if !ok {
			continue
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

// updates says that a word has apk fetch its index.
func updates(w dockerfile.Word) bool {
	return slices.Contains([]string{"--update", "-U", "--update-cache"}, w.Value)
}

// need is what a command does with what a package manager fetched before.
type need uint8

const (
	needsNothing need = iota
	// fetchesAgain: what comes behind it has its own.
	fetchesAgain
	needsIt
)

// neededBy is the first later RUN, in any stage that builds on this one, that
// needs what a package manager fetched in an instruction, nil where none does:
// the first of its commands that has to do with it decides. A script of the
// context may do anything.
func (p *Pass) neededBy(in *dockerfile.Instruction, of func(c *dockerfile.Command) need) *dockerfile.Instruction {
	for i := range p.Dockerfile.Stages {
		chain := p.chainOf(&p.Dockerfile.Stages[i])
		at := slices.Index(chain, in)
		if at < 0 {
			continue
		}
		for _, later := range chain[at+1:] {
			if later.Keyword != "RUN" {
				continue
			}
			switch needOf(later, of) {
			case needsIt:
				return later
			case fetchesAgain:
			default:
				continue
			}
			break
		}
	}
	return nil
}

// keptFor says what to do about a cache that a later RUN needs, empty where
// none does.
func (p *Pass) keptFor(m keeper, in *dockerfile.Instruction) string {
	of := map[string]func(c *dockerfile.Command) need{"apt": aptNeeds, "apk": apkNeeds}[m.name]
	if of == nil {
		return ""
	}
	switch by := p.neededBy(in, of); {
	case by == nil:
		return ""
	case by.Stage != in.Stage:
		return fmt.Sprintf("let %s, which may need it, fetch its own; then delete it in the RUN that makes it", p.short(by))
	case m.flag != "":
		return fmt.Sprintf("join it with %s, which may need it, and run %s with %s there", p.short(by), m.name, m.flag)
	default:
		return fmt.Sprintf("join it with %s, which may need it, and delete it there", p.short(by))
	}
}

func needOf(in *dockerfile.Instruction, of func(c *dockerfile.Command) need) need {
	s, err := in.Shell()
	if err != nil {
		return needsIt
	}
	for _, c := range s.Commands() {
		if n := of(&c); n != needsNothing {
			return n
		}
		if runsScript(&c) {
			return needsIt
		}
	}
	return needsNothing
}

// runsScript says that a command runs a file or a text of a shell that is not
// in the Dockerfile.
func runsScript(c *dockerfile.Command) bool {
	for _, w := range c.Words[:min(len(c.Words), 3)] {
		base := path.Base(w.Value)
		switch {
		case base == "sudo" || base == "env" || strings.HasPrefix(w.Value, "-") || strings.Contains(w.Value, "="):
			continue
		case strings.HasSuffix(base, ".sh"), strings.HasPrefix(w.Value, "./"):
			return true
		}
		return slices.Contains([]string{"sh", "bash", "dash", "ash", "source", "."}, base) && !slices.ContainsFunc(c.Words, func(w dockerfile.Word) bool { return w.Value == "-c" })
	}
	return false
}

// aptNeeds says what a command of apt does with its lists.
func aptNeeds(c *dockerfile.Command) need {
	verb, ok := verbBehind(c, "apt-get", "apt", "aptitude")
	switch {
	case !ok && slices.ContainsFunc(c.Words, func(w dockerfile.Word) bool {
		return path.Base(w.Value) == "add-apt-repository" || path.Base(w.Value) == "apt-file"
	}):
		return needsIt
	case !ok:
		return needsNothing
	case verb == "update":
		return fetchesAgain
	case slices.Contains([]string{"clean", "autoclean", "autoremove", "purge", "remove", "auto-remove", "distclean", "list", "mark"}, verb):
		return needsNothing
	}
	return needsIt
}

// apkNeeds says what a command of apk's does with its index.
func apkNeeds(c *dockerfile.Command) need {
	verb, ok := verbBehind(c, "apk")
	switch {
	case !ok || slices.Contains([]string{"del", "info", "cache", "audit", "verify"}, verb):
		return needsNothing
	case verb == "update", slices.ContainsFunc(c.Words, updates):
		return fetchesAgain
	case slices.ContainsFunc(c.Words, func(w dockerfile.Word) bool { return w.Value == "--no-cache" }):
		return needsNothing
	}
	return needsIt
}

// verbBehind is the first word behind a program that is no option; ok says that
// the command runs the program.
func verbBehind(c *dockerfile.Command, programs ...string) (verb string, ok bool) {
	at := slices.IndexFunc(c.Words[:min(len(c.Words), 6)], func(w dockerfile.Word) bool { return slices.Contains(programs, path.Base(w.Value)) })
	if at < 0 {
		return "", false
	}
	for i := at + 1; i < len(c.Words); i++ {
		switch w := c.Words[i]; {
		case takesValue(w.Text):
			i++
		case !strings.HasPrefix(w.Text, "-"):
			return w.Value, true
		}
	}
	return "", true
}
