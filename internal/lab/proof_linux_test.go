package lab

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/bench"
)

// TestProof holds the report of `whittle lab --fix examples/inventory` to what
// the README says of it. $WHITTLE_PROOF is its report.json (make proof makes
// it).
func TestProof(t *testing.T) {
	file := os.Getenv("WHITTLE_PROOF")
	if file == "" {
		t.Skip("set WHITTLE_PROOF to the report.json of a study with --fix (make proof)")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var s whittle.Study
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	if s.Repair == nil || s.Repair.Verified == nil || s.Best == nil {
		t.Fatal("the study ended without a proof")
	}
	t.Run("the seed's actions", func(t *testing.T) { holdActions(t, &s) })
	t.Run("variants", func(t *testing.T) { holdVariants(t, &s) })
	t.Run("the best", func(t *testing.T) { holdBest(t, &s) })
	t.Run("builds", func(t *testing.T) { holdBuilds(t, &s) })
	t.Run("forecasts", func(t *testing.T) { holdForecasts(t, &s) })
	t.Run("time to ready", func(t *testing.T) { holdReady(t, &s) })
}

// holdReady: of every image that runs after the fixes it is known how long it takes until
// it is ready, and it is fetched sooner than before at each bandwidth; the start of the
// best one was run five times, with the page cache and without.
func holdReady(t *testing.T, s *whittle.Study) {
	if best := s.Best.Outcome.Ready; best == nil || best.Start == nil || best.Start.Runs < bench.Startups || best.Start.Cold == nil {
		t.Errorf("the best: %+v", best)
	}
	for _, v := range s.Repair.Verified.Variants {
		was, is := v.Before.Ready, v.After.Ready
		if v.After.Verdict != whittle.Runs {
			continue
		}
		if was == nil || is == nil || is.Start == nil || is.Start.CPU == nil || len(is.Totals) != len(whittle.Bandwidths()) {
			t.Errorf("%s: %+v", v.Name, is)
			continue
		}
		for i, total := range is.Totals {
			if len(was.Totals) != len(is.Totals) || total.Download >= was.Totals[i].Download {
				t.Errorf("%s: downloaded in %.1f s at %s, before in %.1f s", v.Name, total.Download, total.Bandwidth, was.Totals[i].Download)
			}
		}
	}
}

// holdActions: rich is declared, the optimized image gets its source, and its
// clean-up stands where it counts. Only what made a start slower was reverted.
func holdActions(t *testing.T, s *whittle.Study) {
	for _, want := range []string{"undeclared-dependency", "missing-source", "cleanup-in-later-layer", "metadata-copy"} {
		ok := slices.ContainsFunc(s.Repair.Steps, func(step whittle.RepairStep) bool {
			return step.Finding.Rule == want && step.Status == whittle.Applied
		})
		if !ok {
			t.Errorf("no fix of %s was applied", want)
		}
	}
	for _, step := range s.Repair.Steps {
		slower := step.Finding.SlowsStart && slices.ContainsFunc(step.StartUp, func(s whittle.SlowerStart) bool {
			if s.CPUBefore != nil && s.CPUAfter != nil {
				return *s.CPUAfter > *s.CPUBefore
			}
			return s.After > s.Before
		})
		if step.Status == whittle.Reverted && !slower {
			t.Errorf("%s was reverted: %s", step.Finding.Rule, step.Reason)
		}
	}
}

// holdVariants: every image that builds runs afterwards, with its commands,
// its health check and its tests, and saves what was predicted.
func holdVariants(t *testing.T, s *whittle.Study) {
	var original, optimized whittle.VerifiedVariant
	for _, v := range s.Repair.Verified.Variants {
		if v.After.Build != whittle.Built {
			if v.Name != "alpine" { // it has no base without a registry
				t.Errorf("%s does not build: %s", v.Name, v.After.Problem)
			}
			continue
		}
		if v.After.Verdict != whittle.Runs || v.After.Passed != v.After.Commands || v.After.Commands < 4 {
			t.Errorf("%s: %+v", v.Name, v.After)
		}
		switch v.Name {
		case "original":
			original = v
		case "optimized":
			optimized = v
		}
	}
	if optimized.After.Sizes.Size == 0 || optimized.After.Sizes.Size >= original.Before.Sizes.Size {
		t.Errorf("optimized has %d bytes, the original %d", optimized.After.Sizes.Size, original.Before.Sizes.Size)
	}
	for _, r := range s.Repair.Verified.Rounds {
		if r.Saved <= 0 {
			continue // what makes an image run makes it larger
		}
		// A fix that removes a package and one that adds one meet at what both
		// need: 5 % is for that.
		low, high := float64(r.Predicted.Low)*0.95, float64(r.Predicted.High)*1.05
		if saved := float64(r.Saved); saved < low || saved > high {
			t.Errorf("round %d of %s (%v): predicted %d to %d, saved %d", r.Round, r.Variant, r.Rules, r.Predicted.Low, r.Predicted.High, r.Saved)
		}
	}
}

// holdBuilds: variants and strategies are built side by side. There were 12 builds, each of
// one image, of two variants when each was built by itself.
func holdBuilds(t *testing.T, s *whittle.Study) {
	v := s.Repair.Verified
	t.Logf("%d builds of %d images", v.Builds, v.Images)
	if v.Builds == 0 || v.Builds > 6 || v.Images < v.Builds {
		t.Errorf("%d builds of %d images", v.Builds, v.Images)
	}
}

func holdBest(t *testing.T, s *whittle.Study) {
	b := s.Best
	if b.Outcome.Verdict != whittle.Runs || b.Outcome.Passed != b.Outcome.Commands {
		t.Errorf("the best image does not run: %+v", b.Outcome)
	}
	if b.Percent > 60 || b.Dockerfile == "" || b.Diff == "" {
		t.Errorf("%s has %.1f %% of the original's size", b.Variant, b.Percent)
	}
}

// holdForecasts: strategies that were built are as large as was predicted, to 1
// % where all parts were measured, to 5 % where an index says how large
// packages are.
func holdForecasts(t *testing.T, s *whittle.Study) {
	built := 0
	for _, f := range s.Forecasts {
		if f.Actual == nil {
			continue
		}
		built++
		allowed := 0.01
		if f.Strategy == fixedStrategy {
			allowed = 0.05 // packages come and go
		}
		for _, p := range f.Parts {
			if p.Low != p.High && p.High > f.Predicted/20 {
				allowed = 0.05
			}
		}
		off := float64(f.Predicted-*f.Actual) / float64(*f.Actual)
		t.Logf("%s: predicted %d, built %d: %+.3f %%", f.Strategy, f.Predicted, *f.Actual, 100*off)
		if off < -allowed || off > allowed {
			t.Errorf("%s is %+.2f %% off", f.Strategy, 100*off)
		}
	}
	if built < 4 {
		t.Errorf("%d strategies were built", built)
	}
}
