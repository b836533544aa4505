package source

import (
	"bytes"
	"strings"

	"whittle.dev/whittle/internal/python/source/search"
)

// What a module starts and imports by names that a run makes is among its calls
// under these names, too.
const (
	// AskStart: another program. Args are the function by its full name, the
	// function of the module that has the call ("" for none), and words of the
	// kind: "shell" for a command line that a shell reads, "decides" where the
	// process goes on as that program or ends as it did, "changed" where its
	// environment or folder may be another, or the text before may make files or
	// end the process. Text is the command.
	AskStart = "start program"
	// AskImport: the module Text, which no literal names. Args are the function
	// as written, and the function of the module that has the call.
	AskImport = "import by name"
)

// starting are the functions that start programs, and what their commands are:
// one list of words (or a shell's text), words as arguments, a path and a list.
// https://docs.python.org/3/library/subprocess.html, …/os.html#process-management
var starting = func() map[string]string {
	out := map[string]string{"os.system": "shell", "os.popen": "shell", "subprocess.getoutput": "shell", "runpy.run_path": "one", "runpy.run_module": "one",
		"os.posix_spawn": "list", "os.posix_spawnp": "list"}
	for _, name := range strings.Fields("run call check_call check_output Popen") {
		out["subprocess."+name] = "one"
	}
	for _, name := range strings.Fields("l le lp lpe") {
		out["os.exec"+name] = "words"
	}
	for _, name := range strings.Fields("v ve vp vpe") {
		out["os.exec"+name] = "list"
	}
	return out
}()

// startNames are the last parts of the names in starting.
var startNames = func() map[string]bool {
	out := map[string]bool{}
	for full := range starting {
		_, name, _ := CutLast(full)
		out[name] = true
	}
	return out
}()

// starts notes a call of the name at t[i] that starts a program.
func (s asker) starts(t []Token, i int, b *block) {
	if !startNames[s.scan.text(t[i])] {
		return
	}
	start := i
	for start > 1 && s.scan.is(t[start-1], ".") && t[start-2].Kind == NameToken {
		start -= 2
	}
	if start > 0 && (s.scan.is(t[start-1], ".") || s.scan.is(t[start-1], "def")) || len(s.scan.out.Calls) >= maxFacts {
		return
	}
	dotted, _ := s.scan.dotted(t[start:i+1], 0)
	full := s.scan.canonical(dotted)
	kind, ok := starting[full]
	if !ok {
		return
	}
	c := Call{Func: AskStart, Args: []string{full, b.in}, Line: int(t[start].line), Context: b.context | s.scan.calls().within(t, i), Conditions: s.scan.calls().conditions(t, b)}
	switch kind {
	case "words":
		c.Text = "[ " + s.outer(t[i+2:s.scan.closing(t, i+1)], b) + " ]"
	case "list":
		c.Text = s.outer(s.scan.argument(t, i+1, 1), b)
	default:
		first := s.scan.argument(t, i+1, 0)
		if len(first) > 2 && s.scan.is(first[0], "args") && s.scan.is(first[1], "=") {
			first = first[2:]
		}
		c.Text = s.outer(first, b)
	}
	inside := t[i+1 : s.scan.closing(t, i+1)]
	if kind == "shell" || s.keywordIs(inside, "shell", "True") {
		c.Args = append(c.Args, "shell")
	}
	if strings.HasPrefix(full, "os.exec") || s.ending(t[:start]) {
		c.Args = append(c.Args, "decides")
	}
	if s.scan.mentions(inside, "cwd") || s.scan.mentions(inside, "env") || strings.HasSuffix(full, "e") && strings.HasPrefix(full, "os.exec") || s.changes(t[0].Start) {
		c.Args = append(c.Args, "changed")
	}
	s.scan.out.Calls = append(s.scan.out.Calls, c)
}

// keywordIs says that a call has the keyword argument with that name as value.
func (s asker) keywordIs(t []Token, name, value string) bool {
	for i := 0; i+2 < len(t); i++ {
		if t[i].Kind == NameToken && s.scan.is(t[i], name) && s.scan.is(t[i+1], "=") && s.scan.is(t[i+2], value) {
			return true
		}
	}
	return false
}

// ending says that what the statement calls first is sys.exit, or that it is a
// raise of SystemExit.
func (s asker) ending(t []Token) bool {
	return len(t) == 4 && s.scan.is(t[0], "sys") && s.scan.is(t[2], "exit") || len(t) == 2 && s.scan.is(t[0], "exit") || len(t) == 3 && s.scan.is(t[0], "raise") && s.scan.is(t[1], "SystemExit")
}

// changes says that the text before may set variables, change the folder, make
// files, or end the process.
func (s asker) changes(end int32) bool {
	return s.earlier(end, "environ[", "environ.update", "environ.setdefault", "putenv", "load_dotenv", "chdir(", "exit(",
		"shutil", "write", "symlink", "urlretrieve", "extract", "mkdir", "makedirs")
}

// maxLooked bounds the bytes that earlier goes through in one text.
const maxLooked = 64 << 20

// earlier says that the text before has one of some words, or may have.
func (s asker) earlier(end int32, words ...string) bool {
	for _, what := range words {
		if s.scan.looked += int(end); s.scan.looked > maxLooked || bytes.Contains(s.scan.lexer.src[:end], []byte(what)) {
			return true
		}
	}
	return false
}

// outer is the text of an expression with the values of a function's own names,
// where these are sure; other names that may be its own, and lists that were
// added to, are left out.
func (s asker) outer(t []Token, b *block) string {
	if len(t) == 0 || len(t) > 80 {
		return "…"
	}
	var out []string
	size := 0
	for i, tok := range t {
		text := s.scan.expr(t[i : i+1])
		switch attribute := i > 0 && s.scan.is(t[i-1], "."); {
		case tok.Kind != NameToken || attribute:
		case s.addsTo(text, tok.Start):
			text = "…"
		case b.function > 0 && s.scan.localsOf == b.in && s.scan.locals[text] != "":
			text = s.scan.locals[text]
		case b.function > 0 && !s.scan.effects().global(text):
			text = "…"
		}
		if size += len(text); size > maxOuter {
			return "…"
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}

// maxOuter bounds the text of one command.
const maxOuter = 2000

// addsTo says that the text before adds something to a list.
func (s asker) addsTo(name string, end int32) bool {
	if s.scan.added == nil {
		s.scan.added = search.Additions(s.scan.lexer.src)
	}
	at, ok := s.scan.added[name]
	return ok && at < end
}

// local notes what a statement of a function assigns to a name: of strings and
// lists the value, where it is the only one and certain.
func (s asker) local(t []Token, b *block) {
	if b.function == 0 || len(t) < 3 || t[0].Kind != NameToken || !s.scan.is(t[1], "=") {
		return
	}
	name := s.scan.text(t[0])
	if s.scan.locals == nil || s.scan.localsOf != b.in {
		s.scan.locals, s.scan.localsOf = map[string]string{}, b.in
	}
	value := "…"
	if _, again := s.scan.locals[name]; !again && b.function == 1 && b.keyword == "def" && (t[2].Kind == StringToken || s.scan.is(t[2], "[")) {
		value = s.outer(t[2:], b)
	}
	s.scan.locals[name] = value
}

// byName notes an import of a module that no literal names, but for what a loop
// over literals gives: these are imports that perhaps happen.
func (s asker) byName(t []Token, i int, name string, b *block) {
	if len(s.scan.out.Calls) >= maxFacts || name == "importorskip" {
		return
	}
	arg := s.scan.argument(t, i+1, 0)
	if len(arg) == 0 {
		return
	}
	full := name
	if name == "import_module" {
		full = "importlib.import_module"
	}
	c := Call{Func: AskImport, Args: []string{full, b.in}, Line: int(t[i].line), Context: b.context | s.scan.calls().within(t, i), Conditions: s.scan.calls().conditions(t, b)}
	relative := ""
	if s.scan.calls().ownPackage(s.scan.argument(t, i+1, 1)) {
		relative = "__package__ + "
	}
	if name, modules, ok := s.looped(t, arg); ok {
		for _, module := range modules[:min(len(modules), maxLooped)] {
			c.Text = relative + s.with(arg, name, module, b)
			s.perhapsImports(c, arg, module, b)
		}
		return
	}
	c.Text = relative + s.outer(arg, b)
	s.scan.out.Calls = append(s.scan.out.Calls, c)
}

// maxLooped bounds the modules of one loop, maxModule the name of each and of a from-import's.
const (
	maxLooped = 200
	maxModule = 200
)

// with is an expression whose name has a value.
func (s asker) with(t []Token, name, value string, b *block) string {
	var out []string
	for i, tok := range t {
		text := s.outer(t[i:i+1], b)
		switch attribute := i > 0 && s.scan.is(t[i-1], "."); {
		case tok.Kind == NameToken && !attribute && s.scan.is(tok, name):
			text = quote(value)
		case tok.Kind == NameToken && attribute:
			text = s.scan.text(tok)
		case tok.Kind == FormatToken:
			text = strings.ReplaceAll(text, "{"+name+"}", escape.Replace(value))
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}

// perhapsImports notes one module of a loop: what skips it is not known. What
// is the name alone is an import, too.
func (s asker) perhapsImports(c Call, arg []Token, module string, b *block) {
	if len(s.scan.out.Calls) >= maxFacts {
		return
	}
	if len(arg) == 1 && arg[0].Kind == NameToken && isDotted(module) {
		s.scan.bindings().add(Import{Module: module, Line: c.Line, Context: Dynamic | c.Context, Conditions: []Condition{{Text: "for"}}}, b)
	}
	s.scan.out.Calls = append(s.scan.out.Calls, c)
}

// looped are the strings that a name of an expression goes through: in a for
// around the statement, or in a comprehension of it.
func (s asker) looped(t, arg []Token) (name string, over []string, ok bool) {
	for i := 0; i+3 < len(t); i++ {
		if s.scan.is(t[i], "for") && t[i+1].Kind == NameToken && s.scan.is(t[i+2], "in") && s.has(arg, s.scan.text(t[i+1])) {
			end := i + 3
			for end < len(t) && t[end].Depth >= t[i].Depth && !(t[end].Depth == t[i].Depth && (s.scan.is(t[end], "if") || s.scan.is(t[end], "for"))) {
				end++
			}
			over, ok = s.listed(t[i+3 : end])
			return s.scan.text(t[i+1]), over, ok
		}
	}
	for i := len(s.scan.blocks) - 1; i >= 0; i-- {
		if loop := s.scan.blocks[i].loop; len(loop) > 2 && s.has(arg, s.scan.text(loop[0])) {
			return s.scan.text(loop[0]), s.scan.blocks[i].over, s.scan.blocks[i].over != nil
		}
	}
	return "", nil, false
}

// has says that an expression has a name, in an f-string by itself too.
func (s asker) has(t []Token, name string) bool {
	for i, tok := range t {
		if tok.Kind == NameToken && s.scan.is(tok, name) && (i == 0 || !s.scan.is(t[i-1], ".")) ||
			tok.Kind == FormatToken && bytes.Contains(s.scan.lexer.src[tok.Start:tok.End], []byte("{"+name+"}")) {
			return true
		}
	}
	return false
}

// listed are the strings of a literal list, or of one that has a name.
func (s asker) listed(t []Token) ([]string, bool) {
	var out []string
	if len(t) == 1 && t[0].Kind == NameToken {
		for i := len(s.scan.values) - 1; i >= 0; i-- {
			if v := s.scan.values[i]; v.Name == s.scan.text(t[0]) {
				if l := NewLexer([]byte(v.Text)); v.Sure && l.Next() && l.Broken == "" {
					return asker{&scan{lexer: l}}.listed(l.Tokens)
				}
				break
			}
		}
		return nil, false
	}
	for _, tok := range t {
		switch {
		case tok.Kind == StringToken && tok.End-tok.Start < maxModule:
			out = append(out, s.scan.literal(tok))
		case tok.Kind == opToken && strings.IndexByte("[](){},", s.scan.lexer.src[tok.Start]) >= 0:
		default:
			return nil, false
		}
	}
	return out, len(out) > 0
}
