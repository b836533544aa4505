package report

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/report/page"
)

// TestAdviceTitles: the first line says the result whatever it is.
func TestAdviceTitles(t *testing.T) {
	all := findings()
	for want, a := range map[string]*whittle.Advice{
		"app: size 895.5 MB; 2 rules found nothing":                                                      {Rules: []string{"a", "b"}},
		"app: size 895.5 MB; 1 finding saves 200.9 MB":                                                   {Findings: all[1:2], Total: exact(200_900_000)},
		"app: size 895.5 MB; 2 findings save 300.9–306.1 MB together":                                    {Findings: all[1:3], Total: whittle.Saving{Low: 300_900_000, High: 306_100_000}},
		"app: size 895.5 MB; 1 finding keeps it from running":                                            {Findings: all[:1], Total: exact(-2_500_000)},
		"app: size 895.5 MB; 2 findings save 198.4 MB together, 1 of them keeps it from running":         {Findings: all[:2], Total: exact(198_400_000)},
		"app: size 895.5 MB; 1 finding makes it 3.1 MB larger":                                           {Findings: all[6:], Total: exact(-3_100_000)},
		"app: size 895.5 MB; 2 findings make it 2.7 MB larger together, 1 of them keeps it from running": {Findings: []whittle.Finding{all[0], all[5]}, Total: exact(-2_700_000)},
	} {
		a.Image.Ref, a.Sizes.Size = "app", 895_500_000
		var b bytes.Buffer
		if err := AdviceText(&b, a, page.Style{Width: 200}); err != nil {
			t.Fatal(err)
		}
		if got, _, _ := strings.Cut(b.String(), "\n"); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// tried is a verification of variants with some verdicts.
func tried(verdicts ...whittle.Verdict) *whittle.Verification {
	v := &whittle.Verification{}
	for i, verdict := range verdicts {
		v.Variants = append(v.Variants, whittle.VerifiedVariant{Name: fmt.Sprintf("v%d", i), After: whittle.Outcome{Build: whittle.Built, Verdict: verdict}})
	}
	return v
}

func TestRepairTitles(t *testing.T) {
	r := repair()
	for want, r := range map[string]*whittle.Repair{
		"inventory: nothing to change":                                            {},
		"inventory: nothing is changed, 1 fix is skipped":                         {Steps: r.Steps[5:]},
		"inventory: 1 fix changes 1 file; the images with that were not run":      {Steps: r.Steps[:1], Files: r.Files[:1]},
		"inventory: 4 fixes change 2 files; the images with that were not run":    {Steps: r.Steps, Files: r.Files},
		"inventory: 4 fixes changed 2 files; the images with that were not run":   {Steps: r.Steps, Files: r.Files, Written: true},
		"inventory: 4 fixes change 2 files":                                       {Steps: r.Steps, Files: r.Files, Verified: tried(whittle.Runs, whittle.Fails)},
		"inventory: 4 fixes change 2 files; start not run: v1, v3":                {Steps: r.Steps, Files: r.Files, Verified: tried(whittle.Runs, whittle.Unknown, whittle.Fails, whittle.Unknown)},
		"inventory: 4 fixes change 2 files; start not run: v0, v1, v2 and 2 more": {Steps: r.Steps, Files: r.Files, Verified: tried(slices.Repeat([]whittle.Verdict{whittle.Unknown}, 5)...)},
	} {
		r.Project = "inventory"
		if got := repairTitle(r); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestForecastLine: a size is printed with its bounds, and with the actual size where
// there is one.
func TestForecastLine(t *testing.T) {
	for want, f := range map[string]whittle.Forecast{
		"Size 750.0 MB.": {Predicted: 750e6, Low: 750e6, High: 750e6},
		"Size 750.0 MB, within 740.0–760.0 MB; actual 745.0 MB (off by +0.67 %).":          {Predicted: 750e6, Low: 740e6, High: 760e6, Actual: ptr(int64(745e6))},
		"Size 750.0 MB, within 740.0–760.0 MB; actual 780.0 MB (off by -3.85 %, outside).": {Predicted: 750e6, Low: 740e6, High: 760e6, Actual: ptr(int64(780e6))},
		"Size 750.0 MB; actual 750.0 MB (exact).":                                          {Predicted: 750e6, Low: 750e6, High: 750e6, Actual: ptr(int64(750e6))},
		"Size 750.0 MB; actual 0 B.":                                                       {Predicted: 750e6, Low: 750e6, High: 750e6, Actual: ptr(int64(0))},
	} {
		if got := forecastLine(f); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
