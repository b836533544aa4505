package imports

import (
	"path"
	"strconv"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/python/source"
)

// places evaluates expressions of one module as far as they make paths and
// names: literals, __file__, os.path, pathlib, variables of the environment,
// names that the text assigns before. It knows no other value.
type places struct {
	im   *Importer
	n    *Node
	line int
	// local are names that the expression itself binds.
	local map[string]place
	depth int
	steps *int
}

// place is a value. A string may be known only where it begins (open).
type place struct {
	kind byte // 's' string, 'p' path, 'l' list, 'n' number, 'd' dotted name; 0 is not known
	s    string
	n    int
	list []place
	open bool
}

func (v place) text() (string, bool) { return v.s, (v.kind == 's' || v.kind == 'p') && !v.open }

// Bounds of an evaluation.
const (
	maxPlaceDepth = 40
	maxPlaceSteps = 5000
)

// evaluate gives the value of an expression at a line of a module.
func (im *Importer) evaluate(n *Node, text string, line int) place {
	steps := maxPlaceSteps
	return places{im: im, n: n, line: line, local: map[string]place{}, steps: &steps}.of(text)
}

func (p places) of(text string) place {
	if p.depth > maxPlaceDepth || text == "" || strings.Contains(text, "…") && !strings.Contains(text, "'") {
		return place{}
	}
	src := []byte(text)
	l := source.NewLexer(src)
	if !l.Next() || l.Broken != "" {
		return place{}
	}
	r := placeReader{places: p, src: src, t: l.Tokens}
	v := r.or()
	if r.i != len(r.t) || r.bad {
		return place{}
	}
	return v
}

// placeReader is a parser by descent of one expression.
type placeReader struct {
	places
	src []byte
	t   []source.Token
	i   int
	bad bool
}

func (r *placeReader) is(text string) bool {
	return r.i < len(r.t) && r.t[r.i].Kind != source.StringToken && r.t[r.i].Kind != source.FormatToken && string(r.src[r.t[r.i].Start:r.t[r.i].End]) == text
}

func (r *placeReader) take(text string) bool {
	if r.is(text) {
		r.i++
		return true
	}
	return false
}

func (r *placeReader) or() place {
	if r.depth++; r.depth > maxPlaceDepth || *r.steps <= 0 {
		r.bad = true
		return place{}
	}
	*r.steps--
	v := r.sum()
	for r.take("or") {
		w := r.sum()
		if s, ok := v.text(); !ok || s == "" {
			if v.kind == 0 {
				w = place{}
			}
			v = w
		}
	}
	r.depth--
	return v
}

func (r *placeReader) sum() place {
	v := r.term()
	for r.take("+") {
		v = plus(v, r.term())
	}
	return v
}

func plus(a, b place) place {
	switch {
	case a.kind == 'l' && b.kind == 'l':
		return place{kind: 'l', list: append(append([]place{}, a.list...), b.list...)}
	case a.kind == 's' && a.open:
		return a
	case a.kind == 's' && b.kind == 's':
		return place{kind: 's', s: a.s + b.s, open: b.open}
	case a.kind == 's':
		return place{kind: 's', s: a.s, open: true}
	}
	return place{}
}

func (r *placeReader) term() place {
	v := r.primary()
	for {
		switch {
		case r.take("/"):
			w := r.primary()
			_, ok := w.text()
			if v.kind != 'p' && w.kind != 'p' || v.open || !ok || v.kind == 0 {
				v = place{}
				continue
			}
			v = place{kind: 'p', s: join(v.s, w.s)}
		case r.take("%"):
			w := r.primary()
			s, ok := v.text()
			arg, known := w.text()
			if w.kind == 'l' && len(w.list) == 1 {
				arg, known = w.list[0].text()
			}
			if !ok || !known || strings.Count(s, "%") != 1 || !strings.Contains(s, "%s") {
				v = place{kind: 's', s: before(s, "%"), open: true}
				continue
			}
			v = place{kind: 's', s: strings.Replace(s, "%s", arg, 1)}
		case r.take("*"): // (… not in sys.path) * [place]
			if w := r.primary(); w.kind == 'l' {
				v = w
				continue
			}
			v = place{}
		default:
			return v
		}
	}
}

func before(s, sep string) string { b, _, _ := strings.Cut(s, sep); return b }

// join is os.path.join.
func join(a, b string) string {
	switch {
	case strings.HasPrefix(b, "/") || a == "":
		return b
	case strings.HasSuffix(a, "/"):
		return a + b
	}
	return a + "/" + b
}

// primary reads an operand with its attributes, calls and indexes.
func (r *placeReader) primary() place {
	if r.i >= len(r.t) {
		r.bad = true
		return place{}
	}
	var v place
	switch tok := r.t[r.i]; {
	case tok.Kind == source.StringToken || tok.Kind == source.FormatToken:
		v = r.str()
	case tok.Kind == source.NumberToken:
		n, err := strconv.Atoi(string(r.src[tok.Start:tok.End]))
		r.i++
		if err == nil {
			v = place{kind: 'n', n: n}
		}
	case r.take("-"):
		v = r.primary()
		v.n = -v.n
	case r.is("(") || r.is("["):
		v = r.bracket()
	case tok.Kind == source.NameToken:
		r.i++
		v = r.name(string(r.src[tok.Start:tok.End]))
	default:
		r.bad = true
		return place{}
	}
	for r.i < len(r.t) && !r.bad {
		switch {
		case r.take("."):
			if r.i >= len(r.t) || r.t[r.i].Kind != source.NameToken {
				r.bad = true
				return place{}
			}
			attr := string(r.src[r.t[r.i].Start:r.t[r.i].End])
			r.i++
			v = r.attribute(v, attr)
		case r.is("("):
			v = r.call(v)
		case r.is("["):
			v = r.index(v)
		default:
			return v
		}
	}
	return v
}

// str reads strings that stand side by side.
func (r *placeReader) str() place {
	out := place{kind: 's'}
	for r.i < len(r.t) && (r.t[r.i].Kind == source.StringToken || r.t[r.i].Kind == source.FormatToken) {
		tok := r.t[r.i]
		text := string(r.src[tok.Start:tok.End])
		r.i++
		if tok.Kind == source.StringToken {
			out = plus(out, place{kind: 's', s: source.Unescape.Replace(text)})
			continue
		}
		out = plus(out, r.format(text))
	}
	return out
}

// format is an f-string's value.
func (r *placeReader) format(text string) place {
	out := place{kind: 's'}
	for text != "" {
		i := strings.IndexAny(text, "{}")
		if i < 0 {
			return plus(out, place{kind: 's', s: text})
		}
		out = plus(out, place{kind: 's', s: text[:i]})
		if i+1 < len(text) && text[i+1] == text[i] {
			out = plus(out, place{kind: 's', s: text[i : i+1]})
			text = text[i+2:]
			continue
		}
		field, rest, ok := strings.Cut(text[i+1:], "}")
		if !ok || strings.ContainsAny(field, "{:!=") {
			return plus(out, place{})
		}
		p := r.places
		p.depth++
		if v, ok := p.of(field).text(); ok {
			out = plus(out, place{kind: 's', s: v})
		} else {
			return plus(out, place{})
		}
		text = rest
	}
	return out
}

// bracket reads a list, a tuple or a parenthesis; of what else stands in
// parentheses it only sees what it binds.
func (r *placeReader) bracket() place {
	list := r.is("[")
	depth := r.t[r.i].Depth
	r.i++
	var items []place
	comma := false
	for r.i < len(r.t) && r.t[r.i].Depth > depth {
		switch {
		case r.i+1 < len(r.t) && r.t[r.i].Kind == source.NameToken && string(r.src[r.t[r.i+1].Start:r.t[r.i+1].End]) == ":=":
			name := string(r.src[r.t[r.i].Start:r.t[r.i].End])
			r.i += 2
			v := r.or()
			r.local[name] = v
			items = append(items, v)
		case r.take("*"):
			v := r.or()
			if v.kind != 'l' {
				items = append(items, place{})
			}
			items = append(items, v.list...)
			comma = true
		default:
			items = append(items, r.or())
		}
		if r.bad || r.i < len(r.t) && r.t[r.i].Depth > depth && !r.is(",") { // something else
			r.bad = false
			for r.i < len(r.t) && r.t[r.i].Depth > depth {
				r.i++
			}
			r.i++
			return place{}
		}
		comma = r.take(",") || comma
	}
	r.i++
	if !list && !comma && len(items) == 1 {
		return items[0]
	}
	return place{kind: 'l', list: items}
}

// name is the value of a name.
func (r *placeReader) name(name string) place {
	if v, ok := r.local[name]; ok {
		return v
	}
	switch name {
	case "__file__":
		if r.n.File == "" || strings.HasPrefix(r.n.File, "<") {
			return place{}
		}
		return place{kind: 's', s: "/" + r.n.File}
	case "__name__":
		if r.n.Name == "__main__" {
			return place{kind: 's', s: "__main__"}
		}
		return place{kind: 's', s: r.n.Name}
	case "__package__":
		if r.n.Name == "__main__" {
			return place{}
		}
		if r.n.Dirs != nil {
			return place{kind: 's', s: r.n.Name}
		}
		owner, _, _ := source.CutLast(r.n.Name)
		return place{kind: 's', s: owner}
	case "__path__":
		var out place
		for _, d := range r.n.Dirs {
			out.kind = 'l'
			out.list = append(out.list, place{kind: 's', s: "/" + d})
		}
		return out
	}
	if r.n.Source == nil {
		return place{kind: 'd', s: name}
	}
	at := -1
	for i := range r.n.Source.Values {
		if v := &r.n.Source.Values[i]; v.Name == name && v.Line < r.line {
			at = i
		}
	}
	if at < 0 {
		return place{kind: 'd', s: name}
	}
	v := &r.n.Source.Values[at]
	if !v.Sure {
		return place{}
	}
	if v.Line == 0 { // imported
		return place{kind: 'd', s: v.Text}
	}
	p := r.places
	p.line, p.local = v.Line, map[string]place{}
	p.depth++
	if p.depth > maxPlaceDepth || *p.steps <= 0 {
		return place{}
	}
	*p.steps--
	return p.of(v.Text)
}

// attribute is that of a value; methods are dotted names on a value, which
// call understands.
func (r *placeReader) attribute(v place, attr string) place {
	if r.is("(") && v.kind != 'd' && v.kind != 0 {
		return r.method(v, attr)
	}
	switch {
	case v.kind == 'd':
		return r.dotted(v.s + "." + attr)
	case v.kind == 'p' && !v.open && attr == "parent":
		return place{kind: 'p', s: dirname(v.s)}
	case v.kind == 'p' && !v.open && attr == "parents":
		out := place{kind: 'l'}
		for at := v.s; at != "/" && at != "" && at != "." && len(out.list) < maxPlaceDepth; {
			at = dirname(at)
			out.list = append(out.list, place{kind: 'p', s: at})
		}
		return out
	case v.kind == 'p' && !v.open && attr == "name":
		return place{kind: 's', s: path.Base(v.s)}
	}
	return place{}
}

// dotted is the value of a dotted name.
func (r *placeReader) dotted(name string) place {
	s := func(s string) place { return place{kind: 's', s: s} }
	switch name {
	case "os.sep", "os.path.sep", "posixpath.sep":
		return s("/")
	case "os.pardir", "os.path.pardir":
		return s("..")
	case "os.curdir", "os.path.curdir":
		return s(".")
	case "sys.path":
		out := place{kind: 'l', list: []place{}}
		for _, d := range r.im.Finder.Path {
			out.list = append(out.list, s("/"+d))
		}
		return out
	case "sys.prefix", "sys.exec_prefix":
		if r.im.Finder.Venv != nil {
			return s("/" + r.im.Finder.Venv.Dir)
		}
		return s("/" + r.im.Finder.Interpreter.Prefix)
	}
	return place{kind: 'd', s: name}
}

// dirname is os.path.dirname, of a clean path pathlib's parent.
func dirname(p string) string {
	i := strings.LastIndexByte(p, '/')
	switch {
	case i < 0:
		return ""
	case i == 0:
		return "/"
	}
	return strings.TrimRight(p[:i], "/")
}

// absolute is os.path.abspath in the process's working directory.
func (r *placeReader) absolute(v place, real bool) place {
	s, ok := v.text()
	if !ok || !strings.HasPrefix(s, "/") && !r.im.made.cwdKnown() {
		return place{}
	}
	clean := whittle.Join(r.im.made.cwd, s)
	if real {
		if at, ok := r.im.Finder.t.Follow("", clean); ok {
			clean = at
		}
	}
	return place{kind: v.kind, s: "/" + clean}
}
