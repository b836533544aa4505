package lab

import (
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"whittle.dev/whittle"
)

// TestOwnStarts: what only the image's own start reaches, by a name that no
// file shows, stays, as the start is run before and after. Where it was not
// run, or fails, nothing is said to run.
func TestOwnStarts(t *testing.T) {
	h := gatedHealth(t)
	for _, c := range []struct {
		name, end string
		verdict   whittle.Verdict
		start     string
	}{
		{"a server", `CMD ["python", "start.py"]`, whittle.Runs, "CMD: it answered on port 8000 with 200; imported"},
		{"one that wants an environment", `ENTRYPOINT ["python", "start.py", "DATABASE_URL"]`, whittle.Unknown, "ENTRYPOINT: needs the environment variable DATABASE_URL"},
		{"no start of its own", `CMD ["python3"]`, whittle.Unknown, "no start of its own"},
	} {
		t.Run(c.name, func(t *testing.T) {
			archive, err := txtar.ParseFile("testdata/ownstart.txtar")
			if err != nil {
				t.Fatal(err)
			}
			for i := range archive.Files {
				archive.Files[i].Data = []byte(strings.ReplaceAll(string(archive.Files[i].Data), "END", c.end))
			}
			dir := t.TempDir()
			writeProject(t, h, archive, dir)
			r, err := Fix(t.Context(), savingEnv(h), FixOptions{StudyOptions: StudyOptions{Dir: dir, Offline: true, Risk: whittle.RiskHigh}, Verify: true, Rules: []string{"unused-dependency"}})
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range r.Steps {
				t.Logf("%s %s %s: %s", s.Finding.Rule, s.Finding.Risk, s.Status, s.Reason)
				if s.Status == whittle.Applied && strings.Contains(s.Finding.Advice, "toolserve") {
					t.Errorf("the server was removed: %s", s.Finding.Advice)
				}
				if s.Status == whittle.Applied && s.Finding.Risk != whittle.RiskLow {
					t.Errorf("%s was made without a start that runs", s.Finding.Fix.Title)
				}
			}
			after := r.Verified.Variants[0].After
			if after.Verdict != c.verdict || !strings.Contains(after.Start, c.start) {
				t.Errorf("%+v", after)
			}
		})
	}
}
