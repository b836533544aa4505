package project

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var updateBuilds = flag.Bool("update", false, "ask buildx's module (tools/bake) what the files build")

// target is a target as buildx prints it.
type target struct {
	Context    string
	Dockerfile string
	Inline     string `json:"dockerfile-inline"`
	Target     string
	Args       map[string]string
	Contexts   map[string]string
	Platforms  []string
	Secret     []map[string]string
	SSH        []map[string]any
}

// TestBuilds: compose and Bake files give the variants that `docker buildx bake
// --print` prints as targets. The section bake of each case is what buildx's own
// module says; skipped names the targets that whittle does not build.
func TestBuilds(t *testing.T) {
	cases, err := filepath.Glob("testdata/builds/*.txtar")
	if err != nil || len(cases) < 30 {
		t.Fatal(len(cases), err)
	}
	for _, file := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			files, meta := map[string]string{}, map[string]string{}
			for _, f := range archive.Files {
				if slices.Contains([]string{"bake", "files", "skipped"}, f.Name) {
					meta[f.Name] = string(f.Data)
				} else {
					files[f.Name] = string(f.Data)
				}
			}
			dir := write(t, files)
			if *updateBuilds {
				meta["bake"] = askBake(t, dir, strings.Fields(meta["files"]))
				archive.Files = append(slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return f.Name == "bake" }), txtar.File{Name: "bake", Data: []byte(meta["bake"])})
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			var want struct {
				Group  map[string]struct{ Targets []string }
				Target map[string]target
			}
			if err := json.Unmarshal([]byte(meta["bake"]), &want); err != nil {
				t.Fatal(err)
			}
			p, err := Load(dir, "")
			if err != nil {
				t.Fatal(err)
			}
			compareBuilds(t, p, want.Target, strings.Fields(meta["skipped"]))
		})
	}
}

// askBake runs buildx's module.
func askBake(t *testing.T, dir string, files []string) string {
	t.Helper()
	tool := os.Getenv("WHITTLE_BAKE")
	if tool == "" {
		t.Fatal("WHITTLE_BAKE is to name the program of tools/bake")
	}
	c := exec.Command(tool, files...)
	c.Stderr = os.Stderr
	c.Dir, c.Env = dir, []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// compareBuilds compares variants with targets.
func compareBuilds(t *testing.T, p *Project, want map[string]target, skipped []string) {
	t.Helper()
	variants := map[string]Variant{}
	for _, v := range p.Variants {
		if len(v.Starts) == 0 {
			variants[v.Name] = v
		}
		for _, s := range v.Starts {
			variants[s.Name] = v
		}
	}
	for name := range variants {
		if _, ok := want[name]; !ok && !strings.Contains(name, ".") {
			t.Errorf("%s is a variant and no target", name)
		}
	}
	for name := range want {
		note := slices.ContainsFunc(p.Notes, func(n string) bool {
			return strings.HasPrefix(n, "service "+name+" ") || strings.HasPrefix(n, "target "+name+" ")
		})
		v, ok := variants[name]
		if !ok { // buildx has _ for a dot
			v, ok = variants[strings.ReplaceAll(name, "_", ".")]
		}
		if slices.Contains(skipped, name) != note || ok == note {
			t.Errorf("%s: variant %v, noted %v (%q)", name, ok, note, p.Notes)
		}
		if !ok {
			continue
		}
		compareBuild(t, p, name, v, want)
	}
	if t.Failed() {
		t.Logf("variants %+v\nnotes %q", p.Variants, p.Notes)
	}
}

// compareBuild compares a variant, and those that it is made of, with a target.
func compareBuild(t *testing.T, p *Project, name string, v Variant, want map[string]target) {
	t.Helper()
	w := want[name]
	context := func(name string) string {
		switch {
		case strings.Contains(name, "://"), strings.HasPrefix(name, "target:"):
			return name
		case !filepath.IsAbs(name):
			name = filepath.Join(p.Dir, name)
		}
		rel, _ := filepath.Rel(p.Dir, name)
		return rel
	}
	got := target{Context: context(v.Context), Dockerfile: v.Dockerfile, Inline: string(v.Inline), Target: v.Target, Args: v.Args, Platforms: []string{v.Platform}}
	if rel, err := filepath.Rel(v.Context, v.Dockerfile); err == nil && !filepath.IsAbs(v.Context) {
		got.Dockerfile = rel
	}
	if v.Inline != nil {
		got.Dockerfile = w.Dockerfile
	}
	for name, c := range v.Contexts {
		if got.Contexts == nil {
			got.Contexts = map[string]string{}
		}
		got.Contexts[name] = context(c)
	}
	for name, below := range v.Builds {
		if got.Contexts == nil {
			got.Contexts = map[string]string{}
		}
		got.Contexts[name] = "target:" + below.Name
		compareBuild(t, p, below.Name, *below, want)
	}
	w.Context = context(w.Context)
	for k, arg := range w.Args { // what is printed is to be read as HCL again
		w.Args[k] = strings.ReplaceAll(arg, "$${", "${")
	}
	for name, c := range w.Contexts {
		w.Contexts[name] = context(c)
	}
	platform, err := platformOf(w.Platforms)
	if err != nil {
		t.Error(err)
	}
	secrets, agents := w.Secret, w.SSH
	w.Platforms, w.Secret, w.SSH = []string{platform}, nil, nil
	if diff := cmp.Diff(w, got); diff != "" {
		t.Errorf("%s (-buildx +whittle):\n%s", name, diff)
	}
	for _, s := range secrets {
		if !slices.ContainsFunc(p.Secrets, func(o Secret) bool {
			return o.ID == s["id"] && (o.Env == s["env"] || s["src"] != "" || s["env"] == "" && o.Env == o.ID) && (s["src"] == "" || context(o.File) == context(s["src"]))
		}) {
			t.Errorf("%s: no secret %v in %v", name, s, p.Secrets)
		}
	}
	for _, s := range agents {
		if !slices.ContainsFunc(p.SSH, func(o SSH) bool {
			paths := []any{}
			for _, path := range o.Paths {
				paths = append(paths, context(path))
			}
			theirs := []any{}
			if list, ok := s["paths"].([]any); ok {
				for _, path := range list {
					theirs = append(theirs, context(fmt.Sprint(path)))
				}
			}
			return o.ID == s["id"] && cmp.Equal(paths, theirs)
		}) {
			t.Errorf("%s: no agent %v in %v", name, s, p.SSH)
		}
	}
}
