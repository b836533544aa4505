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

// keys counts what the library looks at. It has one list of all tables and keys, and
// looks through what comes after a table for each key of it; what an element of an
// array of tables has leaves the list with the next element (internal/tracker/seen.go of
// go-toml 2.4.3).
type keys struct {
	steps   int64
	entries []entry
	ids     map[child]int32
	live    int64 // how long the list is
	// shifted says that what left the list was not the end of it: what comes after a
	// table is taken for the whole list then.
	shifted bool
}

type entry struct {
	parent int32
	at     int64 // its place in the list
	below  int64 // how many of the list are in it
}

type child struct {
	parent int32
	name   string
}

// bounded says whether a file's tables are within the limits. What does not
// parse is the library's to report.
func bounded(src []byte) error {
	k := keys{ids: map[child]int32{}, entries: []entry{{parent: -1}}, live: 1}
	p := unstable.Parser{}
	p.Reset(src)
	table := int32(0)
	for p.NextExpression() {
		e := p.Expression()
		if e.Kind == unstable.KeyValue {
			at, err := k.enter(table, e)
			if err != nil {
				return err
			}
			if err := k.value(at, e.Value()); err != nil {
				return err
			}
			continue
		}
		at, err := k.enter(0, e)
		if err != nil {
			return err
		}
		table = at
	}
	return nil
}

// enter follows the key of an expression from a table.
func (k *keys) enter(from int32, e *unstable.Node) (int32, error) {
	parts := 0
	for it := e.Key(); it.Next(); {
		if parts++; parts > maxParts {
			return 0, whittle.ErrLimit.Errorf("a key has more than %d parts", maxParts)
		}
		c := child{from, string(it.Node().Data)}
		id, ok := k.ids[c]
		switch {
		case !ok && k.shifted:
			k.steps += k.live
		case !ok:
			k.steps += k.live - k.entries[from].at
		default:
			k.steps += max(k.entries[id].at-k.entries[from].at, 1)
		}
		if k.steps > maxSteps {
			return 0, whittle.ErrLimit.Errorf("a table has more keys than are read (about 10,000)")
		}
		switch {
		case !ok:
			id = k.add(from)
			k.ids[c] = id
		case e.Kind == unstable.ArrayTable && it.IsLast():
			id = k.again(id)
			k.ids[c] = id
		}
		from = id
	}
	return from, nil
}

// add appends to the list.
func (k *keys) add(parent int32) int32 {
	k.entries = append(k.entries, entry{parent: parent, at: k.live})
	k.live++
	for p := parent; p >= 0; p = k.entries[p].parent {
		k.entries[p].below++
	}
	return int32(len(k.entries) - 1)
}

// again begins the next element of an array of tables: what the last one has leaves the
// list.
func (k *keys) again(id int32) int32 {
	was := k.entries[id]
	k.steps += k.live
	k.shifted = k.shifted || was.at+was.below+1 != k.live
	k.live -= was.below
	for p := was.parent; p >= 0; p = k.entries[p].parent {
		k.entries[p].below -= was.below
	}
	k.entries = append(k.entries, entry{parent: was.parent, at: was.at})
	return int32(len(k.entries) - 1)
}

// value counts the keys of tables in one line.
func (k *keys) value(in int32, n *unstable.Node) error {
	if n.Kind != unstable.Array && n.Kind != unstable.InlineTable {
		return nil
	}
	for it := n.Children(); it.Next(); {
		c, at := it.Node(), in
		switch c.Kind {
		case unstable.KeyValue:
			var err error
			if at, err = k.enter(in, c); err != nil {
				return err
			}
			c = c.Value()
		case unstable.Array, unstable.InlineTable:
			at = k.add(in)
		}
		if err := k.value(at, c); err != nil {
			return err
		}
	}
	return nil
}
