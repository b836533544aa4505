package python

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestRetained: what two need is retained by neither, what goes in circles by
// whoever leads into the circle.
func TestRetained(t *testing.T) {
	g := NewGraph(dists("app 1: shared | own | app[x] | loop; extra=='x'", "other 1: shared", "shared 1: numpy", "own 1: deep", "deep 1", "numpy 1",
		"loop 1: pool", "pool 1: loop", "left 1: numpy"), linux, nil)
	sizes := []int64{1, 2, 4, 8, 16, 32, 64, 128, 256}
	var roots []int
	for _, name := range []string{"app", "other"} {
		i, _ := g.Find(name)
		roots = append(roots, i)
	}
	var got []string
	for i, r := range g.Retained(sizes, roots) {
		by := "nobody"
		if r.By >= 0 {
			by = g.Distributions[r.By].Name
		}
		got = append(got, fmt.Sprintf("%s %d of %d by %s %v", g.Distributions[i].Name, r.Own, r.Size, by, r.Needed))
	}
	want := []string{"app 1 of 217 by nobody true", "other 2 of 2 by nobody true", "shared 4 of 36 by nobody true", "own 8 of 24 by app true",
		"deep 16 of 16 by own true", "numpy 32 of 32 by shared true", "loop 64 of 192 by app true", "pool 128 of 128 by loop true", "left 0 of 0 by nobody false"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestFrees: of two that need the same, dropping one frees nothing of it, and
// dropping both all.
func TestFrees(t *testing.T) {
	g := NewGraph(dists("app 1", "scikit-learn 1: scipy | joblib", "scipy 1: numpy", "joblib 1", "pandas 1: numpy", "numpy 1"), linux, nil)
	roots := []int{0, 1, 2, 4}
	for _, tt := range []struct {
		without []int
		want    string
	}{
		{nil, ""}, {[]int{2}, ""}, {[]int{1}, "scikit-learn joblib"}, {[]int{1, 2}, "scikit-learn scipy joblib"},
		{[]int{1, 2, 4}, "scikit-learn scipy joblib pandas numpy"}, {[]int{5}, ""},
	} {
		var got []string
		for _, i := range g.Frees(roots, tt.without...) {
			got = append(got, g.Distributions[i].Name)
		}
		if s := strings.Join(got, " "); s != tt.want {
			t.Errorf("without %v: %q, want %q", tt.without, s, tt.want)
		}
	}
}

// TestRetainedRandom holds retained sizes to what is needed with and without
// each distribution, on graphs with circles, repeats and gaps.
func TestRetainedRandom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 14).Draw(t, "distributions")
		position := rapid.IntRange(0, n-1)
		var texts []string
		for i := range n {
			var requires []string
			for _, to := range rapid.SliceOfN(rapid.IntRange(0, n), 0, 4).Draw(t, "requires") {
				requires = append(requires, fmt.Sprintf("p%d", to)) // pN is not installed
			}
			text := fmt.Sprintf("p%d 1", i)
			if len(requires) > 0 {
				text += ": " + strings.Join(requires, " | ")
			}
			texts = append(texts, text)
		}
		g := NewGraph(dists(texts...), linux, nil)
		roots := rapid.SliceOfN(position, 0, 5).Draw(t, "roots")
		sizes := rapid.SliceOfN(rapid.Int64Range(0, 1000), n, n).Draw(t, "sizes")
		got := g.Retained(sizes, roots)
		needed := g.Needed(roots)
		for i, r := range got {
			var want Retained
			want.By, want.Needed = r.By, needed[i]
			without := g.Needed(roots, i)
			for j := range n {
				if needed[j] && !without[j] {
					want.Size += sizes[j]
				}
			}
			if needed[i] {
				want.Own = sizes[i]
			}
			if diff := cmp.Diff(want, r); diff != "" {
				t.Fatalf("p%d of %v, roots %v (-want +got):\n%s", i, texts, roots, diff)
			}
			if r.By >= 0 && (g.Needed(roots, r.By)[i] || r.By == i) {
				t.Fatalf("p%d is needed without p%d, too: %v, roots %v", i, r.By, texts, roots)
			}
		}
		set := rapid.SliceOfN(position, 0, 3).Draw(t, "set")
		kept := slices.DeleteFunc(slices.Clone(roots), func(r int) bool { return slices.Contains(set, r) })
		after := g.Needed(kept)
		for i := range n {
			if freed := slices.Contains(g.Frees(roots, set...), i); freed != (needed[i] && !after[i]) {
				t.Fatalf("p%d freed %v of %v, roots %v without %v", i, freed, texts, roots, set)
			}
		}
	})
}
