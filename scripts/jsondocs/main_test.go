package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPage: the page is what the schemas say.
func TestPage(t *testing.T) {
	want, err := render("../../schema")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join("../..", page))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is out of date: go run ./scripts/jsondocs -w\n%s", page, cmp.Diff(string(got), string(want)))
	}
}

// TestKinds: each kind that the code names has a schema.
func TestKinds(t *testing.T) {
	named := regexp.MustCompile(`"whittle\.([a-z-]+)/(v\d+)"`)
	files, err := filepath.Glob("../../*.go")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("../../cmd/whittle/*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range append(files, more...) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range named.FindAllStringSubmatch(string(text), -1) {
			found++
			if _, err := os.Stat(filepath.Join("../../schema", m[1]+"."+m[2]+".json")); err != nil {
				t.Errorf("%s: %s has no schema", file, m[0])
			}
		}
	}
	if found < 15 {
		t.Errorf("%d kinds", found)
	}
}

// TestRender: keys in their order, objects in lists, what may be missing, what is
// there a second time, and other schemas.
func TestRender(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.v1.json": `{"title": "whittle a", "properties": {"schema": {"const": "whittle.a/v1"}, "z": {"type": "array", "items": {"$ref": "#/$defs/row"}}, "b": {"oneOf": [{"$ref": "#/$defs/row"}, {"type": "null"}], "description": "x | y"},
			"m": {"type": "object", "additionalProperties": {"type": "integer"}}}, "required": ["schema", "z"], "$defs": {"row": {"properties": {"n": {"enum": ["p", "q"]}}}}}`,
		"b.v2.json": `{"title": "whittle b", "properties": {"schema": {"const": "whittle.b/v2"}, "row": {"$ref": "a.v1.json#/$defs/row"}}, "required": ["row"]}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := render(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, got, _ := strings.Cut(string(text), "## whittle.a/v1\n\n")
	want := "| key | type | |\n|---|---|---|\n| `schema` | `\"whittle.a/v1\"` |  |\n| `z` | list of object |  |\n| `z[].n` | `\"p\"`, `\"q\"` | May be missing. |\n" +
		"| `b` | object or null, as `z[]` | May be missing. x \\| y |\n| `m` | object, each value integer | May be missing. |\n\n" +
		"## whittle.b/v2\n\n| key | type | |\n|---|---|---|\n| `schema` | `\"whittle.b/v2\"` | May be missing. |\n| `row` | row of [whittle.a/v1](#whittleav1) |  |\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
