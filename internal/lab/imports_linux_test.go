package lab

import (
	"strings"
	"testing"

	"whittle.dev/whittle"
)

// TestImports: what a start's processes import is seen, in forked workers, in a
// venv and as a user who may write nothing; what they import stays though
// nothing fails without it, and what nothing imports goes.
func TestImports(t *testing.T) {
	h := gatedHealth(t)
	dir := laidOut(t, h, "testdata/imports.txtar")
	r, err := Fix(t.Context(), savingEnv(h), FixOptions{StudyOptions: StudyOptions{Dir: dir, Offline: true, Risk: whittle.RiskHigh}, Verify: true, Rules: []string{"unused-dependency"}})
	if err != nil {
		t.Fatal(err)
	}
	gone := false
	for _, s := range r.Steps {
		t.Logf("%s %q (%s) %s: %s; %s", s.Finding.Rule, s.Finding.Advice, s.Finding.Risk, s.Status, s.Reason, s.Support)
		if strings.Contains(s.Finding.Advice, "quickjson") && (s.Status != whittle.FixSkipped || s.Reason != "CMD imports quickjson") {
			t.Errorf("quickjson is %s (%s), and a run imports it", s.Status, s.Reason)
		}
		gone = gone || s.Status == whittle.Applied && strings.Contains(s.Finding.Advice, "deadweight") &&
			s.Support == "no run imported what it removes, and none touched a file of it"
	}
	after := r.Verified.Variants[0].After
	if !gone || after.Verdict != whittle.Runs || !strings.Contains(after.Start, "modules, of 1 distribution") {
		t.Errorf("deadweight gone %t, %+v", gone, after)
	}
}
