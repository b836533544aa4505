package check

import (
	"path"
	"strings"

	"whittle"
)

// runners are the programs that import what their command line names, by the
// name of their console script or module.
func runners() map[string]func(s *state, st *start, executable string, args []string) {
	asgi := func(s *state, st *start, exe string, args []string) {
		first := st.dir
		if dir, ok := option(args, "--app-dir"); ok {
			first = whittle.Join(st.dir, dir)
		}
		if app, ok := spec(args, false); ok {
			s.target(st, exe, first, path.Base(st.argv[0])+" "+app, app, "")
		} else {
			st.unknown = append(st.unknown, "which application it serves is only known when it runs")
		}
	}
	return map[string]func(*state, *start, string, []string){
		"gunicorn":             gunicorn,
		"gunicorn.app.wsgiapp": gunicorn,
		"uvicorn":              asgi,
		"hypercorn":            asgi,
		"daphne":               asgi,
		"granian":              asgi,
		"waitress-serve":       asgi,
		"celery":               celery,
		"streamlit":            streamlit,
		"flask":                flask,
		"fastapi":              fastapi,
		"django-admin":         func(s *state, st *start, exe string, _ []string) { s.django(st, exe, st.dir, false) },
	}
}

// needs adds modules that a program imports in functions that it always runs.
// Those that its version does not have are left out.
func (s *state) needs(st *start, executable string, modules ...string) {
	im := s.importer(st, executable, st.dir)
	if im == nil {
		return
	}
	for _, m := range modules {
		if node, f := im.Import(m); node != nil && f == nil {
			st.python.roots = append(st.python.roots, root{im: im, node: node})
		}
	}
}

// gunicorn: https://docs.gunicorn.org/en/stable/settings.html
func gunicorn(s *state, st *start, exe string, args []string) {
	s.needs(st, exe, "gunicorn.glogging", "gunicorn.workers.base")
	args = append(strings.Fields(st.env["GUNICORN_CMD_ARGS"]), args...)
	first := st.dir
	if dir, ok := option(args, "--chdir"); ok {
		first = whittle.Join(st.dir, dir)
	}
	if class, ok := option(args, "-k", "--worker-class"); ok {
		switch i := strings.LastIndexAny(class, ".:"); {
		case class == "gevent", class == "eventlet", class == "tornado":
			s.target(st, exe, first, "gunicorn --worker-class "+class, class, "")
		case i > 0:
			s.target(st, exe, first, "gunicorn --worker-class "+class, class[:i], class[i+1:])
		}
	}
	config, ok := option(args, "-c", "--config")
	switch {
	case ok && strings.HasPrefix(config, "python:"):
		s.target(st, exe, first, "gunicorn --config "+config, strings.TrimPrefix(config, "python:"), "")
	case ok:
		s.program(st, exe, strings.TrimPrefix(config, "file:"), false)
	default:
		s.program(st, exe, "/"+whittle.Join(first, "gunicorn.conf.py"), true)
	}
	app, ok := spec(args, true)
	if !ok {
		st.unknown = append(st.unknown, "which application gunicorn serves is only known when it runs")
		return
	}
	attr := "application"
	s.target(st, exe, first, "gunicorn "+app, app, attr)
}

// celery: https://docs.celeryq.dev/en/stable/reference/cli.html
func celery(s *state, st *start, exe string, args []string) {
	s.needs(st, exe, "celery.bin.celery", "celery.app.base")
	app, ok := option(args, "-A", "--app")
	if !ok {
		return
	}
	first := st.dir
	if dir, ok := option(args, "--workdir"); ok {
		first = whittle.Join(st.dir, dir)
	}
	module, attr, _ := strings.Cut(app, ":")
	s.target(st, exe, first, "celery -A "+app, module, attr)
	if im := s.importer(st, exe, first); im != nil && attr == "" && dottedName.MatchString(module) {
		// Without an application in the package celery tries its module
		// "celery".
		if node, f := im.Import(module + ".celery"); f == nil && node != nil {
			st.python.roots = append(st.python.roots, root{im: im, node: node, what: "celery -A " + app})
		}
	}
}

// streamlit: https://docs.streamlit.io/develop/api-reference/cli/run
func streamlit(s *state, st *start, exe string, args []string) {
	if len(args) < 2 || args[0] != "run" {
		return
	}
	s.needs(st, exe, "streamlit.web.bootstrap")
	file := ""
	for _, a := range args[1:] {
		if strings.HasSuffix(a, ".py") && !strings.HasPrefix(a, "-") {
			file = a
			break
		}
	}
	if file == "" {
		st.unknown = append(st.unknown, "which script streamlit runs is only known when it runs")
		return
	}
	s.program(st, exe, file, false)
	// Streamlit runs the script when somebody opens the page; run by itself
	// it draws to nobody.
	st.probe = []string{"/" + exe, "/" + whittle.Join(st.dir, file)}
	pages := path.Join(path.Dir(whittle.Join(st.dir, file)), "pages")
	for _, p := range s.Root.Paths() {
		if path.Dir(p) == pages && strings.HasSuffix(p, ".py") {
			s.program(st, exe, "/"+p, true)
		}
	}
}

// flask: https://flask.palletsprojects.com/en/stable/cli/
func flask(s *state, st *start, exe string, args []string) {
	app, ok := option(args, "--app", "-A")
	if !ok {
		if app = st.env["FLASK_APP"]; app == "" {
			for _, name := range []string{"wsgi", "app"} {
				if _, _, there := s.stat(whittle.Join(st.dir, name+".py")); there {
					app = name
					break
				}
			}
		}
	}
	if app == "" {
		st.unknown = append(st.unknown, "which application flask serves is only known when it runs")
		return
	}
	module, attr, _ := strings.Cut(app, ":")
	first := st.dir
	if strings.HasSuffix(module, ".py") {
		first = path.Dir(whittle.Join(st.dir, module))
		module = strings.TrimSuffix(path.Base(module), ".py")
	}
	s.target(st, exe, first, "flask --app "+app, module, attr)
}

// fastapi: https://fastapi.tiangolo.com/fastapi-cli/
func fastapi(s *state, st *start, exe string, args []string) {
	if len(args) == 0 || args[0] != "run" && args[0] != "dev" {
		return
	}
	for _, a := range args[1:] {
		if strings.HasSuffix(a, ".py") {
			file := whittle.Join(st.dir, a)
			s.target(st, exe, path.Dir(file), "fastapi run "+a, strings.TrimSuffix(path.Base(file), ".py"), "")
			return
		}
	}
	for _, name := range []string{"main", "app", "api"} {
		if _, _, there := s.stat(whittle.Join(st.dir, name+".py")); there {
			s.target(st, exe, st.dir, "fastapi run", name, "")
			return
		}
	}
}
