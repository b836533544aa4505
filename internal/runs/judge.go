// Package runs says what is run in an image, and judges the results. It runs what
// production starts and the imports of a health check. The verdict follows from
// the exit code, the output and the watched behaviour of a run. If a run failed
// for want of something outside the image, such as a database, it says what.
package runs

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
)

// Judge gives the result of a start. An entry point that does not end runs. A
// health check that could be started but failed is unknown, because its service
// was not running.
func Judge(kind whittle.StartKind, c build.Command, r build.RunResult, process whittle.Process) (whittle.CommandRun, whittle.Problem) {
	if r.Watched != nil {
		return judgeOwn(c, r, process)
	}
	run := whittle.CommandRun{Name: r.Name, Command: c.Args, Status: whittle.Runs, Exit: r.ExitCode, Seconds: Seconds(r.Times), CPU: Seconds(r.CPU), Cold: Seconds(r.Cold)}
	if r.OK() || r.TimedOut && kind == whittle.StartEntry {
		return run, whittle.Problem{}
	}
	if r.Limit != "" { // a limit of whittle's is not a failure of the image
		run.Status, run.Problem = whittle.Unknown, r.Limit
		return run, whittle.Problem{}
	}
	run.Status = whittle.Fails
	problem := explainRun(&run, r, process)
	problem.ReachedFrom = []string{r.Name}
	if kind == whittle.StartHealthcheck {
		started := r.Err == nil && r.ExitCode != 126 && r.ExitCode != 127
		if started && run.Needs == "" && problem.Module == "" && !notFoundByShell.Match(r.Stderr) {
			run.Status = whittle.Unknown
		}
		problem.Rule = whittle.CheckHealthcheckCannotRun
	}
	return run, problem
}

// notFoundByShell is what shells print about a missing program.
var notFoundByShell = regexp.MustCompile(`(?m)^\S*sh: (?:(?:line )?\d+: )?\S+: (?:command )?not found$`)

// Compare records where the verdict of a start and its run differ.
func Compare(c *whittle.Check, s *whittle.Start, problem whittle.Problem) {
	s.Disagreement = ""
	switch run := s.Run; {
	case run.Needs != "":
		c.Unknown = append(c.Unknown, Remedy(*run))
	case run.Status == whittle.Fails && s.Verdict != whittle.Fails:
		c.Problems = append([]whittle.Problem{problem}, c.Problems...)
		if s.Verdict == whittle.Runs {
			s.Disagreement = fmt.Sprintf("%s: the files show nothing that is missing, yet it fails: %s", s.Name, run.Problem)
		}
	case run.Status == whittle.Runs && s.Verdict == whittle.Fails:
		s.Disagreement = fmt.Sprintf("%s: it should fail by its files, yet %s ended well", s.Name, strings.Join(run.Command, " "))
	}
	if s.Disagreement != "" {
		c.Disagreements = append(c.Disagreements, s.Disagreement)
	}
}

// Decide sets the verdict of a check whose starts were run: one run that fails
// fails the image, and runs that pass decide what the files left unknown.
func Decide(c *whittle.Check) {
	known := true
	for _, s := range c.Starts {
		switch {
		case s.Run != nil && s.Run.Status == whittle.Fails:
			c.Verdict = whittle.Fails
			return
		case s.Kind == whittle.StartEntry && s.Run != nil && s.Run.Needs != "" && c.Verdict == whittle.Runs:
			c.Verdict, known = whittle.Unknown, false
		case s.Verdict == whittle.Unknown && (s.Run == nil || s.Run.Status != whittle.Runs):
			known = false
		}
	}
	if c.Verdict == whittle.Unknown && known {
		c.Verdict = whittle.Runs
	}
}

// explainRun says why a command failed. If it failed for want of something
// outside the image, it sets what the command needs, and the status is unknown.
func explainRun(c *whittle.CommandRun, r build.RunResult, process whittle.Process) whittle.Problem {
	output := outputOf(r)
	var problem whittle.Problem
	switch {
	case r.TimedOut:
		problem = whittle.Problem{Rule: whittle.CheckExecFailed, Severity: whittle.SeverityError, Message: fmt.Sprintf("did not end within %s", Limit)}
	case r.Err != nil:
		problem = whittle.Problem{Rule: whittle.CheckExecFailed, Severity: whittle.SeverityError, Message: whittle.OneLine(r.Err.Error())}
	default:
		_, problem = explain(output, r.ExitCode, process.WorkingDir)
	}
	if c.Needs = unmetNeed(r, process); c.Needs != "" {
		c.Status = whittle.Unknown
		problem.Message = fmt.Sprintf("needs %s (%s)", c.Needs, problem.Message)
	}
	c.Problem, c.Module, c.Path, c.Line = problem.Message, problem.Module, problem.Path, problem.Line
	c.Tail = tailOf(output)
	return problem
}

// tailOf are the last [TailLines] lines of an output.
func tailOf(output []byte) []string {
	lines := strings.Split(strings.TrimRight(string(output), "\n"), "\n")
	return lines[max(0, len(lines)-TailLines):]
}

// Limited says whether one of whittle's limits ended a run. Then more commands in
// whittle.yaml would not help.
func Limited(results []build.RunResult) bool {
	return slices.ContainsFunc(results, func(r build.RunResult) bool { return r.Limit != "" })
}

// Seconds are durations in seconds.
func Seconds(times []time.Duration) []float64 {
	out := make([]float64, len(times))
	for i, t := range times {
		out[i] = t.Seconds()
	}
	return out
}

// Median is the median of times, 0 if there are none.
func Median(times []float64) float64 {
	if len(times) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(times))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// Limit is how long a command may run.
const Limit = 2 * time.Minute

// TailLines is the number of last lines of a failed command or step in a report.
const TailLines = 15

// maxModules bounds the module names that are kept of a run.
const maxModules = 4096

// NoteImports records the modules that a run imported, and the distributions that
// own their files. It records nothing if imports is nil, that is, not known.
func NoteImports(run *whittle.CommandRun, imports []build.Import, owners map[string]string) {
	if imports == nil {
		return
	}
	modules, names := []string{}, map[string]bool{}
	for _, i := range imports {
		modules = append(modules, i.Module)
		if owner, ok := owners[strings.TrimPrefix(i.Path, "/")]; ok {
			names[owner] = true
		}
	}
	slices.Sort(modules)
	modules = slices.Compact(modules)
	run.Imports = &whittle.Imports{Modules: modules[:min(len(modules), maxModules)], Distributions: slices.Sorted(maps.Keys(names))}
}

// ImportsSeen says what a run imported: "imported 12 modules, of 3
// distributions". It is empty if that is not known.
func ImportsSeen(r *whittle.CommandRun) string {
	if r.Imports == nil {
		return ""
	}
	of := fmt.Sprintf("%d distributions", len(r.Imports.Distributions))
	if len(r.Imports.Distributions) == 1 {
		of = "1 distribution"
	}
	return fmt.Sprintf("imported %d modules, of %s", len(r.Imports.Modules), of)
}
