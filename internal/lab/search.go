package lab

import (
	"cmp"
	"slices"

	"whittle.dev/whittle"
)

// search finds the fixes of a list that do harm by tests of many together: a test asks
// whether the first of those left do harm beside the accepted ones. What it reverts is
// what trying one after the other would, as long as a harmful set stays harmful with
// further fixes. Without harm it takes one test; with one culprit among n, the binary
// logarithm of n and two, and fewer if the culprit is one that was suspected.
type search struct {
	left []*candidate
	// harmful is how many of those left, from the first on, are known to do harm
	// together; 0 if that is not known of any number.
	harmful int
}

// newSearch puts the suspected last: with all others accepted, a culprit among them is
// found by one more test. Fixes that are in the way of others come after these.
func newSearch(cands, conflicting []*candidate) *search {
	s := &search{left: slices.Clone(cands)}
	inTheWay := func(c *candidate) bool { return slices.Contains(conflicting, c) }
	slices.SortStableFunc(s.left, func(a, b *candidate) int {
		if inTheWay(a) || inTheWay(b) {
			return whittle.CompareBools(inTheWay(a), inTheWay(b))
		}
		return cmp.Compare(suspicion(a), suspicion(b))
	})
	return s
}

// next are the fixes to test beside the accepted ones; empty if none are left. Where some
// are known to do harm together, it is the part of them that has about half of the
// suspicion.
func (s *search) next() []*candidate {
	if s.harmful == 0 {
		return s.left
	}
	return s.left[:s.part()]
}

func (s *search) part() int {
	total := 0.0
	for _, c := range s.left[:s.harmful] {
		total += suspicion(c)
	}
	part, sum := 0, 0.0
	for part < s.harmful-1 {
		one := suspicion(s.left[part])
		if part > 0 && total/2-sum <= sum+one-total/2 { // one more is farther from the half
			break
		}
		part, sum = part+1, sum+one
	}
	return max(1, part)
}

// passed notes that the first n left do no harm.
func (s *search) passed(n int) {
	s.left, s.harmful = s.left[n:], max(0, s.harmful-n)
}

// failed notes that the first n left do harm together. If it is one, it is the culprit, and
// is not left any more.
func (s *search) failed(n int) (culprit *candidate) {
	if s.harmful = n; n > 1 {
		return nil
	}
	culprit = s.left[0]
	s.left, s.harmful = s.left[1:], 0
	return culprit
}

// drop takes fixes out that were judged otherwise.
func (s *search) drop(gone func(*candidate) bool) {
	s.left, s.harmful = slices.DeleteFunc(slices.Clone(s.left), gone), 0
}

// suspicion is how likely a fix does harm, compared with others: a guess by its risk and
// by what the runs have shown of it. It only decides in which order fixes are tested.
func suspicion(c *candidate) float64 {
	out := map[whittle.Risk]float64{whittle.RiskNone: 1, whittle.RiskLow: 2, whittle.RiskMedium: 10, whittle.RiskHigh: 30}[c.finding.Risk]
	for _, shown := range []bool{c.finding.Untouched, c.unimported} {
		if shown {
			out /= 2
		}
	}
	return max(1, out)
}
