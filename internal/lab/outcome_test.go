package lab

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/runs"
)

// TestOutcome: "runs" is only what was seen, "unknown" what was not.
func TestOutcome(t *testing.T) {
	own := func(status whittle.Verdict) whittle.CommandRun {
		return whittle.CommandRun{Name: "CMD", Own: true, Status: status, Ready: "it ended with success", Problem: map[bool]string{true: "exit code 1"}[status == whittle.Fails]}
	}
	optional := whittle.CommandRun{Name: "tool", Optional: true, Command: []string{"tool", "--help"}, Status: whittle.Runs}
	for _, c := range []struct {
		name   string
		facts  whittle.RunFacts
		files  whittle.Verdict
		want   whittle.Verdict
		start  string
		passed int
	}{
		{"its start ran", whittle.RunFacts{Status: whittle.Runs, Commands: []whittle.CommandRun{own(whittle.Runs)}}, whittle.Unknown, whittle.Runs, "CMD: it ended with success", 1},
		{"its start needs a service", whittle.RunFacts{Status: whittle.Unknown, Commands: []whittle.CommandRun{{Name: "CMD", Own: true, Status: whittle.Unknown, Needs: "a database", Problem: "needs a database"}}}, whittle.Runs, whittle.Unknown, "CMD: needs a database", 0},
		{"its start failed", whittle.RunFacts{Status: whittle.Fails, Commands: []whittle.CommandRun{own(whittle.Fails), optional}}, whittle.Runs, whittle.Fails, "CMD: it ended with success", 1},
		{"only scripts were tried", whittle.RunFacts{Status: whittle.Unknown, Note: "not run", Commands: []whittle.CommandRun{optional}}, whittle.Runs, whittle.Unknown, "not run", 1},
		{"nothing was run", whittle.RunFacts{Status: whittle.Unknown, Note: "not run"}, whittle.Runs, whittle.Unknown, "not run", 0},
		{"its files say that it cannot", whittle.RunFacts{Status: whittle.Unknown, Note: "not run"}, whittle.Fails, whittle.Fails, "not run", 0},
	} {
		o := runs.Outcome(&whittle.Variant{Build: whittle.BuildFacts{Status: whittle.Built}, Run: c.facts, Check: &whittle.Check{Verdict: c.files}})
		if diff := cmp.Diff([]any{c.want, c.start, c.passed}, []any{o.Verdict, o.Start, o.Passed}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// TestUnproven: a fix of medium risk is tried only where a start was seen to
// run, and said to be skipped elsewhere; one of low risk is made.
func TestUnproven(t *testing.T) {
	for _, c := range []struct {
		name string
		yaml string
		fail bool
		want string
	}{
		{"a command that runs", "run: [{name: works, command: [works]}]\n", false, ""},
		{"a command that fails", "run: [{name: works, command: [works]}]\n", true, "that of original fails: works: exit code 1: it misses its file"},
		{"nothing to run", "project: app\n", false, "that of original was not run"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := &toyEngine{fakeEngine: fakeEngine{t: t}, runs: func(string) bool { return !c.fail }}
			risky := appending(toyDockerfile, "RUN rm -rf /opt/a", whittle.Problem{})
			risky.Breaks, risky.Risk, risky.Rule, risky.Problems = false, whittle.RiskMedium, "unused-dependency", nil
			p := toyProver(t, e, map[string]string{"Dockerfile": toyDockerfile, "whittle.yaml": c.yaml}, risky)
			if err := p.prove(t.Context()); err != nil {
				t.Fatal(err)
			}
			low := 0
			for _, s := range p.steps {
				switch {
				case s.Finding.Risk != whittle.RiskMedium && s.Status == whittle.Applied:
					low++
				case s.Finding.Risk == whittle.RiskMedium && ((s.Status == whittle.FixSkipped) != (c.want != "") || !strings.Contains(s.Reason, c.want)):
					t.Errorf("%s: %s", s.Status, s.Reason)
				}
			}
			if low != 3 {
				t.Errorf("%d fixes of a low risk were made", low)
			}
		})
	}
}
