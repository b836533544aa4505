package lab

// breakage keeps a project of the corpus from running.
type breakage struct {
	project, name string
	// lines are added to the Dockerfile; in file, old becomes new.
	lines          string
	file, old, new string
	// want is the id and the place of an error that the check must find:
	// "path:line" (line 0 for a problem of the whole file), or "traceback" for
	// the place that Python shows.
	want string
	// missed says why the check does not find it, empty where it does.
	missed string
}

// site is where pip installs to.
const site = "/usr/local/lib/python3.13/site-packages/"

// foreign installs a distribution's build for another platform to /other, in
// the version that is installed, if it is.
func foreign(name, platform string) string {
	return "RUN v=$(pip show " + name + " 2>/dev/null | sed -n 's/^Version: /==/p'); pip install -q --no-deps --only-binary=:all: --platform " + platform + " --target /other " + name + "$v\n"
}

const (
	otherMachine = "manylinux2014_aarch64"
	otherLibc    = "musllinux_1_1_x86_64"
	// swap puts the other compiled module in the place of its own, rename
	// gives it the name that the interpreter looks for.
	swap   = "RUN rm " + site + "pydantic_core/*.so && cp /other/pydantic_core/*.so " + site + "pydantic_core/ && if [ -e /other/pydantic_core.libs ]; then cp -r /other/pydantic_core.libs " + site + "; fi\n"
	rename = "RUN cd " + site + "pydantic_core && mv *.so _pydantic_core.cpython-313-x86_64-linux-gnu.so\n"
	// ninja is a program in a wheel; the script of the project runs it.
	ninja = "RUN cp /other/bin/ninja /usr/local/bin/\n"
)

var breakages = []breakage{
	{project: "flask", name: "a dependency is not declared", file: "requirements.txt", old: "PyYAML\n", want: "missing-module shop/config.py:3"},
	{project: "flask", name: "what a dependency needs is removed", lines: "USER root\nRUN pip uninstall -qy markupsafe\n", want: "missing-module traceback"},
	{project: "flask", name: "the server is not installed", file: "requirements.txt", old: "gunicorn>=22\n", want: "entrypoint-not-found gunicorn:0"},
	{project: "flask", name: "the package is not copied", file: "Dockerfile", old: "COPY . .", new: "COPY wsgi.py .", want: "missing-source wsgi.py:1"},
	{project: "flask", name: "a module is not copied", lines: "USER root\nRUN rm shop/config.py\n", want: "missing-source shop/__init__.py:3"},
	{project: "flask", name: "the application has another name", file: "Dockerfile", old: "wsgi:app", new: "wsgi:application", want: "missing-entry-point"},
	{project: "flask", name: "the module has another name", file: "Dockerfile", old: "wsgi:app", new: "wsgy:app", want: "missing-entry-point"},
	{project: "flask", name: "another working directory", lines: "WORKDIR /srv\n", want: "missing-entry-point"},
	{project: "flask", name: "a user who does not exist", file: "Dockerfile", old: "USER app", new: "USER web", want: "missing-user"},
	{project: "flask", name: "the interpreter is gone", lines: "USER root\nRUN rm /usr/local/bin/python3.13\n", want: "missing-interpreter"},
	{project: "flask", name: "the program is not executable", lines: "USER root\nRUN chmod 644 /usr/local/bin/gunicorn\n", want: "exec-failed"},
	{project: "flask", name: "a module that only root may read", lines: "USER root\nRUN chmod 600 shop/config.py\nUSER app\n", want: "unreadable-path shop/config.py:0"},
	{project: "flask", name: "a server in a folder of root's alone", lines: "USER root\nRUN mkdir -p /root/.local/bin && mv /usr/local/bin/gunicorn /root/.local/bin && chmod 700 /root\nENV PATH=/root/.local/bin:$PATH\nUSER app\n", want: "unreadable-path /root/.local/bin/gunicorn:0"},
	{project: "flask", name: "the server's module is part of no package", file: "wsgi.py", old: "from shop", new: "from .shop", want: "relative-import wsgi.py:1"},
	{project: "flask", name: "a module that does not compile", file: "wsgi.py", old: "app = create_app()", new: "app = = create_app()", want: "syntax-error wsgi.py:3"},
	{project: "flask", name: "metadata of a distribution that is not installed", file: "wsgi.py", old: "app = ", new: "import importlib.metadata\n\nversion = importlib.metadata.version(\"shop\")\napp = ", want: "missing-metadata wsgi.py:5"},
	{project: "flask", name: "no time zones", lines: "USER root\nRUN rm -r /usr/share/zoneinfo\nUSER app\n", file: "wsgi.py", old: "app = ", new: "import zoneinfo\n\nhere = zoneinfo.ZoneInfo(\"Europe/Berlin\")\napp = ", want: "missing-time-zone wsgi.py:5"},
	{project: "flask", name: "a health check by curl", file: "Dockerfile", old: "HEALTHCHECK CMD python -c \"import urllib.request as r; r.urlopen('http://localhost:8000/health')\"", new: "HEALTHCHECK CMD curl -f http://localhost:8000/health || exit 1", want: "healthcheck-cannot-run"},
	{project: "flask", name: "a health check by a module that is missing", file: "Dockerfile", old: "import urllib.request as r; r.urlopen('http://localhost:8000/health')", new: "import requests; requests.get('http://localhost:8000/health')", want: "healthcheck-cannot-run"},
	{project: "flask", name: "a part of the standard library is deleted", lines: "USER root\nRUN rm -r /usr/local/lib/python3.13/json\n", want: "missing-module traceback"},
	{project: "flask", name: "a name that the module does not have", file: "wsgi.py", old: "import create_app", new: "import make_app", want: "missing-name wsgi.py:1"},

	{project: "fastapi", name: "what a dependency needs is removed", lines: "RUN pip uninstall -qy starlette\n", want: "missing-module traceback"},
	{project: "fastapi", name: "a compiled module is deleted", lines: "RUN rm " + site + "pydantic_core/_pydantic_core*.so\n", want: "missing-module traceback"},
	{project: "fastapi", name: "a compiled module of another Python", lines: "RUN cd " + site + "pydantic_core && mv _pydantic_core*.so _pydantic_core.cpython-312-x86_64-linux-gnu.so\n", want: "missing-module traceback"},
	{project: "fastapi", name: "the application has another name", file: "Dockerfile", old: "api.main:app", new: "api.main:api", want: "missing-entry-point"},
	{project: "fastapi", name: "the package is deleted", lines: "RUN rm -r " + site + "api /build\n", want: "missing-source"},
	{project: "fastapi", name: "a dependency of the script only", file: "pyproject.toml", old: ", \"httpx>=0.25\"", want: "missing-module api/cli.py:3"},
	{project: "fastapi", name: "a compiled module for another machine", lines: foreign("pydantic-core", otherMachine) + swap, want: "wrong-arch traceback"},
	{project: "fastapi", name: "a compiled module for another machine under the name of this one", lines: foreign("pydantic-core", otherMachine) + swap + rename, want: "wrong-arch traceback"},
	{project: "fastapi", name: "a compiled module for another libc", lines: foreign("pydantic-core", otherLibc) + swap, want: "wrong-libc traceback"},
	{project: "fastapi", name: "a compiled module for another libc under the name of this one", lines: foreign("pydantic-core", otherLibc) + swap + rename, want: "wrong-libc traceback"},
	{project: "fastapi", name: "a small dependency is removed", lines: "RUN pip uninstall -qy annotated-types\n", want: "missing-module traceback"},

	{project: "django", name: "the script is not executable", file: "Dockerfile", old: "chmod 755", new: "chmod 644", want: "exec-failed /srv/entrypoint.sh:0"},
	{project: "django", name: "Windows line ends", lines: "RUN sed -i 's/$/\\r/' entrypoint.sh\n", want: "exec-failed /srv/entrypoint.sh:1"},
	{project: "django", name: "the settings are missing", lines: "RUN rm site_/settings.py\n", want: "missing-entry-point"},
	{project: "django", name: "the shell is missing", lines: "RUN rm -f /bin/bash\n", want: "missing-interpreter /srv/entrypoint.sh:1"},
	{project: "django", name: "the script needs a program", file: "entrypoint.sh", old: "python manage.py", new: "nc -z localhost 5432\npython manage.py", want: "entrypoint-not-found"},
	{project: "django", name: "the script needs a program for another machine", lines: foreign("ninja", otherMachine) + ninja, file: "entrypoint.sh", old: "python manage.py", new: "ninja --version\npython manage.py", want: "wrong-arch"},
	{project: "django", name: "the script needs a program for another libc", lines: foreign("ninja", otherLibc) + ninja, file: "entrypoint.sh", old: "python manage.py", new: "ninja --version\npython manage.py", want: "wrong-libc"},
	{project: "django", name: "a dependency is removed", lines: "RUN pip uninstall -qy sqlparse\n", want: "missing-module traceback"},
	{project: "django", name: "an application is not copied", lines: "RUN rm -r catalog\n", want: "missing-entry-point site_/settings.py:9"},
	{project: "django", name: "an application that is not installed", file: "site_/settings.py", old: "\"catalog.apps", new: "\"rest_framework\", \"catalog.apps", want: "missing-module site_/settings.py:9"},
	{project: "django", name: "middleware that is not installed", file: "site_/settings.py", old: "MIDDLEWARE = [", new: "MIDDLEWARE = [\"whitenoise.middleware.WhiteNoiseMiddleware\", ", want: "missing-module site_/settings.py:11"},
	{project: "django", name: "the script is not copied", lines: "RUN rm entrypoint.sh\n", want: "entrypoint-not-found"},

	{project: "celery", name: "the tasks are not copied", lines: "USER root\nRUN rm jobs/tasks.py\n", want: "missing-source jobs/app.py:3"},
	{project: "celery", name: "a dependency is removed", lines: "USER root\nRUN pip uninstall -qy vine\n", want: "missing-module"},
	{project: "celery", name: "the application has another name", file: "Dockerfile", old: "jobs.app", new: "jobs.application", want: "missing-entry-point"},
	{project: "celery", name: "the tasks' dependency is not installed", file: "Dockerfile", old: "celery requests", new: "celery", want: "missing-module jobs/tasks.py:1"},

	{project: "streamlit", name: "a dependency is not declared", file: "requirements.txt", old: "plotly\n", want: "missing-module app.py:2"},
	{project: "streamlit", name: "the page is not copied", file: "Dockerfile", old: "COPY . .", want: "missing-source app.py:0"},
	{project: "streamlit", name: "a helper is not copied", lines: "RUN rm helpers.py\n", want: "missing-source app.py:5"},
	{project: "streamlit", name: "what a dependency needs is removed", lines: "RUN pip uninstall -qy click\n", want: "missing-module traceback"},

	{project: "pandas", name: "libraries of a package are deleted", lines: "RUN rm " + site + "pyarrow/libarrow.so*\n", want: "missing-shared-library traceback"},
	{project: "pandas", name: "what a dependency needs is removed", lines: "RUN pip uninstall -qy numpy\n", want: "missing-module"},
	{project: "pandas", name: "the package is not copied", file: "Dockerfile", old: "COPY report report\n", want: "missing-entry-point"},

	{project: "sklearn", name: "what a dependency needs is removed", lines: "RUN pip uninstall -qy joblib\n", want: "missing-module traceback"},
	{project: "sklearn", name: "bundled libraries are deleted", lines: "RUN rm -r " + site + "scipy.libs\n", want: "missing-shared-library"},
	{project: "sklearn", name: "a compiled module is deleted", lines: "RUN rm " + site + "scipy/optimize/_zeros*.so\n", want: "missing-module traceback"},
	{project: "sklearn", name: "a dependency is not declared", file: "Dockerfile", old: "scikit-learn", new: "scipy", want: "missing-module train.py:2"},

	{project: "matplotlib", name: "a pure dependency is removed", lines: "USER root\nRUN pip uninstall -qy cycler\n", want: "missing-module traceback"},
	{project: "matplotlib", name: "a compiled dependency is removed", lines: "USER root\nRUN pip uninstall -qy kiwisolver\n", want: "missing-module"},
	{project: "matplotlib", name: "the folder is root's", lines: "USER root\nRUN chown root /app\nUSER plot\n", want: "unwritable-path plot.py:9"},

	{project: "poetry", name: "the extra is not installed", file: "Dockerfile", old: "\".[colour]\"", new: ".", want: "missing-module tables_tool/cli.py:4"},
	{project: "poetry", name: "a dependency is removed", lines: "RUN pip uninstall -qy tomlkit\n", want: "missing-module tables_tool/cli.py:3"},

	{project: "srclayout", name: "the script is not copied", file: "Dockerfile", old: "COPY --from=builder /usr/local/bin/stock /usr/local/bin/stock\n", want: "entrypoint-not-found stock:0"},
	{project: "srclayout", name: "packages of another Python", file: "Dockerfile", old: "site-packages /usr/local/lib/python3.13/", new: "site-packages /usr/local/lib/python3.12/", want: "not-on-path"},
	{project: "srclayout", name: "a dependency is not declared", file: "pyproject.toml", old: ", \"python-dateutil\"", want: "missing-module stock/clock.py:3"},

	{project: "namespace", name: "a portion is not installed", lines: "RUN rm -r " + site + "acme/core\n", want: "missing-source acme/web/__main__.py:3"},
	{project: "namespace", name: "a package hides the namespace", lines: "RUN mkdir acme && touch acme/__init__.py\n", want: "missing-entry-point"},
	{project: "namespace", name: "a dependency is removed", lines: "RUN pip uninstall -qy itsdangerous\n", want: "missing-module acme/web/__main__.py:1"},

	{project: "venv", name: "the environment was made for another place", file: "Dockerfile", old: "COPY --from=builder /opt/venv /opt/venv\nENV PATH=/opt/venv/bin:$PATH", new: "COPY --from=builder /opt/venv /srv/venv\nENV PATH=/srv/venv/bin:$PATH", want: "missing-interpreter"},
	{project: "venv", name: "the base has no Python", file: "Dockerfile", old: "FROM python:3.13-slim\nCOPY", new: "FROM debian:trixie-slim\nCOPY", want: "missing-interpreter"},
	{project: "venv", name: "PATH lacks the environment", file: "Dockerfile", old: "ENV PATH=/opt/venv/bin:$PATH\n", want: "entrypoint-not-found waitress-serve:0"},
	{project: "venv", name: "a dependency is not declared", file: "Dockerfile", old: " jinja2", want: "missing-module server.py:2"},

	{project: "debian", name: "a package is removed", lines: "RUN dpkg --remove --force-depends python3-werkzeug\n", want: "missing-module traceback"},
	{project: "debian", name: "a library is deleted", lines: "RUN rm /usr/lib/*/libexpat.so.1*\n", want: "missing-shared-library"},
	{project: "debian", name: "a library of a compiled module is deleted", lines: "RUN rm /usr/lib/*/libsqlite3.so.0*\n", want: "missing-shared-library traceback"},
	{project: "debian", name: "the loader is deleted", lines: "RUN rm /lib64/ld-linux-x86-64.so.2\n", want: "missing-interpreter"},
	{project: "debian", name: "the init is not installed", file: "Dockerfile", old: " tini ", new: " ", want: "entrypoint-not-found tini:0"},
	{project: "debian", name: "the script is not copied", file: "Dockerfile", old: "COPY app.py .\n", want: "missing-source app.py:0"},

	{project: "editable", name: "the source is gone", lines: "RUN rm -r /src\n", want: "missing-source"},
	{project: "editable", name: "a dependency is not declared", file: "pyproject.toml", old: ", \"packaging\"", want: "missing-module"},
}
