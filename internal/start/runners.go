package start

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
type runner func(t *Trace, st *Process, executable string, args []string)

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
func (t *Trace) runner(st *Process, executable, program string, args []string) {
	if r, ok := runners()[program]; ok {
		r(t, st, executable, args)
		return
	}
	if program != "manage" && (startsAnother(t, st) || program != "" && namesCode(t, st, args) && !t.ownStart(st)) {
		st.notFollowed(path.Base(st.argv[0]))
	}
}

// ownStart says that what runs first is the application's own.
func (t *Trace) ownStart(st *Process) bool {
	if len(st.Python.Roots) == 0 || st.Python.Roots[0].Node == nil {
		return false
	}
	file := st.Python.Roots[0].Node.File
	return t.Owners.OwnFile(file, st.Python.Finder) && !t.Owners.IsScript(file)
}

// namesCode says that an argument names a module or a Python file.
func namesCode(t *Trace, st *Process, args []string) bool {
	for i, a := range args {
		switch {
		case a == "-A" || a == "--app" || a == "--module" || a == "--factory":
			return true
		case strings.HasPrefix(a, "-"):
		case source.IsReference(a):
			return true
		case strings.HasSuffix(a, ".py"):
			return true
		case source.IsDotted(a) && (i == 0 || !strings.HasPrefix(args[i-1], "-")):
			top := whittle.Join(st.Dir, source.Top(a))
			_, _, file := t.Files.Stat(top + ".py")
			_, _, folder := t.Files.Stat(top + "/__init__.py")
			if file || folder {
				return true
			}
		}
	}
	return false
}

// opaque is a program that loads code in ways that are not followed. Its
// version and help show none.
func opaque(_ *Trace, st *Process, _ string, args []string) {
	if len(args) == 1 && (args[0] == "--version" || args[0] == "--help" || args[0] == "version") {
		return
	}
	st.notFollowed(path.Base(st.argv[0]))
}

// launched is a program whose command line is read where it is started by its
// own name; as a module it is not.
func launched(_ *Trace, st *Process, _ string, _ []string) {
	st.notFollowed(strings.TrimSuffix(path.Base(st.argv[0]), ".py"))
}

// unsure is a copy of a process, for what it may import or not: whether the image
// needs that is not certain.
func (t *Trace) unsure(st *Process) *Process {
	if st.how >= shell.Perhaps {
		return st
	}
	other := st.child(st.argv, shell.Perhaps)
	other.Program = st.Program
	other.Python = &Python{Executable: st.Python.Executable, Finder: st.Python.Finder}
	t.Processes = append(t.Processes, other)
	return other
}

// needs adds modules that a program imports in functions that it always runs.
// Those that its version does not have are skipped.
func (t *Trace) needs(st *Process, executable string, modules ...string) {
	im := t.importer(st, executable, st.Dir)
	if im == nil {
		return
	}
	for _, m := range modules {
		if node, f := im.Import(m); node != nil && f == nil {
			st.Python.Roots = append(st.Python.Roots, Root{Importer: im, Node: node})
		}
	}
}

// served follows the application that a program of the project gives to
// uvicorn.run by name.
func (t *Trace) served(st *Process, executable string) {
	first := st.Python.Roots[len(st.Python.Roots)-1]
	if first.Node == nil {
		return
	}
	for _, n := range imports.Walk(false, first.Node).Nodes {
		if n.Source == nil || !t.Owners.OwnFile(n.File, first.Importer.Finder) {
			continue
		}
		for _, c := range n.Source.Calls {
			switch {
			case n != first.Node && source.Hold(c.Conditions, first.Importer.Runtime) == source.No: // of a program, __name__ is "__main__"
			case c.Func == "uvicorn.run" && len(c.Args) > 0 && source.IsReference(c.Args[0]):
				t.target(t.unsure(st), executable, st.Dir, "uvicorn.run "+c.Args[0], c.Args[0], "")
			}
		}
	}
}
