//go:build unix

package whittle_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"whittle.dev/whittle"
)

// TestFolderWrite: a file takes the place of whatever has its name, but a
// folder's; what a link leads to stays, and nothing is left where that fails.
func TestFolderWrite(t *testing.T) {
	for name, want := range map[string]string{
		"regular": "", "link in": "", "link out": "", "link to a device": "", "link to itself": "", "link to a FIFO": "", "fifo": "", "socket": "",
		"huge": "", "dangling": "", "nothing": "", "folder/new": "",
		"folder": "file exists", "away/new": "link out of", "nothing/new": "no such file", "../new": "invalid argument",
	} {
		dir := kinds(t)
		f := whittle.Folder(dir)
		err := f.Write(name, []byte("written"), 0o640)
		if want == "" {
			info, statErr := os.Lstat(filepath.Join(dir, name))
			text, readErr := f.Read(name, 100)
			if err := errors.Join(err, statErr, readErr); err != nil || !info.Mode().IsRegular() || string(text) != "written" {
				t.Errorf("%s: %q, %v", name, text, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "partial") {
			t.Errorf("%s: %v; want %q", name, err, want)
		}
		if err != nil && errors.Is(err, whittle.ErrSystem) == errors.Is(err, whittle.ErrUsage) {
			t.Errorf("%s: %v is of no kind", name, err)
		}
		outside, _ := os.ReadFile(filepath.Join(dir, "..", "outside"))
		if _, err := os.Lstat(filepath.Join(dir, "..", "new")); string(outside) != "secret" || err == nil {
			t.Errorf("%s: something was written outside", name)
		}
		for _, in := range []string{dir, filepath.Join(dir, "folder")} {
			if left, _ := filepath.Glob(filepath.Join(in, ".whittle-*")); len(left) > 0 {
				t.Errorf("%s: left behind: %q", name, left)
			}
		}
	}
}

// TestFolderWriteMode: a file that is written again keeps its mode, a new one
// has what the mask leaves, and a second name keeps the old content.
func TestFolderWriteMode(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o027))
	dir := t.TempDir()
	f := whittle.Folder(dir)
	second := filepath.Join(dir, "second")
	if err := errors.Join(f.Write("a", []byte("1"), 0o644), os.Chmod(filepath.Join(dir, "a"), 0o600), os.Link(filepath.Join(dir, "a"), second),
		f.Write("a", []byte("2"), 0o644), f.Write("b", nil, 0o666)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{"a": 0o600, "b": 0o640} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if text, _ := os.ReadFile(second); string(text) != "1" {
		t.Errorf("the second name has %q", text)
	}
}

// TestSweepPartials: what a process was writing that has ended goes, and
// nothing else.
func TestSweepPartials(t *testing.T) {
	dir := t.TempDir()
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Skip(err)
	}
	gone := fmt.Sprintf(".whittle-%d-abc.partial", dead.Process.Pid)
	old, stays := ".whittle-old.partial", []string{".whittle-new.partial", whittle.TempName(".whittle-") + ".partial", ".whittle-locked.partial", "mine.partial", ".whittle-mine"}
	for _, name := range append([]string{gone, old}, stays...) {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	long := time.Now().Add(-time.Hour)
	for _, name := range []string{old, ".whittle-locked.partial", "mine.partial"} {
		if err := os.Chtimes(filepath.Join(dir, name), long, long); err != nil {
			t.Fatal(err)
		}
	}
	held, err := os.Open(filepath.Join(dir, ".whittle-locked.partial"))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if free, err := whittle.Lock(held); err != nil || !free {
		t.Fatal(free, err)
	}
	whittle.Folder(dir).SweepPartials()
	for _, name := range stays {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{gone, old} {
		if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still there", name)
		}
	}
}

// TestOwnFolder: what others may have written to is not used.
func TestOwnFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	if f, err := whittle.OwnFolder(dir); err != nil || string(f) != dir {
		t.Fatal(f, err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Error(info.Mode(), err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := whittle.OwnFolder(dir); !errors.Is(err, whittle.ErrUsage) || !strings.Contains(err.Error(), "can be written to by everyone (mode 0777)") {
		t.Error(err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if os.Chown(dir, 4242, -1) == nil {
		if _, err := whittle.OwnFolder(dir); !errors.Is(err, whittle.ErrUsage) || !strings.Contains(err.Error(), "belongs to user 4242") {
			t.Error(err)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below")} {
		if _, err := whittle.OwnFolder(dir); err == nil {
			t.Errorf("%s was taken for a folder", dir)
		}
	}
}
