package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/report/page"
)

// HistoryText writes records for a terminal.
func HistoryText(w io.Writer, h *whittle.HistoryList, st page.Style) error {
	return page.WriteText(w, historyDoc(h), st)
}

// HistoryMarkdown writes records as Markdown.
func HistoryMarkdown(w io.Writer, h *whittle.HistoryList) error {
	return page.WriteMarkdown(w, historyDoc(h))
}

func historyDoc(h *whittle.HistoryList) page.Document {
	var d page.Document
	if len(h.Records) == 0 {
		d.Add(page.Heading{Level: 1, Text: "No records in " + h.Database}, page.Para("inspect, gate and lab record what they measure with --record, or for a project whose whittle.yaml says history: true."))
		return d
	}
	d.Add(page.Heading{Level: 1, Text: historyTitle(h)})
	if lines := sparklines(h); len(lines) > 0 {
		d.Add(lines)
	}
	head := "Size"
	if h.Package != "" {
		head = h.Package
	}
	t := page.Table{Columns: []page.Column{page.Right("Record"), page.Left("When"), page.Spare(1, page.Left("Commit")), page.Spare(3, page.Left("Branch")), page.Right(head), page.Right("Change"),
		page.Spare(2, page.Right("Wasted")), page.Spare(5, page.Left("By")), page.Spare(4, page.Left("Result")), {Head: "Project", Flex: true, Least: 12}}}
	for i := range h.Records {
		r := &h.Records[i]
		t.Row(page.Text(fmt.Sprint(r.ID)), page.Text(minute(r.Time)), page.Text(commitCell(r)), page.Text(r.Branch), page.Text(whittle.Bytes(sizeOf(r))), changeSince(h, i), page.Text(whittle.Bytes(r.Sizes.Wasted)),
			page.Text(r.Command), resultCell(r), page.Text(named(r)))
	}
	d.Add(t)
	if h.More > 0 {
		d.Add(page.Para(fmt.Sprintf("%s more %s: --rows 0 shows all.", whittle.Thousands(h.More), page.Plural(int(h.More), "records"))))
	}
	if len(h.Records) > 1 {
		d.Next(page.OfImage("what changed between two of them", fmt.Sprint(h.Records[0].ID), "history", "compare", fmt.Sprint(h.Records[1].ID)))
	}
	return d
}

// historyTitle is where the sizes are and where they were.
func historyTitle(h *whittle.HistoryList) string {
	last, first := &h.Records[0], &h.Records[len(h.Records)-1]
	about := fmt.Sprintf("%d %s in %s", len(h.Records), page.Plural(len(h.Records), "records"), h.Database)
	if slices.ContainsFunc(h.Records, func(r whittle.RecordRow) bool { return named(&r) != named(last) }) {
		return about
	}
	what := named(last)
	if h.Package != "" {
		what = h.Package + " in " + what
	}
	return fmt.Sprintf("%s: %s, %s since %s", what, whittle.Bytes(sizeOf(last)), change(sizeOf(first), sizeOf(last)), minute(first.Time))
}

// sizeOf is the size that a list is about.
func sizeOf(r *whittle.RecordRow) int64 {
	if r.Package != nil {
		return *r.Package
	}
	return r.Sizes.Size
}

// named is a record's project, with its variant.
func named(r *whittle.RecordRow) string {
	if r.Variant != "" {
		return r.Project + " (" + r.Variant + ")"
	}
	return r.Project
}

// minute is a time without what is less than a minute.
func minute(text string) string {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return text
	}
	return at.UTC().Format("2006-01-02 15:04")
}

// commitCell is the beginning of a commit, with a mark where files were changed.
func commitCell(r *whittle.RecordRow) string {
	s := shortCommit(r.Commit)
	if r.Modified && s != "" {
		s += "+"
	}
	return s
}

// shortCommit is the beginning of a commit's hash.
func shortCommit(hash string) string { return hash[:min(len(hash), 10)] }

// changeSince is the change against the record before of the same image.
func changeSince(h *whittle.HistoryList, i int) page.Cell {
	r := &h.Records[i]
	for j := i + 1; j < len(h.Records); j++ {
		before := &h.Records[j]
		if named(before) != named(r) || before.Platform != r.Platform {
			continue
		}
		if n := sizeOf(r) - sizeOf(before); n != 0 {
			return changeCell(float64(n), "bytes")
		}
		return page.Toned("the same", page.Faint)
	}
	return page.Cell{}
}

func resultCell(r *whittle.RecordRow) page.Cell {
	switch {
	case r.Gate != "":
		return gateStatusCell(r.Gate)
	case r.Runs == whittle.Fails:
		return page.Toned(string(r.Runs), page.Bad)
	}
	return page.Text(string(r.Runs))
}

// bars are the heights of a sparkline.
var bars = []rune("▁▂▃▄▅▆▇█")

// maxSparkline is how many of the last records a sparkline shows.
const maxSparkline = 60

// sparklines are the sizes of each image over time, the oldest first; of one record
// there is none.
func sparklines(h *whittle.HistoryList) page.List {
	sizes := map[string][]int64{}
	var order []string
	for i := len(h.Records) - 1; i >= 0; i-- {
		r := &h.Records[i]
		if sizes[named(r)] == nil {
			order = append(order, named(r))
		}
		sizes[named(r)] = append(sizes[named(r)], sizeOf(r))
	}
	var out page.List
	for _, name := range order {
		all := sizes[name]
		if len(all) < 2 {
			continue
		}
		if len(out) == maxSparklines {
			break
		}
		all = all[max(0, len(all)-maxSparkline):]
		out = append(out, fmt.Sprintf("%s  %s to %s  %s", sparkline(all), whittle.Bytes(slices.Min(all)), whittle.Bytes(slices.Max(all)), name))
	}
	return out
}

// maxSparklines bounds the images that have one.
const maxSparklines = 8

// sparkline draws sizes between the smallest and the largest of them.
func sparkline(sizes []int64) string {
	least, most := slices.Min(sizes), slices.Max(sizes)
	var b strings.Builder
	for _, n := range sizes {
		at := 0
		if most > least {
			at = int(float64(n-least) / float64(most-least) * float64(len(bars)-1))
		}
		b.WriteRune(bars[at])
	}
	return b.String()
}

// PruneText writes what pruning a history removed.
func PruneText(w io.Writer, p *whittle.Pruned) error {
	_, err := fmt.Fprintf(w, "%s %s %s\n", whittle.Thousands(p.Records), page.Plural(int(p.Records), "records"), map[bool]string{true: "would be removed", false: "removed"}[p.DryRun])
	return err
}

// HistoryChangeText writes what changed between two records for a terminal. At most rows
// causes are shown; 0 shows all.
func HistoryChangeText(w io.Writer, c *whittle.HistoryChange, st page.Style, rows int) error {
	return page.WriteText(w, historyChangeDoc(c, rows), st)
}

// HistoryChangeMarkdown writes what changed between two records as Markdown.
func HistoryChangeMarkdown(w io.Writer, c *whittle.HistoryChange, rows int) error {
	return page.WriteMarkdown(w, historyChangeDoc(c, rows))
}

func historyChangeDoc(c *whittle.HistoryChange, rows int) page.Document {
	var d page.Document
	from, to := &c.From, &c.To
	d.Add(page.Heading{Level: 1, Text: fmt.Sprintf("%s: %s, from record %d to %d", named(to), change(from.Sizes.Size, to.Sizes.Size), from.ID, to.ID)})
	t := page.Table{Columns: []page.Column{page.Right("Record"), page.Left("When"), page.Spare(1, page.Left("Commit")), page.Right("Size"), page.Right("Wasted"), page.Spare(2, page.Right("Download")), {Head: "Image", Flex: true, Least: 12}}}
	for _, r := range []*whittle.RecordRow{from, to} {
		t.Row(page.Text(fmt.Sprint(r.ID)), page.Text(minute(r.Time)), page.Text(commitCell(r)), page.Text(whittle.Bytes(r.Sizes.Size)), page.Text(whittle.Bytes(r.Sizes.Wasted)), page.Text(optionalBytes(r.Sizes.Download)), page.Text(r.Ref))
	}
	d.Add(t)
	if c.Base != "" {
		d.Add(page.Para(strings.ToUpper(c.Base[:1]) + c.Base[1:] + "."))
	}
	was := float64(from.Sizes.Size)
	budgetCauses(&d, &whittle.BudgetRow{On: "size", Unit: "bytes", Status: whittle.GateFails, Was: &was, Causes: c.Causes}, rows)
	d.Add(recordFindings("New findings", c.New)...)
	d.Add(recordFindings("Findings that are gone", c.Gone)...)
	return d
}

// recordFindings are findings of records, by rule.
func recordFindings(title string, all []whittle.RecordFinding) []page.Block {
	if len(all) == 0 {
		return nil
	}
	t := page.Table{Columns: []page.Column{page.Right("Saves"), {Head: "Rule", Flex: true}}}
	for _, f := range all {
		t.Row(savingCell(f.Saving), page.Text(f.Rule))
	}
	return []page.Block{page.Heading{Level: 2, Text: title}, t}
}

// BlameText writes a blame for a terminal. At most rows causes of each step are shown; 0
// shows all.
func BlameText(w io.Writer, b *whittle.Blame, st page.Style, rows int) error {
	return page.WriteText(w, blameDoc(b, rows), st)
}

// BlameMarkdown writes a blame as Markdown.
func BlameMarkdown(w io.Writer, b *whittle.Blame, rows int) error {
	return page.WriteMarkdown(w, blameDoc(b, rows))
}

func blameDoc(b *whittle.Blame, rows int) page.Document {
	var d page.Document
	what := b.Project
	if b.Variant != "" {
		what += " (" + b.Variant + ")"
	}
	if b.Package != "" {
		what = b.Package + " in " + what
	}
	if len(b.Steps) == 0 {
		d.Add(page.Heading{Level: 1, Text: what + ": no recorded commit changed the size"})
	} else {
		most := slices.MaxFunc(b.Steps, func(x, y whittle.BlameStep) int { return int(min(max(x.Change()-y.Change(), -1), 1)) })
		title := fmt.Sprintf("%s: no commit made it larger", what)
		if most.Change() > 0 {
			title = fmt.Sprintf("%s: %s %s, the most", what, shortCommit(most.Commit), grew(&most))
		}
		d.Add(page.Heading{Level: 1, Text: title})
		t := page.Table{Columns: []page.Column{page.Right("Change"), page.Right("Size"), page.Left("Commit"), {Head: "Subject", Flex: true, Least: 12}, page.Spare(1, page.Column{Head: "Cause", Flex: true, Least: 12})}}
		for i := range b.Steps {
			s := &b.Steps[i]
			t.Row(changeCell(float64(s.Change()), "bytes"), page.Text(whittle.Bytes(s.After)), page.Text(shortCommit(s.Commit)), page.Text(oneOf(s)), page.Text(mostly(s.Causes, rows)))
		}
		d.Add(t)
	}
	if b.Unrecorded > 0 {
		d.Add(page.Para(fmt.Sprintf("%d %s between them %s no record: whittle history bisect builds what it needs of them.", b.Unrecorded, page.Plural(b.Unrecorded, "commits"), map[bool]string{true: "has", false: "have"}[b.Unrecorded == 1])))
	}
	return d
}

// grew says what a commit did to the size.
func grew(s *whittle.BlameStep) string {
	if s.Commits > 1 {
		return fmt.Sprintf("or one of the %d before it added %s", s.Commits-1, whittle.Bytes(s.Change()))
	}
	return "added " + whittle.Bytes(s.Change())
}

// oneOf is the subject of a commit, with how many others may be meant.
func oneOf(s *whittle.BlameStep) string {
	if s.Commits > 1 {
		return fmt.Sprintf("%s (or one of %d before it)", s.Subject, s.Commits-1)
	}
	return s.Subject
}

// mostly are the largest causes in a line.
func mostly(causes []whittle.GateCause, rows int) string {
	if rows == 0 {
		rows = len(causes)
	}
	var all []string
	for i := range causes[:min(len(causes), rows)] {
		c := &causes[i]
		all = append(all, fmt.Sprintf("%s %s", causeName(c), figureText(c.Change, "bytes")))
	}
	return strings.Join(all, ", ")
}

// BisectText writes a bisection for a terminal. At most rows causes are shown; 0 shows
// all.
func BisectText(w io.Writer, b *whittle.Bisection, st page.Style, rows int) error {
	return page.WriteText(w, bisectDoc(b, rows), st)
}

// BisectMarkdown writes a bisection as Markdown.
func BisectMarkdown(w io.Writer, b *whittle.Bisection, rows int) error {
	return page.WriteMarkdown(w, bisectDoc(b, rows))
}

func bisectDoc(b *whittle.Bisection, rows int) page.Document {
	var d page.Document
	s := &b.Step
	d.Add(page.Heading{Level: 1, Text: fmt.Sprintf("%s %s: %s", shortCommit(s.Commit), grew(s), s.Subject)},
		page.Para(fmt.Sprintf("It is the first of at least %s: %s → %s (records %d and %d).", whittle.Bytes(b.Threshold), whittle.Bytes(s.Before), whittle.Bytes(s.After), s.From, s.To)))
	was := float64(s.Before)
	budgetCauses(&d, &whittle.BudgetRow{On: "size", Unit: "bytes", Status: whittle.GateFails, Was: &was, Causes: s.Causes}, rows)
	t := page.Table{Columns: []page.Column{page.Right("Size"), page.Left("Commit"), page.Spare(2, page.Left("From")), {Head: "Subject", Flex: true, Least: 12}}}
	for _, c := range b.Tried {
		size, from := page.Text(whittle.Bytes(c.Size)), "built"
		if c.Reason != "" {
			size, from = page.Toned("no image", page.Bad), whittle.Shorten(whittle.OneLine(c.Reason), 60)
		} else if c.Recorded {
			from = "the history"
		}
		t.Row(size, page.Text(shortCommit(c.Commit)), page.Text(from), page.Text(c.Subject))
	}
	d.Add(page.Heading{Level: 2, Text: "Commits that were looked at"}, t)
	return d
}
