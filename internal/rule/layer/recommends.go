package layer

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/distro"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// InstallRecommends is the rule install-recommends: apt-get installs packages
// that are only recommended.
func InstallRecommends() analysis.Rule {
	return analysis.Rule{
		ID:    "install-recommends",
		Title: "apt-get installs packages that are only recommended",
		Text: `Without --no-install-recommends, apt also installs what packages recommend: documentation, helpers, whole compilers (python3-pip
recommends build-essential). whittle names the packages that no other package depends on and that no command asks for. It keeps
ca-certificates, without which programs cannot verify TLS connections, and packages with a program that a later command runs or the
application names.`,
		Before: "RUN apt-get update && apt-get install -y python3-pip\n",
		After:  "RUN apt-get update && apt-get install -y --no-install-recommends python3-pip\n",
		Run:    recommends,
	}
}

// wanted are recommended packages that images need although no dependency
// requires them. The fix names them in the command.
func wanted() []string { return []string{"ca-certificates"} }

func recommends(p *analysis.Pass) []whittle.Finding {
	s := p.Layers.Packages()
	var out []whittle.Finding
	for in, layer := range p.Recipe.Runs() {
		installs, ok := withRecommends(in)
		if !ok || len(installs) == 0 {
			continue
		}
		if f, ok := onlyRecommended(p, s, in, layer, installs); ok {
			out = append(out, f)
		}
	}
	return out
}

// withRecommends are the commands of a RUN that install recommended packages;
// ok is false if the script cannot be read.
func withRecommends(in *dockerfile.Instruction) (out []recipe.Apt, ok bool) {
	commands, ok := recipe.AptCommands(in)
	if in.JSON {
		return nil, false // there is no shell in whose words to write
	}
	return slices.DeleteFunc(commands, func(a recipe.Apt) bool { return !a.TakesRecommends() }), ok
}

// onlyRecommended reports the packages of a layer that no package depends on.
func onlyRecommended(p *analysis.Pass, s *analysis.Packages, in *dockerfile.Instruction, layer int, installs []recipe.Apt) (f whittle.Finding, ok bool) {
	var roots []int
	for n := range s.List {
		if k := &s.List[n]; k.Layer != layer || k.Reason == distro.Requested {
			roots = append(roots, n)
		}
	}
	if !s.KnowsRequested {
		named, ok := askedPackages(s, installs)
		if !ok || slices.ContainsFunc(installs, func(a recipe.Apt) bool { return !a.Literal() }) {
			return f, false // only the shell, or apt, knows what was asked for
		}
		roots = append(roots, named...)
	}
	needed, ahead := s.Needed(roots, false), recommendedAhead(s, in, layer)
	var keep []string
	words := commandWords(p, in)
	compiling := compiles(words)
	programs := p.Texts().OfProject(runsPrograms(p)).Programs()
	for name := range p.Texts().Programs() {
		if programs[name] || !analysis.IsCommonWord(name) {
			words[name] = true
		}
	}
	for n := range s.List {
		k := &s.List[n]
		if needed[n] && !ahead[n] || k.Layer != layer || !slices.Contains(wanted(), k.Name) && !companion(installs, words, k.Name) && !runsProgram(p, words, k) &&
			(!compiling || !slices.Contains(toolchain, k.Name)) {
			continue
		}
		keep = append(keep, k.Name)
		roots = append(roots, n)
	}
	keep = minimal(s, keep)
	needed = s.Needed(roots, false)
	var chosen []int
	tools := false
	for n := range s.List {
		if k := &s.List[n]; !needed[n] && k.Layer == layer {
			chosen = append(chosen, n)
			tools = tools || analysis.IsBuildTool(k.Name)
		}
	}
	evidence, items, names := p.Layers.ByPackage(s, chosen, layer)
	if p.Layers.Bytes(items) < analysis.MinBytes {
		return f, false
	}
	f = whittle.Finding{
		Message: fmt.Sprintf("%s installs what is only recommended, %s in %s: %s",
			p.Recipe.LayerName(layer), whittle.Bytes(p.Layers.Bytes(items)), analysis.Count(len(chosen), "package"), analysis.LargestNames(evidence)),
		Evidence: p.Recipe.WithLine(evidence, layer), Change: p.Layers.Removal(items), Risk: whittle.RiskLow,
		Caution:     "a program may use one of them if it is installed; add those that are needed to the command",
		Advice:      "install with --no-install-recommends, and name what is needed",
		Fingerprint: whittle.Fingerprint("install-recommends", append([]string{p.Recipe.LayerText(layer)}, names...)...),
	}
	if tools {
		f.Risk, f.Caution = whittle.RiskMedium, "compilers are among them, and a later step may build something with them"
	}
	if removesPackages(p, in) {
		return f, true // what it installed only for a while is not in the image
	}
	if edits, ok := withoutRecommends(p, s, in, installs, keep); ok {
		f.Fix = &whittle.Fix{Title: "add --no-install-recommends", Patches: []whittle.Patch{p.Recipe.Patch(edits)}}
	}
	return f, true
}

// runsPrograms says of a file of the project that it may run programs: it is neither prose
// nor a page, nor a script for browsers, in which less and patch are only words.
func runsPrograms(p *analysis.Pass) func(file string) bool {
	hasNode := sync.OnceValue(func() bool {
		return slices.ContainsFunc(p.Ledger.Tree.Nodes, func(n whittle.Node) bool { return path.Base(n.Path) == "node" && n.Item >= 0 })
	})
	return func(file string) bool {
		switch path.Ext(file) {
		case ".md", ".rst", ".css", ".scss", ".html", ".htm", ".svg", ".po", ".csv":
			return false
		case ".js", ".mjs", ".cjs", ".ts", ".jsx", ".tsx":
			return hasNode()
		}
		return true
	}
}

// recommendedAhead are the packages that a command of a RUN installs as
// recommended, before another one asks for them, or for what depends on them, in
// the same or a later RUN; none if the words do not show it. A package that was there
// before the RUN brings nothing.
func recommendedAhead(s *analysis.Packages, in *dockerfile.Instruction, layer int) map[int]bool {
	commands, ok := recipe.AptCommands(in)
	out, seen := map[int]bool{}, map[int]bool{}
	var asked, fresh []int
	for _, a := range commands {
		if a.Verb != "install" {
			continue
		}
		if ok = ok && a.Literal(); !ok {
			return nil
		}
		for _, name := range a.Packages() {
			for _, n := range s.Providers[name] {
				if asked = append(asked, n); s.List[n].Layer == layer {
					fresh = append(fresh, n)
				}
			}
		}
		needed, brought := s.Needed(asked, false), s.Needed(fresh, a.TakesRecommends())
		for n := range s.List {
			if brought[n] && !seen[n] {
				seen[n] = true
				out[n] = !needed[n]
			}
		}
	}
	return out
}

// minimal are the names without those of packages that another of them depends on.
func minimal(s *analysis.Packages, names []string) (out []string) {
	needed := map[string][]bool{}
	for _, name := range names {
		needed[name] = s.Needed(s.Providers[name], false)
	}
	slices.Sort(names)
	for i, name := range names {
		if !slices.ContainsFunc(names, func(other string) bool {
			by := func(a, b string) bool {
				return slices.ContainsFunc(s.Providers[b], func(n int) bool { return needed[a][n] })
			}
			// Of two that need each other, the first stays.
			return other != name && by(other, name) && (!by(name, other) || slices.Index(names, other) < i)
		}) {
			out = append(out, name)
		}
	}
	return out
}

// toolchain are packages that compile C, of which gcc and cmake recommend some.
var toolchain = []string{"gcc", "g++", "make", "libc6-dev", "pkg-config", "pkgconf"}

// compiles says that a command builds a source tree.
func compiles(words map[string]bool) bool {
	return slices.ContainsFunc([]string{"make", "cmake", "ninja", "meson", "configure", "autogen.sh", "autoreconf", "gcc", "g++", "cc", "c++"}, func(name string) bool { return words[name] })
}

// removesPackages says that a RUN, or a later one, removes packages by name.
// What such a package recommends, the commands before may need.
func removesPackages(p *analysis.Pass, in *dockerfile.Instruction) bool {
	chain := p.Recipe.Chain()
	for _, later := range chain[max(slices.Index(chain, in), 0):] {
		s, err := later.Shell()
		if later.Keyword != "RUN" || err != nil {
			continue
		}
		if slices.ContainsFunc(s.Commands(), func(c dockerfile.Command) bool {
			if a, ok := recipe.ReadApt(&c); ok {
				return slices.Contains([]string{"remove", "purge", "autopurge", "autoremove", "auto-remove"}, a.Verb) && len(a.Packages()) > 0
			}
			verb, _, ok := recipe.Verb(&c, "apt-mark")
			return ok && verb == "auto" || c.Name() == "dpkg" && len(c.Words) > 1 && slices.Contains([]string{"-P", "-r", "--purge", "--remove"}, c.Words[1].Value)
		}) {
			return true
		}
	}
	return false
}

// companions are recommended packages that are usually needed for the purpose
// of the package that recommends them, or of a program that a command runs.
var companions = map[string][]string{"software-properties-common": {"gpg-agent", "gnupg", "dirmngr"}, "gnupg": {"gpg-agent", "dirmngr"}, "gnupg2": {"gpg-agent", "dirmngr"},
	"gpg": {"gpg-agent", "dirmngr"}, "gpg2": {"gpg-agent", "dirmngr"}, "apt-key": {"gpg", "gpg-agent", "dirmngr"}, "add-apt-repository": {"gpg-agent", "gnupg", "dirmngr"},
	"xvfb": {"xauth"}, "xvfb-run": {"xauth"}, "composer": {"git", "unzip"}, "npm": {"git"}}

// companion says that a package is such a companion.
func companion(installs []recipe.Apt, words map[string]bool, name string) bool {
	for of, names := range companions {
		if slices.Contains(names, name) && (words[of] || asked(installs, of)) {
			return true
		}
	}
	return false
}

// runsProgram says that a package has a program that is among the words of
// commandWords. git runs ssh for URLs of that kind.
func runsProgram(p *analysis.Pass, words map[string]bool, k *analysis.Package) bool {
	for _, i := range k.Items {
		at := p.Ledger.Items[i].Path
		if dir := path.Base(path.Dir(at)); (dir == "bin" || dir == "sbin") && words[path.Base(at)] {
			return true
		}
	}
	return k.Name == "openssh-client" && (words["git@"] || words["ssh://"])
}

// commandWords are the words of all commands from a RUN on: in its stage, in
// the stages based on it, and at the start of the image.
func commandWords(p *analysis.Pass, in *dockerfile.Instruction) map[string]bool {
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
		chain := p.Recipe.ChainOf(&p.Dockerfile.Stages[i])
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
	add(strings.Join(p.StartWords(), " "))
	return out
}

// askedPackages are the installed packages that commands name, by their name or
// one that they provide; ok is false if a word names no installed package: a
// file, a task, a pattern, or a removed package.
func askedPackages(s *analysis.Packages, installs []recipe.Apt) (out []int, ok bool) {
	for i := range installs {
		for _, name := range installs[i].Packages() {
			found := s.Providers[name]
			if len(found) == 0 {
				return nil, false
			}
			out = append(out, found...)
		}
	}
	return out, true
}

// asked says that a command names a package.
func asked(installs []recipe.Apt, name string) bool {
	return slices.ContainsFunc(installs, func(a recipe.Apt) bool { return slices.Contains(a.Packages(), name) })
}

// withoutRecommends adds the option to each command, and adds the packages to
// keep to the first command that installs them.
func withoutRecommends(p *analysis.Pass, s *analysis.Packages, in *dockerfile.Instruction, installs []recipe.Apt, keep []string) ([]whittle.Edit, bool) {
	var edits []whittle.Edit
	named := make([]string, 0, len(keep))
	for _, c := range installs {
		last, first := c.Options()
		edit, err := in.AddWords(c.Command, last, "--no-install-recommends")
		if err != nil {
			return nil, false
		}
		edits = append(edits, edit)
		for _, name := range keep {
			if slices.Contains(named, name) || !brings(s, &c, name) {
				continue
			}
			edit, err := in.AddToList(c.Command, first, name)
			if err != nil {
				return nil, false
			}
			edits, named = append(edits, edit), append(named, name)
		}
	}
	if len(named) < len(keep) {
		return nil, false // nothing says which command has to name it
	}
	slices.SortStableFunc(edits, func(a, b whittle.Edit) int { return cmp.Compare(a.Span.Start, b.Span.Start) })
	_, err := dockerfile.Apply(p.Dockerfile.Source, edits)
	return edits, err == nil
}

// brings says that a command installs a package, directly or as a dependency or
// recommendation.
func brings(s *analysis.Packages, c *recipe.Apt, name string) bool {
	var roots []int
	for n := range s.List {
		if asked([]recipe.Apt{*c}, s.List[n].Name) {
			roots = append(roots, n)
		}
	}
	needed := s.Needed(roots, true)
	return slices.ContainsFunc(s.Providers[name], func(n int) bool { return needed[n] && s.List[n].Name == name })
}
