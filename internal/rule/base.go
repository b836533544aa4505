package rule

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"whittle"
	"whittle/internal/dockerfile"
)

func bigBase() Rule {
	return Rule{
		ID:    "big-base",
		Title: "The base image is the full one, and there is a slim one",
		Text: `The full variants of the official language images are made to build in: they hold compilers, headers of dozens of
libraries and version control. The slim ones hold the language alone. Run in the slim one, and build, where something has to be built, in a
stage on the full one.`,
		Before: "FROM python:3.13\n",
		After:  "FROM python:3.13-slim\n",
		Run:    bigBases,
	}
}

// fullTag matches official images whose full variant is built on one with
// compilers and headers (buildpack-deps), and which have a slim one.
var fullTag = regexp.MustCompile(`^(?:(?:docker\.io/)?library/|docker\.io/)?(python|node|ruby|perl|rust|golang)(?::(\d+(?:\.\d+){0,2}|latest|lts)(-(?:jessie|stretch|buster|bullseye|bookworm|trixie))?)?$`)

// slim is the slim variant of a full image, without the digest that pins that;
// ok is false for other images, and for those that are made to build with.
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

func bigBases(p *Pass) []whittle.Finding {
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
	better, ok := slim(st.BaseResolved)
	if !ok {
		return nil
	}
	s := p.layers.packages()
	certain, perhaps := onlyFull(p, s)
	items := baseItems(p, s, certain)
	docs, others := slimmed(p, items), unowned(p)
	change := p.layers.remove(slices.Concat(items, docs))
	for _, i := range append(baseItems(p, s, perhaps), others...) {
		change.Shrink = append(change.Shrink, whittle.Shrunk{Content: p.layers.at(i), Low: 0, High: p.Ledger.Items[i].Bytes})
	}
	if p.layers.bytes(items) < small {
		return nil
	}
	f := whittle.Finding{
		Message: fmt.Sprintf("the base image %s holds %s of compilers, headers and what only they need; %s has none of them",
			st.BaseResolved, whittle.Bytes(p.layers.bytes(items)), better),
		Evidence: append(append(baseEvidence(p, s, append(certain, perhaps...)), beside(p, docs, others)...), whittle.Evidence{Layer: -1, File: p.Dockerfile.Name, Line: st.Head.Line, What: st.BaseResolved}),
		Risk:     whittle.RiskMedium, Caution: "a program or a library of the full image may be used at run time",
		Advice:      "use " + better + " where the application runs",
		Fingerprint: whittle.Fingerprint("big-base", st.BaseResolved), Change: change,
	}
	if why := needsFull(p); why != "" {
		f.Advice += ", and build in a stage on " + st.BaseResolved
		f.Caution = why
		return []whittle.Finding{f}
	}
	if strings.Contains(st.BaseResolved, "@") {
		f.Advice += ", pinned to its own digest"
		return []whittle.Finding{f}
	}
	i := slices.IndexFunc(st.Head.Args, func(a dockerfile.Arg) bool { return a.Value == st.BaseResolved })
	if i < 0 {
		return []whittle.Finding{f}
	}
	edits := []whittle.Edit{st.Head.ReplaceArg(i, better)}
	if _, err := dockerfile.Apply(p.Dockerfile.Source, edits); err == nil {
		f.Fix = &whittle.Fix{Title: "use " + better, Patches: []whittle.Patch{p.recipe.patch(edits)}}
	}
	return []whittle.Finding{f}
}

// baseEvidence has one row for each package and layer of the base.
func baseEvidence(p *Pass, s *osPackages, chosen []int) (evidence []whittle.Evidence) {
	for layer := range p.Ledger.Layers {
		if !p.layers.base(layer) {
			break
		}
		here := slices.DeleteFunc(slices.Clone(chosen), func(n int) bool { return p.layers.bytes(p.layers.brought(&s.list[n], layer)) == 0 })
		rows, _, _ := p.layers.byPackage(s, here, layer)
		evidence = append(evidence, rows...)
	}
	return evidence
}

// beside is evidence of what the base has and no package that goes.
func beside(p *Pass, docs, others []int) (rows []whittle.Evidence) {
	if len(docs) > 0 {
		rows = append(rows, whittle.Evidence{Layer: -1, Bytes: p.layers.bytes(docs), Files: len(docs), What: "documentation, translations and caches, which slim images do not have"})
	}
	if len(others) > 0 {
		rows = append(rows, whittle.Evidence{Layer: -1, Bytes: p.layers.bytes(others), Files: len(others), What: "package databases and other files that no package has"})
	}
	return rows
}

// baseItems are the items of packages in the base's layers.
func baseItems(p *Pass, s *osPackages, chosen []int) (items []int) {
	for _, n := range chosen {
		for _, i := range s.list[n].items {
			if it := &p.Ledger.Items[i]; it.Bytes > 0 && p.layers.base(it.Layer) {
				items = append(items, i)
			}
		}
	}
	return items
}

// needsFull says why the image may need what only the full base has; empty
// where nothing speaks for it.
func needsFull(p *Pass) string {
	for _, in := range p.recipe.chain() {
		if in.Keyword != "RUN" && in.Keyword != "CMD" && in.Keyword != "ENTRYPOINT" && in.Keyword != "HEALTHCHECK" {
			continue
		}
		script, err := in.Shell()
		if err != nil {
			return p.recipe.short(in) + " cannot be read, and may need more than the slim image has"
		}
		for _, c := range script.Commands() {
			for _, w := range c.Words {
				switch name := w.Value[strings.LastIndexByte(w.Value, '/')+1:]; name {
				case "gcc", "g++", "cc", "make", "cmake", "git", "hg", "svn", "curl", "wget", "ssh", "patch", "pkg-config", "autoreconf", "node-gyp", "convert",
					"mysql_config", "pg_config", "xml2-config", "unzip", "dpkg-dev", "file", "npm", "yarn", "gem", "bundle", "cpan", "cpanm":
					return fmt.Sprintf("%s uses %s, which the slim image may lack", p.recipe.short(in), name)
				}
			}
		}
	}
	if p.Graph == nil {
		return ""
	}
	for _, d := range p.Graph.Distributions {
		for _, t := range d.Tags {
			if strings.HasPrefix(t.Platform, "linux_") {
				return d.Name + " was compiled in the image, with what the full base has"
			}
		}
	}
	return ""
}
