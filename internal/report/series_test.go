package report

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

// TestSeriesApplies: git am makes of the patches the commits that they are of: with
// files in a folder, new ones, names that git quotes, and texts without a line end.
func TestSeriesApplies(t *testing.T) {
	dir, git := imagetest.GitRepository(t)
	odd := "b \"ä\".txt"
	for name, text := range map[string]string{"sub/Dockerfile": "FROM a\nRUN b", odd: "one\ntwo\n"} {
		imagetest.Must(t, os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), []byte(text), 0o644))
	}
	git("add", "-A")
	git("commit", "-qm", "y")
	change := func(name, diff string) whittle.FileChange {
		return whittle.FileChange{Path: name, Diff: "--- a/" + name + "\n+++ b/" + name + "\n" + diff}
	}
	added := whittle.FileChange{Path: ".dockerignore", Created: true, Diff: "--- /dev/null\n+++ b/.dockerignore\n@@ -0,0 +1 @@\n+.git\n"}
	below := &whittle.Repair{Series: &whittle.RepairSeries{Author: "Ada Ä <ada@example.org>", Date: "2026-03-04T05:06:07+01:00", Prefix: "sub/", Commits: []whittle.RepairCommit{
		{Subject: "Keep it small: ä, and [brackets]", Body: "Why.\n\nFrom here to there: 12:00\nSaves 3 MB.", Files: []whittle.FileChange{change("Dockerfile", "@@ -1,2 +1,2 @@\n FROM a\n-RUN b\n\\ No newline at end of file\n+RUN c\n\\ No newline at end of file\n"), added}},
	}}}
	top := &whittle.Repair{Series: &whittle.RepairSeries{Date: "2026-03-04T05:06:07Z", Commits: []whittle.RepairCommit{
		{Subject: "One", Files: []whittle.FileChange{change(odd, "@@ -1,2 +1,2 @@\n-one\n+1\n two\n")}},
		{Subject: "Two", Files: []whittle.FileChange{change(odd, "@@ -1,2 +1,2 @@\n 1\n-two\n+2\n")}},
	}}}
	for _, r := range []*whittle.Repair{below, top} {
		var mail bytes.Buffer
		imagetest.Must(t, RepairSeries(&mail, r))
		am := exec.Command("git", "-C", dir, "-c", "user.name=x", "-c", "user.email=x", "am", "-q")
		am.Stdin = &mail
		if out, err := am.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s\n%s", err, out, mail.String())
		}
	}
	out, err := exec.Command("git", "-C", dir, "-c", "core.quotePath=false", "log", "-3", "--name-only", "--format=%an|%aI|%B").Output()
	imagetest.Must(t, err)
	for _, want := range []string{"whittle|2026-03-04T05:06:07Z|Two", "Ada Ä|2026-03-04T05:06:07+01:00|Keep it small: ä, and [brackets]\n\nWhy.\n\n>From here to there: 12:00\nSaves 3 MB.\n\n\nsub/.dockerignore\nsub/Dockerfile"} {
		if !strings.Contains(strings.ReplaceAll(string(out), "+00:00", "Z"), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	for name, want := range map[string]string{"sub/Dockerfile": "FROM a\nRUN c", "sub/.dockerignore": ".git\n", odd: "1\n2\n"} {
		if text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name))); string(text) != want {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
}
