// Package runs says what is run in an image, and what the result of each run means:
// what production starts, the test of a health check's imports, and the verdict
// that an exit code, an output and a watch give, with what was missing where
// that is not the image's fault.
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

// Judge reads how a start went. An entry point that does not end serves;
// a health check that could be started says nothing more without its service.
func Judge(kind whittle.StartKind, c build.Command, r build.RunResult, process whittle.Process) (whittle.CommandRun, whittle.Problem) {
	if r.Watched != nil {
		return judgeOwn(c, r, process)
	}
	run := whittle.CommandRun{Name: r.Name, Command: c.Args, Status: whittle.Runs, Exit: r.ExitCode, Seconds: Seconds(r.Times)}
	if r.OK() || r.TimedOut && kind == whittle.StartEntry {
		return run, whittle.Problem{}
	}
	if r.Limit != "" { // that is whittle's, and not the image's
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

// notFoundByShell is what shells say of a program that is not there.
var notFoundByShell = regexp.MustCompile(`(?m)^\S*sh: (?:(?:line )?\d+: )?\S+: (?:command )?not found$`)

// Compare notes where a verdict and a run differ.
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

// Decide makes the verdict of a check whose starts were run: a run that fails
// fails the image, and one that went well decides where files did not.
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

// explainRun says why a command failed, or, where that is the want of something
// outside the image, what it needs: then its status is not known.
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

// tailOf are the last lines of an output.
func tailOf(output []byte) []string {
	lines := strings.Split(strings.TrimRight(string(output), "\n"), "\n")
	return lines[max(0, len(lines)-TailLines):]
}

// Seconds are durations in seconds.
func Seconds(times []time.Duration) []float64 {
	out := make([]float64, len(times))
	for i, t := range times {
		out[i] = t.Seconds()
	}
	return out
}

// Median is the median of some times, 0 of none.
func Median(times []float64) float64 {
	if len(times) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(times))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// Limit ends a command that does not end by itself.
const Limit = 2 * time.Minute

// TailLines is how many lines of a failing command or step a report keeps.
const TailLines = 15

// maxModules bounds the names of modules that a run keeps.
const maxModules = 4096

// NoteImports notes the modules that a run imported, and the distributions that
// own their files. Where they are not known both are nil.
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

// ImportsSeen says what a run imported: "imported 12 modules, of 3 distributions", empty
// where that is not known.
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
