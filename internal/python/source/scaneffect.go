package source

import (
	"slices"
	"strings"
)

// Bounds of what is kept of one file.
const (
	maxEffects = 2000
	maxValues  = 4000
	maxCalled  = 300
	MaxWords   = 5000
)

// openers are the names that effects looks for; those that a text gives to sys
// and its path are looked for too.
var openers = NameSet(`exec globals vars locals modules sys addsitedir chdir __path__ extend_path declare_namespace meta_path path_hooks
	lazy_import attach_stub global_enum _convert_ f_globals setattr run_path site runpy
	__import__ load_source SourceFileLoader SourcelessFileLoader ExtensionFileLoader execv execve execvp execvpe execl execle execlp execlpe`)

// effects notes what one statement does to later imports; last is the index of
// its assignment operator, -1 for none.
func (es effects) effects(t []Token, last int, b *block) {
	for i := 0; i < len(t); i++ {
		if t[i].Kind != NameToken {
			continue
		}
		full, next := es.s.dotted(t, i)
		if i == 0 || !es.s.is(t[i-1], ".") {
			full = es.s.canonical(full)
		} else if t[i-2].Kind == NameToken || !attributes[es.s.text(t[i])] {
			continue // within a dotted name, or of an expression
		}
		es.opens(t, i, next, last, full, b)
		es.pathEffect(t, i, next, last, full, b)
		es.byName(t, i, next, full, b)
		es.moduleEffect(t, i, next, last, full, b)
	}
}

// attributes are the names that matter as those of any expression.
var attributes = NameSet(`extend_path declare_namespace f_globals _convert_`)

// canonical is a dotted name with the name that it starts with replaced by
// what was imported, or assigned, under it.
func (s *scan) canonical(name string) string {
	head, rest, dotted := strings.Cut(name, ".")
	if full, ok := s.alias[head]; ok {
		if head = full; dotted {
			return head + "." + rest
		}
		return head
	}
	return name
}

// watched are the modules and lists whose other names are looked for.
var watched = NameSet(`sys sys.path sys.modules sys.meta_path sys.path_hooks site site.addsitedir os.chdir`)

// rename notes that a name stands for a dotted one.
func (s *scan) rename(name, full string) {
	if b := s.current(); b.function == 0 && b.class == 0 || watched[full] {
		if s.alias == nil {
			s.alias = map[string]string{}
		}
		if name != full {
			s.alias[name] = full
			if watched[full] {
				s.lexer.watch(name, openMark)
			}
			if metadataCalls[full] {
				s.lexer.watch(name, callMark)
			}
			s.hasFeatures = s.hasFeatures || features[full]
		}
	}
}

// effect notes one.
func (es effects) effect(e Effect, t []Token, i int, b *block) {
	if len(es.s.out.Effects) >= maxEffects {
		return
	}
	e.At, e.Line = len(es.s.out.Imports), int(t[i].line)
	e.Context, e.Conditions, e.In = b.context|es.s.calls().within(t, i), es.s.calls().conditions(t, b), b.in
	if b.function == 0 && e.Context&Lazy != 0 { // in a lambda, which is called as a rule
		e.Context &^= Lazy
		e.Conditions = with(e.Conditions, Condition{Text: "lambda"})
		if !es.global(e.Text) {
			e.Text = "…"
		}
	}
	if b.function == 0 {
		e.In = ""
	} else if e.Kind != SetName && !es.global(e.Text) {
		e.Text = "…"
	}
	for i := range es.s.blocks { // it may run many times, or never
		if es.s.blocks[i].keyword == "for" {
			e.Conditions = with(e.Conditions, Condition{Text: "for"})
			break
		}
	}
	es.s.out.Effects = append(es.s.out.Effects, e)
}

// global says that an expression in a function has no names that may be the
// function's own: imports and constants are those of the module.
func (es effects) global(text string) bool {
	before := ""
	for _, word := range strings.Fields(text) {
		last := before
		before = word
		if last == "." || !IsIdentifier(word) {
			continue
		}
		if !es.s.imported[word] && !strings.HasPrefix(word, "__") && word != strings.ToUpper(word) && word != "str" && word != "or" {
			return false
		}
	}
	return true
}

// expr is the text of an expression, with strings as they can be read again.
func (s *scan) expr(t []Token) string {
	const most = 80
	if len(t) > most || len(t) == 0 {
		return "…"
	}
	var b strings.Builder
	for i, tok := range t {
		if i > 0 {
			b.WriteByte(' ')
		}
		switch {
		case tok.Kind == StringToken:
			b.WriteString(quote(s.literal(tok)))
		case tok.Kind == FormatToken && s.effects().formatted(tok):
			b.WriteString("f" + quote(string(s.lexer.src[tok.Start:tok.End])))
		case tok.Kind == FormatToken:
			b.WriteString("…")
		default:
			b.Write(s.lexer.src[tok.Start:tok.End])
		}
	}
	if b.Len() > 600 {
		return "…"
	}
	return strings.ToValidUTF8(b.String(), "\uFFFD")
}

// formatted says that a format token is an f-string without a backslash.
func (es effects) formatted(t Token) bool {
	p := t.Start - 1
	for p >= 0 && (es.s.lexer.src[p] == '"' || es.s.lexer.src[p] == '\'') {
		p--
	}
	return p >= 0 && (es.s.lexer.src[p]|0x20) == 'f' && !strings.Contains(string(es.s.lexer.src[t.Start:t.End]), `\`) && (p == 0 || byteClass[es.s.lexer.src[p-1]] != wordByte)
}

// argument are the tokens of the n-th argument of the call whose bracket is at
// t[open], nil where it has none.
func (s *scan) argument(t []Token, open, n int) []Token {
	if open >= len(t) || !s.is(t[open], "(") && !s.is(t[open], "[") {
		return nil
	}
	depth := t[open].Depth
	start := open + 1
	for i := start; i < len(t); i++ {
		if t[i].Depth > depth+1 || t[i].Depth == depth+1 && !s.is(t[i], ",") {
			continue
		}
		if n == 0 {
			return t[start:i]
		}
		if t[i].Depth <= depth {
			return nil
		}
		start, n = i+1, n-1
	}
	if n == 0 {
		return t[start:]
	}
	return nil
}

// closing is the index of the bracket that closes the one at t[open].
func (s *scan) closing(t []Token, open int) int {
	for i := open + 1; i < len(t); i++ {
		if t[i].Depth <= t[open].Depth {
			return i
		}
	}
	return len(t)
}

// moduleEffect notes changes of sys.modules, of finders, of packages' paths and
// of the names of other modules.
func (es effects) moduleEffect(t []Token, i, next, last int, full string, b *block) {
	after := func(text string) bool { return next < len(t) && es.s.is(t[next], text) }
	changed := last == next && i == 0
	switch owner, method, _ := CutLast(full); {
	case full == "sys.meta_path" || full == "sys.path_hooks":
		if changed || after("[") && i == 0 && last >= 0 {
			es.effect(Effect{Kind: AddFinder}, t, i, b)
		}
	case (owner == "sys.meta_path" || owner == "sys.path_hooks") && (method == "append" || method == "insert" || method == "extend") && after("("):
		es.effect(Effect{Kind: AddFinder}, t, i, b)
	case full == "sys.modules" && after("[") && i == 0:
		if end := es.s.closing(t, next); last == end+1 {
			es.s.out.Open = true // it may be its own name
			es.effect(Effect{Kind: SetModule, Text: es.s.expr(t[next+1 : end])}, t, i, b)
		}
	case owner == "sys.modules" && (method == "setdefault" || method == "__setitem__") && after("("):
		es.effect(Effect{Kind: SetModule, Text: es.s.expr(es.s.argument(t, next, 0))}, t, i, b)
	case full == "sys.modules.update" && after("("):
		es.effect(Effect{Kind: SetModule, Text: "…"}, t, i, b)
	case method == "extend_path" || method == "declare_namespace":
		if after("(") {
			es.effect(Effect{Kind: PackagePath, Text: "*"}, t, i, b)
		}
	case full == "exec" && after("(") && b.function == 0:
		if !es.shown(es.s.argument(t, next, 0)) {
			es.effect(Effect{Kind: RunText, Name: "exec"}, t, i, b)
		}
	case strings.HasPrefix(full, "os.exec") && after("("):
		es.effect(Effect{Kind: RunText, Name: full}, t, i, b)
	case loaders[method] && after("("):
		es.effect(Effect{Kind: SetModule, Text: es.s.expr(es.s.argument(t, next, 0))}, t, i, b)
	case (full == "runpy.run_path" || full == "execfile") && after("(") && b.function == 0:
		es.effect(Effect{Kind: RunText, Name: full}, t, i, b)
	case full == "setattr" && after("(") && b.function == 0:
		es.setName(t, i, next, b)
	default:
		es.packagePath(t, i, next, last, full, b)
	}
}

// loaders are calls that load a file as a module of the name that is their
// first argument.
var loaders = NameSet(`SourceFileLoader SourcelessFileLoader ExtensionFileLoader load_source`)

// setName notes setattr(module, name, …).
func (es effects) setName(t []Token, i, next int, b *block) {
	to := es.s.argument(t, next, 0)
	if len(to) == 0 || to[0].Kind != NameToken {
		return
	}
	name, end := es.s.dotted(to, 0)
	if end != len(to) || !es.s.imported[head(name)] {
		return
	}
	e := Effect{Kind: SetName, Name: es.s.canonical(name)}
	if arg := es.s.argument(t, next, 1); len(arg) == 1 && arg[0].Kind == StringToken {
		e.Text = es.s.literal(arg[0])
	}
	es.effect(e, t, i, b)
}

func head(name string) string { h, _, _ := strings.Cut(name, "."); return h }

// packagePath notes changes of a package's __path__.
func (es effects) packagePath(t []Token, i, next, last int, full string, b *block) {
	parts := strings.Split(full, ".")
	k := slices.Index(parts, "__path__")
	if k < 0 {
		return
	}
	e := Effect{Kind: PackagePath, Name: strings.Join(parts[:k], "."), Text: "…"}
	switch method := strings.Join(parts[k+1:], "."); {
	case method == "append" && next < len(t):
		e.Text = es.s.expr(es.s.argument(t, next, 0))
	case method == "insert" && next < len(t):
		e.Text = es.s.expr(es.s.argument(t, next, 1))
	case method == "" && i == 0 && last == next:
		value := t[last+1:]
		if es.s.is(t[last], "+=") && len(value) > 2 && es.s.is(value[0], "[") && es.s.closing(value, 0) == len(value)-1 && es.s.argument(value, 0, 1) == nil {
			e.Text = es.s.expr(value[1 : len(value)-1])
		} else if len(value) > 0 && es.s.mentions(value, "extend_path") {
			return // noted for that
		}
	case method == "extend" || method == "remove" || method == "pop" || method == "clear":
	case method == "" && next < len(t) && es.s.is(t[next], "[") && i == 0 && last >= 0:
	default:
		return
	}
	es.effect(e, t, i, b)
}

func (s *scan) mentions(t []Token, name string) bool {
	return slices.ContainsFunc(t, func(tok Token) bool { return tok.Kind == NameToken && s.is(tok, name) })
}

// shown says that what exec runs is in the text, as a string or as one that
// compile is given, and has nothing to do with what is imported.
func (es effects) shown(arg []Token) bool {
	if len(arg) > 3 && es.s.is(arg[0], "compile") && es.s.is(arg[1], "(") && es.s.is(arg[3], ",") {
		arg = arg[2:3]
	}
	return len(arg) == 1 && arg[0].Kind == StringToken && !strings.Contains(es.s.text(arg[0]), "sys.") && !strings.Contains(es.s.text(arg[0]), "import")
}

// opens looks for what gives the module names that its text does not show.
func (es effects) opens(t []Token, i, next, last int, full string, b *block) {
	_, method, _ := CutLast(full)
	after := func(k int, text string) bool { return next+k < len(t) && es.s.is(t[next+k], text) }
	switch {
	case full == "exec" && after(0, "(") && b.function == 0, full == "lazy_import", method == "attach_stub":
		es.s.out.Open = true
	case full == "globals", full == "vars", full == "locals" && b.function == 0:
		es.opensDict(t, i, next, last, full)
	case full == "sys.modules":
		es.opensModule(t, i, next, last)
	case strings.HasPrefix(full, "sys.modules.") && (method == "update" || method == "setdefault"):
		es.s.out.Open = true
	case strings.HasSuffix(full, "f_globals"), strings.Contains(full, ".f_globals."):
		if last > i || method == "update" || method == "setdefault" {
			es.s.out.OpensOthers = true
		}
	case method == "global_enum":
		if i > 0 && es.s.is(t[i-1], "@") {
			es.s.enumNext = true
		} else if after(0, "(") {
			es.s.out.Open = true
		}
	case method == "_convert_":
		es.converts(t, next)
	}
}

// opensDict: the dictionary of the module's names is written to, goes under
// another name or to a function that may do so.
func (es effects) opensDict(t []Token, i, next, last int, full string) {
	if next+1 >= len(t) || !es.s.is(t[next], "(") || !es.s.is(t[next+1], ")") {
		return
	}
	after := next + 2
	switch {
	case after < len(t) && es.s.is(t[after], "["):
		es.s.out.Open = es.s.out.Open || last > i
	case after < len(t) && es.s.is(t[after], "."):
		es.s.out.Open = es.s.out.Open || after+1 < len(t) && (es.s.is(t[after+1], "update") || es.s.is(t[after+1], "setdefault") || es.s.is(t[after+1], "__setitem__"))
	case last > 0 && last < i:
		es.s.out.Open = true
	case full == "globals" && i > 1 && (es.s.is(t[i-1], "(") || es.s.is(t[i-1], ",")): // an argument
		f := i - 1
		for f > 0 && !(es.s.is(t[f], "(") && t[f].Depth < t[i].Depth) {
			f--
		}
		es.s.out.Open = es.s.out.Open || f > 0 && t[f-1].Kind == NameToken && !readers[es.s.text(t[f-1])]
	}
}

// readers are functions that only read a dictionary; eval might not, and is
// hardly ever used so.
var readers = NameSet(`dict list set sorted len iter eval print any all tuple frozenset __import__ get_type_hints isinstance id in not and or if`)

// opensModule: the module is taken out of sys.modules to be written to, or
// another one.
func (es effects) opensModule(t []Token, i, next, last int) {
	if next >= len(t) || !es.s.is(t[next], "[") {
		if last > 0 && last < i {
			es.s.out.Open = true // under another name
		}
		return
	}
	end := es.s.closing(t, next)
	own := end == next+2 && es.s.is(t[next+1], "__name__")
	after := func(text string) bool { return end+1 < len(t) && es.s.is(t[end+1], text) }
	writes := last > end && after(".") || after(".") && es.s.mentions(t[end:], "update") || i > 1 && es.s.is(t[i-2], "setattr")
	switch {
	case own && (last >= 0 || writes), last > 0 && last < i:
		es.s.out.Open = true
		es.s.out.OpensOthers = es.s.out.OpensOthers || es.s.mentions(t[next:end], "__module__")
	case writes:
		es.s.out.OpensOthers = true
	}
}

// converts: enum's _convert_ puts the names that its filter takes into the
// module; prefixes are understood.
func (es effects) converts(t []Token, next int) {
	found := false
	for i := next; i+2 < len(t); i++ {
		if t[i].Kind == NameToken && es.s.is(t[i], "startswith") && es.s.is(t[i+1], "(") {
			for _, tok := range t[i+2:] {
				if tok.Kind == StringToken {
					es.s.out.Prefixes = append(es.s.out.Prefixes, es.s.literal(tok))
					found = true
				} else if tok.Depth < t[i+2].Depth {
					break
				}
			}
		}
	}
	if arg := es.s.argument(t, next, 0); len(arg) == 1 && arg[0].Kind == StringToken { // the enumeration itself
		es.s.out.Prefixes = append(es.s.out.Prefixes, es.s.literal(arg[0]))
	}
	es.s.out.Open = es.s.out.Open || !found
}

// called notes the functions that a statement at the top calls.
func (es effects) called(t []Token, b *block) {
	if b.function != 0 || len(es.s.calledNames) >= maxCalled {
		return
	}
	decorator := len(t) > 1 && t[0].Kind == opToken && es.s.lexer.src[t[0].Start] == '@'
	for i := 0; i+1 < len(t); i++ {
		if t[i+1].Kind != opToken || es.s.lexer.src[t[i+1].Start] != '(' || t[i].Kind != NameToken {
			continue
		}
		es.call1(t, i, b)
	}
	if n := len(t) - 1; decorator && t[n].Kind == NameToken {
		es.call1(t, n, b)
	}
}

func (es effects) call1(t []Token, i int, b *block) {
	name := es.s.text(t[i])
	if es.s.calledNames[name] || es.s.calls().within(t, i) != 0 {
		return
	}
	es.s.calledNames[name] = true
	es.effect(Effect{Kind: CallName, Name: name}, t, i, &block{context: b.context, conditions: b.conditions})
}
