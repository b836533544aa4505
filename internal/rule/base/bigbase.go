package base

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/rule/analysis"
)

// BigBase is the rule big-base: the base image is a full variant that has a
// slim one.
func BigBase() analysis.Rule {
	return analysis.Rule{
		ID:    "big-base",
		Title: "The base image is the full one, and there is a slim one",
		Text: `The full variants of the official language images are made to build in: they contain compilers, the headers of dozens of libraries and
version control. The slim variants contain only the language. Run in the slim one. What the image uses of the full one (libraries that a binary or
Python's ctypes loads, programs that a script, the application or an instruction runs) is installed by its package. If something must be
built, build it in a stage on the full one: there is no fix then, and the advice says so.`,
		Before: "FROM python:3.13\n",
		After:  "FROM python:3.13-slim\n",
		Run:    bigBases,
	}
}

// slim is the slim variant of a full image, without its digest; ok is false for other
// images. version is the one that the image has: it replaces a tag that moves.
func slim(image, version string) (better official, ok bool) {
	o, ok := parseOfficial(image)
	if !ok || o.slim || o.alpine != "" || o.name == "debian" || o.digest != "" && o.tag == "" {
		return o, false
	}
	if o.floats() && version != "" {
		o.version = version
	}
	o.digest, o.slim = "", true
	return o, true
}

func bigBases(p *analysis.Pass) []whittle.Finding {
	st := baseStage(p)
	if st == nil || p.Ledger == nil {
		return nil
	}
	better, ok := slim(st.BaseResolved, languageVersion(p, st.BaseResolved))
	if !ok {
		return nil
	}
	full := surveyed(p, st)
	if full.names, full.why = full.needs.keep(len(full.needs.blocks) > 0); len(full.names) > 0 && better.codename == "" && !better.exact() {
		better.codename = debianRelease(p) // names of packages differ between releases
	}
	if p.Layers.Bytes(full.items) < analysis.MinBytes {
		return nil
	}
	f := whittle.Finding{
		Message: fmt.Sprintf("the base image %s holds %s of compilers, headers and what only they need; %s has none of them",
			st.BaseResolved, whittle.Bytes(p.Layers.Bytes(full.items)), better),
		Evidence: append(full.evidence(p), whittle.Evidence{Layer: -1, File: p.Dockerfile.Name, Line: st.Head.Line, What: st.BaseResolved}),
		Risk:     whittle.RiskMedium, Caution: "a program or a library of the full image may be used at run time",
		Advice:      "use " + better.String() + " where the application runs",
		Fingerprint: whittle.Fingerprint("big-base", st.BaseResolved), Change: full.change(p),
	}
	if len(full.names) > 0 {
		f.Advice += ", and install " + analysis.List(full.names)
	}
	if len(full.needs.blocks) > 0 {
		f.Advice += ", and build in a stage on " + st.BaseResolved
		f.Caution = full.needs.blocks[0]
		return []whittle.Finding{f}
	}
	if strings.Contains(st.BaseResolved, "@") {
		f.Advice += ", pinned to its own digest"
		return []whittle.Finding{f}
	}
	edits, ok := fromEdits(p, st, better.String())
	if ok && len(full.names) > 0 {
		edits = append(edits, installEdits(p, st, full.names, full.needs.first)...)
	}
	if !ok {
		return []whittle.Finding{f}
	}
	title := "use " + better.String()
	if len(full.names) > 0 {
		title += ", with " + analysis.List(full.names)
	}
	if fix, ok := p.Recipe.Fix(title, edits); ok {
		f.Fix = fix
	}
	return []whittle.Finding{f}
}

// survey is what only the full base of an image has.
type survey struct {
	list             *analysis.Packages
	certain, perhaps []int
	needs            *needs
	// names are the packages that the image uses, and why says what uses each.
	names, why []string
	// items belong to the packages that go, docs to folders that slim images exclude,
	// others to no package.
	items, docs, others []int
}

func surveyed(p *analysis.Pass, st *dockerfile.Stage) survey {
	full := survey{list: p.Layers.Packages()}
	full.certain, full.perhaps = onlyFull(p, full.list, nil)
	full.needs = findNeeds(p, full.list, st, append(slices.Clip(full.certain), full.perhaps...))
	var kept []int
	for k := range full.needs.why {
		if len(full.needs.blocks) == 0 || full.needs.running[k] {
			kept = append(kept, k)
		}
	}
	if len(kept) > 0 {
		full.certain, full.perhaps = onlyFull(p, full.list, kept)
	}
	full.items = baseItems(p, full.list, full.certain)
	full.docs, full.others = slimmedItems(p, full.items), unownedItems(p)
	return full
}

// change is what the slim image does not have.
func (full *survey) change(p *analysis.Pass) whittle.LayerChange {
	change := p.Layers.Removal(slices.Concat(full.items, full.docs))
	for _, i := range append(baseItems(p, full.list, full.perhaps), full.others...) {
		change.Shrink = append(change.Shrink, whittle.Shrunk{Content: p.Layers.Content(i), Low: 0, High: p.Ledger.Items[i].Bytes})
	}
	if len(full.names) > 0 {
		change.Plus = aptCaches(p)
	}
	if p.Debug != nil {
		change.Shrink = append(change.Shrink, symbols(p)...)
	}
	return change
}

// aptCaches are the bytes of the indexes that apt-get install leaves in /var/cache/apt.
// The official images of Debian are set up so that it leaves none.
func aptCaches(p *analysis.Pass) (sum int64) {
	for i := range p.Ledger.Tree.Nodes {
		n := &p.Ledger.Tree.Nodes[i]
		if n.Path == "etc/apt/apt.conf.d/docker-clean" {
			return 0
		}
		if n.Item >= 0 && whittle.Under(n.Path, "var/cache/apt") {
			sum += p.Ledger.Items[n.Item].Bytes
		}
	}
	return sum
}

// symbols are the symbol tables of the language's binaries: those of python's slim
// images are linked without.
func symbols(p *analysis.Pass) (out []whittle.Shrunk) {
	for i := range p.Ledger.Tree.Nodes {
		n := &p.Ledger.Tree.Nodes[i]
		if n.Item < 0 || !p.Layers.IsBase(n.Layer) || !ofLanguage(n.Path) {
			continue
		}
		if bytes, _, ok := p.Debug(n.Path); ok && bytes > 0 {
			size := p.Ledger.Items[n.Item].Bytes
			out = append(out, whittle.Shrunk{Content: p.Layers.Content(n.Item), Low: size - bytes, High: size})
		}
	}
	return out
}

func (full *survey) evidence(p *analysis.Pass) []whittle.Evidence {
	rows := baseEvidence(p, full.list, append(slices.Clip(full.certain), full.perhaps...))
	rows = append(rows, otherEvidence(p, full.docs, full.others)...)
	for i, name := range full.names {
		rows = append(rows, whittle.Evidence{Layer: -1, What: fmt.Sprintf("%s stays: %s", name, full.why[i])})
	}
	return rows
}

// fromEdits makes a FROM line name another image: on the line, or in the value of the
// only ARG that it is made of. ok is false if that cannot be written.
func fromEdits(p *analysis.Pass, st *dockerfile.Stage, better string) (edits []whittle.Edit, ok bool) {
	if written := slimInstead(st, better); written != "" {
		i := slices.IndexFunc(st.Head.Args, func(a dockerfile.Arg) bool { return a.Value == st.Base })
		if i < 0 {
			return nil, false
		}
		return []whittle.Edit{st.Head.ReplaceArg(i, written)}, true
	}
	return argumentEdits(p, st, better, 1)
}

// wholeVariable matches an image that is a variable, or has one as its tag.
var wholeVariable = regexp.MustCompile(`^([^$]*)\$(?:\{(\w+)\}|(\w+))$`)

// argumentEdits changes the default of the ARG before the first FROM that a FROM line
// ends with, if the file uses it so many times.
func argumentEdits(p *analysis.Pass, st *dockerfile.Stage, better string, uses int) (edits []whittle.Edit, ok bool) {
	m := wholeVariable.FindStringSubmatch(st.Base)
	if m == nil || strings.Contains(st.BaseResolved, "@") {
		return nil, false
	}
	name := m[2] + m[3]
	value, fits := strings.CutPrefix(better, m[1])
	was, _ := strings.CutPrefix(st.BaseResolved, m[1])
	used := regexp.MustCompile(`\$\{?` + name + `\b`)
	if !fits || len(used.FindAllIndex(p.Dockerfile.Source, -1)) != uses {
		return nil, false
	}
	for i := range p.Dockerfile.Meta {
		meta := &p.Dockerfile.Meta[i]
		for k, a := range meta.Args {
			if a.Value == name+"="+was {
				edits = append(edits, meta.ReplaceArg(k, name+"="+value))
			}
		}
	}
	return edits, len(edits) == 1
}

// slimInstead is how a FROM line names the slim image. A variable with the
// version remains. It is empty if that cannot be written.
func slimInstead(st *dockerfile.Stage, better string) string {
	rest, longer := strings.CutPrefix(better, st.BaseResolved)
	switch {
	case strings.Contains(st.BaseResolved, "@"):
		return ""
	case st.Base == st.BaseResolved:
		return better
	case longer && strings.HasPrefix(rest, "-"):
		return st.Base + rest
	}
	return ""
}

// SlimBase is the slim variant of the base of an image on a full base.
type SlimBase struct {
	// Name is the name of the slim image. From is how the FROM line names it,
	// empty if it cannot, because the full one is pinned by its digest.
	Name, From string
	// Full is how FROM names the full image of the same release, empty where the tag
	// of the slim one says no more than its own.
	Full string
	// Keep are packages of the full image that the image uses, and that have to be
	// installed in the slim one.
	Keep []string
	// Install is the RUN that installs them there, InstallAll also those that only
	// the build uses; empty where there are none.
	Install, InstallAll string
	// Uses say what may need the full image, even with these packages. Builds say what
	// needs it only where the Python packages are installed.
	Uses, Builds []string
}

// Slim is the slim variant of an image's base; ok is false if there is none.
func Slim(f *analysis.Facts) (s SlimBase, ok bool) {
	p := analysis.New(f)
	st := baseStage(p)
	if st == nil || p.Ledger == nil {
		return s, false
	}
	better, ok := slim(st.BaseResolved, languageVersion(p, st.BaseResolved))
	if !ok {
		return s, false
	}
	full := surveyed(p, st)
	all, _ := full.needs.keep(false)
	if s.Keep, _ = full.needs.keep(true); len(all) > 0 && better.codename == "" && !better.exact() {
		better.codename = debianRelease(p)
	}
	if len(s.Keep) > 0 {
		s.Install = installText(s.Keep)
	}
	if len(all) > 0 {
		s.InstallAll = installText(all)
	}
	s.Name = better.String()
	s.From, s.Builds = slimInstead(st, s.Name), full.needs.wheels
	better.slim = false
	if name := better.String(); name != st.BaseResolved {
		s.Full = slimInstead(st, name)
	}
	s.Uses = slices.DeleteFunc(slices.Clone(full.needs.blocks), func(b string) bool { return slices.Contains(s.Builds, b) })
	return s, true
}

// baseStage is the stage of the image's chain of stages that is based on its
// base image; nil if that is not known.
func baseStage(p *analysis.Pass) *dockerfile.Stage {
	if p.Dockerfile == nil {
		return nil
	}
	st, err := p.Dockerfile.Target(p.Target)
	if err != nil {
		return nil
	}
	for st.From != nil {
		st = &p.Dockerfile.Stages[*st.From]
	}
	return st
}

// baseEvidence has one row for each package and layer of the base.
func baseEvidence(p *analysis.Pass, s *analysis.Packages, chosen []int) (evidence []whittle.Evidence) {
	for layer := range p.Ledger.Layers {
		if !p.Layers.IsBase(layer) {
			break
		}
		here := slices.DeleteFunc(slices.Clone(chosen), func(n int) bool { return p.Layers.Bytes(p.Layers.Brought(&s.List[n], layer)) == 0 })
		rows, _, _ := p.Layers.ByPackage(s, here, layer)
		evidence = append(evidence, rows...)
	}
	return evidence
}

// otherEvidence is evidence of items of the base that belong to no removed
// package.
func otherEvidence(p *analysis.Pass, docs, others []int) (rows []whittle.Evidence) {
	if len(docs) > 0 {
		rows = append(rows, whittle.Evidence{Layer: -1, Bytes: p.Layers.Bytes(docs), Files: len(docs), What: "documentation, translations and caches, which slim images do not have"})
	}
	if len(others) > 0 {
		rows = append(rows, whittle.Evidence{Layer: -1, Bytes: p.Layers.Bytes(others), Files: len(others), What: "package databases and other files that no package has"})
	}
	return rows
}

// baseItems are the items of packages in the base's layers.
func baseItems(p *analysis.Pass, s *analysis.Packages, chosen []int) (items []int) {
	for _, n := range chosen {
		for _, i := range s.List[n].Items {
			if it := &p.Ledger.Items[i]; it.Bytes > 0 && p.Layers.IsBase(it.Layer) {
				items = append(items, i)
			}
		}
	}
	return items
}
