package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/report/page"
)

// CheckText writes a check for a terminal: whether it runs, what keeps what
// production starts from running, then the rest. st.Verbose lists everything.
func CheckText(w io.Writer, c *whittle.Check, st page.Style) error {
	return page.WriteText(w, checkDoc(c, st.Verbose), st)
}

// CheckMarkdown writes a check as Markdown; whole lists everything.
func CheckMarkdown(w io.Writer, c *whittle.Check, whole bool) error {
	return page.WriteMarkdown(w, checkDoc(c, whole))
}

func checkDoc(c *whittle.Check, whole bool) page.Document {
	var d page.Document
	title := c.Image
	if title == "" {
		title = cmp.Or(c.Project, "project")
	}
	var production, scripts, warnings, infos []aCause
	for _, cause := range causesOf(c.Problems) {
		switch p := cause.first(); {
		case p.Severity == whittle.SeverityError && cause.inProduction():
			production = append(production, cause)
		case p.Severity == whittle.SeverityError:
			scripts = append(scripts, cause)
		case p.Severity == whittle.SeverityWarning:
			warnings = append(warnings, cause)
		default:
			infos = append(infos, cause)
		}
	}
	d.Add(page.Heading{Level: 1, Text: title + ": " + checkVerdict(c)}, page.Para(checkAnswer(c, production, scripts)))
	if c.Unverified {
		d.Add(page.Para(notVerified))
	}
	if len(c.Disagreements) > 0 {
		d.Add(page.Heading{Level: 2, Text: "The check and the run disagree"}, page.List(c.Disagreements))
	}
	if t := runsTable(c); len(t.Rows) > 0 {
		d.Add(t)
	}
	detailed := whole || len(production)+len(scripts) <= most/2
	limit := func(n int) int {
		if whole {
			return 0
		}
		return n
	}
	causesSection(&d, "Errors"+startNames(production), production, limit(2*most), detailed)
	causesSection(&d, "Errors of console scripts only", scripts, limit(most), detailed)
	causesSection(&d, "Warnings", warnings, limit(most), detailed && len(warnings) <= most/2)
	causesSection(&d, "For your information", infos, limit(most/2), whole)
	if len(c.Unknown) > 0 {
		d.Add(page.Heading{Level: 2, Text: "Not followed"}, shortList(c.Unknown, limit(most), "--all lists them"))
	}
	d.Next(checkNext(c))
	return d
}

// startNames names what production starts that shows some causes: ": ENTRYPOINT,
// HEALTHCHECK".
func startNames(causes []aCause) string {
	var names []string
	for _, c := range causes {
		for _, s := range c.starts() {
			if !strings.HasPrefix(s, "console script ") && !slices.Contains(names, s) {
				names = append(names, s)
			}
		}
	}
	if len(names) == 0 {
		return ""
	}
	return " of " + counted(names, 3)
}

// counted lists the first names and how many more there are.
func counted(names []string, most int) string {
	if rest := len(names) - most; rest > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), rest)
	}
	return strings.Join(names, ", ")
}

// shortList is a list of at most some items, where 0 is all, and how many more
// there are.
func shortList(items []string, most int, more string) page.List {
	if most == 0 || len(items) <= most {
		return page.List(items)
	}
	return append(page.List(slices.Clone(items[:most])), fmt.Sprintf("and %d more: %s", len(items)-most, more))
}

// checkAnswer says what came of a check in a sentence or two.
func checkAnswer(c *whittle.Check, production, scripts []aCause) string {
	switch {
	case c.Verdict == whittle.Runs:
		return "Nothing that it needs to start is missing."
	case c.Verdict == whittle.Unknown:
		return "No error was found; whether it runs cannot be said from its files alone."
	case len(production)+len(scripts) == 0:
		return "It cannot run as it is."
	case len(production) == 0:
		return fmt.Sprintf("%s only console scripts from running; what production starts has no error.", keeps(scripts))
	}
	s := keeps(production) + " it from running"
	if n := len(scripts); n > 0 {
		s += fmt.Sprintf("; %d more %s only console scripts", n, map[bool]string{true: "concerns", false: "concern"}[n == 1])
	}
	return s + "."
}

// keeps counts causes: "5 causes keep", "1 cause keeps".
func keeps(causes []aCause) string {
	n := len(causes)
	return fmt.Sprintf("%d %s", n, map[bool]string{true: "cause keeps", false: "causes keep"}[n == 1])
}

// checkNext is the command that says or does more.
func checkNext(c *whittle.Check) *page.NextStep {
	ran := slices.ContainsFunc(c.Starts, func(s whittle.Start) bool { return s.Run != nil })
	switch {
	case c.Image != "" && !ran && c.Verdict == whittle.Fails:
		return page.OfImage("run it, and see the error", c.Image, "check", "--run")
	case c.Image != "" && !ran:
		return page.OfImage("run it", c.Image, "check", "--run")
	case c.Image != "" && c.Verdict == whittle.Fails:
		return page.OfImage("what to edit", c.Image, "advise")
	}
	return nil
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
func runsTable(c *whittle.Check) page.Table {
	t := page.Table{Columns: []page.Column{page.Flexible("Start"), page.Left("By its files"), page.Left("By running it"), page.Right("Seconds")}}
	for _, s := range c.Starts {
		if s.Run == nil {
			continue
		}
		took := ""
		if n := len(s.Run.Seconds); n > 0 {
			took = fmt.Sprintf("%.1f", s.Run.Seconds[n-1])
		}
		t.Row(page.Text(s.Name), fileCell(s.Verdict), statusCell(s.Run.Status), page.Text(took))
	}
	return t
}

// fileCell is what files alone say of a start: never that it runs.
func fileCell(verdict whittle.Verdict) page.Cell {
	switch verdict {
	case whittle.Runs:
		return page.Text("nothing found")
	case whittle.Fails:
		return page.Toned(statusWord(verdict), page.Bad)
	}
	return page.Toned(string(verdict), page.Faint)
}
