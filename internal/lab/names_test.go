package lab

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/resolve"
)

// oneImage opens one image by any name.
type oneImage struct{ whittle.Image }

func (i oneImage) Open(context.Context, string) (whittle.Image, error) { return i.Image, nil }

// anyIndex has a distribution for every name. Its wheels have the files that
// has says, or, where has is nil, every module that they are asked for.
type anyIndex struct {
	has   map[string][]string
	every []string
	asked map[string]bool
}

func (x *anyIndex) Files(_ context.Context, name string) ([]whittle.IndexFile, error) {
	if x.asked == nil {
		x.asked = map[string]bool{}
	}
	x.asked[name] = true
	if x.has != nil && x.has[name] == nil {
		return nil, fmt.Errorf("no %s: %w", name, whittle.ErrNotFound)
	}
	return []whittle.IndexFile{{Name: strings.ReplaceAll(name, "-", "_") + "-1.5-py3-none-any.whl"}}, nil
}

func (x *anyIndex) Metadata(context.Context, whittle.IndexFile) ([]byte, error) {
	return nil, fmt.Errorf("none: %w", whittle.ErrNotFound)
}

func (x *anyIndex) Members(_ context.Context, f whittle.IndexFile) ([]whittle.WheelMember, error) {
	name, _, _ := strings.Cut(f.Name, "-")
	files := x.every
	if x.has != nil {
		files = x.has[pep.Normalize(name)]
	}
	var out []whittle.WheelMember
	for _, p := range files {
		out = append(out, whittle.WheelMember{Path: p})
	}
	return out, nil
}

// interpreter is the head of an ELF program for this machine.
func interpreter() string {
	b := make([]byte, 64)
	copy(b, "\x7fELF\x02\x01\x01")
	for _, f := range []struct {
		at    int
		value uint16
	}{{16, 2}, {18, 62}, {20, 1}, {52, 64}, {54, 56}, {58, 64}} {
		binary.LittleEndian.PutUint16(b[f.at:], f.value)
	}
	return string(b)
}

// layProject writes a project's files to a folder, and gives them as a layer
// that copies them to /app.
func layProject(t *testing.T, files map[string]string) (dir, layer string) {
	t.Helper()
	dir = t.TempDir()
	var app strings.Builder
	for name, text := range files {
		at := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&app, "f %s %s\n", strconv.Quote("app/"+name), strconv.Quote(text))
	}
	return dir, app.String()
}

// adviseOn asks the rules about dependencies that are missing for an image of
// a project that is copied whole; it gives the findings and the folder.
func adviseOn(t *testing.T, files map[string]string, index resolve.Index) []whittle.Finding {
	t.Helper()
	files["Dockerfile"] = "FROM python:3.13-slim\nWORKDIR /app\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\nCOPY . .\nCMD [\"python3.13\", \"main.py\"]\n"
	files["requirements.txt"] = "six\n"
	dir, app := layProject(t, files)
	base := fmt.Sprintf("f usr/local/bin/python3.13 %s mode=0755\nf usr/local/lib/python3.13/os.py \"import sys\"\nf usr/local/lib/python3.13/site.py \"\"\n", strconv.Quote(interpreter()))
	img := imagetest.New(t, imagetest.Plain, base, app)
	img.Conf.Architecture, img.Conf.OS = "amd64", "linux"
	img.Conf.Config = whittle.Process{WorkingDir: "/app", Cmd: []string{"/usr/local/bin/python3.13", "main.py"}}
	env := &host.Env{Images: oneImage{img}, Packages: index}
	source, err := os.ReadFile(filepath.Join(dir, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	o := audit.AdviseOptions{InspectOptions: audit.InspectOptions{Dockerfile: "Dockerfile", Source: source}, Project: dir, Only: []string{"undeclared-dependency", "missing-source"}}
	a, err := audit.Advise(t.Context(), env, "image", o)
	if err != nil {
		t.Fatal(err)
	}
	return a.Findings
}

// TestFixesOwnImports: a thousand imports of what the project has somewhere
// come to no edit, whatever the index has under those names.
func TestFixesOwnImports(t *testing.T) {
	r := rand.New(rand.NewPCG(2026, 12))
	folders := []string{"src", "lib", "backend", "scripts", "server/app", "src/dashboard", "packages/web/src"}
	index := &anyIndex{every: []string{"utils/__init__.py", "utils/state.py"}}
	for range 20 {
		files, main := map[string]string{}, "import os\n"
		for i := range 50 {
			name := []string{"utils", "config", "db", "routers", "agents", "state", "core"}[r.IntN(7)]
			if r.IntN(4) > 0 {
				name += strconv.Itoa(i)
			}
			at := folders[r.IntN(len(folders))] + "/" + name
			switch r.IntN(3) {
			case 0:
				files[at+".py"], main = "", main+"import "+name+"\n"
			case 1:
				files[at+"/__init__.py"], main = "", main+"from "+name+".state import x\n"
			default:
				files[at+"/state.py"], main = "x = 1\n", main+"import "+name+".state\n"
			}
		}
		files["main.py"] = main
		for _, f := range adviseOn(t, files, index) {
			if f.Rule == "undeclared-dependency" || f.Fix != nil {
				t.Errorf("%s: %s; fix: %+v", f.Rule, f.Message, f.Fix)
			}
		}
	}
	if len(index.asked) > 0 {
		t.Errorf("the index was asked about %v", index.asked)
	}
}

// TestFixesOfWheels: a project that imports modules of wheels whose
// distribution has another name, and declares none of them, gets the right
// distribution, or none; with and without an index.
func TestFixesOfWheels(t *testing.T) {
	b, err := os.ReadFile("../python/testdata/names/wheels.tsv")
	if err != nil {
		t.Fatal(err)
	}
	has, main, imports := map[string][]string{}, "", 0
	for line := range strings.Lines(string(b)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		if len(f) != 3 || strings.HasPrefix(line, "#") {
			continue
		}
		has[f[0]] = strings.Fields(f[2])
		for _, file := range has[f[0]] {
			if module, ok := strings.CutSuffix(strings.TrimSuffix(file, "/__init__.py"), ".py"); (ok || strings.HasSuffix(file, "/__init__.py")) && !strings.ContainsAny(module, "-.") {
				main += "import " + strings.ReplaceAll(module, "/", ".") + "\n"
				imports++
			}
		}
	}
	for name, index := range map[string]resolve.Index{"no index": nil, "an index": &anyIndex{has: has}} {
		right := 0
		for _, f := range adviseOn(t, map[string]string{"main.py": main}, index) {
			if f.Fix == nil {
				continue
			}
			requirement, ok := strings.CutPrefix(f.Fix.Title, "declare ")
			dist, _, _ := strings.Cut(requirement, ">")
			module := f.Evidence[0].What[len("import of "):]
			if !ok || !slices.ContainsFunc(has[dist], func(file string) bool {
				return strings.HasPrefix(strings.ReplaceAll(file, "/", "."), module+".")
			}) {
				t.Errorf("%s: %s for %s: %s", name, f.Fix.Title, module, f.Message)
			}
			right++
		}
		if right < 90 {
			t.Errorf("%s: only %d distributions are declared", name, right)
		}
		t.Logf("%s: %d imports of %d distributions: %d declared, 0 wrong", name, imports, len(has), right)
	}
}

// TestFixesNamed: what a project imports, and what is declared for it.
func TestFixesNamed(t *testing.T) {
	hostile := &anyIndex{every: []string{"utils/__init__.py", "utils/state.py", "snappy/__init__.py", "rest_framework_simplejwt/tokens.py", "rich/__init__.py", "yaml/__init__.py",
		"google/genai/__init__.py", "agents/__init__.py", "config/__init__.py"}}
	for _, tt := range []struct {
		name, main string
		files      map[string]string
		index      resolve.Index
		want       []string
	}{
		{"a page's helper", "from utils.state import x\n", map[string]string{"src/dashboard/utils/state.py": "x = 1\n"}, hostile, nil},
		{"nobody's", "import utils, config, db, routers\n", nil, hostile, nil},
		{"several have it", "import snappy, ninja, agents, cv2, jwt\n", nil, hostile, nil},
		{"a namespace", "from google import genai\n", nil, hostile, []string{"declare google-genai>=1,<2"}},
		{"the distribution of a module below", "from rest_framework_simplejwt.tokens import RefreshToken\n", nil, hostile, []string{"declare djangorestframework-simplejwt>=1,<2"}},
		{"an index that does not answer", "import yaml\n", nil, nil, []string{"declare pyyaml"}},
		{"a wheel that does not have it", "import yaml\n", nil, &anyIndex{every: []string{"other.py"}}, nil},
		{"the configuration says it", "import acme\n", map[string]string{"whittle.yaml": "check: {names: {acme: acme-core}}\n"}, hostile, []string{"declare acme-core>=1,<2"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := map[string]string{"main.py": tt.main}
			for name, text := range tt.files {
				files[name] = text
			}
			var got []string
			for _, f := range adviseOn(t, files, tt.index) {
				if f.Fix != nil {
					got = append(got, f.Fix.Title)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}
