package distribution

import (
	"fmt"
	"strings"
	"testing"

	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/rule/analysis"
)

// TestTogether: those that share what is freed are one group, over others too.
func TestTogether(t *testing.T) {
	var dists []python.Distribution
	for _, text := range []string{"a: x", "b: x y", "c: y", "d: z", "e", "x", "y", "z"} {
		name, requires, _ := strings.Cut(text, ": ")
		dists = append(dists, python.Distribution{Name: name, Version: "1", Metadata: python.Metadata{RequiresDist: strings.Fields(requires)}})
	}
	p := analysis.New(&analysis.Facts{Graph: python.NewGraph(dists, pep.Environment{}, nil)})
	got := fmt.Sprint(freedTogether(p, []int{0, 1, 2, 3, 4}, []int{0, 1, 2, 3, 4, 5, 6, 7}))
	if want := "[[0 1 2] [3] [4]]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := fmt.Sprint(freedTogether(p, []int{0, 1, 2}, []int{0, 1, 2, 6})); got != "[[0] [1 2]]" {
		t.Errorf("x is needed by others: %s", got)
	}
}
