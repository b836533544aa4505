package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/report/page"
)

// merged is one finding that several variants have.
type merged struct {
	whittle.Finding
	variants []string
	// differ says that they save different amounts, of which Saving has the
	// most.
	differ bool
}

// mergeFindings makes one of the findings that say the same of several
// variants; the order is that of the first of them.
func mergeFindings(findings []whittle.Finding, key func(whittle.Finding) string) []merged {
	at := map[string]int{}
	var out []merged
	for _, f := range findings {
		k := key(f)
		i, there := at[k]
		if !there {
			i = len(out)
			at[k] = i
			out = append(out, merged{Finding: f})
		}
		m := &out[i]
		m.differ = m.differ || m.Saving != f.Saving
		m.Saving.Low, m.Saving.High = max(m.Saving.Low, f.Saving.Low), max(m.Saving.High, f.Saving.High)
		if f.Variant != "" && !slices.Contains(m.variants, f.Variant) {
			m.variants = append(m.variants, f.Variant)
		}
	}
	return out
}

// larger orders findings: those that break a run, what production starts
// first, then the largest saving.
func larger(a, b whittle.Finding) int {
	first := map[bool]int{true: -1, false: 1}
	switch {
	case a.Breaks != b.Breaks:
		return first[a.Breaks]
	case a.InProduction() != b.InProduction():
		return first[a.InProduction()]
	}
	return cmp.Or(cmp.Compare(b.Saving.High, a.Saving.High), cmp.Compare(b.Saving.Low, a.Saving.Low))
}

// keyFindings leaves out those that save next to nothing of their variant, and
// counts these.
func keyFindings(s *whittle.Study) (key []whittle.Finding, others int) {
	sizes := map[string]int64{}
	for _, v := range s.Variants {
		if v.Inspect != nil {
			sizes[v.Name] = v.Inspect.Sizes.Size
		}
	}
	for _, f := range s.Findings {
		if !f.Breaks && small(f.Saving, sizes[f.Variant]) {
			others++
		} else {
			key = append(key, f)
		}
	}
	slices.SortStableFunc(key, larger)
	return key, others
}

// findingsSection has the findings by rule, the rule with the largest saving
// first.
func findingsSection(d *page.Document, s *whittle.Study) {
	key, others := keyFindings(s)
	if len(key) == 0 {
		return
	}
	intro := "Savings are those of one change alone; they overlap and do not add up."
	if others > 0 {
		intro += fmt.Sprintf(" %d small ones are not listed.", others)
	}
	d.Add(page.Heading{Level: 2, Text: "Key findings"}, page.Para(intro))
	byRule := map[string][]whittle.Finding{}
	var rules []string
	for _, f := range key {
		if len(byRule[f.Rule]) == 0 {
			rules = append(rules, f.Rule)
		}
		byRule[f.Rule] = append(byRule[f.Rule], f)
	}
	label := 0
	rows := make([][]page.Entry, len(rules))
	for i, r := range rules {
		rows[i] = ruleEntries(byRule[r])
		for _, e := range rows[i] {
			label = max(label, page.Width(e.Label.Text))
		}
	}
	for i, r := range rules {
		d.Add(page.Heading{Level: 3, Text: r}, page.Entries{Rows: rows[i], Label: label})
	}
}

// ruleEntries are a rule's findings, those that say the same of several
// variants as one.
func ruleEntries(findings []whittle.Finding) []page.Entry {
	all := mergeFindings(findings, func(f whittle.Finding) string {
		return fmt.Sprintf("%q %q %d %d", f.Message, f.Advice, f.Saving.Low, f.Saving.High)
	})
	var out []page.Entry
	for i, m := range all {
		if i == most {
			out = append(out, page.Entry{Title: fmt.Sprintf("and %d more", len(all)-most)})
			break
		}
		e := page.Entry{Label: savingCell(m.Saving), Title: m.Message}
		if m.Breaks {
			e.Label = page.Toned("breaks", page.Bad)
		}
		if len(m.variants) > 0 {
			e.Title, e.Text = strings.Join(m.variants, ", "), m.Message
		}
		e.Notes = findingNotes(m.Finding, i > 0, all[max(i-1, 0)].Finding)
		out = append(out, e)
	}
	return out
}

// forecastsSection has the forecasts beside the sizes of what was built.
func forecastsSection(d *page.Document, fs []whittle.Forecast) {
	if len(fs) == 0 {
		return
	}
	d.Add(page.Heading{Level: 2, Text: "Forecasts"}, forecastTable(fs))
	readySection(d, 3, forecastsReady(fs))
	var items page.List
	for _, f := range fs {
		items = append(items, f.Strategy+": "+strings.Join(append([]string{f.Title}, forecastWords(f)...), "; "))
	}
	d.Add(items)
}

// proofSection is the loop of fixing and building again, and what came of it.
func proofSection(d *page.Document, s *whittle.Study) {
	if r := s.Repair; r != nil {
		d.Add(page.Heading{Level: 2, Text: "Fixes, predicted and actual"}, page.Para(repairTitle(r)+"."))
		repairAnswer(d, r)
		repairSections(d, 3, r, false)
		if s.Best == nil || s.Best.Diff == "" {
			d.Add(diffs(r)...)
		}
	}
	if b := s.Best; b != nil {
		d.Add(page.Heading{Level: 2, Text: "The best image"}, page.Para(bestLine(b)))
		if words := outcomeWords(b.Variant, b.Outcome); len(words) > 0 {
			d.Add(words)
		}
		if b.Archive != "" {
			d.Add(page.Para("The image is kept as " + b.Archive + "."))
		}
		if b.Dockerfile != "" {
			d.Add(page.Heading{Level: 3, Text: "Its Dockerfile"}, page.VerbatimText("dockerfile", b.Dockerfile))
		}
		if b.Diff != "" {
			d.Add(page.Heading{Level: 3, Text: "What it takes"}, page.VerbatimText("diff", b.Diff))
		}
	}
}

// bestLine says the best image in a sentence.
func bestLine(b *whittle.Best) string {
	s := fmt.Sprintf("%s, size %s, %.1f %% of the original %s; ", b.Variant, whittle.Bytes(b.Sizes.Size), b.Percent, whittle.Bytes(b.Original.Size))
	s += map[whittle.Verdict]string{whittle.Runs: "it runs", whittle.Fails: "it does not run"}[b.Outcome.Verdict]
	if b.Outcome.Verdict != whittle.Runs && b.Outcome.Verdict != whittle.Fails {
		s += "it was not run"
	}
	if b.Outcome.Start != "" {
		s += " (" + b.Outcome.Start + ")"
	}
	if b.Outcome.Commands > 0 {
		s += fmt.Sprintf(", %d of %d commands pass", b.Outcome.Passed, b.Outcome.Commands)
	}
	return s + "."
}

// nextSection lists what is left to do: findings that no fix was applied for,
// strategies that are skipped, and variants that do not run or have no image.
func nextSection(d *page.Document, s *whittle.Study) {
	if len(s.Findings)+len(s.Forecasts)+len(s.Ignored) == 0 && s.Repair == nil {
		return
	}
	items := append(leftFindings(s), whittle.IgnoredNotes(s.Ignored)...)
	if n := fixable(s.Findings); n > 0 && s.Repair == nil {
		items = append(items, fmt.Sprintf("whittle fix has edits of a low risk for %d %s", n, page.Plural(n, "findings")))
	}
	for _, f := range s.Forecasts {
		for _, b := range f.Skipped {
			items = append(items, f.Strategy+" is skipped: "+b)
		}
	}
	if s.Repair != nil && s.Repair.Verified != nil {
		for _, v := range s.Repair.Verified.Variants {
			if v.After.Verdict == whittle.Fails {
				items = append(items, fmt.Sprintf("%s does not run with the fixes either: %s", v.Name, cmp.Or(v.After.Problem, buildWord(v.After.Build))))
			}
		}
	}
	for _, v := range s.Variants {
		if v.Build.Status != whittle.Built {
			items = append(items, fmt.Sprintf("%s has no image: %s", v.Name, cmp.Or(v.Build.Reason, buildWord(v.Build.Status))))
		}
	}
	if len(items) > 0 {
		d.Add(page.Heading{Level: 2, Text: "Next steps"}, items)
	}
}

// leftFindings say what to do about the findings that have no fix and those
// whose fix was not kept, the most pressing first.
func leftFindings(s *whittle.Study) page.List {
	key, _ := keyFindings(s)
	type place struct{ fingerprint, variant string }
	dropped := map[place]string{}
	if s.Repair != nil {
		for _, st := range s.Repair.Steps {
			dropped[place{st.Finding.Fingerprint, st.Finding.Variant}] = map[bool]string{true: string(st.Status)}[st.Status != whittle.Applied]
		}
	}
	status := func(f whittle.Finding) string { return dropped[place{f.Fingerprint, f.Variant}] }
	var left []whittle.Finding
	for _, f := range key {
		if f.Fix == nil || status(f) != "" {
			left = append(left, f)
		}
	}
	all := mergeFindings(left, func(f whittle.Finding) string {
		return fmt.Sprintf("%q %q %q", f.Rule, cmp.Or(f.Advice, f.Message), status(f))
	})
	var items page.List
	for i, m := range all {
		if i == 2*most {
			items = append(items, fmt.Sprintf("and %d more findings", len(all)-i))
			break
		}
		items = append(items, nextLine(m, status(m.Finding)))
	}
	return items
}

// nextLine is what to do, and in brackets why.
func nextLine(m merged, status string) string {
	facts := []string{m.Rule}
	if len(m.variants) > 0 {
		facts = append(facts, "in "+strings.Join(m.variants, ", "))
	}
	switch {
	case m.Breaks:
		facts = append(facts, "it keeps the image from running")
	case m.differ && m.Saving.High > 0:
		facts = append(facts, "saves up to "+whittle.Bytes(m.Saving.High))
	case m.Saving.High > 0:
		facts = append(facts, "saves "+savingText(m.Saving))
	}
	if status != "" {
		facts = append(facts, "its fix was "+status)
	}
	return fmt.Sprintf("%s (%s)", strings.TrimSuffix(cmp.Or(m.Advice, m.Message), "."), strings.Join(facts, "; "))
}
