package project

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"whittle.dev/whittle"
)

// write makes a folder with the given files.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestDiscover(t *testing.T) {
	dir := write(t, map[string]string{
		"Dockerfile": "", "Dockerfile.wheel": "", "Dockerfile.dockerignore": "", "Dockerfile.wheel.dockerignore": "",
		"slim.Dockerfile": "", "dev.dockerfile": "", "README.md": "", "src/cli.py": "",
		"pyproject.toml": "[project]\nname = \"demo\"\n[project.scripts]\nzeta = \"src.cli:z\"\nalpha = 'src.cli:a'\n",
	})
	p, err := Load(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	want := &Project{
		Dir: dir, Name: "demo", Touch: "src/cli.py", Bases: map[string]string{},
		Variants: []Variant{
			{Name: "original", Dockerfile: "Dockerfile"},
			{Name: "dev", Dockerfile: "dev.dockerfile"},
			{Name: "slim", Dockerfile: "slim.Dockerfile"},
			{Name: "wheel", Dockerfile: "Dockerfile.wheel"},
		},
		Commands: []Command{
			{Name: "alpha", Command: []string{"alpha", "--help"}},
			{Name: "zeta", Command: []string{"zeta", "--help"}},
		},
	}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("project (-want +got):\n%s", diff)
	}
}

func TestConfig(t *testing.T) {
	dir := write(t, map[string]string{
		"Dockerfile": "", "docker/Dockerfile.b": "", "app.py": "",
		"whittle.yaml": `# the project's file
project: shop
bases:
  "python:3.13-slim": oci-layout:../bases/python
variants:
  - name: original
  - name: b
    dockerfile: docker/Dockerfile.b
    target: runtime
    args: {EXTRAS: "a,b"}
run:
  - command: [shop, --help]
requests: [/, {path: /health, port: 8000, status: 204}]
touch: app.py
check:
  names: {cv2: opencv-python-headless, google.cloud.storage: google-cloud-storage}
  ignore: [acme]
  development: [docs]
`,
	})
	p, err := Load(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	want := &Project{
		Dir: dir, Name: "shop", Touch: "app.py",
		Bases: map[string]string{"python:3.13-slim": "oci-layout:" + filepath.Join(filepath.Dir(dir), "bases/python")},
		Variants: []Variant{
			{Name: "original", Dockerfile: "Dockerfile"},
			{Name: "b", Dockerfile: "docker/Dockerfile.b", Target: "runtime", Args: map[string]string{"EXTRAS": "a,b"}},
		},
		Commands:   []Command{{Name: "shop", Command: []string{"shop", "--help"}}},
		Configured: true,
		Requests:   []Request{{Path: "/"}, {Path: "/health", Port: 8000, Status: 204}},
		Check: Check{Names: map[string]string{"cv2": "opencv-python-headless", "google.cloud.storage": "google-cloud-storage"},
			Ignore: []string{"acme"}, Development: []string{"docs"}},
	}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("project (-want +got):\n%s", diff)
	}
	if c, err := ReadCheck(dir); err != nil || !cmp.Equal(want.Check, c) {
		t.Errorf("check: %v, %v", c, err)
	}
	if c, err := ReadCheck(t.TempDir()); err != nil || !cmp.Equal(Check{}, c) {
		t.Errorf("check of a folder without the file: %v, %v", c, err)
	}
}

func TestBadInput(t *testing.T) {
	for _, tc := range []struct {
		name  string
		files map[string]string
		err   string
		hint  string
	}{
		{"no Dockerfile", map[string]string{"app.py": ""}, "has no Dockerfile", "Containerfile"},
		{"unknown key", map[string]string{"Dockerfile": "", "whittle.yaml": "varients: []\n"}, `whittle.yaml:1: unknown key "varients"`, `did you mean "variants"?`},
		{"unknown nested key", map[string]string{"Dockerfile": "", "whittle.yaml": "variants:\n  - name: a\n    dockerfil: Dockerfile\n"}, `whittle.yaml:3: unknown key "dockerfil"`, `did you mean "dockerfile"?`},
		{"far-off key", map[string]string{"Dockerfile": "", "whittle.yaml": "zzzzzzzz: 1\n"}, `unknown key "zzzzzzzz"`, "the keys here are project"},
		{"not YAML", map[string]string{"Dockerfile": "", "whittle.yaml": "a: [\n"}, "whittle.yaml:", ""},
		{"wrong type", map[string]string{"Dockerfile": "", "whittle.yaml": "project: x\nvariants: 3\n"}, "whittle.yaml:2:", ""},
		{"a list", map[string]string{"Dockerfile": "", "whittle.yaml": "- a\n"}, "whittle.yaml:", ""},
		{"duplicate variant", map[string]string{"Dockerfile": "", "whittle.yaml": "variants: [{name: a}, {name: a}]\n"}, "two variants are named a", ""},
		{"name with a slash", map[string]string{"Dockerfile": "", "whittle.yaml": "variants: [{name: ../a}]\n"}, `variant name "../a"`, "letters"},
		{"missing Dockerfile", map[string]string{"whittle.yaml": "variants: [{name: a, dockerfile: D}]\n"}, "no such file", ""},
		{"empty command", map[string]string{"Dockerfile": "", "whittle.yaml": "run: [{name: a}]\n"}, "run 1 has no command", "command:"},
		{"base of another kind", map[string]string{"Dockerfile": "", "whittle.yaml": "bases: {a: docker:b}\n"}, "is not an OCI layout", "oci-layout:PATH"},
		{"names of no module", map[string]string{"Dockerfile": "", "whittle.yaml": "check: {names: {a-b: c}}\n"}, `"a-b" is no module`, "module: distribution"},
		{"names with a version", map[string]string{"Dockerfile": "", "whittle.yaml": "check: {names: {a: 'b>=1'}}\n"}, `"b>=1" is no distribution`, "without a version"},
		{"a request without a slash", map[string]string{"Dockerfile": "", "whittle.yaml": "requests: [health]\n"}, `request 1: the path "health" does not begin with a slash`, "requests:"},
		{"a request that ends a shell's text", map[string]string{"Dockerfile": "", "whittle.yaml": "requests: [/, \"/'; true\"]\n"}, "request 2: the path", "%XX"},
		{"a request of no port", map[string]string{"Dockerfile": "", "whittle.yaml": "requests: [{path: /, port: 70000}]\n"}, "70000 is no TCP port", ""},
		{"a request of no status", map[string]string{"Dockerfile": "", "whittle.yaml": "requests: [{path: /, status: 100}]\n"}, "100 is no final HTTP status", "200 to 599"},
		{"a key of a request", map[string]string{"Dockerfile": "", "whittle.yaml": "requests: [{pth: /}]\n"}, `unknown key "pth"`, `did you mean "path"?`},
		{"touch nothing", map[string]string{"Dockerfile": "", "whittle.yaml": "touch: a.py\n"}, "a.py is not a file", ""},
		{"bad pyproject", map[string]string{"Dockerfile": "", "pyproject.toml": "[project\n"}, "pyproject.toml:1:", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Load(write(t, tc.files), "")
			if err == nil {
				t.Fatal("no error")
			}
			if !errors.Is(err, whittle.ErrUsage) {
				t.Errorf("%v does not wrap ErrUsage", err)
			}
			if !strings.Contains(err.Error(), tc.err) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q, want one line with %q", err, tc.err)
			}
			if !strings.Contains(whittle.Hint(err), tc.hint) {
				t.Errorf("hint %q, want %q", whittle.Hint(err), tc.hint)
			}
		})
	}
}

// TestSchema: the published schema takes what the reader takes, and refuses
// unknown keys as it does.
func TestSchema(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("../../schema/whittle.yaml.json")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("../../examples/inventory/whittle.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, src string
		ok        bool
	}{
		{"the example", string(example), true},
		{"nothing but a name", "project: a", true},
		{"unknown key", "varients: []", false},
		{"unknown nested key", "variants: [{name: a, dockerfil: b}]", false},
		{"name with a slash", "variants: [{name: ../a}]", false},
		{"no command", "run: [{name: a}]", false},
		{"base of another kind", "bases: {a: 'docker:b'}", false},
		{"names", "check: {names: {cv2: opencv-python}, ignore: [a], development: [b]}", true},
		{"names with a version", "check: {names: {cv2: 'opencv-python>=4'}}", false},
		{"requests", "requests: [/, {path: '/a?b=c', port: 80, status: 401}]", true},
		{"a request with a blank", "requests: ['/a b']", false},
		{"a request without a path", "requests: [{port: 80}]", false},
		{"a key of check", "check: {name: {}}", false},
		{"a gate", "gate: {baseline: 'git:main', budgets: [{on: download, max: 350MB}, {on: size, grow: 1%, grow_min: 2MB}, {on: wasted, max: 5 MB, except: base}, {on: package, name: pyarrow, max: 180MB}, " +
			"{on: directory, path: /app, max: 20MB}, {on: new-package, min: 10MB}, {on: layers, max: 12}, {on: startup, max: 1.5s, grow: 10%}, {on: files, max: 100}], check: unknown-too, " +
			"findings: {fail: {risk: low, saves: 20MB}, warn: {saves: 5000000}}, informational: true}", true},
		{"a budget on nothing", "gate: {budgets: [{max: 3MB}]}", false},
		{"a budget on something else", "gate: {budgets: [{on: sise, max: 3MB}]}", false},
		{"a budget without a bound", "gate: {budgets: [{on: size}]}", false},
		{"grow_min alone", "gate: {budgets: [{on: size, max: 3MB, grow_min: 1MB}]}", false},
		{"a package without a name", "gate: {budgets: [{on: package, max: 3MB}]}", false},
		{"a path of another folder", "gate: {budgets: [{on: directory, path: app, max: 3MB}]}", false},
		{"no layers", "gate: {budgets: [{on: layers, max: 1MB}]}", false},
		{"no size", "gate: {budgets: [{on: size, max: many}]}", false},
		{"a name of size", "gate: {budgets: [{on: size, name: a, max: 1MB}]}", false},
		{"another exception", "gate: {budgets: [{on: size, max: 1MB, except: app}]}", false},
		{"another check", "gate: {check: maybe}", false},
		{"another risk", "gate: {findings: {fail: {risk: lo}}}", false},
		{"ignores", "ignore: [{rule: python-tests, path: '**/pandas/**', reason: 'df.testing runs', until: '2027-03-01'}]", true},
		{"an ignore without a reason", "ignore: [{rule: python-tests}]", false},
		{"an ignore with no day", "ignore: [{rule: python-tests, reason: a, until: '2027-3'}]", false},
	} {
		var doc any
		if err := yaml.Unmarshal([]byte(tc.src), &doc); err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(doc); (err == nil) != tc.ok {
			t.Errorf("%s: the schema says %v", tc.name, err)
		}
		c, err := parse("whittle.yaml", []byte(tc.src))
		if err == nil {
			_, err = resolveBases(c.Bases, ".")
		}
		if (err == nil) != tc.ok {
			t.Errorf("%s: the reader says %v", tc.name, err)
		}
	}
}

// TestDay: the last day of an ignore needs no quotes.
func TestDay(t *testing.T) {
	c, err := parse("whittle.yaml", []byte("ignore: [{rule: a, reason: b, until: 2027-03-01}]"))
	if err != nil || c.Ignore[0].Until != "2027-03-01" {
		t.Errorf("%+v, %v", c.Ignore, err)
	}
	_, err = parse("whittle.yaml", []byte("gate: {budgets: [{on: size, max: 1MB}, {on: sise, max: 1MB}]}"))
	if err == nil || !strings.HasPrefix(err.Error(), "whittle.yaml:1: gate.budgets[1]: on is \"sise\"") || whittle.Hint(err) != `did you mean "size"?` {
		t.Errorf("%v (%s)", err, whittle.Hint(err))
	}
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte("project: a\nvariants: [{name: b}]\n"))
	f.Add([]byte("a: &a [*a]\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		if _, err := parse("whittle.yaml", src); err != nil && !errors.Is(err, whittle.ErrUsage) {
			t.Errorf("%v does not wrap ErrUsage", err)
		}
	})
}

// TestTable: the settings in pyproject.toml are those of whittle.yaml.
func TestTable(t *testing.T) {
	dir := write(t, map[string]string{"Dockerfile": "", "dockerfile": "", "a.py": "", "pyproject.toml": `[project]
name = "shop"
[tool.whittle]
touch = "a.py"
run = [{name = "x", command = ["x", "--help"]}]
[[tool.whittle.variants]]
name = "original"
args = {A = "1"}
[tool.whittle.bases]
"python:3.13" = "oci-layout:base"
`})
	p, err := Load(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	want := &Project{Dir: dir, Name: "shop", Touch: "a.py", Bases: map[string]string{"python:3.13": "oci-layout:" + filepath.Join(dir, "base")}, Configured: true,
		Variants: []Variant{{Name: "original", Dockerfile: "Dockerfile", Args: map[string]string{"A": "1"}}},
		Commands: []Command{{Name: "x", Command: []string{"x", "--help"}}}}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("project (-want +got):\n%s", diff)
	}
	// BuildKit takes a dockerfile where there is no Dockerfile only.
	for files, want := range map[string]string{"Dockerfile dockerfile": "Dockerfile", "dockerfile": "dockerfile"} {
		lies := map[string]string{}
		for name := range strings.FieldsSeq(files) {
			lies[name] = ""
		}
		p, err := Load(write(t, lies), "")
		if err != nil || len(p.Variants) != 1 || p.Variants[0].Dockerfile != want || p.Variants[0].Name != want {
			t.Errorf("%s: %+v, %v", files, p, err)
		}
	}
}

// TestVariantPlatform: a platform may have any spelling, and has one afterwards.
func TestVariantPlatform(t *testing.T) {
	for text, want := range map[string]string{"arm64": "linux/arm64", "linux/arm64/v8": "linux/arm64", "aarch64": "linux/arm64", "x86_64": "linux/amd64", "amd64": "linux/amd64", "arm/v7": "linux/arm/v7",
		"Linux/ARM64": "linux/arm64", "windows/amd64": "", "arm65": "", "linux/": ""} {
		dir := write(t, map[string]string{"Dockerfile": "FROM scratch\n", "whittle.yaml": "variants: [{name: a, platform: " + text + "}]\n"})
		p, err := Load(dir, "")
		if (err != nil) != (want == "") || err == nil && p.Variants[0].Platform != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// TestTableLines: what is wrong in [tool.whittle] has the line of pyproject.toml, however
// the table is written.
func TestTableLines(t *testing.T) {
	for table, want := range map[string]string{
		"[tool.whittle]\nvarients = []\n":                                                                   `pyproject.toml:4: unknown key "varients"`,
		"[tool.whittle]\nproject = \"x\"\n[tool.whittle.gate]\nbaselin = \"none\"\n":                        `pyproject.toml:6: unknown key "baselin"`,
		"[tool.whittle.gate]\nbudgets = [\n  {on = \"size\", max = 1},\n  {on = \"size\", maxx = 1},\n]\n":  `pyproject.toml:6: unknown key "maxx"`,
		"[tool]\nwhittle.gate.chek = \"off\"\n":                                                             `pyproject.toml:4: unknown key "chek"`,
		"[[tool.whittle.variants]]\nname = \"a\"\n[[tool.whittle.variants]]\nname = \"b\"\ntarge = \"x\"\n": `pyproject.toml:7: unknown key "targe"`,
		"[tool.whittle]\n\ntouch = [1]\n":                                                                   `pyproject.toml:5: `,
		"[tool.whittle]\nvariants = [{name = \"a b\"}]\n":                                                   `pyproject.toml: [tool.whittle]: the variant name "a b" is not valid`,
	} {
		dir := write(t, map[string]string{"Dockerfile": "FROM scratch\n", "pyproject.toml": "[project]\nname = \"x\"\n" + table})
		if _, err := Load(dir, ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q in it", table, err, want)
		}
	}
}
