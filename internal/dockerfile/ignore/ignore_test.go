package ignore

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"

	"github.com/google/go-cmp/cmp"
)

func TestExcludes(t *testing.T) {
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
		f, err := Parse(".dockerignore", []byte(tt.patterns))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range tt.out {
			if !f.Excludes(p) {
				t.Errorf("%q keeps %s", tt.patterns, p)
			}
		}
		for _, p := range tt.kept {
			if f.Excludes(p) {
				t.Errorf("%q leaves %s out", tt.patterns, p)
			}
		}
	}
	var none *File
	if none.Excludes("a") || (&File{}).Excludes("a") {
		t.Error("no patterns leave something out")
	}
}

func TestParseErrors(t *testing.T) {
	_, err := Parse("x/.dockerignore", []byte("ok\n[a-\n"))
	if err == nil || !strings.HasPrefix(err.Error(), "x/.dockerignore:2: ") || !errors.Is(err, whittle.ErrUsage) {
		t.Errorf("bad pattern: %v", err)
	}
	if _, err = Parse("f", []byte("!\n")); err == nil {
		t.Error("a lone ! is accepted")
	}
	if _, err = Parse("f", make([]byte, MaxSize+1)); !errors.Is(err, whittle.ErrLimit) {
		t.Errorf("a large file: %v", err)
	}
}

func TestLoad(t *testing.T) {
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
		f, err := Load(filepath.Join(dir, "context"), filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if !cmp.Equal(f.Patterns, want) {
			t.Errorf("%s is built with %q, want %q", name, f.Patterns, want)
		}
	}
	f, err := Load(filepath.Join(dir, "elsewhere"), filepath.Join(dir, "elsewhere/Other"))
	if err != nil || f.Name != "" || f.Excludes("a") {
		t.Errorf("no ignore file: %+v, %v", f, err)
	}
}

// TestLinear: a file is read, and a path compared with it, in time that grows
// with it.
func TestLinear(t *testing.T) {
	repeat := func(head, part, tail string) func(n int) string {
		return func(n int) string { return head + strings.Repeat(part, n) + tail }
	}
	lines := func(format string) func(n int) string {
		return func(n int) string { return imagetest.Lines(n, format) }
	}
	for name, c := range map[string]struct {
		most int
		text func(n int) string
	}{
		"patterns":              {5_000, lines("a%d\n")},
		"patterns with stars":   {40_000, lines("**/a%d/**\n")},
		"exceptions":            {100_000, lines("!a%d\n")},
		"stars":                 {400_000, repeat("a/", "**/", "b\n")},
		"a pattern of stars":    {400_000, repeat("", "*", "\n")},
		"patterns that are bad": {100_000, repeat("a\n", "b\n", "[\n")},
	} {
		imagetest.Linear(t, imagetest.Growth{Name: name, Most: c.most, Make: func(n int) func() {
			src := []byte(c.text(n))
			return func() {
				if f, err := Parse(".dockerignore", src); err == nil {
					f.Excludes("a/b/c/d/e/f/a1")
				}
			}
		}})
	}
}
