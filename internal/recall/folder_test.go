package recall

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"whittle.dev/whittle/internal/imagetest"
)

// TestFolderVersion: a version is another one after any change of a file, and there is none
// while a file's times do not say whether it will change.
func TestFolderVersion(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	aside := func(_ fs.FS, dir string) bool { return strings.HasPrefix(dir, ".") }
	write := func(path, text string) { imagetest.Must(t, os.WriteFile(path, []byte(text), 0o600)) }
	write(filepath.Join(dir, "a.py"), "1")
	write(filepath.Join(elsewhere, "b.py"), "1")
	imagetest.Must(t, os.Symlink(filepath.Join(elsewhere, "b.py"), filepath.Join(dir, "b.py")))
	imagetest.Must(t, os.Symlink("nothing", filepath.Join(dir, "broken")))
	if _, ok := folderVersion(aside, dir); ok {
		t.Error("a file that was just written has a version")
	}
	settled := func() string {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
			if v, ok := folderVersion(aside, dir); ok {
				return string(v)
			}
		}
		t.Skip("the times of files say nothing on this system")
		return ""
	}
	before := settled()
	if again := settled(); again != before {
		t.Errorf("an unchanged folder has the versions %s and %s", before, again)
	}
	for _, change := range []struct {
		what string
		make func() error
	}{
		{"the same text is written", func() error { return os.WriteFile(filepath.Join(dir, "a.py"), []byte("1"), 0o600) }},
		{"the target of a link is written", func() error { return os.WriteFile(filepath.Join(elsewhere, "b.py"), []byte("2"), 0o600) }},
		{"a folder is made", func() error { return os.Mkdir(filepath.Join(dir, "c"), 0o700) }},
		{"a file is renamed", func() error { return os.Rename(filepath.Join(dir, "a.py"), filepath.Join(dir, "z.py")) }},
	} {
		imagetest.Must(t, change.make())
		after := settled()
		if after == before {
			t.Errorf("%s: the version is the same", change.what)
		}
		before = after
	}
	imagetest.Must(t, os.MkdirAll(filepath.Join(dir, ".venv", "bin"), 0o700))
	write(filepath.Join(dir, ".venv", "bin", "python"), "")
	if after := settled(); after != before {
		t.Error("an environment is a part of the version")
	}
	imagetest.Must(t, os.Symlink(elsewhere, filepath.Join(dir, "folder")))
	if _, ok := folderVersion(aside, dir); ok {
		t.Error("a link to a folder elsewhere has a version")
	}
	if _, ok := folderVersion(aside, filepath.Join(dir, "missing")); ok {
		t.Error("a missing folder has a version")
	}
}

// TestNamesOfRoots: the project's folder has a version of its own files, by whatever name it
// is asked for: "." as in most commands, and one that begins with a dot.
func TestNamesOfRoots(t *testing.T) {
	aside := func(_ fs.FS, dir string) bool { return strings.HasPrefix(dir, ".") }
	dir := filepath.Join(t.TempDir(), ".project")
	imagetest.Must(t, os.MkdirAll(filepath.Join(dir, ".git"), 0o700))
	imagetest.Must(t, os.WriteFile(filepath.Join(dir, "a.py"), []byte("1"), 0o600))
	imagetest.Must(t, os.WriteFile(filepath.Join(dir, ".git", "HEAD"), nil, 0o600))
	imagetest.Must(t, os.Mkdir(filepath.Join(dir, "tests"), 0o700))
	for at, roots := range map[string][]string{dir: {".", "../.project", dir}, filepath.Join(dir, "tests"): {".."}} {
		t.Chdir(at)
		for _, root := range roots {
			if _, ok := folderVersion(aside, root); ok {
				t.Errorf("%s: a file that was just written has a version", root)
			}
		}
	}
}
