// Command jsondocs makes docs/reference/json.md from the JSON Schemas in schema/ and
// from head.md:
//
//	go run ./scripts/jsondocs       # fails if the page is out of date
//	go run ./scripts/jsondocs -w    # writes it
package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed head.md
var head string

const page = "docs/reference/json.md"

func main() {
	log.SetFlags(0)
	log.SetPrefix("jsondocs: ")
	write := flag.Bool("w", false, "write the page")
	flag.Parse()
	text, err := render("schema")
	if err != nil {
		log.Fatal(err)
	}
	if *write {
		if err := os.WriteFile(page, text, 0o644); err != nil {
			log.Fatal(err)
		}
		return
	}
	if is, err := os.ReadFile(page); err != nil || !bytes.Equal(is, text) {
		log.Fatalf("%s is not what the schemas say; to make it again: go run ./scripts/jsondocs -w", page)
	}
}

// kind is a schema and its name, "whittle.gate/v1".
type kind struct {
	name, file string
	root       *node
}

// render makes the page from the schemas of a folder, but for that of whittle.yaml.
func render(dir string) ([]byte, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.v[0-9]*.json"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("%s has no schemas: %w", dir, errors.Join(err, os.ErrNotExist))
	}
	var kinds []kind
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		root, err := parse(text)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", file, err)
		}
		name := strings.Trim(root.at("properties", "schema", "const").scalar(), `"`)
		if base := filepath.Base(file); name != "whittle."+strings.Replace(strings.TrimSuffix(base, ".json"), ".v", "/v", 1) {
			return nil, fmt.Errorf("%s is the schema of %q", file, name)
		}
		kinds = append(kinds, kind{name, filepath.Base(file), root})
	}
	var b strings.Builder
	b.WriteString("<!-- Made by `go run ./scripts/jsondocs -w` from schema/. Change the schemas, not this page. -->\n\n" + head)
	b.WriteString("\n## All kinds\n\n| `schema` | printed by | file |\n|---|---|---|\n")
	for _, k := range kinds {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s | [%s](../../schema/%[4]s) |\n", k.name, anchor(k.name), cell(strings.Trim(k.root.at("title").scalar(), `"`)), k.file)
	}
	for _, k := range kinds {
		fmt.Fprintf(&b, "\n## %s\n\n| key | type | |\n|---|---|---|\n", k.name)
		t := table{b: &b, root: k.root, kinds: kinds, above: map[*node]string{}}
		t.properties("", k.root)
	}
	return []byte(b.String()), nil
}

// table writes the keys of a schema, those of objects in it below them.
type table struct {
	b     *strings.Builder
	root  *node
	kinds []kind
	above map[*node]string // objects that have been listed, and where
}

func (t *table) properties(prefix string, s *node) {
	if props := s.at("properties"); props != nil {
		required := s.at("required")
		for _, key := range props.keys {
			p := props.at(key)
			text := p.at("description").text()
			if required == nil || !slices.ContainsFunc(required.list, func(n *node) bool { return n.text() == key }) {
				text = strings.TrimSpace("May be missing. " + text)
			}
			kind, object, path := t.kindOf(p, prefix+key)
			if at, again := t.above[object]; object != nil && again {
				kind, object = kind+", as `"+at+"`", nil
			}
			fmt.Fprintf(t.b, "| `%s` | %s | %s |\n", prefix+key, kind, cell(text))
			if object != nil {
				t.above[object] = path
				t.properties(path+".", object)
			}
		}
	}
}

// kindOf is the type of a value in words, the object whose keys are to be listed, nil
// where there is none, and the path of it.
func (t *table) kindOf(s *node, path string) (words string, object *node, at string) {
	if ref := s.at("$ref").text(); ref != "" {
		file, pointer, _ := strings.Cut(ref, "#")
		if file != "" {
			i := slices.IndexFunc(t.kinds, func(k kind) bool { return k.file == file })
			name := strings.TrimPrefix(filepath.Base(pointer), ".")
			if pointer == "" {
				return fmt.Sprintf("[%s](#%s)", t.kinds[i].name, anchor(t.kinds[i].name)), nil, ""
			}
			return fmt.Sprintf("%s of [%s](#%s)", name, t.kinds[i].name, anchor(t.kinds[i].name)), nil, ""
		}
		return t.kindOf(t.root.at(strings.Split(strings.TrimPrefix(pointer, "/"), "/")...), path)
	}
	for _, union := range []string{"oneOf", "anyOf"} {
		if u := s.at(union); u != nil {
			var kinds []string
			for _, one := range u.list {
				k, o, a := t.kindOf(one, path)
				kinds = append(kinds, k)
				if o != nil {
					object, at = o, a
				}
			}
			return strings.Join(kinds, " or "), object, at
		}
	}
	switch {
	case s.at("const") != nil:
		return "`" + s.at("const").scalar() + "`", nil, ""
	case s.at("enum") != nil:
		var values []string
		for _, v := range s.at("enum").list {
			values = append(values, "`"+v.scalar()+"`")
		}
		return strings.Join(values, ", "), nil, ""
	case s.at("type").text() == "array":
		k, o, a := t.kindOf(s.at("items"), path+"[]")
		return "list of " + k, o, a
	case s.at("properties") != nil:
		return "object", s, path
	case s.at("additionalProperties") != nil && s.at("additionalProperties").keys != nil:
		k, o, a := t.kindOf(s.at("additionalProperties"), path+".*")
		return "object, each value " + k, o, a
	case s.at("type") != nil && s.at("type").list != nil:
		var kinds []string
		for _, one := range s.at("type").list {
			kinds = append(kinds, one.text())
		}
		return strings.Join(kinds, " or "), nil, ""
	}
	return s.at("type").text(), nil, ""
}

func anchor(name string) string {
	return strings.NewReplacer(".", "", "/", "").Replace(strings.ToLower(name))
}

func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "\n", " ").Replace(text)
}

// node is a value of JSON whose keys keep their order.
type node struct {
	keys  []string
	named map[string]*node
	list  []*node
	value json.RawMessage // of what is neither an object nor a list
}

// at is what keys lead to, nil where there is nothing.
func (n *node) at(keys ...string) *node {
	for _, k := range keys {
		if n == nil {
			return nil
		}
		n = n.named[k]
	}
	return n
}

// scalar is the value as JSON has it, text what a string says.
func (n *node) scalar() string {
	if n == nil {
		return ""
	}
	return string(n.value)
}

func (n *node) text() (s string) {
	if n != nil {
		_ = json.Unmarshal(n.value, &s) // what is no string has no text
	}
	return s
}

func parse(text []byte) (*node, error) {
	text = bytes.TrimSpace(text)
	n := &node{}
	switch {
	case bytes.HasPrefix(text, []byte("{")):
		n.named = map[string]*node{}
		d := json.NewDecoder(bytes.NewReader(text))
		_, err := d.Token()
		for err == nil && d.More() {
			var key json.Token
			var value json.RawMessage
			if key, err = d.Token(); err != nil {
				break
			}
			if err = d.Decode(&value); err != nil {
				break
			}
			name := key.(string) // a key of an object is one
			n.keys = append(n.keys, name)
			n.named[name], err = parse(value)
		}
		return n, err
	case bytes.HasPrefix(text, []byte("[")):
		var all []json.RawMessage
		if err := json.Unmarshal(text, &all); err != nil {
			return nil, err
		}
		n.list = []*node{}
		for _, one := range all {
			item, err := parse(one)
			if err != nil {
				return nil, err
			}
			n.list = append(n.list, item)
		}
		return n, nil
	}
	n.value = text
	if !json.Valid(text) {
		return nil, errors.New("it is not JSON")
	}
	return n, nil
}
