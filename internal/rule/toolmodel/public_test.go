package toolmodel

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"whittle.dev/whittle"
)

// tally counts what came of many Dockerfiles.
type tally struct {
	files, unread, unbuilt      int
	found, tried, broken, risky map[string]int
	why                         map[string]int
}

func newTally() *tally {
	return &tally{found: map[string]int{}, tried: map[string]int{}, broken: map[string]int{}, risky: map[string]int{}, why: map[string]int{}}
}

// one tries a Dockerfile and all its fixes.
func (y *tally) one(t testing.TB, name string, src []byte) []whittle.Finding {
	y.files++
	tr := try(src, standardContext())
	if tr.before.err != nil {
		y.unbuilt++
		reason := strings.SplitN(tr.before.err.Error(), ":", 2)[0]
		y.why[reason]++
		if testing.Verbose() && os.Getenv("WHITTLE_WHY") != "" {
			t.Logf("%s: line %d: %v: %s", name, tr.before.line, tr.before.err, lastLine(tr.before.stderr))
		}
		return nil
	}
	verdicts, found, err := tr.judge(t)
	if err != nil {
		y.unread++
		y.why[strings.SplitN(err.Error(), ":", 2)[0]]++
		return nil
	}
	seen := map[string]bool{}
	for i := range found {
		if !seen[found[i].Rule] {
			seen[found[i].Rule] = true
			y.found[found[i].Rule]++
		}
	}
	for i := range verdicts {
		v := &verdicts[i]
		y.tried[v.rule]++
		if len(v.broken) == 0 {
			continue
		}
		if !v.risk.AtMost(whittle.RiskLow) {
			y.risky[v.rule]++
			if os.Getenv("WHITTLE_RISKY") == "" {
				continue
			}
		} else {
			y.broken[v.rule]++
		}
		t.Errorf("%s: %s (%s) %s: %s\n%s", name, v.rule, v.risk, v.title, strings.Join(v.broken[:min(5, len(v.broken))], "; "), diffLines(string(tr.src), string(v.fixed)))
	}
	return found
}

// diffLines are the lines that only one text has.
func diffLines(old, now string) string {
	var out []string
	have, had := map[string]bool{}, map[string]bool{}
	for l := range strings.Lines(now) {
		have[l] = true
	}
	for l := range strings.Lines(old) {
		if had[l] = true; !have[l] {
			out = append(out, "-"+strings.TrimRight(l, "\n"))
		}
	}
	for l := range strings.Lines(now) {
		if !had[l] {
			out = append(out, "+"+strings.TrimRight(l, "\n"))
		}
	}
	return strings.Join(out, "\n")
}

// TestPublic tries the Dockerfiles that scripts/dockerfiles has gathered.
func TestPublic(t *testing.T) {
	dir := os.Getenv("WHITTLE_DOCKERFILES")
	if dir == "" {
		t.Skip("scripts/dockerfiles gathers public Dockerfiles, and sets WHITTLE_DOCKERFILES")
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	y := newTally()
	var rows strings.Builder // what hadolint's findings are compared with
	for _, e := range entries {
		src, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil || strings.Contains(e.Name(), os.Getenv("WHITTLE_TEST_ONLY")) == false {
			continue
		}
		start := time.Now()
		for _, f := range y.one(t, e.Name(), src) {
			fmt.Fprintf(&rows, "%s\t%s\t%t\n", e.Name(), f.Rule, f.Fix != nil)
		}
		if d := time.Since(start); d > 5*time.Second {
			t.Logf("%s took %v", e.Name(), d)
		}
	}
	if out := os.Getenv("WHITTLE_FINDINGS"); out != "" {
		if err := os.WriteFile(out, []byte(rows.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d files; the model cannot build %d and cannot read %d: %v", y.files, y.unbuilt, y.unread, y.why)
	for _, rule := range slices.Sorted(maps.Keys(y.found)) {
		t.Logf("| %s | %d | %d | %d | %d |", rule, y.found[rule], y.tried[rule], y.broken[rule], y.risky[rule])
	}
	t.Logf("| together | | %d | %d | |", y.tried["together"], y.broken["together"])
}
