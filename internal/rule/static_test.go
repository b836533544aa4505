package rule

import (
	"slices"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/rule/analysis"
)

// TestStaticCases: what the text of a case shows, its image shows, too, if it has what the
// case's rules look at.
func TestStaticCases(t *testing.T) {
	if testing.Short() {
		t.Skip(allCases)
	}
	n := 0
	for _, name := range cases(t) {
		_, c := readCase(t, name)
		if c.parts["Dockerfile"] == nil || name == "testdata/floating-base_silent_unknown_version.txtar" {
			continue // or its image does not say its version, without which there is nothing to advise
		}
		facts := c.pass(t)
		image, err := Find(t.Context(), facts, c.rules)
		if err != nil {
			t.Fatal(err)
		}
		found, err := FindStatic(t.Context(), analysis.NewStatic(facts.Dockerfile, c.target, facts.Files, facts.Ignore, facts.Declared), c.rules)
		if err != nil {
			t.Fatal(err)
		}
		n += len(found)
		for _, f := range found {
			if !slices.ContainsFunc(image, func(g whittle.Finding) bool { return g.Rule == f.Rule }) {
				t.Errorf("%s:%d: %s: %s", name, f.Evidence[0].Line, f.Rule, f.Message)
			}
		}
	}
	if n < 20 {
		t.Errorf("only %d static findings", n)
	}
	t.Logf("%d static findings", n)
}
