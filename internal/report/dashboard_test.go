package report

import (
	"fmt"
	"strings"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/report/page"
)

// dashboard is the inspection of an image with a base of three layers, packages
// of several kinds, and a requirement that keeps far more than its own size.
func dashboard() *whittle.Inspection {
	in := &whittle.Inspection{Schema: whittle.InspectSchema,
		Image: whittle.ImageFacts{Ref: "docker:dashboard", Source: "docker", Digest: digest("a"), Platform: "linux/amd64", Verified: true}}
	layer := func(size, wasted, download int64, line int, text string) {
		l := whittle.LayerRow{Index: len(in.Layers), CreatedBy: text, Size: size, Visible: size - wasted, Wasted: wasted, Download: &download}
		if line > 0 {
			l.Origin = &whittle.Origin{File: "Dockerfile", Line: line, Instruction: strings.Fields(text)[0]}
		}
		in.Layers = append(in.Layers, l)
		in.Sizes.Size += size
		in.Sizes.Visible += size - wasted
		in.Sizes.Wasted += wasted
	}
	layer(78_400_000, 1_400_000, 29_900_000, 0, "# debian.sh --arch 'amd64' out/ 'trixie'")
	layer(3_800_000, 200_000, 1_400_000, 0, "RUN set -eux; apt-get update; apt-get install -y ca-certificates")
	layer(33_000_000, 0, 10_900_000, 0, "RUN set -eux; wget -O python.tar.xz")
	layer(752_100_000, 41_000_000, 240_000_000, 18, "COPY --from=builder /usr/local/lib/python3.13/site-packages /usr/local/lib/python3.13/site-packages")
	layer(2_000, 0, 500, 20, "COPY start.sh /start.sh")
	layer(400, 0, 300, 21, "COPY VERSION /VERSION")
	layer(41_200_000, 0, 14_000_000, 41, "RUN chmod -R a+rX /usr/local")
	download := int64(296_000_000)
	in.Sizes.Download = &download
	in.Categories = []whittle.CategoryRow{{Name: "base OS", Visible: 110_000_000, Wasted: 1_600_000, Files: 4000}, {Name: "Python packages", Visible: 750_000_000, Wasted: 41_000_000, Files: 36000},
		{Name: "application", Visible: 5_400_000, Files: 90}, {Name: "caches", Visible: 402_000, Files: 2}, {Name: "other", Visible: 100_000, Files: 12}}
	python := func(name, version string, own, kept int64, brings int, asked bool) {
		p := whittle.PackageRow{Owner: whittle.Owner{Ecosystem: "pypi", Name: name, Version: version}, Visible: own, Files: int(own / 20_000), Requested: asked, Brings: brings, Parts: map[string]int64{"modules": own / 2, "extensions": own - own/2}}
		if kept > 0 {
			p.Retained = &kept
		}
		in.Packages = append(in.Packages, p)
	}
	python("pyarrow", "26.0.1", 175_500_000, 175_500_000, 0, false)
	python("scipy", "1.18.1", 138_300_000, 138_300_000, 0, false)
	python("streamlit", "1.50.0", 30_100_000, 61_000_000, 21, true)
	in.Packages = append(in.Packages, whittle.PackageRow{Owner: whittle.Owner{Ecosystem: "instruction", Name: "COPY --from=builder /usr/local/lib/python3.13/site-packages /usr/local/lib/python3.13/site-packages"}, Layer: ptr(3), Visible: 22_000_000, Files: 1500})
	python("pygwalker", "0.5.0.1", 18_000_000, 334_000_000, 34, true)
	in.Packages = append(in.Packages, whittle.PackageRow{Owner: whittle.Owner{Ecosystem: "deb", Name: "libc6", Version: "2.41-12+deb13u5"}, Visible: 13_100_000, Files: 288})
	python("漢字-データ", "1.0", 9_000_000, 9_000_000, 0, true)
	for i := range 7 {
		python(fmt.Sprintf("small-%d", i), "1.0", 400_000, 400_000, 0, true)
	}
	in.WastedSums = []whittle.WastedSum{{Bytes: 41_000_000, Files: 1203, AddedBy: 3, HiddenBy: 6, Cause: whittle.Metadata}, {Bytes: 1_400_000, Files: 14, AddedBy: 0, HiddenBy: 1, Cause: whittle.Replaced},
		{Bytes: 120_000, Files: 1, AddedBy: 1, HiddenBy: 3, Cause: whittle.Replaced}, {Bytes: 80_000, Files: 1, AddedBy: 1, HiddenBy: 3, Cause: whittle.Deleted}}
	for i, p := range []string{"usr/local/lib/python3.13/site-packages/pyarrow/include/arrow/compute/kernels", "usr/local/lib/python3.13/site-packages/scipy", "var/cache/debconf/templates.dat", "opt/漢字/データ/とても長い名前のファイル.txt"} {
		in.Wasted = append(in.Wasted, whittle.WastedRow{Path: p, Bytes: 20_000_000 / int64(i*i*4+1), Files: 100, AddedBy: 3, HiddenBy: 6, Cause: whittle.Metadata})
	}
	return in
}

// TestFirstScreen: the first screen of an inspection has its sizes, the largest
// avoidable cost first, and the next command.
func TestFirstScreen(t *testing.T) {
	var b strings.Builder
	if err := InspectionText(&b, dashboard(), page.Style{}, 15); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	screen := strings.Join(lines[:23], "\n")
	last := 0
	for _, want := range []string{"docker:dashboard: size 908.5 MB, download 296.0 MB, wasted 42.6 MB (5 %)", "Wasted: hidden by a later layer", "334.0 MB   37 % ███▋", "pygwalker 0.5.0.1 (18.0 MB) with 34",
		"61.0 MB", "41.0 MB", "wasted: Dockerfile:41 changed only metadata of 1203 files", "\n  whittle advise -f Dockerfile docker:dashboard\n"} {
		at := strings.Index(screen, want)
		if at < last {
			t.Errorf("no %q in its place in\n%s", want, screen)
		}
		last = max(at, last)
	}
}

// TestWasteIsOnTheScreen: where requirements are larger, the largest waste is the
// last of three; the base image's own is not the project's.
func TestWasteIsOnTheScreen(t *testing.T) {
	in := dashboard()
	for i := range in.Packages {
		in.Packages[i].Requested = true
	}
	costs := avoidable(in)
	if len(costs.Rows) != 3 || !strings.HasPrefix(costs.Rows[2][2].Text, "wasted: Dockerfile:41") {
		t.Errorf("%v", costs.Rows)
	}
	in.WastedSums = in.WastedSums[1:2]
	for _, r := range avoidable(in).Rows {
		if strings.HasPrefix(r[2].Text, "wasted") {
			t.Errorf("of the base image: %v", r)
		}
	}
	for i := range in.Packages {
		in.Packages[i].Base = in.Packages[i].Visible
	}
	for _, r := range avoidable(in).Rows {
		t.Errorf("of the base image: %v", r)
	}
	if costs := avoidable(&whittle.Inspection{}); len(costs.Rows) != 0 {
		t.Errorf("of nothing: %v", costs.Rows)
	}
}

// TestSums: what is not shown is summed up, so that each table of an inspection
// adds up whatever is left out.
func TestSums(t *testing.T) {
	in := dashboard()
	for _, few := range []page.Cutoff{{}, {Rows: 2}, {Whole: in.Sizes.Size}, {Rows: 3, Whole: in.Sizes.Size}, {Rows: 1}} {
		var size int64
		for _, l := range in.Layers {
			size += l.Size
		}
		for name, c := range map[string]struct {
			table  page.Table
			column int
			want   int64
		}{
			"layers":     {layersTable(in, few, true), 1, size},
			"categories": {groupTable(in, "Category", in.Categories, few), 1, 908_502_000},
			"owners":     {packagesTable(in, few), 3, 408_800_000},
			"wasted":     {wastedSumsTable(in, few), 0, 42_600_000},
		} {
			var sum float64
			for _, r := range c.table.Rows {
				var n float64
				var unit string
				if _, err := fmt.Sscan(r[c.column].Text, &n, &unit); err != nil {
					t.Fatal(err)
				}
				sum += n * map[string]float64{"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}[unit]
			}
			if off := sum - float64(c.want); off > 500_000 || off < -500_000 {
				t.Errorf("%s, %+v: %.0f, want %d", name, few, sum, c.want)
			}
		}
	}
}
