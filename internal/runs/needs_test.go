package runs

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
)

// TestUnmet reads what libraries truly print that find nobody at the other end,
// or a variable that is not set, and what others print that fail by themselves.
func TestUnmet(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/needs.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range archive.Files {
		part := strings.Split(f.Name, "|")
		if len(part) != 3 {
			t.Fatalf("%q is not NAME | END | NEED", f.Name)
		}
		name, end, want := strings.TrimSpace(part[0]), strings.TrimSpace(part[1]), strings.TrimSpace(part[2])
		r := build.RunResult{Stderr: f.Data}
		if end == "waits" {
			r.TimedOut, r.ExitCode = true, -1
		} else if r.ExitCode, err = strconv.Atoi(end); err != nil {
			t.Fatal(err)
		}
		got := unmetNeed(r, whittle.Process{})
		if got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		if bytes.Contains([]byte(got), []byte("geheim")) {
			t.Errorf("%s: a password is shown: %q", name, got)
		}
	}
}

// TestUnmetLines: what scripts print that wait or give up, and what is not the
// want of something outside: a program or a module that is missing, the image's
// own port, a warning, a sentence about something else.
func TestUnmetLines(t *testing.T) {
	const waits = -1
	for _, c := range []struct {
		name, output string
		exit         int
		want         string
	}{
		{"bash, ${X:?}", "/start.sh: line 2: DATABASE_URL: parameter null or not set", 1, "the environment variable DATABASE_URL"},
		{"dash, ${X:?}", "/start.sh: 2: DATABASE_URL: parameter not set or null", 2, "the environment variable DATABASE_URL"},
		{"busybox, ${X:?}", "/start.sh: line 2: DATABASE_URL: parameter not set", 2, "the environment variable DATABASE_URL"},
		{"sh -c", "sh: 1: PORT: parameter not set", 2, "the environment variable PORT"},
		{"bash -c, 127", "bash: line 1: PORT: unbound variable", 127, "the environment variable PORT"},
		{"its own words", "/start.sh: 2: DATABASE_URL: please say where it is", 2, "the environment variable DATABASE_URL"},
		{"input() without anybody", "Enter the host: Traceback (most recent call last):\n  File \"/app/setup.py\", line 3, in <module>\n    host = input('Enter the host: ')\nEOFError: EOF when reading a line", 1, "an answer on its standard input"},
		{"a file that is cut", "Traceback (most recent call last):\n  File \"/app/load.py\", line 3, in <module>\n    pickle.load(f)\nEOFError: Ran out of input", 1, ""},
		{"a sentence", "DATABASE_URL is not set", 1, "the environment variable DATABASE_URL"},
		{"a sentence about one word", "Error: PORT must be set", 1, "the environment variable PORT"},
		{"a logger's", "2026-01-01 10:00:00 ERROR [main] Required environment variable STRIPE_KEY missing!", 1, "the environment variable STRIPE_KEY"},
		{"two", "Please set POSTGRES_USER and POSTGRES_PASSWORD.", 1, "the environment variables POSTGRES_USER and POSTGRES_PASSWORD"},
		{"a sentence before its help", "ERROR: SECRET_KEY environment variable not found\nSee the README for how to configure this.", 1, "the environment variable SECRET_KEY"},
		{"braces", "error: ${API_TOKEN} is not set", 1, "the environment variable API_TOKEN"},
		{"postgres' own image", "Error: Database is uninitialized and superuser password is not specified.\n       You must specify POSTGRES_PASSWORD to a non-empty value for the\n       superuser.", 1, "the environment variable POSTGRES_PASSWORD"},
		{"waitress' help, before an import that failed", "Usage:\n\n    --channel-request-lookahead=INT\n        This allows\n        detecting if a client closed the connection while its request is being\n        processed. Default is 0.\n\nThere was an exception (ModuleNotFoundError) importing your module.\n\nIt had these arguments: \n1. No module named 'jinja2'", 1, ""},
		{"a module that pytest does not find", "Traceback:\ntests/test_models.py:8: in <module>\n    from src.models import open_session\nE   ModuleNotFoundError: No module named 'src.models'\n=== short test summary info ===\nERROR tests/test_dashboard.py\nERROR tests/test_models.py\n!!! Interrupted: 2 errors during collection !!!\n2 errors in 4.42s", 2, ""},
		{"a file that pytest does not find", "E   FileNotFoundError: [Errno 2] No such file or directory: 'data.csv'\n=== short test summary info ===\nFAILED tests/test_models.py::test_open\n1 failed in 0.42s", 1, ""},
		{"an exception in a log", "ERROR:root:TemplateNotFound: index.html\nERROR:root:InterfaceNotFoundError", 1, ""},
		{"node, without an address", "Error: getaddrinfo ENOTFOUND db", 1, "a service at db"},
		{"a help that speaks of connections", "Usage: tool [OPTIONS]\n\n    --retry=INT\n        detecting if a client closed the connection while its request is being\n        processed.\n\nno command", 2, ""},
		{"a warning is no reason", "WARNING: SENTRY_DSN is not set\nfatal: cannot open config.ini", 1, ""},
		{"a program that is missing", "/start.sh: 3: gunicorn: not found", 127, ""},
		{"one in capitals", "/start.sh: line 3: RUN_SERVER: command not found", 127, ""},
		{"what is not about the environment", "ValueError: CSV_HEADER is missing in data.csv", 1, ""},
		{"a file", "cat: /run/secrets/db_password: No such file or directory", 1, "the file /run/secrets/db_password"},
		{"a file, dash", "/start.sh: 1: cannot open /run/secrets/db_password: No such file", 2, "the file /run/secrets/db_password"},
		{"the file of an environment", "FileNotFoundError: Config file '/code/app/core/../../.env' not found.", 1, "the file /code/.env"},
		{"the file of an environment, sh", "/start.sh: 2: .: cannot open .env: No such file", 2, "the file .env"},
		{"the file of an environment, cat", "cat: /app/.env.production: No such file or directory", 1, "the file /app/.env.production"},
		{"a module of that name", "cat: /app/.environment: No such file or directory", 1, ""},
		{"a virtual environment", "sh: 1: /app/.env/bin/python: not found", 127, ""},
		{"another file", "cat: /app/config.ini: No such file or directory", 1, ""},
		{"/dev/tcp", "start.sh: line 1: db: Temporary failure in name resolution\nstart.sh: line 1: /dev/tcp/db/5432: Invalid argument", 1, "postgres at db:5432"},
		{"pg_isready", "db:5432 - no response\ndb:5432 - no response\n", waits, "postgres at db:5432"},
		{"pg_isready on another port", "pgbouncer:6432 - no response", 2, "postgres at pgbouncer:6432"},
		{"wait-for-it", "wait-for-it.sh: waiting 15 seconds for db:5432\nwait-for-it.sh: timeout occurred after waiting 15 seconds for db:5432", 124, "postgres at db:5432"},
		{"wait-for-it, still", "wait-for-it.sh: waiting for redis:6379 without a timeout", waits, "redis at redis:6379"},
		{"dockerize", "2026/01/01 10:00:00 Waiting for: tcp://db:5432\n2026/01/01 10:00:01 Problem with dial: dial tcp: lookup db on 127.0.0.11:53: no such host. Sleeping 1s", waits, "postgres at db:5432"},
		{"a loop of words", "Waiting for postgres...\n", waits, "postgres"},
		{"a loop of Docker's documentation", "Postgres is unavailable - sleeping\nPostgres is unavailable - sleeping\n", waits, "postgres"},
		{"a loop of Django's", "Waiting for database...\nDatabase unavailable, waiting 1 second...\n", waits, "a database"},
		{"psql", `psql: error: could not translate host name "db" to address: Temporary failure in name resolution`, 2, "postgres at db:5432"},
		{"redis-cli", "Could not connect to Redis at redis:6379: Name or service not known", 1, "redis at redis:6379"},
		{"mysql", "ERROR 2005 (HY000): Unknown MySQL server host 'db' (-3)", 1, "mysql at db:3306"},
		{"mysqladmin", "mysqladmin: connect to server at 'db' failed\nerror: 'Unknown MySQL server host 'db' (-3)'\nCheck that mysqld is running on db and that the port is 3306.", 1, "mysql at db:3306"},
		{"mysql's socket", "ERROR 2002 (HY000): Can't connect to local MySQL server through socket '/run/mysqld/mysqld.sock' (2)", 1, "mysql at /run/mysqld/mysqld.sock"},
		{"curl", "curl: (6) Could not resolve host: es", 6, "a service at es"},
		{"curl, refused", "curl: (7) Failed to connect to es port 9200 after 0 ms: Couldn't connect to server", 7, "elasticsearch at es:9200"},
		{"wget", "wget: unable to resolve host address ‘es’", 4, "a service at es"},
		{"busybox' wget", "wget: bad address 'es:9200'", 1, "elasticsearch at es:9200"},
		{"busybox' nc", "nc: bad address 'db'", 1, "a service at db"},
		{"nc", `nc: getaddrinfo for host "db" port 5432: Temporary failure in name resolution`, 1, "postgres at db:5432"},
		{"Node.js", "Error: getaddrinfo EAI_AGAIN db\n    at GetAddrInfoReqWrap.onlookupall [as oncomplete] (node:dns:122:26)\n  errno: -3001,\n  code: 'EAI_AGAIN'", 1, "a service at db"},
		{"Go", "2026/01/01 10:00:00 failed to connect to `user=app database=app`: hostname resolving error: lookup db on 127.0.0.11:53: no such host", 1, "a service at db"},
		{"Go, another machine", "dial tcp 10.0.0.7:6379: connect: network is unreachable", 1, "redis at 10.0.0.7:6379"},
		{"the image's own port", "curl: (7) Failed to connect to localhost port 8000 after 0 ms: Couldn't connect to server", 7, ""},
		{"its own port by number", "connect ECONNREFUSED 127.0.0.1:3000", 1, ""},
		{"a port that is taken", "[Errno 98] error while attempting to bind on address ('0.0.0.0', 8000): address already in use", 1, ""},
		{"a server that starts", "INFO:     Waiting for application startup.\n", waits, ""},
		{"a module", "Waiting for db:5432\nTraceback (most recent call last):\n  File \"/app/main.py\", line 1, in <module>\n    import flask\nModuleNotFoundError: No module named 'flask'\n", 1, ""},
		{"a program that waits and cannot", "Waiting for db:5432\n/start.sh: 3: nc: not found\n/start.sh: 3: nc: not found\n", waits, ""},
		{"a name error about a setting", "Traceback (most recent call last):\n  File \"/app/main.py\", line 1, in <module>\n    run(DATABASE_URL)\nNameError: name 'DATABASE_URL' is not defined\n", 1, ""},
		{"an argument", "Traceback (most recent call last):\n  File \"/app/main.py\", line 1, in <module>\n    run()\nTypeError: run() missing 1 required positional argument: 'API_KEY'\n", 1, ""},
		{"an environment of CPython 3.8", "Traceback (most recent call last):\n  File \"/app/main.py\", line 1, in <module>\n    KEY = os.environ['SECRET_KEY']\n  File \"/usr/local/lib/python3.8/os.py\", line 675, in __getitem__\n    raise KeyError(key) from None\nKeyError: 'SECRET_KEY'\n", 1, "the environment variable SECRET_KEY"},
		{"pydantic 1", "Traceback (most recent call last):\n  File \"/app/main.py\", line 5, in <module>\n    s = Settings()\n  File \"pydantic/env_settings.py\", line 40, in pydantic.env_settings.BaseSettings.__init__\n  File \"pydantic/main.py\", line 341, in pydantic.main.BaseModel.__init__\npydantic.error_wrappers.ValidationError: 1 validation error for Settings\nsecret_key\n  field required (type=value_error.missing)\n", 1, "the environment variable SECRET_KEY"},
		{"settings with a wrong value", "Traceback (most recent call last):\n  File \"/app/main.py\", line 5, in <module>\n    s = Settings()\n  File \"/usr/local/lib/python3.11/site-packages/pydantic_settings/main.py\", line 84, in __init__\n    super().__init__(\npydantic_core._pydantic_core.ValidationError: 1 validation error for Settings\nport\n  Input should be a valid integer, unable to parse string as an integer [type=int_parsing, input_value='x', input_type=str]\n", 1, ""},
		{"behind a prefix", "web.1  | Traceback (most recent call last):\nweb.1  |   File \"/app/main.py\", line 1, in <module>\nweb.1  |     KEY = os.environ['SECRET_KEY']\nweb.1  |   File \"<frozen os>\", line 716, in __getitem__\nweb.1  | KeyError: 'SECRET_KEY'\n", 1, "the environment variable SECRET_KEY"},
		{"Django's settings", "Traceback (most recent call last):\n  File \"/app/main.py\", line 1, in <module>\n    django.setup()\ndjango.core.exceptions.ImproperlyConfigured: Requested setting LOGGING_CONFIG, but settings are not configured. You must either define the environment variable DJANGO_SETTINGS_MODULE or call settings.configure() before accessing settings.\n", 1, "the environment variable DJANGO_SETTINGS_MODULE"},
		{"two behind the word", "Error: the environment variables DB_HOST and DB_NAME must be set", 1, "the environment variables DB_HOST and DB_NAME"},
		{"refused, nobody says where", "Traceback (most recent call last):\n  File \"/app/main.py\", line 1, in <module>\n    call()\nConnectionRefusedError: [Errno 111] Connection refused\n", 1, ""},
		{"a model from the internet", "Traceback (most recent call last):\n  File \"/app/main.py\", line 1, in <module>\n    load()\nOSError: We couldn't connect to 'https://huggingface.co' to load the files, and couldn't find them in the cached files.\n", 1, "a service at huggingface.co:443"},
		{"MySQLdb", "Traceback (most recent call last):\n  File \"/app/main.py\", line 1, in <module>\n    connect()\nMySQLdb.OperationalError: (2005, \"Unknown server host 'db' (-3)\")\n", 1, "mysql at db:3306"},
		{"a password with an @", "cannot connect to redis://:geheim@geheim@cache:6380/0", 1, "redis at cache:6380"},
		{"a password that is wrong", "Traceback (most recent call last):\n  File \"/app/main.py\", line 1, in <module>\n    psycopg.connect()\n  File \"/usr/local/lib/python3.11/site-packages/psycopg/connection.py\", line 126, in connect\n    raise last_ex\npsycopg.OperationalError: connection failed: FATAL:  password authentication failed for user \"app\"\n", 1, ""},
	} {
		r := build.RunResult{ExitCode: c.exit, TimedOut: c.exit == waits, Stderr: []byte(c.output)}
		if got := unmetNeed(r, whittle.Process{}); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	redis := []byte("Error 111 connecting to localhost:6379. Connection refused.")
	for name, c := range map[string]struct {
		r    build.RunResult
		p    whittle.Process
		want string
	}{
		"a service of its own":      {build.RunResult{ExitCode: 1, Stderr: redis, Watched: &build.Watched{Programs: []string{"redis-server"}}}, whittle.Process{}, ""},
		"a port that it exposes":    {build.RunResult{ExitCode: 1, Stderr: redis}, whittle.Process{ExposedPorts: map[string]struct{}{"6379/tcp": {}}}, ""},
		"a port that it listens on": {build.RunResult{ExitCode: 1, Stderr: redis, Watched: &build.Watched{Ports: []int{6379}}}, whittle.Process{}, ""},
		"a service beside it":       {build.RunResult{ExitCode: 1, Stderr: redis}, whittle.Process{}, "redis at localhost:6379"},
		"the address in the image's environment": {build.RunResult{ExitCode: -1, TimedOut: true, Stderr: []byte("waiting for postgres")},
			whittle.Process{Env: []string{"DATABASE_URL=postgresql://app:geheim@pg.internal:5433/app"}}, "postgres at pg.internal:5433"},
		"an option without its variable":  {build.RunResult{ExitCode: 2, Args: []string{"/bin/sh", "-c", "exec uvicorn main:app --port $PORT --host ${HOST:-0.0.0.0}"}, Stderr: []byte("Usage: uvicorn [OPTIONS] APP\n\nError: Option '--port' requires an argument.\n")}, whittle.Process{}, "the environment variable PORT"},
		"an address without its variable": {build.RunResult{ExitCode: 1, Args: []string{"/bin/sh", "-c", "gunicorn -b 0.0.0.0:$PORT main:app"}, Stderr: []byte("Error: '' is not a valid port number.\n")}, whittle.Process{}, "the environment variable PORT"},
		"an option that is wrong":         {build.RunResult{ExitCode: 2, Args: []string{"/bin/sh", "-c", "exec uvicorn main:app --port $PORT"}, Stderr: []byte("Error: Invalid value for '--port': 'x' is not a valid integer.\n")}, whittle.Process{Env: []string{"PORT=x"}}, ""},
		"success":                         {build.RunResult{Stderr: redis}, whittle.Process{}, ""},
		"it cannot be started":            {build.RunResult{ExitCode: 127, Err: errNoProgram{}, Stderr: redis}, whittle.Process{}, ""},
	} {
		if got := unmetNeed(c.r, c.p); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// FuzzUnmet: no output is too strange.
func FuzzUnmet(f *testing.F) {
	f.Add([]byte(traceback), false)
	f.Add([]byte("INFO:     Child process [7] died\n[2026-01-01 10:00:00 +0000] [7] [INFO] Worker exiting (pid: 7)\n"), true)
	f.Add([]byte("Waiting for: tcp://db:5432\n/start.sh: 2: X: parameter not set"), true)
	f.Fuzz(func(t *testing.T, b []byte, waits bool) {
		if what := unmetNeed(build.RunResult{ExitCode: 1, TimedOut: waits, Stderr: b}, whittle.Process{}); strings.ContainsAny(what, "\n\x1b") {
			t.Errorf("%q", what)
		}
		r := build.RunResult{ExitCode: -1, TimedOut: waits, Stderr: b, Watched: &build.Watched{}}
		if lost := lostWorkers(r); lost.ended > 0 && !waits {
			t.Errorf("%+v of a program that ended", lost)
		}
	})
}
