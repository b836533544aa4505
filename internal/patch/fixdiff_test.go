package patch_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/patch"
)

// TestFixDiff: a fix is shown as it would be made; files that changed meanwhile,
// and links out of the folder, are errors.
func TestFixDiff(t *testing.T) {
	dir := t.TempDir()
	text := "FROM a\nRUN one\n"
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("Dockerfile", text)
	fix := &whittle.Fix{Title: "two", Remake: []string{"uv.lock"}, Patches: []whittle.Patch{
		{File: "Dockerfile", Digest: whittle.DigestOf([]byte(text)), Edits: []whittle.Edit{{Span: whittle.Span{Start: 11, End: 14}, New: "two"}}},
		{File: "new.txt", Edits: []whittle.Edit{{New: "made\n"}}},
	}}
	got, err := patch.FixDiff(dir, "Dockerfile", fix)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"--- a/Dockerfile\n+++ b/Dockerfile\n", "-RUN one\n+RUN two\n", "--- /dev/null\n+++ b/new.txt\n", "+made\n", "uv.lock"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in the diff:\n%s", want, got)
		}
	}
	write("Dockerfile", "FROM b\nRUN one\n")
	if _, err := patch.FixDiff(dir, "Dockerfile", fix); !errors.Is(err, whittle.ErrUsage) {
		t.Errorf("a changed file: %v", err)
	}
	out := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(out, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "Dockerfile")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(out, filepath.Join(dir, "Dockerfile")); err != nil {
		t.Fatal(err)
	}
	if _, err := patch.FixDiff(dir, "Dockerfile", fix); err == nil || !strings.Contains(err.Error(), "link out of") {
		t.Errorf("a link out of the project: %v", err)
	}
}
