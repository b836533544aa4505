package runs

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"whittle.dev/whittle"
)

// Outcome is the result of a trial. Its verdict is that it runs only if its start
// and the project's commands ran; a check of its files is not enough. Console
// scripts that nobody configured do not decide the verdict, but they are counted
// and their problems are shown.
func Outcome(v *whittle.Variant) whittle.Outcome {
	o := whittle.Outcome{Build: v.Build.Status, Verdict: whittle.Unknown, Problem: v.Build.Reason}
	if v.Inspect != nil {
		o.Sizes = v.Inspect.Sizes
	}
	if v.Build.Status != whittle.Built {
		o.Verdict = whittle.Fails
		return o
	}
	optional := ""
	o.Commands = len(v.Run.Commands)
	for _, c := range v.Run.Commands {
		switch {
		case c.Status == whittle.Runs:
			o.Passed++
		case c.Optional:
			optional = cmp.Or(optional, c.Name+": "+c.Problem)
		default:
			o.Problem = cmp.Or(o.Problem, c.Name+": "+c.Problem)
		}
	}
	o.Verdict = v.Run.Status
	if own := OwnRun(v.Run); own != nil {
		o.Requests = own.Requests
		o.Start = own.Name + ": " + cmp.Or(own.Ready, own.Problem)
		if seen := ImportsSeen(own); seen != "" && own.Status == whittle.Runs {
			o.Start += "; " + seen
		}
	} else {
		o.Start = v.Run.Note
	}
	if v.Check != nil {
		if FileVerdict(v) == whittle.Fails {
			o.Verdict = whittle.Fails
		}
		if i := slices.IndexFunc(v.Check.Problems, func(p whittle.Problem) bool { return p.Severity == "error" }); i >= 0 {
			if p := &v.Check.Problems[i]; o.Verdict == whittle.Fails {
				o.Problem = cmp.Or(o.Problem, p.Message)
			} else {
				optional = cmp.Or(optional, p.Message)
			}
		}
	}
	o.Problem = cmp.Or(o.Problem, optional)
	return o
}

// FileVerdict is the verdict of the check of an image's files on what has to
// work: what production starts, and the project's commands.
func FileVerdict(v *whittle.Variant) whittle.Verdict {
	if v.Check == nil {
		return whittle.Unknown
	}
	out := whittle.Runs
	for _, s := range v.Check.Starts {
		tried := s.Kind == whittle.StartConsole || slices.ContainsFunc(v.Run.Commands, func(c whittle.CommandRun) bool {
			return c.Optional && slices.Equal(c.Command, s.Command)
		})
		if !tried && verdictRank(s.Verdict) < verdictRank(out) {
			out = s.Verdict
		}
	}
	if len(v.Check.Starts) == 0 || out == whittle.Runs && v.Check.Verdict == whittle.Unknown {
		return v.Check.Verdict
	}
	return out
}

// SeenRunning says that an image's own start ran or, if it has none, the
// project's commands. Only then can a run show that a change does harm.
func SeenRunning(v *whittle.Variant) bool {
	if own := OwnRun(v.Run); own != nil && (own.Status != whittle.Unknown || own.Needs != "") {
		return own.Status == whittle.Runs
	}
	return v.Build.Status == whittle.Built && v.Run.Status == whittle.Runs
}

// verdictRank orders verdicts from the worst to the best.
func verdictRank(v whittle.Verdict) int {
	return slices.Index([]whittle.Verdict{whittle.Fails, whittle.Unknown, whittle.Runs}, v)
}

// SameCommand is the run of a command in another image, nil if it was not run.
// Commands that whittle makes itself are found by their names.
func SameCommand(v *whittle.Variant, c whittle.CommandRun) *whittle.CommandRun {
	for i := range v.Run.Commands {
		other := &v.Run.Commands[i]
		if other.Name == c.Name && (slices.Equal(other.Command, c.Command) || c.Own && other.Own || c.Name == Tests) {
			return other
		}
	}
	return nil
}

// NotRepaired says why a fix has not repaired its problems: one of them remains,
// or a run that failed because of it still fails at the same place, or fails in a
// file that the fix has added. hasFile says whether the image had a file before,
// or the project has it. It is empty if the problems are repaired.
func NotRepaired(problems []whittle.Problem, before, after *whittle.Variant, hasFile func(file string) bool) string {
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
			is := SameCommand(after, was)
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
