package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/report/jsontext"
	"whittle.dev/whittle/internal/report/page"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func ptr[T any](v T) *T { return &v }

func digest(c string) whittle.Digest { return whittle.Digest("sha256:" + strings.Repeat(c, 64)) }

func inspection(ref string, wasted int64) *whittle.Inspection {
	return &whittle.Inspection{
		Schema: whittle.InspectSchema,
		Image:  whittle.ImageFacts{Ref: ref, Source: "docker-archive", Digest: digest("a"), Platform: "linux/amd64", Created: "2026-01-02T03:04:05Z", Verified: true},
		Sizes:  whittle.Sizes{Download: ptr(int64(345_000_000)), Size: 1_000_000_000 + wasted, Visible: 1_000_000_000, Wasted: wasted},
		Layers: []whittle.LayerRow{
			{Index: 0, DiffID: digest("b"), Digest: digest("c"), MediaType: "application/vnd.oci.image.layer.v1.tar+gzip", CreatedBy: "# debian.sh --arch 'amd64'", Comment: "debuerreotype 0.16",
				Download: ptr(int64(45_000_000)), Size: 115_500_000, Visible: 115_500_000, Entries: 4000},
			{Index: 1, DiffID: digest("d"), Digest: digest("e"), MediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
				CreatedBy: "RUN /bin/sh -c pip install --no-cache-dir pandas plotly streamlit sqlalchemy # buildkit", Download: ptr(int64(300_000_000)),
				Origin: &whittle.Origin{File: "Dockerfile", Line: 18, EndLine: 19, Instruction: "RUN"},
				Size:   884_500_000 + wasted, Visible: 884_500_000, Wasted: wasted, Entries: 40000},
		},
		Categories: []whittle.CategoryRow{{Name: "base OS", Visible: 115_500_000, Files: 4000}, {Name: "Python packages", Visible: 884_500_000, Wasted: wasted, Files: 36000}},
		Packages: []whittle.PackageRow{
			{Owner: whittle.Owner{Ecosystem: "pypi", Name: "pandas", Version: "2.3.3"}, Visible: 884_500_000, Files: 36000,
				Parts: map[string]int64{"modules": 500_000_000, "extensions": 300_000_000, "tests": 84_500_000}},
			{Owner: whittle.Owner{Ecosystem: "deb", Name: "libc6", Version: "2.41-12"}, Visible: 115_400_000, Files: 3900},
			{Owner: whittle.Owner{Ecosystem: "instruction", Name: "RUN pip install --no-cache-dir pandas plotly streamlit sqlalchemy"}, Layer: ptr(1), Visible: 100_000, Files: 100}},
		WastedSums: []whittle.WastedSum{{Bytes: wasted, Files: 1203, AddedBy: 0, HiddenBy: 1, Cause: whittle.Metadata}},
		Wasted:     []whittle.WastedRow{{Path: "usr/local/lib/python3.13/site-packages/evil\x1b[31m\u202e", Bytes: wasted, Files: 1203, AddedBy: 0, HiddenBy: 1, Cause: whittle.Metadata}},
	}
}

func comparison() whittle.Comparison {
	return whittle.Comparison{
		Schema: whittle.CompareSchema,
		Images: []whittle.ImageSizes{
			{ImageFacts: inspection("original", 0).Image, Sizes: inspection("original", 0).Sizes},
			{ImageFacts: inspection("optimized", 200_900_000).Image, Sizes: inspection("optimized", 200_900_000).Sizes}},
		Delta: whittle.Delta{Size: 200_900_000, Wasted: 200_900_000},
		Rows: []whittle.CompareRow{
			{Owner: "Dockerfile:38, metadata by Dockerfile:41", Kind: "wasted", WastedDelta: 200_900_000, Visible: []int64{0, 0}},
			{Owner: "pandas", Kind: "pypi", From: "2.3.3", To: "3.0.1", VisibleDelta: 4_100_000, Visible: []int64{70_000_000, 74_100_000}},
			{Owner: "numpy", Kind: "pypi", From: "2.0", VisibleDelta: -4_100_000, Visible: []int64{4_100_000, 0}}},
		Words: []string{"200.9 MB larger (1.00 GB → 1.20 GB): 0 B visible, +200.9 MB wasted."},
		Shared: whittle.Shared{Layers: 1, Size: 115_500_000, PullSize: 2_085_400_000, PullDownload: ptr(int64(645_000_000)),
			Matrix: [][]int64{{1_000_000_000, 115_500_000}, {115_500_000, 1_200_900_000}}},
	}
}

func study() *whittle.Study {
	c := comparison()
	engine := whittle.Engine{Kind: "buildkitd", Version: "v0.34.2"}
	original, optimized := readyIn(345_000_000, 7.5, 1.25, 1.1), readyIn(402_000_000, 8.75, 0.5, 0.45)
	return &whittle.Study{
		Schema: whittle.StudySchema, Project: "inventory", Date: "2026-01-02T03:04:05Z",
		Machine: whittle.Machine{OS: "linux", Architecture: "amd64", CPU: "AMD EPYC", Cores: 2, Memory: 25_270_000_000, Engine: engine},
		Variants: []whittle.Variant{
			{Name: "original", Dockerfile: "Dockerfile", Inspect: inspection("original", 0), Download: whittle.DownloadFacts{Gzip: ptr(int64(345_000_000)), Zstd: ptr(int64(301_200_000))},
				Build: whittle.BuildFacts{Status: whittle.Built, Seconds: 95.25, Cold: true, RebuildSeconds: ptr(3.5), Touched: "src/cli.py", Engine: engine, Date: "2026-01-02T03:00:00Z", Log: "logs/original.log", Archive: "images/original.tar"},
				Run:   whittle.RunFacts{Status: whittle.Runs, Seconds: ptr(1.25), Commands: []whittle.CommandRun{{Name: "help", Command: []string{"inventory", "--help"}, Status: whittle.Runs, Seconds: []float64{1.2, 1.25, 1.3}, CPU: []float64{1.1, 1.15, 1.1}}}},
				Ready: original},
			{Name: "optimized", Dockerfile: "Dockerfile.optimized", Inspect: inspection("optimized", 200_900_000), Download: whittle.DownloadFacts{Gzip: ptr(int64(402_000_000))},
				Change: &whittle.Change{Size: 200_900_000, Percent: 20.09},
				Build:  whittle.BuildFacts{Status: whittle.Built, Seconds: 61.04, Engine: engine, Date: "2026-01-02T03:01:00Z", Log: "logs/optimized.log", Archive: "images/optimized.tar"},
				Check:  &whittle.Check{Schema: whittle.CheckSchema, Verdict: whittle.Fails, Problems: []whittle.Problem{{Rule: "missing-module", Severity: "error", Message: "ModuleNotFoundError: rich (src/commands/anonymize.py:5)", Path: "src/commands/anonymize.py", Line: 5, Module: "rich"}}},
				Run: whittle.RunFacts{Status: whittle.Fails, Commands: []whittle.CommandRun{{Name: "help", Command: []string{"inventory", "--help"}, Status: whittle.Fails, Exit: 1, Seconds: []float64{0.5},
					Problem: "ModuleNotFoundError: rich (src/commands/anonymize.py:5)", Tail: []string{"ModuleNotFoundError: No module named 'rich'"}}}},
				Ready: optimized},
			{Name: "failing", Dockerfile: "Dockerfile.failing", Run: whittle.RunFacts{Status: whittle.Unknown, Commands: []whittle.CommandRun{}},
				Build: whittle.BuildFacts{Status: whittle.Failed, Reason: "Dockerfile.failing:3: RUN make: exit code 2", Tail: []string{"make: *** No targets. Stop."}, Engine: engine, Date: "2026-01-02T03:02:00Z", Log: "logs/failing.log"}},
			{Name: "alpine", Dockerfile: "Dockerfile.alpine", Run: whittle.RunFacts{Status: whittle.Unknown, Commands: []whittle.CommandRun{}},
				Build: whittle.BuildFacts{Status: whittle.BuildSkipped, Reason: "Dockerfile.alpine:1: base image python:3.13-alpine cannot be had", Engine: engine, Date: "2026-01-02T03:02:00Z", Log: "logs/alpine.log"}},
		},
		Differences: []whittle.Difference{{Variant: "optimized", Base: "original", Comparison: c}},
		Findings:    []whittle.Finding{}, Forecasts: []whittle.Forecast{},
	}
}

// goldens are the renderers on values that have everything, by golden file.
func goldens() map[string]func(b *bytes.Buffer) error {
	c := comparison()
	in := inspection("docker:app", 200_900_000)
	return map[string]func(b *bytes.Buffer) error{
		"study.txt":         func(b *bytes.Buffer) error { return StudyText(b, study(), page.Style{}) },
		"study.color.txt":   func(b *bytes.Buffer) error { return StudyText(b, study(), page.Style{Color: true}) },
		"study.md":          func(b *bytes.Buffer) error { return StudyMarkdown(b, study()) },
		"study.json":        func(b *bytes.Buffer) error { return jsontext.Write(b, study()) },
		"inspect.txt":       func(b *bytes.Buffer) error { return InspectionText(b, in, page.Style{}, 10) },
		"inspect.40.txt":    func(b *bytes.Buffer) error { return InspectionText(b, dashboard(), page.Style{Width: 40}, 10) },
		"inspect.80.txt":    func(b *bytes.Buffer) error { return InspectionText(b, dashboard(), page.Style{}, 10) },
		"inspect.120.txt":   func(b *bytes.Buffer) error { return InspectionText(b, dashboard(), page.Style{Width: 120}, 10) },
		"inspect.all.txt":   func(b *bytes.Buffer) error { return InspectionText(b, dashboard(), page.Style{Base: true}, 0) },
		"inspect.color.txt": func(b *bytes.Buffer) error { return InspectionText(b, dashboard(), page.Style{Color: true}, 10) },
		"check.40.txt":      func(b *bytes.Buffer) error { return CheckText(b, brokenCheck(), page.Style{Width: 40}) },
		"check.txt":         func(b *bytes.Buffer) error { return CheckText(b, brokenCheck(), page.Style{}) },
		"check.run.txt":     func(b *bytes.Buffer) error { return CheckText(b, ranCheck(), page.Style{}) },
		"check.120.txt":     func(b *bytes.Buffer) error { return CheckText(b, brokenCheck(), page.Style{Width: 120}) },
		"compare.40.txt":    func(b *bytes.Buffer) error { return ComparisonText(b, &c, page.Style{Width: 40}, 2) },
		"study.40.txt":      func(b *bytes.Buffer) error { return StudyText(b, study(), page.Style{Width: 40}) },
		"study.120.txt":     func(b *bytes.Buffer) error { return StudyText(b, study(), page.Style{Width: 120}) },
		"advise.40.txt":     func(b *bytes.Buffer) error { return AdviceText(b, advice(), page.Style{Width: 40}) },
		"fix.40.txt":        func(b *bytes.Buffer) error { return RepairText(b, repair(), page.Style{Width: 40}) },
		"forecast.40.txt":   func(b *bytes.Buffer) error { return ForecastsText(b, forecasts(), page.Style{Width: 40}) },
		"simulate.40.txt":   func(b *bytes.Buffer) error { return SimulationText(b, simulation(), page.Style{Width: 40}) },
		"simulate.120.txt":  func(b *bytes.Buffer) error { return SimulationText(b, simulation(), page.Style{Width: 120}) },
		"inspect.md":        func(b *bytes.Buffer) error { return InspectionMarkdown(b, in, 10) },
		"inspect.json":      func(b *bytes.Buffer) error { return jsontext.Write(b, in) },
		"compare.txt":       func(b *bytes.Buffer) error { return ComparisonText(b, &c, page.Style{}, 2) },
		"compare.md":        func(b *bytes.Buffer) error { return ComparisonMarkdown(b, &c, 0) },
		"compare.json":      func(b *bytes.Buffer) error { return jsontext.Write(b, c) },
		"compare.wide.txt":  func(b *bytes.Buffer) error { return ComparisonText(b, &c, page.Style{Width: 120}, 0) },

		"advise.txt":         func(b *bytes.Buffer) error { return AdviceText(b, advice(), page.Style{}) },
		"advise.color.txt":   func(b *bytes.Buffer) error { return AdviceText(b, advice(), page.Style{Color: true}) },
		"advise.wide.txt":    func(b *bytes.Buffer) error { return AdviceText(b, advice(), page.Style{Width: 120, Verbose: true}) },
		"advise.md":          func(b *bytes.Buffer) error { return AdviceMarkdown(b, advice()) },
		"advise.json":        func(b *bytes.Buffer) error { return jsontext.Write(b, advice()) },
		"simulate.txt":       func(b *bytes.Buffer) error { return SimulationText(b, simulation(), page.Style{}) },
		"simulate.md":        func(b *bytes.Buffer) error { return SimulationMarkdown(b, simulation()) },
		"simulate.json":      func(b *bytes.Buffer) error { return jsontext.Write(b, simulation()) },
		"forecast.txt":       func(b *bytes.Buffer) error { return ForecastsText(b, forecasts(), page.Style{}) },
		"forecast.color.txt": func(b *bytes.Buffer) error { return ForecastsText(b, forecasts(), page.Style{Color: true}) },
		"forecast.wide.txt": func(b *bytes.Buffer) error {
			return ForecastsText(b, forecasts(), page.Style{Width: 120, Verbose: true})
		},
		"forecast.md":      func(b *bytes.Buffer) error { return ForecastsMarkdown(b, forecasts()) },
		"forecast.json":    func(b *bytes.Buffer) error { return jsontext.Write(b, forecasts()) },
		"fix.txt":          func(b *bytes.Buffer) error { return RepairText(b, repair(), page.Style{}) },
		"fix.color.txt":    func(b *bytes.Buffer) error { return RepairText(b, repair(), page.Style{Color: true}) },
		"fix.wide.txt":     func(b *bytes.Buffer) error { return RepairText(b, written(), page.Style{Width: 120, Verbose: true}) },
		"fix.md":           func(b *bytes.Buffer) error { return RepairMarkdown(b, repair()) },
		"fix.json":         func(b *bytes.Buffer) error { return jsontext.Write(b, repair()) },
		"traced.txt":       func(b *bytes.Buffer) error { return SqueezeText(b, tracedSqueeze(), page.Style{}) },
		"traced.40.txt":    func(b *bytes.Buffer) error { return SqueezeText(b, tracedSqueeze(), page.Style{Width: 40}) },
		"traced.120.txt":   func(b *bytes.Buffer) error { return SqueezeText(b, tracedSqueeze(), page.Style{Width: 120}) },
		"traced.md":        func(b *bytes.Buffer) error { return SqueezeMarkdown(b, tracedSqueeze()) },
		"proven.txt":       func(b *bytes.Buffer) error { return StudyText(b, proven(), page.Style{}) },
		"proven.wide.txt":  func(b *bytes.Buffer) error { return StudyText(b, proven(), page.Style{Width: 120}) },
		"proven.color.txt": func(b *bytes.Buffer) error { return StudyText(b, proven(), page.Style{Color: true}) },
		"proven.md":        func(b *bytes.Buffer) error { return StudyMarkdown(b, proven()) },
		"proven.json":      func(b *bytes.Buffer) error { return jsontext.Write(b, proven()) },
	}
}

// TestGolden pins every renderer on every kind of value.
func TestGolden(t *testing.T) {
	for name, write := range goldens() {
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			if err := write(&got); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", name)
			if *update {
				if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("(-want +got; -update accepts):\n%s", diff)
			}
			if strings.HasSuffix(name, ".txt") && !strings.Contains(name, "color") {
				checkWidth(t, name, got.String())
			}
			if strings.Contains(got.String(), "\x1b[31m\u202e") {
				t.Error("a file's name reaches the terminal raw")
			}
		})
	}
}

// checkWidth fails for lines that are wider than a golden file's screen, but for
// single words, which are never cut, and what people copy.
func checkWidth(t *testing.T, name, text string) {
	t.Helper()
	cells := 80
	switch {
	case strings.Contains(name, ".40."):
		cells = 40
	case strings.Contains(name, ".120."), strings.Contains(name, ".wide."):
		cells = 120
	}
	copied := dockerfile + diff
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if page.Width(line) > cells && strings.Contains(strings.TrimSpace(line), " ") && !strings.Contains(copied, line) {
			t.Errorf("%d columns of %d: %s", page.Width(line), cells, line)
		}
	}
}

// TestSchemas holds what is printed to the schemas, and the schemas to what is
// printed: a key that a schema does not describe fails, too.
func TestSchemas(t *testing.T) {
	c := comparison()
	compiler := strictCompiler(t)
	for name, v := range map[string]any{"lab.v2.json": study(), "inspect.v2.json": inspection("x", 5), "compare.v2.json": c,
		"advise.v2.json": advice(), "forecast.v2.json": forecasts(), "fix.v2.json": repair(), "simulate.v2.json": simulation()} {
		validate(t, compiler, name, v)
	}
	validate(t, compiler, "lab.v2.json", proven())
	validate(t, compiler, "gate.v1.json", gateValue())
	validate(t, compiler, "baseline.v1.json", &baselineValue)
	ignoring := advice()
	ignoring.Ignored = gateValue().Ignored
	validate(t, compiler, "advise.v2.json", ignoring)
	validate(t, compiler, "fix.v2.json", &whittle.Repair{Schema: whittle.FixSchema, Steps: []whittle.RepairStep{}, Files: []whittle.FileChange{}})
}

func validate(t *testing.T, compiler *jsonschema.Compiler, name string, v any) {
	t.Helper()
	s, err := compiler.Compile("strict:///" + name)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := jsontext.Write(&b, v); err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(&b)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(doc); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

// strictCompiler has the schemas of the project with every object closed to
// keys that are not described.
func strictCompiler(t *testing.T) *jsonschema.Compiler {
	t.Helper()
	paths, err := filepath.Glob("../../schema/*.v[0-9].json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no schemas: %v", err)
	}
	var closeObjects func(v any)
	closeObjects = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if _, named := v["properties"]; named {
				v["additionalProperties"] = false
			}
			for _, e := range v {
				closeObjects(e)
			}
		case []any:
			for _, e := range v {
				closeObjects(e)
			}
		}
	}
	compiler := jsonschema.NewCompiler()
	for _, p := range paths {
		raw, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			t.Fatalf("%s: %v", p, err)
		}
		closeObjects(doc)
		if err := compiler.AddResource("strict:///"+filepath.Base(p), doc); err != nil {
			t.Fatal(err)
		}
	}
	return compiler
}

// TestFigures: every figure in a Markdown report is in its JSON.
func TestFigures(t *testing.T) {
	for name, v := range map[string]struct {
		value    any
		markdown func(w io.Writer) error
		figures  int
	}{
		"study":    {study(), func(w io.Writer) error { return StudyMarkdown(w, study()) }, 20},
		"proven":   {proven(), func(w io.Writer) error { return StudyMarkdown(w, proven()) }, 90},
		"advise":   {advice(), func(w io.Writer) error { return AdviceMarkdown(w, advice()) }, 20},
		"forecast": {forecasts(), func(w io.Writer) error { return ForecastsMarkdown(w, forecasts()) }, 40},
		"fix":      {repair(), func(w io.Writer) error { return RepairMarkdown(w, repair()) }, 25},
	} {
		t.Run(name, func(t *testing.T) {
			var md, js bytes.Buffer
			if err := v.markdown(&md); err != nil {
				t.Fatal(err)
			}
			if err := jsontext.Write(&js, v.value); err != nil {
				t.Fatal(err)
			}
			checkFigures(t, md.String(), js.Bytes(), v.figures)
		})
	}
}

// TestExampleFigures does the same for the real study of the example.
func TestExampleFigures(t *testing.T) {
	md, err := os.ReadFile("../../.cache/example/report.md")
	if err != nil {
		t.Skip("no study of the example: run make images")
	}
	js, err := os.ReadFile("../../.cache/example/report.json")
	if err != nil {
		t.Fatal(err)
	}
	checkFigures(t, string(md), js, 20)
}

var (
	figure = regexp.MustCompile(`[+-]?\d+(?:\.\d+)? (?:B|kB|MB|GB|s|%)\b|\d+:\d\d min|[+-]?\d+\.\d+ %`)
	// summedUp is a row of a table that stands for several.
	summedUp = regexp.MustCompile(`\| \d+ smaller \|`)
	ranges   = regexp.MustCompile(`(\d+(?:\.\d+)?)–(\d+(?:\.\d+)? (B|kB|MB|GB))\b`)
)

// checkFigures fails for each figure with a unit in a Markdown report that
// no number or sentence of the JSON comes to, and for fewer than least of them.
func checkFigures(t *testing.T, md string, js []byte, least int) {
	t.Helper()
	var doc any
	if err := json.Unmarshal(js, &doc); err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	knownFigures(known, doc)
	n := 0
	for _, line := range strings.Split(ranges.ReplaceAllString(md, "$1 $3 to $2"), "\n") {
		if strings.Contains(line, "more ") || summedUp.MatchString(line) {
			continue // sums of rows that are in the JSON one by one
		}
		for _, f := range figure.FindAllString(line, -1) {
			n++
			if !known[f] && !known[strings.TrimPrefix(f, "+")] {
				t.Errorf("%q is not in the JSON: %s", f, line)
			}
		}
	}
	if n < least {
		t.Errorf("only %d figures were checked", n)
	}
}

// knownFigures are the figures that the numbers and sentences of a JSON value
// come to, and the errors of what is predicted in an object that has the truth.
func knownFigures(known map[string]bool, v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, truth := range []string{"actual", "saved"} {
			truth, ok := v[truth].(float64)
			for _, predicted := range predictions(v) {
				if ok && truth != 0 {
					known[fmt.Sprintf("%+.2f %%", 100*(predicted-truth)/math.Abs(truth))] = true
				}
			}
		}
		for _, e := range v {
			knownFigures(known, e)
		}
	case []any:
		for _, e := range v {
			knownFigures(known, e)
		}
	case string:
		for _, f := range figure.FindAllString(v, -1) {
			known[f] = true
		}
	case float64:
		known[whittle.Bytes(int64(v))] = true
		known[whittle.Bytes(int64(-v))] = true
		known[whittle.SignedBytes(int64(v))] = true
		known[page.Seconds(v)], known[fmt.Sprintf("%.1f s", v)] = true, true
		known[fmt.Sprintf("%+.1f %%", v)] = true
		known[fmt.Sprintf("%.1f %%", v)] = true
	}
}

// predictions are what an object of the JSON says would be.
func predictions(v map[string]any) []float64 {
	var out []float64
	collect := func(v any) {
		switch v := v.(type) {
		case float64:
			out = append(out, v)
		case map[string]any:
			for _, end := range []string{"low", "high"} {
				if n, ok := v[end].(float64); ok {
					out = append(out, n)
				}
			}
		}
	}
	collect(v["predicted"])
	if f, ok := v["finding"].(map[string]any); ok {
		collect(f["saving"])
	}
	return out
}
