package project

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
)

// TestBelow: Dockerfiles in folders below, each with the context that has what it
// copies.
func TestBelow(t *testing.T) {
	const copied = "FROM x\nCOPY requirements.txt .\nCOPY app.py .\n"
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string // name context dockerfile
		note  string
	}{
		{"sources in the project's folder", map[string]string{"docker/Dockerfile": copied, "requirements.txt": "", "app.py": ""}, "docker  docker/Dockerfile", ""},
		{"sources in its own", map[string]string{"backend/Dockerfile": copied, "backend/requirements.txt": "", "backend/app.py": ""}, "backend backend backend/Dockerfile", ""},
		{"in both", map[string]string{"backend/Dockerfile": copied, "backend/requirements.txt": "", "backend/app.py": "", "requirements.txt": "", "app.py": ""}, "backend  backend/Dockerfile", ""},
		{"more in one", map[string]string{"backend/Dockerfile": copied, "backend/requirements.txt": "", "backend/app.py": "", "requirements.txt": ""}, "backend backend backend/Dockerfile", ""},
		{"in a folder between", map[string]string{"services/api/docker/Dockerfile": copied, "services/api/requirements.txt": "", "services/api/app.py": ""}, "services-api-docker services/api services/api/docker/Dockerfile", ""},
		{"in none", map[string]string{"backend/Dockerfile": copied, "README.md": ""}, "", "backend/Dockerfile is skipped: "},
		{"partly in each", map[string]string{"backend/Dockerfile": copied, "backend/app.py": "", "requirements.txt": ""}, "", "its build context is not known"},
		{"all, and its install shows where", map[string]string{"api/Dockerfile": "FROM x\nCOPY . .\nRUN pip install -r requirements.txt\n", "api/requirements.txt": ""}, "api api api/Dockerfile", ""},
		{"all of a folder with code", map[string]string{"api/Dockerfile": "FROM x\nCOPY . .\n", "api/main.py": ""}, "api api api/Dockerfile", ""},
		{"all, beside nothing but scripts", map[string]string{"docker/Dockerfile": "FROM x\nCOPY . .\n", "docker/entrypoint.sh": "", "main.py": ""}, "docker  docker/Dockerfile", ""},
		{"a pattern", map[string]string{"api/Dockerfile": "FROM x\nCOPY req*.txt ./\n", "api/requirements.txt": ""}, "api api api/Dockerfile", ""},
		{"a JSON list", map[string]string{"api/Dockerfile": "FROM x\nCOPY [\"app.py\", \".\"]\n", "api/app.py": ""}, "api api api/Dockerfile", ""},
		{"of another stage, of the web, of the file", map[string]string{"api/Dockerfile": "FROM x\nCOPY --from=y /a /a\nADD https://example.org/a /a\nCOPY <<E /b\nx\nE\n", "api/main.py": ""}, "api api api/Dockerfile", ""},
		{"several", map[string]string{"api/Dockerfile": copied, "api/app.py": "", "api/requirements.txt": "", "web/Dockerfile.prod": "FROM x\nCOPY package.json .\n", "web/package.json": ""}, "api api api/Dockerfile\nweb-prod web web/Dockerfile.prod", ""},
		{"one that stands for the tools", map[string]string{".docker/Dockerfile": copied, "app.py": "", "requirements.txt": "", ".devcontainer/Dockerfile": copied}, "docker  .docker/Dockerfile", ""},
		{"not of others, not of tests", map[string]string{"node_modules/x/Dockerfile": copied, "tests/Dockerfile": copied, "vendor/x/Dockerfile": copied, ".github/Dockerfile": copied, "app.py": "", "requirements.txt": ""}, "", "has no Dockerfile"},
		{"examples only where there is nothing else", map[string]string{"examples/a/Dockerfile": copied, "docker/Dockerfile": copied, "app.py": "", "requirements.txt": ""}, "docker  docker/Dockerfile", ""},
		{"examples", map[string]string{"examples/a/Dockerfile": copied, "examples/a/app.py": "", "examples/a/requirements.txt": ""}, "examples-a examples/a examples/a/Dockerfile", ""},
		{"too deep", map[string]string{"a/b/c/d/e/Dockerfile": copied, "app.py": "", "requirements.txt": ""}, "", "has no Dockerfile"},
		{"one at the top hides them", map[string]string{"Dockerfile": copied, "api/Dockerfile": copied}, "Dockerfile  Dockerfile", ""},
		{"names that differ in signs", map[string]string{"a b/Dockerfile": "FROM x\n", "a-b/Dockerfile": "FROM x\n"}, "a-b  a b/Dockerfile\na-b-2  a-b/Dockerfile", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := write(t, c.files)
			p, err := Load(dir, "")
			var got []string
			note := ""
			if err != nil {
				note = err.Error()
			} else {
				note = strings.Join(p.Notes, "\n")
				for _, v := range p.Variants {
					got = append(got, fmt.Sprintf("%s %s %s", v.Name, v.Context, v.Dockerfile))
				}
			}
			if diff := cmp.Diff(c.want, strings.Join(got, "\n")); diff != "" || !strings.Contains(note, c.note) || c.note == "" && note != "" {
				t.Errorf("%s\nnotes %q, want %q", diff, note, c.note)
			}
		})
	}
}

// TestBelowIsBounded: a tree of folders without end is left.
func TestBelowIsBounded(t *testing.T) {
	dir := t.TempDir()
	for i := range 60 {
		for j := range 50 {
			if err := os.MkdirAll(filepath.Join(dir, fmt.Sprint("a", i), fmt.Sprint("b", j)), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	f := finder{files: whittle.Folder(dir)}
	if f.search(); f.folders != maxFolders {
		t.Errorf("%d folders were looked at, want %d", f.folders, maxFolders)
	}
}

// TestContext: contexts of whittle.yaml, found with their links.
func TestContext(t *testing.T) {
	other := t.TempDir()
	for _, c := range []struct {
		name, yaml string
		want       Variant
		err        string
	}{
		{"a folder", "{context: api}", Variant{Context: "api", Dockerfile: "api/Dockerfile"}, ""},
		{"the project", "{context: .}", Variant{Dockerfile: "Dockerfile"}, ""},
		{"another Dockerfile", "{context: ./api/, dockerfile: Dockerfile}", Variant{Context: "api", Dockerfile: "Dockerfile"}, ""},
		{"by a link", "{context: link, dockerfile: Dockerfile}", Variant{Context: "api", Dockerfile: "Dockerfile"}, ""},
		{"outside", "{context: '" + other + "', dockerfile: Dockerfile}", Variant{Context: whittle.WithoutLinks(other), Dockerfile: "Dockerfile"}, ""},
		{"by a link out", "{context: out, dockerfile: Dockerfile}", Variant{Context: whittle.WithoutLinks(other), Dockerfile: "Dockerfile"}, ""},
		{"named ones", "{contexts: {a: api, b: 'docker-image://x:1'}}", Variant{Dockerfile: "Dockerfile", Contexts: map[string]string{"a": "api", "b": "docker-image://x:1"}}, ""},
		{"that is not there", "{context: none, dockerfile: Dockerfile}", Variant{}, "variant v: the context none: no such file or directory"},
		{"a file", "{context: Dockerfile, dockerfile: Dockerfile}", Variant{}, "variant v: the context Dockerfile is not a folder"},
		{"of git", "{context: 'https://example.org/x.git', dockerfile: Dockerfile}", Variant{}, "is not a folder"},
		{"of ssh", "{context: 'git@example.org:x.git', dockerfile: Dockerfile}", Variant{}, "is not a folder"},
		{"a named one of git", "{contexts: {a: 'https://example.org/x.git'}}", Variant{}, "is not a folder"},
		{"one that holds the project", "{context: .., dockerfile: Dockerfile}", Variant{}, "holds the project's folder"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := write(t, map[string]string{"Dockerfile": "", "api/Dockerfile": "", "whittle.yaml": "variants: [" + strings.Replace(c.yaml, "{", "{name: v, ", 1) + "]"})
			if err := errors.Join(os.Symlink("api", filepath.Join(dir, "link")), os.Symlink(other, filepath.Join(dir, "out"))); err != nil {
				t.Skip(err)
			}
			p, err := Load(dir, "")
			if c.err != "" {
				if !errors.Is(err, whittle.ErrUsage) || !strings.Contains(err.Error(), c.err) {
					t.Errorf("%v, want %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			c.want.Name = "v"
			if diff := cmp.Diff(c.want, p.Variants[0]); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestInContext(t *testing.T) {
	for _, c := range []struct{ context, name, want string }{
		{"", "a/b", "a/b"}, {"a", "a/b", "b"}, {"a", "ab", "-"}, {"a", "a", "."}, {"a", "../a/b", "-"}, {"", "../b", "-"}, {"/x", "a", "-"}, {"a", "./a/c/../b", "b"},
	} {
		got, ok := Variant{Context: c.context}.InContext(c.name)
		if !ok {
			got = "-"
		}
		if got != c.want {
			t.Errorf("%s in %q: %q, want %q", c.name, c.context, got, c.want)
		}
	}
}
