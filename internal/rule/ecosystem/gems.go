package ecosystem

import (
	"fmt"
	"regexp"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/rule/analysis"
)

// GemDocumentation is the rule gem-documentation: gem has generated documentation.
func GemDocumentation() analysis.Rule {
	return analysis.Rule{
		ID:    "gem-documentation",
		Title: "gem has generated documentation of what it installed",
		Text: `gem install generates documentation of every gem (ri and RDoc), unless it is told not to or a gemrc file says so, as in the official images.
No program reads it.`,
		Before: "RUN gem install puma\n",
		After:  "RUN gem install --no-document puma\n",
		Run:    gemDocs,
	}
}

// gemDoc matches what gem generates: GEM_HOME/doc/NAME-VERSION/{ri,rdoc}.
// https://guides.rubygems.org/command-reference/#gem-install
var gemDoc = regexp.MustCompile(`(^|/)(gems|ruby|bundle|\.gem)(/[^/]+)*/doc/[^/]+-[0-9][^/]*/(ri|rdoc)/`)

func gemDocs(p *analysis.Pass) []whittle.Finding {
	if p.Ledger == nil {
		return nil
	}
	items := p.Layers.Visible(func(i int) bool {
		it := &p.Ledger.Items[i]
		return !p.Layers.IsBase(it.Layer) && !p.Layers.OfSystem(i) && gemDoc.MatchString(it.Path)
	})
	var out []whittle.Finding
	for _, layer := range p.Layers.LayersOf(items) {
		mine := slices.DeleteFunc(slices.Clone(items), func(i int) bool { return p.Ledger.Items[i].Layer != layer })
		if p.Layers.Bytes(mine) < analysis.MinBytes {
			continue
		}
		f := withLines(p, whittle.Finding{
			Message:  fmt.Sprintf("%s generates documentation of gems: %s in %s", p.Recipe.LayerName(layer), whittle.Bytes(p.Layers.Bytes(mine)), analysis.FileCount(len(mine))),
			Evidence: p.Layers.Places(mine), Change: p.Layers.Removal(mine), Risk: whittle.RiskNone, Advice: "install gems with --no-document",
			Fingerprint: whittle.Fingerprint("gem-documentation", p.Recipe.LayerText(layer)),
		}, mine)
		if in := p.Recipe.Instruction(layer); in != nil && in.Keyword == "RUN" {
			f.Fix = withoutDocument(p, in)
		}
		out = append(out, f)
	}
	return out
}

// withoutDocument adds --no-document to each gem install of a RUN.
func withoutDocument(p *analysis.Pass, in *dockerfile.Instruction) *whittle.Fix {
	script, err := in.Shell()
	if err != nil {
		return nil
	}
	var edits []whittle.Edit
	for _, c := range script.Commands() {
		at := slices.IndexFunc(c.Words, func(w dockerfile.Word) bool { return w.Value == "gem" })
		if at < 0 || at+1 >= len(c.Words) || !slices.Contains([]string{"install", "i", "update"}, c.Words[at+1].Value) {
			continue
		}
		edit, err := in.AddWords(c, at+1, "--no-document")
		if err != nil {
			return nil
		}
		edits = append(edits, edit)
	}
	if len(edits) == 0 {
		return nil
	}
	if fix, ok := p.Recipe.Fix("add --no-document", edits); ok {
		return fix
	}
	return nil
}
