package check_test

import (
	"strings"

	"whittle.dev/whittle/internal/elf"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/python/source"
)

// smallMachine is a root with stand-ins for the runners of the table: each has
// the modules that the rows import, with any name in them.
func smallMachine() *startMachine {
	const lib, packages = "usr/local/lib/python3.13/", "usr/local/lib/python3.13/site-packages/"
	files := site(map[string]string{
		"etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
		"tmp/.keep":  "", "root/.keep": "", "srv/.keep": "", "usr/local/bin/python3": "-> python3.13", "usr/local/bin/python": "-> python3.13", "bin": "-> usr/bin",
	})
	delete(files, "app/main.py")
	anything := ""
	for _, name := range strings.Fields(`main run cli app Flask FastAPI Celery Litestar MemoryHuey InMemoryBroker StubBroker HttpUser get_wsgi_application
		execute_from_command_line SyncWorker Logger new_event_loop Config EventLoopPolicy DefaultEventLoopPolicy App testing set_broker path import_module UvicornWorker Path check_output include BaseCommand`) {
		anything += name + " = None\n"
	}
	for _, m := range strings.Fields("asyncio importlib sys subprocess multiprocessing time http http.server runpy cProfile pstats profile signal json shlex pathlib") {
		files[lib+strings.ReplaceAll(m, ".", "/")+"/__init__.py"] = anything
	}
	for _, m := range strings.Fields("runpy cProfile sys http/server") {
		delete(files, lib+m+"/__init__.py")
		files[lib+m+".py"] = anything
	}
	for _, m := range strings.Fields(`gunicorn gunicorn.app gunicorn.app.wsgiapp gunicorn.glogging gunicorn.workers gunicorn.workers.base gunicorn.workers.sync gunicorn.__main__
		uvicorn uvicorn.__main__ uvicorn_worker uvloop httptools gevent dotenv hypercorn daphne granian waitress flask fastapi fastapi_cli celery celery.bin celery.bin.celery
		celery.app celery.app.base arq dramatiq dramatiq.brokers dramatiq.brokers.stub huey litestar taskiq procrastinate faust locust streamlit streamlit.web
		streamlit.web.bootstrap django django.urls django.core django.core.wsgi django.core.management django.core.management.base django.db django.db.backends django.db.backends.sqlite3
		django.db.backends.sqlite3.base alembic rq twisted httpx awslambdaric awslambdaric.__main__ supervisor honcho circus debugpy debugpy.__main__ coverage coverage.__main__
		memray scalene watchfiles watchdog ddtrace opentelemetry newrelic poetry pdm pipenv hatch`) {
		p := packages + strings.ReplaceAll(m, ".", "/")
		switch {
		case strings.HasSuffix(m, "__main__"):
			files[p+".py"] = "import os\n"
		default:
			files[p+"/__init__.py"] = anything
		}
	}
	for script, module := range map[string]string{"gunicorn": "gunicorn", "uvicorn": "uvicorn", "hypercorn": "hypercorn", "daphne": "daphne", "granian": "granian",
		"waitress-serve": "waitress", "flask": "flask", "fastapi": "fastapi", "celery": "celery", "arq": "arq", "dramatiq": "dramatiq", "huey_consumer": "huey",
		"litestar": "litestar", "taskiq": "taskiq", "procrastinate": "procrastinate", "faust": "faust", "locust": "locust", "streamlit": "streamlit",
		"django-admin": "django", "alembic": "alembic", "rq": "rq", "twist": "twisted", "httpx": "httpx", "supervisord": "supervisor", "honcho": "honcho",
		"circusd": "circus", "coverage": "coverage", "memray": "memray", "scalene": "scalene", "watchfiles": "watchfiles", "watchmedo": "watchdog",
		"ddtrace-run": "ddtrace", "opentelemetry-instrument": "opentelemetry", "poetry": "poetry", "pdm": "pdm", "pipenv": "pipenv", "hatch": "hatch", "dotenv": "dotenv"} {
		files["usr/local/bin/"+script] = "#!/usr/local/bin/python3.13\nimport sys\nfrom " + module + " import main\nsys.exit(main())\n"
	}
	binaries := map[string]*elf.File{}
	for _, b := range strings.Fields(`usr/local/bin/python3.13 usr/bin/sh usr/bin/bash usr/bin/dash usr/bin/env usr/bin/tini usr/bin/dumb-init usr/bin/catatonit usr/sbin/gosu usr/bin/setpriv
		usr/sbin/runuser usr/bin/su usr/bin/chpst usr/bin/nice usr/bin/nohup usr/bin/setsid usr/bin/stdbuf usr/bin/timeout usr/bin/flock usr/bin/xargs usr/bin/nc
		usr/bin/sleep usr/bin/cp usr/bin/chown usr/bin/tr usr/bin/mkdir usr/bin/printenv usr/bin/tee usr/bin/cat usr/bin/date usr/bin/id usr/bin/nproc usr/bin/dirname usr/bin/echo usr/bin/runsvdir usr/local/bin/uwsgi usr/local/bin/uv`) {
		files[b] = ""
		binaries[b] = &elf.File{Machine: elf.MachineOf("amd64")}
	}
	return &startMachine{root: executable{imagetest.Root(files)}, sources: map[string]*source.Facts{}, binaries: binaries}
}
