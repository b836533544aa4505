package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/report"
	"whittle.dev/whittle/internal/report/jsontext"
	"whittle.dev/whittle/internal/timeline"
)

type imagesByName map[string]whittle.Image

func (i imagesByName) Open(_ context.Context, name string) (whittle.Image, error) {
	return i[name], nil
}

// TestKeptReports: a study leaves three reports, and that in HTML has the images
// of all its variants, the diff of a fix and the text of its rule.
func TestKeptReports(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	imagetest.Must(t, os.Mkdir(out, 0o700))
	const text = "FROM base\nRUN pip install shop\n"
	imagetest.Must(t, os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(text), 0o600))
	env := &host.Env{Images: imagesByName{"large": imagetest.New(t, imagetest.Plain, "f app/a.bin 2500000\n"), "small": imagetest.New(t, imagetest.Plain, "f app/a.bin 400000\n")}}
	finding := whittle.Finding{Rule: "package-manager-cache", Variant: "large", Message: "pip keeps its cache", Advice: "Do not.", Risk: whittle.RiskNone, Fingerprint: "1",
		Evidence: []whittle.Evidence{{File: "Dockerfile", Line: 2}}, Saving: whittle.Saving{Low: 1_000_000, High: 1_000_000},
		Fix: &whittle.Fix{Title: "no cache", Patches: []whittle.Patch{{File: "Dockerfile", Digest: whittle.DigestOf([]byte(text)), Edits: []whittle.Edit{{Span: whittle.Span{Start: 25, End: 25}, New: " --no-cache-dir"}}}}}}
	k := keptReports{dir: dir, history: &timeline.Recording{On: true}}
	study := &whittle.Study{Schema: whittle.StudySchema, Project: "shop", Findings: []whittle.Finding{finding}}
	for _, name := range []string{"large", "small"} {
		x, err := audit.Examine(t.Context(), env, name, audit.AdviseOptions{})
		imagetest.Must(t, err)
		k.look(name, x, study.Findings)
		study.Variants = append(study.Variants, whittle.Variant{Name: name, Dockerfile: "Dockerfile", Inspect: x.Subject.Inspection(), Build: whittle.BuildFacts{Status: whittle.Built, Seconds: 4,
			Steps: []whittle.BuildStep{{Name: "[2/2] RUN pip install shop", Start: 1, Seconds: 2.5}}}, Run: whittle.RunFacts{Status: whittle.Runs}})
		imagetest.Must(t, x.Subject.Close())
	}
	imagetest.Must(t, k.keep(study, out))
	page := read(t, out, "report.html")
	for _, want := range []string{"<strong>large</strong> <output>1 file, 2.5 MB (100 %), 0 B wasted", "<strong>small</strong> <output>1 file, 400.0 kB", "Treemap of large", "Treemap of small",
		"+RUN pip install --no-cache-dir shop", `<article id="rule-package-manager-cache">`, "[2/2] RUN pip install shop", "2.5 s", "✓ 2 of 2"} {
		if !strings.Contains(strings.ReplaceAll(page, "&#43;", "+"), want) {
			t.Errorf("report.html does not have %q", want)
		}
	}
	var md, js strings.Builder
	imagetest.Must(t, report.StudyMarkdown(&md, study))
	imagetest.Must(t, jsontext.Write(&js, study))
	if read(t, out, "report.md") != md.String() || read(t, out, "report.json") != js.String() || !json.Valid([]byte(js.String())) {
		t.Error("report.md or report.json is not the study")
	}
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	imagetest.Must(t, err)
	return string(b)
}
