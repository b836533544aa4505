package lab

import (
	"cmp"
	"slices"
	"strings"
)

// reaching is an application that reaches something only by a name.
type reaching struct {
	how string
	// few says that CI tries it.
	few bool
	// use is what main.py does to reach it, imports what it imports for that.
	use, imports string
	// app are further files of the project, lib of acme-kit ("!" before the
	// text makes it large), points its entry points.
	app, lib map[string]string
	points   string
	// real are distributions of the package index; alone says that the project
	// does without acme-kit.
	real  []string
	alone bool
	// base is the base image, system lines of the Dockerfile before the
	// installation, lines and start those after it.
	base, system, lines, start string
	// reach is the command that reaches, where it is not main.py's; what it
	// prints has show in it.
	reach []string
	show  string
	// keep are the files that it reaches; empty is acme's first.
	keep []string
	// dark says that nothing can be called unused, as names are made when it
	// runs.
	dark bool

	number int
}

func (a *reaching) shows() string { return cmp.Or(a.show, "acme") }

// script are the entry points of a program.
const script = "[console_scripts]\nakit = acme:ran\n"

// locate are statements that import what a name says, without importlib.
const locate = "import pydoc"

func words(s string) []string { return strings.Fields(s) }

func reachings() []reaching {
	return slices.Concat(byData(), byStrings(), byLibraries(), byPrograms())
}

// byPrograms reach a program.
func byPrograms() []reaching {
	cron := map[string]string{"bin/cron": "#!/bin/sh\nakit clean\n"}
	return []reaching{
		{how: "subprocess, one string", few: true, imports: "import subprocess", use: "subprocess.run('akit -b :8000', shell=True, check=True)", points: script},
		{how: "subprocess, split", imports: "import shlex\nimport subprocess", use: "subprocess.run(shlex.split('akit -b :8000'), check=True)", points: script},
		{how: "subprocess, a list", imports: "import subprocess", use: "subprocess.Popen(['akit', '-b']).wait()", points: script},
		{how: "subprocess, python -m", imports: "import subprocess", use: "subprocess.run([sys.executable, '-m', 'acme'], check=True)"},
		{how: "subprocess, a name made of parts", imports: "import subprocess", use: "subprocess.run(['a' + 'kit'], check=True)", points: script},
		{how: "os.execvp", imports: "import os", use: "os.execvp('akit', ['akit'])", points: script},
		{how: "os.system", imports: "import os", use: "os.system('exec akit')", points: script},
		{how: "shutil.which", imports: "import shutil\nimport subprocess", use: "subprocess.run([shutil.which('akit')], check=True)", points: script, dark: true},
		{how: "a program without an entry point", imports: "import subprocess", use: "subprocess.run(['akit-tool'], check=True)", lib: map[string]string{"DATA/scripts/akit-tool": "#!python\nprint('acme tool')\n"},
			keep: []string{"/usr/local/bin/akit-tool"}},
		{how: "a program in a constant", imports: "import subprocess\n\nTOOL = 'akit'", use: "subprocess.run([TOOL], check=True)", points: script},
		{how: "asyncio's subprocess", imports: "import asyncio", use: "async def go():\n    await (await asyncio.create_subprocess_exec('akit')).wait()\n\nasyncio.run(go())", points: script},
		{how: "a shell script that starts", points: script, app: map[string]string{"entrypoint.sh": "#!/bin/sh\nset -e\npython ready.py\nakit warm\nexec \"$@\"\n"},
			start: "ENTRYPOINT [\"sh\", \"entrypoint.sh\"]\nCMD [\"python\", \"main.py\"]", reach: words("sh entrypoint.sh true")},
		{how: "a script that nothing starts", points: script, app: cron, reach: words("sh bin/cron")},
		{how: "a table of cron's", points: script, app: map[string]string{"etc/crontab": "5 4 * * * root akit clean\n"}, reach: []string{"sh", "-c", "$(cut -d' ' -f7- etc/crontab)"}},
		{how: "a Procfile", points: script, app: map[string]string{"Procfile": "web: python main.py\nworker: akit serve\n"}, reach: []string{"sh", "-c", "$(sed -n 's/^worker: //p' Procfile)"}},
		{how: "a process manager's configuration", points: script, real: []string{"supervisor==4.2.5", "setuptools==75.8.0"},
			app:   map[string]string{"supervisord.conf": "[supervisord]\nnodaemon=true\nuser=root\n[program:web]\ncommand=python main.py\n[program:kit]\ncommand=akit serve\nautostart=false\n"},
			start: `CMD ["sh", "-c", "python ready.py && exec supervisord -c supervisord.conf"]`, reach: []string{"sh", "-c", "$(sed -n 's/^command=akit/akit/p' supervisord.conf)"}},
		{how: "the command", points: script, start: `CMD ["sh", "-c", "python ready.py && akit warm && exec python main.py"]`, reach: words("akit warm")},
		{how: "the health check", points: script, lines: "HEALTHCHECK CMD [\"akit\", \"ping\"]\n", reach: words("akit ping")},
		{how: "compose", points: script, app: map[string]string{"compose.yaml": "services:\n  worker:\n    build: .\n    command: akit serve\n"}, reach: words("akit serve")},
		{how: "gunicorn, started by the start", alone: true, real: []string{"gunicorn==23.0.0"},
			app: map[string]string{"wsgi.py": "import ready\nimport basekit\n\n\ndef app(environ, start):\n    start('200 OK', [])\n    return [basekit.NAME.encode()]\n",
				"start.py": "import subprocess\nimport sys\n\nsys.exit(subprocess.call('gunicorn -b 0.0.0.0:8000 wsgi:app', shell=True))\n"},
			start: `CMD ["python", "start.py"]`, reach: words("gunicorn --version"), show: "gunicorn", keep: []string{site + "gunicorn/app/wsgiapp.py"}},
		{how: "certifi, by python -m in a script", alone: true, real: []string{"certifi==2024.12.14"}, app: map[string]string{"bin/bundle.sh": "#!/bin/sh\nexport SSL_CERT_FILE=$(python -m certifi)\necho $SSL_CERT_FILE\n"},
			reach: words("sh bin/bundle.sh"), show: "certifi", keep: []string{site + "certifi/cacert.pem"}},
	}
}

// byStrings reach a module or an attribute of one.
func byStrings() []reaching {
	handler := map[string]string{"acme/log.py": "import logging\n\nfrom acme import Kit\n\n\nclass Handler(logging.StreamHandler):\n    pass\n\n\nclass Formatter(logging.Formatter):\n    def __init__(self, *args, **kwargs):\n        super().__init__()\n        Kit()\n"}
	backend := map[string]string{"acme/backend.py": "from acme import Kit\n"}
	const fromFile = "\n\ndef load(name):\n    return pydoc.locate(name)()\n"
	return []reaching{
		{how: "importlib, a literal in a function", few: true, imports: "import importlib", use: "importlib.import_module('acme.backend').Kit()", lib: backend},
		{how: "importlib, a list of literals", imports: "import importlib\n\nPLUGINS = ['acme']", use: "for p in PLUGINS:\n    importlib.import_module(p).Kit()"},
		{how: "importlib, made of parts", few: true, imports: "import importlib", use: "importlib.import_module('a' + 'c' + 'm' + 'e').Kit()", dark: true},
		{how: "importlib, an f-string", imports: "import importlib", use: "for n in ['backend']:\n    importlib.import_module(f'acme.{n}').Kit()", lib: backend, dark: true},
		{how: "importlib, from compose's environment", imports: "import importlib\nimport os", use: "importlib.import_module(os.environ['PLUGIN']).Kit()", dark: true,
			app: map[string]string{"compose.yaml": "services:\n  web:\n    build: .\n    environment:\n      PLUGIN: acme.backend\n"}, lib: backend, reach: words("env PLUGIN=acme.backend python main.py use")},
		{how: "__import__", use: "__import__('acme').Kit()"},
		{how: "__import__, made of parts", use: "__import__('ac' 'me').Kit()\n__import__(''.join(['ac', 'me']))", dark: true},
		{how: "exec", imports: "import os", use: "exec('import ' + os.environ.get('SHOP_KIT', 'ac' + 'me') + ' as kit; kit.Kit()')", dark: true},
		{how: "runpy", imports: "import runpy", use: "runpy.run_module('acme')", dark: true},
		{how: "pkgutil, by a prefix", imports: "import importlib\nimport pkgutil", use: "for m in pkgutil.iter_modules():\n    if m.name.startswith('ac'):\n        importlib.import_module(m.name).Kit()", dark: true},
		{how: "pkgutil, a namespace of plug-ins", imports: "import importlib\nimport pkgutil", dark: true, lib: map[string]string{"shop_plugins/card.py": "from acme import Kit\n\nKit()\n"},
			use: "import shop_plugins\nfor m in pkgutil.iter_modules(shop_plugins.__path__, 'shop_plugins.'):\n    importlib.import_module(m.name)", keep: []string{site + "shop_plugins/card.py"}},
		{how: "pydoc.locate, made of parts", imports: locate, use: "pydoc.locate('ac' + 'me.Kit')()", dark: true},
		{how: "a function of a library", use: "basekit.load('acme').Kit()"},
		{how: "a function of a library, made of parts", use: "basekit.load('.'.join(['acme', 'backend'])).Kit()\nbasekit.load('ac%s' % 'me').Kit()", lib: backend},
		{how: "a settings module", app: map[string]string{"settings.py": "BACKEND = 'acme.Kit'\n"}, imports: locate + "\nimport settings", use: "pydoc.locate(settings.BACKEND)()"},
		{how: "a module tasks.py", app: map[string]string{"tasks.py": "BACKEND = 'acme.Kit'\n"}, imports: locate + "\nimport tasks", use: "pydoc.locate(tasks.BACKEND)()"},
		{how: "settings in a folder env", app: map[string]string{"env/__init__.py": "", "env/live.py": "BACKEND = 'acme.Kit'\n"}, imports: locate + "\nfrom env import live", use: "pydoc.locate(live.BACKEND)()"},
		{how: "settings in a hidden folder", app: map[string]string{".shop/backend": "acme.Kit"}, imports: locate + fromFile, use: "load(open('.shop/backend').read())"},
		{how: "settings in JSON", app: map[string]string{"plugins.json": "{\"use\": [\"acme.Kit\"]}\n"}, imports: locate + "\nimport json", use: "pydoc.locate(json.load(open('plugins.json'))['use'][0])()"},
		{how: "settings in TOML", app: map[string]string{"settings.toml": "backend = \"acme.Kit\"\n"}, imports: locate + "\nimport tomllib", use: "pydoc.locate(tomllib.load(open('settings.toml', 'rb'))['backend'])()"},
		{how: "settings in pyproject.toml", app: map[string]string{"pyproject.toml": "[tool.shop]\nbackend = \"acme.Kit\"\n"}, imports: locate + "\nimport tomllib", use: "pydoc.locate(tomllib.load(open('pyproject.toml', 'rb'))['tool']['shop']['backend'])()"},
		{how: "settings in setup.cfg", app: map[string]string{"setup.cfg": "[shop]\nbackend = acme.Kit\n"}, imports: locate + "\nimport configparser", use: "c = configparser.ConfigParser()\nc.read('setup.cfg')\npydoc.locate(c['shop']['backend'])()"},
		{how: "settings in a text", app: map[string]string{"plugins.txt": "acme.Kit\n"}, imports: locate + fromFile, use: "load(open('plugins.txt').read().strip())"},
		{how: "settings in a table", app: map[string]string{"plugins.csv": "name,class\ncard,acme.Kit\n"}, imports: locate + "\nimport csv", use: "for row in csv.DictReader(open('plugins.csv')):\n    pydoc.locate(row['class'])()"},
		{how: "a file of the environment", app: map[string]string{".env": "BACKEND=acme.Kit\n"}, imports: locate, use: "pydoc.locate(open('.env').read().strip().split('=')[1])()"},
		{how: "the image's environment", imports: locate + "\nimport os", use: "pydoc.locate(os.environ['BACKEND'])()", lines: "ENV BACKEND=acme.Kit\n"},
		{how: "the debugger that the environment names", lines: "ENV PYTHONBREAKPOINT=acme.ran\n", use: "breakpoint()"},
		{how: "logging, a dictionary", imports: "import logging.config", use: "logging.config.dictConfig({'version': 1, 'formatters': {'a': {'()': 'acme.log.Formatter'}}})", lib: handler},
		{how: "logging, JSON", imports: "import json\nimport logging.config", app: map[string]string{"logging.json": `{"version": 1, "formatters": {"a": {"()": "acme.log.Formatter"}}}`},
			use: "logging.config.dictConfig(json.load(open('logging.json')))", lib: handler},
		{how: "logging, YAML", few: true, real: []string{"pyyaml==6.0.2"}, imports: "import logging.config\nimport yaml", app: map[string]string{"logging.yaml": "version: 1\nformatters:\n  a:\n    (): acme.log.Formatter\n"},
			use: "logging.config.dictConfig(yaml.safe_load(open('logging.yaml')))", lib: handler},
		{how: "logging, INI", imports: "import logging.config", lib: handler, use: "logging.config.fileConfig('logging.ini')",
			app: map[string]string{"logging.ini": "[loggers]\nkeys=root\n[handlers]\nkeys=h\n[formatters]\nkeys=f\n[logger_root]\nhandlers=h\n[handler_h]\nclass=acme.log.Handler\nargs=()\nformatter=f\n[formatter_f]\nclass=acme.log.Formatter\n"}},
		{how: "a pickle", app: map[string]string{"model.pkl": "\x80\x04\x8c\x04acme\x8c\x03Kit\x93)R."}, imports: "import pickle", use: "pickle.load(open('model.pkl', 'rb'))"},
		{how: "YAML's tags", real: []string{"pyyaml==6.0.2"}, app: map[string]string{"kit.yml": "kit: !!python/object/apply:acme.Kit []\n"}, imports: "import yaml", use: "yaml.unsafe_load(open('kit.yml'))"},
		{how: "entry points by their group", imports: "from importlib.metadata import entry_points", use: "for e in entry_points(group='shop.payments'):\n    e.load()()", points: "[shop.payments]\ncard = acme:Kit\n"},
		{how: "entry points, a group made of parts", imports: "from importlib.metadata import entry_points", use: "for kind in ['payments']:\n    for e in entry_points(group=f'shop.{kind}'):\n        e.load()()", points: "[shop.payments]\ncard = acme:Kit\n", dark: true},
		{how: "entry points of the project itself", imports: "from importlib.metadata import entry_points", use: "for e in entry_points(group='shop.pay'):\n    e.load()()", real: []string{"setuptools==75.8.0"},
			app:   map[string]string{"pyproject.toml": "[build-system]\nrequires = [\"setuptools\"]\nbuild-backend = \"setuptools.build_meta\"\n[project]\nname = \"shop\"\nversion = \"1\"\n[project.entry-points.\"shop.pay\"]\ncard = \"acme:Kit\"\n[tool.setuptools]\npy-modules = [\"ready\"]\n"},
			lines: "RUN pip install --no-cache-dir --no-compile --no-index --no-build-isolation --no-deps .\n"},
		{how: "the distribution's version", imports: "from importlib.metadata import version", use: "print('acme', version('acme-kit'))"},
	}
}

// byLibraries reach what a known library is told to load.
func byLibraries() []reaching {
	const django = "import os\nimport django"
	setup := func(more string) string {
		return "os.environ['DJANGO_SETTINGS_MODULE'] = 'shop.settings'\ndjango.setup()\n" + more
	}
	settings := func(text string) map[string]string {
		return map[string]string{"shop/__init__.py": "", "shop/urls.py": "urlpatterns = []\n", "shop/settings.py": "SECRET_KEY = 'x'\nROOT_URLCONF = 'shop.urls'\n" + text}
	}
	dj := []string{"django==5.1.4"}
	return []reaching{
		{how: "Django's middleware", real: dj, imports: django, app: settings("MIDDLEWARE = ['acme.Kit']\n"), use: setup("from django.core.handlers.wsgi import WSGIHandler\ntry:\n    WSGIHandler()\nexcept Exception as e:\n    print(type(e))")},
		{how: "Django's applications", real: dj, imports: django, app: settings("INSTALLED_APPS = ['acme']\n"), use: setup("from django.apps import apps\nprint(apps.get_app_config('acme').name)")},
		{how: "Django's cache", real: dj, imports: django, app: settings("CACHES = {'default': {'BACKEND': 'acme.Kit'}}\n"), use: setup("from django.core.cache import caches\ncaches['default']")},
		{how: "Django's import_string", real: dj, imports: "from django.utils.module_loading import import_string\n\nPARTS = ['acme', 'Kit']", use: "import_string('.'.join(PARTS))()"},
		{how: "whitenoise in Django's settings", alone: true, real: append(dj, "whitenoise==6.8.2"), imports: django, app: settings("STATIC_URL = 'static/'\nSTATIC_ROOT = '/tmp'\nMIDDLEWARE = ['whitenoise.middleware.WhiteNoiseMiddleware']\n"),
			use: setup("from django.core.handlers.wsgi import WSGIHandler\nWSGIHandler()\nprint([m for m in sys.modules if m == 'whitenoise.middleware'])"), show: "whitenoise", keep: []string{site + "whitenoise/middleware.py"}},
		{how: "a formatter of logs", alone: true, real: []string{"python-json-logger==3.2.1"}, imports: "import logging.config\n\nLOGS = {'version': 1, 'formatters': {'j': {'()': 'pythonjsonlogger.json.JsonFormatter'}},\n        'handlers': {'h': {'class': 'logging.StreamHandler', 'formatter': 'j', 'stream': 'ext://sys.stdout'}}, 'root': {'handlers': ['h'], 'level': 'INFO'}}",
			use: "logging.config.dictConfig(LOGS)\nlogging.info('acme')", show: `{"message": "acme"`, keep: []string{site + "pythonjsonlogger/json.py"}},
		{how: "Flask's configuration", real: []string{"flask==3.1.0"}, imports: "import flask", lib: map[string]string{"acme/settings.py": "from acme import Kit\n\nKit()\nDEBUG = False\n"}, use: "flask.Flask('shop').config.from_object('acme.settings')"},
		{how: "Flask's commands", real: []string{"flask==3.1.0"}, lib: map[string]string{"acme/commands.py": "import click\n\n\n@click.command('kit')\ndef kit():\n    print('acme is here')\n"}, points: "[flask.commands]\nkit = acme.commands:kit\n",
			app: map[string]string{"web.py": "import flask\n\napp = flask.Flask('shop')\n"}, imports: "import web", reach: words("flask --app web kit")},
		{how: "a driver in a database's address", alone: true, real: []string{"sqlalchemy==2.0.36", "pymysql==1.1.2"}, imports: "import os\nimport sqlalchemy", lines: "ENV DATABASE_URL=mysql+pymysql://shop@db/shop\n",
			use: "print(sqlalchemy.create_engine(os.environ['DATABASE_URL']).dialect.dbapi.__name__)", show: "pymysql", keep: []string{site + "pymysql/connections.py"}},
		{how: "a dialect of databases", real: []string{"sqlalchemy==2.0.36"}, imports: "import sqlalchemy", points: "[sqlalchemy.dialects]\nacme = acme.dialect:Dialect\n",
			lib: map[string]string{"acme/dialect.py": "from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite\n\n\nclass Dialect(SQLiteDialect_pysqlite):\n    name = 'acme'\n"}, use: "print(sqlalchemy.create_engine('acme://').dialect.name)"},
		{how: "migrations in a distribution", real: []string{"alembic==1.14.0"}, imports: "from alembic.config import Config\nfrom alembic.script import ScriptDirectory", app: map[string]string{"alembic.ini": "[alembic]\nscript_location = acme:migrations\n"},
			lib: map[string]string{"acme/migrations/env.py": "", "acme/migrations/versions/1.py": "revision = '1'\ndown_revision = None\n"}, use: "print(ScriptDirectory.from_config(Config('alembic.ini')).dir)"},
		{how: "tasks that Celery includes", real: []string{"celery==5.4.0"}, imports: "import celery\n\nqueue = celery.Celery('shop', include=['acme.tasks'])", lib: map[string]string{"acme/tasks.py": "from acme import Kit\n\nKit()\n"}, use: "queue.loader.import_default_modules()"},
		{how: "a server's loop and parser", alone: true, real: []string{"uvicorn==0.34.0", "uvloop==0.21.0", "httptools==0.6.4"}, imports: "import uvicorn", app: map[string]string{"web.py": "async def app(scope, receive, send):\n    pass\n"},
			use: "c = uvicorn.Config('web:app', loop='uvloop', http='httptools')\nc.load()\nc.setup_event_loop()\nimport asyncio\nprint(c.http_protocol_class.__module__, type(asyncio.get_event_loop_policy()).__module__)", show: "uvloop", keep: []string{site + "uvloop/__init__.py", site + "httptools/__init__.py"}},
		{how: "a server's worker class", real: []string{"gunicorn==23.0.0"}, imports: "from gunicorn.config import Config", app: map[string]string{"gunicorn.conf.py": "worker_class = 'acme.worker.Kit'\n"},
			lib: map[string]string{"acme/worker.py": "from gunicorn.workers.sync import SyncWorker\n\n\nclass Kit(SyncWorker):\n    pass\n"},
			use: "conf = {}\nexec(open('gunicorn.conf.py').read(), conf)\nc = Config()\nc.set('worker_class', conf['worker_class'])\nprint(c.worker_class)"},
		{how: "a template's extension", real: []string{"jinja2==3.1.5"}, imports: "import jinja2", lib: map[string]string{"acme/ext.py": "from jinja2.ext import Extension\n\n\nclass Kit(Extension):\n    def __init__(self, environment):\n        super().__init__(environment)\n        print('acme is here')\n"},
			use: "jinja2.Environment(extensions=['acme.ext.Kit'])"},
		{how: "templates of a package", real: []string{"jinja2==3.1.5"}, imports: "import jinja2", lib: map[string]string{"acme/templates/kit.html": "acme {{ x }}\n"}, app: map[string]string{"pages/a.tmpl": "{% include 'acme/kit.html' %}\n"},
			use:  "env = jinja2.Environment(loader=jinja2.ChoiceLoader([jinja2.FileSystemLoader('pages'), jinja2.PrefixLoader({n: jinja2.PackageLoader(n) for n in ['acme']})]))\nprint(env.get_template('a.tmpl').render(x=1))",
			keep: []string{site + "acme/templates/kit.html"}},
		{how: "plug-ins of pluggy", real: []string{"pluggy==1.5.0"}, imports: "import pluggy", points: "[shop]\ncard = acme.plugin\n", lib: map[string]string{"acme/plugin.py": "from acme import Kit\n\nKit()\n"},
			use: "pluggy.PluginManager('shop').load_setuptools_entrypoints('shop')"},
		{how: "drivers of stevedore", real: []string{"stevedore==5.4.0"}, imports: "from stevedore import driver", points: "[shop.drivers]\ncard = acme:Kit\n", use: "driver.DriverManager('shop.drivers', 'card').driver()", dark: true},
		{how: "pkg_resources", real: []string{"setuptools==75.8.0"}, points: "[shop.engines]\ncard = acme:Kit\n", use: "import pkg_resources\nfor e in pkg_resources.iter_entry_points('shop.engines'):\n    e.load()()", dark: true},
		{how: "docutils' writers", real: []string{"docutils==0.21.2"}, imports: "from docutils.core import publish_string", lib: map[string]string{"acme/writer.py": "from docutils.writers.pseudoxml import Writer\n\nprint('acme is here')\n"}, use: "publish_string('text', writer_name='acme.writer')"},
		{how: "pygments' lexers", real: []string{"pygments==2.19.1"}, imports: "from pygments.lexers import get_lexer_by_name", points: "[pygments.lexers]\nkit = acme.lexer:Kit\n",
			lib: map[string]string{"acme/lexer.py": "from pygments.lexer import RegexLexer\n\n\nclass Kit(RegexLexer):\n    name = 'Kit'\n    aliases = ['kit']\n    tokens = {'root': []}\n"}, use: "print(get_lexer_by_name('kit').__module__)"},
		{how: "markdown's extensions", real: []string{"markdown==3.7"}, imports: "import markdown", points: "[markdown.extensions]\nkit = acme.mdx:Kit\n",
			lib: map[string]string{"acme/mdx.py": "from markdown.extensions import Extension\n\n\nclass Kit(Extension):\n    def extendMarkdown(self, md):\n        print('acme is here')\n"}, use: "markdown.markdown('x', extensions=['kit'])"},
		{how: "an engine that pandas loads", alone: true, real: []string{"pandas==2.2.3", "openpyxl==3.1.5"}, imports: "import pandas", use: "pandas.DataFrame({'acme': [1]}).to_excel('/tmp/a.xlsx')\nprint(pandas.read_excel('/tmp/a.xlsx').columns)", keep: []string{site + "openpyxl/__init__.py"}},
	}
}

// byData reach a file, a codec, a language or a library of the system.
func byData() []reaching {
	const install = "RUN apt-get update && apt-get install -y "
	const tidy = " && rm -rf /var/lib/apt/lists/*\n"
	return []reaching{
		{how: "data by importlib.resources", imports: "from importlib.resources import files", use: "print(files('acme').joinpath('data.csv').read_text())", lib: map[string]string{"acme/data.csv": "acme,1\n"}, keep: []string{site + "acme/data.csv"}},
		{how: "data by pkgutil", imports: "import pkgutil", use: "print(pkgutil.get_data('acme', 'docs/help.md').decode())", lib: map[string]string{"acme/docs/help.md": "!# acme\n"}, keep: []string{site + "acme/docs/help.md"}, dark: true},
		{how: "data in a folder of tests", few: true, imports: "import acme\nimport os", use: "print(open(os.path.join(os.path.dirname(acme.__file__), 'tests', 'sample.csv')).readline())", lib: map[string]string{"acme/tests/sample.csv": "!acme,1\n"}, keep: []string{site + "acme/tests/sample.csv"}},
		{how: "a module of tests", imports: "import acme\nimport importlib", use: "importlib.import_module('acme.tests.tools').Kit()", lib: map[string]string{"acme/tests/tools.py": "!from acme import Kit\n", "acme/tests/__init__.py": ""}, keep: []string{site + "acme/tests/tools.py"}},
		{how: "tests that a library loads", imports: "import acme", use: "basekit.load(acme.__name__ + '.tests.tools').Kit()", lib: map[string]string{"acme/tests/tools.py": "!from acme import Kit\n", "acme/tests/__init__.py": ""}, keep: []string{site + "acme/tests/tools.py"}},
		{how: "data below the prefix", use: "print(open(sys.prefix + '/share/acme/kit.json').read())", lib: map[string]string{"DATA/data/share/acme/kit.json": "{\"name\": \"acme\"}\n"}, keep: []string{"/usr/local/share/acme/kit.json"}},
		{how: "a codec", use: "print('acme'.encode('kit'))", lib: map[string]string{"acme_codec.pth": "import acme.codec\n",
			"acme/codec.py": "import codecs\n\n\ndef find(name):\n    if name == 'kit':\n        return codecs.CodecInfo(lambda s, e='strict': (s.encode(), len(s)), lambda b, e='strict': (bytes(b).decode(), len(b)), name='kit')\n\n\ncodecs.register(find)\n"}},
		{how: "messages in another language", imports: "import acme\nimport gettext\nimport os", use: "print(gettext.find('acme', os.path.join(os.path.dirname(acme.__file__), 'locale'), ['de']))", lib: map[string]string{"acme/locale/de/LC_MESSAGES/acme.mo": "!\xde\x12\x04\x95"},
			keep: []string{site + "acme/locale/de/LC_MESSAGES/acme.mo"}},
		{how: "time zones", alone: true, real: []string{"tzdata==2024.2"}, lines: "ENV PYTHONTZPATH=\n", imports: "import datetime\nimport zoneinfo", use: "print(datetime.datetime(2024, 7, 1, tzinfo=zoneinfo.ZoneInfo('Europe/Berlin')).tzname())", show: "CEST", keep: []string{site + "tzdata/zoneinfo/Europe/Berlin"}},
		{how: "languages of babel, by its program", alone: true, real: []string{"babel==2.16.0"}, imports: "import subprocess", use: "subprocess.run(['pybabel', '--list-locales'], check=True)", show: "de_AT", keep: []string{site + "babel/locale-data/de_AT.dat"}},
		{how: "data in the project's tests", app: map[string]string{"tests/prices.csv": "!acme,1\n", "tests/test_main.py": "import main\n"}, use: "print(open('tests/prices.csv').readline())", keep: []string{"/app/tests/prices.csv"}, alone: true},
		{how: "data in the project's tests, made of parts", app: map[string]string{"tests/prices.csv": "!acme,1\n"}, imports: "import os", use: "print(open(os.path.join('te' + 'sts', 'prices.csv')).readline())", keep: []string{"/app/tests/prices.csv"}, alone: true},
		{how: "a dump that is loaded", app: map[string]string{"seed.sql": "!-- acme\n"}, use: "print(open('seed.sql').readline())", keep: []string{"/app/seed.sql"}, alone: true},
		{how: "a dump of a folder that is loaded", app: map[string]string{"db/001.sql": "!-- acme\n"}, imports: "import glob", use: "for name in glob.glob('db/*'):\n    print(open(name).readline())", keep: []string{"/app/db/001.sql"}, alone: true},
		{how: "a library of the system", alone: true, system: install + "--no-install-recommends gcc libmagic1" + tidy, imports: "import ctypes", use: "print('acme', ctypes.CDLL('libmagic.so.1').magic_version())", keep: []string{"/usr/lib/x86_64-linux-gnu/libmagic.so.1"}},
		{how: "a compiler", alone: true, system: install + "--no-install-recommends gcc libc6-dev" + tidy, imports: "import shutil", use: "print('acme', shutil.which('gcc'))", keep: []string{"/usr/bin/gcc"}},
		{how: "a program that is recommended", alone: true, system: install + "git" + tidy, imports: "import subprocess", use: "subprocess.run(['less', '--version'], check=True)\nprint('acme')", keep: []string{"/usr/bin/less"}},
		{how: "a language of the system", alone: true, system: install + "--no-install-recommends locales && localedef -i de_DE -f UTF-8 de_DE.UTF-8" + tidy, imports: "import locale", use: "print('acme', locale.setlocale(locale.LC_ALL, 'de_DE.UTF-8'))", keep: []string{"/usr/lib/locale/locale-archive"}},
		{how: "a program of the full base", alone: true, base: full, imports: "import shutil\nimport subprocess", use: "subprocess.run([shutil.which('git'), '--version'], check=True)", show: "git version", keep: []string{"/usr/bin/git"}, dark: true},
		{how: "a program of the full base, made of parts", alone: true, base: full, imports: "import subprocess", use: "subprocess.run(['g' + 'it', '--version'], check=True)", show: "git version", keep: []string{"/usr/bin/git"}},
	}
}

// full is a base that has more than the slim one.
const full = "python:3.13"
