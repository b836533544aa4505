package rule

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/python/source"
	"whittle.dev/whittle/internal/rule/analysis"
)

// sealed is a root that does not give the texts of Python files.
type sealed struct{ whittle.Root }

func (r sealed) ReadFile(path string, limit int64) ([]byte, error) {
	if strings.HasSuffix(path, ".py") {
		return nil, fmt.Errorf("%s: %w", path, fs.ErrPermission)
	}
	return r.Root.ReadFile(path, limit)
}

// told is one that says what they say.
type told struct{ sealed }

func (r told) Source(path string) (*source.Facts, bool) {
	b, err := r.sealed.Root.ReadFile(path, 4<<20)
	if err != nil {
		return nil, false
	}
	return source.Scan(b), true
}

// TestSealed: where it is not known what imports what, no folder of tests is
// called needless, and nothing is called unused for certain.
func TestSealed(t *testing.T) {
	find := func(p *analysis.Facts, id string) []whittle.Finding {
		found, err := Find(t.Context(), p, []string{id})
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	_, c := readCase(t, "testdata/python-tests_fires.txtar")
	p := c.pass(t)
	want := find(p, "python-tests")
	root := p.Root
	p.Root = sealed{root}
	if found := find(p, "python-tests"); len(want) == 0 || len(found) > 0 {
		t.Errorf("%d findings with texts, %d without", len(want), len(found))
	}
	p.Root = told{sealed{root}}
	if diff := cmp.Diff(want, find(p, "python-tests")); diff != "" {
		t.Errorf("by the facts of the texts (-texts +facts):\n%s", diff)
	}
	_, c = readCase(t, "testdata/unused-dependency_fires.txtar")
	p = c.pass(t)
	p.Root = sealed{p.Root}
	for _, f := range find(p, "unused-dependency") {
		if f.Risk != whittle.RiskMedium && f.Risk != whittle.RiskHigh || f.Caution == "" {
			t.Errorf("%s: risk %s", f.Message, f.Risk)
		}
	}
}
