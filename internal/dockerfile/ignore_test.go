package dockerfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"whittle.dev/whittle"

	"github.com/google/go-cmp/cmp"
)

func TestIgnore(t *testing.T) {
	for _, tt := range []struct {
		patterns  string
		out, kept []string
	}{
		{"", nil, []string{"a", "a/b", "."}},
		{"# comment\n\n  a  \n/b/c/\n", []string{"a", "a/x", "b/c", "b/c/d"}, []string{"b", "x/a", "# comment"}},
		{"*.md\n!README.md", []string{"x.md"}, []string{"README.md", "d/x.md"}},
		{"**/*.pyc\n**/__pycache__", []string{"a.pyc", "d/e/a.pyc", "__pycache__/x", "d/__pycache__"}, []string{"a.py"}},
		{"*\n!src\n!src/**\nsrc/tmp", []string{"x", "x/y", "src/tmp", "src/tmp/z"}, []string{"src", "src/a", "src/d/e"}},
		{"*\n!dir/keep.txt", []string{"dir", "dir/other"}, []string{"dir/keep.txt"}},
		{"dir/*\n!dir/sub", []string{"dir/a"}, []string{"dir", "dir/sub", "dir/sub/b"}},
		{".git", []string{".git", ".git/config"}, []string{".gitignore", "sub/.git"}},
		{"a?c\n[xy].txt", []string{"abc", "x.txt"}, []string{"ac", "z.txt"}},
		{"\ufeffbom\r\ncr\r\n", []string{"bom", "cr"}, nil},
		{"../outside\n./here", []string{"here"}, []string{"outside"}},
	} {
		ig, err := ParseIgnore(".dockerignore", []byte(tt.patterns))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range tt.out {
			if !ig.Ignore(p) {
				t.Errorf("%q keeps %s", tt.patterns, p)
			}
		}
		for _, p := range tt.kept {
			if ig.Ignore(p) {
				t.Errorf("%q leaves %s out", tt.patterns, p)
			}
		}
	}
	var none *Ignore
	if none.Ignore("a") || (&Ignore{}).Ignore("a") {
		t.Error("no patterns leave something out")
	}
}

func TestIgnoreErrors(t *testing.T) {
	_, err := ParseIgnore("x/.dockerignore", []byte("ok\n[a-\n"))
	if err == nil || !strings.HasPrefix(err.Error(), "x/.dockerignore:2: ") || !errors.Is(err, whittle.ErrUsage) {
		t.Errorf("bad pattern: %v", err)
	}
	if _, err = ParseIgnore("f", []byte("!\n")); err == nil {
		t.Error("a lone ! is accepted")
	}
	if _, err = ParseIgnore("f", make([]byte, MaxSize+1)); !errors.Is(err, whittle.ErrLimit) {
		t.Errorf("a large file: %v", err)
	}
}

func TestLoadIgnore(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("context/.dockerignore", "general\n")
	write("context/Dockerfile.dev.dockerignore", "special\n")
	write("context/Dockerfile.empty.dockerignore", "")
	write("elsewhere/Dockerfile.dockerignore", "far\n")
	for name, want := range map[string][]string{
		"context/Dockerfile":       {"general"},
		"context/Dockerfile.dev":   {"special"},
		"context/Dockerfile.empty": nil, // as BuildKit v0.34.2 does, tried
		"elsewhere/Dockerfile":     {"far"},
		"elsewhere/Other":          {"general"},
	} {
		ig, err := LoadIgnore(filepath.Join(dir, "context"), filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if !cmp.Equal(ig.Patterns, want) {
			t.Errorf("%s is built with %q, want %q", name, ig.Patterns, want)
		}
	}
	ig, err := LoadIgnore(filepath.Join(dir, "elsewhere"), filepath.Join(dir, "elsewhere/Other"))
	if err != nil || ig.Name != "" || ig.Ignore("a") {
		t.Errorf("no ignore file: %+v, %v", ig, err)
	}
}
