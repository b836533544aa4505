package project

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

const (
	keysPage  = "../../docs/reference/whittle-yaml.md"
	keysBegin = "<!-- Made from schema/whittle.yaml.json by: go test ./internal/project -run TestKeysPage -update -->\n"
	keysEnd   = "<!-- end -->\n"
)

// described is a part of the JSON schema.
type described struct {
	Ref                  string                `json:"$ref"`
	Type                 any                   `json:"type"`
	Description          string                `json:"description"`
	Enum                 []any                 `json:"enum"`
	Const                any                   `json:"const"`
	Properties           map[string]*described `json:"properties"`
	Required             []string              `json:"required"`
	Items                *described            `json:"items"`
	AdditionalProperties json.RawMessage       `json:"additionalProperties"`
	AnyOf                []*described          `json:"anyOf"`
	OneOf                []*described          `json:"oneOf"`
	Defs                 map[string]*described `json:"$defs"`
}

// kind says in a few words what a value is.
func (d *described) kind(defs map[string]*described) string {
	d = d.resolved(defs)
	switch t := d.Type.(type) {
	case string:
		if t == "array" && d.Items != nil {
			return "list of " + d.Items.kind(defs)
		}
		return map[string]string{"object": "mapping", "string": "text", "integer": "number", "boolean": "true or false"}[t] + map[bool]string{true: t}[t == "number" || t == "array"]
	case []any:
		var all []string
		for _, one := range t {
			all = append(all, (&described{Type: one}).kind(defs))
		}
		return strings.Join(all, " or ")
	}
	var all []string
	for _, one := range slices.Concat(d.AnyOf, d.OneOf) {
		if k := one.kind(defs); k != "" && !slices.Contains(all, k) {
			all = append(all, k)
		}
	}
	if len(d.Enum) > 0 || d.Const != nil {
		return "text"
	}
	return strings.Join(all, " or ")
}

func (d *described) resolved(defs map[string]*described) *described {
	name, ok := strings.CutPrefix(d.Ref, "#/$defs/")
	if !ok || defs[name] == nil {
		return d
	}
	out := *defs[name]
	if d.Description != "" {
		out.Description = d.Description
	}
	return &out
}

// keyRow is what is said of a key: by each alternative of the schema that has it.
type keyRow struct{ kinds, words, abouts []string }

// keyRows are those of all keys, by their paths.
type keyRows map[string]*keyRow

func add(to *[]string, s string) {
	if s != "" && !slices.Contains(*to, s) {
		*to = append(*to, s)
	}
}

// collect notes each key, and those below it; choice says that d is one of several.
func (r keyRows) collect(d *described, path string, defs map[string]*described, choice bool) {
	d = d.resolved(defs)
	for key, one := range d.Properties {
		one = one.resolved(defs)
		row := r[path+key]
		if row == nil {
			row = &keyRow{}
			r[path+key] = row
		}
		add(&row.kinds, one.kind(defs))
		for _, w := range append(slices.Clone(one.Enum), one.Const) {
			if w != nil {
				add(&row.words, fmt.Sprintf("`%v`", w))
			}
		}
		add(&row.abouts, one.Description)
		if slices.Contains(d.Required, key) && !choice {
			add(&row.abouts, "Has to be there.")
		}
		r.collect(one, path+key+".", defs, false)
	}
	for _, one := range slices.Concat(d.AnyOf, d.OneOf) {
		r.collect(one, path, defs, true)
	}
	if d.Items != nil {
		r.collect(d.Items, strings.TrimSuffix(path, ".")+"[].", defs, false)
	}
	var values described
	if len(d.AdditionalProperties) > 0 && json.Unmarshal(d.AdditionalProperties, &values) == nil {
		r.collect(&values, path+"NAME.", defs, false)
	}
}

func (r keyRows) write(b *strings.Builder) {
	for _, path := range slices.Sorted(maps.Keys(r)) {
		row := r[path]
		slices.Sort(row.words)
		slices.Sort(row.kinds)
		about := strings.Join(row.abouts, " ")
		if len(row.words) > 0 {
			about = strings.TrimSpace(about + " One of " + strings.Join(row.words, ", ") + ".")
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", path, strings.Join(row.kinds, " or "), strings.NewReplacer("|", `\|`, "<", `\<`, "*", `\*`).Replace(about))
	}
}

// TestKeysPage: the list of keys in the reference is what the schema says.
func TestKeysPage(t *testing.T) {
	raw, err := os.ReadFile("../../schema/whittle.yaml.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema described
	if err := json.Unmarshal(raw, &schema); err != nil {
		t.Fatal(err)
	}
	for _, key := range keys("") {
		if p := schema.Properties[key]; p == nil || p.resolved(schema.Defs).Description == "" {
			t.Errorf("the schema does not describe %s", key)
		}
	}
	var b strings.Builder
	b.WriteString(keysBegin + "\n| key | value | |\n|---|---|---|\n")
	all := keyRows{}
	all.collect(&schema, "", schema.Defs, false)
	all.write(&b)
	b.WriteString("\n" + keysEnd)
	page, err := os.ReadFile(keysPage)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(page), keysBegin)
	_, tail, ended := strings.Cut(rest, keysEnd)
	if !ok || !ended {
		t.Fatalf("%s has no place for the keys", keysPage)
	}
	want := head + b.String() + tail
	if *updateBuilds {
		if err := os.WriteFile(keysPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(page) != want {
		t.Errorf("%s is not what the schema says: go test ./internal/project -run TestKeysPage -update", keysPage)
	}
}
