package edit

import (
	"maps"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
)

// entry is a key of a table of Poetry's, with all expressions that say
// something of it, or its item in an inline table.
type entry struct {
	name  string
	exprs []int
	item  int
	// value is the span of the value, if it is in one piece.
	value whittle.Span
}

// inline is the table's value where that is an inline table.
func (l *located) inline() (*array, bool) {
	v, ok := l.d.find(l.path)
	if !ok || l.d.src[v.Start] != '{' {
		return nil, false
	}
	return l.d.bracketed(v.Start), true
}

// entries are the table's keys in the order of the file.
func (l *located) entries() []entry {
	var out []entry
	seen := map[string]int{}
	put := func(name string) *entry {
		i, ok := seen[name]
		if !ok {
			i = len(out)
			seen[name] = i
			out = append(out, entry{name: name})
		}
		return &out[i]
	}
	if a, ok := l.inline(); ok {
		for i, it := range a.items {
			x, ok := l.d.keyValue(it)
			if !ok {
				continue
			}
			e := put(x.key[0])
			e.item = i
			if len(x.key) == 1 {
				e.value = whittle.Span{Start: x.value, End: x.span.End}
			}
		}
		return out
	}
	n := len(l.path)
	for i := range l.d.exprs {
		x := &l.d.exprs[i]
		if x.opaque || len(x.path) <= n || !hasPrefix(x.path, l.path) {
			continue
		}
		e := put(x.path[n])
		e.exprs = append(e.exprs, i)
		if !x.header && len(x.path) == n+1 {
			e.value = whittle.Span{Start: x.value, End: x.span.End}
		}
	}
	return out
}

// addKey adds a distribution to a table, unless it is there.
func (l *located) addKey(e taken, comment string) ([]whittle.Edit, change, error) {
	for _, name := range slices.Sorted(maps.Keys(l.keys)) {
		if pep.Normalize(name) != e.Name {
			continue
		}
		s, ok := fromPoetry(name, l.keys[name])
		if have, err := parseRequirement(s); len(e.Extras) > 0 && (!ok || err != nil || !have.covers(e.requirement)) {
			return nil, change{}, whittle.ErrUnsupported.Errorf("%s is there with other extras", name)
		}
		return nil, change{}, nil
	}
	if e.Name == "python" {
		return nil, change{}, whittle.ErrUnsupported.Errorf("python is no distribution")
	}
	value := e.poetry
	if value == "" {
		var err error
		if value, err = e.toPoetry(l.quotes()); err != nil {
			return nil, change{}, err
		}
	}
	c := change{path: l.path, table: true, key: e.Written, value: value, added: true}
	if a, ok := l.inline(); ok {
		names := make([]string, len(a.items))
		for i, it := range a.items {
			if x, ok := l.d.keyValue(it); ok {
				names[i] = distribution(x.key[0])
			}
		}
		edits, err := a.insert(place(names, e.Name), keyText(e.Written)+" = "+value, comment)
		return edits, c, err
	}
	at, line, ok := l.line(e, value)
	if !ok {
		edits, err := l.makeTable(keyText(e.Written) + " = " + value + comment)
		return edits, c, err
	}
	return []whittle.Edit{l.d.addLines(at, line+comment)}, c, nil
}

// distribution is the name to sort by, none for python, which comes first.
func distribution(key string) string {
	if key == "python" {
		return ""
	}
	return pep.Normalize(key)
}

// quotes is what the values of the table use.
func (l *located) quotes() byte {
	var out []byte
	for _, e := range l.entries() {
		out = append(out, quotesOf(l.d.src, e.value.Start))
	}
	return preferred(append(out, l.d.style().quotes)...)
}

// line is the line for a new key and where it goes; ok is false where neither
// a header nor a dotted key shows a place.
func (l *located) line(e taken, value string) (at int, text string, ok bool) {
	d := l.d
	head := -1
	var keys []*expression
	var names []string
	for i := range d.exprs {
		x := &d.exprs[i]
		switch {
		case x.opaque || !hasPrefix(x.path, l.path):
		case x.header && len(x.path) == len(l.path):
			head, keys, names = i, nil, nil
		case x.header || len(x.path) == len(l.path):
		case len(keys) > 0 && x.head != keys[0].head, head >= 0 && x.head != head:
		case x.head < 0 || len(d.exprs[x.head].path) <= len(l.path):
			keys = append(keys, x)
			names = append(names, distribution(x.path[len(l.path)]))
		}
	}
	if len(keys) == 0 {
		if head < 0 {
			return 0, "", false
		}
		return d.nextLine(d.exprs[head].span.End), keyText(e.Written) + " = " + value, true
	}
	k := place(names, e.Name)
	x := keys[max(k-1, 0)]
	at = d.nextLine(x.span.End)
	if k == 0 {
		at = d.aboveComments(x.span.Start)
	}
	indent, _ := d.indent(x.span.Start)
	above := len(x.key) - (len(x.path) - len(l.path))
	key := string(d.src[x.span.Start:x.keys[above].Start]) + keyText(e.Written)
	end := x.keys[len(x.keys)-1].End
	equals := string(d.src[end:x.value])
	if pad := strings.IndexByte(equals, '='); pad > 1 {
		// The signs are below each other.
		equals = strings.Repeat(" ", max(1, end-x.span.Start+pad-len(key))) + equals[pad:]
	}
	return at, indent + key + equals + value, true
}

// removeKey gives the spans to delete for a distribution to leave the table.
func (l *located) removeKey(name string) ([]whittle.Span, []taken, error) {
	var out []taken
	var spans []whittle.Span
	a, inline := l.inline()
	var gone []bool
	if inline {
		gone = make([]bool, len(a.items))
	}
	for _, e := range l.entries() {
		if distribution(e.name) != name {
			continue
		}
		s, ok := fromPoetry(e.name, l.keys[e.name])
		if !ok {
			s = e.name
		}
		r, err := parseRequirement(s)
		if err != nil {
			return nil, nil, whittle.ErrUnsupported.Errorf("%.80q cannot be read", s)
		}
		out = append(out, taken{r, string(l.d.src[e.value.Start:e.value.End]), !ok})
		if inline {
			if e.value.End == 0 {
				return nil, nil, whittle.ErrUnsupported.Errorf("%s is in pieces in an inline table", e.name)
			}
			gone[e.item] = true
			continue
		}
		for _, i := range e.exprs {
			x := &l.d.exprs[i]
			spans = append(spans, l.d.wholeLines(x.span.Start, x.span.End))
		}
	}
	if len(out) > 0 && l.kind.name == "poetry" {
		if extra := l.d.extraOf(name); extra != "" {
			return nil, nil, whittle.ErrUnsupported.Errorf("the extra %s asks for it", extra)
		}
	}
	if inline && len(out) > 0 {
		spans = a.remove(gone)
	}
	return spans, out, nil
}

// extraOf is the extra of Poetry's that names a distribution.
func (d *document) extraOf(name string) string {
	v, _ := lookup(d.data, []string{"tool", "poetry", "extras"})
	extras, _ := v.(map[string]any)
	for _, extra := range slices.Sorted(maps.Keys(extras)) {
		members, _ := stringList(extras[extra])
		if slices.ContainsFunc(members, func(m string) bool { return nameOf(m) == name }) {
			return extra
		}
	}
	return ""
}
