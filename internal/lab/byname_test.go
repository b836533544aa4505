package lab

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/imagetest"
)

// byName is an application that reaches one distribution, module, program or
// data file only by a name, when it runs. Its distribution is acme-kit, with
// the module acme.
type byName struct {
	how string
	// app are the application's files; main.py imports flask besides.
	app map[string]string
	// lib are further files in site-packages, points its entry_points.txt.
	lib    map[string]string
	points string
	cmd    []string
	env    []string
	// dist and module replace acme-kit and acme.
	dist, module string
	// keep is what must not go; empty is the distribution.
	keep string
	// with are further distributions with one module each, that the
	// application imports.
	with []string
}

func reachedByName() []byName {
	main := func(text string) map[string]string { return map[string]string{"main.py": "import flask\n" + text} }
	const script = "[console_scripts]\nakit = acme.cli:main\n"
	return []byName{
		{how: "subprocess, one string", app: main("import subprocess\nsubprocess.call('akit -b 0.0.0.0:8000 app:app', shell=True)\n"), points: script},
		{how: "subprocess, split", app: main("import shlex, subprocess\nsubprocess.call(shlex.split('akit -b :8000'))\n"), points: script},
		{how: "subprocess, a list", app: main("import subprocess\nsubprocess.Popen(['akit', '-b'])\n"), points: script},
		{how: "subprocess, python -m", app: main("import subprocess, sys\nsubprocess.run([sys.executable, '-m', 'acme'])\n")},
		{how: "os.execvp", app: main("import os\nos.execvp('akit', ['akit'])\n"), points: script},
		{how: "os.system", app: main("import os\nos.system('exec akit')\n"), points: script},
		{how: "shutil.which", app: main("import shutil\nprint(shutil.which('akit'))\n"), points: script},
		{how: "a program without an entry point", app: main("import subprocess\nsubprocess.run(['akit-tool'])\n"), lib: map[string]string{"../../../bin/akit-tool": "#!/bin/sh\n"}},
		{how: "a program in a constant", app: main("import subprocess\nTOOL = 'akit'\nsubprocess.run([TOOL])\n"), points: script},
		{how: "asyncio's subprocess", app: main("import asyncio\nasyncio.create_subprocess_exec('akit')\n"), points: script},

		{how: "settings of Django: middleware", app: map[string]string{"main.py": "import flask\n", "proj/settings.py": "MIDDLEWARE = ['acme.middleware.Kit']\n"}},
		{how: "settings of Django: an application", app: map[string]string{"main.py": "import flask\n", "proj/settings.py": "INSTALLED_APPS = ['acme']\n"}},
		{how: "settings of Django: a cache", app: map[string]string{"main.py": "import flask\n", "proj/settings.py": "CACHES = {'default': {'BACKEND': 'acme.cache.Kit'}}\n"}},
		{how: "settings in YAML", app: map[string]string{"main.py": "import flask\n", "logging.yaml": "handlers:\n  a:\n    class: acme.Handler\n"}},
		{how: "settings in JSON", app: map[string]string{"main.py": "import flask\n", "plugins.json": "{\"use\": [\"acme.plugin\"]}\n"}},
		{how: "settings in TOML", app: map[string]string{"main.py": "import flask\n", "settings.toml": "backend = \"acme.backend\"\n"}},
		{how: "settings in INI", app: map[string]string{"main.py": "import flask\n", "app.ini": "[app]\nuse = egg:acme-kit\n"}},
		{how: "a file of the environment", app: map[string]string{"main.py": "import flask\n", ".env": "BACKEND=acme.backend\n"}},
		{how: "the image's environment", app: main(""), env: []string{"BACKEND=acme.backend"}},
		{how: "a formatter by name", app: main("import logging.config\nlogging.config.dictConfig({'formatters': {'a': {'()': 'acme.Formatter'}}})\n")},

		{how: "importlib, literal in a function", app: main("import importlib\ndef f():\n    importlib.import_module('acme.plugin')\n")},
		{how: "importlib, a literal from elsewhere", app: main("import importlib\nPLUGINS = ['acme']\nfor p in PLUGINS: importlib.import_module(p)\n")},
		{how: "importlib, made at run time", app: main("import importlib, os\nimportlib.import_module('a' + 'c' + 'm' + 'e')\n")},
		{how: "importlib, from the environment", app: main("import importlib, os\nimportlib.import_module(os.environ['PLUGIN'])\n")},
		{how: "__import__", app: main("for m in ('ac' 'me',): __import__(m)\n__import__('acme')\n")},
		{how: "pkgutil and a prefix", app: main("import pkgutil, importlib\nfor m in pkgutil.iter_modules():\n    if m.name.startswith('ac'): importlib.import_module(m.name)\n")},
		{how: "entry points by their group", app: main("from importlib.metadata import entry_points\nfor e in entry_points(group='shop.payments'): e.load()\n"), points: "[shop.payments]\ncard = acme:Card\n"},
		{how: "entry points of a library in use", app: main(""), points: "[flask.commands]\nkit = acme:cli\n"},
		{how: "a plug-in in a library's package", app: main("import dbt\n"), dist: "dbt-acme", module: "dbt", lib: map[string]string{"dbt/adapters/acme/__init__.py": ""}, with: []string{"dbt"}},
		{how: "metadata of the distribution", app: main("from importlib.metadata import version\nprint(version('acme-kit'))\n")},

		{how: "a shell script", app: map[string]string{"main.py": "import flask\n", "entrypoint.sh": "#!/bin/sh\nexec akit serve\n"}, points: script, cmd: []string{"/bin/sh", "/app/entrypoint.sh"}},
		{how: "a script that nothing starts", app: map[string]string{"main.py": "import flask\n", "bin/cron": "#!/bin/sh\nakit clean\n"}, points: script},
		{how: "a Procfile", app: map[string]string{"main.py": "import flask\n", "Procfile": "web: akit serve\n"}, points: script},
		{how: "a process manager's configuration", app: map[string]string{"main.py": "import flask\n", "supervisord.conf": "[program:web]\ncommand=akit serve\n"}, points: script},
		{how: "the command", app: main(""), points: script, cmd: []string{"/bin/sh", "-c", "akit serve"}},
		{how: "compose", app: map[string]string{"main.py": "import flask\n", "compose.yaml": "services:\n  web:\n    command: akit serve\n"}, points: script},

		{how: "data by importlib.resources", app: main("from importlib.resources import files\nprint(files('acme').joinpath('data.csv').read_text())\n"), lib: map[string]string{"acme/data.csv": "1\n"}},
		{how: "data in a folder of tests", app: main("import acme\nopen('/usr/local/lib/python3.13/site-packages/acme/tests/sample.csv')\n"), lib: map[string]string{"acme/tests/sample.csv": strings.Repeat("1,2\n", 60_000)}, keep: "acme/tests/sample.csv"},
		{how: "data in a folder of tests, a path of parts", app: main("import acme, os\nopen(os.path.join(os.path.dirname(acme.__file__), 'tests', 'sample.csv'))\n"), lib: map[string]string{"acme/tests/sample.csv": strings.Repeat("1,2\n", 60_000)}, keep: "acme/tests"},
		{how: "tests of the package's own name", app: main("import acme\nflask.load(acme.__name__ + '.tests.tools')\n"), lib: map[string]string{"acme/tests/tools.py": strings.Repeat("x = 1\n", 40_000)}, keep: "acme/tests"},
		{how: "tests imported by a string", app: main("import acme, importlib\nimportlib.import_module('acme.tests.tools')\n"), lib: map[string]string{"acme/tests/tools.py": strings.Repeat("x = 1\n", 40_000)}, keep: "acme/tests/tools.py"},
		{how: "a driver in a database's address", app: main("import sqlalchemy\nURL = 'postgresql+acme://h/d'\nsqlalchemy.create_engine(URL)\n"), with: []string{"sqlalchemy"}},
		{how: "a codec", app: main("'x'.encode('acme')\n"), lib: map[string]string{"acme/codec.py": ""}},
		{how: "a template's tags", app: map[string]string{"main.py": "import flask\n", "templates/a.html": "{% load acme %}\n"}},
		{how: "the name in an f-string", app: main("import importlib\ndef f(n):\n    importlib.import_module(f'acme.{n}')\n")},
		{how: "a model by its name", app: main("import spacy\nspacy.load('en_core_web_sm')\n"), dist: "en-core-web-sm", module: "en_core_web_sm", with: []string{"spacy"}},
		{how: "an engine that pandas loads", app: main("import pandas\npandas.read_excel('x.xlsx')\n"), dist: "openpyxl", module: "openpyxl", with: []string{"pandas"}},

		{how: "settings in pyproject.toml", app: map[string]string{"main.py": "import flask\n", "pyproject.toml": "[tool.shop]\nbackend = \"acme.backend\"\n"}},
		{how: "settings in setup.cfg", app: map[string]string{"main.py": "import flask\n", "setup.cfg": "[shop]\nbackend = acme.backend\n"}},
		{how: "settings in a text", app: map[string]string{"main.py": "import flask\n", "plugins.txt": "acme.plugin\n"}},
		{how: "settings in a table", app: map[string]string{"main.py": "import flask\n", "plugins.csv": "card,acme.Card\n"}},
		{how: "settings in a hidden folder", app: map[string]string{"main.py": "import flask\n", ".shop/backend": "acme.Kit"}},
		{how: "settings in a folder env", app: map[string]string{"main.py": "import flask\n", "env/live.py": "BACKEND = 'acme.Kit'\n"}},
		{how: "tasks of a queue", app: map[string]string{"main.py": "import flask\n", "tasks.py": "KIT = 'acme.Kit'\n"}},
		{how: "pickled objects", app: map[string]string{"main.py": "import flask\n", "model.pkl": "\x80\x04\x8c\x04acme\x8c\x03Kit\x93)R."}},
		{how: "pickled objects that are compressed", app: map[string]string{"main.py": "import flask\n", "model.joblib": "\x78\x9cKLN\xcd\x05"}},
		{how: "a template of any name", app: map[string]string{"main.py": "import flask\n", "pages/a.tmpl": "{% import 'acme/forms' %}\n"}},
		{how: "a table of cron's", app: map[string]string{"main.py": "import flask\n", "etc/crontab": "5 4 * * * root akit clean\n"}, points: script},
		{how: "the debugger that the environment names", app: main(""), env: []string{"PYTHONBREAKPOINT=acme.debug"}},
		{how: "a program's name made of parts", app: main("import subprocess\nsubprocess.run(['a' + 'kit'])\n"), points: script},
		{how: "a library's function, a name made of parts", app: main("flask.load('.'.join(['acme', 'backend']))\n")},
		{how: "exec, a name made of parts", app: main("exec('import ' + 'ac' + 'me')\n")},
		{how: "__import__, of a variable", app: main("def f(n):\n    return __import__(n)\n")},
		{how: "a library's import_string, of a variable", app: main("from flask.utils import import_string\ndef f(n):\n    return import_string(n)\n")},
		{how: "entry points, a group made at run time", app: main("from importlib.metadata import entry_points\ndef f(n):\n    return entry_points(group='shop.' + n)\n"), points: "[shop.payments]\ncard = acme:Card\n"},
		{how: "entry points that the project offers", app: map[string]string{"main.py": "import flask\n", "pyproject.toml": "[project]\nname = \"shop\"\nversion = \"1\"\n[project.entry-points.\"shop.pay\"]\ncard = \"acme:Card\"\n"}},
	}
}

// TestReachedByName: what an application reaches only by a name, when it runs,
// is in no fix that a proof would make: running its starts for a while would
// not show that it is gone.
func TestReachedByName(t *testing.T) {
	all := reachedByName()
	if len(all) < 60 {
		t.Fatalf("%d cases", len(all))
	}
	for i, c := range all {
		if testing.Short() && i%8 != 0 {
			continue // with the race detector each takes a second
		}
		t.Run(c.how, func(t *testing.T) {
			keep := c.keep
			if keep == "" {
				keep = cmp.Or(c.dist, "acme-kit")
			}
			for _, f := range c.findings(t) {
				if f.Fix == nil || !f.Risk.AtMost(whittle.RiskMedium) || f.Breaks {
					continue
				}
				said := f.Message
				for _, e := range f.Evidence {
					said += "\n" + e.What + " " + e.Path
				}
				if strings.Contains(said, keep) {
					t.Errorf("%s, risk %s: %s", f.Rule, f.Risk, said)
				}
			}
		})
	}
}

// TestNotReachedByName: the same distribution that nothing names is unused.
func TestNotReachedByName(t *testing.T) {
	c := byName{app: map[string]string{"main.py": "import flask\n# acme is gone\n"}, points: "[console_scripts]\nakit = acme.cli:main\n"}
	for _, f := range c.findings(t) {
		if f.Rule == "unused-dependency" && f.Fix != nil && f.Risk.AtMost(whittle.RiskMedium) {
			return
		}
	}
	t.Error("acme-kit is not called unused")
}

// findings asks all rules about the application's image.
func (c *byName) findings(t *testing.T) []whittle.Finding {
	t.Helper()
	dist, module := cmp.Or(c.dist, "acme-kit"), cmp.Or(c.module, "acme")
	files := map[string]string{"requirements.txt": "flask\n" + dist + "\n" + strings.Join(c.with, "\n") + "\n",
		"Dockerfile": "FROM python:3.13-slim\nWORKDIR /app\nRUN pip install --no-compile -r requirements.txt\nCOPY . .\n"}
	for name, text := range c.app {
		files[name] = text
	}
	dir, app := layProject(t, files)
	base := fmt.Sprintf("f usr/local/bin/python3.13 %s mode=0755\nf bin/sh %s mode=0755\nf usr/local/lib/python3.13/os.py \"\"\nf usr/local/lib/python3.13/site.py \"\"\n",
		strconv.Quote(interpreter()), strconv.Quote(interpreter()))
	packages := wheelFiles("flask", "flask", nil, "")
	for _, name := range c.with {
		packages += wheelFiles(name, name, nil, "")
	}
	lib := map[string]string{module + "/large.py": strings.Repeat("x = 1\n", 60_000)}
	if c.dist == "dbt-acme" {
		lib = map[string]string{"dbt/adapters/acme/large.py": strings.Repeat("x = 1\n", 60_000)}
	}
	for name, text := range c.lib {
		lib[name] = text
	}
	packages += wheelFiles(dist, module, lib, c.points)
	img := imagetest.New(t, imagetest.Plain, base, packages, app)
	img.Conf.Architecture, img.Conf.OS = "amd64", "linux"
	img.Conf.Config = whittle.Process{WorkingDir: "/app", Cmd: c.cmd, Env: append([]string{"PATH=/usr/local/bin:/bin"}, c.env...)}
	if c.cmd == nil {
		img.Conf.Config.Cmd = []string{"/usr/local/bin/python3.13", "main.py"}
	}
	img.Conf.History = []whittle.History{{CreatedBy: "a base"}, {CreatedBy: "RUN /bin/sh -c pip install --no-compile -r requirements.txt # buildkit", Comment: "buildkit.dockerfile.v0"},
		{CreatedBy: "COPY . . # buildkit", Comment: "buildkit.dockerfile.v0"}}
	source := []byte(files["Dockerfile"])
	o := audit.AdviseOptions{InspectOptions: audit.InspectOptions{Dockerfile: "Dockerfile", Source: source}, Project: dir}
	a, err := audit.Advise(t.Context(), &host.Env{Images: oneImage{img}}, "image", o)
	if err != nil {
		t.Fatal(err)
	}
	return a.Findings
}

// wheelFiles are a distribution's files as pip installs them.
func wheelFiles(dist, module string, files map[string]string, points string) string {
	const site = "usr/local/lib/python3.13/site-packages/"
	info := strings.ReplaceAll(dist, "-", "_") + "-1.0.dist-info/"
	all := map[string]string{info + "METADATA": "Metadata-Version: 2.1\nName: " + dist + "\nVersion: 1.0\n"}
	if dist != "dbt-acme" { // which has no package of its own
		all[module+"/__init__.py"] = ""
	}
	if points != "" {
		all[info+"entry_points.txt"] = points
	}
	for name, text := range files {
		all[name] = text
	}
	record := info + "RECORD,,\n"
	var b strings.Builder
	for name, text := range all {
		record += name + ",,\n"
		fmt.Fprintf(&b, "f %s %s\n", strconv.Quote(filepath.Join(site, name)), strconv.Quote(text))
	}
	fmt.Fprintf(&b, "f %s %s\n", strconv.Quote(site+info+"RECORD"), strconv.Quote(record))
	return b.String()
}
