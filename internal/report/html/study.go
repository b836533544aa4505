package html

import (
	"cmp"
	"fmt"
	"html/template"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/report/page"
)

// waterfall is the way of a variant from its size before the fixes to that after.
type waterfall struct {
	Name  string
	Steps []step
	// Slower are the starts that take longer after the fixes.
	Slower []whittle.SlowerStart
}

// step is a step of a waterfall.
type step struct {
	Name, Note string
	// Class is whole (a size), verified (measured), predicted (one of several that
	// were only measured together) or reverted.
	Class string
	// From and To are the sizes before and after, Whole the largest.
	From, To, Whole int64
	// Range is what it was to save, nil where that is not said.
	Range *whittle.Saving
}

// Saved is what a step saved.
func (s step) Saved() int64 { return s.From - s.To }

// Measured says that the step's size was measured.
func (s step) Measured() bool { return s.Class == "verified" }

// Bar is the step's picture: a bar between the two sizes, and a whisker from the
// largest to the smallest size that was predicted.
func (s step) Bar() template.HTML {
	x := func(n int64) float64 { return float64(min(max(n, 0), s.Whole)) * 100 / float64(max(s.Whole, 1)) }
	class := s.Class
	if class == "verified" && s.To > s.From {
		class = "grown"
	}
	from, to := x(min(s.From, s.To)), x(max(s.From, s.To))
	if s.Class == "whole" {
		from = 0
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="bar wide" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect class="%s" x="%.2f" y="1" width="%.2f" height="8"/>`, class, from, max(to-from, 0.3))
	if s.Range != nil {
		low, high := x(s.From-s.Range.High), x(s.From-s.Range.Low)
		fmt.Fprintf(&b, `<path class="whisker" vector-effect="non-scaling-stroke" d="M%.2f 3V7M%.2f 5H%.2fM%.2f 3V7"/>`, low, low, high, high)
	}
	return template.HTML(b.String() + `</svg>`) //nolint:gosec // numbers alone
}

// study adds the waterfalls of the variants that were verified, and the builds.
func (d *parts) study() {
	if r := d.Study.Repair; r != nil && r.Verified != nil {
		for _, v := range r.Verified.Variants {
			if v.Before.Sizes.Size > 0 && v.After.Sizes.Size > 0 {
				d.Waterfalls = append(d.Waterfalls, waterfallOf(r, v))
			}
		}
	}
	for _, v := range d.Study.Variants {
		if len(v.Build.Steps) > 0 {
			d.Builds = append(d.Builds, timelineOf(v))
		}
	}
}

func waterfallOf(r *whittle.Repair, v whittle.VerifiedVariant) waterfall {
	whole := max(v.Before.Sizes.Size, v.After.Sizes.Size)
	w := waterfall{Name: page.Plain(v.Name), Slower: v.Slower}
	at := v.Before.Sizes.Size
	add := func(name, note, class string, saved int64, foreseen *whittle.Saving) {
		w.Steps = append(w.Steps, step{Name: name, Note: note, Class: class, From: at, To: at - saved, Whole: whole, Range: foreseen})
		if class == "verified" {
			at -= saved
		}
	}
	w.Steps = append(w.Steps, step{Name: "before", Class: "whole", To: at, Whole: whole})
	for _, round := range r.Verified.Rounds {
		if round.Variant != v.Name {
			continue
		}
		applied, reverted := stepsOf(r, round)
		switch len(applied) {
		case 1:
			add(stepName(applied[0]), page.Plain(applied[0].Reason), "verified", round.Saved, &round.Predicted)
		default:
			add(roundName(round, len(applied)), "", "verified", round.Saved, &round.Predicted)
			at += round.Saved
			for _, s := range applied {
				note := cmp.Or(page.Plain(s.Reason), "measured with the others")
				saved := (s.Finding.Saving.Low + s.Finding.Saving.High) / 2
				if s.Saved != nil {
					note, saved = page.Plain(s.Reason), *s.Saved
				}
				add(stepName(s), note, "predicted", saved, &s.Finding.Saving)
			}
			at -= round.Saved
		}
		for _, s := range reverted {
			add(stepName(s), page.Plain(s.Reason), "reverted", (s.Finding.Saving.Low+s.Finding.Saving.High)/2, &s.Finding.Saving)
		}
	}
	if rest := at - v.After.Sizes.Size; rest != 0 {
		add("what no round measured", "", "verified", rest, nil)
	}
	w.Steps = append(w.Steps, step{Name: "after", Class: "whole", To: v.After.Sizes.Size, Whole: whole})
	return w
}

// stepsOf are the fixes of a round that were applied, and those reverted.
func stepsOf(r *whittle.Repair, round whittle.VerifiedRound) (applied, reverted []whittle.RepairStep) {
	for _, s := range r.Steps {
		if s.Round != round.Round || s.Finding.Variant != "" && s.Finding.Variant != round.Variant {
			continue
		}
		switch s.Status {
		case whittle.Applied:
			applied = append(applied, s)
		case whittle.Reverted:
			reverted = append(reverted, s)
		}
	}
	return applied, reverted
}

func stepName(s whittle.RepairStep) string {
	if s.Finding.Fix != nil {
		return s.Finding.Rule + ": " + page.Plain(s.Finding.Fix.Title)
	}
	if s.Strategy != "" {
		return page.Plain(s.Strategy)
	}
	return s.Finding.Rule
}

func roundName(round whittle.VerifiedRound, fixes int) string {
	if fixes == 0 {
		return page.Plain(strings.Join(round.Rules, ", "))
	}
	return fmt.Sprintf("round %d: %d fixes together", round.Round, fixes)
}

// timeline is when a build did what.
type timeline struct {
	Name string
	// Seconds is the build's time, Total that with the export after it.
	Seconds, Total float64
	Steps          []whittle.BuildStep
}

func timelineOf(v whittle.Variant) timeline {
	t := timeline{Name: page.Plain(v.Name), Seconds: v.Build.Seconds, Total: v.Build.Seconds, Steps: v.Build.Steps}
	for _, s := range t.Steps {
		t.Total = max(t.Total, s.Start+s.Seconds)
	}
	return t
}

// Bar is a step's time in that of the whole build.
func (t timeline) Bar(s whittle.BuildStep) template.HTML {
	class, whole := "visible", max(t.Total, 0.001)
	if s.Cached {
		class = "more"
	}
	return template.HTML(fmt.Sprintf(`<svg class="bar wide" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect class="%s" x="%.2f" y="1" width="%.2f" height="8"/></svg>`,
		class, s.Start*100/whole, max(s.Seconds*100/whole, 0.3))) //nolint:gosec // numbers alone
}

// spread is the picture of a size that was predicted: the range, and a mark at the
// actual size.
func spread(f whittle.Forecast, whole int64) template.HTML {
	x := func(n int64) float64 { return float64(max(n, 0)) * 100 / float64(max(whole, 1)) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="bar wide" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect class="predicted" x="%.2f" y="2" width="%.2f" height="6"/>`, x(f.Low), max(x(f.High)-x(f.Low), 0.4))
	if f.Actual != nil {
		fmt.Fprintf(&b, `<path class="actual" vector-effect="non-scaling-stroke" d="M%.2f 0V10"/>`, x(*f.Actual))
	}
	return template.HTML(b.String() + `</svg>`) //nolint:gosec // numbers alone
}
