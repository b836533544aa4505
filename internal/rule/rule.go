// Package rule runs the rules, which find what could be smaller in an image or
// breaks it. A rule looks at the layers, the Dockerfile and the project's files
// together. It reports findings with evidence, a saving, a risk and, if an edit is
// safe, a fix. There are rules for wasted bytes and broken runs only, not for style.
//
// Rules about layers and instructions are in the package layer, those about what
// RUN steps fetch and install in the package system, those about Python
// distributions in the package distribution. A rule is one file in one of them,
// one row in the table of rules.go, and txtars in testdata: a case that fires and
// one that must not.
package rule

import (
	"cmp"
	"context"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/rule/analysis"
)

// Find runs the rules in the order of the table; only names some of them, empty is
// all. The findings are complete, apart from the saving of those with a Change: see
// [whittle.Finding].
func Find(ctx context.Context, f *analysis.Facts, only []string) ([]whittle.Finding, error) {
	return find(ctx, f, only, func(r *analysis.Rule) func(*analysis.Pass) []whittle.Finding { return r.Run })
}

// FindStatic asks the rules that need no image. The facts are those of the Dockerfile
// and of the project. The findings have no saving.
func FindStatic(ctx context.Context, f *analysis.Facts, only []string) ([]whittle.Finding, error) {
	return find(ctx, f, only, func(r *analysis.Rule) func(*analysis.Pass) []whittle.Finding { return r.Static })
}

func find(ctx context.Context, f *analysis.Facts, only []string, ask func(*analysis.Rule) func(*analysis.Pass) []whittle.Finding) ([]whittle.Finding, error) {
	p := analysis.New(f)
	var out []whittle.Finding
	for _, r := range All() {
		run := ask(&r)
		if run == nil || len(only) > 0 && !slices.Contains(only, r.ID) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		found := run(p)
		for i := range found {
			found[i].Rule = r.ID
			found[i].Risk = cmp.Or(found[i].Risk, whittle.RiskNone)
			found[i].Change.Sort()
		}
		out = append(out, found...)
	}
	return out, nil
}
