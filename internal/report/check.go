package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"whittle.dev/whittle"
)

// CheckText writes a check for a terminal.
func CheckText(w io.Writer, c *whittle.Check, st Style) error { return writeText(w, checkDoc(c), st) }

var verdicts = map[whittle.Verdict]string{
	whittle.Runs:    "Nothing that it needs to start is missing.",
	whittle.Fails:   "It cannot run as it is.",
	whittle.Unknown: "No error was found; whether it runs cannot be said from its files alone.",
}

func checkDoc(c *whittle.Check) document {
	var d document
	title := c.Image
	if title == "" {
		title = cmp.Or(c.Project, "project")
	}
	d.add(heading{1, title + ": " + checkVerdict(c)}, para(verdicts[c.Verdict]))
	if c.Unverified {
		d.add(para(notVerified))
	}
	if len(c.Disagreements) > 0 {
		d.add(heading{2, "The check and the run disagree"}, list(c.Disagreements))
	}
	if t := runsTable(c); len(t.rows) > 0 {
		d.add(t)
	}
	for _, severity := range []struct {
		name  whittle.Severity
		title string
	}{{"error", "Errors"}, {"warning", "Warnings"}, {"info", "For your information"}} {
		var items list
		for _, p := range c.Problems {
			if p.Severity == severity.name {
				items = append(items, problemLine(p))
			}
		}
		if len(items) > 0 {
			d.add(heading{2, severity.title}, items)
		}
	}
	if len(c.Unknown) > 0 {
		d.add(heading{2, "Not followed"}, list(c.Unknown))
	}
	return d
}

// notRun is what is said where only files speak for an image.
const notRun = "by its files: nothing found; not run"

// checkVerdict is a check's verdict in words: that it runs is only said where
// what it starts was seen to run.
func checkVerdict(c *whittle.Check) string {
	ran := slices.ContainsFunc(c.Starts, func(s whittle.Start) bool {
		return s.Kind != whittle.StartConsole && s.Kind != whittle.StartHealthcheck && s.Run != nil && s.Run.Status == whittle.Runs
	})
	for _, s := range c.Starts {
		if s.Kind == whittle.StartEntry && s.Run != nil && s.Run.Needs != "" && c.Verdict != whittle.Fails {
			return string(whittle.Unknown) + ": needs " + s.Run.Needs
		}
	}
	if c.Verdict == whittle.Runs && !ran {
		return notRun
	}
	if c.Verdict == whittle.Fails {
		return statusWord(c.Verdict)
	}
	return string(c.Verdict)
}

// runsTable shows what was run: the verdict by the files beside that by the
// run.
func runsTable(c *whittle.Check) table {
	t := table{columns: []column{flexible("Start"), left("By its files"), left("By running it"), right("Seconds")}}
	for _, s := range c.Starts {
		if s.Run == nil {
			continue
		}
		took := ""
		if n := len(s.Run.Seconds); n > 0 {
			took = fmt.Sprintf("%.1f", s.Run.Seconds[n-1])
		}
		t.row(text(s.Name), fileCell(s.Verdict), statusCell(s.Run.Status), text(took))
	}
	return t
}

// fileCell is what files alone say of a start: never that it runs.
func fileCell(verdict whittle.Verdict) cell {
	switch verdict {
	case whittle.Runs:
		return text("nothing found")
	case whittle.Fails:
		return toned(statusWord(verdict), bad)
	}
	return toned(string(verdict), faint)
}

// problemLine is a problem with the way to it and what to do.
func problemLine(p whittle.Problem) string {
	line := fmt.Sprintf("%s: %s", p.Rule, p.Message)
	if len(p.ReachedFrom) > 1 {
		line += ". Reached by " + strings.Join(p.ReachedFrom, " → ")
	}
	if len(p.Places) > 0 {
		line += ". " + alsoAt(p.Places)
	}
	if p.Fix != "" && !strings.Contains(p.Message, p.Fix) {
		line += ". To do: " + p.Fix
	}
	return line
}

// alsoAt names further places of one cause, the first few of them.
func alsoAt(places []whittle.Location) string {
	const most = 3
	var out []string
	for _, at := range places[:min(most, len(places))] {
		s := at.Path
		if at.Line > 0 {
			s += fmt.Sprintf(":%d", at.Line)
		}
		out = append(out, s)
	}
	s := "The same at " + strings.Join(out, ", ")
	if rest := len(places) - most; rest > 0 {
		s += fmt.Sprintf(" and %d more", rest)
	}
	return s
}
