package html

import (
	"fmt"
	"maps"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/report/page"
)

// finding is a finding with what became of its fix.
type finding struct {
	whittle.Finding
	Place, Status, Reason string
	Support               string // of the fix that was made
	Saved                 *int64
	StartUp               []whittle.SlowerStart // that were timed
	Whole                 int64
	Diff                  string
}

// HasFix is "yes" or "no".
func (f finding) HasFix() string {
	if f.Fix == nil {
		return "no"
	}
	return "yes"
}

// filter is what findings are filtered by.
type filter struct {
	Key, Label string
	Values     []string
}

// maxDiff is the length in bytes of the longest diff of a fix that is shown with
// its finding, maxDiffs that of all of them.
const (
	maxDiff  = 20_000
	maxDiffs = 400_000
)

func (d *parts) findings() {
	var list []whittle.Finding
	whole := map[string]int64{}
	for _, i := range d.Images {
		whole[i.Name], whole[""] = i.Total.Size(), i.Total.Size()
		if i.Advice != nil && d.Study == nil && d.Comparison == nil {
			list = i.Advice.Findings
		}
	}
	if d.Study != nil {
		list = d.Study.Findings
	}
	diffs := 0
	for _, f := range list {
		out := finding{Finding: f, Whole: whole[page.Plain(f.Variant)], Place: place(f)}
		if d.Study != nil {
			out.repaired(d.Study.Repair)
		}
		if f.Fix != nil && d.Diff != nil {
			if out.Diff = d.Diff(&f); len(out.Diff) > maxDiff || diffs+len(out.Diff) > maxDiffs {
				out.Diff = ""
			}
			diffs += len(out.Diff)
		}
		d.Findings = append(d.Findings, out)
	}
	for _, key := range []string{"risk", "rule", "fix", "variant"} {
		values := map[string]bool{}
		for _, f := range d.Findings {
			if v := map[string]string{"risk": string(f.Risk), "rule": f.Rule, "fix": f.HasFix(), "variant": page.Plain(f.Variant)}[key]; v != "" {
				values[v] = true
			}
		}
		if len(values) > 1 {
			d.Filters = append(d.Filters, filter{key, map[string]string{"fix": "has a fix"}[key], slices.Sorted(maps.Keys(values))})
		}
	}
}

// place is the first place in a file of the project that a finding names.
func place(f whittle.Finding) string {
	file, line := f.Place()
	if line > 0 {
		return fmt.Sprintf("%s:%d", page.Plain(file), line)
	}
	return page.Plain(file)
}

// repaired adds what became of the fix.
func (f *finding) repaired(r *whittle.Repair) {
	if r == nil {
		return
	}
	for _, s := range r.Steps {
		if s.Strategy == "" && s.Finding.Fingerprint == f.Fingerprint && s.Finding.Variant == f.Variant {
			f.Status, f.Reason, f.Support, f.Saved, f.StartUp = string(s.Status), page.Plain(s.Reason), s.Support, s.Saved, s.StartUp
			return
		}
	}
}

// rules adds the texts of the rules that findings are of.
func (d *parts) rules() {
	for _, r := range d.Rules {
		if slices.ContainsFunc(d.Findings, func(f finding) bool { return f.Rule == r.ID }) {
			d.Known = append(d.Known, r)
		}
	}
}

// IsKnown says that the page has a rule's text.
func (d *parts) IsKnown(rule string) bool {
	return slices.ContainsFunc(d.Known, func(r Rule) bool { return r.ID == rule })
}
