package imagetest

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"whittle.dev/whittle"
)

// Folder is a folder of this machine as a root file system.
type Folder struct {
	Dir string
	// Names are the paths of what is in it, or of the part that counts, sorted
	// by component.
	Names []string
}

// ReadFolder lists some folders of a root; of none, all that the root has.
func ReadFolder(t testing.TB, root string, dirs ...string) Folder {
	t.Helper()
	f := Folder{Dir: root}
	if len(dirs) == 0 {
		dirs = []string{root}
	}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(p string, _ fs.DirEntry, err error) error {
			if rel, _ := filepath.Rel(root, p); rel != "." {
				f.Names = append(f.Names, rel)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.SortFunc(f.Names, func(a, b string) int {
		return strings.Compare(strings.ReplaceAll(a, "/", "\x00"), strings.ReplaceAll(b, "/", "\x00"))
	})
	return f
}

// Paths implements [whittle.Root].
func (f Folder) Paths() []string { return f.Names }

// Lstat implements [whittle.Root].
func (f Folder) Lstat(p string) (whittle.Entry, error) {
	info, err := os.Lstat(filepath.Join(f.Dir, p))
	if err != nil {
		return whittle.Entry{}, err
	}
	e := whittle.Entry{Path: p, Kind: whittle.File, Size: info.Size()}
	switch {
	case info.IsDir():
		e.Kind = whittle.Dir
	case info.Mode()&fs.ModeSymlink != 0:
		e.Kind = whittle.Symlink
		e.Link, err = os.Readlink(filepath.Join(f.Dir, p))
	}
	return e, err
}

// ReadFile implements [whittle.Root].
func (f Folder) ReadFile(p string, _ int64) ([]byte, error) {
	return os.ReadFile(filepath.Join(f.Dir, p))
}

// Python is this machine's interpreter, the oracle of many tests; without one
// they are skipped.
func Python(t testing.TB) string {
	t.Helper()
	p, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3 to compare with")
	}
	return p
}

// Names are what lies in a folder of this machine, sorted.
func Names(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	Must(t, err)
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// Exists says whether there is something at a path of this machine, a link
// that leads nowhere included.
func Exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// Must ends the test if there is an error.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
