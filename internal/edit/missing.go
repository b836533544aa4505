package edit

import (
	"bytes"
	"slices"
	"strings"

	"whittle.dev/whittle"
)

// makeArray adds a list that is not there, with one requirement.
func (l *located) makeArray(r requirement, comment string) ([]whittle.Edit, error) {
	d := l.d
	if err := l.mayMake(); err != nil {
		return nil, err
	}
	parent, key := l.path[:len(l.path)-1], keyText(l.path[len(l.path)-1])
	st := d.style()
	element := quote(r.text, st.quotes)
	lines := func(indent, key string) []string {
		if !st.long {
			return []string{indent + key + " = [" + element + "]" + comment}
		}
		return []string{indent + key + " = [", indent + st.indent + element + "," + comment, indent + "]"}
	}
	if v, ok := d.find(parent); ok {
		if d.src[v.Start] != '{' {
			return nil, whittle.ErrUnsupported.Errorf("its table is none")
		}
		a := d.bracketed(v.Start)
		return a.insert(len(a.items), key+" = ["+element+"]", comment)
	}
	head, last := -1, -1
	for i := range d.exprs {
		x := &d.exprs[i]
		switch {
		case x.opaque:
		case x.header && slices.Equal(x.path, parent):
			head, last = i, -1
		case x.header:
		case head >= 0 && x.head == head:
			if last < head || !l.afterwards(x) {
				last = i
			}
		case head < 0 && len(x.path) > len(parent) && hasPrefix(x.path, parent) && len(x.key) > len(x.path)-len(parent):
			last = i
		}
	}
	switch {
	case head >= 0 && last < 0:
		return []whittle.Edit{d.addLines(d.nextLine(d.exprs[head].span.End), lines("", key)...)}, nil
	case last >= 0:
		x := &d.exprs[last]
		indent, _ := d.indent(x.span.Start)
		if above := len(x.key) - (len(x.path) - len(parent)); above > 0 {
			key = string(d.src[x.span.Start:x.keys[above].Start]) + key
		}
		return []whittle.Edit{d.addLines(d.nextLine(x.span.End), lines(indent, key)...)}, nil
	}
	return []whittle.Edit{l.section(parent, lines("", key)...)}, nil
}

// afterwards says that a key of [project] is one of those that usually come
// after the dependencies.
func (l *located) afterwards(x *expression) bool {
	if l.list.Kind != "dependencies" {
		return false
	}
	switch x.key[0] {
	case "optional-dependencies", "scripts", "gui-scripts", "entry-points", "urls":
		return true
	}
	return false
}

// makeTable adds a table of Poetry's that is not there, with one line.
func (l *located) makeTable(line string) ([]whittle.Edit, error) {
	if err := l.mayMake(); err != nil {
		return nil, err
	}
	return []whittle.Edit{l.section(l.path, line)}, nil
}

// mayMake says why a list cannot be made.
func (l *located) mayMake() error {
	home, ok := lookup(l.d.data, l.home)
	if !ok {
		return whittle.WithHint(whittle.ErrUnsupported.Errorf("there is no [%s]", strings.Join(l.home, ".")), "name a list that the project has")
	}
	table, _ := home.(map[string]any)
	dynamic, _ := stringList(table["dynamic"])
	if len(l.home) == 1 && len(l.path) > 1 && slices.Contains(dynamic, l.path[1]) {
		return whittle.WithHint(whittle.ErrUnsupported.Errorf("project.dynamic says that the build makes project.%s", l.path[1]),
			"add it where the build system reads the list from")
	}
	return nil
}

// section adds a table: behind all tables of the list's home, else at the end
// of the file.
func (l *located) section(path []string, lines ...string) whittle.Edit {
	d := l.d
	parts := make([]string, len(path))
	for i, p := range path {
		parts[i] = keyText(p)
	}
	at := len(d.src)
	last := -1
	for i := range d.exprs {
		if len(l.home) > 0 && hasPrefix(d.exprs[i].path, l.home) || len(l.home) == 0 && d.exprs[i].path[0] == "project" {
			last = d.exprs[i].head
			if d.exprs[i].header {
				last = i
			}
		}
	}
	if i := d.lastUnder(last); i >= 0 && (last >= 0 || len(l.home) > 0) {
		at = d.behindComments(d.nextLine(d.exprs[i].span.End))
	}
	out := []string{"[" + strings.Join(parts, ".") + "]"}
	out = append(out, lines...)
	if above := bytes.TrimRight(d.src[:at], "\r\n"); at > 0 && bytes.Count(d.src[len(above):at], []byte("\n")) < 2 {
		out = slices.Insert(out, 0, "")
	}
	if at < len(d.src) && d.lineEnd(at) > at {
		out = append(out, "")
	}
	return d.addLines(at, out...)
}

// lastUnder is the last expression of a header's section, the header itself
// where there is none.
func (d *document) lastUnder(head int) int {
	last := head
	for i := range d.exprs {
		if !d.exprs[i].header && d.exprs[i].head == head {
			last = i
		}
	}
	return last
}

// behindComments passes over the comment lines at an offset, unless they are
// right above something: then they are about that.
func (d *document) behindComments(at int) int {
	end := at
	for end < len(d.src) && bytes.HasPrefix(bytes.TrimLeft(d.src[end:d.lineEnd(end)], " \t"), []byte("#")) {
		end = d.nextLine(end)
	}
	if end < len(d.src) && len(bytes.TrimSpace(d.src[end:d.lineEnd(end)])) > 0 {
		return at
	}
	return end
}
