package start

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/python/imports"
	"whittle.dev/whittle/internal/python/source"
	"whittle.dev/whittle/internal/shell"
)

// celery: https://docs.celeryq.dev/en/stable/reference/cli.html
func celery(t *Trace, st *Process, exe string, args []string) {
	t.needs(st, exe, "celery.bin.celery", "celery.app.base")
	app, ok := option(args, "-A", "--app")
	if !ok {
		return
	}
	first := st.Dir
	if dir, ok := option(args, "--workdir"); ok {
		first = whittle.Join(st.Dir, dir)
	}
	module, attr, _ := strings.Cut(app, ":")
	if up, last, ok := source.CutLast(module); ok && attr == "" {
		// A dotted name may end with the application.
		if im := t.importer(st, exe, first); im != nil {
			if _, f := im.Import(module); f != nil {
				if _, f := im.Import(up); f == nil {
					module, attr = up, last
				}
			}
		}
	}
	before := len(st.Python.Roots)
	t.target(st, exe, first, "celery -A "+app, module, attr)
	defer func() {
		var nodes []*imports.Node
		for _, r := range st.Python.Roots[before:] {
			nodes = append(nodes, r.Node)
		}
		celeryImports(t, st, exe, first, nodes)
	}()
	if im := t.importer(st, exe, first); im != nil && attr == "" && source.IsDotted(module) {
		// Without an application in the package celery tries its module
		// "celery".
		if node, f := im.Import(module + ".celery"); f == nil && node != nil {
			st.Python.Roots = append(st.Python.Roots, Root{Importer: im, Node: node, What: "celery -A " + app})
		}
	}
}

// celeryImports are the modules that a worker imports besides its
// application: those of "include" and "imports".
// https://docs.celeryq.dev/en/stable/userguide/configuration.html#imports
func celeryImports(t *Trace, st *Process, exe, first string, nodes []*imports.Node) {
	im := t.importer(st, exe, first)
	for _, n := range nodes {
		if n == nil || n.Source == nil || im == nil {
			continue
		}
		for _, c := range n.Source.Calls {
			if c.Context != 0 || len(c.Conditions) > 0 {
				continue
			}
			switch {
			case c.Func == "Celery" || strings.HasSuffix(c.Func, ".Celery"), c.Func == "imports", c.Func == "include":
				for _, module := range c.Args {
					node, f := im.Import(module)
					st.Python.Roots = append(st.Python.Roots, Root{Importer: im, Node: node, Failure: f, What: "celery includes " + module, File: n.File, Line: c.Line})
				}
			case strings.HasSuffix(c.Func, ".config_from_object") && len(c.Args) == 1 && source.IsDotted(c.Args[0]):
				node, f := im.Import(c.Args[0])
				st.Python.Roots = append(st.Python.Roots, Root{Importer: im, Node: node, Failure: f, What: "celery is configured by " + c.Args[0], File: n.File, Line: c.Line})
				if node != nil {
					celeryImports(t, st, exe, first, []*imports.Node{node})
				}
			}
		}
	}
}

// attribute adds a dotted name whose last part is an attribute.
func (t *Trace) attribute(st *Process, exe, first, what, name string) {
	up, attr, ok := source.CutLast(name)
	if !ok || !source.IsDotted(name) {
		st.Doubt("what " + path.Base(st.argv[0]) + " runs is only known when it runs")
		return
	}
	t.target(st, exe, first, what+" "+name, up, attr)
}

// positional are the arguments that are no options; values are the options
// that take one.
func positional(args []string, values ...string) []string {
	var out []string
	for i := 0; i < len(args); i++ {
		switch a := args[i]; {
		case a == "--":
			return append(out, args[i+1:]...)
		case strings.HasPrefix(a, "-") && len(a) > 1:
			if slices.Contains(values, a) {
				i++
			}
		default:
			out = append(out, a)
		}
	}
	return out
}

// arq: https://arq-docs.helpmanual.io
func arq(t *Trace, st *Process, exe string, args []string) {
	if words := positional(args, "--watch", "--custom-log-dict"); len(words) > 0 {
		t.attribute(st, exe, st.Dir, "arq", words[0])
	}
}

// dramatiq: https://dramatiq.io/reference.html
func dramatiq(t *Trace, st *Process, exe string, args []string) {
	first := st.Dir
	if dir, ok := option(args, "--path", "-P"); ok {
		first = whittle.Join(st.Dir, dir)
	}
	words := positional(args, "-p", "--processes", "-t", "--threads", "--path", "-P", "--queues", "-Q", "--pid-file", "--log-file", "--worker-shutdown-timeout", "--fork-function", "-f", "--watch")
	for i, w := range words {
		module, attr, _ := strings.Cut(w, ":")
		if i > 0 {
			attr = ""
		}
		if !source.IsDotted(module) {
			st.notFollowed("dramatiq")
			continue
		}
		t.target(st, exe, first, "dramatiq "+w, module, attr)
	}
	if slices.Contains(args, "--use-spawn") || slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "--fork-function") || a == "-f" }) || len(words) == 0 {
		st.notFollowed("dramatiq")
	}
}

// huey: https://huey.readthedocs.io/en/latest/consumer.html
func huey(t *Trace, st *Process, exe string, args []string) {
	if words := positional(args, "-w", "--workers", "-k", "--worker-type", "-d", "--delay", "-m", "--max-delay", "-b", "--backoff", "-l", "--logfile", "-c", "-s"); len(words) > 0 {
		t.attribute(st, exe, st.Dir, "huey_consumer", words[0])
	}
}

// litestar: https://docs.litestar.dev/latest/usage/cli.html
func litestar(t *Trace, st *Process, exe string, args []string) {
	first := st.Dir
	if dir, ok := option(args, "--app-dir"); ok {
		first = whittle.Join(st.Dir, dir)
	}
	app, ok := optionOr(args, "--app", st.Env["LITESTAR_APP"])
	if !ok || !source.IsReference(app) {
		st.notFollowed("litestar")
		return
	}
	if hasWorkers(st, args) || slices.Contains(args, "--reload") || slices.Contains(args, "-r") {
		st.how = max(st.how, shell.Perhaps)
	}
	t.target(st, exe, first, "litestar --app "+app, app, "")
}

// taskiq: https://taskiq-python.github.io/guide/cli.html
func taskiq(t *Trace, st *Process, exe string, args []string) {
	if len(args) == 0 || args[0] != "worker" && args[0] != "scheduler" {
		st.notFollowed("taskiq")
		return
	}
	app, ok := spec(args, false)
	if !ok {
		st.notFollowed("taskiq")
		return
	}
	st.how = max(st.how, shell.Perhaps) // its manager starts workers again
	t.target(st, exe, st.Dir, "taskiq "+app, app, "")
	for i, a := range args[1:] {
		if source.IsDotted(a) && !strings.HasPrefix(args[i], "-") {
			t.target(st, exe, st.Dir, "taskiq "+a, a, "")
		}
	}
}

// byApp is a program whose application is an option, or a variable.
func byApp(variable string) runner {
	return func(t *Trace, st *Process, exe string, args []string) {
		app, ok := option(args, "--app", "-A", "-a")
		if !ok {
			app = st.Env[variable]
		}
		if !source.IsDotted(strings.Replace(app, ":", ".", 1)) {
			st.notFollowed(path.Base(st.argv[0]))
			return
		}
		st.how = max(st.how, shell.Perhaps)
		if module, attr, ok := strings.Cut(app, ":"); ok {
			t.target(st, exe, st.Dir, path.Base(st.argv[0])+" --app "+app, module, attr)
			return
		}
		if strings.Contains(app, ".") && variable != "FAUST_APP" {
			// procrastinate does not look in the working directory.
			t.attribute(st, exe, noFolder, path.Base(st.argv[0])+" --app", app)
			return
		}
		t.target(st, exe, st.Dir, path.Base(st.argv[0])+" --app "+app, app, "")
	}
}

// functionsFramework: https://cloud.google.com/functions/docs/functions-framework
func functionsFramework(t *Trace, st *Process, exe string, args []string) {
	file, ok := optionOr(args, "--source", st.Env["FUNCTION_SOURCE"])
	if !ok {
		file = "main.py"
	}
	t.program(st, exe, file, false)
}

// lambda imports the handler that its argument names, as the runtime of AWS
// Lambda does. https://docs.aws.amazon.com/lambda/latest/dg/python-handler.html
func lambda(t *Trace, st *Process, exe string, args []string) {
	if len(args) == 0 {
		args = []string{st.Env["_HANDLER"]}
	}
	if st.Env["AWS_LAMBDA_RUNTIME_API"] == "" {
		st.Doubt("the handler is called by AWS Lambda, which sets AWS_LAMBDA_RUNTIME_API")
	}
	first := st.Dir
	if root := st.Env["LAMBDA_TASK_ROOT"]; root != "" {
		first = whittle.Join("", root)
	}
	t.attribute(st, exe, first, "the handler", strings.ReplaceAll(args[0], "/", "."))
	st.how = max(st.how, shell.Perhaps)
}

// alembic runs the env.py of its script folder.
// https://alembic.sqlalchemy.org/en/latest/tutorial.html
func alembic(t *Trace, st *Process, exe string, args []string) {
	file, ok := option(args, "-c", "--config")
	if !ok {
		file = cmp.Or(st.Env["ALEMBIC_CONFIG"], "alembic.ini")
	}
	config := whittle.Join(st.Dir, file)
	_, text, ok := t.Files.text(config)
	words := positional(args, "-c", "--config", "-n", "--name", "-x", "--raiseerr")
	if !ok || len(words) > 0 && (words[0] == "history" || words[0] == "heads" || words[0] == "branches") {
		st.notFollowed("alembic")
		return
	}
	for _, sec := range sections(string(text)) {
		if sec.name != "alembic" {
			continue
		}
		location := strings.ReplaceAll(sec.values["script_location"], "%(here)s", "/"+path.Dir(config))
		prepend := sec.values["prepend_sys_path"]
		if location == "" || strings.Contains(location, "%(") || strings.Contains(location, ":") || strings.Contains(prepend, "%(") {
			break
		}
		// What it makes of the database is not known here.
		other := t.unsure(st)
		if prepend != "" {
			other.Env = clone(other.Env)
			other.Env["PYTHONPATH"] = strings.Trim("/"+whittle.Join(st.Dir, prepend)+":"+other.Env["PYTHONPATH"], ":")
		}
		t.program(other, exe, "/"+whittle.Join(st.Dir, location+"/env.py"), false)
		return
	}
	st.notFollowed("alembic")
}
