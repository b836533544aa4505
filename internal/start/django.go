package start

import (
	"slices"
	"strings"

	"whittle.dev/whittle/internal/python/imports"
	"whittle.dev/whittle/internal/python/source"
)

// djangoAdmin is django-admin, or python -m django.
func djangoAdmin(t *Trace, st *Process, exe string, args []string) {
	t.django(st, exe, st.Dir, append([]string{}, args...))
}

// django follows what Django imports by name when it is set up: the settings
// module, the installed applications with their models, the database's backend
// and, for a server, the middleware. args are those of a management command,
// nil for an application that a server loads.
// https://docs.djangoproject.com/en/stable/ref/applications/#how-applications-are-loaded
func (t *Trace) django(st *Process, executable, first string, args []string) {
	settings := t.djangoSettings(st)
	im := t.importer(st, executable, first)
	if settings == "" || im == nil || !source.IsDotted(settings) {
		return
	}
	node, f := im.Import(settings)
	st.Python.Roots = append(st.Python.Roots, Root{Importer: im, Node: node, Failure: f, What: "DJANGO_SETTINGS_MODULE " + settings})
	d := djangoSetup{Importer: im, seen: map[*imports.Node]bool{}}
	d.settings(node)
	models := false
	for _, v := range d.values("INSTALLED_APPS") {
		app := d.application(v)
		st.Python.Roots = append(st.Python.Roots, app)
		if app.Node == nil {
			continue
		}
		d.ready(t.unsure(st), app.Node)
		if n, _ := im.Import(app.Node.Name + ".models"); n != nil && n.Found != imports.Missing {
			models = true
			st.Python.Roots = append(st.Python.Roots, Root{Importer: im, Node: n})
		}
	}
	if models { // whose tables are named by the backend's rules
		for _, v := range d.values("DATABASES") {
			st.Python.Roots = append(st.Python.Roots, d.module(v, v.Args[0]+".base"))
		}
	}
	d.follow(t, st, args)
}

// follow is what Django imports for a management command, or for a server.
func (d *djangoSetup) follow(t *Trace, st *Process, args []string) {
	command := ""
	if len(args) > 0 {
		command = args[0]
		d.command(st, command)
	}
	if args == nil {
		d.objects(st, "MIDDLEWARE")
	}
	switch {
	case command == "check", command == "migrate":
		d.urls(st)
	case command == "runserver":
		// With its reloader the process stays when the server fails.
		if !slices.Contains(args, "--noreload") {
			st = t.unsure(st)
		}
		d.urls(st)
		d.objects(st, "MIDDLEWARE")
		d.objects(st, "WSGI_APPLICATION")
	case command != "help" && command != "version" && command != "--version" && command != "collectstatic":
		// Imported for the first request, or by the checks of a command.
		d.urls(t.unsure(st))
	}
}

// command adds the module of a management command: the first installed
// application has it, or Django itself. A command that none is known to have may
// be made in another way.
// https://docs.djangoproject.com/en/stable/howto/custom-management-commands/
func (d *djangoSetup) command(st *Process, name string) {
	if !source.IsIdentifier(name) {
		return
	}
	for _, v := range d.values("INSTALLED_APPS") {
		for app := v.Args[0]; app != ""; app, _, _ = source.CutLast(app) {
			module := app + ".management.commands." + name
			node, f := d.Importer.Import(module)
			if node == nil || node.Found == imports.Missing {
				continue
			}
			st.Python.Roots = append(st.Python.Roots, Root{Importer: d.Importer, Node: node, Failure: f, What: "the command " + name})
			return
		}
	}
}

// ready adds what the configuration of an application imports when it is ready;
// whether its function gets there is not known.
func (d *djangoSetup) ready(st *Process, app *imports.Node) {
	for _, name := range []string{app.Name, app.Name + ".apps"} {
		n, _ := d.Importer.Import(name)
		if n == nil || n.Source == nil || n.Found == imports.Missing {
			continue
		}
		for i := range n.Source.Imports {
			imp := &n.Source.Imports[i]
			if imp.In != "ready" || imp.Context != source.Lazy || len(imp.Conditions)+len(imp.Tries) > 0 {
				continue
			}
			nodes, failures := d.Importer.Resolve(n, imp)
			r := Root{Importer: d.Importer, File: n.File, Line: imp.Line, What: "ready() imports " + imp.Module}
			switch {
			case len(failures) > 0:
				r.Failure = &failures[0]
			case len(nodes) > 0:
				r.Node = nodes[len(nodes)-1]
			default:
				continue
			}
			st.Python.Roots = append(st.Python.Roots, r)
		}
	}
}

// maxURLs bounds how many modules of routes are followed.
const maxURLs = 1000

// urls adds the module of routes that ROOT_URLCONF names, and those that it
// includes by their names in turn.
// https://docs.djangoproject.com/en/stable/ref/urls/#include
func (d *djangoSetup) urls(st *Process) {
	var queue []Root
	for _, v := range d.last("ROOT_URLCONF") {
		queue = append(queue, d.module(v, v.Args[0]))
	}
	seen := map[*imports.Node]bool{}
	for len(queue) > 0 && len(seen) < maxURLs {
		r := queue[0]
		queue = queue[1:]
		st.Python.Roots = append(st.Python.Roots, r)
		if r.Node == nil || r.Node.Source == nil || seen[r.Node] {
			continue
		}
		seen[r.Node] = true
		for _, c := range r.Node.Source.Calls {
			if (c.Func == "include" || strings.HasSuffix(c.Func, ".include")) && len(c.Args) > 0 && c.Context == 0 && len(c.Conditions) == 0 {
				queue = append(queue, d.module(setting{c, r.Node.File}, c.Args[0]))
			}
		}
	}
}

// objects adds classes and functions that a setting has by their dotted names.
func (d *djangoSetup) objects(st *Process, name string) {
	for _, v := range d.last(name) {
		st.Python.Roots = append(st.Python.Roots, d.object(v))
	}
}

// last are the values of a setting; one that is a single name counts as it is
// set last.
func (d *djangoSetup) last(name string) []setting {
	all := d.values(name)
	if len(all) > 1 && name != "MIDDLEWARE" {
		return all[len(all)-1:]
	}
	return all
}

// djangoSettings is the name of the settings module: the environment's, or
// what a module on the way sets where there is none.
func (t *Trace) djangoSettings(st *Process) string {
	if name := st.Env["DJANGO_SETTINGS_MODULE"]; name != "" {
		return name
	}
	for _, r := range st.Python.Roots {
		if r.Node == nil || r.Node.Source == nil {
			continue
		}
		for _, c := range r.Node.Source.Calls {
			if strings.HasSuffix(c.Func, "environ.setdefault") && len(c.Args) == 2 {
				if c.Args[1] == "" {
					st.Doubt("the name of Django's settings is only known when it runs")
				}
				return c.Args[1]
			}
		}
	}
	return ""
}

// setsUpDjango says whether a program calls django.setup().
func setsUpDjango(src *source.Facts) bool {
	return slices.ContainsFunc(src.Imports, func(i source.Import) bool { return i.Module == "django" && i.Level == 0 && i.Names == nil }) &&
		slices.ContainsFunc(src.Effects, func(e source.Effect) bool { return e.Kind == source.CallName && e.Name == "setup" && e.In == "" })
}

// setting is a value of a setting, and the module that has it.
type setting struct {
	source.Call
	file string
}

// djangoSetup reads settings modules.
type djangoSetup struct {
	Importer *imports.Importer
	seen     map[*imports.Node]bool
	all      []setting
}

// settings collects the values of a settings module and of those that it takes
// everything from. Values that depend on something are skipped.
func (d *djangoSetup) settings(n *imports.Node) {
	if n == nil || n.Source == nil || d.seen[n] {
		return
	}
	d.seen[n] = true
	for i := range n.Source.Imports {
		imp := &n.Source.Imports[i]
		if slices.Contains(imp.Names, "*") && len(imp.Conditions) == 0 && imp.Context == 0 {
			nodes, _ := d.Importer.Resolve(n, imp)
			if len(nodes) > 0 {
				d.settings(nodes[len(nodes)-1])
			}
		}
	}
	for _, c := range n.Source.Calls {
		if len(c.Conditions) == 0 && c.Context == 0 && len(c.Args) == 1 && source.IsDotted(c.Args[0]) {
			d.all = append(d.all, setting{c, n.File})
		}
	}
}

func (d *djangoSetup) values(name string) []setting {
	return slices.DeleteFunc(slices.Clone(d.all), func(v setting) bool { return v.Func != name })
}

// module imports a module that a setting names.
func (d *djangoSetup) module(v setting, name string) Root {
	node, f := d.Importer.Import(name)
	return Root{Importer: d.Importer, Node: node, Failure: f, File: v.file, Line: v.Line, What: v.Func + " " + v.Args[0]}
}

// application is an entry of INSTALLED_APPS: a package, or the dotted name of
// its configuration class.
func (d *djangoSetup) application(v setting) Root {
	r := d.module(v, v.Args[0])
	if r.Failure == nil {
		return r
	}
	_, class, ok := source.CutLast(v.Args[0])
	if !ok || class == "" || class[0] < 'A' || class[0] > 'Z' {
		return r
	}
	return d.object(v)
}

// object is a class by its dotted name.
func (d *djangoSetup) object(v setting) Root {
	up, class, _ := source.CutLast(v.Args[0])
	r := d.module(v, up)
	r.Attr = class
	return r
}
