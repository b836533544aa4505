// Package rule asks every rule what could be smaller in an image, or breaks it.
// A rule looks at the layers, the Dockerfile and the project's files together,
// and reports findings with evidence, a saving, a risk and, where an edit is
// safe, a fix. Only what costs bytes or breaks a run is worth a rule: no style.
//
// Rules about layers and instructions are in the package layer, those about
// Python distributions in the package distribution. A rule is one file there,
// one row in the table of rules.go and txtars under testdata, with a case that
// fires and one that must not.
package rule

import (
	"cmp"
	"context"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/rule/analysis"
)

// Find asks the rules, in the order of the table; only names some of them,
// empty is all. The findings are complete but for what they save, where they
// have a Change: see whittle.Finding.
func Find(ctx context.Context, f *analysis.Facts, only []string) ([]whittle.Finding, error) {
	p := analysis.New(f)
	var out []whittle.Finding
	for _, r := range All() {
		if len(only) > 0 && !slices.Contains(only, r.ID) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		found := r.Run(p)
		for i := range found {
			found[i].Rule = r.ID
			found[i].Risk = cmp.Or(found[i].Risk, whittle.RiskNone)
			found[i].Change.Sort()
		}
		out = append(out, found...)
	}
	return out, nil
}
