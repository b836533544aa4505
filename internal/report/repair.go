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

// RepairText writes a repair for a terminal. Where nothing was written yet the
// unified diffs come first, and git apply and patch can read them. Lines that
// could drive the terminal are escaped in them, too.
func RepairText(w io.Writer, r *whittle.Repair, st page.Style) error {
	var d page.Document
	if !r.Written {
		d.Add(diffs(r)...)
	}
	d.Add(page.Heading{Level: 1, Text: repairTitle(r)})
	repairAnswer(&d, r)
	repairSections(&d, 2, r, st.Verbose)
	d.Next(repairNext(r))
	return page.WriteText(w, d, st)
}

// RepairMarkdown writes a repair as Markdown, the diffs at the end. Every
// figure in it is in the JSON, but for the errors, which are quotients of two
// that are.
func RepairMarkdown(w io.Writer, r *whittle.Repair) error { return page.WriteMarkdown(w, repairDoc(r)) }

func repairDoc(r *whittle.Repair) page.Document {
	var d page.Document
	d.Add(page.Heading{Level: 1, Text: repairTitle(r)})
	repairAnswer(&d, r)
	repairSections(&d, 2, r, true)
	if changes := diffs(r); len(changes) > 0 {
		d.Add(page.Heading{Level: 2, Text: "Changes"})
		d.Add(changes...)
	}
	d.Next(repairNext(r))
	return d
}

func diffs(r *whittle.Repair) []page.Block {
	var out []page.Block
	for _, f := range r.Files {
		if f.Diff != "" {
			out = append(out, page.VerbatimText("diff", f.Diff))
		}
	}
	return out
}

// repairTitle says what was done: "inventory: 3 fixes changed 2 files".
func repairTitle(r *whittle.Repair) string {
	n := 0
	for _, s := range r.Steps {
		if s.Status == whittle.Applied {
			n++
		}
	}
	if n == 0 && len(r.Files) == 0 {
		left := 0
		for _, s := range r.Steps {
			if s.Status == whittle.FixSkipped {
				left++
			}
		}
		if left == 0 {
			return r.Project + ": nothing to change"
		}
		return fmt.Sprintf("%s: nothing is changed, %d %s skipped", r.Project, left, map[bool]string{true: "fix is", false: "fixes are"}[left == 1])
	}
	verb := map[bool]string{true: "change", false: "changes"}[n != 1]
	if r.Written {
		verb = "changed"
	}
	fixes := map[bool]string{true: "fix", false: "fixes"}[n == 1]
	return fmt.Sprintf("%s: %d %s %s %d %s%s", r.Project, n, fixes, verb, len(r.Files), page.Plural(len(r.Files), "files"), notTried(r))
}

// notTried says which images a repair has not run with its fixes.
func notTried(r *whittle.Repair) string {
	switch {
	case r.Static:
		return ", as the text alone shows"
	case r.Verified == nil:
		return "; the images with that were not run"
	}
	var names []string
	for _, v := range r.Verified.Variants {
		if v.After.Build == whittle.Built && v.After.Verdict == whittle.Unknown {
			names = append(names, v.Name)
		}
	}
	return startsNotRun(names)
}

// repairSections are the files, the steps and what building showed.
func repairSections(d *page.Document, level int, r *whittle.Repair, verbose bool) {
	if len(r.Files) > 0 {
		names := make([]string, len(r.Files))
		for i, f := range r.Files {
			names[i] = f.Path + map[bool]string{true: " (new)"}[f.Created]
		}
		d.Add(page.Para(map[bool]string{true: "Changed: ", false: "To change: "}[r.Written] + strings.Join(names, ", ") + "."))
	}
	if r.Series != nil && len(r.Series.Commits) > 0 {
		d.Add(commitsTable(r.Series))
	}
	if len(r.Steps) > 0 && r.Static {
		d.Add(staticSteps(r.Steps))
	} else if len(r.Steps) > 0 {
		d.Add(stepsTable(r.Steps, r.Verified != nil))
	}
	addAccepted(d, r.Ignored)
	if reasons := stepReasons(r.Steps); len(reasons) > 0 {
		d.Add(page.Heading{Level: level, Text: "What was not kept, and why"}, reasons)
	}
	if costs := stepCosts(r.Steps); len(costs) > 0 {
		d.Add(page.Heading{Level: level, Text: "What to know before you keep them"}, costs)
	}
	if v := r.Verified; v != nil {
		d.Add(page.Heading{Level: level, Text: "Built and run, before and after"}, verifiedTable(v))
		if len(v.Rounds) > 0 {
			d.Add(roundsTable(v.Rounds))
		}
		d.Add(verifiedWords(v))
		readySection(d, level+1, verifiedReady(v))
		if verbose {
			verifiedRows(d, level+1, v)
		}
	}
}

// repairAnswer says what came of the images, one line for each that was built.
func repairAnswer(d *page.Document, r *whittle.Repair) {
	if r.Verified == nil {
		return
	}
	var items page.List
	for _, v := range r.Verified.Variants {
		if v.Before.Build != whittle.Built || v.After.Build != whittle.Built {
			continue
		}
		s := fmt.Sprintf("%s: size %s → %s", v.Name, whittle.Bytes(v.Before.Sizes.Size), whittle.Bytes(v.After.Sizes.Size))
		if change := percentChange(v.Before.Sizes.Size, v.After.Sizes.Size); change != "" {
			s += " (" + change + ")"
		}
		items = append(items, s+", "+map[whittle.Verdict]string{whittle.Runs: "it runs", whittle.Fails: "it does not run", whittle.Unknown: "it was not run"}[v.After.Verdict]+".")
	}
	if len(items) > 0 {
		d.Add(items)
	}
}

// repairNext is the command that proves, makes or goes beyond the fixes.
func repairNext(r *whittle.Repair) *page.NextStep {
	switch {
	case r.Next != nil:
		return strategyNext(r.Next)
	case r.Written || len(r.Files) == 0 || r.Static:
		return nil
	case r.Verified == nil:
		return page.OfProject("build and run the images with these changes (--write makes them)", "fix", "--verify")
	}
	return page.OfProject("make these changes", "fix", "--verify", "--write")
}

// commitsTable has a row for each commit, with the name that git gave it.
func commitsTable(s *whittle.RepairSeries) page.Table {
	t := page.Table{Columns: []page.Column{page.Left("Commit"), page.Wrapped("Subject")}}
	for i, c := range s.Commits {
		name := fmt.Sprint(i + 1)
		if c.Commit != "" {
			name = c.Commit[:min(len(c.Commit), 10)]
		}
		t.Row(page.Text(name), page.Text(c.Subject))
	}
	return t
}

// stepsTable has a row for each fix: what it does, what it was predicted to save
// and, where it was built, what it saved. Rows of a later round are below a row
// that says so.
func stepsTable(steps []whittle.RepairStep, built bool) page.Table {
	t := page.Table{Columns: []page.Column{page.Wrapped("Fix"), page.Spare(1, page.Right("Predicted")), page.Left("Status")}}
	if built {
		t.Columns = slices.Insert(t.Columns, 2, page.Right("Actual"), page.Spare(2, page.Right("Off by")))
	}
	name, round := stepNames(steps), 1
	for _, s := range steps {
		if s.Round > 1 && s.Round != round {
			round = s.Round
			t.Row(append([]page.Cell{page.Toned(fmt.Sprintf("round %d", round), page.Faint)}, make([]page.Cell, len(t.Columns)-1)...)...)
		}
		row := []page.Cell{page.Text(name(s)), page.Text(savingText(s.Finding.Saving)), stepStatus(s.Status)}
		if built {
			actual, off := page.Text("–"), page.Text("")
			if s.Saved != nil {
				actual, off = savingCell(whittle.Saving{Low: *s.Saved, High: *s.Saved}), savedError(s.Finding.Saving, *s.Saved)
			}
			row = slices.Insert(row, 2, actual, off)
		}
		t.Row(row...)
	}
	return t
}

// stepNames names steps by the rule and what its fix does, or what it found,
// and by the variant where there are several.
func stepNames(steps []whittle.RepairStep) func(whittle.RepairStep) string {
	variants := map[string]bool{}
	for _, s := range steps {
		variants[s.Finding.Variant] = true
	}
	return func(s whittle.RepairStep) string {
		what := s.Finding.Message
		if s.Finding.Fix != nil {
			what = cmp.Or(s.Finding.Fix.Title, what)
		}
		name := s.Finding.Rule + ": " + what
		if s.Finding.Variant != "" && len(variants) > 1 {
			name += " (" + s.Finding.Variant + ")"
		}
		return name
	}
}

func stepStatus(status whittle.FixStatus) page.Cell {
	switch status {
	case whittle.Applied:
		return page.Toned(string(status), page.Good)
	case whittle.Reverted:
		return page.Toned(string(status), page.Bad)
	}
	return page.Toned(string(status), page.Faint)
}

// stepReasons say why fixes were not kept, one line for those with one reason.
func stepReasons(steps []whittle.RepairStep) page.List {
	return stepWords(steps, ", ", func(s whittle.RepairStep) string {
		if s.Reason == "" {
			return ""
		}
		return string(s.Status) + ": " + s.Reason
	})
}

// stepCosts say what the fixes that were made cost besides (a slower start, a
// file that somebody may look for), what only runs show, and which of them saved less
// than half of what they were to save.
func stepCosts(steps []whittle.RepairStep) page.List {
	items := stepWords(steps, ": ", func(s whittle.RepairStep) string {
		if s.Status != whittle.Applied {
			return ""
		}
		cost := s.Finding.Caution
		for i, t := range s.StartUp {
			cost += map[bool]string{true: "; measured: ", false: ", "}[i == 0] + t.String()
		}
		if s.Finding.SlowsStart && len(s.StartUp) == 0 {
			cost += "; not measured alone"
		}
		if cost != "" && s.Support != "" {
			cost += "; "
		}
		return cost + s.Support
	})
	return append(items, stepWords(steps, ": ", func(s whittle.RepairStep) string {
		if s.Status != whittle.Applied || s.Saved == nil || !disappoints(s.Finding.Saving, *s.Saved) {
			return ""
		}
		return fmt.Sprintf("predicted %s, actual %s: hardly worth it", savingText(s.Finding.Saving), savingText(whittle.Saving{Low: *s.Saved, High: *s.Saved}))
	})...)
}

// stepWords say something of steps, one line for those of which it is the same.
func stepWords(steps []whittle.RepairStep, join string, say func(whittle.RepairStep) string) page.List {
	var said []string
	names := map[string][]string{}
	name := stepNames(steps)
	for _, s := range steps {
		words := say(s)
		if words == "" {
			continue
		}
		if names[words] == nil {
			said = append(said, words)
		}
		n := strings.TrimSuffix(name(s), ".")
		if saves := s.Finding.Saving; s.Status == whittle.FixSkipped && saves.High > 0 {
			n += " (" + savingText(saves) + ")"
		}
		if !slices.Contains(names[words], n) {
			names[words] = append(names[words], n)
		}
	}
	items := make(page.List, len(said))
	for i, w := range said {
		items[i] = strings.Join(names[w], "; ") + join + w
	}
	return items
}

// verifiedTable holds each variant's size and run before against after.
func verifiedTable(v *whittle.Verification) page.Table {
	t := page.Table{Columns: []page.Column{page.Flexible("Variant"), page.Right("Before"), page.Right("After"), page.Spare(3, page.Right("Predicted")), page.Spare(1, page.Right("Actual")), page.Spare(2, page.Right("Off by")), page.Wrapped("Runs")}}
	for _, vv := range v.Variants {
		before, after := outcomeSize(vv.Before), outcomeSize(vv.After)
		predicted, actual, off := page.Text("–"), page.Text("–"), page.Text("")
		if vv.Before.Build == whittle.Built && vv.After.Build == whittle.Built {
			predicted, actual, off = page.Text(savingText(vv.Predicted)), savingCell(whittle.Saving{Low: vv.Saved, High: vv.Saved}), savedError(vv.Predicted, vv.Saved)
		}
		t.Row(page.Text(vv.Name), page.Text(before), page.Text(after), predicted, actual, off, verdictChange(vv))
	}
	return t
}

// roundsTable holds what the fixes of each round were to save in a variant
// against what they did.
func roundsTable(rounds []whittle.VerifiedRound) page.Table {
	t := page.Table{Columns: []page.Column{page.Right("Round"), page.Flexible("Variant"), page.Wrapped("Fixes"), page.Spare(2, page.Right("Predicted")), page.Right("Actual"), page.Spare(1, page.Right("Off by"))}}
	for _, r := range rounds {
		t.Row(page.Text(fmt.Sprint(r.Round)), page.Text(r.Variant), page.Text(strings.Join(r.Rules, ", ")), page.Text(savingText(r.Predicted)),
			savingCell(whittle.Saving{Low: r.Saved, High: r.Saved}), savedError(r.Predicted, r.Saved))
	}
	return t
}

func outcomeSize(o whittle.Outcome) string {
	if o.Build != whittle.Built {
		return "–"
	}
	return whittle.Bytes(o.Sizes.Size)
}

// verdictChange answers whether a variant runs: "no → yes", or one word where
// nothing changed.
func verdictChange(v whittle.VerifiedVariant) page.Cell {
	answers := map[whittle.Verdict]string{whittle.Runs: "yes", whittle.Fails: "no", whittle.Unknown: statusWord(whittle.Unknown)}
	after := statusCell(v.After.Verdict)
	after.Text = answers[v.After.Verdict]
	if v.Before.Verdict != v.After.Verdict {
		after.Text = answers[v.Before.Verdict] + " → " + after.Text
	}
	return after
}

// verifiedWords are what the table has no room for: commands and problems.
func verifiedWords(v *whittle.Verification) page.List {
	var items page.List
	for _, vv := range v.Variants {
		if vv.Before.Commands+vv.After.Commands > 0 {
			items = append(items, fmt.Sprintf("%s: %d of %d commands passed before, %d of %d after.", vv.Name,
				vv.Before.Passed, vv.Before.Commands, vv.After.Passed, vv.After.Commands))
		}
		for _, o := range []struct{ name, start string }{{"before", vv.Before.Start}, {"after", vv.After.Start}} {
			if o.start != "" {
				items = append(items, fmt.Sprintf("%s %s: %s", vv.Name, o.name, o.start))
			}
		}
		for _, item := range requestChanges(vv.Before.Requests, vv.After.Requests) {
			items = append(items, vv.Name+": "+item)
		}
		for _, s := range vv.Slower {
			items = append(items, fmt.Sprintf("%s: %s: a slower start for %s.", vv.Name, s, whittle.Bytes(vv.Saved)))
		}
		items = append(items, outcomeWords(vv.Name+" before", vv.Before)...)
		items = append(items, outcomeWords(vv.Name+" after", vv.After)...)
	}
	found := fmt.Sprintf("%d %s to find out.", v.Builds, page.Plural(v.Builds, "builds"))
	if v.Images > v.Builds {
		found = fmt.Sprintf("%d %s, of %d images, to find out.", v.Builds, page.Plural(v.Builds, "builds"), v.Images)
	}
	return append(items, found)
}

// outcomeWords say what is wrong with an image, if anything is.
func outcomeWords(name string, o whittle.Outcome) page.List {
	switch {
	case o.Build != whittle.Built && o.Problem != "":
		return page.List{fmt.Sprintf("%s, %s: %s", name, buildWord(o.Build), o.Problem)}
	case o.Build != whittle.Built:
		return page.List{name + ", " + buildWord(o.Build) + "."}
	case o.Problem != "":
		return page.List{name + ": " + o.Problem}
	}
	return nil
}

// verifiedRows say where the difference of each variant is.
func verifiedRows(d *page.Document, level int, v *whittle.Verification) {
	for _, vv := range v.Variants {
		if len(vv.Rows) == 0 {
			continue
		}
		d.Add(page.Heading{Level: level, Text: "Where the difference of " + vv.Name + " is"}, rowsTable(vv.Rows, 2*most))
	}
}
