package rule

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"whittle.dev/whittle/internal/dockerfile"
)

var (
	namedBase   = regexp.MustCompile(`(?mi)^(FROM (?:--platform=\S+ )?)(?:docker\.io/library/)?(?:python|debian|ubuntu):\S+`)
	fixedPython = regexp.MustCompile(`python3\.\d`)
)

// TestFloatingBaseNamesNoVersion: under a tag that may have another version of Python
// tomorrow, no edit of any rule writes a path with today's version.
func TestFloatingBaseNamesNoVersion(t *testing.T) {
	if testing.Short() {
		t.Skip(allCases)
	}
	edits := 0
	for _, file := range cases(t) {
		_, c := readCase(t, file)
		source := c.parts["Dockerfile"]
		if source == nil || fixedPython.Match(source) || strings.Contains(string(source), "ARG ") {
			continue
		}
		c.parts["Dockerfile"] = namedBase.ReplaceAll(source, []byte("${1}python:slim"))
		if f, err := dockerfile.Parse("Dockerfile", c.parts["Dockerfile"]); err != nil || len(f.Stages) == 0 {
			t.Fatalf("%s: %v", file, err)
		}
		p := c.pass(t)
		found, err := Find(t.Context(), p, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			if f.Fix == nil {
				continue
			}
			for _, patch := range f.Fix.Patches {
				for _, e := range patch.Edits {
					edits++
					if m := fixedPython.FindString(e.New); m != "" {
						t.Errorf("%s: %s writes %s: %q", filepath.Base(file), f.Rule, m, e.New)
					}
				}
			}
		}
	}
	if edits < 50 {
		t.Errorf("only %d edits were looked at", edits)
	}
}
