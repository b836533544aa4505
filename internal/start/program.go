package start

import (
	"path"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/python/source"
	"whittle.dev/whittle/internal/shell"
)

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

// IsShell says that a program is a shell, by its name or path.
func IsShell(program string) bool {
	_, ok := shell.Dialect(program)
	return ok
}

// missing adds the problem of a program that is not there.
func (st *Process) missing(name, text string) {
	rule := whittle.CheckEntrypointNotFound
	fix := "install " + path.Base(name) + " in the final stage, or start something that the image has"
	if st.Role == Healthcheck {
		rule = whittle.CheckHealthcheckCannotRun
		fix = "install " + path.Base(name) + ", or check with something that the image has (python -c \"import urllib.request; …\")"
	}
	st.problem(whittle.Problem{Rule: rule, Path: name, Message: st.Name + " starts " + name + ": " + text, Fix: fix})
}

// problem adds a problem of the start itself.
func (st *Process) problem(p whittle.Problem) {
	p.Severity = whittle.SeverityError
	st.Soften(&p)
	if p.ReachedFrom == nil {
		p.ReachedFrom = []string{st.Name}
	}
	if st.Role == Healthcheck && p.Rule != whittle.CheckHealthcheckCannotRun {
		p.Rule = whittle.CheckHealthcheckCannotRun
	}
	st.Problems = append(st.Problems, p)
}

// Soften makes a warning of the problem of a start that the image may do
// without. Where it is not known whether it does, the image's verdict is not.
func (st *Process) Soften(p *whittle.Problem) {
	if p.Severity != whittle.SeverityError || st.how == shell.Must {
		return
	}
	p.Severity = whittle.SeverityWarning
	if st.how == shell.Perhaps {
		st.Doubt(path.Base(st.argv[0]) + " would fail, if it is started and needed: " + p.Message)
	}
}

func searchPath(env map[string]string) string {
	if p, ok := env["PATH"]; ok && p != "" {
		return p
	}
	return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
}

// script follows a file that is no binary: by its first line.
func (t *Trace) script(st *Process, file string) {
	first, text, ok := t.Files.text(file)
	if !ok {
		st.Doubt("/" + file + " could not be read")
		return
	}
	line, isScript := strings.CutPrefix(first, "#!")
	if !isScript {
		st.problem(whittle.Problem{Rule: whittle.CheckExecFailed, Path: "/" + file, Line: 1,
			Message: "/" + file + " is neither a binary nor a script with #! (exec format error)", Fix: "begin it with #!/bin/sh, or start it by its interpreter"})
		return
	}
	line = strings.TrimSuffix(line, "\n")
	if strings.HasSuffix(line, "\r") {
		st.problem(whittle.Problem{Rule: whittle.CheckExecFailed, Path: "/" + file, Line: 1,
			Message: "/" + file + " has Windows line ends: the kernel looks for an interpreter whose name ends in a carriage return", Fix: "save it with LF line ends (git: *.sh text eol=lf in .gitattributes)"})
		return
	}
	words := strings.SplitN(strings.TrimSpace(line), " ", 2)
	interp := words[0]
	args := []string{interp}
	if len(words) > 1 {
		args = append(args, strings.TrimSpace(words[1]))
	}
	target, e, there := t.Files.Stat(whittle.Join("", interp))
	if !there || e.Mode&0o111 == 0 || e.Kind == whittle.Dir {
		problem := whittle.Problem{Rule: whittle.CheckMissingInterpreter, Path: "/" + file, Line: 1,
			Message: "/" + file + " is started by " + interp + ", which is not there", Fix: "make the first line name an interpreter that the image has"}
		if there {
			problem.Message = "/" + file + " is started by " + interp + ", which is not executable"
		}
		st.problem(problem)
		return
	}
	interpreter := whittle.Join("", interp)
	st.Programs = append(st.Programs, interpreter)
	if path.Base(target) == "env" || path.Base(interp) == "env" {
		if interpreter, ok = t.byEnv(st, file, args); !ok {
			return
		}
		st.Programs = append(st.Programs, interpreter)
	}
	real, _, _ := t.Files.Stat(interpreter)
	switch base := path.Base(real); {
	case isPython(base, interpreter):
		st.Program = interpreter
		src, ok := t.Sources(file)
		if !ok {
			src = source.Scan(text)
		}
		t.startScript(st, interpreter, file, src, flagsOf(args))
	case IsShell(path.Base(interpreter)):
		if text == nil {
			st.Doubt("/" + file + " could not be read")
			return
		}
		t.shellText(st, "/"+file, string(text), shell.Process{Name: "/" + file, Args: st.argv[1:], Flags: strings.Join(flagsOf(args), "")})
	default:
		st.Doubt("whittle does not read what " + base + " runs")
	}
}

// byEnv is the interpreter that "#!/usr/bin/env NAME" finds.
func (t *Trace) byEnv(st *Process, file string, args []string) (string, bool) {
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
	probe := &Process{Name: st.Name, Role: st.Role, Env: st.Env, Dir: st.Dir}
	found, ok := t.Files.lookup(probe, words[0])
	if !ok {
		st.problem(whittle.Problem{Rule: whittle.CheckMissingInterpreter, Path: "/" + file, Line: 1,
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

func clone(m map[string]string) map[string]string {
	out := make(map[string]string, len(m)+1)
	for k, v := range m {
		out[k] = v
	}
	return out
}
