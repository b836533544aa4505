package toml

import (
	"bytes"
	"sort"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// Lines are the lines, from 1, of the keys in a table of a file that [Unmarshal] reads,
// by their paths: the parts with dots between them and the numbers of elements, as in
// "budgets.0.max". They are for messages only.
func Lines(src []byte, table ...string) map[string]int {
	l := &lines{found: map[string]int{}, elements: map[string]int{}}
	src = bytes.TrimPrefix(src, []byte("\xef\xbb\xbf"))
	for i, b := range src {
		if b == '\n' {
			l.ends = append(l.ends, i)
		}
	}
	p := unstable.Parser{}
	p.Reset(src)
	head, prefix := "", strings.Join(table, ".")+"."
	for p.NextExpression() {
		e := p.Expression()
		if e.Kind == unstable.KeyValue {
			l.pair(head, e)
			continue
		}
		head = l.key("", e, e.Kind == unstable.ArrayTable)
	}
	out := map[string]int{}
	for path, line := range l.found {
		if rest, ok := strings.CutPrefix(path, prefix); ok {
			out[rest] = line
		}
	}
	return out
}

type lines struct {
	ends  []int // the offsets of the ends of lines
	found map[string]int
	order []int // of all keys, as they come
	// elements counts those of arrays of tables.
	elements map[string]int
}

// key notes the parts of a key that is in a table, and gives its path. Of an array of
// tables that is that of the element: a new one if the expression is its header.
func (l *lines) key(head string, e *unstable.Node, element bool) string {
	path := head
	for it := e.Key(); it.Next(); {
		k := it.Node()
		if path != "" {
			path += "."
		}
		path += string(k.Data)
		line := 1 + sort.SearchInts(l.ends, int(k.Raw.Offset))
		l.order = append(l.order, line)
		if _, seen := l.found[path]; !seen {
			l.found[path] = line
		}
		if element && it.IsLast() {
			l.elements[path]++
		}
		if n := l.elements[path]; n > 0 {
			path += "." + strconv.Itoa(n-1)
			if _, seen := l.found[path]; !seen {
				l.found[path] = line
			}
		}
	}
	return path
}

func (l *lines) pair(head string, e *unstable.Node) {
	l.value(l.key(head, e, false), e.Value())
}

// value notes the keys in an array or an inline table.
func (l *lines) value(path string, v *unstable.Node) {
	n := 0
	for it := v.Children(); it.Next(); {
		switch c := it.Node(); {
		case v.Kind == unstable.InlineTable && c.Kind == unstable.KeyValue:
			l.pair(path, c)
		case v.Kind == unstable.Array && c.Kind != unstable.Comment:
			element, before := path+"."+strconv.Itoa(n), len(l.order)
			l.value(element, c)
			if len(l.order) > before {
				l.found[element] = l.order[before]
			}
			n++
		}
	}
}
