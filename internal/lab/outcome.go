package lab

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/runs"
)

// outcome is the result of a trial. Its verdict is that it runs only if its start
// and the project's commands ran; a check of its files is not enough. Console
// scripts that nobody configured do not decide the verdict, but they are counted
// and their problems are shown.
func outcome(t *trial) whittle.Outcome {
	o := whittle.Outcome{Build: t.Build.Status, Verdict: whittle.Unknown, Problem: t.Build.Reason}
	if t.Inspect != nil {
		o.Sizes = t.Inspect.Sizes
	}
	if t.Build.Status != whittle.Built {
		o.Verdict = whittle.Fails
		return o
	}
	optional := ""
	o.Commands = len(t.Run.Commands)
	for _, c := range t.Run.Commands {
		switch {
		case c.Status == whittle.Runs:
			o.Passed++
		case c.Optional:
			optional = cmp.Or(optional, c.Name+": "+c.Problem)
		default:
			o.Problem = cmp.Or(o.Problem, c.Name+": "+c.Problem)
		}
	}
	o.Verdict = t.Run.Status
	if own := runs.OwnRun(t.Run); own != nil {
		o.Requests = own.Requests
		o.Start = own.Name + ": " + cmp.Or(own.Ready, own.Problem)
		if seen := runs.ImportsSeen(own); seen != "" && own.Status == whittle.Runs {
			o.Start += "; " + seen
		}
	} else {
		o.Start = t.Run.Note
	}
	if t.Check != nil {
		if fileVerdict(t) == whittle.Fails {
			o.Verdict = whittle.Fails
		}
		if i := slices.IndexFunc(t.Check.Problems, func(p whittle.Problem) bool { return p.Severity == "error" }); i >= 0 {
			if p := &t.Check.Problems[i]; o.Verdict == whittle.Fails {
				o.Problem = cmp.Or(o.Problem, p.Message)
			} else {
				optional = cmp.Or(optional, p.Message)
			}
		}
	}
	o.Problem = cmp.Or(o.Problem, optional)
	return o
}

// fileVerdict is the verdict of the check of an image's files on what has to
// work: what production starts, and the project's commands.
func fileVerdict(t *trial) whittle.Verdict {
	if t.Check == nil {
		return whittle.Unknown
	}
	v := whittle.Runs
	for _, s := range t.Check.Starts {
		tried := s.Kind == whittle.StartConsole || slices.ContainsFunc(t.Run.Commands, func(c whittle.CommandRun) bool {
			return c.Optional && slices.Equal(c.Command, s.Command)
		})
		if !tried && verdictRank(s.Verdict) < verdictRank(v) {
			v = s.Verdict
		}
	}
	if len(t.Check.Starts) == 0 || v == whittle.Runs && t.Check.Verdict == whittle.Unknown {
		return t.Check.Verdict
	}
	return v
}

// seenRunning says that an image's own start ran or, if it has none, the
// project's commands. Only then can a run show that a change does harm.
func seenRunning(t *trial) bool {
	if own := runs.OwnRun(t.Run); own != nil && (own.Status != whittle.Unknown || own.Needs != "") {
		return own.Status == whittle.Runs
	}
	return t.Build.Status == whittle.Built && t.Run.Status == whittle.Runs
}

// verdictRank orders verdicts from the worst to the best.
func verdictRank(v whittle.Verdict) int {
	return slices.Index([]whittle.Verdict{whittle.Fails, whittle.Unknown, whittle.Runs}, v)
}

// worse says what harm a change does: something that ran does not run any more,
// or the image is larger. A change that repairs an image, this one or another, may
// make it larger. It is empty if the change does no harm.
func worse(before, after *trial, repairs bool) string {
	b, a := outcome(before), outcome(after)
	if b.Build == whittle.Built && a.Build != whittle.Built {
		return "it does not build any more: " + a.Problem
	}
	for _, was := range before.Run.Commands {
		if was.Status != whittle.Runs {
			continue
		}
		is := sameCommand(after, was)
		switch {
		case is == nil:
			return was.Name + " cannot be run any more"
		case is.Status != whittle.Runs:
			return fmt.Sprintf("%s does not run any more: %s", is.Name, cmp.Or(is.Problem, strings.Join(is.Tail, " ")))
		case was.Answer > 0 && was.Answer < 500 && is.Answer >= 500:
			return fmt.Sprintf("%s answers with %d now, and did with %d", is.Name, is.Answer, was.Answer)
		}
		if why := runs.WorseAnswer(&was, is); why != "" {
			return is.Name + ": " + why
		}
	}
	if name, run := lost(before, after); name != "" {
		return fmt.Sprintf("%s is not there any more, and %s imports it", name, run)
	}
	if fileVerdict(after) == whittle.Fails && fileVerdict(before) != whittle.Fails {
		return "its files show that it cannot run any more: " + a.Problem
	}
	if grown := a.Sizes.Size - b.Sizes.Size; grown > 0 && b.Build == whittle.Built && !repairs {
		return fmt.Sprintf("the image is %s larger", whittle.Bytes(grown))
	}
	return ""
}

// sameCommand is the run of a command in another image, nil if it was not run.
// Commands that whittle makes itself are found by their names.
func sameCommand(t *trial, c whittle.CommandRun) *whittle.CommandRun {
	for i := range t.Run.Commands {
		other := &t.Run.Commands[i]
		if other.Name == c.Name && (slices.Equal(other.Command, c.Command) || c.Own && other.Own || c.Name == runs.Tests) {
			return other
		}
	}
	return nil
}

// notRepaired says why a fix has not repaired its problems: one of them remains,
// or a run that failed because of it still fails at the same place, or fails in a
// file that the fix has added. hasFile says whether the image had a file before,
// or the project has it. It is empty if the problems are repaired.
func notRepaired(problems []whittle.Problem, before, after *trial, hasFile func(file string) bool) string {
	for _, p := range problems {
		if after.Check != nil {
			if i := slices.IndexFunc(after.Check.Problems, func(q whittle.Problem) bool { return q.Severity == "error" && samePlace(p, q) }); i >= 0 {
				return "what it is for is still there: " + after.Check.Problems[i].Message
			}
		}
		for _, was := range before.Run.Commands {
			if was.Status == whittle.Runs || !failedBy(was, p) {
				continue
			}
			is := sameCommand(after, was)
			switch {
			case is == nil:
				return was.Name + " cannot be run any more"
			case is.Status == whittle.Runs:
			case failedBy(*is, p):
				return fmt.Sprintf("%s still fails: %s", is.Name, is.Problem)
			case is.Path != "" && !hasFile(is.Path):
				return fmt.Sprintf("%s fails in what the fix has brought: %s", is.Name, is.Problem)
			}
		}
	}
	return ""
}

// samePlace says that two problems concern the same statement, or the same
// missing module of the same start.
func samePlace(a, b whittle.Problem) bool {
	for _, x := range a.Spots() {
		if x.Path != "" && x.Line > 0 && slices.ContainsFunc(b.Spots(), func(y whittle.Location) bool { return x.Path == y.Path && x.Line == y.Line }) {
			return true
		}
	}
	return a.Rule == b.Rule && a.Module == b.Module && a.Path == b.Path && (a.Module != "" || a.Message == b.Message)
}

// failedBy says that a run failed because of a problem: the module or its package
// was missing, or the statement failed.
func failedBy(run whittle.CommandRun, p whittle.Problem) bool {
	if run.Module != "" && (run.Module == p.Module || strings.HasPrefix(p.Module, run.Module+".")) {
		return true
	}
	return slices.ContainsFunc(p.Spots(), func(at whittle.Location) bool {
		return at.Path != "" && at.Line > 0 && run.Path == at.Path && run.Line == at.Line
	})
}
