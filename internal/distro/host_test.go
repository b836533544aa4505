package distro

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"whittle.dev/whittle"
)

// TestHost compares with dpkg itself, on the machine that the test runs on:
// every package, and every file that one of them owns.
func TestHost(t *testing.T) {
	if _, err := exec.LookPath("dpkg-query"); err != nil {
		t.Skip("no dpkg on this machine")
	}
	host := hostRoot(t, "/var/lib/dpkg")
	claims, err := readDpkg(context.Background(), newResolver(host))
	if err != nil {
		t.Fatal(err)
	}
	packages, files := map[string]bool{}, map[string]bool{}
	for _, c := range claims {
		packages[c.Name+" "+c.Version] = true
		for _, p := range c.Files {
			files["/"+p] = true
		}
	}
	var names []string
	for _, line := range query(t, "-W", "-f", "${db:Status-Status} ${binary:Package} ${Package} ${Version}\n") {
		if f := strings.Fields(line); f[0] == "installed" {
			names = append(names, f[1])
			if !packages[f[2]+" "+f[3]] {
				t.Errorf("dpkg knows %s, the reader does not", line)
			}
		}
	}
	compared := 0
	lines := query(t, append([]string{"-L"}, names...)...)
	for i, p := range lines {
		if !strings.HasPrefix(p, "/") || i+1 < len(lines) && strings.HasPrefix(lines[i+1], "diverted by ") {
			continue
		}
		dir, err := filepath.EvalSymlinks(filepath.Dir(p))
		if err != nil {
			continue
		}
		real := filepath.Join(dir, filepath.Base(p))
		if e, err := host.Lstat(strings.TrimPrefix(real, "/")); err == nil && e.Kind != whittle.Dir {
			compared++
			if !files[real] {
				t.Errorf("dpkg knows %s, the reader does not", real)
			}
		}
	}
	t.Logf("%d packages, %d files", len(names), compared)
	if len(names) == 0 || compared == 0 {
		t.Error("nothing was compared")
	}
}

func query(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := exec.Command("dpkg-query", args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// host is the machine's own root, as far as some folders go.
type host struct{ paths []string }

func hostRoot(t *testing.T, dirs ...string) host {
	t.Helper()
	seen := map[string]bool{}
	for _, dir := range dirs {
		if info, err := os.Lstat(dir); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			seen[strings.TrimPrefix(dir, "/")] = true
			continue
		}
		err := filepath.WalkDir(dir, func(p string, _ fs.DirEntry, err error) error {
			seen[strings.TrimPrefix(p, "/")] = true
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var h host
	for p := range seen {
		h.paths = append(h.paths, p)
	}
	sort.Slice(h.paths, func(i, j int) bool {
		return strings.ReplaceAll(h.paths[i], "/", "\x00") < strings.ReplaceAll(h.paths[j], "/", "\x00")
	})
	return h
}

func (h host) Paths() []string { return h.paths }

func (h host) Lstat(p string) (whittle.Entry, error) {
	dir := filepath.Dir("/" + p)
	if real, err := filepath.EvalSymlinks(dir); err != nil || real != dir { // an image's root has no second names
		return whittle.Entry{}, fs.ErrNotExist
	}
	info, err := os.Lstat("/" + p)
	if err != nil {
		return whittle.Entry{}, err
	}
	e := whittle.Entry{Path: p, Kind: whittle.File, Size: info.Size()}
	switch {
	case info.IsDir():
		e.Kind = whittle.Dir
	case info.Mode()&fs.ModeSymlink != 0:
		e.Kind = whittle.Symlink
		e.Link, err = os.Readlink("/" + p)
	}
	return e, err
}

func (h host) ReadFile(p string, _ int64) ([]byte, error) { return os.ReadFile("/" + p) }
