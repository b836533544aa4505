package system

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// DebuggingTools is the rule debugging-tools: editors, debuggers and tools for
// looking around are installed, and nothing in the image uses them.
func DebuggingTools() analysis.Rule {
	return analysis.Rule{
		ID:    "debugging-tools",
		Title: "Editors, debuggers and tools for looking around are installed",
		Text: `vim, nano, gdb, strace, htop, ping, sudo, man pages and the like serve people who look into a container, not what it runs. A tool is reported
if an instruction of the Dockerfile asks for it by name, and no later instruction, start, health check, variable or file of the project names one of its
programs; with it go the packages that only it needs. Of curl and wget, the one that is not used is reported where the other one is. Those
who debug in containers can do so in another one that shares its processes and network (docker run --pid container:NAME, kubectl debug), or
in a stage of its own: FROM app AS debug.`,
		Before: "RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates htop vim\n",
		After:  "RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates\n",
		Run:    debuggingTools,
	}
}

// tools are the packages that only people use, by their names in Debian, Alpine
// and Red Hat. less is none: git, psql and the clients of clouds start it.
var tools = wordSet(`vim vim-tiny vim-nox vim-enhanced vim-minimal vim-gtk3 neovim nano emacs emacs-nox emacs-nw joe mc micro
	gdb gdbserver gdb-headless strace ltrace valgrind linux-perf perf
	net-tools iputils iputils-ping inetutils-ping iputils-tracepath telnet inetutils-telnet tcpdump nmap netcat netcat-openbsd netcat-traditional nmap-ncat
	dnsutils bind9-dnsutils bind9-host bind-tools bind-utils traceroute mtr mtr-tiny iperf iperf3 iftop nload
	htop atop iotop sysstat dstat lsof
	man-db manpages manpages-dev man-pages mandoc bash-completion
	tmux screen byobu tree ncdu ripgrep silversearcher-ag fzf bat apt-file
	sudo openssh-server`)

// otherNames are words by which commands use a package that are not the names of
// its files. In texts they say little: many programs have a view.
var otherNames = map[string]string{
	"vim": "vi view ex editor", "vim-tiny": "vi view ex editor", "vim-nox": "vi view ex editor", "neovim": "vi editor", "nano": "editor pico", "emacs": "editor", "emacs-nox": "editor",
	"netcat-openbsd": "nc netcat", "netcat-traditional": "nc netcat", "nmap-ncat": "nc", "telnet": "telnet", "inetutils-telnet": "telnet",
	"sudo": "sudoers", "openssh-server": "sshd ssh",
}

func debuggingTools(p *analysis.Pass) []whittle.Finding {
	s := p.Layers.Packages()
	var out []whittle.Finding
	var named map[string]bool
	for in, layer := range p.Recipe.Runs() {
		asked := askedIn(s, in, layer)
		if len(asked) == 0 {
			continue
		}
		if named == nil {
			named = namedInProject(p, s)
		}
		u := usersAfter(p, in, named)
		chosen := map[int]bool{}
		for n := range asked {
			name := s.List[n].Name
			if tools[name] && !u.uses(&s.List[n]) || u.isOtherDownloader(s, asked, name) {
				chosen[n] = true
			}
		}
		if f, ok := unusedTools(p, s, u, in, layer, asked, chosen); ok {
			out = append(out, f)
		}
	}
	return out
}

// asked are the packages that a RUN installs by name, with the words that name
// them.
type asked map[int][]askedWord

type askedWord struct {
	command recipe.SystemCommand
	word    int
}

// maxProviders bounds the packages that one name may stand for.
const maxProviders = 50

func askedIn(s *analysis.Packages, in *dockerfile.Instruction, layer int) asked {
	out := asked{}
	commands, _ := recipe.SystemCommands(in)
	for _, c := range commands {
		if !c.Installs() || c.Depth > 0 && !c.Inner {
			continue // somebody wants it under a condition
		}
		for _, w := range c.Names {
			name := c.Package(w)
			found := s.Providers[name]
			if len(found) > maxProviders {
				continue
			}
			for _, n := range found {
				if k := &s.List[n]; k.Layer == layer && k.Name == name {
					out[n] = append(out[n], askedWord{c, w})
				}
			}
		}
	}
	return out
}

// isOtherDownloader says that a package is curl or wget, that nothing uses it,
// and that the same RUN asks for the other one, which is used. Scripts that are
// downloaded may use either.
func (u *users) isOtherDownloader(s *analysis.Packages, a asked, name string) bool {
	other := map[string]string{"curl": "wget", "wget": "curl"}[name]
	if other == "" || u.unknown {
		return false
	}
	used := map[string]bool{}
	for n := range a {
		used[s.List[n].Name] = u.uses(&s.List[n])
	}
	mine, known := used[name]
	return known && !mine && used[other]
}

// unusedTools reports packages of a RUN that nothing uses, with what only they
// need. A tool that brings a package that is used, or with a library that a
// program outside of packages loads, is left.
func unusedTools(p *analysis.Pass, s *analysis.Packages, u *users, in *dockerfile.Instruction, layer int, a asked, chosen map[int]bool) (f whittle.Finding, ok bool) {
	list := sorted(chosen)
	for _, n := range list {
		if slices.ContainsFunc(p.Layers.Freed(s, []int{n}), func(m int) bool { return m != n && u.uses(&s.List[m]) || u.loads(&s.List[m]) }) {
			delete(chosen, n)
		}
	}
	list = sorted(chosen)
	gone := slices.DeleteFunc(p.Layers.Freed(s, list), func(n int) bool { return s.List[n].Layer != layer })
	evidence, items, names := p.Layers.ByPackage(s, gone, layer)
	if p.Layers.Bytes(items) < analysis.MinBytes {
		return f, false
	}
	var words []string
	for _, n := range list {
		words = append(words, s.List[n].Name)
	}
	slices.Sort(words)
	f = whittle.Finding{
		Message: fmt.Sprintf("%s installs tools that nothing in the image uses (%s): %s in %s: %s",
			p.Recipe.LayerName(layer), analysis.List(words), whittle.Bytes(p.Layers.Bytes(items)), analysis.Count(len(gone), "package"), analysis.LargestNames(evidence)),
		Evidence: p.Recipe.WithLine(evidence, layer), Change: p.Layers.Removal(items), Risk: whittle.RiskMedium,
		Caution:     "people who work in the running container do without them, and a program that was downloaded may run one",
		Advice:      "leave them out, or install them in a stage of their own for debugging",
		Fingerprint: whittle.Fingerprint("debugging-tools", append([]string{p.Recipe.LayerText(layer)}, names...)...),
	}
	if u.complete {
		leaveOut(p, &f, s, in, layer, a, list, names)
	}
	return f, true
}

// leaveOut gives a finding the fix that takes packages out of the commands that
// ask for them; brought are all that come with them.
func leaveOut(p *analysis.Pass, f *whittle.Finding, s *analysis.Packages, in *dockerfile.Instruction, layer int, a asked, list []int, brought []string) {
	var words []askedWord
	var names []string
	for _, n := range list {
		words = append(words, a[n]...)
		names = append(names, s.List[n].Name)
	}
	slices.Sort(names)
	edits, whole, ok := withoutNames(p, in, layer, words)
	if !ok {
		return
	}
	fix, ok := p.Recipe.Fix("do not install "+analysis.List(names), edits)
	switch {
	case !ok:
	case whole:
		f.Fix = fix
		f.Evidence, f.Change = p.Recipe.WithLine(p.Layers.Places(itemsOf(p, layer)), layer), p.Layers.Removal(itemsOf(p, layer))
	default:
		f.Fix = fix
		noteCached(p, f, brought, layer)
		noteRecords(p, f, layer)
	}
}

// withoutNames are the edits that take the names of packages out of commands,
// and the commands that have no other.
func withoutNames(p *analysis.Pass, in *dockerfile.Instruction, layer int, words []askedWord) (edits []whittle.Edit, gone, ok bool) {
	var whole []recipe.RunCommand
	seen := map[whittle.Span]bool{}
	for _, w := range words {
		c := w.command
		if c.Inner || in.JSON {
			return nil, false, false
		}
		if seen[c.Span] {
			continue
		}
		seen[c.Span] = true
		var at []int
		for _, o := range words {
			if o.command.Span == c.Span {
				at = append(at, o.word)
			}
		}
		if len(at) == len(c.Names) {
			whole = append(whole, c.RunCommand)
			continue
		}
		more, ok := recipe.WithoutWords(in, c.Command, at)
		if !ok {
			return nil, false, false
		}
		edits = append(edits, more...)
	}
	if len(whole) == 0 {
		return edits, false, true
	}
	more, gone, ok := withoutCommands(p, in, layer, whole)
	return append(edits, more...), gone, ok
}

func sorted(set map[int]bool) (out []int) {
	for n := range set {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// noteRecords bounds what package managers write about fewer packages: their
// databases, logs and caches are smaller, by no more than the RUN added to them.
func noteRecords(p *analysis.Pass, f *whittle.Finding, layer int) {
	var sum int64
	files := 0
	for _, i := range recordItems(p, layer) {
		it := &p.Ledger.Items[i]
		low := int64(0)
		switch {
		case isDatabase(it.Path):
			low = sizeBelow(p, it.Path, layer)
		case strings.HasSuffix(it.Path, "pkgcache.bin"): // nearly all of it is about what could be installed
			low = it.Bytes - it.Bytes/20
		}
		if low >= it.Bytes {
			continue
		}
		f.Change.Shrink = append(f.Change.Shrink, whittle.Shrunk{Content: p.Layers.Content(i), Low: low, High: it.Bytes})
		sum += it.Bytes - low
		files++
	}
	if sum > 0 {
		f.Evidence = append(f.Evidence, whittle.Evidence{Layer: layer, Bytes: sum, Files: files, What: "the package manager's records"})
	}
}

// noteCached adds what a package manager keeps of the packages that it
// downloaded: var/cache/apt/archives/nano_8.4-1_amd64.deb.
func noteCached(p *analysis.Pass, f *whittle.Finding, packages []string, layer int) {
	e := whittle.Evidence{Path: "var/cache/apt/archives", Layer: layer}
	for i := range p.Ledger.Items {
		it := &p.Ledger.Items[i]
		name, _, _ := strings.Cut(path.Base(it.Path), "_")
		if it.Layer == layer && path.Dir(it.Path) == e.Path && slices.Contains(packages, name) {
			f.Change.Remove = append(f.Change.Remove, p.Layers.Content(i))
			e.Bytes += it.Bytes
			e.Files++
		}
	}
	if e.Files > 0 {
		f.Evidence = append(f.Evidence, e)
	}
}

// recordItems are the files in which package managers note what they installed:
// those of a layer, and the copies of their databases in later ones.
func recordItems(p *analysis.Pass, layer int) (out []int) {
	for i := range p.Ledger.Items {
		it := &p.Ledger.Items[i]
		if it.Bytes > 0 && (it.Layer == layer && (isDatabase(it.Path) || isRecord(it.Path)) || it.Layer > layer && isDatabase(it.Path)) {
			out = append(out, i)
		}
	}
	return out
}

func isDatabase(at string) bool {
	return slices.Contains([]string{"var/lib/dpkg/status", "var/lib/dpkg/status-old", "var/lib/apt/extended_states", "lib/apk/db/installed", "usr/lib/apk/db/installed",
		"lib/apk/db/scripts.tar", "usr/lib/apk/db/scripts.tar"}, at)
}

func isRecord(at string) bool {
	for _, dir := range []string{"var/log/", "var/lib/dpkg/alternatives/", "var/lib/dpkg/triggers/", "var/cache/debconf/", "var/cache/ldconfig/", "var/lib/rpm/", "usr/lib/sysimage/rpm/",
		"var/lib/dnf/", "usr/lib/sysimage/libdnf5/", "etc/ld.so.cache", "var/cache/apt/pkgcache.bin", "var/cache/apt/srcpkgcache.bin"} {
		if strings.HasPrefix(at, dir) {
			return true
		}
	}
	return false
}

// sizeBelow is the size of a file as the layers below one have it.
func sizeBelow(p *analysis.Pass, at string, layer int) int64 {
	for l := layer - 1; l >= 0; l-- {
		entries := p.Indexes[l].Entries
		if i := slices.IndexFunc(entries, func(e whittle.Entry) bool { return e.Path == at && e.Kind == whittle.File }); i >= 0 {
			return entries[i].Size
		}
	}
	return 0
}

// wordSet is the set of the words in a text.
func wordSet(text string) map[string]bool {
	out := map[string]bool{}
	for w := range strings.FieldsSeq(text) {
		out[w] = true
	}
	return out
}
