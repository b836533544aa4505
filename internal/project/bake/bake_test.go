package bake

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"whittle.dev/whittle"
)

func read(t testing.TB, name, text string, lookup func(string) (string, bool), targets ...string) ([]Target, error) {
	t.Helper()
	dir := whittle.WithoutLinks(t.TempDir())
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Read(t.Context(), Options{Dir: dir, Files: Find(dir), Targets: targets, Lookup: lookup, Read: whittle.ReadFile})
}

func unset(string) (string, bool) { return "", false }

// FuzzRead: whatever a Bake file has, reading it ends soon, with targets that have
// names or an error of one line.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"target \"default\" { args = { A = \"1\" } }", "group \"default\" { targets = [\"a\"] }\ntarget \"a\" { inherits = [\"b\"] }\ntarget \"b\" {}",
		"variable \"A\" { default = \"x\" }\ntarget \"default\" {\n args = { A = \"${A}-y\" }\n secret = [\"id=a\"]\n ssh = [\"default\"]\n}",
		"target \"default\" {\n name = \"a-${x}\"\n matrix = { x = [\"1\", \"2\"] }\n args = { X = x }\n}",
		"function \"f\" {\n params = [a]\n result = upper(a)\n}\ntarget \"default\" { args = { A = f(\"b\") } }",
		"target \"a\" { inherits = [\"b\"] }\ntarget \"b\" { inherits = [\"a\"] }", `{"target": {"default": {"secret": [{"id": 3}], "ssh": [null, []]}}}`,
	} {
		f.Add(seed, strings.HasPrefix(seed, "{"))
	}
	f.Fuzz(func(t *testing.T, text string, json bool) {
		name := map[bool]string{false: "docker-bake.hcl", true: "docker-bake.json"}[json]
		began := time.Now()
		targets, err := read(t, name, text, unset)
		if took := time.Since(began); took > 20*time.Second {
			t.Fatalf("it took %v", took)
		}
		if err != nil {
			if !errors.Is(err, whittle.ErrUsage) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("%q", err)
			}
			return
		}
		for _, one := range targets {
			if one.Dockerfile == "" && one.Context == "" && one.Name == "" {
				t.Fatalf("%+v", one)
			}
		}
	})
}

// TestRead: targets by name, variables of the environment, and what is no target.
func TestRead(t *testing.T) {
	const text = `variable "A" { default = "a" }
variable "B" { default = "b" }
group "default" { targets = ["web"] }
group "all" { targets = ["web", "api"] }
target "web" { args = { A = A } }
target "api" { inherits = ["web"] }
target "ring" { inherits = ["ring"] }
`
	var asked []string
	lookup := func(name string) (string, bool) {
		asked = append(asked, name)
		return "of the environment", name == "A"
	}
	targets, err := read(t, "docker-bake.hcl", text, lookup, "all")
	if err != nil || len(targets) != 2 || targets[0].Name != "web" || targets[1].Name != "api" || targets[1].Args["A"] != "of the environment" {
		t.Errorf("%+v %v", targets, err)
	}
	for _, name := range asked {
		if !slices.Contains([]string{"A", "B"}, strings.TrimSuffix(name, "_JSON")) {
			t.Errorf("the variable %s was asked for, which the file does not declare", name)
		}
	}
	for name, want := range map[string]string{"ring": "the target ring inherits from itself", "none": "there is no target none"} {
		if _, err := read(t, "docker-bake.hcl", text, unset, name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	for _, bad := range []string{`target "default" {`, `target "default" { args = [1] }`, `target "default" { args = { A = NOWHERE } }`} {
		if _, err := read(t, "docker-bake.hcl", bad, unset); !errors.Is(err, whittle.ErrUsage) || !strings.Contains(err.Error(), "docker-bake.hcl:1: ") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// TestBounds: variables that grow by each other, and large matrices, are left.
func TestBounds(t *testing.T) {
	text := "v0 = \"0123456789abcdef\"\n"
	for i := range 25 {
		text += fmt.Sprintf("v%d = \"${v%d}${v%d}\"\n", i+1, i, i)
	}
	_, err := read(t, "docker-bake.hcl", text+"target \"default\" { args = { A = v25 } }\n", unset)
	if !errors.Is(err, whittle.ErrLimit) || !errors.Is(err, whittle.ErrUsage) {
		t.Errorf("%v", err)
	}
	_, err = read(t, "docker-bake.hcl", `target "default" {
  name = "a-${x}-${y}"
  matrix = { x = range(100), y = range(100) }
}`, unset)
	if err == nil || !strings.Contains(err.Error(), "more than 500 targets") {
		t.Errorf("%v", err)
	}
}
