package runs

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/start"
)

const (
	// Patience is how long an image's own start is watched if it neither ends nor
	// answers.
	Patience = 30 * time.Second
	// serveLimit is the time within which a health check must pass, unless the
	// image configures more.
	serveLimit = time.Minute
	// askedLimit is how long a start is watched that must answer requests: it may
	// migrate a database before it listens.
	askedLimit = 2 * time.Minute
)

// Tests is the name of the run of a project's tests.
const Tests = "tests"

// TestsLimit is how long a project's tests may run.
const TestsLimit = 10 * time.Minute

// OwnStart is the command that runs what an image itself starts, with its user,
// folder and environment. It is watched until it ends, until its health check
// passes and it has answered the requests, or until the patience is over. missing
// says why there is no such command.
func OwnStart(p whittle.Process, requests []build.Request, patience time.Duration) (c build.Command, missing string) {
	argv := append(slices.Clone(p.Entrypoint), p.Cmd...)
	switch {
	case len(argv) == 0:
		return c, "the image names nothing that it starts"
	case start.Idle(argv):
		return c, start.NoStart(argv)
	}
	c = build.Command{Name: "CMD", Args: argv, Timeout: patience, Watch: &build.Watch{Requests: requests}}
	if len(p.Entrypoint) > 0 {
		c.Name = "ENTRYPOINT"
	}
	if h := p.Healthcheck; h != nil && len(h.Test) > 1 {
		c.Watch.Check = h.Test[1:]
		if h.Test[0] == "CMD-SHELL" {
			shell := p.Shell
			if len(shell) == 0 {
				shell = []string{"/bin/sh", "-c"}
			}
			c.Watch.Check = append(slices.Clone(shell), h.Test[1])
		}
		c.Timeout = max(patience, serveLimit, h.StartPeriod+h.Interval)
	}
	if len(requests) > 0 {
		c.Timeout = max(c.Timeout, askedLimit)
	}
	return c, ""
}

// What programs print if they need arguments: usage begins their usage text, and
// argumentMissing reports what is missing; usageError is any other error.
var (
	usage           = regexp.MustCompile(`(?mi)^usage:`)
	argumentMissing = regexp.MustCompile(`(?i)missing (command|subcommand|argument|option|parameter)|arguments? (is|are) required|too few arguments|expected (at least )?one argument|no (sub)?command`)
	usageError      = regexp.MustCompile(`(?mi)\berror\b|^Traceback`)
)

// wantsArguments says that a program ended only because it got no arguments.
func wantsArguments(r build.RunResult) bool {
	text := slices.Concat(r.Stdout, r.Stderr)
	return !r.TimedOut && r.Err == nil && usage.Match(text) && (argumentMissing.Match(text) || !usageError.Match(text))
}

// stillThere begins how a start was seen to run that nobody could ask: it went on until
// its time was over. How long it took to be ready is not known then.
const stillThere = "it was still there after "

// judgeOwn gives the result of a watched start. It runs if its health check
// passed, it answered, it ended with success, or it still ran at the end. If
// there is a health check it must pass, and a server's workers must not end as
// they start. The result is unknown for a program that only prints its usage, and
// for one that waits for something that is missing, or answers with an error for
// want of it.
func judgeOwn(c build.Command, r build.RunResult, process whittle.Process) (whittle.CommandRun, whittle.Problem) {
	w := r.Watched
	run := whittle.CommandRun{Name: r.Name, Command: c.Args, Own: true, Status: whittle.Runs, Exit: r.ExitCode, Seconds: Seconds(r.Times), CPU: Seconds(r.CPU), Cold: Seconds(r.Cold),
		Ports: w.Ports, Programs: w.Programs, Answer: w.Answer,
		Requests: requestRuns(c.Watch.Requests, w)}
	checked := process.Healthcheck != nil && len(process.Healthcheck.Test) > 1
	waits, lost := awaited(r, process), lostWorkers(r)
	switch {
	case waits != "":
		run.Status, run.Needs, run.Problem = whittle.Unknown, waits, "needs "+waits
	case w.Healthy:
		run.Ready = "its health check passed"
	case lost.certain || lost.ended > 0:
		return workersFailure(run, r, process, lost)
	case !checked && answered(run.Requests) != nil:
		a := answered(run.Requests)
		run.Ready = fmt.Sprintf("it answered on port %d with %d to GET %s", a.Port, a.Answer, a.Path)
	case w.Answer > 0:
		run.Ready = fmt.Sprintf("it answered on port %d with %d", w.Port, w.Answer)
	case r.OK():
		run.Ready = "it ended with success"
	case r.TimedOut && onlyWaits(w):
		run.Status, run.Problem = whittle.Unknown, "nothing but "+strings.Join(w.Programs, ", ")+" was seen running: it waits"
	case r.TimedOut && len(w.CheckOutput) == 0 && (!checked || w.Blind):
		run.Ready = stillThere + lastTime(r)
		if len(w.Ports) > 0 {
			run.Ready += ", and listened on " + portsText(w.Ports)
		}
	case r.Limit != "":
		run.Status, run.Problem = whittle.Unknown, r.Limit
	case wantsArguments(r):
		run.Status = whittle.Unknown
		run.Problem = fmt.Sprintf("it says how it is used, and ends with %d", r.ExitCode)
	default:
		return ownFailure(run, r, process)
	}
	return run, whittle.Problem{}
}

// answered is the first request that passed, otherwise the first that was
// answered; nil if there is none.
func answered(all []whittle.RequestRun) *whittle.RequestRun {
	i := slices.IndexFunc(all, func(r whittle.RequestRun) bool { return r.Passed })
	if i < 0 {
		i = slices.IndexFunc(all, func(r whittle.RequestRun) bool { return r.Answer != 0 })
	}
	if i < 0 {
		return nil
	}
	return &all[i]
}

// ownFailure says why a start failed, by its output or that of its health check.
func ownFailure(run whittle.CommandRun, r build.RunResult, process whittle.Process) (whittle.CommandRun, whittle.Problem) {
	run.Status = whittle.Fails
	var problem whittle.Problem
	if r.TimedOut {
		_, why := explain(r.Watched.CheckOutput, 1, process.WorkingDir)
		// The check may say nothing, or only that nobody listens: then the cause is
		// in what the program printed last.
		if _, own := explain(outputOf(r), 1, process.WorkingDir); why.Path == "" && own.Path != "" || why.Module == "" && own.Module != "" {
			why = own
		}
		r.Stderr = append(slices.Clone(r.Stderr), r.Watched.CheckOutput...)
		r.TimedOut = false
		problem = explainRun(&run, r, process)
		if run.Needs == "" {
			problem.Message = fmt.Sprintf("its health check did not pass within %s: %s", lastTime(r), strings.TrimPrefix(why.Message, "exit code 1: "))
			run.Problem = problem.Message
		}
		problem.Rule, problem.Module = whittle.CheckHealthcheckCannotRun, cmp.Or(why.Module, problem.Module)
	} else {
		problem = explainRun(&run, r, process)
	}
	problem.ReachedFrom = []string{r.Name}
	return run, problem
}

func lastTime(r build.RunResult) string {
	var last time.Duration
	if n := len(r.Times); n > 0 {
		last = r.Times[n-1]
	}
	return fmt.Sprintf("%.0f s", last.Seconds())
}

// portsText names TCP ports: "port 80", "ports 80 and 443".
func portsText(all []int) string {
	words := make([]string, len(all))
	for i, p := range all {
		words[i] = fmt.Sprint(p)
	}
	if len(words) == 1 {
		return "port " + words[0]
	}
	return "ports " + strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

// OwnRun is the run of an image's own start, nil if it was not run.
func OwnRun(r whittle.RunFacts) *whittle.CommandRun {
	i := slices.IndexFunc(r.Commands, func(c whittle.CommandRun) bool { return c.Own })
	if i < 0 {
		return nil
	}
	return &r.Commands[i]
}
