package report

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/shell"
)

// largestSavings has the findings that save most of an image of some size, at
// most three: what to change in a few words, with its place in the Dockerfile.
func largestSavings(findings []whittle.Finding, size int64) table {
	t := table{columns: []column{right("Saves"), shares(2), spare(1, left("Fix")), {head: "What", flex: true, wrap: true, least: 40}}}
	var saving []whittle.Finding
	for _, f := range findings {
		if f.Saving.Low+f.Saving.High > 0 && !f.Breaks && !small(f.Saving, size) {
			saving = append(saving, f)
		}
	}
	slices.SortStableFunc(saving, larger)
	for _, f := range saving[:min(len(saving), mostCosts)] {
		t.row(savingCell(f.Saving), shareCell((f.Saving.Low+f.Saving.High)/2, size), fixCell(&f), text(shortFinding(&f)))
	}
	return t
}

// fixCell says whether whittle fix makes a finding's edit by itself, when asked
// to, or not at all.
func fixCell(f *whittle.Finding) cell {
	switch {
	case f.Safe():
		return toned("yes", good)
	case f.Fix != nil:
		return text("on demand")
	}
	return toned("–", faint)
}

// shortFinding is a finding in a line: its rule, the line that it is about, and
// what its fix does or what it found.
func shortFinding(f *whittle.Finding) string {
	s := f.Rule
	if at := placeOfFinding(f); at != "" {
		s += ", " + at
	}
	what := f.Message
	if f.Fix != nil {
		what = cmp.Or(f.Fix.Title, what)
	}
	return s + ": " + strings.TrimSuffix(what, ".")
}

// placeOfFinding is the first line of a project's file that a finding is about.
func placeOfFinding(f *whittle.Finding) string {
	for _, e := range f.Evidence {
		if e.File != "" && e.Line > 0 {
			return fmt.Sprintf("%s:%d", e.File, e.Line)
		}
	}
	return ""
}

// nextStep is the command to type next, and what it does.
type nextStep struct {
	// does says what it does, in a few words without a period.
	does string
	// args are the command's words behind "whittle", images and paths unquoted.
	args []string
	// project says that it is about the folder of a project, which the printer
	// knows.
	project bool
}

// command is the words of a line for a shell, quoted. dir is the folder of the project, empty where it
// is the current one, and options are those that the command repeats.
func (n nextStep) command(dir string, options []string) []string {
	var repeated []string
	for _, o := range options {
		if name, _, _ := strings.Cut(o, "="); !slices.Contains(n.args, name) {
			repeated = append(repeated, o)
		}
	}
	last := len(n.args)
	if !n.project {
		last-- // an image is last
	}
	args := slices.Concat(n.args[:last], repeated, n.args[last:])
	if n.project && dir != "" && filepath.Clean(dir) != "." {
		args = append(args, dir)
	}
	words := []string{"whittle"}
	for _, a := range args {
		words = append(words, shell.Quote(a))
	}
	return words
}

// ofImage is a command about an image.
func ofImage(does, image string, args ...string) *nextStep {
	return &nextStep{does: does, args: append(args, image)}
}

// ofProject is a command about the project.
func ofProject(does string, args ...string) *nextStep {
	return &nextStep{does: does, args: args, project: true}
}

// strategyNext is the command that does more than the fixes.
func strategyNext(n *whittle.NextStrategy) *nextStep {
	return ofProject(fmt.Sprintf("another way to build it, predicted %s; with the fixes alone %s", whittle.Bytes(n.Predicted), whittle.Bytes(n.Fixed)),
		"fix", "--strategy", n.Strategy, "--verify")
}

// next adds the command to type next; nothing where there is none.
func (d *document) next(n *nextStep) {
	if n != nil {
		d.add(*n)
	}
}

// percentChange is how much larger or smaller a size is: "-17 %".
func percentChange(before, after int64) string {
	if before <= 0 || before == after {
		return ""
	}
	return fmt.Sprintf("%+.0f %%", 100*float64(after-before)/float64(before))
}
