package check

import (
	"path"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/python/imports"
	"whittle.dev/whittle/internal/python/source"
	"whittle.dev/whittle/internal/shell"
)

// runner follows what a Python program imports by the names on its command
// line, or starts.
type runner func(s *state, st *start, executable string, args []string)

// runners are by the name of their console script or module.
func runners() map[string]runner {
	return map[string]runner{
		"gunicorn": gunicorn, "gunicorn.app.wsgiapp": gunicorn,
		"uvicorn": uvicorn, "hypercorn": asgi, "daphne": asgi, "granian": asgi, "waitress-serve": asgi, "waitress": asgi,
		"celery": celery, "streamlit": streamlit, "flask": flask, "fastapi": fastapi,
		"django-admin": djangoAdmin, "django": djangoAdmin,

		"arq": arq, "dramatiq": dramatiq, "huey_consumer": huey, "huey.bin.huey_consumer": huey,
		"litestar": litestar, "taskiq": taskiq, "procrastinate": byApp("PROCRASTINATE_APP"), "faust": byApp("FAUST_APP"),
		"functions-framework": functionsFramework, "functions_framework": functionsFramework, "awslambdaric": lambda, "alembic": alembic,
		"rq": opaque, "rqworker": opaque, "dagster": opaque, "dagster-webserver": opaque, "dagster-daemon": opaque, "prefect": opaque, "airflow": opaque,
		"jupyter": opaque, "mlflow": opaque, "luigi": opaque, "luigid": opaque, "scrapy": opaque, "pserve": opaque, "twistd": opaque,
		"twist": opaque, "bentoml": opaque, "ray": opaque, "serve": opaque, "mod_wsgi-express": opaque, "sanic": opaque, "quart": opaque, "locust": opaque,
		"chainlit": opaque, "gradio": opaque, "panel": opaque, "bokeh": opaque, "solara": opaque, "voila": opaque, "marimo": opaque, "shiny": opaque,
		"reflex": opaque, "nodeenv": opaque, "fab": opaque, "invoke": opaque, "inv": opaque, "nox": opaque, "tox": opaque, "snakemake": opaque,
		"kedro": opaque, "dbt": opaque, "papermill": opaque, "robot": opaque, "behave": opaque, "ansible-playbook": opaque, "salt-minion": opaque,
		"vllm": opaque, "torchrun": opaque, "accelerate": opaque, "deepspeed": opaque, "mpirun": opaque, "dask": opaque, "dask-worker": opaque,
		"trame": opaque, "hupper": opaque, "jurigged": opaque, "pex": opaque, "shiv": opaque, "runpy": modules,

		"debugpy": debugger, "coverage": coverage, "cProfile": profiler("-o", "-s"), "profile": profiler("-o", "-s"), "pdb": profiler("-c"), "trace": opaque,
		"scalene": scalene, "memray": memray, "viztracer": opaque, "pyinstrument": profiler("-o", "-r", "-t", "-i"), "kernprof": opaque, "austin": opaque,
		"watchfiles": watchfiles, "watchmedo": launched, "ddtrace-run": launched, "ddtrace.commands.ddtrace_run": launched, "opentelemetry-instrument": launched,
		"newrelic-admin": launched, "dotenv": launched, "honcho": launched, "supervisord": launched, "circusd": launched,
	}
}

// runner follows what servers and frameworks import by the names on their
// command line. Of a program that is not known, code that its arguments name
// is a doubt.
func (s *state) runner(st *start, executable, program string, args []string) {
	if r, ok := runners()[program]; ok {
		r(s, st, executable, args)
		return
	}
	if program != "manage" && (startsAnother(s, st) || program != "" && namesCode(s, st, args) && !s.ownStart(st)) {
		st.notFollowed(path.Base(st.argv[0]))
	}
}

// ownStart says that what runs first is the application's own.
func (s *state) ownStart(st *start) bool {
	if len(st.python.roots) == 0 || st.python.roots[0].node == nil {
		return false
	}
	file := st.python.roots[0].node.File
	return s.owners.ownFile(file, st.python.finder) && !s.owners.isScript(file)
}

// namesCode says that an argument names a module or a Python file.
func namesCode(s *state, st *start, args []string) bool {
	for i, a := range args {
		switch {
		case a == "-A" || a == "--app" || a == "--module" || a == "--factory":
			return true
		case strings.HasPrefix(a, "-"):
		case appSpec.MatchString(a):
			return true
		case strings.HasSuffix(a, ".py"):
			return true
		case dottedName.MatchString(a) && (i == 0 || !strings.HasPrefix(args[i-1], "-")):
			top := whittle.Join(st.dir, source.Top(a))
			_, _, file := s.files.stat(top + ".py")
			_, _, folder := s.files.stat(top + "/__init__.py")
			if file || folder {
				return true
			}
		}
	}
	return false
}

// opaque is a program that loads code in ways that are not followed. Its
// version and help show none.
func opaque(_ *state, st *start, _ string, args []string) {
	if len(args) == 1 && (args[0] == "--version" || args[0] == "--help" || args[0] == "version") {
		return
	}
	st.notFollowed(path.Base(st.argv[0]))
}

// launched is a program whose command line is read where it is started by its
// own name; as a module it is not.
func launched(_ *state, st *start, _ string, _ []string) {
	st.notFollowed(strings.TrimSuffix(path.Base(st.argv[0]), ".py"))
}

// beside is a start of the same process of which less is sure.
func (s *state) beside(st *start) *start {
	if st.how >= shell.Perhaps {
		return st
	}
	other := st.child(st.argv, shell.Perhaps)
	other.program = st.program
	other.python = &pythonStart{executable: st.python.executable, finder: st.python.finder}
	s.starts = append(s.starts, other)
	return other
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

// served follows the application that a program of the project gives to
// uvicorn.run by name.
func (s *state) served(st *start, executable string) {
	first := st.python.roots[len(st.python.roots)-1]
	if first.node == nil {
		return
	}
	for _, n := range imports.Walk(false, first.node).Nodes {
		if n.Source == nil || !s.owners.ownFile(n.File, first.im.Finder) {
			continue
		}
		for _, c := range n.Source.Calls {
			switch {
			case n != first.node && source.Hold(c.Conditions, first.im.Runtime) == source.No: // of a program, __name__ is "__main__"
			case c.Func == "uvicorn.run" && len(c.Args) > 0 && appSpec.MatchString(c.Args[0]):
				s.target(s.beside(st), executable, st.dir, "uvicorn.run "+c.Args[0], c.Args[0], "")
			}
		}
	}
}
