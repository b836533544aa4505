package toolmodel

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFolder tries the Dockerfiles of a folder, and shows what it breaks, or with
// WHITTLE_DIFFS all that it changes.
func TestFolder(t *testing.T) {
	dir := os.Getenv("WHITTLE_MODEL")
	if dir == "" {
		t.Skip("WHITTLE_MODEL names no folder")
	}
	names, _ := filepath.Glob(dir)
	for _, name := range names {
		src, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		tr := try(src, standardContext())
		if tr.before.err != nil {
			t.Logf("%s: line %d: %v: %s (wants %q)", filepath.Base(name), tr.before.line, tr.before.err, lastLine(tr.before.stderr), tr.before.wants)
			continue
		}
		verdicts, found, err := tr.judge(t)
		if err != nil {
			t.Logf("%s: %v", filepath.Base(name), err)
			continue
		}
		var rules []string
		for _, f := range found {
			mark := f.Rule
			if f.Fix != nil {
				mark += "+"
			}
			rules = append(rules, mark)
		}
		t.Logf("%s: %s", filepath.Base(name), strings.Join(rules, " "))
		for _, v := range verdicts {
			switch {
			case len(v.broken) == 0 && os.Getenv("WHITTLE_DIFFS") != "":
				t.Logf("  %s (%s) %s\n%s", v.rule, v.risk, v.title, diffLines(string(src), string(v.fixed)))
			case len(v.broken) > 0:
				t.Logf("  BROKEN %s (%s) %s: %s\n%s", v.rule, v.risk, v.title, strings.Join(v.broken[:min(6, len(v.broken))], "; "), v.fixed)
			}
		}
	}
}
