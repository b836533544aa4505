package lab

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
)

// TestSlower: what is called slower is so beyond doubt, and what it must save.
func TestSlower(t *testing.T) {
	for _, c := range []struct {
		name          string
		before, after []float64
		slower        bool
		least         int64 // that has to be saved
	}{
		{"a second", []float64{2.3, 2.2, 2.4, 2.3, 2.3, 2.3}, []float64{3.2, 3.1, 3.2, 3.3, 3.2, 3.2}, true, 11_250_000},
		{"the first runs alone", []float64{2.3, 2.2, 2.4}, []float64{3.2, 3.1, 3.2}, true, 11_250_000},
		{"one run of each is off", []float64{2.3, 2.2, 9, 2.3, 2.3, 2.3}, []float64{3.2, 3.1, 1, 3.3, 3.2, 3.2}, true, 11_250_000},
		{"the runs differ as much", []float64{2.3, 3.5, 2.4, 3.3, 2.3, 2.3}, []float64{3.2, 3.1, 2.2, 3.3, 3.2, 3.2}, false, 0},
		{"a tenth of little", []float64{0.5, 0.5, 0.5}, []float64{0.65, 0.65, 0.65}, false, 0},
		{"little of much", []float64{20, 20, 20}, []float64{21, 21, 21}, false, 0},
		{"faster", []float64{3, 3, 3}, []float64{1, 1, 1}, false, 0},
		{"one failed", []float64{1, 1, 1}, nil, false, 0},
	} {
		s := startTimes{before: c.before, after: c.after, least: slowerSeconds}
		if s.slower() != c.slower {
			t.Errorf("%s: %t, want %t", c.name, !c.slower, c.slower)
		}
		if c.slower && (s.paysOff(c.least-100_000) || !s.paysOff(c.least+100_000)) {
			t.Errorf("%s: what it is worth is not %d", c.name, c.least)
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
			out := make([]float64, blockRuns*blocks)
			for i := range out {
				out[i] = 1 + width*rng.Float64()
			}
			return out
		}
		cried := 0
		for range pairs {
			s := startTimes{before: sample(), after: sample(), least: slowerSeconds}
			if !s.slower() {
				continue
			}
			cried++
			if (&startTimes{before: s.after, after: s.before, least: slowerSeconds}).slower() {
				t.Fatalf("each is slower than the other: %.2f, %.2f", s.before, s.after)
			}
		}
		if cried*20 > pairs {
			t.Errorf("width %.1f: %d of %d were called slower", width, cried, pairs)
		}
		t.Logf("width %.1f: %d of %d", width, cried, pairs)
	}
}

// TestSlowFix: of three clean-ups, one makes the start slower. It is found and
// reverted where it saves less than that costs; where it saves more, or only
// the size counts, it stays, and is said to be slower.
func TestSlowFix(t *testing.T) {
	for _, c := range []struct {
		name, objective string
		after           float64 // seconds without opt/b, 2.3 with it
		reason          string  // why the clean-up of opt/b is reverted
	}{
		{"for little", "", 3.6, "Dockerfile: not worth it: start-up of works 2.3 → 3.6 s for 9.0 MB"},
		{"for enough", "", 2.9, ""},
		{"where only the size counts", ObjectiveSize, 3.6, ""},
		{"hardly slower", "", 2.4, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := &toyEngine{fakeEngine: fakeEngine{t: t}, runs: func(string) bool { return true }}
			e.seconds = func(text string) float64 {
				if strings.Contains(text, "RUN mk opt/b 9000000\n") {
					return 2.3
				}
				return c.after
			}
			dir := toyProject(t, map[string]string{"Dockerfile": strings.ReplaceAll(toyDockerfile, "opt/b 700000", "opt/b 9000000")})
			r, err := Fix(t.Context(), toyEnv(e), FixOptions{StudyOptions: StudyOptions{Dir: dir, Objective: c.objective}, Verify: true})
			if err != nil {
				t.Fatal(err)
			}
			applied, reason := 0, ""
			for _, s := range r.Steps {
				if s.Status == whittle.Applied {
					applied++
				} else {
					reason = s.Reason
				}
			}
			if want := map[bool]int{true: 3, false: 2}[c.reason == ""]; applied != want || !strings.HasPrefix(reason, c.reason) || c.reason == "" && reason != "" {
				t.Errorf("%d applied, %q, want %q", applied, reason, c.reason)
			}
			var want []whittle.SlowerStart
			if c.reason == "" && c.after > 2.5 {
				want = []whittle.SlowerStart{{Start: "works", Before: 2.3, After: c.after}}
			}
			if diff := cmp.Diff(want, r.Verified.Variants[0].Slower); diff != "" {
				t.Errorf("slower (-want +got):\n%s", diff)
			}
		})
	}
}
