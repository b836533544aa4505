// Package report turns the values that whittle found into bytes: text for
// terminals, Markdown and HTML. It is pure: equal values give equal bytes.
//
// Each kind of value is first turned into a document of package page, so that text,
// Markdown and HTML cannot disagree.
package report

import (
	"fmt"
	"io"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/report/page"
)

// most is how many findings of a rule or steps a report lists before it says how
// many more there are, mostPlaces how many places of a finding; the JSON has all.
const (
	most       = 5
	mostPlaces = 4
)

// AdviceText writes findings for a terminal: those about a run that fails
// first, then what fix does by itself, what it does when asked, and what is
// left to a person. Findings that save next to nothing are a table at the end
// unless st.Verbose.
func AdviceText(w io.Writer, a *whittle.Advice, st page.Style) error {
	return page.WriteText(w, adviceDoc(a, st.Verbose), st)
}

// AdviceMarkdown writes findings as Markdown. Every figure in it is in the
// JSON.
func AdviceMarkdown(w io.Writer, a *whittle.Advice) error {
	return page.WriteMarkdown(w, adviceDoc(a, false))
}

func adviceDoc(a *whittle.Advice, verbose bool) page.Document {
	var d page.Document
	groups := adviceGroups(a, verbose)
	d.Add(page.Heading{Level: 1, Text: adviceTitle(a, len(groups[0].findings))}, page.Para(adviceAnswer(a, groups[0].findings)), page.Explained("size", "download", "wasted"))
	if t := largestSavings(a.Findings, a.Sizes.Size); len(t.Rows) > 0 {
		d.Add(page.Heading{Level: 2, Text: "Largest savings"}, t)
	}
	d.Next(adviceNext(a, len(groups[0].findings)))
	label := 0
	for i := range groups {
		if !groups[i].small {
			groups[i].entries = findingEntries(groups[i].findings, verbose)
		}
		for _, e := range groups[i].entries {
			label = max(label, page.Width(e.Label.Text))
		}
	}
	for _, g := range groups {
		switch {
		case len(g.findings) == 0:
		case g.small:
			d.Add(page.Heading{Level: 2, Text: g.title}, smallTable(g.findings))
		default:
			d.Add(page.Heading{Level: 2, Text: g.title}, page.Entries{Rows: g.entries, Label: label})
		}
	}
	addAccepted(&d, a.Ignored)
	if len(a.Notes) > 0 {
		d.Add(page.Heading{Level: 2, Text: "What could not be looked at"}, page.List(a.Notes))
	}
	if verbose && len(a.Rules) > 0 {
		d.Add(page.Heading{Level: 2, Text: "Rules that were asked"}, page.Para(strings.Join(a.Rules, ", ")))
	}
	return d
}

// addAccepted adds a line about what a project ignores, if it does.
func addAccepted(d *page.Document, all []whittle.Ignored) {
	if notes := whittle.IgnoredNotes(all); len(notes) > 0 {
		d.Add(page.List(notes))
	}
}

// adviceTitle is the result in one line: "app: size 895.5 MB; 12 findings
// save 401.2–410.0 MB together".
func adviceTitle(a *whittle.Advice, broken int) string {
	s := fmt.Sprintf("%s: size %s; ", a.Image.Ref, whittle.Bytes(a.Sizes.Size))
	n := len(a.Findings)
	if n == 0 {
		return s + fmt.Sprintf("%d %s found nothing", len(a.Rules), page.Plural(len(a.Rules), "rules"))
	}
	keeps := fmt.Sprintf("%d of them %s it from running", broken, map[bool]string{true: "keeps", false: "keep"}[broken == 1])
	s += fmt.Sprintf("%d %s ", n, page.Plural(n, "findings"))
	switch {
	case broken == 0:
		return s + together(a.Total, n)
	case broken == n:
		return s + strings.TrimPrefix(keeps, fmt.Sprintf("%d of them ", n))
	}
	return s + together(a.Total, n) + ", " + keeps
}

// adviceAnswer says the image's sizes, and the first thing that keeps it from
// running.
func adviceAnswer(a *whittle.Advice, broken []whittle.Finding) string {
	s := "Size " + whittle.Bytes(a.Sizes.Size)
	if a.Sizes.Download != nil {
		s += ", download " + whittle.Bytes(*a.Sizes.Download)
	}
	s += ", wasted " + whittle.Bytes(a.Sizes.Wasted) + ". "
	if len(broken) == 0 {
		return s + "No finding keeps it from running."
	}
	who := "It"
	if starts := broken[0].Starts; len(starts) > 0 {
		who = counted(starts, 2)
	}
	s += who + " does not run: " + strings.TrimSuffix(broken[0].Message, ".")
	if rest := len(broken) - 1; rest > 0 {
		s += fmt.Sprintf(", and %d more", rest)
	}
	return s + "."
}

// adviceNext is the command that does what was advised, or says more.
func adviceNext(a *whittle.Advice, broken int) *page.NextStep {
	n := fixable(a.Findings)
	switch {
	case a.Next != nil:
		return strategyNext(a.Next)
	case n > 0:
		return page.OfProject(fmt.Sprintf("make %d %s of a low risk, which %s, and run the result", n, page.Plural(n, "edits"), together(a.Fixable, n)), "fix", "--verify")
	case broken == 0 && a.Image.Ref != "":
		return page.OfImage("run it", a.Image.Ref, "check", "--run")
	}
	return nil
}

// fixable counts the findings that are safe to fix.
func fixable(findings []whittle.Finding) int {
	n := 0
	for i := range findings {
		if findings[i].Safe() {
			n++
		}
	}
	return n
}

type adviceGroup struct {
	title    string
	small    bool
	findings []whittle.Finding
	entries  []page.Entry
}

// adviceGroups divides findings, in the order that they have; broken runs are
// the first group.
func adviceGroups(a *whittle.Advice, verbose bool) []adviceGroup {
	groups := []adviceGroup{{title: "What keeps it from running"}, {title: "What whittle fix changes"}, {title: "What whittle fix changes when asked to"},
		{title: "What is left to you"}, {title: "Small savings", small: true}}
	for _, f := range a.Findings {
		g := 3
		switch {
		case f.Breaks:
			g = 0
		case !verbose && small(f.Saving, a.Sizes.Size):
			g = 4
		case f.Safe():
			g = 1
		case f.Fix != nil:
			g = 2
		}
		groups[g].findings = append(groups[g].findings, f)
	}
	return groups
}

// small says whether a saving is below a megabyte and a thousandth of the image.
func small(s whittle.Saving, image int64) bool {
	size := max(s.High, -s.Low)
	return size < 1_000_000 && size < image/1000
}

func smallTable(findings []whittle.Finding) page.Table {
	t := page.Table{Columns: []page.Column{page.Right("Saves"), page.Left("Fix"), page.Wrapped("What")}}
	for _, f := range findings {
		t.Row(savingCell(f.Saving), fixCell(&f), page.Text(f.Rule+": "+f.Message))
	}
	return t
}

func findingEntries(findings []whittle.Finding, verbose bool) []page.Entry {
	var es []page.Entry
	for i, f := range findings {
		e := page.Entry{Label: savingCell(f.Saving), Title: f.Rule, Text: f.Message}
		if f.Breaks {
			e.Label = page.Toned("breaks", page.Bad)
			if f.Saving != (whittle.Saving{}) {
				e.Title += ", " + savingText(f.Saving)
			}
		}
		e.Title += ", risk: " + string(f.Risk)
		if f.Variant != "" {
			e.Title += ", in " + f.Variant
		}
		shown := f.Evidence
		if !verbose && len(shown) > mostPlaces {
			shown = shown[:mostPlaces]
			e.More = fmt.Sprintf("and %d more", len(f.Evidence)-mostPlaces)
		}
		for _, ev := range shown {
			e.Places = append(e.Places, evidencePlace(ev))
		}
		e.Notes = findingNotes(f, i > 0 && findings[i-1].Rule == f.Rule, findings[max(i-1, 0)])
		es = append(es, e)
	}
	return es
}

// findingNotes are what to do, the caution, the fix and the other way. What the finding
// above, of the same rule, said already is not repeated.
func findingNotes(f whittle.Finding, same bool, above whittle.Finding) []string {
	var notes []string
	if f.Advice != "" && !(same && above.Advice == f.Advice) {
		notes = append(notes, "To do: "+f.Advice)
	}
	if f.Caution != "" && !(same && above.Caution == f.Caution) {
		notes = append(notes, "Caution: "+f.Caution)
	}
	if f.SlowsStart && !(same && above.SlowsStart) {
		notes = append(notes, "Start-up: slower, not measured: whittle fix --verify measures it")
	}
	if f.Fix != nil {
		notes = append(notes, "Fix: "+f.Fix.Title)
	}
	if a := f.Alternative; a != nil {
		note := "Or: " + a.Advice
		if a.Saving != nil && *a.Saving != (whittle.Saving{}) {
			note += " (" + savingText(*a.Saving) + ")"
		}
		notes = append(notes, note)
	}
	return notes
}

// evidencePlace says where: "usr/lib/x (layer 5, 200.9 MB, 1203 files)".
func evidencePlace(e whittle.Evidence) page.Place {
	p := page.Place{Line: e.File, Path: e.Path, What: e.What}
	if e.File != "" && e.Line > 0 {
		p.Line = fmt.Sprintf("%s:%d", e.File, e.Line)
	}
	if p.Line == "" && p.Path == "" {
		p.Path, p.What = p.What, ""
	}
	var facts []string
	if e.Layer >= 0 && (e.Path != "" || e.Bytes != 0) {
		facts = append(facts, fmt.Sprintf("layer %d", e.Layer))
	}
	if e.Bytes != 0 {
		facts = append(facts, whittle.Bytes(e.Bytes))
	}
	if e.Files > 0 {
		facts = append(facts, fmt.Sprintf("%d %s", e.Files, page.Plural(e.Files, "files")))
	}
	if len(facts) > 0 {
		p.Facts = "(" + strings.Join(facts, ", ") + ")"
	}
	return p
}
