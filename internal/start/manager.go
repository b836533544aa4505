package start

import (
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/shell"
)

// managed follows a program that starts what files of the image name: a
// process manager. false says that the program is none. Most managers go on
// when one of their programs fails.
func managed(t *Trace, st *Process, file string) bool {
	m := manager{trace: t, st: st, dir: st.Dir, name: path.Base(st.argv[0])}
	read := m.reader()
	if read == nil {
		return false
	}
	t.execute(st, file)
	st.Unknown = nil
	if !read() {
		st.notFollowed(m.name)
	}
	return true
}

// manager reads what one process manager starts.
type manager struct {
	trace *Trace
	st    *Process
	name  string
	dir   string
}

// reader is the function that follows a manager's files, nil for what is no
// manager. It is false where something could not be read.
func (m *manager) reader() func() bool {
	switch m.name {
	case "supervisord":
		return m.supervisord
	case "honcho", "foreman", "forego", "goreman", "hivemind", "overmind":
		return m.procfile
	case "circusd":
		return m.circus
	case "uwsgi", "uwsgi-core":
		return m.uwsgi
	case "init", "s6-svscan", "s6-overlay-suexec":
		if m.isFolder("etc/services.d") || m.isFolder("etc/s6-overlay/s6-rc.d") || m.isFolder("etc/cont-init.d") {
			return m.s6
		}
		if m.name == "s6-svscan" {
			return func() bool { return false }
		}
	case "runsvdir", "runsvdir-start", "runit", "runit-init", "my_init", "svscan":
		return m.runit
	case "systemd", "monit", "pm2", "pm2-runtime", "god", "mprocs", "process-compose", "pebble", "cron", "crond", "supercronic", "start-stop-daemon", "parallel", "nomad", "unitd", "entr", "incrond":
		return func() bool { return false }
	}
	return nil
}

func (m *manager) isFolder(p string) bool {
	_, e, ok := m.trace.Files.Stat(p)
	return ok && e.Kind == whittle.Dir
}

// run follows one command of the manager's; text is for a shell where words
// are not enough.
func (m *manager) run(argv []string, set func(*Process)) {
	if len(argv) > 0 {
		m.trace.then(m.st, argv, shell.Perhaps, set)
	}
}

func (m *manager) text(path string) (string, bool) {
	_, text, ok := m.trace.Files.text(path)
	return string(text), ok && text != nil
}

// supervisord: https://supervisord.org/configuration.html
func (m *manager) supervisord() bool {
	file, ok := option(m.st.argv[1:], "-c", "--configuration")
	candidates := []string{"../etc/supervisord.conf", "../supervisord.conf", "supervisord.conf", "etc/supervisord.conf", "/etc/supervisord.conf", "/etc/supervisor/supervisord.conf"}
	if ok {
		candidates = []string{file}
	}
	for _, c := range candidates {
		if p := whittle.Join(m.dir, c); m.isFile(p) {
			return m.supervisorFile(p, true)
		}
	}
	return false
}

func (m *manager) isFile(p string) bool {
	_, e, ok := m.trace.Files.Stat(p)
	return ok && e.Kind != whittle.Dir
}

func (m *manager) supervisorFile(p string, includes bool) bool {
	text, ok := m.text(p)
	if !ok {
		return false
	}
	all := true
	for _, sec := range sections(text) {
		kind, name, _ := strings.Cut(sec.name, ":")
		switch kind {
		case "program", "fcgi-program", "eventlistener":
			all = m.supervised(p, name, sec) && all
		case "include":
			for _, pattern := range strings.Fields(sec.values["files"]) {
				pattern = strings.ReplaceAll(pattern, "%(here)s", "/"+path.Dir(p))
				for _, f := range (scriptHost{m.trace, m.st}).Glob("/" + whittle.Join(path.Dir(p), pattern)) {
					all = includes && m.supervisorFile(whittle.Join("", f), false) && all
				}
			}
		}
	}
	return all
}

// supervised follows one program of a configuration.
func (m *manager) supervised(file, name string, sec section) bool {
	known := true
	expand := func(v string) string {
		v = strings.NewReplacer("%(program_name)s", name, "%(here)s", "/"+path.Dir(file), "%(process_num)d", "0", "%(process_num)02d", "00", "%%", "%").Replace(v)
		for k, value := range m.st.Env {
			v = strings.ReplaceAll(v, "%(ENV_"+k+")s", value)
		}
		if strings.Contains(v, "%(") {
			known = false
		}
		return v
	}
	argv, ok := commandWords(expand(sec.values["command"]))
	if !ok || len(argv) == 0 || !known {
		return false
	}
	how := shell.Perhaps
	if v := strings.ToLower(sec.values["autostart"]); v == "false" || v == "no" || v == "0" {
		how = shell.Elsewhere
	}
	m.trace.then(m.st, argv, how, func(child *Process) {
		if dir := expand(sec.values["directory"]); dir != "" {
			child.Dir = whittle.Join(child.Dir, dir)
		}
		for _, kv := range strings.Split(expand(sec.values["environment"]), ",") {
			if k, v, ok := strings.Cut(kv, "="); ok {
				child.Env[strings.TrimSpace(k)] = strings.Trim(strings.TrimSpace(v), `"'`)
			}
		}
		child.user = sec.values["user"]
	})
	return known
}

// procfile: https://devcenter.heroku.com/articles/procfile
func (m *manager) procfile() bool {
	args := m.st.argv[1:]
	verbs := positional(args, "-f", "--procfile", "-e", "--env", "-d", "--app-root", "-p", "--port", "-c", "--concurrency", "-q", "--quiet")
	switch {
	case len(verbs) > 1 && verbs[0] == "run":
		m.run(args[slices.Index(args, "run")+1:], nil)
		return true
	case len(verbs) == 0 || verbs[0] != "start":
		return len(verbs) > 0 && (verbs[0] == "check" || verbs[0] == "version" || verbs[0] == "help")
	}
	file := "Procfile"
	if f, ok := option(args, "-f", "--procfile"); ok {
		file = f
	}
	text, ok := m.text(whittle.Join(m.dir, file))
	if !ok {
		return false
	}
	for _, line := range strings.Split(text, "\n") {
		name, command, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		m.run([]string{"/bin/sh", "-c", strings.TrimSpace(command)}, func(child *Process) {
			if child.Env["PORT"] == "" {
				child.Env["PORT"] = "5000"
			}
		})
	}
	return true
}

// circus: https://circus.readthedocs.io/en/latest/configuration/
func (m *manager) circus() bool {
	args := m.st.argv[1:]
	if len(args) == 0 {
		return false
	}
	text, ok := m.text(whittle.Join(m.dir, args[len(args)-1]))
	if !ok {
		return false
	}
	all := true
	for _, sec := range sections(text) {
		if kind, _, _ := strings.Cut(sec.name, ":"); kind != "watcher" {
			continue
		}
		argv, ok := commandWords(sec.values["cmd"] + " " + sec.values["args"])
		if !ok || strings.Contains(sec.values["cmd"]+sec.values["args"], "$(") {
			all = false
			continue
		}
		m.run(argv, func(child *Process) {
			if v := strings.ToLower(sec.values["copy_env"]); v != "true" && v != "1" && v != "yes" {
				child.Env = map[string]string{"PATH": "/bin:/usr/bin"} // os.defpath
			}
			if dir := sec.values["working_dir"]; dir != "" {
				child.Dir = whittle.Join(child.Dir, dir)
			}
		})
	}
	return all
}

// s6 is s6-overlay: https://github.com/just-containers/s6-overlay
func (m *manager) s6() bool {
	host := scriptHost{m.trace, m.st}
	var files []string
	for _, pattern := range []string{"/etc/cont-init.d/*", "/etc/services.d/*/run", "/etc/s6-overlay/s6-rc.d/*/run"} {
		files = append(files, host.Glob(pattern)...)
	}
	for _, f := range files {
		m.run([]string{f}, nil)
	}
	all := len(host.Glob("/etc/s6-overlay/s6-rc.d/*/up")) == 0
	if args := m.st.argv[1:]; len(args) > 0 && m.name == "init" {
		m.run(args, nil)
	}
	return all
}

// runit: runsvdir starts the run script of each folder of a folder.
// https://smarden.org/runit/runsvdir.8.html
func (m *manager) runit() bool {
	dirs := []string{"/etc/service", "/service", "/etc/runit/runsvdir/default"}
	for _, a := range m.st.argv[1:] {
		if !strings.HasPrefix(a, "-") && m.isFolder(whittle.Join(m.dir, a)) {
			dirs = []string{"/" + whittle.Join(m.dir, a)}
			break
		}
	}
	found := false
	for _, dir := range dirs {
		for _, f := range (scriptHost{m.trace, m.st}).Glob(dir + "/*/run") {
			found = true
			m.run([]string{f}, func(child *Process) { child.Dir = whittle.Join("", path.Dir(f)) })
		}
	}
	return found
}

// uwsgi: https://uwsgi-docs.readthedocs.io/en/latest/Options.html
func (m *manager) uwsgi() bool {
	o := uwsgiOptions{m: m, seen: map[string]bool{}}
	if !o.arguments(m.st.argv[1:]) {
		return false
	}
	t, st := m.trace, m.st
	dir := st.Dir
	if o.chdir != "" {
		dir = whittle.Join(dir, o.chdir)
	}
	exe := path.Dir(st.Program) + "/python3"
	if o.home != "" {
		exe = whittle.Join(dir, o.home+"/bin/python")
	}
	if _, _, there := t.Files.Stat(exe); !there {
		if exe, there = t.Files.which("python3", searchPath(st.Env), ""); !there {
			return false
		}
	}
	child := st.child([]string{m.name}, shell.Perhaps)
	child.Dir, child.Program = dir, exe
	if len(o.paths) > 0 {
		child.Env["PYTHONPATH"] = strings.TrimSuffix(strings.Join(o.paths, ":")+":"+child.Env["PYTHONPATH"], ":")
	}
	t.Processes = append(t.Processes, child)
	if t.begin(child, exe, dir) == nil {
		return true
	}
	switch {
	case o.module != "":
		t.target(child, exe, dir, "uwsgi "+o.module, o.module, o.callable)
	case o.file != "":
		t.program(child, exe, o.file, false)
	default:
		return false
	}
	return true
}

// uwsgiOptions are those that say which application is served.
type uwsgiOptions struct {
	m                                   *manager
	module, callable, file, chdir, home string
	paths                               []string
	seen                                map[string]bool // files
}

// arguments reads a command line; it is false where a file cannot be read.
func (o *uwsgiOptions) arguments(args []string) bool {
	for i := 0; i < len(args); i++ {
		a := args[i]
		name, value, has := strings.Cut(strings.TrimLeft(a, "-"), "=")
		if !strings.HasPrefix(a, "-") {
			if strings.HasSuffix(a, ".ini") {
				if !o.ini(a) {
					return false
				}
			} else if path.Ext(a) == ".xml" || path.Ext(a) == ".yaml" || path.Ext(a) == ".yml" || path.Ext(a) == ".json" {
				return false
			}
			continue
		}
		if !has && i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") && o.takes(name) {
			i++
			value = args[i]
		}
		if !o.set(name, value) {
			return false
		}
	}
	return true
}

func (o *uwsgiOptions) takes(name string) bool {
	switch name {
	case "w", "module", "wsgi", "mount", "wsgi-file", "file", "callable", "chdir", "H", "home", "virtualenv", "venv", "pyhome", "pp", "pythonpath", "python-path", "ini", "xml", "yaml", "yml", "json", "emperor", "import", "paste":
		return true
	}
	return false
}

func (o *uwsgiOptions) set(name, value string) bool {
	if strings.Contains(value, "%") || strings.Contains(value, "$(") {
		return !o.takes(name)
	}
	switch name {
	case "w", "module", "wsgi":
		o.module = value
	case "wsgi-file", "file":
		o.file = value
	case "callable":
		o.callable = value
	case "chdir":
		o.chdir = value
	case "H", "home", "virtualenv", "venv", "pyhome":
		o.home = value
	case "pp", "pythonpath", "python-path":
		o.paths = append(o.paths, value)
	case "ini":
		return o.ini(value)
	case "xml", "yaml", "yml", "json", "emperor", "mount", "paste", "include", "vassal":
		return false
	}
	return true
}

func (o *uwsgiOptions) ini(file string) bool {
	file, _, _ = strings.Cut(file, ":")
	p := whittle.Join(o.m.dir, file)
	text, ok := o.m.text(p)
	if !ok || o.seen[p] {
		return false
	}
	o.seen[p] = true
	for _, sec := range sections(text) {
		if sec.name != "uwsgi" {
			continue
		}
		for _, kv := range sec.lines {
			if !o.set(kv[0], kv[1]) {
				return false
			}
		}
	}
	return true
}
