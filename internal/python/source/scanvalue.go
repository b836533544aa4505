package source

import (
	"slices"
	"strings"
)

// isTop says that what a block binds is bound in the module.
func (b *block) isTop() bool {
	return b.function == 0 && (b.class == 0 || b.class == 1 && b.exports)
}

// inside names the function that a def or class opens, for effects in it: the
// outermost, or the class whose objects are made by it.
func (vs constants) inside(header []Token, up *block) string {
	if up.function > 0 || len(header) == 0 || header[0].Kind != NameToken {
		return up.in
	}
	name := vs.s.text(header[0])
	if up.class > 0 && up.in != "" && (name == "__init__" || name == "__new__" || name == "__call__" || name == "__enter__") {
		return up.in
	}
	return name
}

// from notes a name of a from-import.
func (vs constants) from(imp *Import, item, name string) {
	if vs.s.imported[name] = true; len(imp.Module) > maxModule {
		return // each of its names has the whole of it
	}
	full := strings.Repeat(".", imp.Level) + imp.Module
	if imp.Module != "" {
		full += "."
	}
	vs.s.rename(name, full+item)
}

// djangoSettings notes os.environ["DJANGO_SETTINGS_MODULE"] = … as the call of
// setdefault that does nearly the same; a name that is no literal is empty.
func (vs constants) djangoSettings(t []Token, last int, b *block) {
	full, next := vs.s.dotted(t, 0)
	if full = vs.s.canonical(full); full != "os.environ" && full != "environ" || next+3 != last || t[next+1].Kind != StringToken || last+1 >= len(t) {
		return
	}
	name := vs.s.literal(t[next+1])
	if name != "DJANGO_SETTINGS_MODULE" || len(vs.s.out.Calls) >= maxFacts {
		return
	}
	value := ""
	if last+2 == len(t) && t[last+1].Kind == StringToken {
		value = vs.s.literal(t[last+1])
	}
	vs.s.out.Calls = append(vs.s.out.Calls, Call{Func: "os.environ.setdefault", Args: []string{name, value}, Line: int(t[0].line), Context: b.context, Conditions: b.conditions})
}

// exported collects __all__.
type exported struct {
	names   []string
	seen    bool
	unclear bool
}

// assigned notes what a statement at the top assigns: values of names, other
// names of modules, __all__; and what it deletes.
func (vs constants) assigned(t []Token, last int, b *block) {
	if t[0].Kind != NameToken {
		return
	}
	if last > 3 && vs.s.is(t[last-1], "]") {
		vs.djangoSettings(t, last, b)
	}
	switch name := vs.s.text(t[0]); {
	case name == "__all__":
		vs.all(t, last)
	case name == "del" && len(vs.s.blocks) == 0:
		for i := 1; i < len(t); i++ {
			if t[i].Kind == NameToken && (i+1 == len(t) || vs.s.is(t[i+1], ",")) && (i == 1 || vs.s.is(t[i-1], ",")) {
				vs.s.out.Deleted = append(vs.s.out.Deleted, vs.s.text(t[i]))
			}
		}
		return
	case last == 1 && vs.s.is(t[1], "="):
		asker{vs.s}.configuration(name, t[2:], int(t[0].line), b)
		vs.valueOf(name, t[2:], int(t[0].line))
	case last > 2 && vs.s.is(t[1], ":") && vs.s.is(t[last], "="):
		asker{vs.s}.configuration(name, t[last+1:], int(t[0].line), b)
		vs.valueOf(name, t[last+1:], int(t[0].line))
	case last > 2 && vs.s.is(t[1], ".") && vs.s.imported[name]:
		if full, end := vs.s.dotted(t, 0); end == last && vs.s.is(t[last], "=") {
			owner, attr, _ := CutLast(full)
			if attr != "__path__" {
				vs.s.effects().effect(Effect{Kind: SetName, Name: vs.s.canonical(owner), Text: attr}, t, 0, b)
			}
		}
	}
}

// valueOf notes the value that a name is given.
func (vs constants) valueOf(name string, value []Token, line int) {
	vs.undelete(name)
	if len(value) == 0 {
		return
	}
	if full, end := vs.s.dotted(value, 0); end == len(value) && watched[vs.s.canonical(full)] {
		vs.s.rename(name, vs.s.canonical(full))
		return
	}
	delete(vs.s.alias, name)
	if len(vs.s.values) >= maxValues {
		return
	}
	text := "…"
	if len(value) <= 40 {
		text = vs.s.expr(value)
	}
	vs.s.values = append(vs.s.values, Value{Name: name, Text: text, Line: line, Sure: len(vs.s.blocks) == 0})
}

func (vs constants) undelete(name string) {
	if i := slices.Index(vs.s.out.Deleted, name); i >= 0 {
		vs.s.out.Deleted = slices.Delete(vs.s.out.Deleted, i, i+1)
	}
}

// all notes an assignment to __all__, or a call of one of its methods.
func (vs constants) all(t []Token, last int) {
	e := &vs.s.exports
	if len(vs.s.blocks) > 0 {
		e.seen, e.unclear = true, true
		return
	}
	switch {
	case last == 1 && vs.s.is(t[1], "="):
		e.seen, e.unclear, e.names = true, false, nil
		vs.strings(t[2:])
	case last == 1 && vs.s.is(t[1], "+="):
		vs.strings(t[2:])
	case len(t) > 4 && vs.s.is(t[1], ".") && vs.s.is(t[3], "(") && (vs.s.is(t[2], "append") || vs.s.is(t[2], "extend")) && vs.s.closing(t, 3) == len(t)-1:
		if arg := vs.s.argument(t, 3, 0); vs.s.is(t[2], "extend") {
			vs.strings(arg)
		} else if len(arg) == 1 && arg[0].Kind == StringToken {
			e.names = append(e.names, vs.s.literal(arg[0]))
		} else {
			e.unclear = true
		}
	default:
		e.unclear = e.unclear || last > 0 || len(t) > 1 && vs.s.is(t[1], ".")
	}
	e.seen = true
}

// strings adds the strings of a list, a tuple or a sum of such to __all__.
func (vs constants) strings(t []Token) {
	for i, tok := range t {
		switch {
		case tok.Kind == StringToken && (i == 0 || t[i-1].Kind != StringToken):
			vs.s.exports.names = append(vs.s.exports.names, vs.s.literal(tok))
		case tok.Kind == opToken && strings.IndexByte("[](),+", vs.s.lexer.src[tok.Start]) >= 0 && tok.End-tok.Start == 1:
		default:
			vs.s.exports.unclear = true
			return
		}
	}
}

// kept finishes what Scan gives: the values that something is made of, the
// words of an open module.
func (vs constants) kept() {
	if e := &vs.s.exports; e.seen {
		vs.s.out.All, vs.s.out.AllKnown = e.names, !e.unclear && len(vs.s.lexer.Tokens) < maxTokens
	}
	vs.s.out.Values = vs.needed()
	if vs.s.out.Open {
		vs.s.out.Words = vs.words()
	}
}

// needed are the values that effects and calls are made of, directly or by
// other values.
func (vs constants) needed() []Value {
	wanted := map[string]bool{}
	var todo []string
	want := func(text string) {
		for _, name := range identifiers(text) {
			if !wanted[name] {
				wanted[name] = true
				todo = append(todo, name)
			}
		}
	}
	for i := range vs.s.out.Effects {
		if e := &vs.s.out.Effects[i]; e.Kind != CallName && e.Kind != SetName {
			want(e.Text)
			want(e.Name)
			for _, c := range e.Conditions {
				want(c.Text)
			}
		}
	}
	for i := range vs.s.out.Calls {
		want(vs.s.out.Calls[i].Text)
		for _, c := range vs.s.out.Calls[i].Conditions {
			want(c.Text)
		}
	}
	for i := range vs.s.out.Imports {
		if imp := &vs.s.out.Imports[i]; imp.Context&Lazy == 0 {
			for _, c := range imp.Conditions {
				want(c.Text)
			}
		}
	}
	byName := map[string][]int{}
	if len(todo) > 0 {
		for i := range vs.s.values {
			byName[vs.s.values[i].Name] = append(byName[vs.s.values[i].Name], i)
		}
	}
	var out []Value
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		for _, i := range byName[name] {
			want(vs.s.values[i].Text)
			out = append(out, vs.s.values[i])
		}
		if full, ok := vs.s.alias[name]; ok {
			out = append(out, Value{Name: name, Text: full, Sure: true})
		}
	}
	slices.SortStableFunc(out, func(a, b Value) int { return a.Line - b.Line })
	return out
}

// identifiers are the words of an expression that may be names.
func identifiers(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r < 0x80
	})
}

// words are the names and the words of short strings that are no names of the
// module.
func (vs constants) words() []string {
	const longest = 300
	seen := map[string]bool{}
	for l := NewLexer(vs.s.lexer.src); l.Next() && len(seen) < MaxWords; {
		if len(l.Tokens) == 1 {
			continue // a docstring
		}
		for _, t := range l.Tokens {
			switch text := string(l.src[t.Start:t.End]); {
			case t.Kind == NameToken && !vs.s.names[text]:
				seen[text] = true
			case (t.Kind == StringToken || t.Kind == FormatToken) && len(text) <= longest:
				for _, w := range identifiers(text) {
					if !vs.s.names[w] {
						seen[w] = true
					}
				}
			}
		}
	}
	var out []string
	for w := range seen {
		out = append(out, strings.ToValidUTF8(w, "\uFFFD"))
	}
	slices.Sort(out)
	return slices.Compact(out)
}
