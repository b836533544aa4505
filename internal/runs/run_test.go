package runs

import (
	"slices"
	"testing"

	"whittle.dev/whittle"
)

// TestCompareRun: JSON says beside the verdict of the files how the run
// contradicts it, and where it does not, nothing; the check's verdict is fails
// where either says so.
func TestCompareRun(t *testing.T) {
	for _, c := range []struct {
		files, run          whittle.Verdict
		needs, disagreement string
		verdict             whittle.Verdict
	}{
		{whittle.Runs, whittle.Runs, "", "", whittle.Runs},
		{whittle.Runs, whittle.Fails, "", "CMD: the files show nothing that is missing, yet it fails: exit code 1", whittle.Fails},
		{whittle.Runs, whittle.Unknown, "postgres", "", whittle.Unknown},
		{whittle.Fails, whittle.Runs, "", "CMD: it should fail by its files, yet app serve ended well", whittle.Fails},
		{whittle.Fails, whittle.Fails, "", "", whittle.Fails},
		{whittle.Unknown, whittle.Runs, "", "", whittle.Runs},
		{whittle.Unknown, whittle.Fails, "", "", whittle.Fails},
	} {
		check := &whittle.Check{Verdict: c.files, Starts: []whittle.Start{{Kind: whittle.StartEntry, Name: "CMD", Verdict: c.files, Disagreement: "of before",
			Run: &whittle.CommandRun{Command: []string{"app", "serve"}, Status: c.run, Needs: c.needs}}}}
		if c.run == whittle.Fails {
			check.Starts[0].Run.Problem = "exit code 1"
		}
		Compare(check, &check.Starts[0], whittle.Problem{})
		Decide(check)
		got := check.Starts[0]
		if got.Disagreement != c.disagreement || got.Verdict != c.files || check.Verdict != c.verdict {
			t.Errorf("files %s, run %s: %q, the start's verdict %s, the check's %s", c.files, c.run, got.Disagreement, got.Verdict, check.Verdict)
		}
		if want := slices.DeleteFunc([]string{c.disagreement}, func(s string) bool { return s == "" }); !slices.Equal(check.Disagreements, want) {
			t.Errorf("files %s, run %s: %q, want %q", c.files, c.run, check.Disagreements, want)
		}
	}
}
