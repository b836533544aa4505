package runs

import (
	"math/rand/v2"
	"testing"
)

// TestSlower: what is called slower is so beyond doubt.
func TestSlower(t *testing.T) {
	for _, c := range []struct {
		name          string
		before, after []float64
		slower        bool
	}{
		{"a second", []float64{2.3, 2.2, 2.4, 2.3, 2.3, 2.3}, []float64{3.2, 3.1, 3.2, 3.3, 3.2, 3.2}, true},
		{"the first runs alone", []float64{2.3, 2.2, 2.4}, []float64{3.2, 3.1, 3.2}, true},
		{"one run of each is off", []float64{2.3, 2.2, 9, 2.3, 2.3, 2.3}, []float64{3.2, 3.1, 1, 3.3, 3.2, 3.2}, true},
		{"the runs differ as much", []float64{2.3, 3.5, 2.4, 3.3, 2.3, 2.3}, []float64{3.2, 3.1, 2.2, 3.3, 3.2, 3.2}, false},
		{"a third of half a second", []float64{0.5, 0.5, 0.5}, []float64{0.65, 0.65, 0.65}, false},
		{"disturbed but for one run", []float64{2, 2, 2}, []float64{3, 3, 2.1}, false},
		{"a tenth of little", []float64{0.5, 0.5, 0.5}, []float64{0.58, 0.58, 0.58}, false},
		{"little of much", []float64{20, 20, 20}, []float64{21, 21, 21}, false},
		{"faster", []float64{3, 3, 3}, []float64{1, 1, 1}, false},
		{"one failed", []float64{1, 1, 1}, nil, false},
	} {
		s := StartTimes{Before: c.before, After: c.after, Least: SlowerSeconds}
		if s.Slower() != c.slower {
			t.Errorf("%s: %t, want %t", c.name, !c.slower, c.slower)
		}
	}
}

// TestNoise: of two samples of one distribution at most one in twenty is called
// slower, however wide it is, and never each than the other. The samples are the
// same in every run.
func TestNoise(t *testing.T) {
	const pairs = 2000
	for _, width := range []float64{0.1, 0.5, 1, 2, 3, 30} {
		rng := rand.New(rand.NewPCG(1, 2))
		sample := func() []float64 {
			out := make([]float64, BlockRuns*Blocks)
			for i := range out {
				out[i] = 1 + width*rng.Float64()
			}
			return out
		}
		cried := 0
		for range pairs {
			s := StartTimes{Before: sample(), After: sample(), Least: SlowerSeconds}
			if !s.Slower() {
				continue
			}
			cried++
			if (&StartTimes{Before: s.After, After: s.Before, Least: SlowerSeconds}).Slower() {
				t.Fatalf("each is slower than the other: %.2f, %.2f", s.Before, s.After)
			}
		}
		if cried*20 > pairs {
			t.Errorf("width %.1f: %d of %d were called slower", width, cried, pairs)
		}
		t.Logf("width %.1f: %d of %d", width, cried, pairs)
	}
}
