package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/report/page"
)

// StudyText writes a study for a terminal.
func StudyText(w io.Writer, s *whittle.Study, st page.Style) error {
	return page.WriteText(w, studyDoc(s, true), st)
}

// StudyMarkdown writes a study as Markdown. Every figure in it is in the JSON.
func StudyMarkdown(w io.Writer, s *whittle.Study) error {
	return page.WriteMarkdown(w, studyDoc(s, false))
}

// studyDoc is a study; screen sums up the base image's layers and small ones,
// which a report has all.
func studyDoc(s *whittle.Study, screen bool) page.Document {
	var d page.Document
	title := "Study of " + s.Project
	if b := s.Best; b != nil {
		title += fmt.Sprintf(": %s → %s", whittle.Bytes(b.Original.Size), whittle.Bytes(b.Sizes.Size))
		if change := percentChange(b.Original.Size, b.Sizes.Size); change != "" {
			title += " (" + change + ")"
		}
	}
	d.Add(page.Heading{Level: 1, Text: title + startsNotRun(notRunVariants(s))})
	d.Add(summaryTable(s), page.Explained("size", "download", "wasted"))
	if words := studyWords(s); len(words) > 0 {
		d.Add(page.List(words))
	}
	if name, t := studySavings(s); len(t.Rows) > 0 {
		d.Add(page.Heading{Level: 2, Text: "Largest savings of " + name}, t)
	}
	d.Next(studyNext(s))
	d.Add(page.Para(fmt.Sprintf("%s. %s. Engine: %s %s.", s.Date, machineLine(s.Machine), s.Machine.Engine.Kind, s.Machine.Engine.Version)))
	if t := timesTable(s); len(t.Rows) > 0 {
		d.Add(page.Heading{Level: 2, Text: "Download and times"}, t)
		if notes := timeNotes(s); len(notes) > 0 {
			d.Add(page.List(notes))
		}
	}
	readySection(&d, 2, studyReady(s))
	failuresSection(&d, s)
	findingsSection(&d, s)
	forecastsSection(&d, s.Forecasts)
	proofSection(&d, s)
	nextSection(&d, s)
	for _, v := range s.Variants {
		if v.Inspect != nil {
			few := page.Cutoff{}
			if screen {
				few.Whole = v.Inspect.Sizes.Size
			}
			d.Add(page.Heading{Level: 2, Text: "Layers of " + v.Name + " (" + v.Dockerfile + ")"}, layersTable(v.Inspect, few, screen))
			if t := wastedTable(v.Inspect, page.Cutoff{Rows: 5}); len(t.Rows) > 0 {
				d.Add(page.Heading{Level: 3, Text: "Wasted bytes of " + v.Name}, t)
			}
		}
	}
	for _, diff := range s.Differences {
		d.Add(page.Heading{Level: 2, Text: fmt.Sprintf("From %s to %s", diff.Base, diff.Variant)})
		if len(diff.Words) > 0 {
			d.Add(page.List(diff.Words))
		}
		if t := compareTable(&diff.Comparison, 10); len(t.Rows) > 0 {
			d.Add(t)
		}
	}
	notBuiltSection(&d, s)
	return d
}

// studySavings has the largest findings of the first variant that has any, and
// its name.
func studySavings(s *whittle.Study) (string, page.Table) {
	for _, v := range s.Variants {
		if v.Inspect == nil {
			continue
		}
		var of []whittle.Finding
		for _, f := range s.Findings {
			if f.Variant == v.Name {
				of = append(of, f)
			}
		}
		if t := largestSavings(of, v.Inspect.Sizes.Size); len(t.Rows) > 0 {
			return v.Name, t
		}
	}
	return "", page.Table{}
}

// studyNext is the command that does what the study shows.
func studyNext(s *whittle.Study) *page.NextStep {
	switch n := fixable(s.Findings); {
	case s.Repair != nil:
		return repairNext(s.Repair)
	case n > 0:
		return page.OfProject("make the edits of a low risk, and run the result", "fix", "--verify")
	}
	return nil
}

// notRunVariants are the built variants whose own start was not run to an end
// that says something.
func notRunVariants(s *whittle.Study) []string {
	var out []string
	for _, v := range s.Variants {
		ran := slices.ContainsFunc(v.Run.Commands, func(c whittle.CommandRun) bool { return c.Own && c.Status != whittle.Unknown })
		if v.Build.Status == whittle.Built && !ran {
			out = append(out, v.Name)
		}
	}
	return out
}

// startsNotRun names the variants whose start was not run: "; start not run:
// original", empty where there is none.
func startsNotRun(variants []string) string {
	if len(variants) == 0 {
		return ""
	}
	const most = 3
	more := ""
	if n := len(variants) - most; n > 0 {
		variants, more = variants[:most], fmt.Sprintf(" and %d more", n)
	}
	return "; start not run: " + strings.Join(variants, ", ") + more
}

func machineLine(m whittle.Machine) string {
	parts := []string{m.OS + "/" + m.Architecture}
	if m.CPU != "" {
		parts = append(parts, m.CPU)
	}
	parts = append(parts, fmt.Sprintf("%d %s", m.Cores, page.Plural(m.Cores, "cores")))
	if m.Memory > 0 {
		parts = append(parts, whittle.Bytes(m.Memory)+" memory")
	}
	return strings.Join(parts, ", ")
}

func summaryTable(s *whittle.Study) page.Table {
	t := page.Table{Columns: []page.Column{page.Flexible("Variant"), page.Right("Size"), {Head: "Share", Bars: 8, Spare: 6}, page.Spare(3, page.Right("Download")), page.Spare(1, page.Right("Wasted")), page.Spare(2, page.Right("Change")), page.Spare(7, page.Right("Percent")), page.Left("Status")}}
	var largest int64
	for _, v := range s.Variants {
		if v.Inspect != nil {
			largest = max(largest, v.Inspect.Sizes.Size)
		}
	}
	for _, v := range s.Variants {
		if v.Inspect == nil {
			t.Row(page.Text(v.Name), page.Text("–"), page.Cell{}, page.Text("–"), page.Text("–"), page.Text(""), page.Text(""), page.Toned(buildWord(v.Build.Status), page.Faint))
			continue
		}
		change, percent := "", ""
		tn := page.Normal
		if c := v.Change; c != nil {
			change, percent = whittle.SignedBytes(c.Size), fmt.Sprintf("%+.1f %%", c.Percent)
			if c.Size > 0 {
				tn = page.Bad
			} else if c.Size < 0 {
				tn = page.Good
			}
		}
		size := v.Inspect.Sizes
		t.Row(page.Text(v.Name), page.Text(whittle.Bytes(size.Size)), page.ShareCell(size.Size, largest), page.Text(optionalBytes(downloadOf(v))), page.Text(whittle.Bytes(size.Wasted)),
			page.Toned(change, tn), page.Toned(percent, tn), neededCell(statusCell(variantStatus(v)), v.Run.Needs()))
	}
	return t
}

// downloadOf is a variant's download with gzip, else as its image is stored.
func downloadOf(v whittle.Variant) *int64 {
	if v.Download.Gzip != nil {
		return v.Download.Gzip
	}
	return v.Inspect.Sizes.Download
}

// variantStatus: an image fails where running it shows that, or its files show
// that what production starts or the project names fails.
func variantStatus(v whittle.Variant) whittle.Verdict {
	if v.Run.Status == whittle.Fails || slices.ContainsFunc(checkErrors(v), func(p whittle.Problem) bool { return required(v, p) }) {
		return whittle.Fails
	}
	return v.Run.Status
}

// required says that a problem is reached from something else than console
// scripts that nobody asked for.
func required(v whittle.Variant, p whittle.Problem) bool {
	starts := p.Starts()
	return len(starts) == 0 || slices.ContainsFunc(starts, func(name string) bool {
		return !strings.HasPrefix(name, "console script ") && !slices.ContainsFunc(v.Run.Commands, func(c whittle.CommandRun) bool {
			return c.Optional && strings.Join(c.Command, " ") == name
		})
	})
}

func statusCell(status whittle.Verdict) page.Cell {
	switch status {
	case whittle.Runs:
		return page.Toned(string(status), page.Good)
	case whittle.Fails:
		return page.Toned(statusWord(status), page.Bad)
	}
	return page.Toned(statusWord(status), page.Faint)
}

// neededCell is the status of what was run, and needs something from outside.
func neededCell(c page.Cell, needs string) page.Cell {
	if needs != "" && c.Text == statusWord(whittle.Unknown) {
		c.Text = string(whittle.Unknown)
	}
	return c
}

// statusWord is a verdict as it is printed: what is not known was not run.
func statusWord(status whittle.Verdict) string {
	switch status {
	case whittle.Unknown:
		return "not run"
	case whittle.Fails:
		return "does not run"
	}
	return string(status)
}

// buildWord is what became of a build as it is printed.
func buildWord(status whittle.BuildStatus) string {
	if status == whittle.Failed {
		return "build failed"
	}
	return string(status)
}

// studyWords says the study's result in sentences: why sizes differ, and what
// keeps images from running.
func studyWords(s *whittle.Study) []string {
	var words []string
	for _, v := range s.Variants {
		if needs := v.Run.Needs(); needs != "" && v.Run.Status == whittle.Unknown {
			words = append(words, fmt.Sprintf("%s: unknown: %s.", v.Name, v.Run.Note))
		} else if v.Run.Note != "" {
			words = append(words, fmt.Sprintf("%s was not run: %s.", v.Name, v.Run.Note))
		}
	}
	for _, v := range s.Variants {
		if failed := failedRequests(v); failed != "" {
			words = append(words, fmt.Sprintf("%s does not answer as whittle.yaml wants: %s.", v.Name, failed))
		}
	}
	for _, diff := range s.Differences {
		if len(diff.Words) > 0 {
			words = append(words, diff.Variant+": "+diff.Words[0])
		}
	}
	for _, v := range s.Variants {
		if first, more := firstProblem(v); first != "" {
			w := v.Name + " does not run: " + first
			if variantStatus(v) != whittle.Fails {
				w = v.Name + ", not what it starts: " + first
			}
			if more > 0 {
				w += fmt.Sprintf(", and %d more", more)
			}
			words = append(words, w+".")
		}
	}
	if b := s.Best; b != nil {
		words = append(words, "The best: "+bestLine(b))
	}
	return words
}

// firstProblem is the first problem of a variant, by running or else by its
// files, and how many others there are.
func firstProblem(v whittle.Variant) (first string, more int) {
	var all []string
	for _, c := range v.Run.Commands {
		if c.Status == whittle.Fails {
			all = append(all, c.Problem)
		}
	}
	if all = distinct(all); len(all) == 0 {
		for _, p := range checkErrors(v) {
			all = append(all, p.Message)
		}
		all = distinct(all)
	}
	if len(all) == 0 {
		return "", 0
	}
	return all[0], len(all) - 1
}

// distinct drops what is empty or was there before.
func distinct(lines []string) []string {
	seen := map[string]bool{"": true}
	var out []string
	for _, l := range lines {
		if !seen[l] {
			seen[l] = true
			out = append(out, l)
		}
	}
	return out
}

// checkErrors are what keeps a variant from running by its files.
func checkErrors(v whittle.Variant) []whittle.Problem {
	var out []whittle.Problem
	if v.Check != nil {
		for _, p := range v.Check.Problems {
			if p.Severity == "error" && p.Fix != "" {
				out = append(out, p)
			}
		}
	}
	return out
}

func timesTable(s *whittle.Study) page.Table {
	t := page.Table{Columns: []page.Column{page.Flexible("Variant"), page.Spare(4, page.Right("Layers")), page.Right("gzip"), page.Spare(3, page.Right("zstd")), page.Right("Build"), page.Spare(2, page.Right("Rebuild")), page.Spare(1, page.Right("Start-up"))}}
	for _, v := range s.Variants {
		if v.Inspect == nil {
			continue
		}
		build := page.Seconds(v.Build.Seconds)
		if v.Build.Image != "" {
			build = "–"
		} else if !v.Build.Cold {
			build += " (cached)"
		}
		t.Row(page.Text(v.Name), page.Text(fmt.Sprint(len(v.Inspect.Layers))), page.Text(optionalBytes(v.Download.Gzip)), page.Text(optionalBytes(v.Download.Zstd)),
			page.Text(build), page.Text(optionalSeconds(v.Build.RebuildSeconds)), page.Text(optionalSeconds(v.Run.Seconds)))
	}
	return t
}

func timeNotes(s *whittle.Study) []string {
	var notes []string
	for _, v := range s.Variants {
		if v.Build.RebuildSeconds != nil {
			notes = append(notes, "Rebuild: after a change in "+v.Build.Touched+".")
			break
		}
	}
	for _, v := range s.Variants {
		if len(v.Run.Commands) > 0 {
			c := v.Run.Commands[0]
			notes = append(notes, "Start-up: from start to end of "+strings.Join(c.Command, " ")+", the median of the runs.")
			break
		}
	}
	seen := map[string]bool{}
	for _, v := range s.Variants {
		for _, n := range v.Build.Notes {
			if !seen[n] {
				seen[n] = true
				notes = append(notes, n)
			}
		}
	}
	return notes
}

func optionalBytes(n *int64) string {
	if n == nil {
		return "–"
	}
	return whittle.Bytes(*n)
}

func optionalSeconds(s *float64) string {
	if s == nil {
		return "–"
	}
	return page.Seconds(*s)
}

func failuresSection(d *page.Document, s *whittle.Study) {
	first := true
	for _, v := range s.Variants {
		var items page.List
		found := causesOf(checkErrors(v))
		seen := make([][]string, len(found))
		for _, c := range v.Run.Commands {
			if c.Status != whittle.Fails {
				continue
			}
			if i := slices.IndexFunc(found, func(f aCause) bool { return f.shownBy(c.Problem) }); i >= 0 {
				seen[i] = append(seen[i], commandText(c))
				continue
			}
			items = append(items, fmt.Sprintf("%s: %s", commandText(c), c.Problem))
		}
		if v.Check != nil {
			items = append(items, v.Check.Disagreements...)
		}
		causes := page.Entries{Tight: true}
		for i, c := range found {
			e := c.entry(false)
			if len(seen[i]) > 0 {
				e.Notes = append(e.Notes, "Seen by running "+counted(seen[i], 2))
			}
			causes.Rows = append(causes.Rows, e)
		}
		if len(items)+len(causes.Rows) == 0 {
			continue
		}
		if first {
			d.Add(page.Heading{Level: 2, Text: "What does not run, and why"})
			first = false
		}
		d.Add(page.Para(v.Name + ":"))
		if len(items) > 0 {
			d.Add(items)
		}
		if len(causes.Rows) > 0 {
			d.Add(causes)
		}
	}
}

func notBuiltSection(d *page.Document, s *whittle.Study) {
	first := true
	for _, v := range s.Variants {
		if v.Build.Status == whittle.Built {
			continue
		}
		if first {
			d.Add(page.Heading{Level: 2, Text: "What was not built"})
			first = false
		}
		d.Add(page.Para(fmt.Sprintf("%s (%s), %s: %s", v.Name, v.Dockerfile, buildWord(v.Build.Status), v.Build.Reason)))
		if len(v.Build.Tail) > 0 {
			d.Add(page.Code(v.Build.Tail))
		}
	}
}

// commandText is a command as its reader knows it: a script that is none of
// theirs by its name.
func commandText(c whittle.CommandRun) string {
	text := strings.Join(c.Command, " ")
	if strings.Contains(text, "\n") && c.Name != "" {
		return c.Name
	}
	return text
}
