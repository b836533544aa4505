package html

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	nethtml "golang.org/x/net/html"
	"pgregory.net/rapid"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/report/jsontext"
	"whittle.dev/whittle/internal/report/page"
	"whittle.dev/whittle/internal/view"
)

// hostile is a name that would end the script, drive a terminal, turn a text round
// and become markup.
const hostile = "</script><img src=x onerror=alert(1)>\"'\u202e\x1b[31m{{.}}\xff\u2028\U000e0041&lt;"

// model is an image of some files in two layers, with everything that a name of
// may be hostile.
func model(t testing.TB, n int) *view.Model {
	t.Helper()
	in := &whittle.Inspection{Schema: whittle.InspectSchema, Image: whittle.ImageFacts{Ref: "shop " + hostile, Source: "oci-layout", Platform: "linux/amd64"}, Notes: []string{hostile}}
	sizes := [3]int64{}
	items := []view.Item{
		{Path: "usr/lib/libc.so.6", Bytes: 2_000_000, HiddenBy: -1, Names: 1},
		{Path: "tmp/wheel.whl", Layer: 1, Bytes: 900_000, Cause: whittle.Deleted, HiddenBy: 2, Owner: 2, Category: 1},
		{Path: "app/" + hostile, Layer: 2, Bytes: 70_000, HiddenBy: -1, Owner: 2, Category: 1},
		{Path: "app/" + hostile + "/x.py", Layer: 2, Bytes: 50_000, HiddenBy: -1, Owner: 2, Category: 1, Entry: 9}}
	for i := range n {
		items = append(items, view.Item{Path: fmt.Sprintf("usr/lib/python3.13/site-packages/package%d/module%d/file%d.py", i/2000, i/40, i), Layer: 1, HiddenBy: -1, Bytes: int64(i*7919%90_000) + 1, Owner: 1, Category: 1, Entry: i + 10})
	}
	for _, it := range items {
		sizes[it.Layer] += it.Bytes
		if it.Cause == whittle.Visible {
			in.Sizes.Visible += it.Bytes
		} else {
			in.Sizes.Wasted += it.Bytes
		}
	}
	in.Sizes.Size = in.Sizes.Visible + in.Sizes.Wasted
	created := []string{"a base " + hostile, "RUN pip install shop", "RUN rm " + hostile}
	for i, size := range sizes {
		download := size / 3
		l := whittle.LayerRow{Index: i, Size: size, Visible: size, Download: &download, CreatedBy: created[i]}
		if i > 0 {
			l.Origin = &whittle.Origin{File: "Dockerfile", Line: i + 1, EndLine: i + 1, Instruction: "RUN"}
		}
		in.Layers = append(in.Layers, l)
	}
	in.Layers[1].Visible, in.Layers[1].Wasted = in.Layers[1].Size-900_000, 900_000
	in.WastedSums = []whittle.WastedSum{{Bytes: 900_000, Files: 1, AddedBy: 1, HiddenBy: 2, Cause: whittle.Deleted}}
	m, err := view.New(view.Facts{Inspection: in, Base: 1, Items: slices.Values(items), Categories: []string{"base OS", "Python packages"},
		Owners:     []whittle.Owner{{Ecosystem: "deb", Name: "libc6"}, {Ecosystem: "pypi", Name: "big_one", Version: "1.0"}, {Ecosystem: "instruction", Name: hostile}},
		OwnerNames: []string{"libc6", "big_one 1.0", hostile},
		Advice: &whittle.Advice{Total: whittle.Saving{Low: 950_000, High: 950_000}, Findings: []whittle.Finding{{Rule: "tests", Message: hostile, Advice: "Remove " + hostile, Caution: hostile, Risk: whittle.RiskLow, Saving: whittle.Saving{Low: 950_000, High: 950_000},
			Evidence: []whittle.Evidence{{Path: "app/" + hostile, Layer: 2, Bytes: 120_000, Files: 2, File: hostile, Line: 3, What: hostile}}, Fix: &whittle.Fix{Title: hostile},
			Change: whittle.LayerChange{Remove: []whittle.Content{{Layer: 2, Entry: 9}, {Layer: 1, Entry: 12}}}},
			{Rule: "docs", Message: "docs", Advice: "Go.", Risk: whittle.RiskNone, Evidence: []whittle.Evidence{{Path: "x", Bytes: 1}}, Saving: whittle.Saving{Low: 1, High: 5}, Change: whittle.LayerChange{Remove: []whittle.Content{{Layer: 1, Entry: 12}}}}}},
		Requirements: &view.Requirements{List: []view.Requirement{{Name: "shop", Version: "1", Own: 10, Retained: 1000, By: -1, Needed: true, Asked: true, Needs: []int{1, 2}},
			{Name: "big_one", Own: 600, Retained: 900, By: 0, Needed: true, Needs: []int{2}}, {Name: hostile, Own: 300, Retained: 300, By: 1, Needed: true}, {Name: "left", Own: 5, By: -1}}},
		Dockerfiles: []view.Dockerfile{{Name: "Dockerfile", Text: "FROM base\nRUN pip install shop\nRUN rm " + hostile + "\n"}}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func one(m *view.Model) []Image { return []Image{{"image " + hostile, m}} }

func write(t testing.TB, p *Page) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// elements are the elements of a page, and the text that people see.
func elements(t testing.TB, text string) (all []*nethtml.Node, seen string) {
	t.Helper()
	root, err := nethtml.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for n := range root.Descendants() {
		switch {
		case n.Type == nethtml.ElementNode:
			all = append(all, n)
		case n.Type == nethtml.TextNode && n.Parent.Data != "script" && n.Parent.Data != "style":
			b.WriteString(n.Data + " ")
		}
	}
	return all, strings.Join(strings.Fields(b.String()), " ")
}

func attribute(n *nethtml.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func hostileCheck() *whittle.Check {
	return &whittle.Check{Image: hostile, Verdict: whittle.Fails, Problems: []whittle.Problem{{Message: hostile, Path: hostile, Fix: hostile, ReachedFrom: []string{hostile}}}, Unknown: []string{hostile}}
}

// TestHostile: names neither become markup nor are seen in another order, and
// nothing is fetched.
func TestHostile(t *testing.T) {
	m := model(t, 20)
	text := write(t, &Page{Images: one(m), Value: m.Inspection, Check: hostileCheck()})
	scripts := 0
	all, seen := elements(t, text)
	for _, n := range all {
		switch n.Data {
		case "img", "iframe", "object", "embed", "link", "base", "form":
			t.Errorf("there is an element %s", n.Data)
		case "script":
			scripts++
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || a.Key == "src" || a.Key == "href" && !strings.HasPrefix(a.Val, "#") {
				t.Errorf("%s has %s=%q", n.Data, a.Key, a.Val)
			}
		}
	}
	if scripts != 3 {
		t.Errorf("%d scripts", scripts)
	}
	for _, c := range []string{"\u202e", "\x1b", "\xff"} {
		if at := strings.Index(text, c); at >= 0 {
			t.Errorf("%q is in the file: %q", c, text[max(at-80, 0):at])
		}
	}
	if !strings.Contains(seen, page.Plain(hostile)[:30]) {
		t.Error("the hostile name is not shown")
	}
	if m := regexp.MustCompile(`(https?:)?//[a-z]+\.`).FindString(strings.ReplaceAll(text, "http://www.w3.org/2000/svg", "")); m != "" {
		t.Errorf("the file names %q", m)
	}
}

// TestPolicy: the policy allows this file's own style and script, and nothing
// else.
func TestPolicy(t *testing.T) {
	text := write(t, &Page{Images: one(model(t, 3)), Value: "x"})
	all, _ := elements(t, text)
	for _, n := range all {
		if n.Data == "style" || n.Data == "script" && attribute(n, "type") == "" {
			if !strings.Contains(text, n.Data+"-src &#39;"+strings.ReplaceAll(hash(n.FirstChild.Data), "+", "&#43;")+"&#39;") {
				t.Errorf("the policy does not have the hash of the %s", n.Data)
			}
		}
	}
	if !strings.Contains(text, "default-src &#39;none&#39;") {
		t.Error("the policy allows more")
	}
}

// TestEmbedded: what is embedded is the value as JSON has it.
func TestEmbedded(t *testing.T) {
	m := model(t, 5)
	var want bytes.Buffer
	if err := jsontext.Write(&want, m.Inspection); err != nil {
		t.Fatal(err)
	}
	all, _ := elements(t, write(t, &Page{Images: one(m), Value: m.Inspection}))
	for _, n := range all {
		if attribute(n, "id") != "value" {
			continue
		}
		var a, b any
		if err := json.Unmarshal([]byte(n.FirstChild.Data), &a); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(want.Bytes(), &b); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(a) != fmt.Sprint(b) {
			t.Errorf("%v is embedded, want %v", a, b)
		}
		return
	}
	t.Error("nothing is embedded")
}

// TestReadable: without scripts there are the figures, and each picture's are in a
// table too.
func TestReadable(t *testing.T) {
	m := model(t, 50)
	_, seen := elements(t, write(t, &Page{Images: one(m), Value: m.Inspection}))
	var want []string
	for _, key := range view.Keys() {
		for _, r := range m.All().By(key) {
			want = append(want, whittle.Bytes(r.Size()))
		}
	}
	for _, l := range m.Inspection.Layers {
		want = append(want, whittle.Bytes(l.Size), whittle.Bytes(l.Wasted), whittle.Bytes(*l.Download))
	}
	for _, r := range m.Requirements.List {
		want = append(want, whittle.Bytes(r.Own))
	}
	want = append(want, whittle.Bytes(m.Inspection.Sizes.Size), "900.0 kB deleted by Dockerfile:3", "because of shop → big_one")
	for _, w := range want {
		if !strings.Contains(seen, w) {
			t.Errorf("%q is not shown", w)
		}
	}
}

// hostileStudy is a study with everything that a name of may be hostile.
func hostileStudy(t testing.TB) *whittle.Study {
	t.Helper()
	n := func(v int64) *int64 { return &v }
	seconds := 1.25
	in := model(t, 2).Inspection
	variant := whittle.Variant{Name: "small " + hostile, Dockerfile: "Dockerfile", Inspect: in, Build: whittle.BuildFacts{Status: whittle.Built, Seconds: 12.34, Tail: []string{hostile}}, Change: &whittle.Change{Size: -77_000, Percent: -12.5},
		Download: whittle.DownloadFacts{Gzip: n(1_234_567)}, Run: whittle.RunFacts{Status: whittle.Fails, Seconds: &seconds, Commands: []whittle.CommandRun{{Name: "serve", Status: whittle.Fails, Problem: "no module " + hostile}}}}
	variant.Ready = &whittle.Ready{Totals: []whittle.ReadyTotal{{Bandwidth: 1e9, Total: 4.32}, {Bandwidth: 1e8, Total: 13.1}}}
	finding := whittle.Finding{Rule: "tests", Variant: "small", Message: "tests", Advice: "Go.", Risk: whittle.RiskLow, Fingerprint: "1", Evidence: []whittle.Evidence{{What: "x"}}, Saving: whittle.Saving{Low: 5_000_000, High: 6_000_000}}
	return &whittle.Study{Project: hostile, Variants: []whittle.Variant{variant, {Name: "broken", Build: whittle.BuildFacts{Status: whittle.Failed, Reason: "pip failed"}}}, Findings: []whittle.Finding{finding},
		Forecasts: []whittle.Forecast{{Strategy: "single", Title: hostile, Predicted: 3_100_000, Low: 3_000_000, High: 3_200_000, Actual: n(3_150_000), Skipped: []string{hostile}, Ready: &whittle.Ready{Estimated: true, Totals: []whittle.ReadyTotal{{Bandwidth: 5e7, Total: 2.71}}}}},
		Best:      &whittle.Best{Original: whittle.Sizes{Size: 10_000_000}, Sizes: whittle.Sizes{Size: 4_000_000}},
		Repair: &whittle.Repair{Steps: []whittle.RepairStep{{Finding: finding, Status: whittle.Reverted, Reason: "it " + hostile, Saved: n(5_500_000)}},
			Files: []whittle.FileChange{{Path: "Dockerfile", Diff: "--- a\n+++ b\n@@ -1 +1 @@\n-\tRUN a " + hostile + "\n+\tRUN b\n"}},
			Verified: &whittle.Verification{Variants: []whittle.VerifiedVariant{{Name: "small", Before: whittle.Outcome{Sizes: whittle.Sizes{Size: 10_000_000}}, After: whittle.Outcome{Sizes: whittle.Sizes{Size: 4_000_000}}}},
				Rounds: []whittle.VerifiedRound{{Round: 1, Variant: "small", Rules: []string{"docs"}, Predicted: whittle.Saving{Low: 6_100_000, High: 6_200_000}, Saved: 6_000_000}}}}}
}

// TestStudy: a study's figures are shown, and a comparison's.
func TestStudy(t *testing.T) {
	s := hostileStudy(t)
	text := write(t, &Page{Study: s, Value: s, Comparison: &whittle.Comparison{Images: []whittle.ImageSizes{{}, {}}, Rows: []whittle.CompareRow{{Owner: hostile, VisibleDelta: 12_300, WastedDelta: -4_500}}, Delta: whittle.Delta{Visible: 12_300, Wasted: -4_500}}})
	all, seen := elements(t, text)
	for _, w := range []string{"10.0 MB → 4.0 MB −60 %", "12.3 s", "1.25 s", "4.3 s at 1 Gbit/s", "13.1 s at 100 Mbit/s", "-77.0 kB, -12.5 %", "1.2 MB", "3.1 MB 3.0 MB 3.2 MB 3.1 MB", "2.7 s at 50 Mbit/s", "estimated", "5.0–6.0 MB", "reverted", "actual 5.5 MB", "6.0 MB 6.1–6.2 MB", "failed: pip failed", "+12.3 kB -4.5 kB", "0 of 1"} {
		if !strings.Contains(seen, w) {
			t.Errorf("%q is not shown in %s", w, seen)
		}
	}
	if !strings.Contains(text, "-\tRUN a") || strings.ContainsAny(text, "\u202e\x1b") {
		t.Error("a diff is not as it is, or a name is not inert")
	}
	if slices.ContainsFunc(all, func(n *nethtml.Node) bool { return n.Data == "img" }) {
		t.Error("a name is an element")
	}
	for _, p := range []*Page{{Study: &whittle.Study{}, Value: "x"}, {Check: &whittle.Check{}, Value: "x"}} {
		write(t, p) // nothing was built, nothing found
	}
}

// TestLinks: each figure of the head leads to a part.
func TestLinks(t *testing.T) {
	all, _ := elements(t, write(t, &Page{Images: one(model(t, 4)), Value: "x", Check: &whittle.Check{}}))
	ids := map[string]bool{}
	for _, n := range all {
		if id := attribute(n, "id"); ids[id] && id != "" {
			t.Errorf("two elements are %q", id)
		} else {
			ids[id] = true
		}
	}
	for _, n := range all {
		if to := attribute(n, "href"); n.Data == "a" && !ids[strings.TrimPrefix(to, "#")] {
			t.Errorf("%s leads nowhere", to)
		}
	}
}

// TestLarge: a report of an image with many files stays small, and its rows add
// up.
func TestLarge(t *testing.T) {
	for _, n := range []int{40_000, 150_000} {
		m := model(t, n)
		text := write(t, &Page{Images: one(m), Value: m.Inspection})
		if len(text) > 3_000_000 {
			t.Errorf("%d files: %d bytes", n, len(text))
		}
		t.Logf("%d files: %d bytes", n, len(text))
		d, err := dataOf(m, 1)
		if err != nil {
			t.Fatal(err)
		}
		checkData(t, m, d)
	}
}

func checkData(t testing.TB, m *view.Model, d *data) {
	t.Helper()
	var size int64
	files := 0
	for i, s := range d.Rows.Size {
		size += s
		files += d.Rows.Files[i]
	}
	if size != m.Total.Size() || files != m.Total.Files {
		t.Errorf("the rows have %d files of %d bytes, the image %d of %d", files, size, m.Total.Files, m.Total.Size())
	}
	for i, p := range d.Folders.Parent {
		if p >= i || i > 0 && p < 0 {
			t.Errorf("folder %d is in %d", i, p)
		}
	}
}

// TestHalves: the rectangles fill the whole, each by its size, inside of it.
func TestHalves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.Int64Range(1, 1e9), 1, 60).Draw(t, "sizes")
		slices.SortFunc(sizes, func(a, b int64) int { return cmp.Compare(b, a) })
		in := rect{3, 4, rapid.Float64Range(1, 2000).Draw(t, "w"), rapid.Float64Range(1, 2000).Draw(t, "h")}
		var total, area float64
		for _, s := range sizes {
			total += float64(s)
		}
		last := -1
		halves(sizes, 0, in, func(i int, r rect) {
			if i <= last {
				t.Errorf("%d follows %d", i, last)
			}
			last = i
			area += r.W * r.H
			if want := float64(sizes[i]) / total * in.W * in.H; r.W*r.H < want*0.999-1e-6 || r.W*r.H > want*1.001+1e-6 {
				t.Errorf("%d has %f, want %f", i, r.W*r.H, want)
			}
			if e := 1e-6 * (in.W + in.H); r.X < in.X-e || r.Y < in.Y-e || r.X+r.W > in.X+in.W+e || r.Y+r.H > in.Y+in.H+e {
				t.Errorf("%v is outside of %v", r, in)
			}
		})
		if whole := in.W * in.H; area > whole*1.001 || area < whole*0.999-float64(len(sizes))*leastArea {
			t.Errorf("the rectangles fill %f of %f", area, whole)
		}
	})
}

// TestSmall: the script is as small as it is said to be, and what is delivered is
// the same code.
func TestSmall(t *testing.T) {
	if len(script) >= 15_000 {
		t.Errorf("the script has %d bytes", len(script))
	}
	if got, want := delivered("x => a;\n  // b\n\n  c {\n    d\n  }\n"), "x=>a;c {d\n}"; got != want {
		t.Errorf("delivered is %q, want %q", got, want)
	}
}

// TestScript: the script's filters select what the view's do, and its sizes read
// the same.
func TestScript(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("there is no node to run the script")
	}
	m := model(t, 300)
	d, err := dataOf(m, 1)
	if err != nil {
		t.Fatal(err)
	}
	queries := []string{"", "file1", "LIBC", "/usr", "usr/lib/p", "-module3", `"a b"`, "path:/usr/lib", "path:/USR/", "path:*.py", "path:lib/python3.1?/site*", "path:/tmp/wheel.whl", "path:site-packages", "size:>1kB", "size:<=50kB,900000",
		"size:1.5kB..20kB", "pkg:Big-One", "pkg:*", "pkg:lib*", "cat:python", "ext:.py", "ext:NONE", "ext:whl", "ext:.so", "wasted:yes", "wasted:deleted", "wasted:no size:>70kB", "line:2", "line:Dockerfile:3", "line:x:3", "line:2..3", "layer:<2",
		"layer:1", "base:yes", "-base:yes", "rule:tests", "rule:docs,tests", "-rule:docs", `-"-x"`, "file1 -file11 ext:py", "x:y", "size:q", "size:5..1", "base:x", `"a`, "-", "layer:", "pkg:a,", "size:>=", "layer:1.5", `ext:(none)`, "path:/"}
	sizes := []int64{0, 999, 1000, 1049, 1050, 1150, 1250, 1350, 1750, 12_345, 999_949, 999_950, 1_250_000, 1_005_000_000, 1_125_000_000, 1_375_000_000, 1_625_000_000, 999_949_999, 999_950_000, -1250}
	for i := range int64(2000) {
		sizes = append(sizes, i*i*i*7919%3_000_000_000, i*50, i*5_000_000)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"script.js": exported(t), "data.json": d.text, "queries.json": encode(t, queries), "sizes.json": encode(t, sizes), "run.js": `
		const fs = require('fs'), read = n => JSON.parse(fs.readFileSync(__dirname + '/' + n));
		const {parseQuery, Model, bytes, halves, share} = require('./script.js'), m = new Model(read('data.json'));
		const rects = [];
		halves(read('sizes.json').filter(n => n > 0).sort((a, b) => b - a), 1, 2, 1000, 560, (...r) => rects.push(r.slice(0, 5)));
		const sums = read('queries.json').map(q => { try { const s = m.select(parseQuery(q)).sum; return s.files + ' ' + s.size + ' ' + s.wasted; } catch (e) { if (typeof e !== 'string') throw e; return 'error'; } });
		console.log(JSON.stringify({sums, sizes: read('sizes.json').map(bytes), shares: read('sizes.json').map(n => share(Math.abs(n) % 10007, 10007)), missing: [[], [0], [1], [2]].map(x => m.missing(x).sort()), rects}));`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command(node, filepath.Join(dir, "run.js")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var got struct {
		Sums, Sizes, Shares []string
		Missing             [][]int
		Rects               [][5]float64
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for i, text := range queries {
		want := "error"
		if q, err := view.ParseQuery(text); err == nil {
			s := m.Select(q).Sum
			want = fmt.Sprintf("%d %d %d", s.Files, s.Size(), s.Wasted)
		}
		if got.Sums[i] != want {
			t.Errorf("%q selects %s in the script, %s in the view", text, got.Sums[i], want)
		}
	}
	for i, n := range sizes {
		if got.Sizes[i] != whittle.Bytes(n) {
			t.Errorf("%d is %s in the script, %s elsewhere", n, got.Sizes[i], whittle.Bytes(n))
		}
		if want := share(max(n, -n)%10007, 10007); got.Shares[i] != want {
			t.Errorf("%d of 10007 is %s in the script, %s elsewhere", max(n, -n)%10007, got.Shares[i], want)
		}
	}
	positive := slices.DeleteFunc(slices.Clone(sizes), func(n int64) bool { return n <= 0 })
	slices.SortFunc(positive, func(a, b int64) int { return cmp.Compare(b, a) })
	n := 0
	halves(positive, 0, rect{1, 2, 1000, 560}, func(i int, at rect) {
		if want := fmt.Sprintf("%d %.6f", i, [4]float64{at.X, at.Y, at.W, at.H}); n >= len(got.Rects) || fmt.Sprintf("%.0f %.6f", got.Rects[n][0], got.Rects[n][1:]) != want {
			t.Errorf("rectangle %d is not %s in the script", n, want)
		}
		n++
	})
	if n != len(got.Rects) || n < 50 {
		t.Errorf("there are %d rectangles, in the script %d", n, len(got.Rects))
	}
	if fmt.Sprint(got.Missing) != "[[] [0 1 2] [1] [2]]" {
		t.Errorf("missing are %v", got.Missing)
	}
}

func encode(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// exported is the script as a module of node, which does not start.
func exported(t testing.TB) string {
	t.Helper()
	text, ok := strings.CutSuffix(script, "start(document);")
	if !ok {
		t.Fatal("the script does not end with its start")
	}
	return text + "module.exports = {parseQuery, Model, bytes, halves, share};"
}
