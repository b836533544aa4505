package source

import (
	"strings"

	"whittle.dev/whittle/internal/python/source/presence"
)

// expression looks for calls and walruses among tokens.
func (cs calls) expression(t []Token, b *block) {
	if cs.s.lexer.seen&(callMark|walrusMark) == 0 {
		return
	}
	for i := 0; i+1 < len(t); i++ {
		if t[i].Kind != NameToken {
			continue
		}
		next := t[i+1]
		if next.Kind != opToken {
			continue
		}
		switch cs.s.lexer.src[next.Start] {
		case ':':
			if next.End-next.Start == 2 {
				cs.s.bindings().bind(t[i])
			}
		case '(':
			if i+2 < len(t) {
				cs.call(t, i, b)
			}
		}
	}
}

// wanted are the calls that checks ask for, by the last part of their names.
var wanted = NameSet(`ZoneInfo gettz setlocale open mkdir makedirs run Popen call check_call check_output system which
	connect create_engine FileHandler RotatingFileHandler TimedRotatingFileHandler basicConfig setdefault
	Celery config_from_object include run_path run_module find_library CDLL PyDLL LoadLibrary dlopen _dlopen`)

// replacing are the calls by which another program takes the place of this
// one; they count whatever their arguments are.
var replacing = NameSet(`execv execve execvp execvpe execl execle execlp execlpe run_path run_module`)

// dynamicImports are the calls that import by a name of their own.
var dynamicImports = NameSet(`import_module __import__ importorskip`)

// call looks at a call whose name ends at t[i], its bracket at t[i+1].
func (cs calls) call(t []Token, i int, b *block) {
	name := cs.s.text(t[i])
	if dynamicImports[name] {
		cs.dynamic(t, i, name, b)
		return
	}
	asker{cs.s}.asks(t, i, b)
	asker{cs.s}.starts(t, i, b)
	if !wanted[name] && !replacing[name] || len(cs.s.out.Calls) >= maxFacts {
		return
	}
	rest := t[i+2:]
	if name == "setlocale" || name == "_dlopen" {
		rest = cs.s.second(rest, t[i+1].Depth)
	}
	args := cs.s.arguments(rest, t[i+1].Depth)
	if name == "Celery" {
		args = cs.s.keyword(rest, t[i+1].Depth, "include")
	}
	if len(args) == 0 && !replacing[name] || name == "setdefault" && args[0] != "DJANGO_SETTINGS_MODULE" || name == "include" && !IsDotted(args[0]) {
		return
	}
	start := i
	for start > 1 && cs.s.is(t[start-1], ".") && t[start-2].Kind == NameToken {
		start -= 2
	}
	if start > 0 && cs.s.is(t[start-1], ".") {
		return // of an expression that has no name
	}
	full, _ := cs.s.dotted(t[start:i+1], 0)
	cs.s.out.Calls = append(cs.s.out.Calls, Call{Func: full, Args: args, Line: int(t[start].line), Context: b.context | cs.within(t, start), Conditions: cs.conditions(t, b)})
}

// within is Lazy where a call stands in a lambda.
func (cs calls) within(t []Token, i int) Context {
	for _, tok := range t[:i] {
		if tok.Kind == NameToken && cs.s.is(tok, "lambda") {
			return Lazy
		}
	}
	return 0
}

// conditions are those of the block, and one more in a conditional expression.
func (cs calls) conditions(t []Token, b *block) []Condition {
	for i, tok := range t {
		if tok.Kind == NameToken && i > 0 && (cs.s.is(tok, "if") || cs.s.is(tok, "and") || cs.s.is(tok, "or")) {
			return with(b.conditions, Condition{Text: "…"})
		}
	}
	if len(b.conditions) == 0 {
		return nil
	}
	return b.conditions
}

// second is what comes after the first argument of a call.
func (s *scan) second(t []Token, depth int32) []Token {
	for i := range t {
		if t[i].Depth <= depth {
			break
		}
		if t[i].Depth == depth+1 && s.is(t[i], ",") {
			return t[i+1:]
		}
	}
	return nil
}

// keyword are the literal strings in the list of a keyword argument.
func (s *scan) keyword(t []Token, depth int32, name string) []string {
	var out []string
	for i := 0; i+2 < len(t) && t[i].Depth > depth; i++ {
		if t[i].Depth != depth+1 || t[i].Kind != NameToken || !s.is(t[i], name) || !s.is(t[i+1], "=") {
			continue
		}
		for _, a := range t[i+2:] {
			if a.Depth <= depth+1 && !s.is(a, "[") && !s.is(a, "(") || len(out) > 20 {
				break
			}
			if a.Kind == StringToken {
				out = append(out, s.literal(a))
			}
		}
	}
	return out
}

// arguments are the literal arguments after an opening bracket.
func (s *scan) arguments(t []Token, depth int32) []string {
	var out []string
	positional := true
	for i := 0; i < len(t) && t[i].Depth > depth; {
		end := i
		for end < len(t) && t[end].Depth > depth && !(t[end].Depth == depth+1 && s.is(t[end], ",")) {
			end++
		}
		arg := t[i:end]
		i = end + 1
		switch {
		case len(arg) == 1 && arg[0].Kind == StringToken && positional:
			out = append(out, s.literal(arg[0]))
		case len(arg) == 3 && arg[0].Kind == NameToken && s.is(arg[1], "=") && arg[2].Kind == StringToken:
			out = append(out, s.text(arg[0])+"="+s.literal(arg[2]))
		case len(arg) > 1 && positional && len(out) == 0 && (s.is(arg[0], "[") || s.is(arg[0], "(")) && arg[1].Kind == StringToken:
			for _, a := range arg[1 : len(arg)-1] {
				if a.Kind == StringToken {
					out = append(out, s.literal(a))
				} else if !s.is(a, ",") {
					break
				}
			}
			positional = false
		default:
			positional = false
		}
		if len(out) > 20 {
			return out
		}
	}
	return out
}

// dynamic notes importlib.import_module("x") and its kind.
func (cs calls) dynamic(t []Token, i int, name string, b *block) {
	arg := t[i+2]
	qualified := i > 1 && cs.s.is(t[i-1], ".")
	switch {
	case i > 0 && (cs.s.is(t[i-1], "def") || cs.s.is(t[i-1], "class")):
		return
	case name == "import_module" && qualified && !cs.s.is(t[i-2], "importlib"), name == "import_module" && !qualified && !cs.s.importer:
		return
	case name == "__import__" && qualified && !cs.s.is(t[i-2], "builtins"):
		return
	}
	if arg.Kind != StringToken || i+3 < len(t) && !cs.s.is(t[i+3], ",") && !cs.s.is(t[i+3], ")") {
		asker{cs.s}.byName(t, i, name, b)
		return
	}
	imp := Import{Module: cs.s.literal(arg), Line: int(t[i].line), Context: Dynamic | cs.within(t, i)}
	if name == "importorskip" {
		imp.Context |= Guarded
	}
	if rest := strings.TrimLeft(imp.Module, "."); rest != imp.Module {
		imp.Level = len(imp.Module) - len(rest)
		imp.Module = rest
		if !cs.ownPackage(t[i+3:]) {
			return
		}
	}
	if imp.Module != "" && !isDotted(imp.Module) || imp.Module == "" && imp.Level == 0 {
		return
	}
	if c := cs.conditions(t, b); len(c) > len(b.conditions) {
		imp.Conditions = c[len(b.conditions):]
	}
	if cs.s.bindings().add(imp, b); name == "importorskip" {
		b.guard([]presence.Guard{{Module: imp.Module}}, leaves)
	}
}

// ownPackage says that the package argument is the module's own.
func (cs calls) ownPackage(t []Token) bool {
	for _, tok := range t {
		if tok.Kind == NameToken && (cs.s.is(tok, "__package__") || cs.s.is(tok, "__name__")) {
			return true
		}
	}
	return false
}

func isDotted(s string) bool {
	for part := range strings.SplitSeq(s, ".") {
		if part == "" || !IsIdentifier(part) && part < "\x80" {
			return false
		}
	}
	return true
}

// literal is the value of a plain string; rare escapes stay as they are.
func (s *scan) literal(t Token) string {
	text := string(s.lexer.src[t.Start:t.End])
	if !strings.Contains(text, `\`) {
		return strings.ToValidUTF8(text, "\uFFFD")
	}
	return strings.ToValidUTF8(Unescape.Replace(text), "\uFFFD")
}

// Unescape replaces the common escapes of a plain string by what they stand
// for; others stay as they are.
var Unescape = strings.NewReplacer(`\\`, `\`, `\'`, `'`, `\"`, `"`, `\n`, "\n", `\t`, "\t", "\\\n", "")
