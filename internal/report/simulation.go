package report

import (
	"fmt"
	"io"
	"strings"

	"whittle.dev/whittle"
)

// SimulationText writes a simulation for a terminal.
func SimulationText(w io.Writer, s *whittle.Simulation, st Style) error {
	return writeText(w, simulationDoc(s), st)
}

// SimulationMarkdown writes a simulation as Markdown.
func SimulationMarkdown(w io.Writer, s *whittle.Simulation) error {
	return writeMarkdown(w, simulationDoc(s))
}

func simulationDoc(s *whittle.Simulation) document {
	var d document
	title := fmt.Sprintf("%s: size %s, %s without what was named", s.Image.Ref, whittle.Bytes(s.Before.Size), whittle.Bytes(s.After.Size))
	d.add(heading{1, title})
	t := table{columns: []column{right("Saves"), shares(1), right("Files"), spare(2, right("Layers")), {head: "Without", flex: true, least: 16}}}
	for _, c := range s.Changes {
		t.rows = append(t.rows, []cell{savingCell(c.Saving), shareCell(c.Saving.Low, s.Before.Size), text(fmt.Sprint(c.Files)), text(fmt.Sprint(c.Layers)), text(c.What)})
	}
	t.rows = append(t.rows, []cell{savingCell(s.Total), shareCell(s.Total.Low, s.Before.Size), text(""), text(""), text("all together")})
	d.add(t)
	d.add(para(fmt.Sprintf("Visible %s → %s, wasted %s → %s.", whittle.Bytes(s.Before.Visible), whittle.Bytes(s.After.Visible),
		whittle.Bytes(s.Before.Wasted), whittle.Bytes(s.After.Wasted))), explained("size", "wasted"))
	var items list
	for _, c := range s.Changes {
		if len(c.Distributions) > 1 {
			items = append(items, c.What+" goes with all that only it needs: "+strings.Join(c.Distributions, ", "))
		}
	}
	if len(items) > 0 {
		d.add(items)
	}
	d.add(para("Whether it runs without them was not tried: whittle fix --verify builds and runs what it changes."))
	return d
}
