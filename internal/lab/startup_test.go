package lab

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/runs"
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

// TestSuspectsLast: a fix that is known to make starts slower is tried when all others
// were, and is taken back alone: it runs once for the verdict, and then in each turn that is timed.
func TestSuspectsLast(t *testing.T) {
	e, env := newStaged(t, 90_000_000)
	e.bytecode = 12_000_000
	var built []bool // whether what runs has no bytecode, in turn
	e.seconds = func(text string) float64 {
		without := strings.Contains(text, "--no-compile")
		if n := len(built); n == 0 || built[n-1] != without {
			built = append(built, without)
		}
		if without {
			return 3.6
		}
		return 2.3
	}
	dir := stagedProject(t)
	text := strings.Replace(onDisk(t, dir), "CMD", "RUN cp /usr/lib/libc.so.6 /opt/big\nRUN rm -rf /opt/big\nCMD", 1)
	imagetest.Must(t, whittle.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(text)))
	r, err := Fix(t.Context(), env, FixOptions{StudyOptions: StudyOptions{Dir: dir}, Verify: true})
	imagetest.Must(t, err)
	status := map[string]whittle.FixStatus{}
	for _, s := range r.Steps {
		status[s.Finding.Rule] = s.Status
	}
	if status["python-bytecode"] != whittle.Reverted || status["cleanup-in-later-layer"] != whittle.Applied {
		t.Errorf("%v", status)
	}
	slow := len(slices.DeleteFunc(slices.Clone(built), func(without bool) bool { return !without }))
	if built[0] || slow != 1+runs.Blocks || r.Verified.Variants[0].After.Sizes.Size >= r.Verified.Variants[0].Before.Sizes.Size {
		t.Errorf("built without bytecode: %v, want %d times; %+v", built, 1+runs.Blocks, r.Verified.Variants)
	}
}
