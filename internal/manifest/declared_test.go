package manifest

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle/internal/pep"
)

// TestReadDeclaredBroken: a line that is no requirement is an error that names
// it, and neither ends the reading nor takes the line before it once more.
func TestReadDeclaredBroken(t *testing.T) {
	for _, first := range []string{"", "rich==13.9.4\n"} {
		d, err := ReadDeclared(fstest.MapFS{"constraints.txt": {Data: []byte(first + "=nothing=\nclick==8.5.1\n")}})
		if err == nil {
			t.Error("there is no error")
		}
		want := []Locked{{"click", "8.5.1", "constraints.txt"}}
		if first != "" {
			want = append([]Locked{{"rich", "13.9.4", "constraints.txt"}}, want...)
		}
		if diff := cmp.Diff(want, d.Locked); diff != "" {
			t.Errorf("locked (-want +got):\n%s", diff)
		}
	}
}

// TestReadDeclaredContinued: a requirement over very many lines is read in the
// time that its bytes take; what reads it anew for each line ends at the tests'
// own limit.
func TestReadDeclaredContinued(t *testing.T) {
	lines := "rich==13.9.4 \\\n" + strings.Repeat("  --hash=sha256:0123456789abcdef \\\n", 200_000) + "\nclick==8.5.1\n"
	d, err := ReadDeclared(fstest.MapFS{"requirements.txt": {Data: []byte(lines)}})
	if err != nil {
		t.Fatal(err)
	}
	want := []Locked{{"rich", "13.9.4", "requirements.txt"}, {"click", "8.5.1", "requirements.txt"}}
	if diff := cmp.Diff(want, d.Locked); diff != "" {
		t.Errorf("locked (-want +got):\n%s", diff)
	}
}

// FuzzDeclared: whatever stands in a file that declares something, reading it
// ends, and says the same twice.
func FuzzDeclared(f *testing.F) {
	for _, name := range []string{"requirements.txt", "pyproject.toml", "setup.cfg", "Pipfile", "Pipfile.lock", "environment.yml", "pixi.toml", "uv.lock", "pylock.toml"} {
		f.Add(name, "-e git+https://x/y#egg=a\n./b\n-r requirements.txt\nc @ https://x/c.whl ; python_version < '3'\n")
		f.Add(name, "[project]\nname = 'a'\ndynamic = ['dependencies']\n[tool.setuptools.dynamic]\ndependencies = {file = ['requirements.txt', 'pyproject.toml']}\n")
		f.Add(name, "[options]\ninstall_requires = file: setup.cfg, requirements.txt\npackage_dir =\n  = src\n")
		f.Add(name, "dependencies:\n  - python=3\n  - pip:\n    - -r requirements.txt\n    - a\n")
		f.Add(name, "[[package]]\nname = 'a'\ndependencies = [{name = 'b'}, 'c>=1']\n[package.optional-dependencies]\nx = [{name = 'd'}]\n")
		f.Add(name, "{\"default\": {\"a\": {\"version\": \"==1\"}}}")
	}
	f.Fuzz(func(t *testing.T, name, text string) {
		if !fs.ValidPath(name) || name == "." {
			t.Skip()
		}
		read := func() string {
			d, _ := ReadDeclared(fstest.MapFS{name: {Data: []byte(text)}})
			out := fmt.Sprint(d.Name, d.Scripts, d.Plugins, d.Roots, d.Ships, d.Members, d.Locked, d.Unread)
			for _, dep := range d.Dependencies {
				out += fmt.Sprintf("\n%s %s:%d %d %s", dep.Text, dep.File, dep.Line, dep.Kind, dep.Extra)
			}
			if d.Lock != nil {
				out += fmt.Sprint("\n", d.Lock.Requires, d.Lock.Along([]string{"a"}))
			}
			return out
		}
		if diff := cmp.Diff(read(), read()); diff != "" {
			t.Error(diff)
		}
	})
}

// TestLockAlong: what comes along is what edges lead to, and what a file of
// what runs alone has.
func TestLockAlong(t *testing.T) {
	l := Lock{Requires: map[string][]string{"a": {"b"}, "b": {"a", "c"}, "c": nil, "d": {"e"}, "e": nil}, All: map[string]bool{"d": true}}
	want := map[string]bool{"a": true, "b": true, "c": true, "d": true}
	if diff := cmp.Diff(want, l.Along([]string{"A"})); diff != "" {
		t.Error(diff)
	}
}

// FuzzScript: what a script's own metadata declares can be declared again.
func FuzzScript(f *testing.F) {
	f.Add("# /// script\n# dependencies = [\"a>=1\", 'b']\n# ///\nimport a\n")
	f.Fuzz(func(t *testing.T, text string) {
		deps, ok := ScriptDependencies("a.py", []byte(text))
		if !ok && deps != nil {
			t.Errorf("no metadata, and %v", deps)
		}
		for _, d := range deps {
			if r, err := pep.ParseRequirement(d.Text); err != nil || r.Name != d.Name || d.Line > strings.Count(text, "\n")+1 {
				t.Errorf("%+v: %v", d, err)
			}
		}
	})
}
