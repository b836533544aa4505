package output

import (
	"html/template"
	"io"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/patch"
	"whittle.dev/whittle/internal/report/html"
	"whittle.dev/whittle/internal/report/page"
	"whittle.dev/whittle/internal/view"
)

// WriteHTML writes an HTML report.
func WriteHTML(w io.Writer, p *html.Page) error {
	p.Rules = ruleTexts()
	return html.Write(w, p)
}

// AsPage is the form of a result that is a text in HTML, with a title.
func AsPage[T any](kind string, title func(T) string, value func(T) any, body func(io.Writer, T) error) Form[T] {
	return Form[T]{HTML, func(w io.Writer, _ page.Style, v T) error {
		var b strings.Builder
		if err := body(&b, v); err != nil {
			return err
		}
		return WriteHTML(w, &html.Page{Text: &html.Text{Title: title(v), Kind: kind, Body: template.HTML(b.String())}, Value: value(v)}) //nolint:gosec // the report escapes it
	}}
}

// ruleTexts are the texts of all rules.
func ruleTexts() (out []html.Rule) {
	for _, r := range audit.Rules() {
		out = append(out, html.Rule{ID: r.ID, Title: r.Title, Text: r.Text, Before: r.Before, After: r.After})
	}
	return out
}

// DiffsIn gives the diffs of fixes in a folder, whose Dockerfile is named; a fix
// of files that have changed since has none.
func DiffsIn(dir string, dockerfile func(*whittle.Finding) string) func(*whittle.Finding) string {
	return func(f *whittle.Finding) string {
		diff, err := patch.FixDiff(dir, dockerfile(f), f.Fix)
		if err != nil {
			return ""
		}
		return diff
	}
}

// Shown are images for a report, by their own names.
func Shown(models ...*view.Model) (out []html.Image) {
	for _, m := range models {
		out = append(out, html.Image{Name: m.Inspection.Image.Ref, Model: m})
	}
	return out
}
