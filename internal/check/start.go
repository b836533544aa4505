package check

import (
	"path"
	"slices"
	"strings"

	"whittle"
	"whittle/internal/dockerfile"
	"whittle/internal/python"
)

// role is what a start is for.
type role uint8

const (
	entry role = iota
	healthcheck
	console // a console script of the application
	command // one that the user named
)

// start is one program that the image starts, with all that is known of how.
type start struct {
	// name is what the user knows it by: "CMD", "console script inventory".
	name string
	role role
	argv []string
	env  map[string]string
	dir  string // the working directory, clean and relative
	// program is the path of the program that runs in the end, a script's
	// interpreter included in programs; empty where it was not found.
	program  string
	programs []string
	// python is what is imported, nil for other programs; flags are the letters
	// of the interpreter's options that change where it looks.
	python *pythonStart
	flags  string
	// optional: the start may fail without the image failing, as in a list of
	// a shell script that goes on.
	optional bool
	problems []whittle.Problem
	unknown  []string
	// command is what was asked to start, nil for what scripts start.
	command []string
	// probe does what the start would do for its first visitor.
	probe []string
}

// unknownWord stands for a word that only the shell knows.
const unknownWord = "\x00"

// maxStarts and maxDepth bound what scripts that start scripts come to.
const (
	maxStarts = 500
	maxDepth  = 12
	maxScript = 1 << 20
)

// findStarts lists what the image starts.
func (s *state) findStarts() {
	cfg := s.Config.Config
	argv := append(slices.Clone(cfg.Entrypoint), cfg.Cmd...)
	if len(argv) > 0 {
		name := "CMD"
		if len(cfg.Entrypoint) > 0 {
			name = "ENTRYPOINT"
		}
		st := &start{name: name, role: entry, argv: argv, env: s.env, dir: s.workdir}
		if Idle(argv) && len(s.Commands) == 0 {
			st.unknown = append(st.unknown, NoStart(argv)+"; name a command that has to work")
		}
		s.follow(st, 0)
	}
	if h := cfg.Healthcheck; h != nil && len(h.Test) > 1 {
		st := &start{name: "HEALTHCHECK", role: healthcheck, env: s.env, dir: s.workdir, argv: h.Test[1:]}
		if h.Test[0] == "CMD-SHELL" {
			st.argv = append(s.shell(), h.Test[1])
		}
		s.follow(st, 0)
	}
	for _, argv := range s.Commands {
		if len(argv) > 0 {
			s.follow(&start{name: strings.Join(argv, " "), role: command, argv: argv, env: s.env, dir: s.workdir}, 0)
		}
	}
	s.consoleScripts()
}

func (s *state) shell() []string {
	if sh := s.Config.Config.Shell; len(sh) > 0 {
		return sh
	}
	return []string{"/bin/sh", "-c"}
}

// consoleScripts are those of the application's own distributions.
func (s *state) consoleScripts() {
	for _, i := range s.own {
		d := &s.Distributions[i]
		for _, e := range d.EntryPoints {
			if e.Group != "console_scripts" {
				continue
			}
			st := &start{name: "console script " + e.Name, role: console, argv: []string{e.Name}, env: s.env, dir: s.workdir}
			file := ""
			for _, f := range d.Files {
				if path.Base(f) == e.Name && path.Base(path.Dir(f)) == "bin" {
					file = f
				}
			}
			if _, onPath := s.lookup(st, e.Name); !onPath {
				if file == "" {
					continue // installed without its scripts: nobody can start it
				}
				st.argv = []string{"/" + file}
			}
			s.follow(st, 0)
		}
	}
}

// follow finds the program that a start runs, through wrappers, interpreters
// and shell scripts, and adds it to the starts.
func (s *state) follow(st *start, depth int) {
	if len(s.starts) >= maxStarts || depth > maxDepth {
		st.unknown = append(st.unknown, "too many scripts start each other")
		s.starts = append(s.starts, st)
		return
	}
	if depth == 0 {
		st.command = slices.Clone(st.argv)
	}
	if depth == 0 || len(s.starts) == 0 || s.starts[len(s.starts)-1] != st {
		s.starts = append(s.starts, st)
	}
	name := st.argv[0]
	if name == unknownWord || name == "" {
		st.unknown = append(st.unknown, "what it starts is only known when it runs")
		return
	}
	file, ok := s.lookup(st, name)
	if !ok {
		return
	}
	if rest, wrapped := unwrap(name, st); wrapped {
		if len(rest) > 0 {
			st.programs = append(st.programs, file)
			st.argv = rest
			s.follow(st, depth+1)
		}
		return
	}
	s.execute(st, file, depth)
}

// execute looks at the file that the kernel would start.
func (s *state) execute(st *start, file string, depth int) {
	st.program = file
	st.programs = append(st.programs, file)
	base := path.Base(s.realOf(file))
	switch _, binary := s.Binaries(s.realOf(file)); {
	case binary && isPython(base, st.argv[0]):
		s.startPython(st, file, st.argv[1:])
	case binary && isShell(path.Base(st.argv[0])):
		s.startShell(st, st.argv[1:], depth)
	case binary:
		if opaquePrograms[base] {
			st.unknown = append(st.unknown, "whittle does not read what "+base+" runs")
		}
	default:
		s.script(st, file, depth)
	}
}

// opaquePrograms run code that whittle does not read.
var opaquePrograms = map[string]bool{"node": true, "java": true, "ruby": true, "perl": true, "php": true, "deno": true, "bun": true, "lua": true}

func isPython(base, argv0 string) bool {
	for _, n := range []string{base, path.Base(argv0)} {
		if rest, ok := strings.CutPrefix(n, "python"); ok && strings.Trim(rest, "0123456789.t") == "" {
			return true
		}
		if rest, ok := strings.CutPrefix(n, "pypy"); ok && strings.Trim(rest, "0123456789.") == "" {
			return true
		}
	}
	return false
}

func isShell(base string) bool {
	return slices.Contains([]string{"sh", "bash", "dash", "ash", "ksh", "zsh"}, base)
}

// lookup finds a program as execvp does: by its path, or on PATH. What is not
// there, or not executable, becomes a problem of the start.
func (s *state) lookup(st *start, name string) (string, bool) {
	if strings.Contains(name, "/") {
		return s.executable(st, whittle.Join(st.dir, name), name)
	}
	denied := ""
	for _, dir := range strings.Split(searchPath(st.env), ":") {
		p := whittle.Join(st.dir, dir+"/"+name)
		real, e, ok := s.stat(p)
		switch {
		case !ok || e.Kind == whittle.Dir:
		case e.Mode&0o111 == 0:
			denied = p
		default:
			s.found[real] = p
			return p, true
		}
	}
	if denied != "" {
		st.problem(whittle.Problem{Rule: "exec-failed", Path: "/" + denied, Message: "/" + denied + " is not executable",
			Fix: "make it executable: COPY --chmod=755, or chmod +x in the RUN that makes it"})
		return "", false
	}
	st.missing(name, name+" is nowhere on PATH ("+searchPath(st.env)+")")
	return "", false
}

// executable sees that a path can be started.
func (s *state) executable(st *start, p, shown string) (string, bool) {
	_, e, ok := s.stat(p)
	switch {
	case !ok:
		if link, err := s.Root.Lstat(p); err == nil && link.Kind == whittle.Symlink {
			st.missing(shown, "/"+p+" is a symlink to "+link.Link+", which is not there")
		} else {
			st.missing(shown, "/"+p+" is not there")
		}
		return "", false
	case e.Kind == whittle.Dir:
		st.problem(whittle.Problem{Rule: "exec-failed", Path: "/" + p, Message: "/" + p + " is a directory, not a program"})
		return "", false
	case e.Mode&0o111 == 0:
		st.problem(whittle.Problem{Rule: "exec-failed", Path: "/" + p, Message: "/" + p + " is not executable",
			Fix: "make it executable: COPY --chmod=755, or chmod +x in the RUN that makes it"})
		return "", false
	}
	return p, true
}

// missing adds the problem of a program that is not there.
func (st *start) missing(name, text string) {
	rule := "entrypoint-not-found"
	fix := "install " + path.Base(name) + " in the final stage, or start something that the image has"
	if st.role == healthcheck {
		rule = "healthcheck-cannot-run"
		fix = "install " + path.Base(name) + ", or check with something that the image has (python -c \"import urllib.request; …\")"
	}
	st.problem(whittle.Problem{Rule: rule, Path: name, Message: st.name + " starts " + name + ": " + text, Fix: fix})
}

// problem adds a problem of the start itself.
func (st *start) problem(p whittle.Problem) {
	p.Severity = Error
	if st.optional {
		p.Severity = Warning
	}
	if p.ReachedFrom == nil {
		p.ReachedFrom = []string{st.name}
	}
	if st.role == healthcheck && p.Rule != "healthcheck-cannot-run" {
		p.Rule = "healthcheck-cannot-run"
	}
	st.problems = append(st.problems, p)
}

func searchPath(env map[string]string) string {
	if p, ok := env["PATH"]; ok && p != "" {
		return p
	}
	return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
}

// unwrap takes a program away that only starts another: what it starts then.
func unwrap(name string, st *start) ([]string, bool) {
	args := st.argv[1:]
	skip := func(withValue ...string) []string {
		for len(args) > 0 && strings.HasPrefix(args[0], "-") {
			flag := args[0]
			args = args[1:]
			if flag == "--" {
				break
			}
			if slices.Contains(withValue, flag) && len(args) > 0 {
				args = args[1:]
			}
		}
		return args
	}
	switch path.Base(name) {
	case "tini", "tini-static", "docker-init", "catatonit":
		return skip("-p", "-e"), true
	case "dumb-init":
		return skip("-r", "--rewrite"), true
	case "gosu", "su-exec":
		if len(args) > 0 {
			args = args[1:]
		}
		return args, true
	case "nice", "ionice":
		return skip("-n", "-c"), true
	case "setsid", "nohup", "catchsegv", "stdbuf":
		return skip("-i", "-o", "-e"), true
	case "timeout":
		if args = skip("-s", "-k"); len(args) > 0 {
			args = args[1:]
		}
		return args, true
	case "env":
		env := clone(st.env)
		args = skip("-u", "-C")
		for len(args) > 0 && strings.Contains(args[0], "=") {
			k, v, _ := strings.Cut(args[0], "=")
			env[k] = v
			args = args[1:]
		}
		st.env = env
		return args, true
	}
	return nil, false
}

func clone(m map[string]string) map[string]string {
	out := make(map[string]string, len(m)+1)
	for k, v := range m {
		out[k] = v
	}
	return out
}

// script follows a file that is no binary: by its first line.
func (s *state) script(st *start, file string, depth int) {
	first, text, ok := s.text(file)
	if !ok {
		st.unknown = append(st.unknown, "/"+file+" could not be read")
		return
	}
	line, isScript := strings.CutPrefix(first, "#!")
	if !isScript {
		st.problem(whittle.Problem{Rule: "exec-failed", Path: "/" + file, Line: 1,
			Message: "/" + file + " is neither a binary nor a script with #! (exec format error)", Fix: "begin it with #!/bin/sh, or start it by its interpreter"})
		return
	}
	line = strings.TrimSuffix(line, "\n")
	if strings.HasSuffix(line, "\r") {
		st.problem(whittle.Problem{Rule: "exec-failed", Path: "/" + file, Line: 1,
			Message: "/" + file + " has Windows line ends: the kernel looks for an interpreter whose name ends in a carriage return", Fix: "save it with LF line ends (git: *.sh text eol=lf in .gitattributes)"})
		return
	}
	words := strings.SplitN(strings.TrimSpace(line), " ", 2)
	interp := words[0]
	args := []string{interp}
	if len(words) > 1 {
		args = append(args, strings.TrimSpace(words[1]))
	}
	target, e, there := s.stat(whittle.Join("", interp))
	if !there || e.Mode&0o111 == 0 || e.Kind == whittle.Dir {
		problem := whittle.Problem{Rule: "missing-interpreter", Path: "/" + file, Line: 1,
			Message: "/" + file + " is started by " + interp + ", which is not there", Fix: "make the first line name an interpreter that the image has"}
		if there {
			problem.Message = "/" + file + " is started by " + interp + ", which is not executable"
		}
		st.problem(problem)
		return
	}
	interpreter := whittle.Join("", interp)
	st.programs = append(st.programs, interpreter)
	if path.Base(target) == "env" || path.Base(interp) == "env" {
		if interpreter, ok = s.byEnv(st, file, args); !ok {
			return
		}
		st.programs = append(st.programs, interpreter)
	}
	real, _, _ := s.stat(interpreter)
	switch base := path.Base(real); {
	case isPython(base, interpreter):
		st.program = interpreter
		src, ok := s.Sources(file)
		if !ok {
			src = python.Scan(text)
		}
		s.startScript(st, interpreter, file, src, flagsOf(args))
	case isShell(path.Base(interpreter)):
		s.shellText(st, "/"+file, text, st.argv[1:], depth)
	default:
		st.unknown = append(st.unknown, "whittle does not read what "+base+" runs")
	}
}

// byEnv is the interpreter that "#!/usr/bin/env NAME" finds.
func (s *state) byEnv(st *start, file string, args []string) (string, bool) {
	if len(args) < 2 {
		return "", false
	}
	words := strings.Fields(strings.TrimPrefix(args[1], "-S"))
	for len(words) > 0 && strings.Contains(words[0], "=") {
		words = words[1:]
	}
	if len(words) == 0 {
		return "", false
	}
	probe := &start{name: st.name, role: st.role, env: st.env, dir: st.dir}
	found, ok := s.lookup(probe, words[0])
	if !ok {
		st.problem(whittle.Problem{Rule: "missing-interpreter", Path: "/" + file, Line: 1,
			Message: "/" + file + " is started by " + words[0] + ", which is nowhere on PATH", Fix: "install " + words[0] + ", or make the first line name an interpreter that the image has"})
	}
	return found, ok
}

// flagsOf are the options of a first line: "#!/usr/bin/python3 -sE".
func flagsOf(args []string) []string {
	if len(args) > 1 && strings.HasPrefix(args[1], "-") && !strings.HasPrefix(args[1], "-S") {
		return strings.Fields(args[1])
	}
	return nil
}

// startShell follows a shell: "sh -c TEXT", "sh FILE".
func (s *state) startShell(st *start, args []string, depth int) {
	isText := false
	for len(args) > 0 && (strings.HasPrefix(args[0], "-") || strings.HasPrefix(args[0], "+")) {
		flag := args[0]
		args = args[1:]
		if flag == "--" {
			break
		}
		if !strings.HasPrefix(flag, "--") && strings.Contains(flag, "c") {
			isText = true
		}
		if flag == "-o" || flag == "+o" || flag == "-O" {
			args = args[min(1, len(args)):]
		}
	}
	if len(args) == 0 {
		return // reads from the terminal
	}
	if isText {
		s.shellText(st, "", []byte(args[0]), args[min(2, len(args)):], depth)
		return
	}
	file := whittle.Join(st.dir, args[0])
	_, text, ok := s.text(file)
	if !ok {
		st.missing(args[0], "/"+file+" is not there")
		return
	}
	s.shellText(st, "/"+file, text, args[1:], depth)
}

// shellText follows the commands of a shell script.
func (s *state) shellText(st *start, file string, text []byte, params []string, depth int) {
	if len(text) > maxScript {
		st.unknown = append(st.unknown, file+" is too large to read")
		return
	}
	script, err := dockerfile.ParseShell(file, string(text))
	if err != nil {
		if strings.Contains(string(text), "\r\n") {
			st.problem(whittle.Problem{Rule: "exec-failed", Path: file, Line: 1, Message: file + " has Windows line ends, which the shell does not read",
				Fix: "save it with LF line ends (git: *.sh text eol=lf in .gitattributes)"})
			return
		}
		st.unknown = append(st.unknown, "its shell script could not be read")
		return
	}
	sh := shellRun{s: s, st: st, file: file, text: string(text), params: params, env: clone(st.env), dir: st.dir, depth: depth}
	sh.run(script.Commands())
}
