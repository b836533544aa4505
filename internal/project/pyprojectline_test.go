package project

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLinesOfTable: errors about [tool.whittle] name the line that is wrong.
func TestLinesOfTable(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"a key":              {"[project]\nname = \"x\"\n\n[tool.whittle]\nvarients = []\n", ":5: unknown key \"varients\""},
		"a key of a table":   {"[tool.whittle.gate]\ncheck = \"off\"\nbudget = []\n", ":3: "},
		"a value":            {"[tool.other]\n[tool.whittle.gate]\ncheck = \"on\"\n", ":3: gate.check is"},
		"a table of a list":  {"[[tool.whittle.gate.budgets]]\non = \"size\"\nmax = 1\n[[tool.whittle.gate.budgets]]\non = \"sise\"\nmax = 1\n", ":4: gate.budgets[1]: on is \"sise\""},
		"an entry of a list": {"[tool.whittle.gate]\nbudgets = [\n  {on = \"size\", max = 1},\n  {on = \"sise\", max = 1},\n]\n", ":4: gate.budgets[1]"},
		"a list in one line": {"[tool.whittle]\nignore = [{rule = \"a\", reason = \"b\"}, {rule = \"a\"}]\n", ":2: ignore[1]: ignoring a has no reason"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "pyproject.toml"), []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		_, _, err := LoadGate(dir, "")
		if err == nil || !strings.Contains(err.Error(), "pyproject.toml"+c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}
