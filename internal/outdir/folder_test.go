package outdir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

// TestFolderSwept: what a killed run has left goes, and nothing else.
func TestFolderSwept(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, Name)
	for _, name := range []string{"images/.whittle-1.partial", "images/old.tar", "variants/.whittle-2.partial", ".whittle-3.partial",
		".whittle-work-4/Dockerfile", ".whittle-trials-5/images/x.tar", ".whittle-staged-6/0", "work-notes/mine", "notes.partial"} {
		imagetest.Must(t, os.MkdirAll(filepath.Dir(filepath.Join(out, name)), 0o755))
		imagetest.Must(t, os.WriteFile(filepath.Join(out, name), []byte("x"), 0o644))
	}
	f, err := Open(dir, out, nil, func(string) {})
	imagetest.Must(t, err)
	defer f.Close()
	got := [][]string{imagetest.Names(t, out), imagetest.Names(t, filepath.Join(out, "images")), imagetest.Names(t, filepath.Join(out, "variants"))}
	want := [][]string{{".gitignore", "images", "lock", "logs", "notes.partial", "variants", "work-notes"}, {"old.tar"}, nil}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}

// TestUserKey: one key for each cache, and one for the process where it cannot
// be kept.
func TestUserKey(t *testing.T) {
	dir := t.TempDir()
	a, b := UserKey(dir)(), UserKey(dir)()
	if len(a) < 32 || string(a) != string(b) {
		t.Errorf("%d and %d bytes", len(a), len(b))
	}
	if c := UserKey(t.TempDir())(); string(a) == string(c) {
		t.Error("two caches have one key")
	}
	file := filepath.Join(dir, "file")
	imagetest.Must(t, os.WriteFile(file, nil, 0o600))
	if c := UserKey(filepath.Join(file, "x"))(); len(c) < 32 {
		t.Errorf("no folder: %d bytes", len(c))
	}
}

// TestFolderNotMade: a folder that cannot be had is the user's to name anew, and
// a full disk is the system's.
func TestFolderNotMade(t *testing.T) {
	if err := folderError(&fs.PathError{Op: "mkdir", Path: "x", Err: syscall.EACCES}); !errors.Is(err, whittle.ErrUsage) || !strings.Contains(whittle.Hint(err), "--out") {
		t.Errorf("not the user's: %v [%s]", err, whittle.Hint(err))
	}
	if err := folderError(syscall.ENOSPC); !errors.Is(err, whittle.ErrSystem) || errors.Is(err, whittle.ErrUsage) {
		t.Errorf("a full disk: %v", err)
	}
}
