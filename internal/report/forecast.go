package report

import (
	"fmt"
	"io"
	"slices"

	"whittle.dev/whittle"
)

// ForecastsText writes forecasts for a terminal; st.Verbose adds the
// Dockerfiles.
func ForecastsText(w io.Writer, f *whittle.Forecasts, st Style) error {
	return writeText(w, forecastsDoc(f, st.Verbose), st)
}

// ForecastsMarkdown writes forecasts and their Dockerfiles as Markdown. Every
// figure in it is in the JSON, but for the errors, which are quotients of two
// that are.
func ForecastsMarkdown(w io.Writer, f *whittle.Forecasts) error {
	return writeMarkdown(w, forecastsDoc(f, true))
}

func forecastsDoc(f *whittle.Forecasts, dockerfiles bool) document {
	var d document
	n := len(f.Forecasts)
	title := fmt.Sprintf("%s: %d %s", f.Project, n, plural(n, "forecasts"))
	if f.Base != "" {
		title += ", starting from " + f.Base
	}
	smallest, command := smallestForecast(f)
	if smallest != nil {
		title += "; smallest: " + smallest.Strategy + ", " + whittle.Bytes(smallest.Predicted)
	}
	d.add(heading{1, title})
	if n > 0 {
		d.add(forecastTable(f.Forecasts), explained("size"))
	}
	if smallest != nil {
		d.next(ofProject("build "+smallest.Strategy+", and run it", command...))
	}
	for _, fc := range f.Forecasts {
		d.add(heading{2, fc.Strategy + ": " + fc.Title}, para(forecastLine(fc)))
		if len(fc.Parts) > 0 {
			d.add(partsTable(fc))
		}
		if items := forecastWords(fc); len(items) > 0 {
			d.add(items)
		}
		if dockerfiles && fc.Dockerfile != "" {
			d.add(verbatimText("dockerfile", fc.Dockerfile))
		}
	}
	if len(f.Notes) > 0 {
		d.add(heading{2, "Notes"}, list(f.Notes))
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
func forecastTable(fs []whittle.Forecast) table {
	t := table{columns: []column{flexible("Strategy"), right("Predicted"), shares(4), spare(2, right("Low")), spare(3, right("High")), right("Actual"), spare(1, right("Off by"))}}
	var largest int64
	for _, f := range fs {
		largest = max(largest, f.Predicted)
	}
	for _, f := range fs {
		actual, off := toned("–", faint), text("")
		switch {
		case f.Actual != nil:
			actual, off = text(whittle.Bytes(*f.Actual)), forecastError(f)
		case len(f.Skipped) > 0:
			actual = toned("skipped", bad)
		}
		t.row(text(f.Strategy), text(whittle.Bytes(f.Predicted)), shareCell(f.Predicted, largest), text(whittle.Bytes(f.Low)), text(whittle.Bytes(f.High)), actual, off)
	}
	return t
}

// forecastError is the error of a forecast in percent of the actual size, and
// whether that is outside its bounds.
func forecastError(f whittle.Forecast) cell {
	if *f.Actual == 0 {
		return text("")
	}
	off := toned(percentOff(f.Predicted, *f.Actual), good)
	if f.Predicted == *f.Actual {
		off.text = "exact"
	}
	if *f.Actual < f.Low || *f.Actual > f.High {
		off = toned(off.text+", outside", bad)
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
	if off := forecastError(f).text; off == "exact" {
		s += " (exact)"
	} else if off != "" {
		s += " (off by " + off + ")"
	}
	return s + "."
}

func partsTable(f whittle.Forecast) table {
	t := table{columns: []column{flexible("Part"), right("Bytes"), spare(1, right("Range")), wrapped("From")}}
	for _, p := range f.Parts {
		t.row(text(p.Name), text(whittle.Bytes(p.Bytes)), text(bounds(p.Low, p.High)), text(p.Source))
	}
	t.row(text("in all"), text(whittle.Bytes(f.Predicted)), text(bounds(f.Low, f.High)), text(""))
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
func forecastWords(f whittle.Forecast) list {
	var items list
	for _, b := range f.Skipped {
		items = append(items, "skipped: "+b)
	}
	return append(items, f.Notes...)
}
