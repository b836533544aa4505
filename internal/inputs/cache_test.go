package inputs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/project"
)

// TestCaches: what is read of caches, and what a project may name of them.
func TestCaches(t *testing.T) {
	top := t.TempDir()
	dir, out := filepath.Join(top, "app"), filepath.Join(top, "out")
	for _, d := range []string{dir, out} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(out, filepath.Join(dir, "link")); err != nil {
		t.Skip(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "trap"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(out, filepath.Join(dir, "trap", "blobs")); err != nil {
		t.Fatal(err)
	}
	local := func(key, at string) []build.Cache {
		return []build.Cache{{Type: "local", Attrs: map[string]string{key: at}}}
	}
	token := map[string]string{"ACTIONS_RUNTIME_TOKEN": "geheim-token", "ACTIONS_RESULTS_URL": "https://results"}
	for _, c := range []struct {
		name, yaml string
		in         Options
		env        map[string]string
		from, to   []build.Cache
		asks, hint string
	}{
		{name: "folders of the project", yaml: "cache-from: type=local,src=c, cache-to: ['type=local,dest=c']", from: nil},
		{name: "folders", yaml: "cache-from: ['type=local,src=.cache/b'], cache-to: ['type=local,dest=.cache/b']", from: local("src", filepath.Join(dir, ".cache/b")), to: local("dest", filepath.Join(dir, ".cache/b"))},
		{name: "read outside", yaml: "cache-from: ['type=local,src=../out']", asks: "the file " + out, hint: "--allow fs.read=" + out},
		{name: "read outside, allowed", yaml: "cache-from: ['type=local,src=../out']", in: Options{Allow: []string{"fs.read=" + out}}, from: local("src", out)},
		{name: "written outside", yaml: "cache-to: ['type=local,dest=../out/x']", asks: "writing to " + filepath.Join(out, "x"), hint: "--allow fs.write=" + filepath.Join(out, "x")},
		{name: "written outside by a link", yaml: "cache-to: ['type=local,dest=link']", asks: "writing to " + out, hint: "fs.write="},
		{name: "read permission is none to write", yaml: "cache-to: ['type=local,dest=../out']", in: Options{Allow: []string{"fs.read=" + out}}, asks: "writing to " + out, hint: "fs.write="},
		{name: "written outside, allowed", yaml: "cache-to: ['type=local,dest=../out']", in: Options{Allow: []string{"fs.write=" + out}}, to: local("dest", out)},
		{name: "a link in the folder", yaml: "cache-to: ['type=local,dest=trap']", asks: filepath.Join(dir, "trap", "blobs") + " is a link"},
		{name: "the project itself", yaml: "cache-to: ['type=local,dest=.']", asks: "the folder of a cache is not that of the project"},
		{name: "a file", yaml: "cache-from: ['type=local,src=Dockerfile']", asks: "Dockerfile is not a folder"},
		{name: "an image", yaml: "cache-from: [example.org/app:cache]", from: []build.Cache{{Type: "registry", Attrs: map[string]string{"ref": "example.org/app:cache"}}}},
		{name: "a push", yaml: "cache-to: ['type=registry,ref=example.org/app:cache,mode=max']", asks: "pushing to the registry of example.org/app:cache", hint: "--allow cache-to"},
		{name: "a push, allowed", yaml: "cache-to: ['type=registry,ref=x,mode=max']", in: Options{Allow: []string{"cache-to"}}, to: []build.Cache{{Type: "registry", Attrs: map[string]string{"ref": "x", "mode": "max"}}}},
		{name: "a push by an option", in: Options{CacheTo: []string{"type=registry,ref=x"}}, to: []build.Cache{{Type: "registry", Attrs: map[string]string{"ref": "x"}}}},
		{name: "options replace", yaml: "cache-from: [a], cache-to: ['type=local,dest=../out']", in: Options{CacheFrom: []string{"b"}, CacheTo: []string{"type=inline"}}, from: []build.Cache{{Type: "registry", Attrs: map[string]string{"ref": "b"}}}, to: []build.Cache{{Type: "inline", Attrs: map[string]string{}}}},
		{name: "actions", in: Options{CacheFrom: []string{"type=gha,scope=s"}}, env: token, from: []build.Cache{{Type: "gha", Attrs: map[string]string{"scope": "s", "token": "geheim-token", "url_v2": "https://results"}}}},
		{name: "actions of the project", yaml: "cache-from: [type=gha]", env: token, asks: "the variable ACTIONS_R", hint: "--allow env=ACTIONS_R"},
		{name: "actions elsewhere", in: Options{CacheFrom: []string{"type=gha"}}, asks: "ACTIONS_RUNTIME_TOKEN is not set", hint: "type=local"},
		{name: "another type", in: Options{CacheTo: []string{"type=s3,bucket=b"}}, asks: `--cache-to: type "s3" is not one of registry, local, gha, inline`},
		{name: "inline is not read", in: Options{CacheFrom: []string{"type=inline"}}, asks: `--cache-from: type "inline"`},
		{name: "no folder", in: Options{CacheTo: []string{"type=local,src=x"}}, asks: "--cache-to: type=local needs dest=…"},
		{name: "a word that may be secret", in: Options{CacheTo: []string{"type=gha,geheim"}}, asks: "write type=local,src=FOLDER"},
	} {
		t.Run(c.name, func(t *testing.T) {
			yaml := "variants: [{name: a, " + c.yaml + "}]"
			if c.name == "folders of the project" {
				yaml = "variants: [{name: a, cache-from: 'type=local,src=c', cache-to: ['type=local,dest=c']}]"
				c.from, c.to = local("src", filepath.Join(dir, "c")), local("dest", filepath.Join(dir, "c"))
			}
			if c.yaml == "" {
				yaml = "variants: [{name: a}]"
			}
			if err := os.WriteFile(filepath.Join(dir, project.ConfigName), []byte(yaml), 0o600); err != nil {
				t.Fatal(err)
			}
			p, err := project.Load(dir, "")
			var s *Set
			if err == nil {
				s, err = Read(func(name string) (string, bool) { v, ok := c.env[name]; return v, ok }, p, c.in)
			}
			if c.asks != "" {
				if err == nil || !strings.Contains(err.Error(), c.asks) || !strings.Contains(whittle.Hint(err), c.hint) || strings.Contains(err.Error()+whittle.Hint(err), "geheim") {
					t.Errorf("%v (%s), want %q (%q)", err, whittle.Hint(err), c.asks, c.hint)
				}
				return
			}
			if err != nil {
				t.Fatal(err, whittle.Hint(err))
			}
			var d, trial build.Definition
			s.AddCaches(&d, "a", true)
			s.AddCaches(&trial, "a", false)
			if diff := cmp.Diff([]any{c.from, c.to, c.from}, []any{d.CacheFrom, d.CacheTo, trial.CacheFrom}); diff != "" || trial.CacheTo != nil {
				t.Errorf("(-want +got):\n%s", diff)
			}
			s.AddTo(&d)
			if c.env != nil && !strings.Contains(strings.Join(d.Hidden, " "), "geheim-token") {
				t.Error("the token is not hidden")
			}
		})
	}
}
