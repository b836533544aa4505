//go:build unix

package whittle_test

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"whittle.dev/whittle"
)

// kinds makes a folder with a file of each kind, and one outside of it.
func kinds(t *testing.T) string {
	t.Helper()
	top := t.TempDir()
	dir := filepath.Join(top, "in")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Join(dir, "folder"), 0o755))
	must(os.WriteFile(filepath.Join(top, "outside"), []byte("secret"), 0o644))
	must(os.WriteFile(filepath.Join(dir, "regular"), []byte("text"), 0o644))
	must(os.WriteFile(filepath.Join(dir, "huge"), nil, 0o644))
	must(os.Truncate(filepath.Join(dir, "huge"), 1<<40))
	must(syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o644))
	l, err := net.Listen("unix", filepath.Join(dir, "socket"))
	must(err)
	t.Cleanup(func() { l.Close() })
	for link, target := range map[string]string{"link in": "regular", "link out": "../outside", "link to a device": "/dev/zero", "link to itself": "link to itself",
		"link to a FIFO": "fifo", "dangling": "nothing", "away": ".."} {
		must(os.Symlink(target, filepath.Join(dir, link)))
	}
	return dir
}

// TestFile: what each kind of file is to each way of reading it. None of them
// waits, and none reads without an end.
func TestFile(t *testing.T) {
	dir := kinds(t)
	for name, want := range map[string][2]string{ // by path, and within the folder
		"regular":          {"text", "text"},
		"link in":          {"text", "text"},
		"link out":         {"secret", "link out of"},
		"away/outside":     {"secret", "link out of"},
		"link to a device": {"it is a device", "link out of"},
		"link to itself":   {"too many levels", "too many levels"},
		"link to a FIFO":   {"it is a FIFO", "it is a FIFO"},
		"fifo":             {"it is a FIFO", "it is a FIFO"},
		"socket":           {"it is a socket", "it is a socket"},
		"folder":           {"it is a folder", "it is a folder"},
		"huge":             {"more than", "more than"},
		"dangling":         {"no such file", "no such file"},
		"nothing":          {"no such file", "no such file"},
		"../in/regular":    {"text", "invalid argument"},
	} {
		f := whittle.Folder(dir)
		for how, got := range map[string]func() ([]byte, error){
			"by path":     func() ([]byte, error) { return whittle.ReadFile(filepath.Join(dir, name), whittle.MaxText) },
			"in a folder": func() ([]byte, error) { return f.Read(name, whittle.MaxText) },
			"as a system": func() ([]byte, error) { return fs.ReadFile(f, name) },
		} {
			want := want[min(len(how)-len("by path"), 1)]
			text, err := got()
			if err == nil && string(text) != want || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s, %s: %.40q, %v; want %q", name, how, text, err, want)
			}
		}
	}
}

func TestFileErrors(t *testing.T) {
	dir := kinds(t)
	if _, err := whittle.ReadFile(filepath.Join(dir, "fifo"), 10); !errors.Is(err, whittle.ErrUsage) {
		t.Errorf("a FIFO: %v", err)
	}
	if _, err := whittle.Folder(dir).ReadFile("link out"); !errors.Is(err, whittle.ErrUsage) {
		t.Errorf("a link out: %v", err)
	}
	if _, err := whittle.ReadFile(filepath.Join(dir, "regular"), 3); !errors.Is(err, whittle.ErrLimit) {
		t.Errorf("four bytes of at most three: %v", err)
	}
	if _, err := whittle.Folder(dir).ReadFile("nothing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing: %v", err)
	}
	if text, err := whittle.ReadFile(filepath.Join(dir, "regular"), 4); err != nil || string(text) != "text" {
		t.Errorf("four bytes of at most four: %q, %v", text, err)
	}
}

// TestFolderWalk: what walks the folder sees all names, and follows no link.
func TestFolderWalk(t *testing.T) {
	var names []string
	err := fs.WalkDir(whittle.Folder(kinds(t)), ".", func(p string, d fs.DirEntry, err error) error {
		names = append(names, p)
		return err
	})
	if err != nil || len(names) != 13 || strings.Contains(strings.Join(names, " "), "/") {
		t.Errorf("%q, %v", names, err)
	}
}
