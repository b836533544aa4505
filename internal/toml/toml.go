// Package toml reads TOML files of others: in time that grows with them. The
// library looks through all keys of a table for each of them.
package toml

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"whittle.dev/whittle"
)

const (
	// maxSteps is how many keys may be looked at in all: a table of 10,000 keys
	// takes as many.
	maxSteps = 50_000_000
	// maxParts is how many parts a dotted key may have.
	maxParts = 1000
)

// DecodeError is an error that knows where in the file it is.
type DecodeError = toml.DecodeError

// Unmarshal reads a file into v. It is [whittle.ErrLimit] where a table has too
// many keys.
func Unmarshal(src []byte, v any) error {
	if err := bounded(src); err != nil {
		return err
	}
	err := toml.Unmarshal(src, v)
	if err == nil {
		return nil
	}
	if m := decoded.FindStringSubmatch(err.Error()); m != nil {
		return plainError{fmt.Sprintf("%s is here, and %s is wanted", is(m[1]), wanted(m[2])), err}
	}
	return err
}

// decoded is what the library says of a value of another shape.
var decoded = regexp.MustCompile(`cannot (?:decode|store) TOML (\w+)(?: \w+)? in(?:to)? .*?(\S+)$`)

// plainError is an error in other words than the library's.
type plainError struct {
	text string
	error
}

func (e plainError) Error() string { return e.text }
func (e plainError) Unwrap() error { return e.error }

func is(kind string) string {
	switch kind {
	case "string":
		return "a text"
	case "integer", "float":
		return "a number"
	case "boolean":
		return "true or false"
	case "array":
		return "a list"
	case "table", "inline":
		return "a table"
	}
	return "a " + kind
}

func wanted(kind string) string {
	switch {
	case kind == "string":
		return "a text"
	case kind == "bool":
		return "true or false"
	case strings.HasPrefix(kind, "[]"):
		return "a list"
	case strings.HasPrefix(kind, "map["), strings.HasPrefix(kind, "struct"), strings.HasPrefix(kind, "}"):
		return "a table"
	case strings.HasPrefix(kind, "int"), strings.HasPrefix(kind, "uint"):
		return "a whole number"
	}
	return "another value"
}

// keys counts the keys of tables.
type keys struct {
	steps int64
	// ids are those of tables by their parent's, counts what they have.
	ids    map[child]int32
	counts []int32
}

type child struct {
	parent int32
	name   string
}

// bounded says whether a file's tables are within the limits. What does not
// parse is the library's to report.
func bounded(src []byte) error {
	k := keys{ids: map[child]int32{}, counts: []int32{0}}
	p := unstable.Parser{}
	p.Reset(src)
	table := int32(0)
	for p.NextExpression() {
		e := p.Expression()
		from := table
		if e.Kind != unstable.KeyValue {
			from = 0
		}
		at, err := k.enter(from, e)
		if err != nil {
			return err
		}
		switch e.Kind {
		case unstable.KeyValue:
			k.value(e.Value())
		default:
			table = at
		}
		if k.steps > maxSteps {
			return whittle.ErrLimit.Errorf("a table has more keys than are read (about 10,000)")
		}
	}
	return nil
}

// enter follows the key of an expression from a table. An element of an array
// of tables is a table of its own.
func (k *keys) enter(from int32, e *unstable.Node) (int32, error) {
	parts := 0
	for it := e.Key(); it.Next(); {
		if parts++; parts > maxParts {
			return 0, whittle.ErrLimit.Errorf("a key has more than %d parts", maxParts)
		}
		k.steps += int64(k.counts[from])
		c := child{from, string(it.Node().Data)}
		id, ok := k.ids[c]
		if !ok {
			k.counts[from]++
		}
		if !ok || e.Kind == unstable.ArrayTable && it.IsLast() {
			id = int32(len(k.counts))
			k.counts = append(k.counts, 0)
			k.ids[c] = id
		}
		from = id
	}
	return from, nil
}

// value counts the keys of tables in one line.
func (k *keys) value(n *unstable.Node) {
	if n.Kind != unstable.Array && n.Kind != unstable.InlineTable {
		return
	}
	count := int64(0)
	for it := n.Children(); it.Next(); {
		c := it.Node()
		if c.Kind == unstable.KeyValue {
			for key := c.Key(); key.Next(); {
				k.steps += count
			}
			count++
			c = c.Value()
		}
		k.value(c)
	}
}
