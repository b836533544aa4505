package source

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

func TestFileIdentity(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("files have an identity on Linux only")
	}
	fresh := filepath.Join(t.TempDir(), "fresh")
	if err := os.WriteFile(fresh, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(fresh, old, old); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(fresh)
	if err != nil {
		t.Fatal(err)
	}
	if id := FileIdentity(info); id != "" {
		t.Errorf("a file that was just written, with an old mtime, has the identity %q", id)
	}
	if info, err = os.Stat(os.TempDir()); err == nil && FileIdentity(info) != "" {
		t.Error("a folder has an identity")
	}
	if info, err = os.Stat("/etc/passwd"); err != nil || time.Since(info.ModTime()) < time.Hour {
		t.Skip("no file here that has not just changed")
	}
	if a := FileIdentity(info); a == "" {
		t.Error("a file that has not changed has no identity")
	}
}

// TestStat: what is not there cannot be looked at, and what is has its size.
func TestStat(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o700); err != nil {
		t.Fatal(err)
	}
	const there, gone = "sha256:aa", "sha256:bb"
	if err := os.WriteFile(filepath.Join(dir, "blobs", "sha256", "aa"), []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := blobLayer(folder(dir), descriptor{Digest: there, Size: 7}, "sha256:cc")
	st, err := l.Stat(context.Background())
	if err != nil || st.Size != 5 || st.Claim.Size != 7 || st.Claim.Digest != there {
		t.Errorf("%+v, %v", st, err)
	}
	if _, err := blobLayer(folder(dir), descriptor{Digest: gone}, "sha256:cc").Stat(context.Background()); err == nil {
		t.Error("a blob that is not there was looked at")
	}
}
