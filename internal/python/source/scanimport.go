package source

import (
	"slices"
	"strings"
)

// simple takes simple statements that are joined by semicolons.
func (s *scan) simple(t []Token) {
	for s.seen&semiMark != 0 && len(t) > 0 {
		end := len(t)
		for i := range t {
			if t[i].Kind == opToken && t[i].Depth == t[0].Depth && t[i].End-t[i].Start == 1 && s.src[t[i].Start] == ';' {
				end = i
				break
			}
		}
		if end > 0 {
			s.one(t[:end])
		}
		if end == len(t) {
			return
		}
		t = t[end+1:]
	}
	if len(t) > 0 {
		s.one(t)
	}
}

// one takes one simple statement.
func (s *scan) one(t []Token) {
	b := s.current()
	b.ends = false
	if len(t) > 2 && t[0].Kind == NameToken && s.is(t[0], "lazy") && (s.is(t[1], "import") || s.is(t[1], "from")) {
		s.lazyImport(t[1:], b) // PEP 810: nothing is imported before the name is used
		return
	}
	if t[0].Kind == NameToken {
		switch s.text(t[0]) {
		case "import":
			s.importStatement(t, b)
			return
		case "from":
			if s.fromStatement(t, b) {
				return
			}
		case "raise":
			b.ends = true
		case "global":
			for _, n := range t[1:] {
				if n.Kind == NameToken {
					s.names[s.text(n)] = true
				}
			}
			return
		case "type":
			if len(t) > 2 && t[1].Kind == NameToken && (s.is(t[2], "=") || s.is(t[2], "[")) {
				s.bind(t[1])
				return
			}
		case "pass", "return", "del", "break", "continue", "nonlocal", "assert":
		}
	}
	s.assign(t)
	if s.starter {
		asker{s}.local(t, b)
	}
	s.expression(t, b)
	s.called(t, b)
	if exits(s, t) {
		b.ends = true
	}
	if b.function == 0 && s.leaves(t) {
		s.effect(Effect{Kind: RunText, Name: "exit"}, t, 0, b)
	}
}

// leaves recognizes what ends the process well: sys.exit(), raise SystemExit(0).
func (s *scan) leaves(t []Token) bool {
	n := len(t) - 1
	switch {
	case s.is(t[0], "raise") && n > 0 && s.is(t[1], "SystemExit"):
		if n == 1 {
			return true
		}
	case !exits(s, t):
		return false
	}
	return s.is(t[n], ")") && (s.is(t[n-1], "(") || s.is(t[n-1], "0") && s.is(t[n-2], "("))
}

// lazyImport takes "lazy import a" and "lazy from a import b".
func (s *scan) lazyImport(t []Token, b *block) {
	first := len(s.out.Imports)
	if s.is(t[0], "import") {
		s.importStatement(t, b)
	} else {
		s.fromStatement(t, b)
	}
	for i := first; i < len(s.out.Imports); i++ {
		s.out.Imports[i].Context |= Lazy
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
		b.Write(s.src[tok.Start:tok.End])
	}
	return b.String(), i
}

func (s *scan) importStatement(t []Token, b *block) {
	for i := 1; i < len(t); {
		name, next := s.dotted(t, i)
		if name == "" {
			return
		}
		s.add(Import{Module: name, Line: int(t[0].line)}, b)
		bound, _, _ := strings.Cut(name, ".")
		i = next
		if i+1 < len(t) && s.is(t[i], "as") {
			bound = s.text(t[i+1])
			i += 2
			s.rename(bound, name)
		}
		s.imported[bound] = true
		s.bindName(bound)
		if i >= len(t) || !s.is(t[i], ",") {
			return
		}
		i++
	}
}

func (s *scan) fromStatement(t []Token, b *block) bool {
	imp := Import{Line: int(t[0].line), Names: []string{}}
	i := 1
	for i < len(t) && t[i].Kind == opToken && s.src[t[i].Start] == '.' {
		imp.Level += int(t[i].End - t[i].Start)
		i++
	}
	if i < len(t) && t[i].Kind == NameToken && !s.is(t[i], "import") {
		imp.Module, i = s.dotted(t, i)
	}
	if i >= len(t) || !s.is(t[i], "import") || imp.Module == "" && imp.Level == 0 {
		return false
	}
	for i++; i < len(t); i++ {
		switch {
		case t[i].Kind == opToken && s.src[t[i].Start] == '*':
			imp.Names = append(imp.Names, "*")
		case t[i].Kind == NameToken:
			name := s.text(t[i])
			imp.Names = append(imp.Names, name)
			if imp.Module == "" && s.names[name] {
				imp.Known = append(imp.Known, name)
			}
			if i+2 < len(t) && s.is(t[i+1], "as") {
				i += 2
				if name == "TYPE_CHECKING" {
					s.checking[s.text(t[i])] = true
				}
				s.from(&imp, name, s.text(t[i]))
				name = s.text(t[i])
			} else {
				s.from(&imp, name, name)
			}
			s.bindName(name)
		}
	}
	if imp.Module == "importlib" && slices.Contains(imp.Names, "import_module") {
		s.importer = true
	}
	s.add(imp, b)
	return true
}

// add notes an import.
func (s *scan) add(imp Import, b *block) {
	if len(s.out.Imports) >= maxFacts {
		s.fail(imp.Line, "too many imports")
		return
	}
	imp.Context |= b.context
	if b.function > 0 {
		imp.In = b.in
	}
	imp.Conditions = append(slices.Clip(b.conditions), imp.Conditions...)
	if len(imp.Conditions) == 0 {
		imp.Conditions = nil
	}
	s.out.Imports = append(s.out.Imports, imp)
}

// bind notes a name that is bound at the top of the module.
func (s *scan) bind(t Token) { s.bindName(s.text(t)) }

func (s *scan) bindName(name string) {
	if b := s.current(); b.isTop() && !s.names[name] {
		s.names[name], s.namesAt[name] = true, len(s.out.Imports)
	}
}

// define notes the name of a function or class.
func (s *scan) define(head []Token) {
	if len(head) > 0 && head[0].Kind == NameToken {
		s.bind(head[0])
	}
}

func (s *scan) bindAll(t []Token) {
	for _, n := range t {
		if n.Kind == NameToken {
			s.bind(n)
		}
	}
}

// bindFor notes the targets of a for.
func (s *scan) bindFor(head []Token) {
	for i, t := range head {
		if t.Kind == NameToken && s.is(t, "in") {
			s.bindAll(head[:i])
			return
		}
	}
}

// bindAs notes what follows "as" in a with or except.
func (s *scan) bindAs(head []Token) {
	for i, t := range head {
		if t.Kind != NameToken || !s.is(t, "as") {
			continue
		}
		for j := i + 1; j < len(head) && (head[j].Kind == NameToken || s.is(head[j], "(") || s.is(head[j], ",") || s.is(head[j], "*") || s.is(head[j], ")")); j++ {
			if head[j].Kind == NameToken {
				s.bind(head[j])
			}
			if j == i+1 && head[j].Kind == NameToken {
				break
			}
		}
	}
}

// assign notes the targets of an assignment, and what makes names that no text
// shows.
func (s *scan) assign(t []Token) {
	b := s.current()
	top := b.isTop()
	if b.model && b.function == 0 && len(t) > 2 && s.is(t[1], ":") {
		asker{s}.uses(t[2:], "pydantic.", b)
	}
	if !top && s.seen&openMark == 0 {
		return
	}
	last, annotated := -1, false
	for i, tok := range t {
		if tok.Kind != opToken || tok.Depth != t[0].Depth {
			continue
		}
		n := tok.End - tok.Start
		switch c := s.src[tok.Start]; {
		case n == 1 && c == '=', n > 1 && s.src[tok.End-1] == '=' && strings.IndexByte("=!<>:", c) < 0, n == 3:
			last = i
		case n == 1 && c == ':' && last < 0 && i == 1:
			annotated = true
		}
	}
	if top {
		for i := 0; i < last; i++ {
			if t[i].Kind == NameToken && (i == 0 || !s.is(t[i-1], ".")) && (i+1 >= len(t) || !s.is(t[i+1], ".") && !s.is(t[i+1], "[") && !s.is(t[i+1], "(")) {
				s.bind(t[i])
			}
		}
		if annotated && t[0].Kind == NameToken {
			s.bind(t[0])
		}
	}
	if last > 0 && top && (settings[s.text(t[0])] || nameSettings[s.text(t[0])] && len(s.out.Calls) < maxFacts) {
		s.setting(t, last, b)
	}
	if top {
		s.assigned(t, last, b)
	}
	if s.seen&openMark != 0 {
		s.effects(t, last, b)
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
func (s *scan) setting(t []Token, last int, b *block) {
	name := s.text(t[0])
	if nameSettings[name] {
		c := Call{Func: name, Line: int(t[0].line), Context: b.context, Conditions: s.conditions(t, b)}
		if last+2 == len(t) && t[last+1].Kind == StringToken {
			c.Args = []string{s.literal(t[last+1])}
		}
		s.out.Calls = append(s.out.Calls, c)
		return
	}
	for i := last + 1; i < len(t) && len(s.out.Calls) < maxFacts; i++ {
		if t[i].Kind != StringToken || name != "DATABASES" && t[i].Depth != t[0].Depth+1 {
			continue
		}
		value := s.literal(t[i])
		if name == "DATABASES" {
			if value != "ENGINE" || i+2 >= len(t) || !s.is(t[i+1], ":") || t[i+2].Kind != StringToken {
				continue
			}
			i += 2
			value = s.literal(t[i])
		}
		s.out.Calls = append(s.out.Calls, Call{Func: name, Args: []string{value}, Line: int(t[i].line), Context: b.context, Conditions: s.conditions(t, b)})
	}
}
