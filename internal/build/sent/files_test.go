package sent

import (
	"context"
	"errors"
	"io"
	iofs "io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"
	"pgregory.net/rapid"
)

// walk is a file system's names with their sizes.
func walk(t *testing.T, fs fsutil.FS, target string) map[string]int64 {
	t.Helper()
	got := map[string]int64{}
	err := fs.Walk(context.Background(), target, func(path string, entry iofs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if _, ok := info.Sys().(*types.Stat); !ok {
			t.Errorf("%s has no Stat", path)
		}
		got[path] = info.Size()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestFiles(t *testing.T) {
	m := Files{"Dockerfile": []byte("abc"), "Dockerfile.dockerignore": []byte("x")}
	all := map[string]int64{"Dockerfile": 3, "Dockerfile.dockerignore": 1}
	for target, want := range map[string]map[string]int64{
		"": all, "/": all, ".": all, "Dockerfile": {"Dockerfile": 3}, "/Dockerfile": {"Dockerfile": 3}, "nosuch": {},
	} {
		if diff := cmp.Diff(want, walk(t, m, target)); diff != "" {
			t.Errorf("%q: %s", target, diff)
		}
	}
	if _, err := m.Open("nosuch"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestTouched(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(dir, "a"), filepath.Join(dir, "b")); err != nil {
		t.Fatal(err)
	}
	plain, err := fsutil.NewFS(dir)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i := range 3 {
		fs, err := Touched(plain, dir, "b", time.Unix(1_700_000_000, int64(i)))
		if err != nil {
			t.Fatal(err)
		}
		f, err := fs.Open("b")
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(f)
		if err != nil || strings.TrimRight(string(text), " \n") != "text" {
			t.Fatalf("%q, %v", text, err)
		}
		_ = f.Close()
		seen[string(text)] = true
		if got := walk(t, fs, ""); got["b"] != int64(len(text)) || got["a"] != 4 {
			t.Errorf("sizes %v, content of b %d", got, len(text))
		}
	}
	if len(seen) != 3 {
		t.Errorf("three touches gave %d contents", len(seen))
	}
}

func TestBlanks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := time.Unix(0, rapid.Int64Min(0).Draw(t, "a"))
		b := time.Unix(0, rapid.Int64Min(0).Draw(t, "b"))
		if (string(blanks(a)) == string(blanks(b))) != a.Equal(b) {
			t.Fatalf("%q %q", blanks(a), blanks(b))
		}
		if strings.Trim(string(blanks(a)), " \n") != "" {
			t.Fatalf("%q", blanks(a))
		}
	})
}

// TestProgram: a program is one file with its content, whatever it is called here.
func TestProgram(t *testing.T) {
	file := filepath.Join(t.TempDir(), "whittle-1.2")
	if err := os.WriteFile(file, []byte("program"), 0o755); err != nil {
		t.Fatal(err)
	}
	for target, want := range map[string]map[string]int64{"": {ProgramName: 7}, "/": {ProgramName: 7}, ProgramName: {ProgramName: 7}, "whittle-1.2": {}} {
		if diff := cmp.Diff(want, walk(t, Program(file), target)); diff != "" {
			t.Errorf("%q: %s", target, diff)
		}
	}
	f, err := Program(file).Open(ProgramName)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if text, err := io.ReadAll(f); string(text) != "program" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
}
