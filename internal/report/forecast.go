package report

import (
	"fmt"
	"io"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/report/page"
)

// ForecastsText writes forecasts for a terminal; st.Verbose adds the
// Dockerfiles.
func ForecastsText(w io.Writer, f *whittle.Forecasts, st page.Style) error {
	return page.WriteText(w, forecastsDoc(f, st.Verbose), st)
}

// ForecastsMarkdown writes forecasts and their Dockerfiles as Markdown. Every
// figure in it is in the JSON, but for the errors, which are quotients of two
// that are.
func ForecastsMarkdown(w io.Writer, f *whittle.Forecasts) error {
	return page.WriteMarkdown(w, forecastsDoc(f, true))
}

func forecastsDoc(f *whittle.Forecasts, dockerfiles bool) page.Document {
	var d page.Document
	n := len(f.Forecasts)
	title := fmt.Sprintf("%s: %d %s", f.Project, n, page.Plural(n, "forecasts"))
	if f.Base != "" {
		title += ", starting from " + f.Base
	}
	smallest, command := smallestForecast(f)
	if smallest != nil {
		title += "; smallest: " + smallest.Strategy + ", " + whittle.Bytes(smallest.Predicted)
	}
	d.Add(page.Heading{Level: 1, Text: title})
	if n > 0 {
		d.Add(forecastTable(f.Forecasts), page.Explained("size"))
	}
	if smallest != nil {
		d.Next(page.OfProject("build "+smallest.Strategy+", and run it", command...))
	}
	readySection(&d, 2, forecastsReady(f.Forecasts))
	for _, fc := range f.Forecasts {
		d.Add(page.Heading{Level: 2, Text: fc.Strategy + ": " + fc.Title}, page.Para(forecastLine(fc)))
		if len(fc.Parts) > 0 {
			d.Add(partsTable(fc))
		}
		if items := forecastWords(fc); len(items) > 0 {
			d.Add(items)
		}
		if dockerfiles && fc.Dockerfile != "" {
			d.Add(page.VerbatimText("dockerfile", fc.Dockerfile))
		}
	}
	if len(f.Notes) > 0 {
		d.Add(page.Heading{Level: 2, Text: "Notes"}, page.List(f.Notes))
	}
	return d
}

// fixWrites are the strategies that whittle fix can write: of the others, an image
// for each extra is not the whole image, and Alpine's needs a person.
var fixWrites = []string{"two-stage", "single-stage", "distroless"}

// smallestForecast is the smallest of those that whittle fix can make of the
// whole image, and the command that does; nil where there is none.
func smallestForecast(fs *whittle.Forecasts) (smallest *whittle.Forecast, command []string) {
	for i, f := range fs.Forecasts {
		if len(f.Skipped) > 0 || f.Dockerfile == "" || smallest != nil && f.Predicted >= smallest.Predicted {
			continue
		}
		switch {
		case slices.Contains(fixWrites, f.Strategy):
			smallest, command = &fs.Forecasts[i], []string{"fix", "--strategy", f.Strategy, "--verify"}
		case f.Strategy == fs.Base+"-fixed":
			smallest, command = &fs.Forecasts[i], []string{"fix", "--verify"}
		}
	}
	return smallest, command
}

// forecastTable has the predicted and the actual sizes side by side.
func forecastTable(fs []whittle.Forecast) page.Table {
	t := page.Table{Columns: []page.Column{page.Flexible("Strategy"), page.Right("Predicted"), page.Shares(4), page.Spare(2, page.Right("Low")), page.Spare(3, page.Right("High")), page.Right("Actual"), page.Spare(1, page.Right("Off by"))}}
	var largest int64
	for _, f := range fs {
		largest = max(largest, f.Predicted)
	}
	for _, f := range fs {
		actual, off := page.Toned("–", page.Faint), page.Text("")
		switch {
		case f.Actual != nil:
			actual, off = page.Text(whittle.Bytes(*f.Actual)), forecastError(f)
		case len(f.Skipped) > 0:
			actual = page.Toned("skipped", page.Bad)
		}
		t.Row(page.Text(f.Strategy), page.Text(whittle.Bytes(f.Predicted)), page.ShareCell(f.Predicted, largest), page.Text(whittle.Bytes(f.Low)), page.Text(whittle.Bytes(f.High)), actual, off)
	}
	return t
}

// forecastError is the error of a forecast in percent of the actual size, and
// whether that is outside its bounds.
func forecastError(f whittle.Forecast) page.Cell {
	if *f.Actual == 0 {
		return page.Text("")
	}
	off := page.Toned(percentOff(f.Predicted, *f.Actual), page.Good)
	if f.Predicted == *f.Actual {
		off.Text = "exact"
	}
	if *f.Actual < f.Low || *f.Actual > f.High {
		off = page.Toned(off.Text+", outside", page.Bad)
	}
	return off
}

// forecastLine is a forecast in a sentence: "Size 750.0 MB, within
// 730.0–790.0 MB; actual 741.2 MB (off by +1.19 %)."
func forecastLine(f whittle.Forecast) string {
	s := "Size " + whittle.Bytes(f.Predicted)
	if b := bounds(f.Low, f.High); b != "" {
		s += ", within " + b
	}
	if f.Actual == nil {
		return s + "."
	}
	s += "; actual " + whittle.Bytes(*f.Actual)
	if off := forecastError(f).Text; off == "exact" {
		s += " (exact)"
	} else if off != "" {
		s += " (off by " + off + ")"
	}
	return s + "."
}

func partsTable(f whittle.Forecast) page.Table {
	t := page.Table{Columns: []page.Column{page.Flexible("Part"), page.Right("Bytes"), page.Spare(1, page.Right("Range")), page.Wrapped("From")}}
	for _, p := range f.Parts {
		t.Row(page.Text(p.Name), page.Text(whittle.Bytes(p.Bytes)), page.Text(bounds(p.Low, p.High)), page.Text(p.Source))
	}
	t.Row(page.Text("in all"), page.Text(whittle.Bytes(f.Predicted)), page.Text(bounds(f.Low, f.High)), page.Text(""))
	return t
}

// bounds is a range, empty where it is but one size.
func bounds(low, high int64) string {
	if low == high {
		return ""
	}
	return span(low, high)
}

// forecastWords are why a strategy cannot be built, and its notes.
func forecastWords(f whittle.Forecast) page.List {
	var items page.List
	for _, b := range f.Skipped {
		items = append(items, "skipped: "+b)
	}
	return append(items, f.Notes...)
}
