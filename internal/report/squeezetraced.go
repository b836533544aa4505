package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/report/page"
)

// removers are what removed something: rules by their names, or an option.
func removers(rules []string) string {
	var out []string
	for _, r := range rules {
		if r == whittle.TracedTrim {
			r = "--traced"
		}
		out = append(out, r)
	}
	return strings.Join(out, ", ")
}

// tracedParts say what the runs of a workload touched, and what that is worth.
func tracedParts(d *page.Document, t *whittle.TracedSqueeze) {
	d.Add(page.Heading{Level: 2, Text: "What the runs touched"}, tracedRuns(t), page.Para(tracedWorth(t)))
	tracedUnits(d, t.Distributions, "Removed distribution", "Python distributions")
	tracedUnits(d, t.Packages, "Removed package", "packages of the operating system")
}

// tracedUnits say which of some distributions or packages were removed, and why the others
// stay.
func tracedUnits(d *page.Document, all []whittle.TracedDistribution, head, what string) {
	var removed []whittle.TracedDistribution
	counts := map[whittle.TracedStatus]int{}
	for _, x := range all {
		if counts[x.Status]++; x.Status == whittle.TracedRemoved {
			removed = append(removed, x)
		}
	}
	if len(removed) > 0 {
		slices.SortStableFunc(removed, func(a, b whittle.TracedDistribution) int { return cmp.Compare(b.Bytes, a.Bytes) })
		rows := page.Table{Columns: []page.Column{page.Right("Bytes"), page.Flexible(head)}}
		for _, x := range removed {
			rows.Row(page.Text(whittle.Bytes(x.Bytes)), page.Text(x.Name+" "+x.Version))
		}
		d.Add(rows)
	}
	var stay []string
	for _, s := range []struct {
		status whittle.TracedStatus
		words  string
	}{
		{whittle.TracedTouched, "touched by a run"}, {whittle.TracedNeeded, "needed as far as files show"}, {whittle.TracedLeft, "not to be removed whole"},
		{whittle.TracedAbstained, "kept because of --miss"}, {whittle.TracedReverted, "kept because something fails without them"},
	} {
		if n := counts[s.status]; n > 0 {
			stay = append(stay, fmt.Sprintf("%d %s", n, s.words))
		}
	}
	if len(stay) > 0 {
		d.Add(page.Para(fmt.Sprintf("What stays of %d %s: %s. The JSON has each with its reason.", len(all), what, strings.Join(stay, ", "))))
	}
}

func tracedRuns(t *whittle.TracedSqueeze) page.Table {
	rows := page.Table{Columns: []page.Column{page.Flexible("Run"), page.Right("Touched"), page.Right("Alone"), {Head: "Result", Flex: true, Wrap: true, Least: 12}}}
	for _, r := range t.Runs {
		result := "decides"
		if r.HeldOut {
			result = "held out"
		}
		if len(r.Missed) > 0 {
			result += ", would miss " + strings.Join(r.Missed, ", ")
		}
		if r.Problem != "" {
			result += "; fails: " + r.Problem
		}
		rows.Row(page.Text(r.Name), page.Text(fmt.Sprint(r.Touched)), page.Text(fmt.Sprint(r.Alone)), page.Text(result))
	}
	return rows
}

// tracedWorth says what the runs let expect of others.
func tracedWorth(t *whittle.TracedSqueeze) string {
	return fmt.Sprintf("Touched: distributions and packages; alone: those of them that would be gone without this run. Held out: %d of %d %s. %d of them touched what the others alone would have removed; with a confidence of 95 %%, at most %s of further runs would. "+
		"Failures of held-out runs without what was removed: %d. Good–Turing: %s of further runs would touch something that was removed (--miss %s). This is about runs like these, and not about other uses.",
		t.HeldOut, len(t.Runs), page.Plural(len(t.Runs), "runs"), t.HeldOutMissed, percent(t.Bound), t.Failed, percent(t.Estimate), percent(t.Miss))
}

func percent(share float64) string { return fmt.Sprintf("%.3g %%", share*100) }
