package host

import (
	"os"
	"path/filepath"
	"testing"
)

// TestInRepository: folders are named as the repository has them; one outside, and one
// without a repository, has no name.
func TestInRepository(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{".git", "a/b", "link"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("a/b", filepath.Join(root, "to-b")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ here, dir, want string }{
		{".", "", ""}, {".", "a/b", "a/b"}, {".", "to-b", "a/b"}, {"a", "b", "a/b"}, {"a", "", "a"}, {"a/b", "../..", ""}, {"a", "/", ""}, {"a", "..", ""},
	} {
		t.Chdir(filepath.Join(root, c.here))
		if got := InRepository(c.dir); got != c.want {
			t.Errorf("in %s, %q is %q, want %q", c.here, c.dir, got, c.want)
		}
	}
}
