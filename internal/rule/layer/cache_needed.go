package layer

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// need is how a command uses files that a package manager has fetched before.
type need uint8

const (
	needsNothing need = iota
	// fetchesAgain: the commands after it have new files.
	fetchesAgain
	needsIt
)

// neededBy is the first later instruction that needs files which a package
// manager fetched in an instruction; nil if none does. It looks at all stages
// based on this one, and at ONBUILD. The first command that uses the files
// decides. Shell scripts may do anything; other scripts of the project and
// makefiles are read for the package manager's names.
func neededBy(p *analysis.Pass, in *dockerfile.Instruction, of func(c *dockerfile.Command) need, names *regexp.Regexp) *dockerfile.Instruction {
	for i := range p.Dockerfile.Stages {
		chain := p.Recipe.ChainOf(&p.Dockerfile.Stages[i])
		at := slices.Index(chain, in)
		if at < 0 {
			continue
		}
		u := users{p: p, of: of, names: names, chain: chain}
		for _, later := range chain[at+1:] {
			n := needsNothing
			switch later.Keyword {
			case "RUN":
				n = u.instruction(later)
			case "ONBUILD":
				if later.Trigger != nil && later.Trigger.Keyword == "RUN" {
					n = u.instruction(later.Trigger)
				}
			}
			if n == needsIt {
				return later
			}
			if n == fetchesAgain {
				break
			}
		}
	}
	return nil
}

// mentions says that a file of the context names the package manager; known is false if
// the path in the image is not a file of the context, or cannot be read.
func (u *users) mentions(at string) (yes, known bool) {
	for _, in := range slices.Backward(u.chain) {
		c, ok := u.p.Recipe.ReadCopy(in)
		if !ok || !c.FromContext() || u.p.Files == nil {
			continue
		}
		if name, ok := u.p.Recipe.Origin(&c, at); ok {
			if text, ok := u.p.Project.Read(name); ok {
				return u.names.Match(text), true
			}
		}
	}
	return false, false
}

// brings says that a COPY from the context adds a program with a name, except
// programs that are known not to use the package manager.
func (u *users) brings(name string) bool {
	for _, in := range u.chain {
		c, ok := u.p.Recipe.ReadCopy(in)
		if !ok || !c.FromContext() {
			continue
		}
		var found []string
		for _, s := range c.Sources {
			if path.Base(s) == name || len(c.Sources) == 1 && path.Base(c.Dest) == name {
				found = append(found, c.Dest, path.Join(c.Dest, name))
			}
		}
		if layer := u.p.Recipe.LayerOf(in); layer >= 0 {
			for at, e := range u.p.Layers.Entries(layer) {
				if e.Kind == whittle.File && e.Mode&0o111 != 0 && path.Base(at) == name {
					found = append(found, at)
				}
			}
		}
		if len(found) > 0 && !slices.ContainsFunc(found, func(at string) bool { yes, known := u.mentions(at); return known && !yes }) {
			return true
		}
	}
	return false
}

// keptFor says what to do about a cache that a later RUN needs; empty if none
// does.
func keptFor(p *analysis.Pass, m cachingManager, in *dockerfile.Instruction) string {
	of, ok := map[string]func(c *dockerfile.Command) need{"apt": aptNeeds, "apk": apkNeeds}[m.name]
	names := managers
	switch {
	case m.reused:
		of, names = m.runs, regexp.MustCompile(`\b(`+strings.Join(m.commands, "|")+`)\b`)
	case !ok:
		return m.keptOffline(p, in)
	}
	switch by := neededBy(p, in, of, names); {
	case by == nil:
		return ""
	case by.Stage != in.Stage || by.Keyword != "RUN":
		return fmt.Sprintf("let %s, which may need it, fetch its own; then delete it in the RUN that makes it", p.Recipe.The(by))
	case m.flag != "":
		return fmt.Sprintf("join it with %s, which may need it, and run %s with %s there", p.Recipe.The(by), m.name, m.flag)
	default:
		return fmt.Sprintf("join it with %s, which may need it, and delete it there", p.Recipe.The(by))
	}
}

// keptOffline says what to do about a cache from which a later RUN installs
// without fetching; empty if none does.
func (m *cachingManager) keptOffline(p *analysis.Pass, in *dockerfile.Instruction) string {
	offline := []string{"-C", "--cacheonly", "--offline", "--prefer-offline", "--local"}
	for i := range p.Dockerfile.Stages {
		chain := p.Recipe.ChainOf(&p.Dockerfile.Stages[i])
		at := slices.Index(chain, in)
		if at < 0 {
			continue
		}
		for _, later := range chain[at+1:] {
			s, err := later.Shell()
			if later.Keyword == "RUN" && err == nil && slices.ContainsFunc(s.Commands(), func(c dockerfile.Command) bool {
				return m.runs(&c) == needsIt && slices.ContainsFunc(c.Words, func(w dockerfile.Word) bool { return slices.Contains(offline, w.Value) })
			}) {
				return fmt.Sprintf("join it with %s, which installs from it, and delete it there", p.Recipe.The(later))
			}
		}
	}
	return ""
}

// runs says that a command runs the package manager, which may need what it has
// fetched before.
func (m *cachingManager) runs(c *dockerfile.Command) need {
	if slices.ContainsFunc(c.Words, func(w dockerfile.Word) bool { return slices.Contains(m.commands, path.Base(w.Value)) }) {
		return needsIt
	}
	return needsNothing
}

// users finds commands that use files of a package manager.
type users struct {
	p     *analysis.Pass
	of    func(c *dockerfile.Command) need
	names *regexp.Regexp
	chain []*dockerfile.Instruction
	// workdir is the working directory of the current instruction.
	workdir string
}

func (u *users) instruction(in *dockerfile.Instruction) need {
	u.workdir = u.p.Recipe.Last(in, "WORKDIR")
	s, err := in.Shell()
	if err != nil {
		return needsIt
	}
	return u.script(s, 0)
}

func (u *users) script(s *dockerfile.Script, depth int) need {
	for _, c := range s.Commands() {
		n := u.of(&c)
		if n == needsNothing {
			n = u.program(&c, depth)
		}
		if n != needsNothing {
			return n
		}
	}
	return needsNothing
}

// program says what a command may need that runs shell code ("sh -c"), a
// script, or a program of the project.
func (u *users) program(c *dockerfile.Command, depth int) need {
	words := c.Words
	for len(words) > 0 && (wrapper(path.Base(words[0].Value)) || strings.HasPrefix(words[0].Text, "-") || words[0].Literal && strings.Contains(words[0].Value, "=")) {
		words = words[1:]
	}
	if len(words) == 0 {
		return needsNothing
	}
	name := path.Base(words[0].Value)
	if slices.Contains(shells, name) {
		if len(words) == 2 && slices.Contains(settings, path.Base(words[1].Value)) && (name == "." || name == "source") {
			return needsNothing
		}
		for i := 1; i < len(words) && strings.HasPrefix(words[i].Text, "-"); i++ {
			if strings.HasPrefix(words[i].Text, "--") || !strings.HasSuffix(words[i].Text, "c") {
				continue
			}
			if i+1 == len(words) || !words[i+1].Literal || depth > 3 {
				return needsIt
			}
			s, err := dockerfile.ParseShell("sh -c", words[i+1].Value)
			if err != nil {
				return needsIt
			}
			return u.script(s, depth+1)
		}
		return needsIt
	}
	reads := func(name string) need {
		if yes, _ := u.mentions(whittle.Join(u.workdir, name)); yes {
			return needsIt
		}
		return needsNothing
	}
	switch {
	case !words[0].Literal, strings.HasSuffix(name, ".sh"), strings.HasPrefix(words[0].Value, "./"), slices.Contains(runsAnything, name), u.brings(name):
		return needsIt
	case name == "make":
		return reads("Makefile")
	case interpreter.MatchString(name):
		if i := slices.IndexFunc(words[1:], func(w dockerfile.Word) bool { return !strings.HasPrefix(w.Text, "-") }); i == 0 {
			return reads(words[1].Value)
		}
	}
	return needsNothing
}

var (
	shells = []string{"sh", "bash", "dash", "ash", "zsh", "ksh", "source", ".", "eval", "su"}
	// settings are files that only set shell variables.
	settings = []string{"activate", "profile", ".profile", "bashrc", ".bashrc", "os-release", "env", ".env", "setup.bash", "nvm.sh", "conda.sh"}
	// runsAnything are programs that install what files name, which may include
	// OS packages.
	runsAnything = []string{"ansible-playbook", "ansible-pull", "rosdep"}
	interpreter  = regexp.MustCompile(`^(python[0-9.]*|perl|ruby|node|php)$`)
	managers     = regexp.MustCompile(`\b(apt|apt-get|aptitude|apk)\b`)
)

// wrapper says that a program runs the command in its arguments.
func wrapper(name string) bool {
	return slices.Contains([]string{"sudo", "env", "exec", "time", "nice", "nohup", "command", "xvfb-run", "chronic", "eatmydata"}, name)
}

// aptNeeds says how a command of apt uses its lists.
func aptNeeds(c *dockerfile.Command) need {
	a, ok := recipe.ReadApt(c)
	switch {
	case !ok && slices.ContainsFunc(c.Words, func(w dockerfile.Word) bool {
		return slices.Contains([]string{"add-apt-repository", "apt-add-repository", "apt-cache", "apt-file", "gdebi", "mk-build-deps", "nala", "tasksel"}, path.Base(w.Value))
	}):
		return needsIt
	case !ok:
		return needsNothing
	case a.Verb == "update":
		return fetchesAgain
	case slices.Contains([]string{"clean", "autoclean", "autoremove", "purge", "remove", "auto-remove", "distclean", "list", "mark"}, a.Verb):
		return needsNothing
	}
	return needsIt
}

// apkNeeds says how a command of apk uses its index.
func apkNeeds(c *dockerfile.Command) need {
	verb, _, ok := recipe.Verb(c, "apk")
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
