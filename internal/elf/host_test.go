package elf

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
)

// disk is the root of the machine that runs the tests, without the files that
// are removed.
type disk struct{ removed map[string]bool }

func (d disk) Paths() []string { return nil }

func (d disk) Lstat(p string) (whittle.Entry, error) {
	if d.removed[p] {
		return whittle.Entry{}, fs.ErrNotExist
	}
	info, err := os.Lstat("/" + p)
	if err != nil {
		return whittle.Entry{}, err
	}
	e := whittle.Entry{Path: p, Kind: whittle.File, Size: info.Size()}
	switch info.Mode().Type() {
	case 0:
	case fs.ModeDir:
		e.Kind = whittle.Dir
	case fs.ModeSymlink:
		e.Kind = whittle.Symlink
		e.Link, err = os.Readlink("/" + p)
	default:
		e.Kind = whittle.FIFO
	}
	return e, err
}

func (d disk) ReadFile(p string, _ int64) ([]byte, error) { return os.ReadFile("/" + p) }

// parser parses files of the disk once.
type parser struct{ files map[string]*File }

func (c *parser) file(p string) (*File, bool) {
	f, ok := c.files[p]
	if !ok {
		if b, err := os.ReadFile("/" + p); err == nil {
			f, _ = Parse(b)
		}
		c.files[p] = f
	}
	return f, f != nil
}

// hostFiles are some ELF files of the host: all of a short list of programs,
// and up to n of the libraries, spread evenly.
func hostFiles(t *testing.T, n int) []string {
	var all []string
	dirs := []string{"/usr/bin", "/usr/lib", "/usr/local/lib", "/usr/local/bin"}
	if extra := os.Getenv("WHITTLE_ELF_DIRS"); extra != "" {
		dirs = append(dirs, filepath.SplitList(extra)...)
	}
	for _, dir := range dirs {
		if err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
			if err == nil && e.Type().IsRegular() && (strings.Contains(e.Name(), ".so") || strings.HasSuffix(path.Dir(p), "bin")) && !strings.Contains(p, "/debug/") {
				all = append(all, p)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	step := max(1, len(all)/n)
	var some []string
	for i := 0; i < len(all); i += step {
		if b := make([]byte, 4); prefix(all[i], b) && IsELF(b) {
			some = append(some, all[i])
		}
	}
	return some
}

func prefix(p string, b []byte) bool {
	f, err := os.Open(p)
	if err != nil {
		return false
	}
	defer f.Close()
	_, err = f.Read(b)
	return err == nil
}

// ldd is what the host's loader says: the files it loads, and what it misses.
func ldd(t *testing.T, p string) (loaded, missing []string, ok bool) {
	cmd := exec.CommandContext(context.Background(), "ldd", p)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	out, err := cmd.CombinedOutput()
	if bytes.Contains(out, []byte("not a dynamic executable")) || bytes.Contains(out, []byte("statically linked")) {
		return nil, nil, false
	}
	if err != nil && !bytes.Contains(out, []byte("not found")) {
		t.Logf("ldd %s: %v: %s", p, err, out)
		return nil, nil, false
	}
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(line)
		name, rest, arrow := strings.Cut(line, " => ")
		switch {
		case strings.Contains(line, "linux-vdso") || strings.HasSuffix(line, ":"):
		case arrow && rest == "not found":
			missing = append(missing, name)
		case strings.Contains(line, "version `"):
			_, v, _ := strings.Cut(line, "version `")
			v, _, _ = strings.Cut(v, "'")
			missing = append(missing, v)
		case strings.Contains(line, " (0x"):
			if !arrow {
				rest = line
			}
			file, _, _ := strings.Cut(rest, " (0x")
			if file, err := filepath.EvalSymlinks(file); err == nil {
				loaded = append(loaded, file[1:])
			}
		}
	}
	return unique(loaded), unique(missing), true
}

func unique(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// names are what ldd would name.
func names(missing []Missing) []string {
	var list []string
	for _, m := range missing {
		if m.Kind == "version" {
			list = append(list, m.Version)
		} else {
			list = append(list, m.Library)
		}
	}
	return unique(list)
}

// TestHost compares with the host's own loader: the same files, and the same
// ones missing.
func TestHost(t *testing.T) {
	if _, err := exec.LookPath("ldd"); err != nil {
		t.Skip("no ldd")
	}
	c := &parser{map[string]*File{}}
	l := NewLoader(disk{}, c.file, nil)
	files := hostFiles(t, 200)
	type answer struct {
		loaded, missing []string
		ok              bool
	}
	answers := make([]answer, len(files))
	var wg sync.WaitGroup
	for w := range 2 {
		wg.Go(func() {
			for i := w; i < len(files); i += 2 {
				a := &answers[i]
				a.loaded, a.missing, a.ok = ldd(t, files[i])
			}
		})
	}
	wg.Wait()
	compared, libraries := 0, 0
	for i, p := range files {
		if !answers[i].ok {
			continue
		}
		real, err := filepath.EvalSymlinks(p)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, lib := range l.Libraries(p) {
			if lib != real[1:] && !strings.Contains(lib, "/ld-linux") {
				got = append(got, lib)
			}
		}
		// The loader is there in any case; ldd does not always say so.
		want := slices.DeleteFunc(answers[i].loaded, func(p string) bool { return strings.Contains(p, "/ld-linux") })
		if d := cmp.Diff(unique(want), unique(got)); d != "" {
			t.Errorf("%s: loaded (-ldd +got):\n%s", p, d)
		}
		if d := cmp.Diff(answers[i].missing, names(l.Missing(p))); d != "" {
			t.Errorf("%s: missing (-ldd +got):\n%s", p, d)
		}
		compared++
		libraries += len(got)
	}
	t.Logf("%d files, %d compared, %d libraries", len(files), compared, libraries)
}
