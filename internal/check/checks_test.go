package check

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestTable: each check is described, in one group, and has its id in
// problems.go; what a group reports besides is a check of another group.
func TestTable(t *testing.T) {
	ids := constants(t)
	in := map[string]int{}
	for _, c := range All() {
		if c.Title == "" || c.Text == "" || c.Severity.Rank() < 0 {
			t.Errorf("%s: title %q, text %q, severity %q", c.ID, c.Title, c.Text, c.Severity)
		}
		if in[c.ID]++; in[c.ID] > 1 || !slices.Contains(ids, c.ID) {
			t.Errorf("%s: in %d groups, known to problems.go: %t", c.ID, in[c.ID], slices.Contains(ids, c.ID))
		}
	}
	for _, id := range ids {
		if in[id] == 0 {
			t.Errorf("%s is in problems.go, and no group reports it", id)
		}
	}
	for _, g := range groups() {
		for _, id := range g.also {
			if in[id] == 0 || slices.ContainsFunc(g.checks, func(c Check) bool { return c.ID == id }) {
				t.Errorf("a group reports %s, too, which is no other group's", id)
			}
		}
	}
}

// constants are the ids of checks that the root package has.
func constants(t *testing.T) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "../../problems.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	ast.Inspect(f, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Values) == 1 && strings.HasPrefix(spec.Names[0].Name, "Check") {
			id, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, id)
		}
		return true
	})
	if len(out) == 0 {
		t.Fatal("problems.go has no ids of checks")
	}
	return out
}
