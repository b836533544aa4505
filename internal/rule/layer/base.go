// Package layer has the rules about layers and the instructions that make them:
// files that are hidden or stored twice, caches of package managers, packages
// of the operating system, base images, and files that COPY adds or forgets.
package layer

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/rule/analysis"
)

// BigBase is the rule big-base: the base image is a full variant that has a
// slim one.
func BigBase() analysis.Rule {
	return analysis.Rule{
		ID:    "big-base",
		Title: "The base image is the full one, and there is a slim one",
		Text: `The full variants of the official language images are made to build in: they contain compilers, the headers of dozens of libraries and
version control. The slim variants contain only the language. Run in the slim one. If something must be built, build it in a stage on the
full one. If the application names a program that only the full one has, there is no fix.`,
		Before: "FROM python:3.13\n",
		After:  "FROM python:3.13-slim\n",
		Run:    bigBases,
	}
}

// fullTag matches official images whose full variant is based on an image with
// compilers and headers (buildpack-deps) and that have a slim variant.
var fullTag = regexp.MustCompile(`^(?:(?:docker\.io/)?library/|docker\.io/)?(python|node|ruby|perl|rust|golang)(?::(\d+(?:\.\d+){0,2}|latest|lts)(-(?:jessie|stretch|buster|bullseye|bookworm|trixie))?)?$`)

// slim is the slim variant of a full image, without its digest; ok is false for
// other images, and for those that are meant for builds.
func slim(image string) (string, bool) {
	image, _, pinned := strings.Cut(image, "@")
	m := fullTag.FindStringSubmatch(image)
	if m == nil || m[1] == "golang" || m[1] == "rust" || pinned && m[2] == "" {
		return "", false
	}
	if m[2] == "" {
		return image + ":slim", true
	}
	name := strings.TrimSuffix(image, ":"+m[2]+m[3])
	if m[2] == "latest" {
		return name + ":slim" + m[3], true
	}
	suffix := "-slim"
	if m[1] != "node" || m[3] == "" {
		return name + ":" + m[2] + suffix + m[3], true
	}
	return name + ":" + m[2] + m[3] + suffix, true // node has it the other way round
}

func bigBases(p *analysis.Pass) []whittle.Finding {
	st := baseStage(p)
	if st == nil {
		return nil
	}
	better, ok := slim(st.BaseResolved)
	if !ok {
		return nil
	}
	s := p.Layers.Packages()
	certain, perhaps := onlyFull(p, s)
	items := baseItems(p, s, certain)
	docs, others := slimmedItems(p, items), unownedItems(p)
	change := p.Layers.Removal(slices.Concat(items, docs))
	for _, i := range append(baseItems(p, s, perhaps), others...) {
		change.Shrink = append(change.Shrink, whittle.Shrunk{Content: p.Layers.Content(i), Low: 0, High: p.Ledger.Items[i].Bytes})
	}
	if p.Layers.Bytes(items) < analysis.MinBytes {
		return nil
	}
	f := whittle.Finding{
		Message: fmt.Sprintf("the base image %s holds %s of compilers, headers and what only they need; %s has none of them",
			st.BaseResolved, whittle.Bytes(p.Layers.Bytes(items)), better),
		Evidence: append(append(baseEvidence(p, s, append(certain, perhaps...)), otherEvidence(p, docs, others)...), whittle.Evidence{Layer: -1, File: p.Dockerfile.Name, Line: st.Head.Line, What: st.BaseResolved}),
		Risk:     whittle.RiskMedium, Caution: "a program or a library of the full image may be used at run time",
		Advice:      "use " + better + " where the application runs",
		Fingerprint: whittle.Fingerprint("big-base", st.BaseResolved), Change: change,
	}
	if uses := fullUses(p); len(uses) > 0 {
		f.Advice += ", and build in a stage on " + st.BaseResolved
		f.Caution = uses[0]
		return []whittle.Finding{f}
	}
	if strings.Contains(st.BaseResolved, "@") {
		f.Advice += ", pinned to its own digest"
		return []whittle.Finding{f}
	}
	i := slices.IndexFunc(st.Head.Args, func(a dockerfile.Arg) bool { return a.Value == st.Base })
	written := slimInstead(st, better)
	if i < 0 || written == "" {
		return []whittle.Finding{f}
	}
	edits := []whittle.Edit{st.Head.ReplaceArg(i, written)}
	if _, err := dockerfile.Apply(p.Dockerfile.Source, edits); err == nil {
		f.Fix = &whittle.Fix{Title: "use " + better, Patches: []whittle.Patch{p.Recipe.Patch(edits)}}
	}
	return []whittle.Finding{f}
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
	// Uses say what may need the full image.
	Uses []string
}

// Slim is the slim variant of an image's base; ok is false if there is none.
func Slim(f *analysis.Facts) (s SlimBase, ok bool) {
	p := analysis.New(f)
	st := baseStage(p)
	if st == nil {
		return s, false
	}
	if s.Name, ok = slim(st.BaseResolved); !ok {
		return s, false
	}
	s.From, s.Uses = slimInstead(st, s.Name), fullUses(p)
	return s, true
}

// baseStage is the stage of the image's chain of stages that is based on its
// base image; nil if that is not known.
func baseStage(p *analysis.Pass) *dockerfile.Stage {
	if p.Dockerfile == nil || p.Ledger == nil {
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

// ambiguousPrograms are names of programs that are also common words, so that
// an application that contains them need not run the program.
var ambiguousPrograms = strings.Fields("file import display compare convert identify stream patch make test animate composite mogrify montage conjure link size split join sort")

// startsOf says that the application names a program of packages that only the
// full base has, or may have; it is empty if it does not.
func startsOf(p *analysis.Pass) string {
	s := p.Layers.Packages()
	certain, perhaps := onlyFull(p, s)
	programs := p.Texts().Programs()
	for _, n := range append(certain, perhaps...) {
		for _, i := range s.List[n].Items {
			at := p.Ledger.Items[i].Path
			name := path.Base(at)
			if dir := path.Base(path.Dir(at)); (dir == "bin" || dir == "sbin") && programs[name] && !slices.Contains(ambiguousPrograms, name) {
				return fmt.Sprintf("the application names the program %s, which the slim image may lack", name)
			}
		}
	}
	return ""
}

// fullUses are the parts of the image that may need something that only the
// full base has.
func fullUses(p *analysis.Pass) (uses []string) {
	for _, in := range p.Recipe.Chain() {
		if in.Keyword != "RUN" && in.Keyword != "CMD" && in.Keyword != "ENTRYPOINT" && in.Keyword != "HEALTHCHECK" {
			continue
		}
		script, err := in.Shell()
		if err != nil {
			uses = append(uses, p.Recipe.Name(in)+" cannot be read, and may need more than the slim image has")
			continue
		}
		for _, c := range script.Commands() {
			if i := slices.IndexFunc(c.Words, func(w dockerfile.Word) bool { return slices.Contains(onlyInFull, path.Base(w.Value)) }); i >= 0 {
				uses = append(uses, fmt.Sprintf("%s uses %s, which the slim image may lack", p.Recipe.Name(in), path.Base(c.Words[i].Value)))
				break
			}
		}
	}
	if why := startsOf(p); why != "" {
		uses = append(uses, why)
	}
	if p.Graph == nil {
		return uses
	}
	for _, d := range p.Graph.Distributions {
		if slices.ContainsFunc(d.Tags, func(t pep.Tag) bool { return strings.HasPrefix(t.Platform, "linux_") }) {
			uses = append(uses, d.Name+" was compiled in the image, with what the full base has")
		}
	}
	return uses
}

// onlyInFull are programs that full images have and slim ones may not have.
var onlyInFull = []string{"gcc", "g++", "cc", "make", "cmake", "git", "hg", "svn", "curl", "wget", "ssh", "patch", "pkg-config", "autoreconf", "node-gyp", "convert",
	"mysql_config", "pg_config", "xml2-config", "unzip", "dpkg-dev", "file", "npm", "yarn", "gem", "bundle", "cpan", "cpanm"}
