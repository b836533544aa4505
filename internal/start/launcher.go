package start

import (
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/shell"
)

// launcher is a program that starts another one, which its command line names.
type launcher struct {
	// values are its options that take a value, separated by blanks.
	values string
	// skip is how many words are before the command: a user, a time.
	skip int
	// verb has to be the first word, if there is one: "run".
	verb string
	// script says that the launcher is itself a Python program, or may be.
	script bool
	// how is [shell.Perhaps] where the launcher goes on when the command fails.
	how shell.Certainty
	// set changes the start of the command, by the launcher's own arguments.
	set func(t *Trace, st *Process, own []string)
}

// launchers are those whose command follows their own options. Each is from
// the program's manual page or its --help.
func launchers() map[string]launcher {
	user := func(_ *Trace, st *Process, own []string) {
		if len(own) > 0 {
			st.user = own[len(own)-1]
		}
	}
	otherUser := func(_ *Trace, st *Process, own []string) {
		for _, name := range []string{"--reuid", "-u", "--user"} {
			if v, ok := option(own, name); ok {
				st.user = v
			}
		}
	}
	contextual := launcher{values: "-p --project -c --config --config-scope -t --token --path --env -e --projectId --name-transformer", verb: "run", how: shell.Perhaps}
	all := map[string]launcher{
		"tini": {values: "-p -e"}, "tini-static": {values: "-p -e"}, "docker-init": {values: "-p -e"}, "catatonit": {},
		"dumb-init": {values: "-r --rewrite"}, "dumb-init-static": {values: "-r --rewrite"}, "pid1": {},
		"gosu": {skip: 1, set: user}, "su-exec": {skip: 1, set: user}, "setuidgid": {skip: 1, set: user}, "s6-setuidgid": {skip: 1, set: user},
		"chpst":   {values: "-u -U -b -e -/ -n -l -L -m -d -o -p -f -c", set: otherUser},
		"setpriv": {values: "--reuid --regid --groups --inh-caps --ambient-caps --bounding-set --securebits --pdeathsig --selinux-label --apparmor-profile", set: otherUser},
		"runuser": {values: "-u --user -g --group -G --supp-group", set: otherUser},
		"sudo":    {values: "-u --user -g --group -C -D -h -p -R -T -U", set: otherUser},
		"nice":    {values: "-n --adjustment"}, "ionice": {values: "-n -c --class --classdata"}, "chrt": {values: "-T -P -D", skip: 1},
		"setsid": {}, "nohup": {}, "catchsegv": {}, "unbuffer": {}, "time": {values: "-o -f"}, "taskset": {skip: 1}, "numactl": {values: "-N -m -i -p -C"},
		"prlimit": {values: "-o"}, "stdbuf": {values: "-i -o -e"}, "timeout": {values: "-s --signal -k --kill-after", skip: 1},
		"xvfb-run": {values: "-n -e -f -l -p -s --server-num --server-args"}, "dbus-run-session": {values: "--config-file --dbus-daemon"},
		"strace": {values: "-e -o -p -s -u -E -a -O -S"}, "ltrace": {values: "-e -o -s"}, "with-contenv": {}, "justc-envdir": {skip: 1}, "s6-envdir": {skip: 1}, "envdir": {skip: 1},
		"dockerize": {values: "-wait -timeout -wait-retry-interval -template -stdout -stderr -wait-http-header", how: shell.Perhaps},
		"doppler":   contextual, "infisical": contextual, "op": contextual, "chamber": {verb: "exec", skip: 1, values: "-b --backend", how: shell.Perhaps},
		"aws-vault": {verb: "exec", skip: 1, values: "-d -r --region", how: shell.Perhaps}, "vault-env": {}, "aws-lambda-rie": {how: shell.Perhaps, set: func(_ *Trace, st *Process, _ []string) { st.Env["AWS_LAMBDA_RUNTIME_API"] = "127.0.0.1:9001" }}, "xargs": {values: "-I -n -P -L -d -s -E -a --max-args --max-procs --replace --delimiter", how: shell.Perhaps},

		"ddtrace-run": {script: true}, "opentelemetry-instrument": {script: true, set: instrumented},
		"newrelic-admin": {script: true, verb: "run-program"},
		"py-spy":         {verb: "record", values: "-o --output -f --format -d --duration -r --rate", how: shell.Perhaps},
		"watchmedo":      {script: true, verb: "auto-restart", values: "-d --directory -p --pattern --patterns -i --ignore-patterns --signal --kill-after --timeout --interval --debounce-interval", how: shell.Perhaps},
		"dotenv":         {script: true, values: "-f --file -q --quote -e --export", verb: "run"},
	}
	return all
}

// instrumented leaves what opentelemetry-instrument takes: all of its options
// have a value. https://opentelemetry.io/docs/zero-code/python/configuration
func instrumented(*Trace, *Process, []string) {}

// unwrapped follows what a launcher starts; false says that the program is
// none.
func unwrapped(t *Trace, st *Process, file string) bool {
	name := path.Base(st.argv[0])
	switch name {
	case "env":
		return t.environment(st, file)
	case "flock", "su", "script":
		return textLauncher(t, st, file, name)
	case "uv", "uvx", "poetry", "pdm", "pipenv", "hatch", "rye", "pixi", "conda", "mamba", "micromamba":
		return environmentRun(t, st, file, name)
	}
	l, ok := launchers()[name]
	if !ok {
		return false
	}
	own, rest := l.split(name, st.argv[1:])
	if l.verb != "" && !slices.Contains(own, l.verb) && !(len(rest) > 0 && rest[0] == l.verb) {
		return false
	}
	if l.script || l.verb != "" {
		t.execute(st, file)
		st.Unknown = nil // its own arguments are read here
	} else {
		st.Program, st.Programs = file, append(st.Programs, file)
	}
	if len(rest) == 0 {
		return true
	}
	how := l.how
	if name == "xargs" {
		rest = append(slices.Clone(rest), unknownWord)
	}
	t.then(st, rest, how, func(child *Process) {
		if l.set != nil {
			l.set(t, child, own)
		}
	})
	return true
}

// then follows a command that a program starts.
func (t *Trace) then(st *Process, argv []string, how shell.Certainty, set func(*Process)) {
	child := st.child(argv, how)
	child.input = st.input
	if set != nil {
		set(child)
	}
	t.follow(child, st.depth+1)
	if child.Program != "" {
		st.Program = child.Program
	}
}

// split separates a launcher's own arguments from the command.
func (l launcher) split(name string, args []string) (own, rest []string) {
	values := strings.Fields(l.values)
	verb := l.verb == ""
	i := 0
	for i < len(args) {
		a := args[i]
		switch {
		case a == "--":
			return args[:i], args[i+1:]
		case !verb && a == l.verb:
			verb = true
		case strings.HasPrefix(a, "-") && len(a) > 1:
			if slices.Contains(values, a) || name == "opentelemetry-instrument" && !strings.Contains(a, "=") && a != "--version" && a != "--help" {
				i++
			}
		default:
			i += l.skip
			i = min(i, len(args))
			own, rest = args[:i], args[i:]
			if len(rest) > 0 && rest[0] == "--" {
				rest = rest[1:]
			}
			return own, rest
		}
		i++
	}
	return args, nil
}

// environment is env(1): variables, and options of which -S holds a command
// line. https://www.gnu.org/software/coreutils/manual/html_node/env-invocation.html
func (t *Trace) environment(st *Process, file string) bool {
	st.Program, st.Programs = file, append(st.Programs, file)
	args, env, dir := st.argv[1:], clone(st.Env), st.Dir
	for len(args) > 0 {
		a := args[0]
		args = args[1:]
		switch {
		case a == "-" || a == "-i" || a == "--ignore-environment":
			env = map[string]string{}
		case (a == "-u" || a == "-C" || a == "--unset" || a == "--chdir") && len(args) > 0:
			if a == "-u" || a == "--unset" {
				delete(env, args[0])
			} else {
				dir = whittle.Join(dir, args[0])
			}
			args = args[1:]
		case strings.HasPrefix(a, "--unset="):
			delete(env, strings.TrimPrefix(a, "--unset="))
		case strings.HasPrefix(a, "--chdir="):
			dir = whittle.Join(dir, strings.TrimPrefix(a, "--chdir="))
		case a == "-S" || a == "--split-string":
			if len(args) > 0 {
				args = append(strings.Fields(args[0]), args[1:]...)
			}
		case strings.HasPrefix(a, "-S"):
			args = append(strings.Fields(a[2:]), args...)
		case a == "--":
		case strings.HasPrefix(a, "-"):
		case strings.Contains(a, "="):
			k, v, _ := strings.Cut(a, "=")
			env[k] = v
		default:
			t.then(st, append([]string{a}, args...), shell.Must, func(child *Process) { child.Env, child.Dir = env, dir })
			return true
		}
	}
	return true
}

// textLauncher follows flock, su and script, which take a command as words or
// as the text of a shell.
func textLauncher(t *Trace, st *Process, file, name string) bool {
	st.Program, st.Programs = file, append(st.Programs, file)
	args := st.argv[1:]
	if text, ok := option(args, "-c", "--command"); ok {
		user := ""
		for i, a := range args {
			if name == "su" && !strings.HasPrefix(a, "-") && (i == 0 || args[i-1] != "-c" && args[i-1] != "--command" && args[i-1] != "-s") {
				user = a
			}
		}
		t.then(st, []string{"/bin/sh", "-c", text}, shell.Must, func(child *Process) {
			if name == "su" {
				child.user = user
			}
		})
		return true
	}
	if name == "flock" {
		if _, rest := (launcher{values: "-w --timeout --wait -E --conflict-exit-code", skip: 1}).split(name, args); len(rest) > 0 {
			t.then(st, rest, shell.Must, nil)
		}
		return true
	}
	st.notFollowed(name)
	return true
}

// startsAnother says that one of the arguments of a program is itself a
// program that runs code: a launcher that whittle does not know.
func startsAnother(t *Trace, st *Process) bool {
	if plainPrograms[path.Base(st.argv[0])] {
		return false
	}
	for _, a := range st.argv[1:] {
		if a == "" || strings.HasPrefix(a, "-") || strings.Contains(a, unknownWord) {
			continue
		}
		word, _, _ := strings.Cut(a, " ")
		file, ok := t.Files.which(word, searchPath(st.Env), st.Dir)
		if !ok || strings.Contains(word, "/") && strings.HasSuffix(word, "/") {
			continue
		}
		base := path.Base(t.Files.Real(file))
		if isPython(base, word) || IsShell(path.Base(word)) || opaquePrograms[base] {
			return true
		}
		if _, binary := t.Binaries(t.Files.Real(file)); !binary {
			return true // a script
		}
		if _, known := launchers()[path.Base(word)]; known {
			return true
		}
	}
	return false
}

// plainPrograms take the names of programs as any other file's.
var plainPrograms = func() map[string]bool {
	out := map[string]bool{}
	for _, name := range strings.Fields(`cp mv ln ls rm mkdir rmdir touch cat chmod chown chgrp install stat test [ echo printf grep egrep sed awk head tail wc
		which whereis file readlink realpath dirname basename tar gzip gunzip unzip sha256sum md5sum diff cmp find sleep true false date id whoami
		setcap getcap strip ldd du df tee sort uniq cut tr curl wget nc pg_isready redis-cli`) {
		out[name] = true
	}
	return out
}()
