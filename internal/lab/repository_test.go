package lab

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/states"
)

// TestRepositoryInContext: a commit, a tag or another branch changes what a build
// gets that sees .git, even if no file differs, since its version may be taken from
// there. If .dockerignore excludes .git, nothing changes; nor does it by what git
// writes for itself.
func TestRepositoryInContext(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	for name, c := range map[string]struct {
		ignore string
		sees   bool
	}{
		"seen":                   {"", true},
		"excluded":               {".git\n", false},
		"excluded, at any depth": {"**/.git\n", false},
		"all but what is named":  {"*\n!src\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := shop(t)
			t.Setenv("HOME", t.TempDir())
			git := func(args ...string) {
				t.Helper()
				if out, err := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=x", "-c", "user.email=x"}, args...)...).CombinedOutput(); err != nil {
					t.Fatalf("git %q: %v\n%s", args, err, out)
				}
			}
			imagetest.Must(t, os.WriteFile(filepath.Join(dir, ".dockerignore"), []byte(c.ignore), 0o600))
			git("init", "-q")
			git("add", "-A")
			git("commit", "-qm", "one")
			git("branch", "other")
			git("tag", "v0")
			s, err := newStudy(t.Context(), fakeEnv(&fakeEngine{t: t}), StudyOptions{Dir: dir, Quick: true})
			imagetest.Must(t, err)
			defer s.close()
			digest := func() whittle.Digest {
				t.Helper()
				d, err := states.ContextDigest(t.Context(), dir, []string{s.bench.Out.Dir}, s.bench.Unchanging())
				imagetest.Must(t, err)
				return d
			}
			before := digest()
			git("gc", "-q")
			imagetest.Must(t, os.WriteFile(filepath.Join(dir, ".git", "COMMIT_EDITMSG"), []byte("x"), 0o600))
			git("status")
			packed := digest()
			if !c.sees && packed != before {
				t.Error("what git writes for itself changes the context")
			}
			git("commit", "-q", "--allow-empty", "-m", "two")
			committed := digest()
			if (committed != packed) != c.sees {
				t.Errorf("another commit is another context: %v", committed != packed)
			}
			git("checkout", "-q", "other")
			if (digest() != committed) != c.sees {
				t.Errorf("another branch is another context: %v", digest() != committed)
			}
		})
	}
}
