package report

import (
	"fmt"
	"io"

	"whittle.dev/whittle"
)

// StaticText writes findings in Dockerfiles as text, StaticMarkdown as Markdown.
func StaticText(w io.Writer, a *whittle.StaticAdvice, st Style) error {
	return writeText(w, staticDoc(a), st)
}

// StaticMarkdown is [StaticText] as Markdown.
func StaticMarkdown(w io.Writer, a *whittle.StaticAdvice) error {
	return writeMarkdown(w, staticDoc(a))
}

func staticDoc(a *whittle.StaticAdvice) (d document) {
	var all entries
	fixes := 0
	for i := range a.Findings {
		f := &a.Findings[i]
		e := entry{label: text(fmt.Sprintf("%s:%d:%d", f.Path, f.Line, f.Column)), title: f.Rule + ", risk: " + string(f.Risk), text: f.Message}
		e.notes = findingNotes(whittle.Finding{Advice: f.Advice, Caution: f.Caution, Fix: f.Fix}, false, whittle.Finding{})
		if f.Fix != nil {
			fixes++
		}
		all.rows, all.label = append(all.rows, e), max(all.label, width(e.label.text))
	}
	s := fmt.Sprintf("%d %s: ", len(a.Files), plural(len(a.Files), "Dockerfiles"))
	if len(a.Findings) == 0 {
		s += fmt.Sprintf("%d %s that need no image found nothing", len(a.Rules), plural(len(a.Rules), "rules"))
	} else if s += fmt.Sprintf("%d %s", len(a.Findings), plural(len(a.Findings), "findings")); fixes > 0 {
		s += fmt.Sprintf(", %d with a fix", fixes)
	}
	if d.add(heading{1, s}); len(all.rows) > 0 {
		d.add(all)
	}
	d.accepted(a.Ignored)
	if len(a.Notes) > 0 {
		d.add(heading{2, "What could not be looked at"}, list(a.Notes))
	}
	return d
}

// staticSteps has a row for each fix that was made without an image.
func staticSteps(steps []whittle.RepairStep) table {
	t := table{columns: []column{wrapped("Fix"), left("Status")}}
	for name, i := stepNames(steps), 0; i < len(steps); i++ {
		t.row(text(name(steps[i])), stepStatus(steps[i].Status))
	}
	return t
}
