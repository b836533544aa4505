package report

import (
	"fmt"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/report/page"
)

// readyRow is an image in a table of times to ready.
type readyRow struct {
	name  string
	size  int64
	ready *whittle.Ready
}

// readySection shows how long images take until they are ready, beside their sizes.
// Nothing is shown where nothing was measured.
func readySection(d *page.Document, level int, all []readyRow) {
	rows := slices.DeleteFunc(all, func(r readyRow) bool { return r.ready == nil })
	if len(rows) == 0 {
		return
	}
	d.Add(page.Heading{Level: level, Text: "Time to ready"}, readyTable(rows), page.List(readyWords(rows)))
}

func readyTable(rows []readyRow) page.Table {
	var at []whittle.Bandwidth
	for _, r := range rows {
		for _, t := range r.ready.Totals {
			if !slices.Contains(at, t.Bandwidth) {
				at = append(at, t.Bandwidth)
			}
		}
	}
	t := page.Table{Columns: []page.Column{page.Flexible("Image"), page.Spare(2, page.Right("Size")), page.Spare(1, page.Right("Download")), page.Spare(3, page.Right("Unpack")), page.Spare(3, page.Right("Start-up")), page.Spare(4, page.Right("CPU")), page.Spare(5, page.Right("Cold"))}}
	for _, b := range at {
		t.Columns = append(t.Columns, page.Right("at "+b.String()))
	}
	for _, r := range rows {
		start, cpu, cold := "–", "–", "–"
		if s := r.ready.Start; s != nil {
			start, cpu, cold = page.Seconds(s.Wall), optionalSeconds(s.CPU), optionalSeconds(s.Cold)
		}
		name := r.name
		if r.ready.Estimated {
			name += " (estimated)"
		}
		cells := []page.Cell{page.Text(name), page.Text(whittle.Bytes(r.size)), page.Text(optionalBytes(r.ready.Download)), page.Text(optionalSeconds(r.ready.Unpack)), page.Text(start), page.Text(cpu), page.Text(cold)}
		for _, b := range at {
			total := "–"
			if i := slices.IndexFunc(r.ready.Totals, func(t whittle.ReadyTotal) bool { return t.Bandwidth == b }); i >= 0 {
				total = page.Seconds(r.ready.Totals[i].Total)
			}
			cells = append(cells, page.Text(total))
		}
		t.Row(cells...)
	}
	return t
}

// readyWords are what the table has no room for.
func readyWords(rows []readyRow) []string {
	var out []string
	add := func(s string) {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	for _, r := range rows {
		s := r.ready.Start
		switch {
		case r.ready.Estimated:
			add("Estimated: download and unpacking in proportion to the size, the start-up as measured in the image that the strategies start from.")
			continue
		case s != nil && s.Runs == 1:
			add("Start-up: that of " + s.Name + ", one run.")
		case s != nil:
			add(fmt.Sprintf("Start-up: that of %s, the median of %d runs, with the image's files in memory%s.", s.Name, s.Runs, coldWord(s)))
		}
		if r.ready.UnpackOf != "" {
			add("Unpacking: measured with " + r.ready.UnpackOf + ", of other images in proportion to the size.")
		}
		for _, n := range r.ready.Notes {
			add(r.name + ": " + n + ".")
		}
	}
	return out
}

// coldWord says what the cold times of a start are, if there are any.
func coldWord(s *whittle.StartUp) string {
	if s.Cold == nil {
		return ""
	}
	return "; cold: without them there"
}

func studyReady(s *whittle.Study) []readyRow {
	var rows []readyRow
	for _, v := range s.Variants {
		if v.Inspect != nil {
			rows = append(rows, readyRow{v.Name, v.Inspect.Sizes.Size, v.Ready})
		}
	}
	return rows
}

func forecastsReady(fs []whittle.Forecast) []readyRow {
	var rows []readyRow
	for _, f := range fs {
		size := f.Predicted
		if f.Actual != nil && f.Ready != nil && !f.Ready.Estimated {
			size = *f.Actual
		}
		rows = append(rows, readyRow{f.Strategy, size, f.Ready})
	}
	return rows
}

func verifiedReady(v *whittle.Verification) []readyRow {
	var rows []readyRow
	for _, vv := range v.Variants {
		rows = append(rows, readyRow{vv.Name + " before", vv.Before.Sizes.Size, vv.Before.Ready}, readyRow{vv.Name + " after", vv.After.Sizes.Size, vv.After.Ready})
	}
	return rows
}
