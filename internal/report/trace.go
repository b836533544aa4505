package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/report/page"
)

// Rows of a trace on the first screen: owners, and paths that were missing.
const (
	traceOwners  = 10
	traceMissing = 5
)

// TraceText writes for a terminal what commands touched.
func TraceText(w io.Writer, t *whittle.Trace, st page.Style) error {
	return page.WriteText(w, traceDoc(t, st.Verbose, st.Written), st)
}

// TraceMarkdown writes it as Markdown.
func TraceMarkdown(w io.Writer, t *whittle.Trace, all bool) error {
	return page.WriteMarkdown(w, traceDoc(t, all, ""))
}

// traceDoc shows a trace, which may be in a file, too.
func traceDoc(t *whittle.Trace, all bool, file string) page.Document {
	var d page.Document
	d.Add(page.Heading{Level: 1, Text: traceTitle(t)},
		page.Para("Touched: opened, executed, or asked for its properties, by any process of the runs. What no run touched may be needed by what did not run."),
		traceRuns(t))
	for _, r := range t.Runs {
		if r.Problem != "" {
			d.Add(page.Para(fmt.Sprintf("%s failed, so it touched less than it will: %s", r.Name, r.Problem)))
		}
	}
	d.Add(page.Heading{Level: 2, Text: "What was never touched, by owner"}, tracedOwners(t, all))
	if n := len(t.Missing); n > 0 {
		shown := t.Missing
		if !all && n > traceMissing {
			shown = shown[:traceMissing]
		}
		d.Add(page.Heading{Level: 2, Text: fmt.Sprintf("Asked for and missing: %s %s", whittle.Thousands(int64(n)), page.Plural(n, "paths"))}, page.List(shown))
		if n > len(shown) {
			d.Add(page.Para(fmt.Sprintf("And %s more (--all). A program looks for most files in several places.", whittle.Thousands(int64(n-len(shown))))))
		}
	}
	if len(t.Notes) > 0 {
		d.Add(page.Heading{Level: 2, Text: "To know"}, page.List(t.Notes))
	}
	next := []string{"advise"}
	if file != "" {
		next = append(next, "--trace", file)
	}
	d.Next(page.OfImage("what could be smaller", t.Image.Ref, next...))
	return d
}

// traceTitle is the answer in a line.
func traceTitle(t *whittle.Trace) string {
	var files, touched, bytes, read int64
	for _, o := range t.Owners {
		files, touched = files+int64(o.Files), touched+int64(o.TouchedFiles)
		bytes, read = bytes+o.Bytes, read+o.TouchedBytes
	}
	text := fmt.Sprintf("%s of %s in %s of %s files never touched", whittle.Bytes(bytes-read), whittle.Bytes(bytes), whittle.Thousands(files-touched), whittle.Thousands(files))
	if all, untouched := t.Distributions(); all > 0 {
		text = fmt.Sprintf("%d of %d %s never touched; %s", untouched, all, page.Plural(all, "distributions"), text)
	}
	return t.Image.Ref + ": " + text
}

func traceRuns(t *whittle.Trace) page.Table {
	table := page.Table{Columns: []page.Column{{Head: "Run", Flex: true, Least: 14}, page.Left("Ended"), page.Right("Touched"), page.Spare(2, page.Right("Missing")), page.Spare(1, page.Right("Seconds"))}}
	for _, r := range t.Runs {
		ended := page.Text(fmt.Sprintf("exit code %d", r.Exit))
		switch {
		case r.Served:
			ended = page.Toned("it served", page.Good)
		case r.Exit == -1 && r.Problem == "":
			ended = page.Text("it still ran")
		case r.Exit == -1:
			ended = page.Toned("timed out", page.Bad)
		case r.Problem != "":
			ended = page.Toned(ended.Text, page.Bad)
		}
		table.Row(page.Text(r.Name), ended, page.Text(whittle.Thousands(int64(r.Touched))), page.Text(whittle.Thousands(int64(r.Missing))), page.Text(fmt.Sprintf("%.1f", r.Seconds)))
	}
	return table
}

// tracedOwners are the owners by what was never touched of them, largest first.
func tracedOwners(t *whittle.Trace, all bool) page.Table {
	table := page.Table{Columns: []page.Column{{Head: "Owner", Flex: true, Least: 16}, page.Right("Never touched"), page.Right("Of"), page.Spare(1, page.Right("Files")), page.Spare(2, page.Left("Kind"))}}
	owners := slices.Clone(t.Owners)
	slices.SortStableFunc(owners, func(a, b whittle.TraceOwner) int {
		return cmp.Compare(b.Bytes-b.TouchedBytes, a.Bytes-a.TouchedBytes)
	})
	cut := page.Cutoff{}
	if !all {
		cut.Rows = traceOwners
	}
	n := cut.Of(len(owners), func(i int) int64 { return owners[i].Bytes - owners[i].TouchedBytes })
	for _, o := range owners[:n] {
		table.Row(page.Text(o.Owner.String()), page.Text(whittle.Bytes(o.Bytes-o.TouchedBytes)), page.Text(whittle.Bytes(o.Bytes)),
			page.Text(fmt.Sprintf("%s of %s", whittle.Thousands(int64(o.Files-o.TouchedFiles)), whittle.Thousands(int64(o.Files)))), page.Text(o.Ecosystem))
	}
	if rest := owners[n:]; len(rest) > 0 {
		var sum whittle.TraceOwner
		for _, o := range rest {
			sum.Bytes, sum.TouchedBytes, sum.Files, sum.TouchedFiles = sum.Bytes+o.Bytes, sum.TouchedBytes+o.TouchedBytes, sum.Files+o.Files, sum.TouchedFiles+o.TouchedFiles
		}
		table.Row(page.Smaller(len(rest)), page.Text(whittle.Bytes(sum.Bytes-sum.TouchedBytes)), page.Text(whittle.Bytes(sum.Bytes)),
			page.Text(fmt.Sprintf("%s of %s", whittle.Thousands(int64(sum.Files-sum.TouchedFiles)), whittle.Thousands(int64(sum.Files)))), page.Text(""))
	}
	return table
}
