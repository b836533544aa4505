// Package ci writes results in the formats that continuous integration reads: SARIF,
// JUnit, GitHub's workflow commands and GitLab's code quality reports. All begin with
// the same list of results, the most important first.
package ci

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"whittle.dev/whittle"
)

// Level is how much a result counts.
type Level string

// The levels, by the names of SARIF.
const (
	Error   Level = "error"
	Warning Level = "warning"
	Note    Level = "note"
)

// Result is one thing to show at a place of a project.
type Result struct {
	Rule  string
	Level Level
	// Message is one line.
	Message string
	// File is relative to the repository, with slashes; empty is the Dockerfile, as the
	// formats want a file. Line counts from 1, 0 is the whole file.
	File string
	Line int
	// Column counts bytes from 1, 0 where none is known.
	Column int
	// Dir is the project's folder in the repository, which the files of Fix are in;
	// empty is the repository's own.
	Dir string
	// Fingerprint is the same for the same result in the next run.
	Fingerprint string
	// Saves is how many bytes it is about, by which results are sorted.
	Saves int64
	Fix   *whittle.Fix
}

// OfAdvice are the findings of images. What several images have, variants of one
// project, is one result.
func OfAdvice(all ...*whittle.Advice) []Result {
	var out []Result
	seen := map[string]int{}
	for _, a := range all {
		for i := range a.Findings {
			r := ofFinding(&a.Findings[i])
			key := strings.Join([]string{r.Rule, r.File, fmt.Sprint(r.Line), r.Fingerprint}, "\x00")
			if at, again := seen[key]; again && len(all) > 1 {
				out[at].Saves = max(out[at].Saves, r.Saves)
				continue
			}
			seen[key] = len(out)
			out = append(out, r)
		}
	}
	return Sort(out)
}

func ofFinding(f *whittle.Finding) Result {
	r := Result{Rule: f.Rule, Level: Warning, Message: sentence(f.Message, f.Advice), Fingerprint: f.Fingerprint, Saves: f.Saving.Low, Fix: f.Fix}
	switch {
	case f.Breaks && f.InProduction():
		r.Level = Error
	case f.Fix == nil && !f.Breaks:
		r.Level = Note
	}
	r.File, r.Line = f.Place()
	return r
}

// OfCheck are the problems of a check.
func OfCheck(c *whittle.Check) []Result {
	var out []Result
	for i := range c.Problems {
		r := ofProblem(&c.Problems[i])
		if c.Image != "" {
			inImage(&r)
		}
		out = append(out, r)
	}
	return Sort(out)
}

// inImage moves a place in an image into the message: no file of the repository is
// known to be it.
func inImage(r *Result) {
	if r.File == "" {
		return
	}
	at := "/" + strings.TrimPrefix(r.File, "/")
	if r.Line > 0 {
		at += fmt.Sprintf(":%d", r.Line)
	}
	if !strings.Contains(r.Message, strings.TrimPrefix(at, "/")) {
		r.Message += " (" + at + " in the image)"
	}
	r.File, r.Line = "", 0
}

func ofProblem(p *whittle.Problem) Result {
	r := Result{Rule: p.Rule, Message: p.Message, File: p.Path, Line: p.Line, Fingerprint: whittle.Fingerprint(p.Rule, p.Module, p.Name, p.Distribution, p.Path)}
	switch p.Severity {
	case whittle.SeverityError:
		r.Level = Error
	case whittle.SeverityWarning:
		r.Level = Warning
	default:
		r.Level = Note
	}
	return r
}

// OfInspection are the bytes that an image wastes, at the instructions that hide them.
func OfInspection(in *whittle.Inspection) []Result {
	var out []Result
	for _, s := range in.WastedSums {
		if s.AddedBy < 0 || s.HiddenBy < 0 || s.AddedBy >= len(in.Layers) || s.HiddenBy >= len(in.Layers) {
			continue
		}
		added, hider := &in.Layers[s.AddedBy], &in.Layers[s.HiddenBy]
		r := Result{Rule: "wasted/" + s.Cause.String(), Level: Warning, Saves: s.Bytes, Fingerprint: whittle.Fingerprint("wasted", s.Cause.String(), added.CreatedBy, hider.CreatedBy),
			Message: fmt.Sprintf("%s of %s are wasted (%s): %s hides them", whittle.Bytes(s.Bytes), layerName(added), s.Cause, layerName(hider))}
		if hider.Origin != nil {
			r.File, r.Line = hider.Origin.File, hider.Origin.Line
		} else {
			r.Level = Note // nobody knows whether it is the project's
		}
		out = append(out, r)
	}
	return Sort(out)
}

func layerName(l *whittle.LayerRow) string {
	if l.Origin != nil {
		return fmt.Sprintf("%s:%d", l.Origin.File, l.Origin.Line)
	}
	return fmt.Sprintf("layer %d", l.Index+1)
}

// OfComparison are the parts of an image that have grown.
func OfComparison(c *whittle.Comparison) []Result {
	var out []Result
	for _, row := range c.Rows {
		if grown := row.VisibleDelta + row.WastedDelta; grown > 0 {
			cause := whittle.GateCause{Name: row.Owner, From: row.From, To: row.To, Change: float64(grown)}
			out = append(out, Result{Rule: "grown/" + row.Kind, Level: Note, Saves: grown, Fingerprint: whittle.Fingerprint("grown", row.Kind, row.Owner), Message: causeText(&cause, "bytes")})
		}
	}
	return Sort(out)
}

// OfGate are what keeps an image from passing a gate, and what it warns of.
func OfGate(g *whittle.Gate) []Result {
	var out []Result
	for i := range g.Budgets {
		out = append(out, ofBudget(&g.Budgets[i])...)
	}
	if g.Check != nil {
		for i := range g.Check.Problems {
			r := ofProblem(&g.Check.Problems[i])
			inImage(&r)
			r.Level = levelOf(g.Check.Status)
			out = append(out, r)
		}
	}
	for _, f := range g.Findings {
		out = append(out, Result{Rule: f.Rule, Level: levelOf(f.Status), Message: f.Message, File: f.File, Line: f.Line, Fingerprint: f.Fingerprint, Saves: f.Saving.Low})
	}
	return Sort(out)
}

// ofBudget is a budget that is not kept, at the place of its largest cause that has
// one.
func ofBudget(b *whittle.BudgetRow) []Result {
	if b.Status != whittle.GateFails && b.Status != whittle.GateUnmeasured && b.Status != whittle.GateWarns {
		return nil
	}
	r := Result{Rule: "budget/" + strings.ReplaceAll(b.On, " ", "/"), Level: levelOf(b.Status), Message: b.Text, Fingerprint: whittle.Fingerprint("budget", b.On)}
	if b.Unit == "bytes" {
		r.Saves = int64(b.Actual - b.Limit)
	}
	for _, c := range b.Causes {
		if c.File != "" && c.Change > 0 {
			r.File, r.Line = c.File, c.Line
			r.Message += "; most of it: " + causeText(&c, b.Unit)
			break
		}
	}
	return []Result{r}
}

// causeText is a cause in a few words: "torch 2.9 +812.3 MB".
func causeText(c *whittle.GateCause, unit string) string {
	text := c.Name
	switch {
	case c.From != "" && c.To != "" && c.From != c.To:
		text += " " + c.From + " → " + c.To
	case c.To != "":
		text += " " + c.To
	}
	if unit == "bytes" {
		return text + " " + whittle.SignedBytes(int64(c.Change))
	}
	return fmt.Sprintf("%s %+g", text, c.Change)
}

func levelOf(s whittle.GateStatus) Level {
	if s == whittle.GateFails || s == whittle.GateUnmeasured {
		return Error
	}
	return Warning
}

// sentence joins a message and what to do.
func sentence(message, advice string) string {
	if advice == "" {
		return message
	}
	first, n := utf8.DecodeRuneInString(advice)
	return strings.TrimRight(message, ".") + ". " + string(unicode.ToUpper(first)) + advice[n:]
}

// Sort puts the most important results first: errors, then the largest.
func Sort(all []Result) []Result {
	order := []Level{Error, Warning, Note}
	slices.SortStableFunc(all, func(a, b Result) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Level), slices.Index(order, b.Level)), cmp.Compare(b.Saves, a.Saves), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Rule, b.Rule))
	})
	return all
}

// In gives the results of a project that is in a folder of the repository, with
// slashes; empty is the repository's own.
func In(dir string, all []Result) []Result {
	for i := range all {
		r := &all[i]
		r.Dir = dir
		if !path.IsAbs(r.File) {
			r.File = path.Join(dir, cmp.Or(r.File, "Dockerfile"))
		}
	}
	return all
}

// file is the file that a result is shown at: formats want one.
func (r *Result) file() string { return cmp.Or(r.File, "Dockerfile") }

// unique gives each result's fingerprint: those that several have are told apart by
// their order.
func unique(results []Result) []string {
	out := make([]string, len(results))
	seen := map[string]int{}
	for i := range results {
		r := &results[i]
		out[i] = r.Fingerprint
		if out[i] == "" {
			out[i] = whittle.Fingerprint(r.Rule, r.file(), r.Message)
		}
		seen[out[i]]++
		if n := seen[out[i]]; n > 1 {
			out[i] = whittle.Fingerprint(r.Rule, out[i], fmt.Sprint(n))
		}
	}
	return out
}
