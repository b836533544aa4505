package start

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/shell"
)

// startShell follows a shell: "sh -c TEXT", "sh FILE", or what it reads.
func (t *Trace) startShell(st *Process, args []string) {
	isText, flags := false, ""
	for len(args) > 0 && (strings.HasPrefix(args[0], "-") || strings.HasPrefix(args[0], "+")) {
		flag := args[0]
		args = args[1:]
		if flag == "--" || flag == "-" {
			break
		}
		if strings.HasPrefix(flag, "-") && !strings.HasPrefix(flag, "--") {
			flags += flag[1:]
			isText = isText || strings.Contains(flag, "c")
		}
		if flag == "-o" && len(args) > 0 && args[0] == "errexit" {
			flags += "e"
		}
		if flag == "-o" || flag == "+o" || flag == "-O" || flag == "--rcfile" || flag == "--init-file" {
			args = args[min(1, len(args)):]
		}
	}
	switch {
	case isText && len(args) > 0:
		name := "sh"
		if len(args) > 1 {
			name = args[1]
		}
		t.shellText(st, "", args[0], shell.Process{Name: name, Args: args[min(2, len(args)):], Flags: flags})
	case len(args) == 0 && st.input != nil:
		t.shellText(st, "", *st.input, shell.Process{Name: "sh", Flags: flags})
	case len(args) == 0: // reads from the terminal
	case strings.Contains(args[0], unknownWord):
		st.Doubt("which script it starts is only known when it runs")
	default:
		file := whittle.Join(st.Dir, args[0])
		_, text, ok := t.Files.text(file)
		if _, e, there := t.Files.Stat(file); !there || e.Kind == whittle.Dir {
			st.missing(args[0], "/"+file+" is not there")
			return
		}
		if !ok || text == nil {
			st.Doubt("/" + file + " could not be read")
			return
		}
		t.shellText(st, "/"+file, string(text), shell.Process{Name: args[0], Args: args[1:], Flags: flags})
	}
}

// shellText follows what the text of a shell script starts; process has the
// shell's name, parameters and flags.
func (t *Trace) shellText(st *Process, file, text string, process shell.Process) {
	if strings.Contains(text, unknownWord) {
		st.Doubt("the text of its script is only known when it runs")
		return
	}
	process.Env, process.Dir = clone(st.Env), "/"+st.Dir
	if process.Env["HOME"] == "" {
		process.Env["HOME"] = "/" + t.Files.home(st.Env)
	}
	process.Env["PATH"] = searchPath(st.Env)
	if i := slices.IndexFunc(process.Args, func(p string) bool { return strings.Contains(p, unknownWord) }); i >= 0 {
		process.Args = append(slices.Clone(process.Args[:i]), unknownWord)
	}
	trace, err := shell.Follow(text, process, scriptHost{t, st})
	if err != nil {
		if strings.Contains(text, "\r\n") {
			st.problem(whittle.Problem{Rule: whittle.CheckExecFailed, Path: file, Line: 1, Message: file + " has Windows line ends, which the shell does not read",
				Fix: "save it with LF line ends (git: *.sh text eol=lf in .gitattributes)"})
			return
		}
		st.Doubt("its shell script could not be read")
		return
	}
	for _, d := range trace.Doubts {
		st.Doubt(d)
	}
	for i := range trace.Launches {
		t.launch(st, &trace.Launches[i])
	}
}

// launch follows one program of a script.
func (t *Trace) launch(st *Process, l *shell.Launch) {
	how := l.Certainty
	vague := l.Open || strings.Contains(l.Env["PATH"]+l.Env["PYTHONPATH"]+l.Env["HOME"], unknownWord)
	for i, a := range l.Args {
		if name, _, _ := strings.Cut(a, "="); i > 0 && strings.Contains(a, unknownWord) && !numeric[name] && !numeric[l.Args[i-1]] {
			vague = true
		}
	}
	if (vague || l.Made) && how == shell.Must {
		how = shell.Perhaps
	}
	child := st.child(l.Args, how)
	child.Env, child.input = l.Env, l.Input
	for k, v := range l.Env {
		if strings.Contains(v, unknownWord) && k != "PATH" {
			delete(l.Env, k)
		}
	}
	if child.Dir = whittle.Join("", l.Dir); strings.Contains(l.Dir, unknownWord) {
		child.Dir = ""
		child.Doubt("the directory in which it starts " + path.Base(l.Args[0]) + " is only known when it runs")
	}
	for _, name := range l.Unset {
		child.Doubt("it starts " + path.Base(l.Args[0]) + " with $" + name + ", which the image does not set")
	}
	if name := l.Args[0]; strings.Contains(name, unknownWord) || name == "" {
		child.Doubt("a command of its script is only known when it runs")
		t.Processes = append(t.Processes, child)
		return
	} else if how == shell.Elsewhere || how == shell.Survives {
		if _, ok := t.Files.which(name, searchPath(child.Env), child.Dir); !ok && !strings.Contains(name, "/") {
			return // a program that the script does without
		}
	}
	t.follow(child, st.depth+1)
	if st.Program == "" || how == shell.Must {
		st.Program = child.Program
	}
}

// numeric are options of servers whose value changes nothing of what they
// import.
var numeric = map[string]bool{"--workers": true, "-w": true, "--bind": true, "-b": true, "--port": true, "-p": true, "--host": true, "--threads": true,
	"--timeout": true, "--concurrency": true, "--log-level": true, "--loglevel": true, "-l": true}

// scriptHost answers what a script asks of the image.
type scriptHost struct {
	trace *Trace
	st    *Process
}

// Read implements [shell.Host].
func (h scriptHost) Read(p string) (string, bool) {
	_, text, ok := h.trace.Files.text(whittle.Join("", p))
	return string(text), ok && text != nil
}

// Which implements [shell.Host].
func (h scriptHost) Which(name, search, dir string) (string, bool) {
	if search == "" {
		search = searchPath(nil)
	}
	p, ok := h.trace.Files.which(name, search, whittle.Join("", dir))
	return "/" + p, ok
}

// Test implements [shell.Host]. What is not in the image may come with the
// container where the engine mounts something.
func (h scriptHost) Test(op, p string) shell.Truth {
	answer := func(b bool) shell.Truth {
		if b {
			return shell.Yes
		}
		return shell.No
	}
	file := whittle.Join("", p)
	_, e, ok := h.trace.Files.Stat(file)
	if op == "-L" || op == "-h" {
		link, err := h.trace.Root.Lstat(file)
		return answer(err == nil && link.Kind == whittle.Symlink)
	}
	if file == "" {
		return answer(op == "-d" || op == "-e" || op == "-x" || op == "-r")
	}
	if !ok {
		for _, dir := range []string{"proc", "sys", "dev", "run", "var/run", "etc/hosts", "etc/hostname", "etc/resolv.conf"} {
			if file == dir || strings.HasPrefix(file, dir+"/") && !strings.HasPrefix(file, "run/secrets") {
				return shell.Maybe
			}
		}
		return shell.No
	}
	switch op {
	case "-f":
		return answer(e.Kind != whittle.Dir)
	case "-d":
		return answer(e.Kind == whittle.Dir)
	case "-s":
		return answer(e.Kind == whittle.Dir || e.Size > 0)
	case "-x":
		return answer(e.Mode&0o111 != 0)
	case "-r":
		if e.Mode&0o444 != 0o444 {
			return shell.Maybe
		}
	}
	return shell.Yes
}

// Glob implements [shell.Host].
func (h scriptHost) Glob(pattern string) []string {
	var out []string
	for _, p := range h.trace.Root.Paths() {
		if ok, err := path.Match(strings.TrimPrefix(pattern, "/"), p); err == nil && ok {
			out = append(out, "/"+p)
		}
	}
	return out
}

// Output implements [shell.Host].
func (h scriptHost) Output(args []string) (string, bool) {
	user := h.trace.User
	if h.st.user != "" {
		user = h.trace.Files.account(h.st.user)
	}
	switch strings.Join(args, " ") {
	case "id -u":
		return strconv.Itoa(user.UID) + "\n", user.Missing == ""
	case "id -un", "whoami":
		if user.UID == 0 {
			return "root\n", true
		}
	case "uname", "uname -s":
		return "Linux\n", true
	case "uname -m", "arch":
		return h.trace.Config.Platform().Machine() + "\n", true
	}
	return "", false
}
