package report

import (
	"fmt"
	"io"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/report/page"
)

// SimulationText writes a simulation for a terminal.
func SimulationText(w io.Writer, s *whittle.Simulation, st page.Style) error {
	return page.WriteText(w, simulationDoc(s), st)
}

// SimulationMarkdown writes a simulation as Markdown.
func SimulationMarkdown(w io.Writer, s *whittle.Simulation) error {
	return page.WriteMarkdown(w, simulationDoc(s))
}

func simulationDoc(s *whittle.Simulation) page.Document {
	var d page.Document
	title := fmt.Sprintf("%s: size %s, %s without what was named", s.Image.Ref, whittle.Bytes(s.Before.Size), whittle.Bytes(s.After.Size))
	d.Add(page.Heading{Level: 1, Text: title})
	t := page.Table{Columns: []page.Column{page.Right("Saves"), page.Shares(1), page.Right("Files"), page.Spare(2, page.Right("Layers")), {Head: "Without", Flex: true, Least: 16}}}
	for _, c := range s.Changes {
		t.Rows = append(t.Rows, []page.Cell{savingCell(c.Saving), page.ShareCell(c.Saving.Low, s.Before.Size), page.Text(fmt.Sprint(c.Files)), page.Text(fmt.Sprint(c.Layers)), page.Text(c.What)})
	}
	t.Rows = append(t.Rows, []page.Cell{savingCell(s.Total), page.ShareCell(s.Total.Low, s.Before.Size), page.Text(""), page.Text(""), page.Text("all together")})
	d.Add(t)
	d.Add(page.Para(fmt.Sprintf("Visible %s → %s, wasted %s → %s.", whittle.Bytes(s.Before.Visible), whittle.Bytes(s.After.Visible),
		whittle.Bytes(s.Before.Wasted), whittle.Bytes(s.After.Wasted))), page.Explained("size", "wasted"))
	var items page.List
	for _, c := range s.Changes {
		if len(c.Distributions) > 1 {
			items = append(items, c.What+" goes with all that only it needs: "+strings.Join(c.Distributions, ", "))
		}
	}
	if len(items) > 0 {
		d.Add(items)
	}
	d.Add(page.Para("Whether it runs without them was not tried: whittle fix --verify builds and runs what it changes."))
	return d
}
