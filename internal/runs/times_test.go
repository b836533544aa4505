package runs

import (
	"math/rand/v2"
	"testing"

	"whittle.dev/whittle"
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

// TestTimed: an image is ready when its own start was seen to be, or a command has run. A
// start that nobody could ask, and that ran on until its time was over, says nothing of how
// long it takes.
func TestTimed(t *testing.T) {
	own := func(ready string) whittle.CommandRun {
		return whittle.CommandRun{Name: "CMD", Own: true, Status: whittle.Runs, Ready: ready, Seconds: []float64{60}}
	}
	named := whittle.CommandRun{Name: "help", Status: whittle.Runs, Seconds: []float64{1}}
	failing := whittle.CommandRun{Name: "help", Status: whittle.Fails, Seconds: []float64{1}}
	for name, c := range map[string]struct {
		runs []whittle.CommandRun
		want string
	}{
		"its health check passed":    {[]whittle.CommandRun{named, own("its health check passed")}, "CMD"},
		"it answered":                {[]whittle.CommandRun{own("it answered on port 80 with 200")}, "CMD"},
		"nobody could ask":           {[]whittle.CommandRun{named, own(stillThere + "60 s")}, "help"},
		"nobody could ask, it alone": {[]whittle.CommandRun{own(stillThere + "60 s, and listened on 8501")}, ""},
		"the command fails":          {[]whittle.CommandRun{failing, own(stillThere + "60 s")}, ""},
		"nothing runs":               {nil, ""},
	} {
		got := ""
		if r := Timed(&whittle.Variant{Run: whittle.RunFacts{Commands: c.runs}}); r != nil {
			got = r.Name
		}
		if got != c.want {
			t.Errorf("%s: timed by %q, not %q", name, got, c.want)
		}
	}
}
