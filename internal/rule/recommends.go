package rule

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
)

func installRecommends() Rule {
	return Rule{
		ID:    "install-recommends",
		Title: "apt-get installs packages that are only recommended",
		Text: `Without --no-install-recommends apt installs what packages recommend: documentation, helpers, whole compilers
(python3-pip recommends build-essential). whittle names the packages that nothing depends on and nobody asked for, and keeps
ca-certificates, without which programs cannot check whom they talk to, and those of which a later command runs a program, or the application names one.`,
		Before: "RUN apt-get update && apt-get install -y python3-pip\n",
		After:  "RUN apt-get update && apt-get install -y --no-install-recommends python3-pip\n",
		Run:    recommends,
	}
}

// wanted are recommended packages that images need although no dependency
// says so; they are named in the command.
func wanted() []string { return []string{"ca-certificates"} }

func recommends(p *Pass) []whittle.Finding {
	s := p.layers.packages()
	var out []whittle.Finding
	for _, in := range p.recipe.chain() {
		layer := p.recipe.layerOf(in)
		if in.Keyword != "RUN" || layer < 0 {
			continue
		}
		installs, ok := aptInstalls(in)
		if !ok || len(installs) == 0 {
			continue
		}
		if f, ok := onlyRecommended(p, s, in, layer, installs); ok {
			out = append(out, f)
		}
	}
	return out
}

// aptInstall is an apt-get install that takes recommended packages; at is the
// position of the word "install".
type aptInstall struct {
	dockerfile.Command
	at int
}

// aptInstalls finds the commands of a RUN that install recommended packages;
// ok is false where the script cannot be read.
func aptInstalls(in *dockerfile.Instruction) (out []aptInstall, ok bool) {
	script, err := in.Shell()
	if err != nil || script.Exec {
		return nil, false
	}
	for _, c := range script.Commands() {
		apt := slices.IndexFunc(c.Words, func(w dockerfile.Word) bool {
			return w.Value == "apt-get" || w.Value == "apt" || w.Value == "aptitude"
		})
		at := slices.IndexFunc(c.Words, func(w dockerfile.Word) bool { return w.Value == "install" })
		without := slices.ContainsFunc(c.Words, func(w dockerfile.Word) bool {
			return w.Value == "--no-install-recommends" || strings.Contains(strings.ToLower(w.Value), "install-recommends=")
		})
		if apt >= 0 && apt < at && !without {
			out = append(out, aptInstall{c, at})
		}
	}
	return out, true
}

// onlyRecommended states which packages of a layer nothing depends on.
func onlyRecommended(p *Pass, s *osPackages, in *dockerfile.Instruction, layer int, installs []aptInstall) (f whittle.Finding, ok bool) {
	var roots []int
	for n := range s.list {
		if k := &s.list[n]; k.layer != layer || s.roots && !k.auto {
			roots = append(roots, n)
		}
	}
	if !s.roots {
		named, ok := s.named(installs)
		if !ok || !literal(installs) {
			return f, false // only the shell, or apt, knows what was asked for
		}
		roots = append(roots, named...)
	}
	needed := s.needed(roots, false)
	var keep []string
	words := commandWords(p, in)
	maps.Copy(words, p.texts().programs())
	for n := range s.list {
		k := &s.list[n]
		if needed[n] || k.layer != layer || !slices.Contains(wanted(), k.name) && !companion(installs, k.name) && !runsProgram(p, words, k) {
			continue
		}
		keep = append(keep, k.name)
		roots = append(roots, n)
	}
	slices.Sort(keep)
	needed = s.needed(roots, false)
	var chosen []int
	compiles := false
	for n := range s.list {
		if k := &s.list[n]; !needed[n] && k.layer == layer {
			chosen = append(chosen, n)
			compiles = compiles || isBuildTool(k.name)
		}
	}
	evidence, items, names := p.layers.byPackage(s, chosen, layer)
	if p.layers.bytes(items) < small {
		return f, false
	}
	f = whittle.Finding{
		Message: fmt.Sprintf("%s installs what is only recommended, %s in %s: %s",
			p.recipe.named(layer), whittle.Bytes(p.layers.bytes(items)), count(len(chosen), "package"), largest(evidence)),
		Evidence: p.recipe.withLine(evidence, layer), Change: p.layers.remove(items), Risk: whittle.RiskLow,
		Caution:     "a program may use one of them where it finds it; name those that are needed in the command",
		Advice:      "install with --no-install-recommends, and name what is needed",
		Fingerprint: whittle.Fingerprint("install-recommends", append([]string{p.recipe.text(layer)}, names...)...),
	}
	if compiles {
		f.Risk, f.Caution = whittle.RiskMedium, "compilers are among them, and a later step may build something with them"
	}
	if edits, ok := withoutRecommends(p, s, in, installs, keep); ok {
		f.Fix = &whittle.Fix{Title: "add --no-install-recommends", Patches: []whittle.Patch{p.recipe.patch(edits)}}
	}
	return f, true
}

// companions are recommended packages without which a package that asks for
// them does not do what it is mostly installed for.
var companions = map[string][]string{"software-properties-common": {"gpg-agent", "gnupg", "dirmngr"}, "gnupg": {"gpg-agent", "dirmngr"}, "xvfb": {"xauth"}}

// companion says that a package is one of those.
func companion(installs []aptInstall, name string) bool {
	for of, names := range companions {
		if slices.Contains(names, name) && asked(installs, of) {
			return true
		}
	}
	return false
}

// runsProgram says that a package brings a program whose name is among the words
// of what runs: see commandWords. git runs ssh for an address of that kind.
func runsProgram(p *Pass, words map[string]bool, k *osPackage) bool {
	for _, i := range k.items {
		at := p.Ledger.Items[i].Path
		if dir := path.Base(path.Dir(at)); (dir == "bin" || dir == "sbin") && words[path.Base(at)] {
			return true
		}
	}
	return k.name == "openssh-client" && (words["git@"] || words["ssh://"])
}

// commandWords are the words of all that runs from a RUN on, in the stages that
// build on it, and when the image starts.
func commandWords(p *Pass, in *dockerfile.Instruction) map[string]bool {
	out := map[string]bool{}
	add := func(text string) {
		for _, kind := range []string{"git@", "ssh://"} {
			if strings.Contains(text, kind) {
				out[kind] = true
			}
		}
		for _, w := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n;|&(){}<>\"'`$=,[]", r) }) {
			out[path.Base(w)] = true
		}
	}
	for i := range p.Dockerfile.Stages {
		chain := p.recipe.chainOf(&p.Dockerfile.Stages[i])
		at := slices.Index(chain, in)
		if at < 0 {
			continue
		}
		for _, later := range chain[at:] {
			switch later.Keyword {
			case "RUN", "CMD", "ENTRYPOINT", "HEALTHCHECK":
				add(later.Text())
			}
		}
	}
	if p.Config != nil {
		c := &p.Config.Config
		add(strings.Join(slices.Concat(c.Entrypoint, c.Cmd), " "))
		if c.Healthcheck != nil {
			add(strings.Join(c.Healthcheck.Test, " "))
		}
	}
	return out
}

// named are the installed packages that commands ask for, by their own name or
// by one that they provide; ok is false where a word is neither: a file, a task, a
// pattern, a package that is gone.
func (s *osPackages) named(installs []aptInstall) (out []int, ok bool) {
	for _, c := range installs {
		for i := c.at + 1; i < len(c.Words); i++ {
			switch w := c.Words[i].Value; {
			case takesValue(w):
				i++
			case !strings.HasPrefix(w, "-"):
				found := s.providers[packageName(w)]
				if len(found) == 0 {
					return nil, false
				}
				out = append(out, found...)
			}
		}
	}
	return out, true
}

// packageName is the name in "name=version", "name/release" and "name:arch".
func packageName(word string) string {
	word, _, _ = strings.Cut(word, "=")
	word, _, _ = strings.Cut(word, "/")
	word, _, _ = strings.Cut(word, ":")
	return word
}

// asked says that a command names a package.
func asked(installs []aptInstall, name string) bool {
	return slices.ContainsFunc(installs, func(c aptInstall) bool {
		return slices.ContainsFunc(c.Words[c.at+1:], func(w dockerfile.Word) bool {
			return packageName(w.Value) == name
		})
	})
}

// literal says that the shell replaces nothing in what the commands install.
func literal(installs []aptInstall) bool {
	return !slices.ContainsFunc(installs, func(c aptInstall) bool {
		return slices.ContainsFunc(c.Words, func(w dockerfile.Word) bool { return !w.Literal || strings.ContainsAny(w.Value, "*?[") })
	})
}

// withoutRecommends adds the option behind those that each command has, and a
// package that is to stay to the first command that brings it.
func withoutRecommends(p *Pass, s *osPackages, in *dockerfile.Instruction, installs []aptInstall, keep []string) ([]whittle.Edit, bool) {
	var edits []whittle.Edit
	brings := make([]string, 0, len(keep))
	for _, c := range installs {
		last, first := c.options()
		edit, err := in.AddWords(c.Command, last, "--no-install-recommends")
		if err != nil {
			return nil, false
		}
		edits = append(edits, edit)
		for _, name := range keep {
			if slices.Contains(brings, name) || !s.bring(&c, name) {
				continue
			}
			edit, err := in.AddToList(c.Command, first, name)
			if err != nil {
				return nil, false
			}
			edits, brings = append(edits, edit), append(brings, name)
		}
	}
	if len(brings) < len(keep) {
		return nil, false // nothing says which command has to name it
	}
	slices.SortStableFunc(edits, func(a, b whittle.Edit) int { return cmp.Compare(a.Span.Start, b.Span.Start) })
	_, err := dockerfile.Apply(p.Dockerfile.Source, edits)
	return edits, err == nil
}

// options are the position of the last option right behind "install", or of
// that word, and the position of the first package.
func (c *aptInstall) options() (last, first int) {
	last = c.at
	for last+1 < len(c.Words) && strings.HasPrefix(c.Words[last+1].Text, "-") && !takesValue(c.Words[last+1].Text) {
		last++
	}
	for first = last + 1; first < len(c.Words) && strings.HasPrefix(c.Words[first].Text, "-"); first++ {
		if takesValue(c.Words[first].Text) {
			first++
		}
	}
	return last, first
}

// takesValue says that the next word is the value of an option of apt-get's.
func takesValue(option string) bool {
	return slices.Contains([]string{"-o", "--option", "-t", "--target-release", "--default-release", "-c", "--config-file", "-a", "--host-architecture"}, option)
}

// bring says that a command brings a package with what it names, recommended
// packages included.
func (s *osPackages) bring(c *aptInstall, name string) bool {
	var roots []int
	for n := range s.list {
		if asked([]aptInstall{*c}, s.list[n].name) {
			roots = append(roots, n)
		}
	}
	needed := s.needed(roots, true)
	return slices.ContainsFunc(s.providers[name], func(n int) bool { return needed[n] && s.list[n].name == name })
}
