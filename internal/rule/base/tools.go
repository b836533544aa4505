package base

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/distro"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/rule/analysis"
)

// BuildToolsInFinalStage is the rule build-tools-in-final-stage: compilers and
// headers are in the final image.
func BuildToolsInFinalStage() analysis.Rule {
	return analysis.Rule{
		ID:    "build-tools-in-final-stage",
		Title: "Compilers and headers are in the image that runs",
		Text: `What is only needed to build something (gcc, make, -dev packages, git) is never used again, and is often the largest part of an image. Build
in a separate stage and copy the result, or install the tools and remove them in the one RUN that builds, before its layer is made. The fix
does the latter if one RUN builds. Libraries that what was built loads, and programs that the application runs, stay: the fix names them in
the installation. If no RUN builds, the fix leaves the tools out: what a package of headers has brought and the image uses (libpq5 of
libpq-dev) is installed instead of it. If several RUNs build, or other stages are based on this one, there is no fix.`,
		Before: "RUN apt-get update && apt-get install -y gcc libpq-dev && \\\n    pip install psycopg2\n",
		After:  "RUN apt-get update && apt-get install -y gcc libpq-dev libpq5 && \\\n    pip install psycopg2 && \\\n    apt-get purge -y --auto-remove gcc libpq-dev\n",
		Run:    buildTools,
	}
}

// tooling are the build tools that one instruction installs.
type tooling struct {
	p    *analysis.Pass
	list *analysis.Packages
	// automatic says of each package that it was installed only because others need it.
	automatic []bool
	layer     int
	in        *dockerfile.Instruction
	// freed are the packages that go with the tools, kept those of them that the image
	// uses, with the reasons.
	freed []int
	kept  []string
	why   []string
}

func buildTools(p *analysis.Pass) []whittle.Finding {
	s := p.Layers.Packages()
	automatic := automaticPackages(p, s)
	var tools []int
	for n := range s.List {
		if k := &s.List[n]; k.Layer >= 0 && !p.Layers.IsBase(k.Layer) && (analysis.IsBuildTool(k.Name) || isVersionControl(k.Name) && (builtWith(p, s, n) || serves(p))) {
			tools = append(tools, n)
		}
	}
	if len(tools) == 0 {
		return nil
	}
	all := freed(p, s, tools, automatic, nil)
	used := usedPackages(p, s, all)
	all = freed(p, s, tools, automatic, used.positions())
	byLayer := map[int][]int{}
	for _, n := range all {
		byLayer[s.List[n].Layer] = append(byLayer[s.List[n].Layer], n)
	}
	var out []whittle.Finding
	for layer := range p.Ledger.Layers {
		t := &tooling{p: p, list: s, automatic: automatic, layer: layer, in: p.Recipe.Instruction(layer), freed: byLayer[layer]}
		t.kept, t.why = t.staying(used)
		if f, ok := t.finding(); ok {
			out = append(out, f)
		}
	}
	return out
}

// serves says that an image starts a program of its own. In another one, which starts a
// shell or waits, people work, and somebody may have asked for git to have it at hand.
func serves(p *analysis.Pass) bool {
	if p.Config == nil {
		return false
	}
	words := slices.Concat(p.Config.Config.Entrypoint, p.Config.Config.Cmd)
	if len(words) > 2 && path.Base(words[0]) == "sh" && words[1] == "-c" {
		words = strings.Fields(strings.TrimPrefix(words[2], "exec "))
	}
	for len(words) > 0 && (words[0] == "--" || slices.Contains([]string{"tini", "dumb-init", "catatonit"}, path.Base(words[0]))) {
		words = words[1:]
	}
	if len(words) == 0 {
		return false
	}
	switch name := path.Base(words[0]); name {
	case "sh", "bash", "ash", "dash", "zsh", "fish", "python", "python3", "ipython", "node", "irb", "psql":
		return len(words) > 1 && !strings.HasPrefix(words[1], "-")
	case "sleep", "tail", "cat", "true", "env", "top", "watch", "git", "hg", "svn", "sshd", "code-server", "jupyter", "jupyter-lab":
		return false
	}
	return true
}

// builtWith says that a RUN uses a package.
func builtWith(p *analysis.Pass, s *analysis.Packages, k int) bool {
	t := tooling{p: p, list: s, freed: []int{k}}
	return slices.ContainsFunc(p.Recipe.Chain(), t.named)
}

func isVersionControl(name string) bool {
	return slices.Contains([]string{"git", "mercurial", "subversion"}, name)
}

// finding reports the tools of one layer.
func (t *tooling) finding() (f whittle.Finding, ok bool) {
	p := t.p
	evidence, items, names := p.Layers.ByPackage(t.list, t.freed, t.layer)
	if p.Layers.Bytes(items) < analysis.MinBytes {
		return f, false
	}
	f = whittle.Finding{
		Message: fmt.Sprintf("%s brings what only the build needs, %s in %s: %s",
			p.Recipe.LayerName(t.layer), whittle.Bytes(p.Layers.Bytes(items)), analysis.Count(len(t.freed), "package"), analysis.LargestNames(evidence)),
		Evidence: p.Recipe.WithLine(evidence, t.layer), Change: p.Layers.Removal(items), Risk: whittle.RiskMedium,
		Caution:     "a program that compiles at run time needs them",
		Advice:      "build in a separate stage and copy the result",
		Fingerprint: whittle.Fingerprint("build-tools-in-final-stage", append([]string{p.Recipe.LayerText(t.layer)}, names...)...),
	}
	if slices.ContainsFunc(t.freed, func(n int) bool { return isVersionControl(t.list.List[n].Name) }) {
		f.Caution = "a program that compiles at run time needs them, and one that runs git by a name that no text shows"
	}
	for i, name := range t.kept {
		f.Evidence = append(f.Evidence, whittle.Evidence{Layer: -1, What: name + " stays: " + t.why[i]})
	}
	builder, why := t.builder()
	switch {
	case builder == nil:
		if f.Advice = cmp.Or(why, f.Advice); why == "" {
			t.leaveOut(&f)
		}
		return f, true
	case builder == t.in:
		f.Advice += fmt.Sprintf(", or remove the packages at the end of %s, which has built by then", p.Recipe.The(builder))
	}
	// What apt leaves of a second update may be more than the tools are.
	if fix, change, ok := t.fix(builder); ok && change.Plus < p.Layers.Bytes(items) {
		t.fixed(&f, fix, change)
	}
	return f, true
}

// leaveOut proposes not to install the tools at all: no RUN of the image builds.
func (t *tooling) leaveOut(f *whittle.Finding) {
	fix, names, ok := t.without()
	if !ok || t.mayUse() {
		return
	}
	f.Advice = "leave " + analysis.List(names) + " out of " + t.p.Recipe.The(t.in) + ": no RUN of the image builds anything"
	if len(t.kept) > 0 {
		f.Advice = fmt.Sprintf("install %s instead of %s in %s: no RUN of the image builds anything", analysis.List(t.kept), analysis.List(names), t.p.Recipe.The(t.in))
	}
	t.fixed(f, fix, t.bookkeeping(t.in))
}

// fixed gives a finding its fix, and what that changes besides the tools.
func (t *tooling) fixed(f *whittle.Finding, fix *whittle.Fix, change whittle.LayerChange) {
	f.Fix = fix
	f.Change.Shrink, f.Change.Plus = append(f.Change.Shrink, change.Shrink...), change.Plus
	row := whittle.Evidence{Layer: t.layer, Files: len(change.Shrink), What: "databases, logs and caches of the package manager, which may become smaller"}
	for _, c := range change.Shrink {
		row.Bytes += c.High
	}
	f.Evidence = append(f.Evidence, row)
}

// staying are the packages of the layer that would go with the tools, if nothing used
// them, and what uses each.
func (t *tooling) staying(used *needs) (names, why []string) {
	all, reasons := used.keep(true)
	for i, name := range all {
		if slices.ContainsFunc(t.list.Providers[name], func(n int) bool {
			k := &t.list.List[n]
			return k.Name == name && k.Layer == t.layer && t.automatic[n]
		}) {
			names, why = append(names, name), append(why, reasons[i])
		}
	}
	return names, why
}

// virtual says that a package is only a name for a group of build tools, as
// made by apk add --virtual .build-deps.
func virtual(s *analysis.Packages, n int) bool {
	return strings.HasPrefix(s.List[n].Name, ".") && slices.ContainsFunc(s.List[n].Depends, func(names []string) bool { return analysis.IsBuildTool(names[0]) })
}

// automaticPackages says which packages were installed only because others need them.
// Where the database does not say, these are the packages of a layer that its
// instruction does not name, if it can be read.
func automaticPackages(p *analysis.Pass, s *analysis.Packages) []bool {
	out := make([]bool, len(s.List))
	named := map[int]map[string]bool{} // by layer, nil if not known
	for n := range s.List {
		k := &s.List[n]
		if s.KnowsRequested || k.Layer < 0 || p.Layers.IsBase(k.Layer) {
			out[n] = k.Reason == distro.Automatic
			continue
		}
		names, known := named[k.Layer]
		if !known {
			if commands, ok := readInstalling(p, p.Recipe.Instruction(k.Layer)); ok && len(commands) > 0 {
				names = map[string]bool{}
				for i := range commands {
					for _, name := range commands[i].named() {
						names[name] = true
						for _, provider := range s.Providers[name] {
							names[s.List[provider].Name] = true
						}
					}
				}
			}
			named[k.Layer] = names
		}
		out[n] = names != nil && !names[k.Name]
	}
	return out
}

// freed are the packages above the base that are removed with the tools: the
// tools themselves, unless another package needs them, and packages that were
// installed only for them. also are packages that stay.
func freed(p *analysis.Pass, s *analysis.Packages, tools []int, automatic []bool, also []int) []int {
	roots := slices.Clone(also)
	for n := range s.List {
		k := &s.List[n]
		if slices.Contains(tools, n) || virtual(s, n) || automatic[n] && (k.Layer < 0 || !p.Layers.IsBase(k.Layer)) {
			continue
		}
		roots = append(roots, n)
	}
	kept, mine := s.Needed(roots, true), s.Needed(tools, true)
	var out []int
	for n := range s.List {
		if k := &s.List[n]; mine[n] && !kept[n] && k.Layer >= 0 && !p.Layers.IsBase(k.Layer) {
			out = append(out, n)
		}
	}
	return out
}

// usedPackages finds which of the packages the image uses when it runs. What version
// control a library may run counts, too: somebody has asked for it.
func usedPackages(p *analysis.Pass, s *analysis.Packages, chosen []int) *needs {
	n := newNeeds(p, s, chosen)
	n.libraryPrograms = true
	n.runs()
	n.starts()
	for _, c := range s.Providers["ca-certificates"] {
		n.use(c, "programs verify certificates with it")
	}
	return n
}

// positions are those of the packages that something uses.
func (n *needs) positions() (out []int) {
	for k := range n.why {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// starts notes the programs that the texts of the application and the last CMD,
// ENTRYPOINT and HEALTHCHECK name.
func (n *needs) starts() {
	for _, in := range n.p.Recipe.Chain() {
		switch in.Keyword {
		case "CMD", "ENTRYPOINT", "HEALTHCHECK":
			if script, err := in.Shell(); err == nil {
				n.script(script, n.p.Recipe.Name(in))
			}
		}
	}
	for name := range n.p.StartPrograms() {
		if !analysis.IsCommonWord(name) {
			n.program(path.Base(name), "the application")
		}
	}
	// pip runs git for git+https://, and many a program in ways that no first word shows.
	code := n.p.Texts().OfProject(isCode)
	for _, tool := range []string{"git", "hg", "svn"} {
		if code.Name(tool) {
			n.program(tool, "the application")
		}
	}
}

// isCode says that a file holds a program, by its extension; scripts need none.
func isCode(file string) bool {
	switch path.Ext(file) {
	case ".py", ".sh", ".bash", ".js", ".mjs", ".cjs", ".ts", ".rb", ".pl", ".php", ".go", ".rs", ".java", ".lua":
		return true
	case "":
		return !slices.Contains([]string{"Dockerfile", "Containerfile", "LICENSE", "README", "Makefile"}, path.Base(file))
	}
	return false
}
