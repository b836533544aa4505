package runs

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/project"
)

// TestSplitTests: each file is in just one part, and a part ignores the others.
func TestSplitTests(t *testing.T) {
	dir := t.TempDir()
	for _, f := range []string{"tests/test_a.py", "tests/unit/test_b.py", "tests/unit/c_test.py", "tests/conftest.py", "tests/data.csv", "tests/.whittle/test_no.py", "test_top.py"} {
		imagetest.Must(t, os.MkdirAll(filepath.Join(dir, filepath.Dir(f)), 0o700))
		imagetest.Must(t, os.WriteFile(filepath.Join(dir, f), nil, 0o600))
	}
	all := []string{"test_top.py", "tests/test_a.py", "tests/unit/c_test.py", "tests/unit/test_b.py"}
	skip := func(_ string, d os.DirEntry) bool { return d.Name() == ".whittle" }
	for name, c := range map[string]struct {
		copy    []string
		command string
		most    int
		parts   int
	}{
		"by file":           {[]string{"tests", "test_top.py"}, "python -m pytest -q", 8, 4},
		"fewer parts":       {[]string{"tests", "test_top.py"}, "pytest", 3, 3},
		"a folder is named": {[]string{"tests", "test_top.py"}, "uv run pytest -q tests", 2, 2},
		"one file":          {[]string{"test_top.py"}, "pytest", 8, 0},
		"files are named":   {[]string{"tests"}, "pytest tests/test_a.py", 8, 0},
		"a test is named":   {[]string{"tests"}, "pytest tests/test_a.py::test_one", 8, 0},
		"a shell's line":    {[]string{"tests"}, "sh -c pytest;true", 8, 0},
		"others":            {[]string{"tests"}, "python -m unittest", 8, 0},
		"what is not there": {[]string{"none"}, "pytest", 8, 0},
	} {
		t.Run(name, func(t *testing.T) {
			p := &project.Project{Dir: dir, Test: &project.Test{Copy: c.copy, Command: strings.Fields(c.command)}}
			parts := SplitTests(p, skip, c.most)
			if len(parts) != c.parts {
				t.Fatalf("%d parts: %+v", len(parts), parts)
			}
			times := map[string]int{}
			for _, part := range parts {
				if !slices.Equal(part.Args[:len(p.Test.Command)], p.Test.Command) {
					t.Errorf("%q", part.Args)
				}
				for _, f := range all {
					if !slices.Contains(part.Args, "--ignore="+f) {
						times[f]++
					}
				}
				if f, ok := strings.CutPrefix(part.Name, "tests: "); ok && slices.Contains(part.Args, "--ignore="+f) {
					t.Errorf("%s: %q", part.Name, part.Args)
				}
			}
			for f, n := range times {
				if n != 1 {
					t.Errorf("%s is in %d parts", f, n)
				}
			}
			if c.parts > 0 && len(times) != len(all) {
				t.Errorf("%v", times)
			}
		})
	}
}
