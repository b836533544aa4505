package report

import (
	"strings"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/report/page"
)

// gateValue is a verdict that has everything that one can have.
func gateValue() *whittle.Gate {
	download, was := int64(150e6), 320e6
	sizes := whittle.Sizes{Download: &download, Size: 361e6, Visible: 351e6, Wasted: 10e6}
	digest := whittle.DigestOf([]byte("app"))
	finding := whittle.GateFinding{Status: whittle.GateFails, Rule: "python-tests", Message: "pandas has tests", Saving: whittle.Saving{Low: 30e6, High: 30e6}, Risk: whittle.RiskLow, File: "Dockerfile", Line: 5, Fingerprint: "x"}
	g := &whittle.Gate{Schema: whittle.GateSchema, Image: whittle.ImageFacts{Ref: "app", Source: "registry", Digest: digest, Platform: "linux/amd64"}, Sizes: sizes,
		Baseline: &whittle.GateBaseline{Name: "main", Ref: "app:main", Digest: digest, Sizes: sizes, Base: "the base image is another one: +2.0 MB (150.0 MB)", Allowed: []whittle.Allowance{{Bytes: 1e6, Reason: "adds data", Day: "2026-11-29", Over: digest}}},
		Budgets: []whittle.BudgetRow{
			{On: "size", Unit: "bytes", Status: whittle.GateFails, Actual: 361e6, Was: &was, Limit: 350e6, Text: "size 361.0 MB, over 350.0 MB by 11.0 MB",
				Causes: []whittle.GateCause{{Name: "torch", Kind: "pypi", From: "2.8", To: "2.9", Change: 51e6, File: "requirements.txt", Line: 4, Why: "required by transformers"},
					{Name: "RUN chmod 600 /app/x", Kind: "wasted", Change: -10e6, File: "Dockerfile", Line: 7, Why: "hides what is stored below it"}},
				Back: []whittle.GateFinding{finding}, BackSaves: 30e6},
			{On: "build", Unit: "seconds", Status: whittle.GateUnmeasured, Missing: "image", Text: "build is not known: an image does not say how long its build took"},
			{On: "layers", Unit: "count", Status: whittle.GatePasses, Actual: 5, Limit: 5, Text: "layers 5, exactly at the limit"},
			{On: "wasted", Unit: "bytes", Status: whittle.GateSkipped, Actual: 10e6, Text: "wasted 10.0 MB; there is no baseline to compare with"}},
		Check:    &whittle.GateCheck{Status: whittle.GateFails, Verdict: whittle.Fails, Problems: []whittle.Problem{{Rule: "missing-module", Severity: whittle.SeverityError, Message: "rich is missing", Path: "/app/main.py", Line: 3}}},
		Findings: []whittle.GateFinding{finding},
		Ignored:  []whittle.Ignored{{Rule: "pip-cache", Reason: "known", Until: "2026-01-01", File: "Dockerfile", Line: 3, Findings: 1, Expired: true}},
		Notes:    []string{"ignoring pip-cache at Dockerfile:3 ended on 2026-01-01 (known)"}}
	g.Decide(false)
	return g
}

var baselineValue = func() whittle.Baseline {
	g := gateValue()
	one, seconds := 1, 2.5
	return whittle.Baseline{Schema: whittle.BaselineSchema, Ref: "app", Digest: g.Image.Digest, Platform: "linux/amd64", Base: &whittle.BaselineBase{Name: "python:3.13-slim", File: "Dockerfile", Line: 1}, Sizes: g.Sizes, Files: 5, Startup: &seconds, Build: &seconds,
		Steps:  []whittle.BaselineStep{{Text: "FROM", DiffID: g.Image.Digest, Base: true, Download: g.Sizes.Download, Size: 1}, {Text: "RUN x", DiffID: g.Image.Digest, File: "Dockerfile", Line: 2, Size: 2}},
		Owners: []whittle.BaselineOwner{{Owner: whittle.Owner{Ecosystem: "pypi", Name: "torch", Version: "2.9"}, Layer: 1, Visible: 5, Files: 2, Base: 1, BaseFiles: 1}, {Owner: whittle.Owner{Ecosystem: "app", Name: "/app"}, Step: &one, Visible: 1, Files: 1}},
		Wasted: []whittle.BaselineWaste{{AddedBy: 0, HiddenBy: 1, Cause: whittle.Visible + 1, Bytes: 3, Files: 1}}, Directories: []whittle.BaselineDirectory{{Path: "/app", Visible: 1, Parts: map[string]int64{"a": 1}}}, Allowed: g.Baseline.Allowed}
}()

// TestGateText: a failure has the budget, its causes with their lines and sum, and what
// leads back; it fits narrow terminals.
func TestGateText(t *testing.T) {
	for _, columns := range []int{40, 80, 120} {
		var b strings.Builder
		if err := GateText(&b, gateValue(), page.Style{Width: columns}, 15); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			if page.Width(strings.TrimSuffix(line, "\n")) > columns && strings.Contains(strings.TrimSpace(line), " ") {
				t.Errorf("%d columns of %d: %s", page.Width(line), columns, line)
			}
		}
		for _, want := range []string{"fails", "not measured", "+51.0 MB", "+41.0 MB", "requirements.txt:4", "save 30.0", "over 1 of 4 budgets", "does not run"} {
			if !strings.Contains(strings.Join(strings.Fields(b.String()), " "), want) && columns > 40 {
				t.Errorf("%d columns: no %q in\n%s", columns, want, b.String())
			}
		}
	}
}
