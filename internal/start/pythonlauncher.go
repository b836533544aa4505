package start

import (
	"path"
	"strings"

	"whittle.dev/whittle/internal/python/source"
	"whittle.dev/whittle/internal/shell"
)

// rerun starts Python once more with other arguments: what a debugger or a
// profiler runs in its own process.
func (t *Trace) rerun(st *Process, exe string, how shell.Certainty, args []string) {
	if len(args) == 0 {
		return
	}
	t.then(st, append([]string{"/" + exe}, args...), how, nil)
}

// debugger: https://github.com/microsoft/debugpy
func debugger(t *Trace, st *Process, exe string, args []string) {
	how := shell.Must
	for i := 0; i < len(args); i++ {
		switch a := args[i]; {
		case a == "-m" || a == "-c" || !strings.HasPrefix(a, "-"):
			t.rerun(st, exe, how, args[i:])
			return
		case a == "--wait-for-client":
			how = shell.Perhaps
		case a == "--pid":
			return
		case a == "--listen" || a == "--connect" || a == "--adapter-access-token" || a == "--log-to":
			i++
		case strings.HasPrefix(a, "--configure-"):
			i++
		}
	}
}

// coverage: https://coverage.readthedocs.io/en/latest/cmd.html
func coverage(t *Trace, st *Process, exe string, args []string) {
	if len(args) == 0 || args[0] != "run" {
		return
	}
	profiled(t, st, exe, args[1:], "--source", "--omit", "--include", "--rcfile", "--data-file", "--concurrency", "--context", "--debug", "--save-signal")
}

// profiler is a module that runs another one, or a file.
func profiler(values ...string) runner {
	return func(t *Trace, st *Process, exe string, args []string) { profiled(t, st, exe, args, values...) }
}

// profiled follows what is behind the options: a file with its arguments,
// or -m and a module.
func profiled(t *Trace, st *Process, exe string, args []string, values ...string) {
	for i := 0; i < len(args); i++ {
		a := args[i]
		if a == "-m" || !strings.HasPrefix(a, "-") {
			t.rerun(st, exe, shell.Must, args[i:])
			return
		}
		for _, v := range values {
			if a == v {
				i++
				break
			}
		}
	}
}

// memray: https://bloomberg.github.io/memray/run.html
func memray(t *Trace, st *Process, exe string, args []string) {
	if len(args) == 0 || args[0] != "run" {
		return
	}
	profiled(t, st, exe, args[1:], "-o", "--output", "--live-port", "-p", "--compress-on-exit")
}

// scalene: https://github.com/plasma-umass/scalene
func scalene(t *Trace, st *Process, exe string, args []string) {
	if len(args) > 0 && args[0] == "run" {
		args = args[1:]
	}
	st.how = max(st.how, shell.Perhaps)
	profiled(t, st, exe, args, "--outfile", "-o", "--profile-interval", "--cpu-percent-threshold", "--profile-only", "--profile-exclude")
}

// modules is "python -m runpy MODULE".
func modules(t *Trace, st *Process, exe string, args []string) {
	if len(args) > 0 {
		t.rerun(st, exe, shell.Must, append([]string{"-m"}, args...))
	}
}

// watchfiles runs a command line, or a function by its dotted name.
// https://watchfiles.helpmanual.io/cli/
func watchfiles(t *Trace, st *Process, exe string, args []string) {
	words := positional(args, "--ignore-paths", "--target-type", "--filter", "--args", "--verbosity", "--sigint-timeout", "--sigkill-timeout", "--grace-period")
	if len(words) == 0 {
		return
	}
	target := words[0]
	kind, _ := option(args, "--target-type")
	if kind == "function" || kind != "command" && source.IsDotted(target) {
		st.notFollowed(path.Base(st.argv[0]))
		return
	}
	t.then(st, []string{"/bin/sh", "-c", target}, shell.Perhaps, nil)
}
