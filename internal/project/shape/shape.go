// Package shape says in plain words what is wrong with the shape of a YAML value: a
// text where a list is wanted, and what to write.
package shape

import (
	"cmp"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"

	"whittle.dev/whittle"
)

// constructed is what the library says of a value of another shape.
var constructed = regexp.MustCompile("cannot construct !+(\\S+)(?: `[^`]*`)? into (\\S+)")

// parsed is what the library's scanner and parser say, in words of those who write
// the file, and what to try.
var parsed = []struct {
	says   *regexp.Regexp
	is, to string
}{
	{regexp.MustCompile("^found character that cannot start any token$"), "there is a character that no value begins with, such as a tab, @, % or `", "indent with spaces, and put a text with such a character in quotes"},
	{regexp.MustCompile("^found a tab character"), "a tab is where spaces are wanted", "indent with spaces"},
	{regexp.MustCompile("^mapping values are not allowed in this context$"), "a colon is where none may be", "put a text that has a colon in quotes, and begin each key on a line of its own"},
	{regexp.MustCompile("^found unexpected end of stream$"), "the file ends in the middle of a text: a quote is not closed", "close the quote"},
	{regexp.MustCompile("^did not find expected (node content|',' or|key|'-')|^did not find expected <document start>"), "it is no YAML here: a bracket is not closed, or a line is not indented as those beside it", "close each [ and {, and give the keys of a mapping the same indentation"},
	{regexp.MustCompile("^did not find|^found (incompatible|duplicate|undefined|invalid|unknown|an? )|^while "), "it is no YAML here", "put texts with unusual characters in quotes"},
	{regexp.MustCompile("^could not find expected ':'$"), "a key has no colon behind it", "write KEY: VALUE"},
	{regexp.MustCompile("^unknown anchor '([^']*)' referenced$"), "*$1 refers to an anchor that is not there", "write &$1 where it is defined, or put a text that begins with * in quotes"},
	{regexp.MustCompile(`^!!(\w+) value contains invalid |^cannot construct !!\w+ .* as an? !!(\w+)$`), "the value is no $1$2, as its tag says", "leave the tag out"},
	{regexp.MustCompile("^control characters are not allowed"), "there is a control character", "save the file as UTF-8 text"},
	{regexp.MustCompile("^(incomplete|invalid|unexpected low surrogate|invalid .*) (UTF|byte|leading)"), "the file is not UTF-8", "save the file as UTF-8 text"},
}

// Plain is what the library says in words of YAML instead of Go, and what to try,
// where that is known.
func Plain(text string) (what, try string) {
	for _, p := range parsed {
		if m := p.says.FindStringSubmatchIndex(text); m != nil {
			return string(p.says.ExpandString(nil, p.is, text, m)), string(p.says.ExpandString(nil, p.to, text, m))
		}
	}
	m := constructed.FindStringSubmatch(text)
	if m == nil {
		return text, ""
	}
	shapes := map[string]string{"seq": "a list", "map": "a mapping", "str": "a text", "int": "a number", "float": "a number", "bool": "true or false"}
	wanted := "another value"
	switch {
	case strings.HasPrefix(m[2], "[]"):
		wanted = "a list"
	case strings.HasPrefix(m[2], "map["):
		wanted = "a mapping"
	case m[2] == "string":
		wanted = "a text"
	case strings.HasPrefix(m[2], "int"):
		wanted = "a whole number"
	case m[2] == "bool":
		wanted = "true or false"
	}
	return cmp.Or(shapes[m[1]], "something else") + " is here, and " + wanted + " is wanted", ""
}

// maxShape bounds how deep a value is looked at: aliases may lead in circles.
const maxShape = 20

var unmarshaler = reflect.TypeFor[yaml.Unmarshaler]()

// Check refuses a document whose values are not what its keys want by the fields of
// a type: a list, a mapping, a text or a number. Errors are one line, start with
// file:line and wrap [whittle.ErrUsage].
func Check(file string, n *yaml.Node, t reflect.Type) error { return check(file, "", n, t, 0) }

// check is Check of the value of a key. Types that decode themselves say themselves
// what they want.
func check(file, key string, n *yaml.Node, t reflect.Type, depth int) error {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch {
	case depth > maxShape || n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		return nil
	case reflect.PointerTo(t).Implements(unmarshaler):
		if n.Kind != yaml.MappingNode || t.Kind() != reflect.Struct && (t.Kind() != reflect.Map || t.Elem().Kind() != reflect.Struct) {
			return nil // other shapes may be right, too
		}
		return checkMapping(file, key, n, t, depth)
	}
	if t.Kind() == reflect.Pointer {
		return check(file, key, n, t.Elem(), depth+1)
	}
	wrong := func(wanted string) error {
		err := whittle.ErrUsage.Errorf("%s:%d: %s is %s, and %s is wanted", file, n.Line, cmp.Or(key, "the file"), shapeOf(n), wanted)
		return whittle.WithHint(err, "write "+strings.TrimPrefix(example(key, n, t), ": "))
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		if n.Kind != yaml.MappingNode {
			return wrong("a mapping")
		}
		return checkMapping(file, key, n, t, depth)
	case reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			return wrong("a list")
		}
		for i, e := range n.Content {
			if err := check(file, fmt.Sprintf("%s[%d]", key, i), e, t.Elem(), depth+1); err != nil {
				return err
			}
		}
	case reflect.Int, reflect.Int64:
		if n.Kind != yaml.ScalarNode || n.Tag != "!!int" {
			return wrong("a whole number")
		}
	case reflect.Bool:
		if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" {
			return wrong("true or false")
		}
	case reflect.String:
		if n.Kind != yaml.ScalarNode {
			return wrong("a text")
		}
	}
	return nil
}

// checkMapping looks at the values of a mapping.
func checkMapping(file, key string, n *yaml.Node, t reflect.Type, depth int) error {
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i].Value, n.Content[i+1]
		var of reflect.Type
		if t.Kind() == reflect.Map {
			of = t.Elem()
		} else if of = fieldOf(t, name); of == nil {
			continue // an unknown key is not its concern
		}
		if t.Kind() == reflect.Map && reflect.PointerTo(t).Implements(unmarshaler) && value.Kind != yaml.MappingNode {
			continue // a short form
		}
		if err := check(file, strings.TrimPrefix(key+"."+name, "."), value, of, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// fieldOf is the type of a key's field; nil if there is none.
func fieldOf(t reflect.Type, key string) reflect.Type {
	for i := range t.NumField() {
		if name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ","); name == key {
			return t.Field(i).Type
		}
	}
	return nil
}

// shapeOf names what a value is.
func shapeOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.SequenceNode:
		return "a list"
	case yaml.MappingNode:
		return "a mapping"
	}
	switch n.Tag {
	case "!!int", "!!float":
		return "the number " + n.Value
	case "!!bool":
		return n.Value
	}
	return fmt.Sprintf("the text %q", whittle.Shorten(n.Value, 60))
}

// example is a value that would be right: of a text for a list, its words.
func example(key string, n *yaml.Node, t reflect.Type) string {
	name := strings.TrimRight(key[strings.LastIndex(key, ".")+1:], "[]0123456789")
	switch t.Kind() {
	case reflect.Struct:
		return name + ": {KEY: VALUE}, with the keys " + strings.Join(fieldsOf(t), ", ")
	case reflect.Map:
		return name + ": {NAME: VALUE}"
	case reflect.Slice:
		if words := strings.Fields(n.Value); len(words) > 0 && t.Elem().Kind() == reflect.String {
			for i, w := range words {
				words[i] = fmt.Sprintf("%q", w)
			}
			return whittle.Shorten(name+": ["+strings.Join(words, ", "), 80) + "]"
		}
		return name + ": [ONE, TWO]"
	case reflect.Bool:
		return name + ": true"
	case reflect.Int, reflect.Int64:
		return name + ": 10"
	}
	return name + ": TEXT"
}

func fieldsOf(t reflect.Type) (out []string) {
	for i := range t.NumField() {
		if name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ","); name != "" && name != "-" {
			out = append(out, name)
		}
	}
	return out
}
