package runs

import (
	"strings"
	"testing"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
)

// TestOwnStart: what an image starts is run with its health check; the bare
// interpreter or shell of a base image is no start.
func TestOwnStart(t *testing.T) {
	words := strings.Fields
	slow := &whittle.Healthcheck{Test: words("CMD ok"), StartPeriod: 2 * time.Minute, Interval: time.Minute}
	for _, c := range []struct {
		name    string
		p       whittle.Process
		want    string // name and command line
		check   string
		limit   time.Duration
		missing string
	}{
		{"a command", whittle.Process{Cmd: words("python start.py")}, "CMD python start.py", "", Patience, ""},
		{"both", whittle.Process{Entrypoint: words("tini --"), Cmd: words("serve")}, "ENTRYPOINT tini -- serve", "", Patience, ""},
		{"a health check of a shell", whittle.Process{Cmd: words("serve"), Healthcheck: &whittle.Healthcheck{Test: []string{"CMD-SHELL", "curl x || exit 1"}}},
			"CMD serve", "/bin/sh -c curl x || exit 1", serveLimit, ""},
		{"a slow one", whittle.Process{Cmd: words("serve"), Healthcheck: slow}, "CMD serve", "ok", 3 * time.Minute, ""},
		{"no health check", whittle.Process{Cmd: words("serve"), Healthcheck: &whittle.Healthcheck{Test: words("NONE")}}, "CMD serve", "", Patience, ""},
		{"the base's interpreter", whittle.Process{Cmd: words("python3")}, "", "", 0, "no start of its own: it starts python3"},
		{"the base's shell", whittle.Process{Cmd: words("/bin/bash")}, "", "", 0, "no start of its own"},
		{"nothing", whittle.Process{}, "", "", 0, "names nothing that it starts"},
		{"an interpreter with a file", whittle.Process{Cmd: words("python3.13 app.py")}, "CMD python3.13 app.py", "", Patience, ""},
	} {
		got, missing := OwnStart(c.p, nil, Patience)
		if (missing == "") != (c.missing == "") || !strings.Contains(missing, c.missing) {
			t.Errorf("%s: missing %q, want %q", c.name, missing, c.missing)
			continue
		}
		if missing != "" {
			continue
		}
		if line := got.Name + " " + strings.Join(got.Args, " "); line != c.want || strings.Join(got.Watch.Check, " ") != c.check || got.Timeout != c.limit {
			t.Errorf("%s: %q, check %q, %s", c.name, line, got.Watch.Check, got.Timeout)
		}
	}
	// What must answer has time to begin.
	for _, c := range []struct {
		check *whittle.Healthcheck
		want  time.Duration
	}{{nil, askedLimit}, {&whittle.Healthcheck{Test: words("CMD ok")}, askedLimit}, {slow, 3 * time.Minute}} {
		got, _ := OwnStart(whittle.Process{Cmd: words("serve"), Healthcheck: c.check}, []build.Request{{Path: "/"}}, Patience)
		if got.Timeout != c.want {
			t.Errorf("with requests and %v: %s, want %s", c.check, got.Timeout, c.want)
		}
	}
}

// TestJudgeOwn: how a start was seen to run, or why it does not.
func TestJudgeOwn(t *testing.T) {
	healthy := &whittle.Healthcheck{Test: []string{"CMD", "ok"}}
	traceback := []byte("Traceback (most recent call last):\n  File \"/app/x.py\", line 3, in <module>\nModuleNotFoundError: No module named 'rich'\n")
	for _, c := range []struct {
		name    string
		r       build.RunResult
		check   *whittle.Healthcheck
		status  whittle.Verdict
		says    string
		module  string
		answers int
	}{
		{"its check passes", build.RunResult{Watched: &build.Watched{Healthy: true, Ports: []int{80}}}, healthy, whittle.Runs, "its health check passed", "", 0},
		{"it answers", build.RunResult{Watched: &build.Watched{Answer: 404, Port: 8000}}, nil, whittle.Runs, "answered on port 8000 with 404", "", 404},
		{"it ends", build.RunResult{Watched: &build.Watched{}}, nil, whittle.Runs, "it ended with success", "", 0},
		{"it stays", build.RunResult{TimedOut: true, Times: []time.Duration{30 * time.Second}, Watched: &build.Watched{Ports: []int{53, 80}}}, nil, whittle.Runs,
			"still there after 30 s, and listened on ports 53 and 80", "", 0},
		{"nobody can look at it", build.RunResult{TimedOut: true, Times: []time.Duration{time.Minute}, Watched: &build.Watched{Blind: true}}, healthy, whittle.Runs, "still there after 60 s", "", 0},
		{"its check does not pass", build.RunResult{TimedOut: true, Times: []time.Duration{time.Minute}, Watched: &build.Watched{CheckOutput: traceback}}, healthy, whittle.Fails,
			"its health check did not pass within 60 s: ModuleNotFoundError: rich", "rich", 0},
		{"it failed just when its check's time was over", build.RunResult{TimedOut: true, Times: []time.Duration{18 * time.Second}, Stderr: traceback, Watched: &build.Watched{CheckOutput: []byte("exit\n")}}, healthy, whittle.Fails,
			"its health check did not pass within 18 s: ModuleNotFoundError: rich (x.py:3)", "rich", 0},
		{"its check finds nobody, because it failed", build.RunResult{TimedOut: true, Times: []time.Duration{18 * time.Second}, Stderr: traceback,
			Watched: &build.Watched{CheckOutput: []byte("Traceback (most recent call last):\n  File \"/usr/lib/request.py\", line 9, in open\nurllib.error.URLError: <urlopen error [Errno 111] Connection refused>\n")}}, healthy, whittle.Fails,
			"its health check did not pass within 18 s: ModuleNotFoundError: rich (x.py:3)", "rich", 0},
		{"it fails", build.RunResult{ExitCode: 1, Stderr: traceback, Watched: &build.Watched{}}, nil, whittle.Fails, "ModuleNotFoundError: rich", "rich", 0},
		{"it says how it is used", build.RunResult{ExitCode: 2, Stderr: []byte("Usage: tool [OPTIONS] COMMAND\n"), Watched: &build.Watched{}}, nil, whittle.Unknown,
			"it says how it is used, and ends with 2", "", 0},
		{"it misses a command", build.RunResult{ExitCode: 2, Stderr: []byte("usage: tool [-h] {a,b}\ntool: error: the following arguments are required: command\n"), Watched: &build.Watched{}}, nil, whittle.Unknown,
			"it says how it is used, and ends with 2", "", 0},
		{"it cannot load its application", build.RunResult{ExitCode: 2, Stderr: []byte("Usage: celery [OPTIONS] COMMAND [ARGS]...\n\nError: Invalid value for '-A' / '--app': \nUnable to load celery application.\n"), Watched: &build.Watched{}}, nil,
			whittle.Fails, "Unable to load celery application", "", 0},
		{"it wants a variable", build.RunResult{ExitCode: 1, Stderr: []byte("DATABASE_URL is not set\n"), Watched: &build.Watched{}}, nil, whittle.Unknown, "needs the environment variable DATABASE_URL (exit code 1", "", 0},
		{"it waits for a service", build.RunResult{TimedOut: true, Times: []time.Duration{30 * time.Second}, Stderr: []byte("db:5432 - no response\n"), Watched: &build.Watched{Programs: []string{"sh", "sleep"}}}, nil,
			whittle.Unknown, "needs postgres at db:5432", "", 0},
		{"it waits, and says nothing", build.RunResult{TimedOut: true, Times: []time.Duration{30 * time.Second}, Args: []string{"sh", "-c", "until nc -z db 5432; do sleep 1; done; serve"}, Watched: &build.Watched{Programs: []string{"sh", "sleep"}}}, nil,
			whittle.Unknown, "needs postgres at db:5432", "", 0},
		{"it waits, nobody knows for what", build.RunResult{TimedOut: true, Times: []time.Duration{30 * time.Second}, Watched: &build.Watched{Programs: []string{"sh", "sleep", "start.sh"}}}, nil,
			whittle.Unknown, "nothing but sh, sleep, start.sh was seen running: it waits", "", 0},
		{"it listens, and waits", build.RunResult{TimedOut: true, Times: []time.Duration{30 * time.Second}, Stderr: []byte("Listening at: http://0.0.0.0:8000\nError -3 connecting to cache:6379. Temporary failure in name resolution.\n"),
			Watched: &build.Watched{Ports: []int{8000}, Programs: []string{"gunicorn"}}}, nil, whittle.Unknown, "needs redis at cache:6379", "", 0},
		{"it waited, and listens now", build.RunResult{TimedOut: true, Times: []time.Duration{30 * time.Second}, Stderr: []byte("Waiting for postgres\npostgres is up\nListening at: http://0.0.0.0:8000\n"),
			Watched: &build.Watched{Ports: []int{8000}, Programs: []string{"gunicorn"}}}, nil, whittle.Runs, "still there after 30 s, and listened on port 8000", "", 0},
		{"it answers, and logs errors of another service", build.RunResult{Stderr: []byte("Error -3 connecting to cache:6379. Temporary failure in name resolution.\n"), Watched: &build.Watched{Ports: []int{8000}, Port: 8000, Answer: 200}}, nil,
			whittle.Runs, "it answered on port 8000 with 200", "", 200},
		{"it answers with the want of one", build.RunResult{Stderr: []byte("Error -3 connecting to cache:6379. Temporary failure in name resolution.\n"), Watched: &build.Watched{Ports: []int{8000}, Port: 8000, Answer: 500}}, nil,
			whittle.Unknown, "needs redis at cache:6379", "", 500},
		{"its check waits", build.RunResult{TimedOut: true, Times: []time.Duration{time.Minute}, Stderr: []byte("Database unavailable, waiting 1 second...\n"), Watched: &build.Watched{CheckOutput: []byte("curl: (7) Failed to connect to localhost port 8000\n")}}, healthy,
			whittle.Unknown, "needs a database", "", 0},
		{"it cannot be started", build.RunResult{ExitCode: 127, Err: errNoProgram{}, Watched: &build.Watched{}}, nil, whittle.Fails, "no such program", "", 0},
	} {
		run, problem := judgeOwn(build.Command{Args: []string{"serve"}, Watch: &build.Watch{}}, c.r, whittle.Process{Healthcheck: c.check, WorkingDir: "/app"})
		if run.Status != c.status || !run.Own || !strings.Contains(run.Ready+run.Problem, c.says) || problem.Module != c.module || run.Answer != c.answers {
			t.Errorf("%s: %+v, %+v", c.name, run, problem)
		}
	}
}

type errNoProgram struct{}

func (errNoProgram) Error() string { return "no such program" }
