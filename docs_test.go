package whittle_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var markdownLink = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// TestLinks: each link of a page to a file of the project leads to one.
func TestLinks(t *testing.T) {
	pages := 0
	for _, top := range []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs", "examples"} {
		err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(path) != ".md" {
				return err
			}
			pages++
			text, err := os.ReadFile(path)
			for _, m := range markdownLink.FindAllStringSubmatch(string(text), -1) {
				file, _, _ := strings.Cut(m[1], "#")
				if file == "" || strings.Contains(file, "://") {
					continue
				}
				if _, err := os.Stat(filepath.Join(filepath.Dir(path), filepath.FromSlash(file))); err != nil {
					t.Errorf("%s links to %s: %v", path, m[1], err)
				}
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	if pages < 40 {
		t.Errorf("only %d pages", pages)
	}
}
