package system

import (
	"maps"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// users are the words with which something may use a package after an
// instruction: those of later instructions, of the image's configuration, and of
// the project's files.
type users struct {
	p     *analysis.Pass
	words map[string]bool
	// named are the words of packages that the project's files have; complete
	// says that all of those could be read.
	named    map[string]bool
	complete bool
	// unknown says that an instruction runs something that was downloaded.
	unknown bool
	// sonames are the libraries that programs outside of packages load.
	sonames map[string]bool
}

// namedInProject are the words of packages above the base that the project's files
// have.
func namedInProject(p *analysis.Pass, s *analysis.Packages) map[string]bool {
	names := map[string]bool{}
	for n := range s.List {
		if k := &s.List[n]; k.Layer >= 0 && !p.Layers.IsBase(k.Layer) {
			maps.Copy(names, ownNames(p, k))
		}
	}
	return p.Texts().Without(p.Dockerfile.Name).Find(names)
}

func usersAfter(p *analysis.Pass, in *dockerfile.Instruction, named map[string]bool) *users {
	_, complete := p.AllTexts()
	u := &users{p: p, words: map[string]bool{}, named: named, complete: complete}
	for i := range p.Dockerfile.Stages {
		chain := p.Recipe.ChainOf(&p.Dockerfile.Stages[i])
		at := slices.Index(chain, in)
		if at < 0 {
			continue
		}
		for _, later := range chain[at:] {
			u.instruction(later)
		}
	}
	if p.Config != nil {
		c := &p.Config.Config
		u.add(strings.Join(slices.Concat(c.Entrypoint, c.Cmd, c.Env), " "))
		if c.Healthcheck != nil {
			u.add(strings.Join(c.Healthcheck.Test, " "))
		}
	}
	return u
}

// instruction adds the words of an instruction, without comments, labels and
// commands that install packages.
func (u *users) instruction(in *dockerfile.Instruction) {
	if in.Trigger != nil {
		in = in.Trigger
	}
	switch in.Keyword {
	case "LABEL", "MAINTAINER", "EXPOSE", "ARG":
		return
	}
	text := []byte(in.Text())
	blank := func(s whittle.Span) {
		for i := max(s.Start, in.Span.Start); i < min(s.End, in.Span.End); i++ {
			text[i-in.Span.Start] = ' '
		}
	}
	for _, c := range in.Comments {
		blank(c)
	}
	if in.Keyword == "RUN" {
		if s, err := in.Shell(); err == nil {
			for _, c := range s.Comments {
				blank(c)
			}
		}
		commands, ok := recipe.RunCommands(in)
		u.unknown = u.unknown || !ok
		for _, r := range commands {
			u.unknown = u.unknown || runsScript(r)
			c, manages := recipe.ReadSystem(r)
			installs := manages && c.Installs()
			if !r.Inner && (installs || ok && r.HasScript()) {
				blank(r.Span)
			}
			switch {
			case installs:
				u.add(strings.Join(prefix(&c), " "))
			case r.Inner: // the text that it is in was left out
				for _, w := range r.Words {
					u.add(w.Text)
				}
			}
		}
	}
	u.add(string(text))
}

// runsScript says that a command runs a script, or builds with one.
func runsScript(r recipe.RunCommand) bool {
	switch name := r.Name(); {
	case name == "":
		return true
	case slices.Contains([]string{"sh", "bash", "dash", "ash", "zsh", "source", ".", "eval", "make", "cmake", "git", "npm", "yarn", "pip", "pip3", "gem", "cargo", "go"}, name):
		return name == "git" || name == "make" || !slices.ContainsFunc(r.Words, func(w dockerfile.Word) bool { return w.Value == "-c" || w.Value == "install" })
	default:
		return strings.HasSuffix(name, ".sh") || strings.HasPrefix(r.Words[r.Program].Value, "./")
	}
}

// prefix are the words before the program of a command, which are programs too:
// sudo.
func prefix(c *recipe.SystemCommand) (out []string) {
	for _, w := range c.Words[:c.Program] {
		out = append(out, w.Value)
	}
	return out
}

// add adds the words of a text, and the parts of the paths among them.
func (u *users) add(text string) {
	for _, w := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n;|&(){}<>\"'`$=,[]/:\\", r) }) {
		u.words[strings.TrimLeft(w, ".")] = true
	}
}

// uses says that something may use a package: one of its programs, or one of
// its settings, is named.
func (u *users) uses(k *analysis.Package) bool {
	names := ownNames(u.p, k)
	for w := range names {
		if u.words[w] || u.named[w] {
			return true
		}
	}
	for w := range wordSet(otherNames[k.Name]) {
		if u.words[w] {
			return true
		}
	}
	return u.words[k.Name] || u.changed(k)
}

// ownNames are the names of a package's programs and settings.
func ownNames(p *analysis.Pass, k *analysis.Package) map[string]bool {
	names := map[string]bool{}
	for _, i := range k.Items {
		at := p.Ledger.Items[i].Path
		base := path.Base(at)
		switch dir := path.Base(path.Dir(at)); {
		case dir == "bin" || dir == "sbin":
			names[base], names[base+"rc"] = true, true
		case strings.HasPrefix(at, "etc/") && len(base) > 3 && base != "README":
			names[base] = true
		}
	}
	return names
}

// changed says that a later layer changes or adds to a package's files.
func (u *users) changed(k *analysis.Package) bool {
	return slices.ContainsFunc(k.Items, func(i int) bool {
		it := &u.p.Ledger.Items[i]
		return it.Layer != k.Layer || it.Cause != whittle.Visible && it.HiddenBy != it.Layer
	})
}

// loads says that a program or library outside of packages loads a library of
// the package.
func (u *users) loads(k *analysis.Package) bool {
	if u.p.Libraries == nil {
		return false
	}
	if u.sonames == nil {
		u.sonames = map[string]bool{}
		for i := range u.p.Ledger.Tree.Nodes {
			n := &u.p.Ledger.Tree.Nodes[i]
			if n.Item < 0 || u.p.Layers.OfSystem(n.Item) {
				continue
			}
			for _, name := range u.p.Libraries(n.Path) {
				u.sonames[name] = true
			}
		}
	}
	return slices.ContainsFunc(k.Items, func(i int) bool {
		for name := path.Base(u.p.Ledger.Items[i].Path); strings.Contains(name, ".so"); name = name[:strings.LastIndexByte(name, '.')] {
			if u.sonames[name] {
				return true
			}
		}
		return false
	})
}
