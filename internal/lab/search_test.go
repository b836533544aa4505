package lab

import (
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"whittle.dev/whittle"
)

// harmfulSet says whether some fixes do harm together: each list of positions is a set
// that does.
func harmfulSet(cands, all []*candidate, sets [][]int) bool {
	return slices.ContainsFunc(sets, func(set []int) bool {
		return !slices.ContainsFunc(set, func(i int) bool { return !slices.Contains(cands, all[i]) })
	})
}

// searched is what a search keeps, and how many different sets were built for it: one
// that was built before is not built again.
func searched(s *search, harmful func(cands []*candidate) bool) (kept []*candidate, builds int) {
	built := map[string]bool{}
	for len(s.left) > 0 {
		next := s.next()
		all := slices.Concat(kept, next)
		var key []string
		for _, c := range all {
			key = append(key, c.finding.Message)
		}
		slices.Sort(key)
		built[strings.Join(key, " ")] = true
		if harmful(all) {
			s.failed(len(next))
			continue
		}
		kept = all
		s.passed(len(next))
	}
	return kept, len(built)
}

// numbered are fixes of a risk, which their messages tell apart.
func numbered(n int, risk whittle.Risk) (all []*candidate) {
	for i := range n {
		all = append(all, &candidate{finding: whittle.Finding{Risk: risk, Message: strconv.Itoa(i + 1)}})
	}
	return all
}

// TestSearchOneByOne: whatever does harm, alone or only with others, a search keeps what
// is kept if one is tried after the other, in the same order.
func TestSearchOneByOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(t, "fixes")
		all := numbered(n, whittle.RiskLow)
		for _, c := range all {
			c.finding.Risk = rapid.SampledFrom([]whittle.Risk{whittle.RiskNone, whittle.RiskLow, whittle.RiskMedium, whittle.RiskHigh}).Draw(t, "risk")
			c.unimported = rapid.Bool().Draw(t, "unimported")
		}
		sets := rapid.SliceOfN(rapid.SliceOfNDistinct(rapid.IntRange(0, n-1), 1, min(n, 3), rapid.ID[int]), 0, 6).Draw(t, "harmful sets")
		s := newSearch(all, nil)
		order := slices.Clone(s.left)
		var want []*candidate
		for _, c := range order {
			if next := append(slices.Clone(want), c); !harmfulSet(next, all, sets) {
				want = next
			}
		}
		got, _ := searched(s, func(c []*candidate) bool { return harmfulSet(c, all, sets) })
		if !slices.Equal(got, want) {
			t.Fatalf("%d fixes are kept, one by one %d", len(got), len(want))
		}
	})
}

// TestSearchBuilds: without harm there is one build. One culprit among equals is found in
// about the binary logarithm of their number; one that was suspected in two builds.
func TestSearchBuilds(t *testing.T) {
	for _, n := range []int{1, 2, 3, 5, 16, 33, 100} {
		if _, builds := searched(newSearch(numbered(n, whittle.RiskLow), nil), func([]*candidate) bool { return false }); builds != 1 {
			t.Errorf("%d fixes that do no harm: %d builds", n, builds)
		}
		for culprit := range n {
			all := numbered(n, whittle.RiskLow)
			harm := func(c []*candidate) bool { return slices.Contains(c, all[culprit]) }
			kept, builds := searched(newSearch(all, nil), harm)
			if most := 2 + bits.Len(uint(n-1)); len(kept) != n-1 || builds > most {
				t.Errorf("%d of %d does harm: %d builds, more than %d", culprit, n, builds, most)
			}
			all[culprit].finding.Risk = whittle.RiskHigh
			if n > 30 {
				continue // so many others are as likely as one
			}
			if kept, builds := searched(newSearch(all, nil), harm); len(kept) != n-1 || builds > 2 {
				t.Errorf("%d of %d is suspected, and does harm: %d builds", culprit, n, builds)
			}
		}
	}
}

// TestSearchOrder: what is suspected comes last, and what is in the way of others after
// that, in its own order.
func TestSearchOrder(t *testing.T) {
	all := numbered(6, whittle.RiskLow)
	all[0].finding.Risk, all[1].finding.Risk, all[4].finding.Risk = whittle.RiskHigh, whittle.RiskMedium, whittle.RiskMedium
	all[4].unimported = true
	var got []string
	for _, c := range newSearch(all, []*candidate{all[0], all[2]}).left {
		got = append(got, c.finding.Message)
	}
	if diff := cmp.Diff([]string{"4", "6", "5", "2", "1", "3"}, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}
