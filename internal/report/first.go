package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/report/page"
)

// largestSavings has the findings that save most of an image of some size, at
// most three: what to change in a few words, with its place in the Dockerfile.
func largestSavings(findings []whittle.Finding, size int64) page.Table {
	t := page.Table{Columns: []page.Column{page.Right("Saves"), page.Shares(2), page.Spare(1, page.Left("Fix")), {Head: "What", Flex: true, Wrap: true, Least: 40}}}
	var saving []whittle.Finding
	for _, f := range findings {
		if f.Saving.Low+f.Saving.High > 0 && !f.Breaks && !small(f.Saving, size) {
			saving = append(saving, f)
		}
	}
	slices.SortStableFunc(saving, larger)
	for _, f := range saving[:min(len(saving), mostCosts)] {
		t.Row(savingCell(f.Saving), page.ShareCell((f.Saving.Low+f.Saving.High)/2, size), fixCell(&f), page.Text(shortFinding(&f)))
	}
	return t
}

// fixCell says whether whittle fix makes a finding's edit by itself, when asked
// to, or not at all.
func fixCell(f *whittle.Finding) page.Cell {
	switch {
	case f.Safe():
		return page.Toned("yes", page.Good)
	case f.Fix != nil:
		return page.Text("on demand")
	}
	return page.Toned("–", page.Faint)
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

// strategyNext is the command that does more than the fixes.
func strategyNext(n *whittle.NextStrategy) *page.NextStep {
	return page.OfProject(fmt.Sprintf("another way to build it, predicted %s; with the fixes alone %s", whittle.Bytes(n.Predicted), whittle.Bytes(n.Fixed)),
		"fix", "--strategy", n.Strategy, "--verify")
}

// percentChange is how much larger or smaller a size is: "-17 %".
func percentChange(before, after int64) string {
	if before <= 0 || before == after {
		return ""
	}
	return fmt.Sprintf("%+.0f %%", 100*float64(after-before)/float64(before))
}
