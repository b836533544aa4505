package start

import (
	"cmp"
	"path"
	"slices"
	"strconv"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/python/imports"
	"whittle.dev/whittle/internal/python/source"
	"whittle.dev/whittle/internal/shell"
)

// asgi is a server whose arguments have the application as module:attribute.
func asgi(t *Trace, st *Process, exe string, args []string) {
	first := st.Dir
	for _, name := range []string{"--app-dir", "--working-dir"} {
		if dir, ok := option(args, name); ok {
			first = whittle.Join(st.Dir, dir)
		}
	}
	if app, ok := spec(args, false); ok {
		t.target(st, exe, first, path.Base(st.argv[0])+" "+app, app, "")
	} else if len(args) != 1 || args[0] != "--version" && args[0] != "--help" {
		st.Doubt("which application it serves is only known when it runs")
	}
}

// uvicorn: https://www.uvicorn.org/settings/
func uvicorn(t *Trace, st *Process, exe string, args []string) {
	for option, modules := range map[string]map[string]string{
		"--loop": {"uvloop": "uvloop"}, "--http": {"httptools": "httptools", "h11": "h11"},
		"--ws": {"websockets": "websockets", "websockets-sansio": "websockets", "wsproto": "wsproto"},
	} {
		name, ok := optionOr(args, option, st.Env["UVICORN_"+strings.ToUpper(option[2:])])
		if module := modules[name]; ok && module != "" {
			t.target(st, exe, st.Dir, "uvicorn "+option+" "+name, module, "")
		}
	}
	for _, option := range []string{"--env-file", "--log-config"} {
		if file, ok := optionOr(args, option, ""); ok && !strings.Contains(file, unknownWord) {
			if _, _, there := t.Files.Stat(whittle.Join(st.Dir, file)); !there {
				st.problem(whittle.Problem{Rule: whittle.CheckMissingSource, Path: file, Message: st.Name + " gives uvicorn " + option + " " + file + ", which is not there",
					Fix: "COPY it into the image, or leave the option out"})
			} else if option == "--env-file" {
				t.target(st, exe, st.Dir, "uvicorn --env-file", "dotenv", "")
			}
		}
	}
	if app := st.Env["UVICORN_APP"]; app != "" {
		if _, ok := spec(args, false); !ok {
			args = append([]string{app}, args...)
		}
	}
	if alone, watched := single(st, args); !alone || watched {
		// The parent goes on when a worker fails to start.
		st.how = max(st.how, shell.Perhaps)
	}
	asgi(t, st, exe, args)
}

// single says that a server runs in one process; watched that another process
// waits for its files to change.
func single(st *Process, args []string) (alone, watched bool) {
	n, ok := optionOr(args, "--workers", st.Env["WEB_CONCURRENCY"])
	workers, err := strconv.Atoi(n)
	return !ok || err == nil && workers < 2, slices.Contains(args, "--reload")
}

// optionOr is the value of an option, or another one where it is not given.
func optionOr(args []string, name, otherwise string) (string, bool) {
	if v, ok := option(args, name); ok {
		return v, true
	}
	return otherwise, otherwise != ""
}

// unquoted takes out the quotes that gunicorn's shlex.split takes out of
// GUNICORN_CMD_ARGS; a value with a blank in it is not followed.
var unquoted = strings.NewReplacer(`"`, "", `'`, "")

// gunicorn: https://docs.gunicorn.org/en/stable/settings.html
func gunicorn(t *Trace, st *Process, exe string, args []string) {
	t.needs(st, exe, "gunicorn.glogging", "gunicorn.workers.base")
	args = append(strings.Fields(unquoted.Replace(st.Env["GUNICORN_CMD_ARGS"])), args...)
	g := gunicornSettings{trace: t, st: st, exe: exe, args: args, first: st.Dir}
	g.config()
	if dir, ok := lastOption(args, "--chdir"); ok {
		g.first = whittle.Join(st.Dir, dir)
	}
	if paths, ok := lastOption(args, "--pythonpath"); ok {
		g.paths = paths
	}
	g.path()
	g.classes()
	app, ok := spec(args, true)
	if !ok && g.app != "" {
		app, ok = g.app, true
	}
	if !ok || strings.Contains(app, unknownWord) {
		st.Doubt("which application gunicorn serves is only known when it runs")
		return
	}
	t.target(st, exe, g.first, "gunicorn "+app, app, "application")
}

// gunicornSettings are those that say what is imported.
type gunicornSettings struct {
	trace *Trace
	st    *Process
	exe   string
	args  []string
	// first is the working directory, paths are the folders of --pythonpath,
	// separated by commas.
	first, paths, app     string
	workerClass, logClass string
}

// lastOption is the value of an option that counts where it is given twice.
func lastOption(args []string, names ...string) (string, bool) {
	for i := len(args) - 1; i >= 0; i-- {
		if v, ok := option(args[i:], names...); ok {
			return v, true
		}
	}
	return "", false
}

// config reads the configuration file.
func (g *gunicornSettings) config() {
	t, st := g.trace, g.st
	config, ok := lastOption(g.args, "-c", "--config")
	before := len(st.Python.Roots)
	switch module, isModule := strings.CutPrefix(config, "python:"); {
	case isModule:
		t.target(st, g.exe, g.first, "gunicorn --config "+config, module, "")
	case ok:
		t.program(st, g.exe, strings.TrimPrefix(config, "file:"), false)
	default:
		if _, _, there := t.Files.Stat(whittle.Join(st.Dir, "gunicorn.conf.py")); there {
			t.program(st, g.exe, "gunicorn.conf.py", false)
		}
	}
	if len(st.Python.Roots) == before {
		return
	}
	if n := st.Python.Roots[before].Node; n != nil && n.Source != nil {
		g.settings(n.Source)
	}
}

// settings takes what a configuration file assigns at its top level.
func (g *gunicornSettings) settings(src *source.Facts) {
	for _, c := range src.Calls {
		var to *string
		switch c.Func {
		case "chdir":
			to = &g.first
		case "pythonpath":
			to = &g.paths
		case "wsgi_app":
			to = &g.app
		case "worker_class":
			to = &g.workerClass
		case "logger_class":
			to = &g.logClass
		default:
			continue
		}
		if len(c.Args) != 1 || len(c.Conditions) > 0 || c.Context != 0 {
			g.st.how = max(g.st.how, shell.Perhaps) // it is made by code
			continue
		}
		if *to = c.Args[0]; c.Func == "chdir" {
			g.first = whittle.Join(g.st.Dir, c.Args[0])
		}
	}
}

// path puts the folders of --pythonpath before all others. The folder in which
// it was started stays on the path when the settings change to another one.
func (g *gunicornSettings) path() {
	var dirs []string
	if g.paths != "" {
		for _, dir := range strings.Split(g.paths, ",") {
			dirs = append(dirs, "/"+whittle.Join(g.first, strings.TrimSpace(dir)))
		}
	}
	if g.first != g.st.Dir {
		dirs = append(dirs, "/"+g.st.Dir)
	}
	if len(dirs) == 0 {
		return
	}
	g.st.Env = clone(g.st.Env)
	g.st.Env["PYTHONPATH"] = strings.Trim(strings.Join(dirs, ":")+":"+g.st.Env["PYTHONPATH"], ":")
}

// classes are those of the workers and of the logger.
func (g *gunicornSettings) classes() {
	if class, ok := lastOption(g.args, "-k", "--worker-class"); ok {
		g.workerClass = class
	}
	if class, ok := lastOption(g.args, "--logger-class"); ok {
		g.logClass = class
	}
	switch class := g.workerClass; {
	case class == "gevent", class == "eventlet", class == "tornado":
		g.trace.target(g.st, g.exe, g.first, "gunicorn --worker-class "+class, class, "")
	default:
		g.class("--worker-class", class)
	}
	g.class("--logger-class", g.logClass)
}

func (g *gunicornSettings) class(option, class string) {
	if i := strings.LastIndexAny(class, ".:"); i > 0 && !strings.Contains(class, unknownWord) {
		g.trace.target(g.st, g.exe, g.first, "gunicorn "+option+" "+class, class[:i], class[i+1:])
	}
}

// flask: https://flask.palletsprojects.com/en/stable/cli/
func flask(t *Trace, st *Process, exe string, args []string) {
	app, ok := option(args, "--app", "-A")
	if !ok {
		app = cmp.Or(st.Env["FLASK_APP"], t.flaskenv(st, exe)["FLASK_APP"])
	}
	if app == "" {
		for _, name := range []string{"wsgi", "app"} {
			if _, _, there := t.Files.Stat(whittle.Join(st.Dir, name+".py")); there {
				app = name
				break
			}
		}
	}
	if app == "" || strings.Contains(app, unknownWord) {
		st.Doubt("which application flask serves is only known when it runs")
		return
	}
	module, attr, _ := strings.Cut(app, ":")
	first := st.Dir
	if strings.HasSuffix(module, ".py") || strings.Contains(module, "/") {
		// A file is looked for from where its packages begin.
		first, module = t.packageRoot(strings.TrimSuffix(whittle.Join(st.Dir, module), ".py"))
	}
	t.target(st, exe, first, "flask --app "+app, module, attr)
	if im := t.importer(st, exe, first); im != nil && attr == "" && source.IsDotted(module) {
		if n, _ := im.Import(module); n != nil && im.Defines(n, "app") != source.Yes && im.Defines(n, "application") != source.Yes {
			factory(st, im, n, "create_app")
		}
	}
}

// flaskenv reads .flaskenv and .env, as flask does where python-dotenv is
// installed.
func (t *Trace) flaskenv(st *Process, exe string) map[string]string {
	out := map[string]string{}
	im := t.importer(st, exe, st.Dir)
	if im == nil {
		return out
	}
	if _, f := im.Import("dotenv"); f != nil {
		return out
	}
	for _, name := range []string{".env", ".flaskenv"} {
		if _, text, ok := t.Files.text(whittle.Join(st.Dir, name)); ok {
			for _, line := range strings.Split(string(text), "\n") {
				k, v, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
				if _, twice := out[k]; !twice {
					out[strings.TrimSpace(k)] = strings.Trim(strings.TrimSpace(v), `"'`)
				}
			}
		}
	}
	return out
}

// packageRoot goes up from a module's path through the folders that are
// packages: the folder to import from, and the module's full name.
func (t *Trace) packageRoot(p string) (dir, module string) {
	module = path.Base(p)
	dir = path.Dir(p)
	for dir != "." && dir != "" {
		if _, _, ok := t.Files.Stat(dir + "/__init__.py"); !ok {
			break
		}
		module, dir = path.Base(dir)+"."+module, path.Dir(dir)
	}
	if dir == "." {
		dir = ""
	}
	return dir, strings.TrimSuffix(module, ".__init__")
}

// fastapi: https://fastapi.tiangolo.com/fastapi-cli/
func fastapi(t *Trace, st *Process, exe string, args []string) {
	if len(args) == 0 || args[0] != "run" && args[0] != "dev" {
		return
	}
	t.target(st, exe, st.Dir, "fastapi "+args[0], "fastapi_cli", "")
	if args[0] == "dev" || slices.Contains(args, "--reload") || hasWorkers(st, args) {
		st.how = max(st.how, shell.Perhaps)
	}
	app, named := option(args, "--app")
	if entry, ok := option(args, "--entrypoint", "-e"); ok {
		t.target(st, exe, st.Dir, "fastapi run "+entry, entry, "")
		return
	}
	file := ""
	for i, a := range args[1:] {
		if !strings.HasPrefix(a, "-") && (!strings.HasPrefix(args[i], "-") || strings.Contains(args[i], "=") || strings.HasPrefix(args[i], "--no-") || args[i] == "--reload" || args[i] == "--proxy-headers") {
			file = a
			break
		}
	}
	if strings.Contains(file, unknownWord) {
		st.Doubt("which application fastapi serves is only known when it runs")
		return
	}
	if file == "" {
		for _, name := range []string{"main.py", "app.py", "api.py", "app/main.py", "app/app.py", "app/api.py"} {
			if _, _, there := t.Files.Stat(whittle.Join(st.Dir, name)); there {
				file = name
				break
			}
		}
		if _, _, project := t.Files.Stat(whittle.Join(st.Dir, "pyproject.toml")); project || file == "" {
			// It may name the application.
			st.Doubt("which application fastapi serves is only known when it runs")
			return
		}
	}
	if _, _, there := t.Files.Stat(whittle.Join(st.Dir, file)); !there {
		t.program(st, exe, file, false) // says that it is not there
		return
	}
	first, module := t.packageRoot(strings.TrimSuffix(whittle.Join(st.Dir, file), ".py"))
	attr := ""
	if named {
		attr = app
	}
	t.target(st, exe, first, "fastapi run "+file, module, attr)
}

func hasWorkers(st *Process, args []string) bool {
	alone, _ := single(st, args)
	return !alone
}

// factory sees whether a function that makes the application may import what
// is missing: which function an import is in is not known.
func factory(st *Process, im *imports.Importer, n *imports.Node, name string) {
	if n == nil {
		return
	}
	for _, imp := range n.Later {
		if imp.Context&(source.Guarded|source.Handler|source.TypeChecking) != 0 {
			continue
		}
		if _, failures := im.Resolve(n, imp); len(failures) > 0 {
			st.Doubt("what " + name + "() imports was not followed, and " + n.Name + " imports " + failures[0].Module + " in a function, which is not there")
		}
	}
}
