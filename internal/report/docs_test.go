package report

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocsScreens: the screens of the README and of the documentation have the
// titles, the heads of tables and the explanations that the goldens have. Their
// figures are of real builds: make proof prints them.
func TestDocsScreens(t *testing.T) {
	known := map[string]bool{}
	goldens, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("../../cmd/whittle/testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(goldens, more...) {
		for _, line := range linesOf(t, file) {
			known[frame(line)] = true
		}
	}
	pages, err := filepath.Glob("../../docs/*/*.md")
	if err != nil {
		t.Fatal(err)
	}
	looked := 0
	for _, file := range append(pages, "../../README.md", "../../docs/tutorial.md") {
		for _, line := range screensOf(linesOf(t, file)) {
			looked++
			if !known[frame(line)] {
				t.Errorf("%s: no screen has %q", file, line)
			}
		}
	}
	if looked < 15 {
		t.Errorf("only %d lines", looked)
	}
}

func linesOf(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(text), "\n")
}

// frame is a line without what depends on the figures: the widths of its columns.
func frame(line string) string { return strings.Join(strings.Fields(line), " ") }

var (
	tableHead = regexp.MustCompile(`^ *[A-Z#][A-Za-z# -]*(  +[A-Z][A-Za-z -]*)+$`)
	// explanation is a line of the words that are explained once on a screen.
	explanation = regexp.MustCompile(`^(Size: on disk|Wasted: hidden)`)
	sectionName = regexp.MustCompile(`^[A-Z][a-z]+( [a-z]+){0,5}$`)
)

// screensOf are the lines of a page's screens that depend on no figures: behind a
// "$ whittle …" in a block.
func screensOf(lines []string) []string {
	var out []string
	fenced, screen := false, false
	for i, line := range lines {
		switch {
		case strings.HasPrefix(line, "```"):
			fenced = !fenced
			screen = fenced && i+1 < len(lines) && strings.HasPrefix(lines[i+1], "$ whittle ")
		case screen && (tableHead.MatchString(line) || explanation.MatchString(line) || sectionName.MatchString(line)):
			out = append(out, line)
		}
	}
	return out
}
