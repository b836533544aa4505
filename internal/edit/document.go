package edit

import (
	"bytes"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/toml"
)

// document is a TOML file as its parsed values and as the places of its
// expressions.
type document struct {
	text
	data  map[string]any
	exprs []expression
}

// expression is a header or a key with its value at the top level.
type expression struct {
	// path is the whole key, key the part that is written here.
	path, key []string
	header    bool
	// head is the index of the header that a key is under, -1 for none.
	head int
	// opaque expressions are in an array of tables.
	opaque bool
	// span is from the first key's start to the end of the value or the last
	// key; keys are the parts' own; value is where the value starts.
	span  whittle.Span
	keys  []whittle.Span
	value int
}

// parse reads a document without its byte order mark, whose length is shift.
// What does not parse is [whittle.ErrUsage].
func parse(src []byte) (d *document, shift int, err error) {
	if err := limited(src, maxTOML); err != nil {
		return nil, 0, err
	}
	if bytes.HasPrefix(src, byteOrderMark) {
		shift = len(byteOrderMark)
		src = src[shift:]
	}
	d = &document{text: newText(src)}
	p := unstable.Parser{}
	p.Reset(src)
	head, under, opaque := []string(nil), -1, false
	arrays := map[string]bool{}
	pairs := 0
	for p.NextExpression() {
		if pairs += countPairs(p.Expression()); pairs > maxPairs {
			return nil, 0, whittle.ErrLimit.Errorf("more than %d keys", maxPairs)
		}
		x, err := newExpression(p.Expression(), 0, src)
		if err != nil {
			return nil, 0, err
		}
		if x.header {
			if p.Expression().Kind == unstable.ArrayTable {
				arrays[strings.Join(x.key, "\x00")] = true
			}
			head, under, opaque = x.key, len(d.exprs), inArray(arrays, x.key)
			x.path = x.key
		} else {
			x.path = slices.Concat(head, x.key)
		}
		x.head, x.opaque = under, opaque
		if len(x.path) > maxKeys {
			return nil, 0, whittle.ErrUnsupported.Errorf("a key of more than %d parts", maxKeys)
		}
		d.exprs = append(d.exprs, x)
	}
	if err := p.Error(); err != nil {
		return nil, 0, whittle.ErrUsage.Of(err)
	}
	if err := toml.Unmarshal(src, &d.data); err != nil {
		return nil, 0, whittle.ErrUsage.Of(err)
	}
	return d, shift, nil
}

// countPairs counts the headers and keys in a node of the parser's, which
// bounds how deep it nests.
func countPairs(n *unstable.Node) int {
	count := 0
	if n.Kind != unstable.Array && n.Kind != unstable.InlineTable {
		count++
	}
	if n.Kind == unstable.KeyValue {
		n = n.Value()
	}
	if n.Kind != unstable.Array && n.Kind != unstable.InlineTable {
		return count
	}
	for it := n.Children(); it.Next(); {
		switch c := it.Node(); c.Kind {
		case unstable.KeyValue, unstable.Array, unstable.InlineTable:
			count += countPairs(c)
		}
	}
	return count
}

// inArray says that a table is in one of the arrays of tables.
func inArray(arrays map[string]bool, path []string) bool {
	for i := range path {
		if len(arrays) > 0 && arrays[strings.Join(path[:i+1], "\x00")] {
			return true
		}
	}
	return false
}

// newExpression reads the places of a node of the parser's; base is where the
// parser's text starts in src.
func newExpression(n *unstable.Node, base int, src []byte) (expression, error) {
	x := expression{header: n.Kind != unstable.KeyValue}
	for it := n.Key(); it.Next(); {
		k := it.Node()
		start := base + int(k.Raw.Offset)
		x.keys = append(x.keys, whittle.Span{Start: start, End: start + int(k.Raw.Length)})
		x.key = append(x.key, string(k.Data))
		if len(x.key) > maxKeys {
			return x, whittle.ErrUnsupported.Errorf("a key of more than %d parts", maxKeys)
		}
	}
	x.span = whittle.Span{Start: x.keys[0].Start, End: x.keys[len(x.keys)-1].End}
	if !x.header {
		x.value = x.span.End
		for x.value < len(src) && strings.IndexByte(" \t=", src[x.value]) >= 0 {
			x.value++
		}
		x.span.End = base + int(n.Raw.Offset+n.Raw.Length)
	}
	return x, nil
}

func hasPrefix(path, prefix []string) bool {
	return len(path) >= len(prefix) && slices.Equal(path[:len(prefix)], prefix)
}

// find gives the value at a path, be it under a header, by a dotted key or in
// an inline table.
func (d *document) find(path []string) (whittle.Span, bool) {
	for i := range d.exprs {
		x := &d.exprs[i]
		if x.header || x.opaque || !hasPrefix(path, x.path) {
			continue
		}
		v := whittle.Span{Start: x.value, End: x.span.End}
		if len(path) == len(x.path) {
			return v, true
		}
		return d.within(v, path[len(x.path):])
	}
	return whittle.Span{}, false
}

// within looks for a path in an inline table.
func (d *document) within(v whittle.Span, path []string) (whittle.Span, bool) {
	if v.Start >= v.End || d.src[v.Start] != '{' {
		return whittle.Span{}, false
	}
	items, _ := d.items(v.Start)
	for _, it := range items {
		x, ok := d.keyValue(it)
		if !ok || !hasPrefix(path, x.key) {
			continue
		}
		v := whittle.Span{Start: x.value, End: x.span.End}
		if len(path) == len(x.key) {
			return v, true
		}
		return d.within(v, path[len(x.key):])
	}
	return whittle.Span{}, false
}

// keyValue reads an item of an inline table.
func (d *document) keyValue(it item) (expression, bool) {
	p := unstable.Parser{}
	p.Reset(d.src[it.Start:it.End:it.End])
	if !p.NextExpression() || p.Expression().Kind != unstable.KeyValue {
		return expression{}, false
	}
	x, err := newExpression(p.Expression(), it.Start, d.src)
	return x, err == nil
}

// item is what is between the commas of an array or an inline table.
type item struct {
	whittle.Span
	// comma is where the comma after it is, -1 where there is none.
	comma int
}

// items splits the array or inline table that opens at an offset. The document
// has been parsed, so that it ends.
func (d *document) items(open int) (items []item, closing int) {
	cur := item{Span: whittle.Span{Start: -1}, comma: -1}
	depth := 0
	for i := open + 1; i < len(d.src); {
		c := d.src[i]
		switch {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			i++
			continue
		case c == '#':
			i = d.lineEnd(i)
			continue
		case c == ',' && depth == 0:
			cur.comma = i
			items = append(items, cur)
			cur = item{Span: whittle.Span{Start: -1}, comma: -1}
			i++
			continue
		case (c == ']' || c == '}') && depth == 0:
			if cur.Start >= 0 {
				items = append(items, cur)
			}
			return items, i
		}
		if cur.Start < 0 {
			cur.Start = i
		}
		switch c {
		case '"', '\'':
			i = skipString(d.src, i)
		case '[', '{':
			depth++
			i++
		case ']', '}':
			depth--
			i++
		default:
			i++
		}
		cur.End = i
	}
	return items, len(d.src)
}

// skipString gives the offset after the string that starts at one.
func skipString(src []byte, at int) int {
	q := src[at]
	long := at+2 < len(src) && src[at+1] == q && src[at+2] == q
	i := at + 1
	if long {
		i = at + 3
	}
	for i < len(src) {
		switch {
		case src[i] == '\\' && q == '"':
			i++
		case src[i] != q:
		case !long:
			return i + 1
		case i+2 < len(src) && src[i+1] == q && src[i+2] == q:
			i += 3
			// One or two quotes may be in front of the closing three.
			for n := 0; n < 2 && i < len(src) && src[i] == q; n++ {
				i++
			}
			return i
		}
		i++
	}
	return len(src)
}

// comments are the spans of all comments, without the ends of their lines.
func (d *document) comments() []whittle.Span {
	var out []whittle.Span
	for i := 0; i < len(d.src); {
		switch d.src[i] {
		case '"', '\'':
			i = skipString(d.src, i)
		case '#':
			end := d.lineEnd(i)
			out = append(out, whittle.Span{Start: i, End: end})
			i = end
		default:
			i++
		}
	}
	return out
}
