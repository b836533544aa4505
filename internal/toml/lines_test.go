package toml

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestLines: the lines of keys in tables, dotted keys, inline tables, arrays over several
// lines and arrays of tables.
func TestLines(t *testing.T) {
	src := "\xef\xbb\xbf# a file\n[project]\nname = \"x\"\n\n[tool.whittle]\nproject = \"shop\"\n\"touch\" = \"a\"\ngate.check = \"off\"\ngate.budgets = [\n  {on = \"size\", max = 1}, # first\n  # between\n" +
		"  {on = \"x\"},\n]\n[tool.other]\nproject = 1\n[[tool.whittle.ignore]]\nrule = \"a\"\n[[tool.whittle.ignore]]\nrule = \"b\"\npath = \"\"\n[tool.whittle.check.names]\ncv2 = \"y\"\n"
	want := map[string]int{"project": 6, "touch": 7, "gate": 8, "gate.check": 8, "gate.budgets": 9, "gate.budgets.0": 10, "gate.budgets.1": 12, "gate.budgets.0.on": 10, "gate.budgets.0.max": 10, "gate.budgets.1.on": 12,
		"ignore": 16, "ignore.0": 16, "ignore.0.rule": 17, "ignore.1": 18, "ignore.1.rule": 19, "ignore.1.path": 20, "check": 21, "check.names": 21, "check.names.cv2": 22}
	if diff := cmp.Diff(want, Lines([]byte(src), "tool", "whittle")); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"[", "a = ", "a = [1, {", "\x00", "[[a]]\n[[a"} {
		Lines([]byte(bad), "a") // and does not panic
	}
}
