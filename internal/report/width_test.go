package report

import (
	"encoding/json"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/report/jsontext"
	"whittle.dev/whittle/internal/report/page"
)

// TestOwnersKeepTheirNames: a long version is cut before the owner is.
func TestOwnersKeepTheirNames(t *testing.T) {
	in := &whittle.Inspection{Image: whittle.ImageFacts{Ref: "x", Verified: true}, Packages: []whittle.PackageRow{
		{Owner: whittle.Owner{Ecosystem: "deb", Name: "python3-really-long-name-headless", Version: "1.2"}},
		{Owner: whittle.Owner{Ecosystem: "deb", Name: "node-lodash-packages", Version: "4.17.21+dfsg+~cs8.31.198.20210220-9"}},
		{Owner: whittle.Owner{Ecosystem: "instruction", Name: "RUN " + strings.Repeat("漢", 90)}, Layer: ptr(3)},
	}}
	var b strings.Builder
	if err := InspectionText(&b, in, page.Style{Width: 80}, 0); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"python3-really-long-name-headless", "node-lodash-packages ", "layer 3: RUN 漢"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	for line := range strings.Lines(b.String()) {
		if n := page.Width(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("%d cells: %s", n, line)
		}
	}
}

// TestInspectionFits: no line is wider than the narrowest terminal, whatever
// the names are; the owner, its visible bytes and the wasted path stay.
func TestInspectionFits(t *testing.T) {
	in := &whittle.Inspection{Image: whittle.ImageFacts{Ref: "x", Verified: true}}
	for i, n := range []string{strings.Repeat("漢", 90), strings.Repeat("e\u0301", 90), strings.Repeat("👩\u200d👧", 40), strings.Repeat("usr/lib/", 30)} {
		in.Packages = append(in.Packages, whittle.PackageRow{Owner: whittle.Owner{Ecosystem: "instruction", Name: "COPY " + n}, Layer: ptr(i), Visible: 123_400_000, Files: 12345})
		in.Wasted = append(in.Wasted, whittle.WastedRow{Path: n, Bytes: 123_400_000, Files: 12345, Cause: whittle.Metadata, AddedBy: 10 + i, HiddenBy: 100})
		in.Layers = append(in.Layers, whittle.LayerRow{Index: i, CreatedBy: "COPY " + n, Size: 123_400_000})
	}
	in.Packages = append(in.Packages, whittle.PackageRow{Owner: whittle.Owner{Ecosystem: "deb", Name: "libc6", Version: "2.41-12+deb13u1"}, Visible: 12_000_000, Files: 300})
	for _, cells := range []int{40, 56, 80, 120} {
		var b strings.Builder
		if err := InspectionText(&b, in, page.Style{Width: cells}, 0); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			if n := page.Width(strings.TrimSuffix(line, "\n")); n > cells {
				t.Errorf("%d of %d cells: %s", n, cells, line)
			}
		}
		for _, want := range []string{"layer 0: COP", "123.4 MB", "libc6 ", "metadata"} {
			if !strings.Contains(b.String(), want) {
				t.Errorf("no %q in %d cells:\n%s", want, cells, b.String())
			}
		}
		if all := strings.Contains(b.String(), "From") && strings.Contains(b.String(), "Hidden"); all != (cells >= 80) {
			t.Errorf("%d cells, all columns %t:\n%s", cells, all, b.String())
		}
	}
}

// TestReportsFit: no line of a study, a comparison, a repair or a forecast is
// wider than the terminal, but for single words, such as paths, and for a text
// that people copy: these are never cut.
func TestReportsFit(t *testing.T) {
	c, s := comparison(), proven()
	copied := map[string]bool{}
	for _, text := range []string{s.Best.Dockerfile, s.Best.Diff} {
		for line := range strings.Lines(text) {
			copied[strings.TrimSuffix(line, "\n")] = true
		}
	}
	for _, cells := range []int{40, 56, 80, 120} {
		st := page.Style{Width: cells}
		for name, write := range map[string]func(io.Writer) error{
			"study":      func(w io.Writer) error { return StudyText(w, s, st) },
			"comparison": func(w io.Writer) error { return ComparisonText(w, &c, st, 0) },
			"repair":     func(w io.Writer) error { return RepairText(w, repair(), st) },
			"forecasts":  func(w io.Writer) error { return ForecastsText(w, forecasts(), st) },
			"simulation": func(w io.Writer) error { return SimulationText(w, simulation(), st) },
		} {
			var b strings.Builder
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(b.String()) {
				line = strings.TrimSuffix(line, "\n")
				if n := page.Width(line); n > cells && !copied[line] && strings.Contains(strings.TrimSpace(line), " ") {
					t.Errorf("%s: %d of %d cells: %s", name, n, cells, line)
				}
			}
		}
	}
}

var escapes = regexp.MustCompile(`\\x([0-9a-f]{2})`)

// TestNamesInJSON: paths of any bytes are valid in JSON and can be read back.
func TestNamesInJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := string(rapid.SliceOf(rapid.SampledFrom([]byte("ax5c\\/\xff\xe9\xc3\xa9"))).Draw(t, "name"))
		var b strings.Builder
		if err := jsontext.Write(&b, &whittle.Inspection{Wasted: []whittle.WastedRow{{Path: name}}, By: &whittle.Grouping{Key: "directory", Rows: []whittle.CategoryRow{{Name: name}}}}); err != nil {
			t.Fatal(err)
		}
		var got whittle.Inspection
		if err := json.Unmarshal([]byte(b.String()), &got); err != nil {
			t.Fatal(err)
		}
		back := escapes.ReplaceAllStringFunc(got.Wasted[0].Path, func(e string) string {
			n, _ := strconv.ParseUint(e[2:], 16, 8)
			return string([]byte{byte(n)})
		})
		if back != name || got.By.Rows[0].Name != got.Wasted[0].Path {
			t.Fatalf("%q is %q, read back %q", name, got.Wasted[0].Path, back)
		}
	})
	var empty strings.Builder
	if err := jsontext.Write(&empty, &whittle.Inspection{By: &whittle.Grouping{}}); err != nil {
		t.Fatal(err)
	}
	for _, list := range []string{"layers", "categories", "packages", "wasted", "rows"} {
		if !strings.Contains(empty.String(), `"`+list+`": []`) {
			t.Errorf("no empty list %s in\n%s", list, empty.String())
		}
	}
	var b strings.Builder
	if err := jsontext.Write(&b, map[string]any{"text": `printf '\x41'`, "cause": whittle.Deleted, "none": nil}); err != nil {
		t.Fatal(err)
	}
	if want := "{\n  \"cause\": \"deleted\",\n  \"none\": null,\n  \"text\": \"printf '\\\\x41'\"\n}\n"; b.String() != want {
		t.Errorf("%s", b.String())
	}
}
