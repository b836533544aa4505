package edit

import (
	"bytes"
	"cmp"
	"maps"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
)

// kind is how a kind of list is found.
type kind struct {
	name string
	// path is where the list is; an empty part stands for the list's name.
	path []string
	// table says that it is a table of Poetry's, not an array.
	table bool
	// home must be there for a missing list to be made; after it, or at the
	// end of the file, comes a new table.
	home []string
}

// kinds are in the order of [List].
func kinds() []kind {
	project, poetry := []string{"project"}, []string{"tool", "poetry"}
	return []kind{
		{"dependencies", []string{"project", "dependencies"}, false, project},
		{"optional", []string{"project", "optional-dependencies", ""}, false, project},
		{"group", []string{"dependency-groups", ""}, false, nil},
		{"poetry", []string{"tool", "poetry", "dependencies"}, true, poetry},
		{"poetry-group", []string{"tool", "poetry", "group", "", "dependencies"}, true, poetry},
		{"pdm-dev", []string{"tool", "pdm", "dev-dependencies", ""}, false, []string{"tool", "pdm"}},
		{"uv-dev", []string{"tool", "uv", "dev-dependencies"}, false, []string{"tool", "uv"}},
		{"hatch", []string{"tool", "hatch", "envs", "", "dependencies"}, false, []string{"tool", "hatch", "envs"}},
		{"pipfile", []string{"packages"}, true, []string{"packages"}},
		{"pipfile-dev", []string{"dev-packages"}, true, []string{"packages"}},
		{"build", []string{"build-system", "requires"}, false, []string{"build-system"}},
	}
}

// legacyDev is where Poetry had its development dependencies before groups.
func legacyDev() []string { return []string{"tool", "poetry", "dev-dependencies"} }

func lookup(data map[string]any, path []string) (any, bool) {
	var v any = data
	for _, key := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, ok = m[key]; !ok {
			return nil, false
		}
	}
	return v, true
}

func (d *document) lists() []List {
	var out []List
	for _, k := range kinds() {
		at := slices.Index(k.path, "")
		if at < 0 {
			if _, ok := lookup(d.data, k.path); ok {
				out = append(out, List{Kind: k.name})
			}
			continue
		}
		v, _ := lookup(d.data, k.path[:at])
		named, _ := v.(map[string]any)
		legacy := false
		if k.name == "poetry-group" {
			_, legacy = lookup(d.data, legacyDev())
		}
		for _, name := range slices.Sorted(maps.Keys(named)) {
			if _, ok := lookup(named, append([]string{name}, k.path[at+1:]...)); ok && name != "" {
				out = append(out, List{Kind: k.name, Name: name})
				legacy = legacy && name != "dev"
			}
		}
		if legacy {
			out = append(out, List{Kind: k.name, Name: "dev"})
		}
	}
	return out
}

// located is a list and where it is, or would be.
type located struct {
	d *document
	kind
	list List
	path []string
	// array are the elements of an array, keys those of a table.
	array  []any
	keys   map[string]any
	exists bool
}

// resolve finds the list's key as it is written.
func (d *document) resolve(list List) (located, error) {
	l := located{d: d, list: list}
	for _, k := range kinds() {
		if k.name == list.Kind {
			l.kind = k
		}
	}
	at := slices.Index(l.kind.path, "")
	switch {
	case l.kind.name == "":
		return l, whittle.ErrUsage.Errorf("there is no kind %q of lists", list.Kind)
	case at < 0 && list.Name != "", at >= 0 && list.Name == "", !printable(list.Name):
		return l, whittle.ErrUsage.Errorf("a list of the kind %q cannot have the name %q", list.Kind, list.Name)
	}
	l.path = slices.Clone(l.kind.path)
	if at >= 0 {
		l.path[at] = d.written(l.path[:at], list.Name)
	}
	v, ok := lookup(d.data, l.path)
	if !ok && list == (List{Kind: "poetry-group", Name: "dev"}) {
		if old, there := lookup(d.data, legacyDev()); there {
			l.path, v, ok = legacyDev(), old, true
		}
	}
	if !ok {
		return l, nil
	}
	l.exists = true
	if l.table {
		l.keys, ok = v.(map[string]any)
	} else {
		l.array, ok = v.([]any)
	}
	if !ok {
		return l, whittle.ErrUnsupported.Errorf("it is not of the type that it should be")
	}
	return l, nil
}

// written is a name of an extra or group as a table spells it.
func (d *document) written(table []string, name string) string {
	v, _ := lookup(d.data, table)
	m, _ := v.(map[string]any)
	if _, ok := m[name]; ok {
		return name
	}
	for _, other := range slices.Sorted(maps.Keys(m)) {
		if pep.Normalize(other) == pep.Normalize(name) {
			return other
		}
	}
	return name
}

// locate is resolve for a list that has to be there.
func (d *document) locate(list List) (located, error) {
	l, err := d.resolve(list)
	if err == nil && !l.exists {
		err = whittle.ErrNotFound.Errorf("there is no such list")
	}
	return l, err
}

func (d *document) samePlace(a, b List) (bool, error) {
	x, err := d.resolve(a)
	if err != nil {
		return false, err
	}
	y, err := d.resolve(b)
	return slices.Equal(x.path, y.path), err
}

func (l *located) requirements() []string {
	var out []string
	for _, e := range l.array {
		if s, ok := e.(string); ok {
			out = append(out, s)
		}
	}
	if !l.table {
		return out
	}
	for _, e := range l.entries() {
		if e.name == "python" {
			continue
		}
		s, ok := fromPoetry(e.name, l.keys[e.name])
		if !ok {
			s = e.name
		}
		out = append(out, s)
	}
	return out
}

// taken is an element as it goes from list to list.
type taken struct {
	requirement
	// poetry is the value that Poetry has for it, as written.
	poetry string
	// lossy says that the requirement does not say all.
	lossy bool
}

// add makes the edits that add an element, none if it is there.
func (d *document) add(list List, e taken, comment string) ([]whittle.Edit, change, error) {
	l, err := d.resolve(list)
	if err != nil {
		return nil, change{}, err
	}
	if l.table {
		return l.addKey(e, comment)
	}
	if e.lossy {
		return nil, change{}, whittle.ErrUnsupported.Errorf("Poetry says more of %s than a requirement can", e.Written)
	}
	for _, v := range l.array {
		s, _ := v.(string)
		if have, err := parseRequirement(s); err == nil && have.covers(e.requirement) {
			return nil, change{}, nil
		}
	}
	c := change{path: l.path, elements: []string{e.text}, added: true}
	if !l.exists {
		edits, err := l.makeArray(e.requirement, comment)
		return edits, c, err
	}
	a, err := d.array(l.path)
	if err != nil {
		return nil, change{}, err
	}
	names := make([]string, len(a.items))
	for i, v := range l.array {
		s, _ := v.(string)
		names[i] = nameOf(s)
	}
	k := place(names, e.Name)
	edits, err := a.insert(k, quote(e.text, a.quotes(k)), comment)
	return edits, c, err
}

// removal is what taking a distribution out of a list does.
type removal struct {
	list     List
	name     string
	edits    []whittle.Edit
	elements []taken
	// comments are those that go with it, note the last of them with the
	// white space in front.
	comments []string
	note     string
	change   change
}

// remove makes the edits that take a distribution out, none if it is not
// there.
func (d *document) remove(list List, name string) (removal, error) {
	r := removal{list: list, name: name}
	l, err := d.resolve(list)
	if err != nil || !l.exists {
		return r, err
	}
	norm := pep.Normalize(name)
	if !pep.IsName(norm) {
		return r, whittle.ErrUsage.Errorf("%.80q is no name", name)
	}
	r.change = change{path: l.path, table: l.table, removed: norm}
	var spans []whittle.Span
	if l.table {
		spans, r.elements, err = l.removeKey(norm)
	} else {
		spans, r.elements, err = l.removeElements(norm)
	}
	if err != nil || len(spans) == 0 {
		return r, err
	}
	r.edits = deletions(spans)
	for _, c := range d.comments() {
		i, found := slices.BinarySearchFunc(r.edits, c.Start, func(e whittle.Edit, at int) int {
			switch {
			case e.Span.End <= at:
				return -1
			case e.Span.Start > at:
				return 1
			}
			return 0
		})
		if found && r.edits[i].Span.End >= c.End {
			before := d.src[d.lineStart(c.Start):c.Start]
			r.note = string(d.src[c.Start-len(before)+len(bytes.TrimRight(before, " \t")) : c.End])
			r.comments = append(r.comments, string(d.src[c.Start:c.End]))
		}
	}
	return r, nil
}

func (l *located) removeElements(name string) ([]whittle.Span, []taken, error) {
	a, err := l.d.array(l.path)
	if err != nil {
		return nil, nil, err
	}
	gone := make([]bool, len(a.items))
	var out []taken
	for i, v := range l.array {
		s, _ := v.(string)
		if r, err := parseRequirement(s); err == nil && r.Name == name {
			gone[i] = true
			out = append(out, taken{requirement: r})
		}
	}
	switch {
	case len(out) == 0:
		return nil, nil, nil
	case len(out) > maxCopies:
		return nil, nil, whittle.ErrUnsupported.Errorf("it is there %d times", len(out))
	}
	return a.remove(gone), out, nil
}

// quotesOf is the kind of quotes that a value starts with, 0 for none.
func quotesOf(src []byte, at int) byte {
	if at < len(src) && (src[at] == '"' || src[at] == '\'') {
		return src[at]
	}
	return 0
}

// preferred is the first kind of quotes that is one.
func preferred(quotes ...byte) byte { return cmp.Or(append(quotes, '"')...) }
