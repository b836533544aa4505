package absent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"whittle.dev/whittle/internal/imagetest"
)

// TestReasons: what is said of the instructions of each Dockerfile in testdata
// (want), and of what is copied incompletely without an error (quiet). A file whose
// name ends with "/" is an empty folder.
func TestReasons(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) < 25 {
		t.Fatalf("%d cases, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			b, want, quiet := laidOut(t, a)
			var got []string
			for line := range strings.Count(string(b.Text), "\n") {
				if why := b.At(line + 1); why != "" {
					got = append(got, why)
				}
			}
			if diff := cmp.Diff(want, strings.Join(got, "\n")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(quiet, strings.Join(b.Before(1000), "\n")); diff != "" {
				t.Errorf("quietly (-want +got):\n%s", diff)
			}
		})
	}
}

// laidOut writes the files of a case. Its comment has args: NAME=value.
func laidOut(t *testing.T, a *txtar.Archive) (b Build, want, quiet string) {
	t.Helper()
	b = Build{Context: filepath.Join(t.TempDir(), "app"), Dockerfile: "Dockerfile", Args: map[string]string{}}
	for line := range strings.Lines(string(a.Comment)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.Contains(name, " ") {
			b.Args[name] = value
		}
	}
	for _, f := range a.Files {
		switch f.Name {
		case "want":
			want = strings.TrimSpace(string(f.Data))
			continue
		case "quiet":
			quiet = strings.TrimSpace(string(f.Data))
			continue
		case "Dockerfile":
			b.Text = f.Data
		}
		path := filepath.Join(b.Context, f.Name)
		if strings.HasSuffix(f.Name, "/") {
			if err := os.MkdirAll(path, 0o755); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if target, ok := strings.CutPrefix(strings.TrimSpace(string(f.Data)), "-> "); ok {
			if err := os.Symlink(target, path); err != nil {
				t.Skip(err)
			}
			continue
		}
		if err := os.WriteFile(path, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return b, want, quiet
}

// TestQuietSuccess: of a build that succeeded, a pattern without a match is not
// mentioned, and a submodule that is not checked out is.
func TestQuietSuccess(t *testing.T) {
	for name, want := range map[string]string{
		"backend_wheel":   "",
		"ignored_glob":    "",
		"submodule_quiet": "Dockerfile:3: vendor/lib is a git submodule that is not checked out: git submodule update --init vendor/lib",
		"lfs":             "Dockerfile:3: models/a.bin is a pointer of git LFS and not its content: git lfs pull",
	} {
		a, err := txtar.ParseFile("testdata/" + name + ".txtar")
		if err != nil {
			t.Fatal(err)
		}
		b, _, _ := laidOut(t, a)
		if got := strings.Join(b.Before(0), "\n"); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestReasonsLinear: files of the project that say very much cost what their size
// is.
func TestReasonsLinear(t *testing.T) {
	project := func(name, head, line string, most int) imagetest.Growth {
		return imagetest.Growth{Name: name, Most: most, Make: func(n int) func() {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, name), []byte(head+strings.Repeat(line, n)), 0o644); err != nil {
				t.Fatal(err)
			}
			b := Build{Context: dir, Dockerfile: "Dockerfile", Text: []byte("FROM a\nCOPY dist /x\n")}
			return func() { b.At(2) }
		}}
	}
	imagetest.Linear(t,
		project("README.md", "```\n", "cd a\ngit clone b/a\n", 6000),
		project("Makefile", "A = $(A)$(A)\n", "a: $(A)\n\t$(A) $(A) > x\n", 4000),
		project("justfile", "", "a:\n  cd b && echo > c\n", 5000),
		project("noxfile.py", "def a(s):\n", " s.run(\"a\",\n", 8000),
		project(".gitlab-ci.yml", "a:\n  script:\n", "  - (cd a; b) > c\n", 5000),
		project("tox.ini", "[testenv]\ncommands =\n", " a > b \\\n", 8000),
		project("a.sh", "", "cd a; (cd b; echo > c)\n", 4000),
		imagetest.Growth{Name: "Dockerfile", Most: 20_000, Make: func(n int) func() {
			b := Build{Context: t.TempDir(), Dockerfile: "Dockerfile", Text: []byte("FROM a\n" + strings.Repeat("ENV A=$A$A\nCOPY $A /x\n", n))}
			return func() { b.Before(2 * n) }
		}},
	)
}

// FuzzReasons: whatever a Dockerfile, an ignore file and the file that says how
// others are made contain, the reasons are one line each and come to an end.
func FuzzReasons(f *testing.F) {
	names := []string{"package.json", "Makefile", "justfile", "Taskfile.yml", "tox.ini", "noxfile.py", "tasks.py", "pyproject.toml", "a.sh", ".gitlab-ci.yml", ".github/workflows/a.yml", "compose.yaml", "Jenkinsfile", "README.md", ".gitignore", ".gitmodules", "vite.config.js"}
	files, _ := filepath.Glob("testdata/*.txtar")
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		texts := map[string][]byte{}
		for _, one := range a.Files {
			texts[one.Name] = one.Data
		}
		for i, name := range names {
			if text, ok := texts[name]; ok {
				f.Add(uint8(i), text, texts["Dockerfile"], texts[".dockerignore"])
			}
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, text, docker, ignored []byte) {
		dir := t.TempDir()
		b := Build{Context: dir, Dockerfile: "Dockerfile", Text: docker}
		for name, content := range map[string][]byte{names[int(which)%len(names)]: text, ".dockerignore": ignored, "package.json": []byte(`{"scripts": {"build": "vite build"}}`)} {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		lines := min(strings.Count(string(docker), "\n")+1, 20)
		told := b.Before(lines)
		for line := range lines {
			told = append(told, b.At(line+1))
		}
		for _, what := range told {
			if strings.ContainsAny(what, "\n\r") {
				t.Errorf("%q", what)
			}
		}
	})
}
