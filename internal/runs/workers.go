package runs

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
)

// An application server runs its application in worker processes. If these end as
// they start, most servers start others forever: the master listens, and nothing
// answers. Some servers end with success. Only their output shows the difference.

// workerEnds match the lines that report the end of a worker; groups are its id or
// name. The lines are those of gunicorn, uvicorn, uWSGI, granian, and of Python's
// multiprocessing, which uvicorn and hypercorn use.
var workerEnds = []*regexp.Regexp{
	regexp.MustCompile(`\bWorker exiting \(pid: (\d+)\)|\bWorker \(pid:(\d+)\) (?:exited with code [1-9]|was sent SIG)`),
	regexp.MustCompile(`\bChild process \[(\d+)\] died`),
	regexp.MustCompile(`\bDAMN ! worker \d+ \(pid: (\d+)\) died`),
	regexp.MustCompile(`\bUnexpected exit from worker-\d+`),
	multiprocess,
}

// multiprocess is what Python prints before the traceback of a child process.
var multiprocess = regexp.MustCompile(`\bProcess (\S*Process-\d+|granian-worker):$`)

var (
	// workerReady is what servers print when a worker has loaded the
	// application. gunicorn prints nothing.
	workerReady = regexp.MustCompile(`\bApplication startup complete|\] Started worker-\d+|\bRunning on https?://\S+ \(CTRL|\bWSGI app \d+ .* ready in |^Respawned uWSGI worker`)
	// gaveUp is what servers print if no worker can start.
	gaveUp = regexp.MustCompile(`\bWorker failed to boot|\bApp failed to load|\bChild process \[\d+\] failed to start|\bWorker crash loop detected|^\*\*\* no app loaded\.`)
	// reloads is what gunicorn prints before it ends its workers itself.
	reloads = regexp.MustCompile(`\bHandling signal: \w+`)
	// serverLine is a line of a server's own log, which does not say why a
	// worker ended.
	serverLine = regexp.MustCompile(`^\[[^\]]*\d\d:\d\d:\d\d[^\]]*\] \[\d+\] \[\w+\] |^\[(?:INFO|WARNING|ERROR)\] |^(?:INFO|WARNING|ERROR): |\buWSGI\b|^\*\*\* |^DAMN ! |^WSGI app \d|^worker respawning too fast|` +
		`^(?:your|mapped|detected|python threads|Python version|Python main|---|os|nodename|machine|clock|pcre|compiled|current working|lock engine|thunder lock|uwsgi socket|unable to load app)\b`)
)

// workerLoss is what a server's output says about workers that ended.
type workerLoss struct {
	// ended is the number that ended since the last one was ready.
	ended int
	// certain says that no worker can start.
	certain bool
}

// lostWorkers says whether the workers of a watched server end as they start. A
// server that answered or passed its health check has working workers.
func lostWorkers(r build.RunResult) workerLoss {
	w := r.Watched
	if w.Healthy || w.Answer > 0 && w.Answer < 500 || r.Err != nil {
		return workerLoss{}
	}
	lines := outputLines(outputOf(r))
	if w.Answer >= 500 {
		// The server may answer in place of an application that it did not load.
		return workerLoss{certain: lastMatch(lines, gaveUp) >= 0}
	}
	if !r.TimedOut && r.ExitCode != 0 {
		return workerLoss{} // the server says itself that it failed
	}
	ready, server := lastMatch(lines, workerReady), throughServer(lines)
	since, all := 0, 0 // one end may be reported by several kinds of lines
	for _, kind := range workerEnds {
		if kind != multiprocess || server {
			since, all = max(since, countEnds(kind, lines[ready+1:])), max(all, countEnds(kind, lines))
		}
	}
	crashed := ready < 0 && server && lastMatch(lines, multiprocess) >= 0
	certain := crashed || lastMatch(lines, gaveUp) > ready
	if !r.TimedOut {
		return workerLoss{certain: certain} // when a server ends with success, all its workers end
	}
	const loop = 3 // this many ends during a watch mean that every worker ends
	return workerLoss{since, certain || all >= loop || since > 0 && all > 1}
}

// countEnds counts the workers that end according to lines of one kind. It ignores
// those that the server ends itself to reload its configuration.
func countEnds(kind *regexp.Regexp, lines []string) int {
	seen := map[string]bool{}
	for i, l := range lines {
		if reloads.MatchString(l) {
			break
		}
		if m := kind.FindStringSubmatch(l); m != nil {
			seen[cmp.Or(strings.Join(m[1:], ""), strconv.Itoa(i))] = true
		}
	}
	return len(seen)
}

// lastMatch is the index of the last line that matches, -1 if none does.
func lastMatch(lines []string, what *regexp.Regexp) int {
	for i := len(lines) - 1; i >= 0; i-- {
		if what.MatchString(lines[i]) {
			return i
		}
	}
	return -1
}

// throughServer says that a traceback has a frame of a server. Otherwise a child
// process that ends may be one that the application started.
func throughServer(lines []string) bool {
	for _, t := range tracebacks(lines) {
		if t.inPackage("uvicorn") || t.inPackage("hypercorn") || t.inPackage("granian") {
			return true
		}
	}
	return false
}

func outputOf(r build.RunResult) []byte { return append(append([]byte{}, r.Stdout...), r.Stderr...) }

// workersFailure says why a server's workers end, by their output.
func workersFailure(run whittle.CommandRun, r build.RunResult, process whittle.Process, lost workerLoss) (whittle.CommandRun, whittle.Problem) {
	run.Status = whittle.Fails
	tail := tailOf(outputOf(r))
	if _, ok := readTraceback(outputOf(r), process.WorkingDir); !ok {
		r.Stdout, r.Stderr = withoutLog(r.Stdout), withoutLog(r.Stderr)
	}
	const code = 1 // the output of a worker is explained like that of a program that ended
	r.TimedOut, r.ExitCode = false, code
	problem := explainRun(&run, r, process)
	run.Tail = tail
	why := strings.Replace(problem.Message, fmt.Sprintf("exit code %d: ", code), "", 1)
	if run.Needs != "" {
		problem.Message = why
	} else {
		why = strings.TrimPrefix(why, fmt.Sprintf("exit code %d", code))
		problem.Message = "the workers of its server end as they start"
		if !lost.certain {
			run.Status = whittle.Unknown
			problem.Message = "a worker of its server ended, and nothing answered"
		}
		if why != "" {
			problem.Message += ": " + why
		}
	}
	run.Problem = problem.Message
	problem.ReachedFrom = []string{r.Name}
	return run, problem
}

// withoutLog is an output without the lines of the server's own log.
func withoutLog(output []byte) []byte {
	var out [][]byte
	for _, l := range bytes.Split(output, []byte("\n")) {
		if !serverLine.Match(l) {
			out = append(out, l)
		}
	}
	return bytes.Join(out, []byte("\n"))
}
