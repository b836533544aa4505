package lab

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
)

// TestRequests: a start with a health check is asked for the paths that the
// project names, too. The trace of that run says what it touches, and nothing of that is
// proposed to go. By a trace that did not see it, a fix after which one path is not
// answered as before is taken back, and one that failed before says nothing.
func TestRequests(t *testing.T) {
	h := gatedHealth(t)
	for name, trace := range map[string]*whittle.Trace{"traced": nil, "a trace that saw nothing": {}} {
		t.Run(name, func(t *testing.T) {
			dir := laidOut(t, h, "testdata/requests.txtar")
			r, err := Fix(t.Context(), savingEnv(h), FixOptions{StudyOptions: StudyOptions{Dir: dir, Offline: true, Risk: whittle.RiskHigh, Trace: trace}, Verify: true, Rules: []string{"python-tests"}})
			if err != nil {
				t.Fatal(err)
			}
			reverted := false
			for _, s := range r.Steps {
				t.Logf("%s %q %s: %s", s.Finding.Rule, s.Finding.Advice, s.Status, s.Reason)
				reverted = reverted || s.Status == whittle.Reverted && strings.Contains(s.Reason, "GET /report is answered with 500 now, and was with 200")
			}
			want := []whittle.RequestRun{{Path: "/", Port: 8000, Answer: 200, Passed: true}, {Path: "/missing", Port: 8000, Answer: 404}, {Path: "/report", Port: 8000, Answer: 200, Passed: true}}
			after := r.Verified.Variants[0].After
			if diff := cmp.Diff(want, after.Requests); diff != "" || reverted != (trace != nil) || trace == nil && len(r.Steps) > 0 || after.Verdict != whittle.Runs {
				t.Errorf("reverted %t, %+v (-want +got):\n%s", reverted, after, diff)
			}
		})
	}
}
