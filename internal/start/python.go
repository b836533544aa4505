package start

import (
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/python/imports"
	"whittle.dev/whittle/internal/python/source"
)

// Python is what a Python process imports when it starts.
type Python struct {
	Executable string
	Finder     *imports.Finder
	// Roots are the modules that it starts with. Their importers may differ:
	// servers change the search path before they import the application.
	Roots []Root
	// Later are files that it runs on demand: the pages of a dashboard.
	Later []Root
}

// Root is a module or program that a process loads, and no import statement names.
type Root struct {
	Importer *imports.Importer
	Node     *imports.Node
	// What names it: "gunicorn app:app".
	What string
	// Failure is why there is no node; File and Line say where the module is
	// named, if a file does.
	Failure *imports.Failure
	File    string
	Line    int
	// Attr is the name that it has to define, empty for none.
	Attr string
}

// noFolder says that neither a script's folder nor the working directory is on
// the path; the root folder is "".
const noFolder = "\x00"

// importer is the one of a process whose path begins with the folder first;
// processes with the same path share it.
func (t *Trace) importer(st *Process, executable, first string) *imports.Importer {
	p := imports.Process{Executable: executable, First: "/" + first, Env: st.Env, WorkDir: st.Dir, Home: t.Files.home(st.Env),
		NoSite: strings.Contains(st.flags, "S"), NoUserSite: strings.ContainsAny(st.flags, "Is")}
	if st.Env["PYTHONSAFEPATH"] != "" || first == noFolder {
		p.First = ""
	}
	key := strings.Join([]string{executable, p.First, st.Env["PYTHONPATH"], st.Env["PYTHONNOUSERSITE"], st.Dir, p.Home, st.flags}, "\x00")
	if im, ok := t.importers[key]; ok && (im == nil || !im.Touched() || t.touchedBy[im] == st) {
		return im
	}
	real, _, _ := t.Files.Stat(executable)
	var builtins []string
	if t.Builtins != nil {
		builtins = t.Builtins(real)
	}
	f, err := imports.NewFinder(t.Root, p, builtins)
	if err != nil {
		t.importers[key] = nil
		return nil
	}
	if f.Interpreter.Version == f.Interpreter.Series && t.Version != nil {
		if v := t.Version(real, f.Interpreter.Series); v != "" {
			f.Interpreter.Version = v
		}
	}
	v := f.Interpreter.Numbers()
	im := &imports.Importer{Finder: f, Sources: t.Sources, Runtime: source.Runtime{Version: v, Platform: "linux", OSName: "posix",
		System: "Linux", Implementation: f.Interpreter.Implementation, Machine: t.Config.Platform().Machine()}}
	im.Loads = func(file string) bool { return len(t.Refused(file, real)) == 0 }
	im.Begin()
	t.importers[key], t.touchedBy[im] = im, st
	return im
}

// pythonLine is the command line of an interpreter.
// https://docs.python.org/3/using/cmdline.html
type pythonLine struct {
	// how is 'm' for -m and 'c' for -c with its value, 'V' where the interpreter
	// only prints something, and 0 for a file.
	how   byte
	value string
	// flags are those that decide what is imported at start, of "ISPs".
	flags string
	// isolated says that the script's folder is not on the path, bare that the
	// variables PYTHON* are not read.
	isolated, bare bool
	rest           []string
}

func readPythonLine(args []string) pythonLine {
	var l pythonLine
	for len(args) > 0 && strings.HasPrefix(args[0], "-") && args[0] != "-" {
		flag := args[0]
		args = args[1:]
		switch {
		case flag == "--version", flag == "--help":
			l.how = 'V'
			return l
		case flag == "--check-hash-based-pycs" && len(args) > 0:
			args = args[1:]
			continue
		case strings.HasPrefix(flag, "--"):
			continue
		}
		if args = l.short(flag, args); l.how != 0 {
			break
		}
	}
	l.rest = args
	return l
}

// short reads a word of short options; args are the words behind it, of which
// those are returned that it does not take as a value.
func (l *pythonLine) short(flag string, args []string) []string {
	for i := 1; i < len(flag); i++ {
		switch c := flag[i]; c {
		case 'm', 'c', 'W', 'X':
			value := flag[i+1:]
			if value == "" {
				if len(args) == 0 {
					l.how = 'V' // it says that the value is missing
					return nil
				}
				value, args = args[0], args[1:]
			}
			if c == 'm' || c == 'c' {
				l.how, l.value = c, value
			}
			return args
		case 'V', 'h', '?':
			l.how = 'V'
			return nil
		case 'I':
			l.isolated, l.bare = true, true
			l.flags += "I"
		case 'P':
			l.isolated = true
			l.flags += "P"
		case 'E':
			l.bare = true
		case 'S', 's':
			l.flags += string(c)
		}
	}
	return args
}

// startPython follows what an interpreter is started with.
func (t *Trace) startPython(st *Process, executable string, args []string) {
	l := readPythonLine(args)
	st.flags = l.flags
	if l.bare {
		st.Env = withoutPython(st.Env)
	}
	args, isolated := l.rest, l.isolated
	switch l.how {
	case 'V':
		return
	case 'm':
		t.startModule(st, executable, l.value, args, isolated)
		return
	case 'c':
		t.startCode(st, executable, l.value, isolated)
		return
	}
	if len(args) == 0 || args[0] == "-" {
		if st.input != nil {
			t.startCode(st, executable, *st.input, isolated)
		}
		return // interactive
	}
	if strings.Contains(args[0], unknownWord) {
		st.Doubt("which script it starts is only known when it runs")
		return
	}
	file := whittle.Join(st.Dir, args[0])
	real, e, ok := t.Files.Stat(file)
	if ok && e.Kind == whittle.Dir {
		file, real = file+"/__main__.py", real+"/__main__.py"
		_, e, ok = t.Files.Stat(file)
	}
	if !ok {
		st.problem(whittle.Problem{Rule: whittle.CheckMissingSource, Path: args[0], Message: st.Name + " runs " + args[0] + ", which is not there (/" + file + ")",
			Fix: "COPY it into the image, or correct the path; the working directory is /" + st.Dir})
		return
	}
	src, ok := t.Files.source(real)
	if !ok {
		st.Doubt("/" + file + " could not be read as Python")
		return
	}
	st.argv = append([]string{args[0]}, args[1:]...)
	t.startScript(st, executable, real, src, []string{st.flags})
}

func withoutPython(env map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range env {
		if !strings.HasPrefix(k, "PYTHON") {
			out[k] = v
		}
	}
	return out
}

// startScript is a process that runs a file.
func (t *Trace) startScript(st *Process, executable, file string, src *source.Facts, flags []string) {
	real, _, _ := t.Files.Stat(file)
	first := path.Dir(real)
	if first == "." {
		first = ""
	}
	for _, f := range flags {
		for _, c := range f {
			if strings.ContainsRune("ISPs", c) && !strings.ContainsRune(st.flags, c) {
				st.flags += string(c)
			}
		}
		if strings.Contains(f, "I") || strings.Contains(f, "P") {
			first = noFolder
		}
		if strings.Contains(f, "I") || strings.Contains(f, "E") {
			st.Env = withoutPython(st.Env)
		}
	}
	im := t.begin(st, executable, first)
	if im == nil {
		return
	}
	node := im.Program(real, src)
	st.Python.Roots = append(st.Python.Roots, Root{Importer: im, Node: node})
	t.served(st, executable)
	switch {
	case path.Base(real) == "manage.py":
		t.django(st, executable, first, append([]string{}, st.argv[1:]...))
	case setsUpDjango(src):
		t.django(st, executable, first, []string{"help"})
	}
	t.runner(st, executable, programName(real), st.argv[1:])
}

func (t *Trace) startModule(st *Process, executable, module string, args []string, isolated bool) {
	first := st.Dir
	if isolated {
		first = noFolder
	}
	im := t.begin(st, executable, first)
	if im == nil {
		return
	}
	if loader, f := im.Import("runpy"); f != nil || loader != nil {
		st.Python.Roots = append(st.Python.Roots, Root{Importer: im, Node: loader, Failure: f, What: "python -m"})
	}
	node, f := im.RunModule(module)
	st.Python.Roots = append(st.Python.Roots, Root{Importer: im, Node: node, Failure: f, What: "python -m " + module})
	t.served(st, executable)
	t.runner(st, executable, module, args)
}

func (t *Trace) startCode(st *Process, executable, code string, isolated bool) {
	first := st.Dir
	if isolated {
		first = noFolder
	}
	im := t.begin(st, executable, first)
	if im == nil {
		return
	}
	if strings.Contains(code, unknownWord) {
		st.Doubt("its code is only known when it runs")
		return
	}
	st.Python.Roots = append(st.Python.Roots, Root{Importer: im, Node: im.Program("<string>", source.Scan([]byte(code)))})
	t.served(st, executable)
}

// begin makes the importer of a start, or says that there can be none.
func (t *Trace) begin(st *Process, executable, first string) *imports.Importer {
	im := t.importer(st, executable, first)
	if im == nil {
		st.Doubt("no standard library was found for /" + executable)
		return nil
	}
	if st.Python == nil {
		st.Python = &Python{Executable: executable, Finder: im.Finder}
	}
	return im
}

// target adds a "module:attribute" that a server imports, with the path that
// it sets up.
func (t *Trace) target(st *Process, executable, first, what, spec, attr string) {
	module, named, ok := strings.Cut(spec, ":")
	if ok {
		attr = named
	}
	im := t.importer(st, executable, first)
	if im == nil || !source.IsDotted(module) {
		return
	}
	node, f := im.Import(module)
	attr, _, called := strings.Cut(attr, "(")
	attr, _, _ = strings.Cut(attr, ".")
	if called || slices.Contains(st.argv, "--factory") || slices.Contains(st.argv, "--call") {
		factory(st, im, node, attr)
	}
	st.Python.Roots = append(st.Python.Roots, Root{Importer: im, Node: node, Failure: f, What: what, Attr: attr})
	t.django(st, executable, first, nil)
}

// program adds a Python file that a framework runs.
func (t *Trace) program(st *Process, executable, file string, later bool) {
	real, _, ok := t.Files.Stat(whittle.Join(st.Dir, file))
	if !ok {
		if !later {
			st.problem(whittle.Problem{Rule: whittle.CheckMissingSource, Path: file, Message: st.Name + " runs " + file + ", which is not there (/" + whittle.Join(st.Dir, file) + ")",
				Fix: "COPY it into the image, or correct the path; the working directory is /" + st.Dir})
		}
		return
	}
	src, ok := t.Files.source(real)
	im := t.importer(st, executable, path.Dir(real))
	if !ok || im == nil {
		return
	}
	r := Root{Importer: im, Node: im.Program(real, src)}
	if later {
		st.Python.Later = append(st.Python.Later, r)
		return
	}
	st.Python.Roots = append(st.Python.Roots, r)
}

// option is the value of an option in a command line, in any spelling.
func option(args []string, names ...string) (string, bool) {
	for i, a := range args {
		for _, n := range names {
			if a == n && i+1 < len(args) {
				return args[i+1], true
			}
			if v, ok := strings.CutPrefix(a, n+"="); ok {
				return v, true
			}
			if len(n) == 2 && len(a) > 2 && !strings.HasPrefix(a, "--") && strings.HasPrefix(a, n) {
				return a[2:], true
			}
		}
	}
	return "", false
}

// spec finds the "module:attribute" among the arguments; lone takes a plain
// module name at the end too.
func spec(args []string, lone bool) (string, bool) {
	for i, a := range args {
		if source.IsReference(a) && (i == 0 || !strings.HasPrefix(args[i-1], "-") || strings.Contains(args[i-1], "=") || !slices.Contains(takeNames, args[i-1])) {
			return a, true
		}
	}
	if n := len(args); lone && n > 0 && source.IsDotted(args[n-1]) && (n == 1 || !strings.HasPrefix(args[n-2], "-") || strings.Contains(args[n-2], "=") || slices.Contains(lonely, args[n-2])) {
		return args[n-1], true
	}
	return "", false
}

var (
	// takeNames are options whose value looks like an application.
	takeNames = []string{"-k", "--worker-class", "-c", "--config", "-n", "--name", "--logger-class"}
	// lonely are options without a value.
	lonely = []string{"--reload", "--preload", "-D", "--daemon", "-R", "--capture-output", "--enable-stdio-inheritance", "--no-sendfile", "--spew", "--check-config", "--print-config"}
)

// programName is what a console script is known by, empty for other files.
func programName(file string) string {
	if file == "var/runtime/bootstrap.py" { // of the images of AWS Lambda
		return "awslambdaric"
	}
	if path.Base(path.Dir(file)) != "bin" && path.Base(file) != "manage.py" {
		return ""
	}
	return strings.TrimSuffix(path.Base(file), ".py")
}
