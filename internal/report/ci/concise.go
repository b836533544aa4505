package ci

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"whittle.dev/whittle"
)

// Concise writes one line for each result, "path:line:column: rule message", as compilers
// do: editors and reviewdog read them by "%f:%l:%c: %m". They are in the order of the files
// and their lines. A result about a whole file is at its first line; columns are bytes, and
// 1 where none is known.
// https://www.gnu.org/prep/standards/html_node/Errors.html
func Concise(w io.Writer, results []Result) error {
	sorted := slices.Clone(results)
	slices.SortStableFunc(sorted, func(a, b Result) int {
		return cmp.Or(strings.Compare(a.file(), b.file()), a.Line-b.Line, a.Column-b.Column, strings.Compare(a.Rule, b.Rule), strings.Compare(a.Message, b.Message))
	})
	for i := range sorted {
		r := &sorted[i]
		if _, err := fmt.Fprintf(w, "%s:%d:%d: %s %s\n", plain(r.file()), max(r.Line, 1), max(r.Column, 1), r.Rule, plain(r.Message)); err != nil {
			return err
		}
	}
	return nil
}

// plain is a text on one line without what a terminal would act on.
func plain(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c >= 0x80 && c < 0xa0 || c >= 0x202a && c <= 0x202e || c >= 0x2066 && c <= 0x2069 {
			return '?'
		}
		return c
	}, whittle.OneLine(s))
}

// OfStatic are the findings of Dockerfiles without an image.
func OfStatic(a *whittle.StaticAdvice) []Result {
	var out []Result
	for i := range a.Findings {
		f := &a.Findings[i]
		r := Result{Rule: f.Rule, Level: Warning, Message: sentence(f.Message, f.Advice), File: f.Path, Line: f.Line, Column: f.Column, Fingerprint: f.Fingerprint, Fix: f.Fix}
		if f.Fix == nil {
			r.Level = Note
		}
		if f.Saving != nil {
			r.Saves = f.Saving.Low
		}
		out = append(out, r)
	}
	return Sort(out)
}
