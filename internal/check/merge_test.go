package check_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
)

// TestOneCause: what is missing in several places is one problem with all of
// them; what differs in severity or in the name that is missing is not.
func TestOneCause(t *testing.T) {
	files := map[string]string{
		"app/main.py":   "import rich.table\nimport a, b\nfrom a import gone\ndef f():\n    import rich\n",
		"app/a.py":      "from rich import print\nimport yaml\n",
		"app/b.py":      "import rich.console\nfrom a import gone, away\n",
		"app/unused.py": "import rich\n",
	}
	c := run(t, files, whittle.Process{Cmd: []string{"/usr/local/bin/python3.13", "main.py"}, WorkingDir: "/app"})
	var got []string
	for _, p := range c.Problems {
		line := fmt.Sprintf("%s %s %s%s %s:%d", p.Severity, p.Rule, p.Module, p.Name, p.Path, p.Line)
		for _, at := range p.Places {
			line += fmt.Sprintf(" %s:%d", at.Path, at.Line)
		}
		got = append(got, line)
	}
	want := []string{
		"error missing-module yaml a.py:2",
		"error missing-name aaway b.py:2",
		"error missing-module rich main.py:1 a.py:1 b.py:1",
		"error missing-name agone main.py:3 b.py:2",
		"warning lazy-import rich main.py:5",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
