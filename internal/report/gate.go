package report

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/report/page"
)

// GateText writes the verdict of a gate for a terminal. At most rows causes of each
// budget are shown; 0 shows all.
func GateText(w io.Writer, g *whittle.Gate, st page.Style, rows int) error {
	return page.WriteText(w, gateDoc(g, rows), st)
}

// GateMarkdown writes the verdict of a gate as Markdown, as a pull request shows it.
func GateMarkdown(w io.Writer, g *whittle.Gate, rows int) error {
	return page.WriteMarkdown(w, gateDoc(g, rows))
}

func gateDoc(g *whittle.Gate, rows int) page.Document {
	var d page.Document
	d.Add(page.Heading{Level: 1, Text: gateTitle(g)})
	d.Add(gateSizes(g))
	if len(g.Budgets) > 0 {
		t := page.Table{Columns: []page.Column{page.Left(""), {Head: "Budget", Flex: true, Wrap: true, Least: 30}}}
		for _, b := range g.Budgets {
			t.Row(gateStatusCell(b.Status), page.Text(b.Text))
		}
		d.Add(t)
	}
	for i := range g.Budgets {
		budgetCauses(&d, &g.Budgets[i], rows)
	}
	gateRuns(&d, g.Check)
	if len(g.Findings) > 0 {
		t := page.Table{Columns: []page.Column{page.Left(""), page.Right("Saves"), page.Spare(1, page.Left("Rule")), {Head: "Finding", Flex: true, Wrap: true, Least: 30}}}
		for _, f := range g.Findings {
			t.Row(gateStatusCell(f.Status), savingCell(f.Saving), page.Text(f.Rule), page.Text(placed(f.Message, f.File, f.Line)))
		}
		d.Add(page.Heading{Level: 2, Text: "Findings"}, t)
	}
	if len(g.Notes) > 0 {
		d.Add(page.List(g.Notes))
	}
	d.Next(gateNext(g))
	return d
}

// gateTitle is the verdict in a line.
func gateTitle(g *whittle.Gate) string {
	failed, n := g.Failed()
	runs := ""
	if g.Check != nil && g.Check.Status == whittle.GateFails {
		runs = "does not run"
		if g.Check.Verdict == whittle.Unknown {
			runs = "may not run"
		}
	}
	var parts []string
	if failed > 0 {
		parts = append(parts, fmt.Sprintf("over %d of %d %s", failed, len(g.Budgets), page.Plural(len(g.Budgets), "budgets")))
	}
	if runs != "" {
		parts = append(parts, runs)
	}
	switch {
	case len(parts) > 0:
	case g.Status == whittle.GateFails:
		parts = append(parts, fmt.Sprintf("%d %s %s the gate", n, page.Plural(n, "findings"), map[bool]string{true: "fails", false: "fail"}[n == 1]))
	case g.Status == whittle.GateUnmeasured:
		parts = append(parts, "could not be measured")
	case g.Status == whittle.GateWarns:
		parts = append(parts, "passes, with warnings")
	default:
		parts = append(parts, "passes")
	}
	return g.Image.Ref + ": " + strings.Join(parts, ", ")
}

// gateSizes has the sizes beside those of the baseline.
func gateSizes(g *whittle.Gate) page.Para {
	if g.Baseline == nil {
		return page.Para(fmt.Sprintf("Size %s, download %s, wasted %s. Nothing to compare with.", whittle.Bytes(g.Sizes.Size), optionalBytes(g.Sizes.Download), whittle.Bytes(g.Sizes.Wasted)))
	}
	was := g.Baseline.Sizes
	s := fmt.Sprintf("Size %s (%s against %s), wasted %s (%s).", whittle.Bytes(g.Sizes.Size), change(was.Size, g.Sizes.Size), g.Baseline.Name, whittle.Bytes(g.Sizes.Wasted), change(was.Wasted, g.Sizes.Wasted))
	if g.Sizes.Download != nil && was.Download != nil {
		s += fmt.Sprintf(" Download %s (%s).", whittle.Bytes(*g.Sizes.Download), change(*was.Download, *g.Sizes.Download))
	}
	if g.Baseline.Base != "" {
		s += " " + strings.ToUpper(g.Baseline.Base[:1]) + g.Baseline.Base[1:] + "."
	}
	return page.Para(s)
}

func change(before, after int64) string {
	if before == after {
		return "the same"
	}
	return whittle.SignedBytes(after - before)
}

func gateStatusCell(s whittle.GateStatus) page.Cell {
	switch s {
	case whittle.GateFails:
		return page.Toned("fails", page.Bad)
	case whittle.GateWarns:
		return page.Text("warning")
	case whittle.GateUnmeasured:
		return page.Toned("not measured", page.Bad)
	case whittle.GatePasses:
		return page.Toned("ok", page.Good)
	}
	return page.Toned("skipped", page.Faint)
}

// budgetCauses adds what makes up a budget that is not kept, and what leads back.
func budgetCauses(d *page.Document, b *whittle.BudgetRow, rows int) {
	if len(b.Causes) == 0 || b.Status == whittle.GatePasses || b.Status == whittle.GateSkipped {
		return
	}
	title := "What makes up " + b.On
	if b.Was != nil {
		title = "What changed " + b.On
	}
	t := page.Table{Columns: []page.Column{page.Right("Change"), page.Shares(2), {Head: "Cause", Flex: true, Least: 16}, page.Spare(1, page.Column{Head: "Version", Flex: true}), {Head: "From", Flex: true, Path: true, Least: 10}}}
	var whole, sum float64
	for _, c := range b.Causes {
		whole += math.Abs(c.Change)
		sum += c.Change
	}
	few := page.Cutoff{Rows: rows}
	if rows > 0 {
		few.Whole = int64(whole)
	}
	shown := few.Of(len(b.Causes), func(i int) int64 { return int64(math.Abs(b.Causes[i].Change)) })
	for _, c := range b.Causes[:shown] {
		t.Row(changeCell(c.Change, b.Unit), page.ShareCell(int64(math.Abs(c.Change)), int64(whole)), page.Text(causeName(&c)), page.Text(versionChange(c.From, c.To)), page.Text(placeOf(c.File, c.Line)))
	}
	if rest := b.Causes[shown:]; len(rest) > 0 {
		n, size := 0.0, 0.0
		for _, c := range rest {
			n, size = n+c.Change, size+math.Abs(c.Change)
		}
		t.Row(page.Text(figureText(n, b.Unit)), page.ShareCell(int64(size), int64(whole)), page.Smaller(len(rest)), page.Cell{}, page.Cell{})
	}
	t.Row(page.Text(figureText(sum, b.Unit)), page.Cell{}, page.Text("in all"), page.Cell{}, page.Cell{})
	d.Add(page.Heading{Level: 2, Text: title}, t)
	if len(b.Back) > 0 {
		var lines page.List
		for _, f := range b.Back {
			lines = append(lines, fmt.Sprintf("%s: %s", whittle.Bytes(f.Saving.Low), placed(f.Message, f.File, f.Line)))
		}
		over := int64(b.Actual - b.Limit)
		title := "These bring it back under the limit, and save " + whittle.Bytes(b.BackSaves) + " together:"
		if b.BackSaves < over {
			title = fmt.Sprintf("These save %s of the %s together:", whittle.Bytes(b.BackSaves), whittle.Bytes(over))
		}
		d.Add(page.Para(title), lines)
	}
}

func causeName(c *whittle.GateCause) string {
	if c.Kind == "wasted" {
		return "hidden by " + c.Name
	}
	if c.Why == "" {
		return c.Name
	}
	return c.Name + ", " + c.Why
}

func versionChange(from, to string) string {
	switch {
	case from != "" && to != "" && from != to:
		return from + " → " + to
	case to != "":
		return to
	}
	return from
}

func placeOf(file string, line int) string {
	if file == "" || line == 0 {
		return file
	}
	return fmt.Sprintf("%s:%d", file, line)
}

func placed(message, file string, line int) string {
	if at := placeOf(file, line); at != "" && !strings.Contains(message, at) {
		return at + ": " + message
	}
	return message
}

func changeCell(n float64, unit string) page.Cell {
	s := figureText(n, unit)
	if n > 0 {
		return page.Toned(s, page.Bad)
	}
	return page.Toned(s, page.Good)
}

// figureText is a change in a budget's unit, with a plus sign before growth.
func figureText(n float64, unit string) string {
	s := ""
	if n > 0 {
		s = "+"
	}
	switch unit {
	case "bytes":
		return s + whittle.Bytes(int64(n))
	case "seconds":
		return s + strconv.FormatFloat(n, 'f', -1, 64) + " s"
	}
	return s + whittle.Thousands(int64(n))
}

// gateRuns says why an image does not run.
func gateRuns(d *page.Document, c *whittle.GateCheck) {
	if c == nil || c.Status != whittle.GateFails {
		return
	}
	var lines page.List
	for _, p := range c.Problems {
		lines = append(lines, placed(p.Message, p.Path, p.Line))
	}
	if len(lines) == 0 {
		lines = page.List{"the files do not say whether it runs"}
	}
	d.Add(page.Heading{Level: 2, Text: "Why it does not run"}, lines)
}

// gateNext is the command to type next.
func gateNext(g *whittle.Gate) *page.NextStep {
	switch {
	case g.Check != nil && g.Check.Status == whittle.GateFails:
		return page.OfImage("what is missing, and how it is reached", g.Image.Ref, "check")
	case g.Status == whittle.GateFails:
		return page.OfImage("what could be smaller", g.Image.Ref, "advise")
	case g.Baseline == nil:
		return page.OfImage("keep this image to compare the next one with", g.Image.Ref, "gate", "--update-baseline")
	}
	return nil
}
