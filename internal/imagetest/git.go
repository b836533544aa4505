package imagetest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// GitRepository is a folder with committed files, and a way to run git in it.
func GitRepository(t *testing.T, options ...string) (dir string, git func(args ...string)) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	dir = t.TempDir()
	t.Setenv("HOME", t.TempDir())
	git = func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=x", "-c", "user.email=x"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	git(append([]string{"init", "-q"}, options...)...)
	must(os.Mkdir(filepath.Join(dir, "sub"), 0o755))
	for _, name := range []string{"same", "modified", "staged", "both", "sub/same", "sub/modified", "a b*c", "crlf"} {
		must(os.WriteFile(filepath.Join(dir, name), []byte("text of "+name+"\n"), 0o644))
	}
	must(os.Symlink("same", filepath.Join(dir, "link")))
	git("add", "-A")
	git("commit", "-qm", "x")
	return dir, git
}
