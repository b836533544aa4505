package lab

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/imagetest"
)

// TestSlowFix: of three clean-ups, one makes the start slower. It is found and
// reverted, whatever it saves; where only the size counts it stays, and is said to be
// slower.
func TestSlowFix(t *testing.T) {
	for _, c := range []struct {
		name, objective string
		after           float64 // seconds without opt/b, 2.3 with it
		reason          string  // why the clean-up of opt/b is reverted
	}{
		{"much slower", "", 3.6, "Dockerfile: it saves 9.0 MB and makes starts slower: start-up of works 2.3 → 3.6 s (+57 %); --objective size keeps it"},
		{"a quarter slower", ObjectiveBoth, 2.9, "Dockerfile: it saves 9.0 MB and makes starts slower: start-up of works 2.3 → 2.9 s (+26 %); --objective size keeps it"},
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
			if c.reason == "" && c.after > 2.6 {
				want = []whittle.SlowerStart{{Start: "works", Before: 2.3, After: c.after}}
			}
			if diff := cmp.Diff(want, r.Verified.Variants[0].Slower); diff != "" {
				t.Errorf("slower (-want +got):\n%s", diff)
			}
		})
	}
}

// TestBytecodeAsked: where nothing is measured, what every start would compile again is
// left out only by request, in fixes and in forecasts.
func TestBytecodeAsked(t *testing.T) {
	made := func(t *testing.T) (*host.Env, StudyOptions) {
		e, env := newStaged(t, 90_000_000)
		e.bytecode = 12_000_000
		return env, StudyOptions{Dir: stagedProject(t)}
	}
	for _, c := range []struct {
		name, objective string
		rules           []string
		want            bool
	}{
		{"by default", "", nil, false},
		{"for both", ObjectiveBoth, nil, false},
		{"for the size", ObjectiveSize, nil, true},
		{"by name", ObjectiveBoth, []string{"python-bytecode"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			env, o := made(t)
			o.Objective = c.objective
			r, err := Fix(t.Context(), env, FixOptions{StudyOptions: o, Rules: c.rules})
			imagetest.Must(t, err)
			holdSchema(t, r)
			var step *whittle.RepairStep
			for i := range r.Steps {
				if r.Steps[i].Finding.Rule == "python-bytecode" {
					step = &r.Steps[i]
				}
			}
			if step == nil {
				t.Fatalf("no python-bytecode: %+v", r.Steps)
			}
			changed := slices.ContainsFunc(r.Files, func(f whittle.FileChange) bool { return strings.Contains(f.Diff, "--no-compile") })
			if (step.Status == whittle.Applied) != c.want || changed != c.want {
				t.Errorf("%s: %s, changed %t", step.Status, step.Reason, changed)
			}
			for _, part := range []string{"each start compiles again", "--verify tries it", "--objective size or --only python-bytecode makes it"} {
				if !c.want && !strings.Contains(step.Reason, part) {
					t.Errorf("%q has no %q", step.Reason, part)
				}
			}
			if len(c.rules) > 0 {
				return
			}
			forecasts, err := Forecast(t.Context(), env, ForecastOptions{StudyOptions: o})
			imagetest.Must(t, err)
			for _, f := range forecasts.Forecasts {
				if f.Dockerfile != "" && strings.Contains(f.Dockerfile, "--no-compile") != c.want {
					t.Errorf("%s:\n%s", f.Strategy, f.Dockerfile)
				}
			}
		})
	}
	t.Run("advise", func(t *testing.T) {
		env, o := made(t)
		advice, err := AdviseProject(t.Context(), env, o, nil)
		imagetest.Must(t, err)
		i := slices.IndexFunc(advice[0].Findings, func(f whittle.Finding) bool { return f.Rule == "python-bytecode" })
		if i < 0 || advice[0].Findings[i].Fix == nil || advice[0].Findings[i].Saving.High < 12_000_000 || advice[0].Findings[i].Safe() || advice[0].Fixable.High >= 12_000_000 {
			t.Errorf("%+v, fixable %+v", advice[0].Findings, advice[0].Fixable)
		}
	})
}

// TestUntimed: where no start runs, nobody knows what leaving out bytecode costs.
func TestUntimed(t *testing.T) {
	e, env := newStaged(t, 90_000_000)
	e.bytecode = 12_000_000
	e.runs = func(string) bool { return false }
	r, err := Fix(t.Context(), env, FixOptions{StudyOptions: StudyOptions{Dir: stagedProject(t)}, Verify: true})
	imagetest.Must(t, err)
	for _, s := range r.Steps {
		if s.Finding.Rule == "python-bytecode" && (s.Status != whittle.FixSkipped || !strings.Contains(s.Reason, "no start runs whose time shows what that costs")) {
			t.Errorf("%s: %s", s.Status, s.Reason)
		}
	}
	if len(r.Steps) == 0 {
		t.Error("nothing was found")
	}
}

// TestSlowStrategy: a strategy that makes the start slower is reverted, and is not the
// best, unless only the size counts.
func TestSlowStrategy(t *testing.T) {
	for _, objective := range []string{ObjectiveBoth, ObjectiveSize} { // with ready, the speed of the machine counts
		e, env := newStaged(t, 90_000_000)
		e.toyEngine.seconds = func(text string) float64 {
			if strings.Contains(text, "AS builder") || strings.Contains(text, "purge") {
				return 3
			}
			return 2
		}
		o := StudyOptions{Dir: stagedProject(t), Objective: objective, Quick: true}
		r, err := Fix(t.Context(), env, FixOptions{StudyOptions: o, Strategy: "two-stage", Verify: true})
		imagetest.Must(t, err)
		kept := objective == ObjectiveSize
		if s := r.Steps[0]; s.Strategy != "two-stage" || (s.Status == whittle.Applied) != kept || !kept && !strings.HasSuffix(s.Reason, "start-up of works 2.0 → 3.0 s (+50 %); --objective size keeps it") {
			t.Errorf("%s: %s: %s", objective, s.Status, s.Reason)
		}
		o.Fix = true
		s, err := Study(t.Context(), env, o)
		imagetest.Must(t, err)
		for _, f := range s.Forecasts {
			noted := slices.ContainsFunc(f.Notes, func(n string) bool { return strings.Contains(n, "it makes starts slower: ") })
			if f.Strategy == "two-stage" && noted == kept {
				t.Errorf("%s: %+v", objective, f.Notes)
			}
		}
		if s.Best == nil || (s.Best.Sizes.Size < 50_000_000) != kept {
			t.Errorf("%s: the best is %+v", objective, s.Best)
		}
	}
}

// TestSuspectsLast: fixes that are known to make starts slower are tried after all others,
// and those that are not stay together.
func TestSuspectsLast(t *testing.T) {
	make := func(slow ...bool) (out []*candidate) {
		for _, s := range slow {
			out = append(out, &candidate{finding: whittle.Finding{SlowsStart: s}})
		}
		return out
	}
	for _, c := range []struct {
		all         []*candidate
		first, rest int
	}{
		{make(false, true, false, false), 3, 1},
		{make(true, false), 1, 1},
		{make(true, true, true), 1, 2},
		{make(false, false, false, false), 2, 2},
	} {
		first, rest := halves(c.all)
		if len(first) != c.first || len(rest) != c.rest || c.first == 3 && !rest[0].slowsStart() {
			t.Errorf("%d and %d, want %d and %d", len(first), len(rest), c.first, c.rest)
		}
	}
}
