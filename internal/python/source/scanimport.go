package source

import (
	"slices"
	"strings"
)

// simple takes simple statements that are joined by semicolons.
func (bs bindings) simple(t []Token) {
	for bs.s.lexer.seen&semiMark != 0 && len(t) > 0 {
		end := len(t)
		for i := range t {
			if t[i].Kind == opToken && t[i].Depth == t[0].Depth && t[i].End-t[i].Start == 1 && bs.s.lexer.src[t[i].Start] == ';' {
				end = i
				break
			}
		}
		if end > 0 {
			bs.one(t[:end])
		}
		if end == len(t) {
			return
		}
		t = t[end+1:]
	}
	if len(t) > 0 {
		bs.one(t)
	}
}

// one takes one simple statement.
func (bs bindings) one(t []Token) {
	b := bs.s.current()
	b.ends, b.exit = false, goesOn
	if len(t) > 2 && t[0].Kind == NameToken && bs.s.is(t[0], "lazy") && (bs.s.is(t[1], "import") || bs.s.is(t[1], "from")) {
		bs.lazyImport(t[1:], b) // PEP 810: nothing is imported before the name is used
		return
	}
	if t[0].Kind == NameToken {
		switch bs.s.text(t[0]) {
		case "import":
			bs.importStatement(t, b)
			return
		case "from":
			if bs.fromStatement(t, b) {
				return
			}
		case "raise":
			b.ends = true
		case "global":
			for _, n := range t[1:] {
				if n.Kind == NameToken {
					bs.s.names[bs.s.text(n)] = true
				}
			}
			return
		case "type":
			if len(t) > 2 && t[1].Kind == NameToken && (bs.s.is(t[2], "=") || bs.s.is(t[2], "[")) {
				bs.bind(t[1])
				return
			}
		case "pass", "return", "del", "break", "continue", "nonlocal", "assert":
		}
	}
	b.exit = bs.exitOf(t)
	bs.notes(t, b)
	bs.assign(t)
	if bs.s.starter {
		asker{bs.s}.local(t, b)
	}
	bs.s.calls().expression(t, b)
	bs.s.effects().called(t, b)
	if exits(bs.s, t) {
		b.ends = true
	}
	if b.function == 0 && bs.leaves(t) {
		bs.s.effects().effect(Effect{Kind: RunText, Name: "exit"}, t, 0, b)
	}
}

// leaves recognizes what ends the process well: sys.exit(), raise SystemExit(0).
func (bs bindings) leaves(t []Token) bool {
	n := len(t) - 1
	switch {
	case bs.s.is(t[0], "raise") && n > 0 && bs.s.is(t[1], "SystemExit"):
		if n == 1 {
			return true
		}
	case !exits(bs.s, t):
		return false
	}
	return bs.s.is(t[n], ")") && (bs.s.is(t[n-1], "(") || bs.s.is(t[n-1], "0") && bs.s.is(t[n-2], "("))
}

// lazyImport takes "lazy import a" and "lazy from a import b".
func (bs bindings) lazyImport(t []Token, b *block) {
	first := len(bs.s.out.Imports)
	if bs.s.is(t[0], "import") {
		bs.importStatement(t, b)
	} else {
		bs.fromStatement(t, b)
	}
	for i := first; i < len(bs.s.out.Imports); i++ {
		bs.s.out.Imports[i].Context |= Lazy
	}
}

// exits recognizes sys.exit(…) and its kind.
func exits(s *scan, t []Token) bool {
	if len(t) >= 4 && s.is(t[1], ".") && s.is(t[3], "(") {
		return s.is(t[0], "sys") && s.is(t[2], "exit") || s.is(t[0], "os") && s.is(t[2], "_exit")
	}
	return len(t) >= 3 && s.is(t[1], "(") && (s.is(t[0], "exit") || s.is(t[0], "quit"))
}

// dotted reads a dotted name from t[i:], and the index after it.
func (s *scan) dotted(t []Token, i int) (string, int) {
	start := i
	for i < len(t) && t[i].Kind == NameToken {
		i++
		if i+1 >= len(t) || !s.is(t[i], ".") || t[i+1].Kind != NameToken {
			break
		}
		i++
	}
	if i == start+1 {
		return s.text(t[start]), i
	}
	var b strings.Builder
	for _, tok := range t[start:i] {
		b.Write(s.lexer.src[tok.Start:tok.End])
	}
	return b.String(), i
}

func (bs bindings) importStatement(t []Token, b *block) {
	for i := 1; i < len(t); {
		name, next := bs.s.dotted(t, i)
		if name == "" {
			return
		}
		bs.add(Import{Module: name, Line: int(t[0].line)}, b)
		bound, _, _ := strings.Cut(name, ".")
		i = next
		if i+1 < len(t) && bs.s.is(t[i], "as") {
			bound = bs.s.text(t[i+1])
			i += 2
			bs.s.rename(bound, name)
		}
		bs.s.imported[bound] = true
		bs.bindName(bound)
		if i >= len(t) || !bs.s.is(t[i], ",") {
			return
		}
		i++
	}
}

func (bs bindings) fromStatement(t []Token, b *block) bool {
	imp := Import{Line: int(t[0].line), Names: []string{}}
	i := 1
	for i < len(t) && t[i].Kind == opToken && bs.s.lexer.src[t[i].Start] == '.' {
		imp.Level += int(t[i].End - t[i].Start)
		i++
	}
	if i < len(t) && t[i].Kind == NameToken && !bs.s.is(t[i], "import") {
		imp.Module, i = bs.s.dotted(t, i)
	}
	if i >= len(t) || !bs.s.is(t[i], "import") || imp.Module == "" && imp.Level == 0 {
		return false
	}
	for i++; i < len(t); i++ {
		switch {
		case t[i].Kind == opToken && bs.s.lexer.src[t[i].Start] == '*':
			imp.Names = append(imp.Names, "*")
		case t[i].Kind == NameToken:
			name := bs.s.text(t[i])
			imp.Names = append(imp.Names, name)
			if imp.Module == "" && bs.s.names[name] {
				imp.Known = append(imp.Known, name)
			}
			if i+2 < len(t) && bs.s.is(t[i+1], "as") {
				i += 2
				if name == "TYPE_CHECKING" {
					bs.s.checking[bs.s.text(t[i])] = true
				}
				bs.s.constants().from(&imp, name, bs.s.text(t[i]))
				name = bs.s.text(t[i])
			} else {
				bs.s.constants().from(&imp, name, name)
			}
			bs.bindName(name)
		}
	}
	if imp.Module == "importlib" && slices.Contains(imp.Names, "import_module") {
		bs.s.importer = true
	}
	bs.add(imp, b)
	return true
}

// add notes an import.
func (bs bindings) add(imp Import, b *block) {
	if len(bs.s.out.Imports) >= maxFacts {
		bs.s.lexer.fail(imp.Line, "too many imports")
		return
	}
	imp.Context |= b.context
	if b.function > 0 {
		imp.In = b.in
	}
	b.guarded(&imp)
	imp.Conditions = append(slices.Clip(b.conditions), imp.Conditions...)
	if len(imp.Conditions) == 0 {
		imp.Conditions = nil
	}
	bs.s.out.Imports = append(bs.s.out.Imports, imp)
}

// bind notes a name that is bound at the top of the module.
func (bs bindings) bind(t Token) { bs.bindName(bs.s.text(t)) }

func (bs bindings) bindName(name string) {
	if b := bs.s.current(); b.isTop() && !bs.s.names[name] {
		bs.s.names[name], bs.s.namesAt[name] = true, len(bs.s.out.Imports)
	}
}

// define notes the name of a function or class.
func (bs bindings) define(head []Token) {
	if len(head) > 0 && head[0].Kind == NameToken {
		bs.bind(head[0])
	}
}

func (bs bindings) bindAll(t []Token) {
	for _, n := range t {
		if n.Kind == NameToken {
			bs.bind(n)
		}
	}
}

// bindFor notes the targets of a for.
func (bs bindings) bindFor(head []Token) {
	for i, t := range head {
		if t.Kind == NameToken && bs.s.is(t, "in") {
			bs.bindAll(head[:i])
			return
		}
	}
}

// bindAs notes what follows "as" in a with or except.
func (bs bindings) bindAs(head []Token) {
	for i, t := range head {
		if t.Kind != NameToken || !bs.s.is(t, "as") {
			continue
		}
		for j := i + 1; j < len(head) && (head[j].Kind == NameToken || bs.s.is(head[j], "(") || bs.s.is(head[j], ",") || bs.s.is(head[j], "*") || bs.s.is(head[j], ")")); j++ {
			if head[j].Kind == NameToken {
				bs.bind(head[j])
			}
			if j == i+1 && head[j].Kind == NameToken {
				break
			}
		}
	}
}

// assign notes the targets of an assignment, and what makes names that no text
// shows.
func (bs bindings) assign(t []Token) {
	b := bs.s.current()
	top := b.isTop()
	if b.model && b.function == 0 && len(t) > 2 && bs.s.is(t[1], ":") {
		asker{bs.s}.uses(t[2:], "pydantic.", b)
	}
	if !top && bs.s.lexer.seen&openMark == 0 {
		return
	}
	last, annotated := bs.lastEqual(t)
	if top {
		bs.bindTargets(t, last, annotated)
		if last > 0 && (settings[bs.s.text(t[0])] || nameSettings[bs.s.text(t[0])] && len(bs.s.out.Calls) < maxFacts) {
			bs.setting(t, last, b)
		}
		bs.s.constants().assigned(t, last, b)
	}
	if bs.s.lexer.seen&openMark != 0 {
		bs.s.effects().effects(t, last, b)
	}
}

// lastEqual is the index of the last "=", or "+=" and its kind, of a statement,
// -1 without one; and whether it starts with a name and an annotation.
func (bs bindings) lastEqual(t []Token) (last int, annotated bool) {
	last = -1
	for i, tok := range t {
		if tok.Kind != opToken || tok.Depth != t[0].Depth {
			continue
		}
		n := tok.End - tok.Start
		switch c := bs.s.lexer.src[tok.Start]; {
		case n == 1 && c == '=', n > 1 && bs.s.lexer.src[tok.End-1] == '=' && strings.IndexByte("=!<>:", c) < 0, n == 3:
			last = i
		case n == 1 && c == ':' && last < 0 && i == 1:
			annotated = true
		}
	}
	return last, annotated
}

// bindTargets notes the names before the last "=".
func (bs bindings) bindTargets(t []Token, last int, annotated bool) {
	for i := 0; i < last; i++ {
		if t[i].Kind == NameToken && (i == 0 || !bs.s.is(t[i-1], ".")) && (i+1 >= len(t) || !bs.s.is(t[i+1], ".") && !bs.s.is(t[i+1], "[") && !bs.s.is(t[i+1], "(")) {
			bs.bind(t[i])
		}
	}
	if annotated && t[0].Kind == NameToken {
		bs.bind(t[0])
	}
}

// settings are the names whose lists of modules Django and Celery import.
// https://docs.djangoproject.com/en/stable/ref/settings/
var settings = NameSet(`INSTALLED_APPS MIDDLEWARE DATABASES imports include`)

// nameSettings are those whose value is one string: of Django, and of
// gunicorn's configuration.
// https://docs.gunicorn.org/en/stable/settings.html
var nameSettings = NameSet(`ROOT_URLCONF WSGI_APPLICATION chdir pythonpath wsgi_app worker_class logger_class`)

// setting notes the literal strings that are assigned to a setting, each as a
// call of the setting's name; of DATABASES those after "ENGINE". A string that
// is made by code is a call without arguments.
func (bs bindings) setting(t []Token, last int, b *block) {
	name := bs.s.text(t[0])
	if nameSettings[name] {
		c := Call{Func: name, Line: int(t[0].line), Context: b.context, Conditions: bs.s.calls().conditions(t, b)}
		if last+2 == len(t) && t[last+1].Kind == StringToken {
			c.Args = []string{bs.s.literal(t[last+1])}
		}
		bs.s.out.Calls = append(bs.s.out.Calls, c)
		return
	}
	for i := last + 1; i < len(t) && len(bs.s.out.Calls) < maxFacts; i++ {
		if t[i].Kind != StringToken || name != "DATABASES" && t[i].Depth != t[0].Depth+1 {
			continue
		}
		value := bs.s.literal(t[i])
		if name == "DATABASES" {
			if value != "ENGINE" || i+2 >= len(t) || !bs.s.is(t[i+1], ":") || t[i+2].Kind != StringToken {
				continue
			}
			i += 2
			value = bs.s.literal(t[i])
		}
		bs.s.out.Calls = append(bs.s.out.Calls, Call{Func: name, Args: []string{value}, Line: int(t[i].line), Context: b.context, Conditions: bs.s.calls().conditions(t, b)})
	}
}
