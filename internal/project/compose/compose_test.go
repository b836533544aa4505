package compose

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

// within reads what lies in a folder, and gives two variables.
func within(dir string) Outside {
	return Outside{
		Lookup: func(name string) (string, bool) { return "value", name == "A" },
		Read: func(file string, most int64) ([]byte, error) {
			rel, ok := whittle.Below(dir, whittle.WithoutLinks(file))
			if !ok {
				return nil, fs.ErrNotExist
			}
			return whittle.Folder(dir).Read(filepath.ToSlash(rel), most)
		},
	}
}

// FuzzRead: whatever compose files have, reading them ends soon, gives what is well
// formed or an error of one line, and nothing of a file outside of the folder.
func FuzzRead(f *testing.F) {
	for _, seed := range [][3]string{
		{"services: {web: {build: .}}", "", ""},
		{"services: {web: {build: {context: ., args: [A, B=$A]}, command: \"a 'b c'\", environment: {X: }}}", "", "B=${A:-x}\n"},
		{"services: {web: {extends: {file: two.yaml, service: web}}}", "services: {web: {build: {target: x}}}", ""},
		{"include: [two.yaml]\nservices: {web: {build: !reset null}}", "services: {web: {build: .}}", ""},
		{"include: [{path: [two.yaml], env_file: [.env], project_directory: ..}]", "services: {web: {build: .}}", "A=1"},
		{"x: &a {build: .}\nservices: {web: {<<: *a, volumes: ['.:/x', '${A}:/y', {type: bind, target: /z}]}}", "", ""},
		{"services: {web: {extends: {file: ../canary.yaml, service: web}}}", "", ""},
		{"include: [../canary.yaml]", "", ""},
		{"services: {web: {env_file: ../canary.yaml, build: {secrets: [x], ssh: [default]}}}\nsecrets: {x: {file: ../canary.yaml}}", "", ""},
		{"services: {web: 3, x: [], y: {build: [], depends_on: 4, healthcheck: {test: [], interval: x}}}", "", ""},
		{"services: {a: {extends: b}, b: {extends: a}}", "", ""},
		{"jobs: {a: {extends: {file: ../canary.yaml, service: web}}}\nservices: {web: {build: ., links: [x]}}", "", ""},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, one, two, env string) {
		top := whittle.WithoutLinks(t.TempDir())
		dir := filepath.Join(top, "p")
		err := os.Mkdir(dir, 0o755)
		for name, text := range map[string]string{"p/compose.yaml": one, "p/two.yaml": two, "p/.env": env, "canary.yaml": "services: {web: {image: canary-canary}}"} {
			err = errors.Join(err, os.WriteFile(filepath.Join(top, name), []byte(text), 0o600))
		}
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		m, err := Read(t.Context(), Options{Dir: dir, Files: Find(dir), From: within(dir)})
		if took := time.Since(began); took > 20*time.Second {
			t.Fatalf("it took %v", took)
		}
		if err != nil {
			if !errors.Is(err, whittle.ErrUsage) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "whittle-compose-") {
				t.Fatalf("%q", err)
			}
			return
		}
		if text := fmt.Sprintf("%+v", m); strings.Contains(text, "canary-canary") || strings.Contains(text, "whittle-compose-") {
			t.Fatal(text)
		}
		for _, s := range m.Services {
			if b := s.Build; b != nil && !filepath.IsAbs(b.Context) && !strings.ContainsAny(b.Context, ":@/") {
				t.Fatalf("%s: the context %q is no place", s.Name, b.Context)
			}
		}
	})
}

// TestReadLinear: the time grows with the files.
func TestReadLinear(t *testing.T) {
	for _, c := range []struct {
		name string
		most int
		text func(n int) string
	}{
		{"services", 400, func(n int) string { return "services:\n" + imagetest.Lines(n, "  s%d: {build: .}\n") }},
		{"arguments", 20_000, func(n int) string {
			return "services:\n  s:\n    build:\n      args:\n" + imagetest.Lines(n, "        A%d: $A\n")
		}},
		{"aliases", 20_000, func(n int) string {
			return "x: &x a\nservices:\n  s:\n    build: .\n    command:\n" + imagetest.Lines(n, "      - *x # %d\n")
		}},
		{"references", 2000, func(n int) string {
			return "services: {s: {build: ., command: [" + strings.Repeat("'${B:-x}',", n) + "]}}"
		}},
		{"bases", 100, func(n int) string {
			return "services:\n  base: {build: .}\n" + imagetest.Lines(n, "  s%[1]d: {extends: base, environment: {A%[1]d: x}}\n")
		}},
		{"documents", 30, func(n int) string { return strings.Repeat("services: {s: {build: .}}\n---\n", n) }},
	} {
		imagetest.Linear(t, imagetest.Growth{Name: c.name, Most: c.most, Make: func(n int) func() {
			dir := whittle.WithoutLinks(t.TempDir())
			if err := os.WriteFile(filepath.Join(dir, "compose.yaml"), []byte(c.text(n)), 0o600); err != nil {
				t.Fatal(err)
			}
			return func() {
				if _, err := Read(t.Context(), Options{Dir: dir, Files: Find(dir), From: within(dir)}); err != nil {
					t.Error(err)
				}
			}
		}})
	}
}

// TestBounds: what compose-go takes too long for is bounded.
func TestBounds(t *testing.T) {
	chain := func(n int) string {
		text := "services:\n  s-1: {build: .}\n"
		for i := range n {
			text += fmt.Sprintf("  s%d: {extends: s%d, environment: {A%d: x}}\n", i, i-1, i)
		}
		return text
	}
	for _, c := range []struct{ name, text, err string }{
		{"a long chain of bases", chain(maxBases), ""},
		{"a longer one", chain(maxBases + 1), "extends more than 20 others"},
		{"services", "services:\n" + imagetest.Lines(maxServices+1, "  s%d: {build: .}\n"), "more than 500 services"},
		{"references", "services: {s: {build: ., user: '" + strings.Repeat("${B:-x}", maxReferences) + "'}}", ""},
		{"more references", "services: {s: {build: ., user: '" + strings.Repeat("${B:-x}", maxReferences+1) + "'}}", "more than 500 variables"},
		{"nested references", "services: {s: {build: ., user: '" + strings.Repeat("${B:-", maxReferences) + strings.Repeat("}", maxReferences) + "'}}", ""},
		{"documents", strings.Repeat("services: {s: {build: .}}\n---\n", maxDocuments+1), "more than 64 documents"},
		{"depth", "services: {s: {build: ., command: " + strings.Repeat("[", 20_000), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := whittle.WithoutLinks(t.TempDir())
			if err := os.WriteFile(filepath.Join(dir, "compose.yaml"), []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			_, err := Read(t.Context(), Options{Dir: dir, Files: Find(dir), From: within(dir)})
			if took := time.Since(began); took > 20*time.Second || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("%v after %v, want %q", err, took, c.err)
			}
		})
	}
}
