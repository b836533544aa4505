package lab

import (
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"whittle.dev/whittle"
)

// TestSlowStart: removing bytecode that each start needs is reverted, by what
// was measured; where only the size counts it stays, and is said.
func TestSlowStart(t *testing.T) {
	h := gatedHealth(t)
	archive, err := txtar.ParseFile("testdata/slowstart.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, objective := range []string{ObjectiveBoth, ObjectiveSize} {
		t.Run(objective, func(t *testing.T) {
			dir := t.TempDir()
			writeProject(t, h, archive, dir)
			o := StudyOptions{Dir: dir, Offline: true, Objective: objective}
			r, err := Fix(t.Context(), savingEnv(h), FixOptions{StudyOptions: o, Verify: true, Rules: []string{"python-bytecode"}})
			if err != nil {
				t.Fatal(err)
			}
			status := map[whittle.FixStatus]string{}
			for _, s := range r.Steps {
				t.Logf("%q %s: %s", s.Finding.Advice, s.Status, s.Reason)
				status[s.Status] = s.Reason
			}
			after := r.Verified.Variants[0]
			t.Logf("%+v", after.Slower)
			switch reason, taken := status[whittle.Reverted]; {
			case objective == ObjectiveSize && (taken || len(after.Slower) == 0):
				t.Errorf("reverted %t, slower %v", taken, after.Slower)
			case objective == ObjectiveBoth && (!strings.Contains(reason, " and makes starts slower: start-up of start ") || len(after.Slower) > 0):
				t.Errorf("%q, slower %v", reason, after.Slower)
			}
		})
	}
}
