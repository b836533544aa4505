package report

import (
	"io"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/report/page"
)

// GateHTML writes the verdict of a gate as the body of an HTML page, which has the title.
func GateHTML(w io.Writer, g *whittle.Gate) error { return page.WriteHTML(w, gateDoc(g, 0)) }

// SimulationHTML writes a simulation, as [GateHTML] does.
func SimulationHTML(w io.Writer, s *whittle.Simulation) error {
	return page.WriteHTML(w, simulationDoc(s))
}

// ForecastsHTML writes forecasts, as [GateHTML] does.
func ForecastsHTML(w io.Writer, f *whittle.Forecasts) error {
	return page.WriteHTML(w, forecastsDoc(f, true))
}

// RepairHTML writes a repair, as [GateHTML] does, with the diffs at the end.
func RepairHTML(w io.Writer, r *whittle.Repair) error { return page.WriteHTML(w, repairDoc(r)) }

// HistoryHTML writes records, as [GateHTML] does.
func HistoryHTML(w io.Writer, h *whittle.HistoryList) error { return page.WriteHTML(w, historyDoc(h)) }

// HistoryChangeHTML writes what changed between two records, as [GateHTML] does.
func HistoryChangeHTML(w io.Writer, c *whittle.HistoryChange) error {
	return page.WriteHTML(w, historyChangeDoc(c, 0))
}
