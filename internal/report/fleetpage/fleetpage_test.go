package fleetpage_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/fleet"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/report/fleetpage"
	"whittle.dev/whittle/internal/report/page"
)

var update = flag.Bool("update", false, "accept the new outputs")

func digest(s string) whittle.Digest { return whittle.DigestOf([]byte(s)) }

// report has each part of a report, with names that nobody should trust.
func report() *fleet.Report {
	app := "registry.example.org/app@" + string(digest("app"))
	return &fleet.Report{
		Schema: fleet.ReportSchema, Database: "postgres://db/fleet", Team: "team",
		Scans:  []fleet.Scan{{ID: 3, Time: "2026-11-30T10:00:00.000Z", What: "registry registry.example.org, tags latest", Names: 1200, Failed: 2}},
		Totals: fleet.Totals{Names: 1198, Images: 1100, Layers: 2300, Once: fleet.Sum{Download: 40e9, Size: 120e9, Wasted: 9e9}, Each: fleet.Sum{Download: 400e9, Size: 1200e9, Wasted: 70e9}},
		Packages: []fleet.Package{
			{Ecosystem: "pypi", Name: "torch", Once: 12e9, Each: 90e9, Images: 80, Versions: []fleet.Version{{Version: "2.9.1", Once: 8e9, Each: 60e9, Images: 50}, {Version: "2.8.0", Once: 4e9, Each: 30e9, Images: 30}}},
			{Ecosystem: "deb", Name: "evil\x1b[31m|name", Once: 1e9, Each: 2e9, Images: 2, Versions: []fleet.Version{{Version: "1", Once: 1e9, Each: 2e9, Images: 2}}},
		},
		MorePackages: 412,
		Sharing:      []fleet.Sharing{{From: 1, To: 1, Layers: 2000, Once: 80e9, Each: 80e9}, {From: 2, To: 9, Layers: 290, Once: 30e9, Each: 90e9}, {From: 10, To: 99}, {From: 1000, Layers: 10, Once: 10e9, Each: 1030e9}},
		Alone:        []fleet.Layer{{DiffID: digest("layer"), Size: 3e9, Download: 1e9, Images: 1, Example: app}},
		Bases: []fleet.Rebase{{From: fleet.Base{Top: digest("old"), Layers: 3, Size: 900e6, Images: 20, Example: app}, To: fleet.Base{Top: digest("new"), Layers: 3, Size: 910e6, Images: 300, Example: "registry.example.org/web:1"},
			Same: 0.97, Saved: 800e6, Download: 300e6}},
		Wasted: []fleet.Waste{{Cause: "deleted", Once: 6e9, Each: 50e9, Files: 10}, {Cause: "metadata", Once: 3e9, Each: 20e9, Files: 9}},
		Teams:  []fleet.Team{{Name: "search", Images: 600, Size: 700e9, Wasted: 60e9, Causes: []fleet.TeamWaste{{Cause: "deleted", Bytes: 45e9}, {Cause: "metadata", Bytes: 15e9}}}, {Images: 500, Size: 500e9, Wasted: 10e9}},
		Findings: []fleet.Finding{{Rule: "pip-cache", Fingerprint: "f", Message: "pip's cache takes 400.0 MB in /root/.cache/pip", Advice: "use --no-cache-dir", Images: 70, Once: whittle.Saving{Low: 3e9, High: 3e9}, Each: whittle.Saving{Low: 28e9, High: 28e9}, Example: app},
			{Rule: "strip-debug", Fingerprint: "g", Message: "libraries hold symbols", Images: 7, Once: whittle.Saving{Low: 1e9, High: 2e9}, Each: whittle.Saving{Low: 7e9, High: 14e9}, Example: app}},
		MoreFindings: 1,
		Growth:       []fleet.Growth{{Scan: 2, Time: "2026-11-29T10:00:00.000Z", What: "registry", Images: 1000, Layers: 2000, Once: 100e9, Each: 1000e9}, {Scan: 3, Time: "2026-11-30T10:00:00.000Z", What: "registry", Images: 1100, Layers: 2300, Once: 120e9, Each: 1200e9}},
		Failed:       []fleet.Failure{{Name: "registry.example.org/old:1", Error: "registry.example.org refuses access", Hint: "log in with docker login"}},
	}
}

// TestGolden: each document in each format, and no wider than it may be.
func TestGolden(t *testing.T) {
	status := &fleet.Status{Schema: fleet.StatusSchema, Database: "fleet.db", Scans: report().Scans, Layers: 1, Bytes: 3e9, Indexes: 2e9, LayerBytes: 90e9, Failed: report().Failed}
	status.Scans[0].Open = 40
	for name, d := range map[string]page.Document{
		"report": fleetpage.Report(report()), "empty": fleetpage.Report(&fleet.Report{}), "status": fleetpage.Status(status), "nothing": fleetpage.Status(&fleet.Status{Database: "fleet.db"}),
		"found": fleetpage.Found(&fleet.Found{Package: "torch", Version: "2.8.0", More: 3, Rows: []fleet.Hit{{Image: "registry.example.org/app:1", Digest: digest("app"), Ecosystem: "pypi", Name: "torch", Version: "2.8.0", Visible: 1e9}}}),
		"none":  fleetpage.Found(&fleet.Found{Package: "torch"}),
	} {
		for ending, write := range map[string]func(b *bytes.Buffer) error{
			"txt":    func(b *bytes.Buffer) error { return page.WriteText(b, d, page.Style{Width: 80}) },
			"40.txt": func(b *bytes.Buffer) error { return page.WriteText(b, d, page.Style{Width: 40}) },
			"md":     func(b *bytes.Buffer) error { return page.WriteMarkdown(b, d) },
			"html":   func(b *bytes.Buffer) error { return page.WriteHTML(b, d) },
		} {
			var b bytes.Buffer
			imagetest.Must(t, write(&b))
			if strings.Contains(b.String(), "\x1b") {
				t.Errorf("%s.%s has a control character", name, ending)
			}
			file := filepath.Join("testdata", name+"."+ending)
			if *update {
				imagetest.Must(t, os.MkdirAll("testdata", 0o755))
				imagetest.Must(t, os.WriteFile(file, b.Bytes(), 0o644))
			}
			want, err := os.ReadFile(file)
			if diff := cmp.Diff(string(want), b.String()); err != nil || diff != "" {
				t.Errorf("%s: %v\n%s", file, err, diff)
			}
		}
	}
}
