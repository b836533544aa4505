package report

import (
	"fmt"
	"strings"

	"whittle.dev/whittle"
)

// hostile is a name that would drive a terminal, break a table's row and
// become markup.
const hostile = "evil\x1b[31m\u202e\n| <b>*x*</b> `"

func exact(n int64) whittle.Saving { return whittle.Saving{Low: n, High: n} }

func edit(file, title string) *whittle.Fix {
	return &whittle.Fix{Title: title, Patches: []whittle.Patch{{File: file, Digest: digest("f"),
		Edits: []whittle.Edit{{Span: whittle.Span{Start: 10, End: 20}, New: "COPY --chmod=755 x /x\n"}}}}}
}

// findings have everything that a finding can have: breaks, ranges, growth,
// long evidence, hostile names, all risks.
func findings() []whittle.Finding {
	var many []whittle.Evidence
	for i := range 17 {
		many = append(many, whittle.Evidence{Path: fmt.Sprintf("usr/local/lib/python3.13/site-packages/package%02d/tests", i), Layer: 5, Bytes: 1_200_000 + int64(i)*100_000, Files: 31 + i})
	}
	return []whittle.Finding{
		{Rule: "undeclared-dependency", Message: "rich is imported by src/commands/anonymize.py:5, and nothing declares it.", Breaks: true, Risk: whittle.RiskLow,
			Evidence: []whittle.Evidence{{File: "src/commands/anonymize.py", Line: 5, Layer: -1}}, Saving: whittle.Saving{Low: -2_900_000, High: -2_400_000},
			Advice: "Declare rich.", Fix: edit("pyproject.toml", "declare rich>=13,<14 in pyproject.toml"), Fingerprint: "0000000000000001"},
		{Rule: "metadata-copy", Message: "RUN chmod -R a+rX /usr/local changes the mode of 1203 files that COPY brought, and so brings them again.", Risk: whittle.RiskNone,
			Evidence: []whittle.Evidence{{Path: "usr/local/lib/python3.13/site-packages", Layer: 5, Bytes: 200_900_000, Files: 1203, File: "Dockerfile", Line: 41, What: "mode only"}},
			Saving:   exact(200_900_000), Advice: "Give the mode in the COPY.", Fix: edit("Dockerfile", "COPY --chmod instead of RUN chmod"), Fingerprint: "0000000000000002"},
		{Rule: "unused-package", Message: "pygwalker is imported by nothing that the image's starts reach; it and what only it needs are 105.2 MB.", Risk: whittle.RiskHigh,
			Evidence: []whittle.Evidence{{Path: "usr/local/lib/python3.13/site-packages/pygwalker", Layer: 3, Bytes: 25_200_000, Files: 300, What: "pygwalker 0.4.9"},
				{Path: "usr/local/lib/python3.13/site-packages/duckdb", Layer: 3, Bytes: 80_000_000, Files: 90, What: "duckdb 1.4.1, needed by nothing else"}},
			Saving: whittle.Saving{Low: 100_000_000, High: 105_200_000}, Advice: "Remove pygwalker from the dependencies, or make an extra of it.",
			Caution: "A module may be imported by a name that is made at run time.", Fix: edit("pyproject.toml", "remove pygwalker"), Fingerprint: "0000000000000003"},
		{Rule: "tests-in-packages", Message: "17 distributions bring their tests.", Evidence: many, Saving: exact(34_000_000), Risk: whittle.RiskMedium,
			Caution: "numpy.testing and django.test are imported by applications.", Advice: "Remove them in the RUN that installs the packages.", Fingerprint: "0000000000000004"},
		{Rule: "tests-in-packages", Message: "The application brings " + hostile + " with it.", Evidence: []whittle.Evidence{{Path: "app/" + hostile, Layer: 6, Bytes: 2_000_000, Files: 1}},
			Saving: exact(2_000_000), Risk: whittle.RiskMedium, Advice: "Remove them in the RUN that installs the packages.", Fingerprint: "0000000000000005"},
		{Rule: "pip-cache", Message: "pip keeps its cache in the image.", Evidence: []whittle.Evidence{{Path: "root/.cache/pip", Layer: 3, Bytes: 400_000, Files: 12}},
			Saving: exact(400_000), Risk: whittle.RiskNone, Advice: "Use a cache mount.", Fix: edit("Dockerfile", "add a cache mount"), Fingerprint: "0000000000000006"},
		{Rule: "base-image", Message: "Another base would be larger by some but have fewer packages.", Evidence: []whittle.Evidence{{What: "python:3.13-slim", Layer: -1}},
			Saving: exact(-3_100_000), Risk: whittle.RiskHigh, Advice: "Look at it.", Fingerprint: "0000000000000007"},
	}
}

func advice() *whittle.Advice {
	size := inspection("", 200_900_000).Sizes
	return &whittle.Advice{Schema: whittle.AdviseSchema, Image: inspection("single", 0).Image, Sizes: size, Findings: findings(),
		Total: whittle.Saving{Low: 331_000_000, High: 339_900_000}, Fixable: exact(198_500_000),
		Rules: []string{"undeclared-dependency", "metadata-copy", "unused-package", "tests-in-packages", "pip-cache", "base-image"},
		Next:  &whittle.NextStrategy{Strategy: "single-stage", Variant: "single", Predicted: 614_900_000, Fixed: 702_400_000},
		Notes: []string{"no lock file: what the index would give is not known, " + hostile}}
}

const dockerfile = "FROM python:3.13-slim\nCOPY . /app\nRUN pip install --no-cache-dir /app && find /usr/local/lib/python3.13 -name tests -prune -exec rm -rf {} + \\\n\t&& rm -rf /app\n"

// readyIn is a time to ready that was measured, of an image with a download of bytes.
func readyIn(bytes int64, unpack, wall, cpu float64) *whittle.Ready {
	r := &whittle.Ready{Download: &bytes, Unpack: &unpack, Start: &whittle.StartUp{Name: "serve", Runs: 5, Wall: wall, CPU: &cpu, Cold: ptr(2 * wall)}}
	r.At(whittle.Bandwidths())
	return r
}

// readyAbout is one that is estimated.
func readyAbout(bytes int64, unpack float64) *whittle.Ready {
	r := &whittle.Ready{Download: &bytes, Unpack: &unpack, Estimated: true}
	r.At(whittle.Bandwidths())
	return r
}

func forecasts() *whittle.Forecasts {
	return &whittle.Forecasts{Schema: whittle.ForecastSchema, Project: "inventory", Base: "original", Notes: []string{"Sizes of wheels are those of the index on 2026-01-02."},
		Forecasts: []whittle.Forecast{
			{Strategy: "fixed", Title: "the original with the fixes of a low risk", Predicted: 801_000_000, Low: 801_000_000, High: 801_000_000, Actual: ptr(int64(801_000_000)),
				Parts: []whittle.ForecastPart{{Name: "what stays", Bytes: 801_000_000, Low: 801_000_000, High: 801_000_000, Source: "measured in original"}}},
			{Strategy: "single-stage", Title: "one stage, clean-up in the RUN that installs", Predicted: 750_000_000, Low: 730_000_000, High: 790_000_000, Actual: ptr(int64(741_200_000)),
				Parts: []whittle.ForecastPart{{Name: "base", Bytes: 115_500_000, Low: 115_500_000, High: 115_500_000, Source: "measured in original"},
					{Name: "packages", Bytes: 634_500_000, Low: 614_500_000, High: 674_500_000, Source: "the wheels' own directories, and bytecode by the ratio of the base"}},
				Ready:      readyIn(255_000_000, 5.25, 1.3, 1.15),
				Dockerfile: dockerfile, Notes: []string{"bytecode is made when it is installed"}},
			{Strategy: "alpine", Title: "Alpine's base, musl wheels", Predicted: 612_000_000, Low: 580_000_000, High: 700_000_000, Ready: readyAbout(211_000_000, 4.3),
				Skipped: []string{"duckdb has no musllinux wheel for cp313", hostile}},
			{Strategy: "distroless", Title: "no shell, no package manager", Predicted: 700_000_000, Low: 690_000_000, High: 705_000_000, Actual: ptr(int64(745_000_000))},
			{Strategy: "extras", Title: "an image for each extra", Predicted: 300_000_000, Low: 290_000_000, High: 310_000_000},
		}}
}

const diff = "--- a/Dockerfile\n+++ b/Dockerfile\n@@ -1,4 +1,3 @@\n FROM python:3.13-slim\n-COPY x /x\n--- an option\n-RUN chmod 755 /x\n+COPY --chmod=755 x /x\n+++ more\n"

func outcome(unpacked int64, verdict whittle.Verdict, problem string, passed int) whittle.Outcome {
	return whittle.Outcome{Sizes: whittle.Sizes{Size: unpacked, Visible: unpacked}, Build: whittle.Built, Verdict: verdict, Problem: problem, Passed: passed, Commands: 4}
}

// repair has a fix of every status, in two rounds.
func repair() *whittle.Repair {
	f := findings()
	for i := range f {
		f[i].Variant = "optimized"
	}
	f[5].Caution, f[5].SlowsStart = "each start compiles what it imports", true
	before, after := outcome(1_200_900_000, whittle.Fails, "ModuleNotFoundError: rich (src/commands/anonymize.py:5)", 1), outcome(1_002_100_000, whittle.Runs, "", 4)
	before.Ready, after.Ready = readyIn(402_000_000, 8.75, 1.31, 1.2), readyIn(345_000_000, 7.4, 1.3, 1.15)
	before.Ready.Start = nil
	after.Ready.UnpackOf = "optimized"
	before.Ready.Notes = []string{"no start was seen to run: the times are without one"}
	before.Ready.At(whittle.Bandwidths())
	return &whittle.Repair{Schema: whittle.FixSchema, Project: "inventory", Next: &whittle.NextStrategy{Strategy: "two-stage", Variant: "optimized", Predicted: 614_900_000, Fixed: 1_002_100_000},
		Steps: []whittle.RepairStep{
			{Finding: f[0], Status: whittle.Applied, Saved: ptr(int64(-2_500_000)), Round: 1},
			{Finding: f[1], Status: whittle.Applied, Saved: ptr(int64(200_900_000)), Support: "only runs that did not fail show that it does no harm", Round: 1},
			{Finding: f[2], Status: whittle.Reverted, Reason: "inventory serve fails with it: ModuleNotFoundError: pygwalker", Saved: ptr(int64(99_000_000)), Round: 1},
			{Finding: f[5], Status: whittle.Applied, Saved: ptr(int64(410_000)), StartUp: []whittle.SlowerStart{{Start: "serve", Before: 2.31, After: 2.4}, {Start: "help", Before: 0.21, After: 0.24}}, Round: 2},
			{Finding: f[5], Status: whittle.Applied, Saved: ptr(int64(579)), Round: 2},
			{Finding: f[3], Status: whittle.FixSkipped, Reason: "no edit is safe enough, " + hostile},
		},
		Files: []whittle.FileChange{{Path: "Dockerfile", Diff: diff},
			{Path: ".dockerignore", Diff: "--- /dev/null\n+++ b/.dockerignore\n@@ -0,0 +1,2 @@\n+.git\n+" + strings.ReplaceAll(hostile, "\n", "") + "\n", Created: true}},
		Verified: &whittle.Verification{Builds: 6, Images: 9, Rounds: []whittle.VerifiedRound{
			{Round: 1, Variant: "optimized", Rules: []string{"undeclared-dependency", "metadata-copy"}, Predicted: whittle.Saving{Low: 198_000_000, High: 198_500_000}, Saved: 198_400_000},
			{Round: 2, Variant: "optimized", Rules: []string{"pip-cache"}, Predicted: exact(400_000), Saved: 410_000},
			{Round: 2, Variant: "original", Rules: []string{"pip-cache"}, Predicted: exact(400_000), Saved: 0}},
			Variants: []whittle.VerifiedVariant{
				{Name: "optimized", Before: before, After: after,
					Predicted: whittle.Saving{Low: 198_300_000, High: 198_800_000}, Saved: 198_800_000,
					Slower: []whittle.SlowerStart{{Start: "serve", Before: 2.3, After: 3.2, CPUBefore: ptr(2.1), CPUAfter: ptr(3.0)}},
					Rows: []whittle.CompareRow{{Owner: "Dockerfile:38, metadata by Dockerfile:41", Kind: "wasted", WastedDelta: -200_900_000, Visible: []int64{0, 0}},
						{Owner: "rich", Kind: "pypi", To: "13.9.4", VisibleDelta: 2_100_000, Visible: []int64{0, 2_100_000}}}},
				{Name: "alpine", Before: whittle.Outcome{Build: whittle.BuildSkipped, Verdict: whittle.Unknown}, After: whittle.Outcome{Build: whittle.Failed, Verdict: whittle.Unknown, Problem: "exit code 1, " + hostile}},
			}}}
}

// written is a repair that was written without building.
func written() *whittle.Repair {
	r := repair()
	r.Written, r.Verified = true, nil
	for i := range r.Steps {
		r.Steps[i].Saved, r.Steps[i].Support, r.Steps[i].Round = nil, "", 1
		if r.Steps[i].Status != whittle.Applied {
			r.Steps[i].Status, r.Steps[i].Reason = whittle.FixSkipped, "not wanted"
		}
	}
	return r
}

// proven is the study with everything that came of its findings.
func proven() *whittle.Study {
	s := study()
	for _, f := range findings() {
		f.Variant = "optimized"
		s.Findings = append(s.Findings, f)
		if f.Rule == "unused-package" || f.Rule == "pip-cache" {
			f.Variant = "original"
			s.Findings = append(s.Findings, f)
		}
	}
	s.Forecasts, s.Repair = forecasts().Forecasts, repair()
	s.Best = &whittle.Best{Variant: "optimized", Dockerfile: dockerfile, Diff: diff, Archive: "images/best.tar", Sizes: whittle.Sizes{Size: 598_000_000, Visible: 598_000_000},
		Original: inspection("", 0).Sizes, Percent: 59.8, Outcome: outcome(598_000_000, whittle.Runs, "", 4)}
	return s
}

func simulation() *whittle.Simulation {
	exact := func(n int64) whittle.Saving { return whittle.Saving{Low: n, High: n} }
	return &whittle.Simulation{Schema: whittle.SimulateSchema, Image: inspection("app", 0).Image,
		Before: whittle.Sizes{Size: 1_000_000_000, Visible: 900_000_000, Wasted: 100_000_000},
		After:  whittle.Sizes{Size: 850_000_000, Visible: 800_000_000, Wasted: 50_000_000},
		Changes: []whittle.SimulatedChange{
			{What: "**/tests", Files: 5200, Layers: 2, Saving: exact(90_000_000)},
			{What: "pygwalker", Files: 8959, Layers: 1, Saving: exact(80_000_000), Distributions: []string{"duckdb 1.5.6", "pygwalker 0.5.0.1"}},
			{What: "evil\x1b[31m\u202e\n| <b>*x*</b> `"},
		},
		Total: exact(150_000_000)}
}
