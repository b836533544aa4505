package start

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/python/imports"
	"whittle.dev/whittle/internal/python/source"
	"whittle.dev/whittle/internal/shell"
)

// findStarted follows what the application's own modules start and import by
// calls, when they are imported or in functions that they certainly call. The
// list of starts grows meanwhile.
func (t *Trace) findStarted() {
	seen := map[string]bool{}
	for i := 0; i < len(t.Processes); i++ {
		st := t.Processes[i]
		if st.Python == nil {
			continue
		}
		for k := 0; k < len(st.Python.Roots); k++ {
			if r := st.Python.Roots[k]; r.Node != nil && !seen[key(st, r.Node)] {
				t.startedBy(st, r, seen)
			}
		}
	}
}

func key(st *Process, n *imports.Node) string { return st.Name + "\x00" + n.File + "\x00" + n.Name }

// startedBy goes through the own modules that come with one root.
func (t *Trace) startedBy(st *Process, r Root, seen map[string]bool) {
	nodes := imports.Walk(false, r.Node).Nodes
	for _, n := range nodes {
		if n.Source == nil || seen[key(st, n)] || !t.Owners.OwnFile(n.File, r.Importer.Finder) || (t.Owners.IsScript(n.File) && n != r.Node || isLauncher(n.File)) {
			continue
		}
		seen[key(st, n)] = true
		first := true
		for i := range n.Source.Calls {
			c := &n.Source.Calls[i]
			if c.Func != source.AskStart && c.Func != source.AskImport {
				continue
			}
			if len(t.Processes) >= maxStarts {
				st.Doubt("too many programs start each other")
				return
			}
			one := startedCall{t, st, r, n, c}
			happens, plain := one.happens(nodes)
			switch {
			case c.Func == source.AskImport && happens != source.No:
				one.imports()
			case c.Func == source.AskStart && happens != source.No:
				one.starts(happens == source.Yes && plain && first)
				first = false
			case c.Func == source.AskStart && n == r.Node && c.Context&source.Lazy != 0 && one.replaces() && c.Context&source.TypeChecking == 0:
				st.notFollowed(c.Args[0])
			}
		}
	}
}

// isLauncher says that what a script starts is read from its command line.
func isLauncher(file string) bool {
	_, runs := runners()[programName(file)]
	_, launches := launchers()[path.Base(file)]
	return runs || launches
}

// startedCall is a call that starts a program, or imports by a name.
type startedCall struct {
	trace *Trace
	st    *Process
	r     Root
	n     *imports.Node
	c     *source.Call
}

func (o startedCall) at() string {
	return fmt.Sprintf("%s:%d", o.trace.Owners.Shown(o.n.File), o.c.Line)
}

// replaces says that the call puts other code in the place of this one's.
func (o startedCall) replaces() bool {
	return strings.HasPrefix(o.c.Args[0], "os.exec") || strings.HasPrefix(o.c.Args[0], "runpy.")
}

// happens says whether the call happens when the process starts: by itself, or
// in a function that a statement at the top of a module calls; plain is the
// first. A call whose failure is caught is skipped, unless it never returns.
func (o startedCall) happens(nodes []*imports.Node) (happens source.Truth, plain bool) {
	c := o.c
	if c.Context&source.TypeChecking != 0 {
		return source.No, false
	}
	caught := c.Context&(source.Guarded|source.Caught|source.Handler) != 0
	if caught && !o.replaces() {
		return source.No, false
	}
	conditions := o.r.Importer.Happens(o.n, c.Conditions, c.Line)
	if c.Context&source.Lazy == 0 {
		return conditions, !caught
	}
	in := c.Args[1]
	if in == "" || conditions == source.No || !slices.ContainsFunc(nodes, func(m *imports.Node) bool { return o.called(m, in) }) {
		return source.No, false
	}
	return conditions, false
}

// called says that a statement at the top of a module calls a function of this
// one.
func (o startedCall) called(by *imports.Node, function string) bool {
	if by.Source == nil {
		return false
	}
	if by != o.n && !slices.ContainsFunc(by.Source.Imports, func(imp source.Import) bool {
		_, last, _ := source.CutLast(imp.Module)
		_, own, _ := source.CutLast(o.n.Name)
		return slices.Contains(imp.Names, function) && (last == own || imp.Module == "")
	}) {
		return false
	}
	return slices.ContainsFunc(by.Source.Effects, func(e source.Effect) bool {
		return e.Kind == source.CallName && e.Name == function && e.Context&source.Lazy == 0 && o.r.Importer.Happens(by, e.Conditions, e.Line) != source.No
	})
}

// imports follows a module that is imported by a name.
func (o startedCall) imports() {
	name, ok := o.r.Importer.Text(o.n, o.c.Text, o.c.Line)
	if !ok || !source.IsDotted(name) {
		o.st.Doubt(o.at() + " imports a module by a name that is made when it runs")
		return
	}
	node, failure := o.r.Importer.Import(name)
	if failure != nil {
		o.st.Doubt(fmt.Sprintf("whether %s imports %s, which is not there", o.at(), name))
		return
	}
	what := o.at() + " imports " + name
	other := o.unsure(what)
	other.Python.Roots = append(other.Python.Roots, Root{Importer: o.r.Importer, Node: node, What: what})
}

// starts follows a program; sure says that it certainly is the first.
func (o startedCall) starts(sure bool) {
	if strings.HasPrefix(o.c.Args[0], "runpy.") {
		o.runs()
		return
	}
	words := o.words()
	if len(words) == 0 || words[0] == "" || strings.Contains(words[0], unknownWord) {
		o.st.Doubt(o.at() + " starts a program by a name that is made at run time, which was not followed")
		return
	}
	name := path.Base(words[0])
	if o.is("shell") {
		name = "a shell"
		words = []string{"/bin/sh", "-c", words[0]}
	}
	how := shell.Perhaps
	if sure && o.is("decides") && !o.is("changed") && !slices.ContainsFunc(words, func(w string) bool { return strings.Contains(w, unknownWord) }) {
		how = shell.Must
	}
	child := o.st.child(words, how)
	child.by = o.at() + " starts " + name
	o.trace.follow(child, o.st.depth+1)
}

func (o startedCall) is(kind string) bool { return slices.Contains(o.c.Args[2:], kind) }

// words are the command's, as far as the text shows them.
func (o startedCall) words() []string {
	text := o.arguments(o.c.Text)
	if inner, ok := strings.CutPrefix(text, "shlex . split ( "); ok {
		return o.split(strings.TrimSuffix(inner, " )"))
	}
	if inner, ok := strings.CutSuffix(text, " . split ( )"); ok {
		return o.split(inner)
	}
	open := false
	if head, rest, ok := strings.Cut(text, " ] + "); ok && !strings.HasPrefix(rest, "[") {
		text, open = head+" ]", true // what is added is not known
	}
	words, list := o.r.Importer.Words(o.n, text, o.c.Line, "/"+o.st.Python.Executable, unknownWord)
	if strings.HasPrefix(o.c.Args[0], "os.exec") && !list {
		return nil
	}
	if n := len(words); n > 0 && strings.HasPrefix(o.c.Args[0], "os.execl") { // the path comes before the name
		words = append(words[:1:1], words[min(2, n):]...)
	}
	if open {
		words = append(words, unknownWord)
	}
	return words
}

// ownArgument is one argument of the process in an expression.
var ownArgument = regexp.MustCompile(`\bsys \. argv \[ ([1-9]) (: )?\]`)

// arguments puts the process's own arguments into an expression: a program that
// starts what its command line says.
func (o startedCall) arguments(text string) string {
	if o.n != o.r.Node || o.n.Name != "__main__" || isPython("", o.st.argv[0]) {
		return text
	}
	return ownArgument.ReplaceAllStringFunc(text, func(found string) string {
		m := ownArgument.FindStringSubmatch(found)
		var quoted []string
		for _, a := range o.st.argv[min(int(m[1][0]-'0'), len(o.st.argv)):] {
			if strings.ContainsAny(a, "'\\\n") {
				return found
			}
			quoted = append(quoted, "'"+a+"'")
		}
		switch {
		case m[2] != "":
			return "[ " + strings.Join(quoted, " , ") + " ]"
		case len(quoted) > 0:
			return quoted[0]
		}
		return found
	})
}

// split are the words of one string, where no quotes join them.
func (o startedCall) split(text string) []string {
	line, ok := o.r.Importer.Text(o.n, text, o.c.Line)
	if !ok || strings.ContainsAny(line, `'"\`) {
		return nil
	}
	return strings.Fields(line)
}

// runs follows runpy: the file or module runs in the same process.
func (o startedCall) runs() {
	name, ok := o.r.Importer.Text(o.n, o.c.Text, o.c.Line)
	if !ok || name == "" {
		o.st.notFollowed(o.c.Args[0])
		return
	}
	r := Root{Importer: o.r.Importer, What: o.at() + " runs " + name}
	other := o.unsure(r.What)
	if o.c.Args[0] == "runpy.run_module" {
		r.Node, r.Failure = o.r.Importer.RunModule(name)
		other.Python.Roots = append(other.Python.Roots, r)
		return
	}
	real, e, there := o.trace.Files.Stat(whittle.Join(o.st.Dir, name))
	if src, isText := o.trace.Files.source(real); there && e.Kind == whittle.File && isText {
		r.Node = o.r.Importer.Program(real, src)
		other.Python.Roots = append(other.Python.Roots, r)
		return
	}
	other.Doubt(r.What + ", which could not be read")
}

// unsure is a copy of the process, for what a statement may import; by says
// which.
func (o startedCall) unsure(by string) *Process {
	other := o.trace.unsure(o.st)
	if other != o.st {
		other.by = by
	}
	return other
}
