package runs

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
)

// TestWorkers reads what application servers truly print: one whose workers do
// not start does not run, although its master listens or ends with success;
// one that is well does, whatever became of single workers.
func TestWorkers(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/workers.txtar")
	if err != nil {
		t.Fatal(err)
	}
	if len(archive.Files) < 25 {
		t.Fatalf("%d outputs", len(archive.Files))
	}
	for _, f := range archive.Files {
		part := strings.Split(f.Name, " | ")
		if len(part) != 4 {
			t.Fatalf("%q is not NAME | END | STATUS | WHAT IS SAID", f.Name)
		}
		name, end, status, says := part[0], part[1], part[2], part[3]
		r := build.RunResult{Stderr: f.Data, Times: []time.Duration{30 * time.Second}, Watched: &build.Watched{Ports: []int{8000}}}
		if code, answered := strings.CutPrefix(end, "HTTP "); answered {
			r.Watched.Port, r.ExitCode = 8000, -1
			r.Watched.Answer, err = strconv.Atoi(code)
		} else if end == "waits" {
			r.TimedOut, r.ExitCode = true, -1
		} else {
			r.ExitCode, err = strconv.Atoi(end)
		}
		if err != nil {
			t.Fatal(err)
		}
		run, problem := judgeOwn(build.Command{Args: []string{"serve"}, Watch: &build.Watch{}}, r, whittle.Process{WorkingDir: "/app"})
		if string(run.Status) != status || !strings.Contains(run.Ready+run.Problem, says) {
			t.Errorf("%s: %s, %q; want %s, %q", name, run.Status, run.Ready+run.Problem, status, says)
		}
		if problem.Message == "" && status == string(whittle.Fails) {
			t.Errorf("%s: problem %+v", name, problem)
		}
	}
}

// TestChildProcesses: a child process of the application's own that ends is not
// a worker of a server.
func TestChildProcesses(t *testing.T) {
	const output = `Process Process-1:
Traceback (most recent call last):
  File "/usr/local/lib/python3.13/multiprocessing/process.py", line 313, in _bootstrap
    self.run()
  File "/app/job.py", line 3, in work
    raise ValueError("one of many")
ValueError: one of many
`
	r := build.RunResult{Stderr: []byte(output), Watched: &build.Watched{}}
	run, _ := judgeOwn(build.Command{Args: []string{"job"}, Watch: &build.Watch{}}, r, whittle.Process{})
	if run.Status != whittle.Runs {
		t.Errorf("%s: %s", run.Status, run.Problem)
	}
}
