package report

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/report/page"
)

// TestNotRun: no text says "runs" of what only files say, and the first line
// says what was not run.
func TestNotRun(t *testing.T) {
	check := &whittle.Check{Image: "app", Verdict: whittle.Runs, Starts: []whittle.Start{
		{Kind: whittle.StartEntry, Name: "CMD", Verdict: whittle.Runs},
		{Kind: whittle.StartConsole, Name: "console script tool", Verdict: whittle.Runs, Run: &whittle.CommandRun{Status: whittle.Fails, Seconds: []float64{1}}}}}
	variant := whittle.Variant{Name: "original", Dockerfile: "Dockerfile", Build: whittle.BuildFacts{Status: whittle.Built}, Check: check, Inspect: &whittle.Inspection{},
		Run: whittle.RunFacts{Status: whittle.Unknown, Note: "no start of its own", Commands: []whittle.CommandRun{{Name: "tool", Optional: true, Status: whittle.Fails, Command: []string{"tool", "--help"}}}}}
	unknown := whittle.Outcome{Build: whittle.Built, Verdict: whittle.Unknown, Start: "no start of its own"}
	fixed := &whittle.Repair{Project: "app", Steps: []whittle.RepairStep{{Status: whittle.Applied}}, Files: []whittle.FileChange{{Path: "Dockerfile"}},
		Verified: &whittle.Verification{Variants: []whittle.VerifiedVariant{{Name: "original", Before: unknown, After: unknown}}}}
	study := &whittle.Study{Project: "app", Variants: []whittle.Variant{variant}, Repair: fixed, Best: &whittle.Best{Variant: "original", Outcome: unknown}}
	for name, show := range map[string]func(*bytes.Buffer) error{
		"check":    func(b *bytes.Buffer) error { return CheckText(b, check, page.Style{Width: 120}) },
		"study":    func(b *bytes.Buffer) error { return StudyText(b, study, page.Style{Width: 120}) },
		"study.md": func(b *bytes.Buffer) error { return StudyMarkdown(b, study) },
		"fix":      func(b *bytes.Buffer) error { return RepairText(b, fixed, page.Style{Width: 120}) },
		"fix.md":   func(b *bytes.Buffer) error { return RepairMarkdown(b, fixed) },
	} {
		var b bytes.Buffer
		if err := show(&b); err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(b.String(), "the median of the runs", "")
		if said := regexp.MustCompile(`.*\b(it )?runs\b.*`).FindAllString(text, -1); said != nil {
			t.Errorf("%s: %q", name, said)
		}
		if first, _, _ := strings.Cut(b.String(), "\n"); !strings.Contains(first, "not run") {
			t.Errorf("%s: the first line is %q", name, first)
		}
	}
}
