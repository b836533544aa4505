package report

import (
	"fmt"
	"io"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/report/page"
)

// StaticText writes findings in Dockerfiles as text, StaticMarkdown as Markdown.
func StaticText(w io.Writer, a *whittle.StaticAdvice, st page.Style) error {
	return page.WriteText(w, staticDoc(a), st)
}

// StaticMarkdown is [StaticText] as Markdown.
func StaticMarkdown(w io.Writer, a *whittle.StaticAdvice) error {
	return page.WriteMarkdown(w, staticDoc(a))
}

func staticDoc(a *whittle.StaticAdvice) (d page.Document) {
	var all page.Entries
	fixes := 0
	for i := range a.Findings {
		f := &a.Findings[i]
		e := page.Entry{Label: page.Text(fmt.Sprintf("%s:%d:%d", f.Path, f.Line, f.Column)), Title: f.Rule + ", risk: " + string(f.Risk), Text: f.Message}
		e.Notes = findingNotes(whittle.Finding{Advice: f.Advice, Caution: f.Caution, Fix: f.Fix}, false, whittle.Finding{})
		if f.Fix != nil {
			fixes++
		}
		all.Rows, all.Label = append(all.Rows, e), max(all.Label, page.Width(e.Label.Text))
	}
	s := fmt.Sprintf("%d %s: ", len(a.Files), page.Plural(len(a.Files), "Dockerfiles"))
	if len(a.Findings) == 0 {
		s += fmt.Sprintf("%d %s that need no image found nothing", len(a.Rules), page.Plural(len(a.Rules), "rules"))
	} else if s += fmt.Sprintf("%d %s", len(a.Findings), page.Plural(len(a.Findings), "findings")); fixes > 0 {
		s += fmt.Sprintf(", %d with a fix", fixes)
	}
	if d.Add(page.Heading{Level: 1, Text: s}); len(all.Rows) > 0 {
		d.Add(all)
	}
	addAccepted(&d, a.Ignored)
	if len(a.Notes) > 0 {
		d.Add(page.Heading{Level: 2, Text: "What could not be looked at"}, page.List(a.Notes))
	}
	return d
}

// staticSteps has a row for each fix that was made without an image.
func staticSteps(steps []whittle.RepairStep) page.Table {
	t := page.Table{Columns: []page.Column{page.Wrapped("Fix"), page.Left("Status")}}
	for name, i := stepNames(steps), 0; i < len(steps); i++ {
		t.Row(page.Text(name(steps[i])), stepStatus(steps[i].Status))
	}
	return t
}
