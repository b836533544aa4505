package html

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/report/jsontext"
	"whittle.dev/whittle/internal/report/page"
	"whittle.dev/whittle/internal/view"
)

// TestReports writes reports into the folder that WHITTLE_REPORTS names, each as
// NAME.html with its value as NAME.json and what a reader is to find in it as
// NAME.expect.json: tools/browser opens them in a browser, and knows nothing of
// these packages.
func TestReports(t *testing.T) {
	dir := os.Getenv("WHITTLE_REPORTS")
	if dir == "" {
		t.Skip("WHITTLE_REPORTS names no folder to write reports into")
	}
	imagetest.Must(t, os.MkdirAll(dir, 0o755))
	known := examine(t, "known", knownImage(t), knownDockerfile)
	save(t, dir, "known", pageOf("known", known, known.Inspection), known, knownQueries)
	save(t, dir, "advice", pageOf("known", known, known.Advice), known, knownQueries)
	smaller := examine(t, "small", smallImage(t), knownDockerfile)
	study := aStudy(t, known, smaller)
	p := pageOf("original", known, study)
	p.Study, p.Images = study, append(p.Images, Image{"small", smaller})
	save(t, dir, "study", p, known, knownQueries)

	bad := examine(t, "hostile "+hostile, hostileImage(t), "FROM base\n# "+printable+"\nRUN pip install shop\nRUN true\n")
	save(t, dir, "hostile", pageOf("hostile "+hostile, bad, bad.Inspection), bad, []string{"", "alert", "wasted:yes", `cat:python`})
	// What no reader of images gives, but a project's files may.
	made := model(t, 20)
	p = pageOf(hostile, made, made.Inspection)
	p.Check = hostileCheck()
	save(t, dir, "hostile-made", p, made, nil)
	save(t, dir, "hostile-study", &Page{Study: hostileStudy(t), Value: hostileStudy(t)}, nil, nil)

	env := &host.Env{Images: images{"known": knownImage(t), "hostile": hostileImage(t)}}
	c, looked, err := audit.CompareViews(t.Context(), env, []string{"known", "hostile"}, make([]audit.InspectOptions, 2))
	imagetest.Must(t, err)
	p = pageOf("known", looked[0], c)
	p.Comparison, p.Images = c, append(p.Images, Image{"hostile", looked[1]})
	save(t, dir, "comparison", p, nil, nil)
	k, err := audit.Check(t.Context(), env, "known", audit.CheckOptions{})
	imagetest.Must(t, err)
	save(t, dir, "check", &Page{Check: k, Value: k}, nil, nil)

	for _, n := range []int{40_000, 500_000} {
		name := fmt.Sprintf("files-%d", n)
		m := examine(t, name, manyFiles(t, n), manyDockerfile)
		if n < m.Len()-n/50 || m.Len() < n {
			t.Errorf("%s has %d files", name, m.Len())
		}
		save(t, dir, name, pageOf(name, m, m.Inspection), m, manyQueries)
	}
}

// images are opened by their names.
type images map[string]*imagetest.Image

func (i images) Open(_ context.Context, name string) (whittle.Image, error) { return i[name], nil }

func examine(t *testing.T, name string, img *imagetest.Image, dockerfile string) *view.Model {
	t.Helper()
	img.Name = name
	m, err := audit.View(t.Context(), &host.Env{Images: images{name: img}}, name, audit.AdviseOptions{InspectOptions: audit.InspectOptions{Dockerfile: "Dockerfile", Source: []byte(dockerfile)}})
	imagetest.Must(t, err)
	return m
}

// expectation is what a reader is to find in a report.
type expectation struct {
	Queries []querySum            `json:"queries"`
	Folders []folderSum           `json:"folders"`
	Groups  map[view.Key][]rowSum `json:"groups"`
	Needs   []needSum             `json:"needs"`
	Pairs   []needSum             `json:"pairs"` // of what goes with two
	Totals  map[string]int64      `json:"totals"`
	Plain   string                `json:"plain"` // the hostile name as it is shown
}

type rowSum struct {
	Name   string `json:"name"`
	Folder bool   `json:"folder"`
	Size   int64  `json:"size"`
	Wasted int64  `json:"wasted"`
	Files  int    `json:"files"`
}

type querySum struct {
	Query string `json:"query"`
	rowSum
}

type folderSum struct {
	Path string `json:"path"`
	rowSum
	Children []rowSum `json:"children"`
}

type needSum struct {
	Names    []string `json:"names"`
	Own      int64    `json:"own"`
	Retained int64    `json:"retained"`
	Without  int64    `json:"without"` // the size of the image
	Goes     int      `json:"goes"`
	Unused   bool     `json:"unused"`
}

func rowOf(name string, folder bool, s view.Sum) rowSum {
	return rowSum{page.Plain(name), folder, s.Size(), s.Wasted, s.Files}
}

// pageOf is a report of an image that was looked at, with all that a command adds.
func pageOf(name string, m *view.Model, value any) *Page {
	p := &Page{Images: []Image{{name, m}}, Value: value, Diff: func(f *whittle.Finding) string {
		return "--- Dockerfile\n+++ Dockerfile\n@@ -1 +1 @@\n-RUN " + f.Rule + hostile + "\n+RUN true\n"
	}}
	for _, r := range audit.Rules() {
		p.Rules = append(p.Rules, Rule{ID: r.ID, Title: r.Title, Text: r.Text, Before: r.Before, After: r.After})
	}
	return p
}

func save(t *testing.T, dir, name string, p *Page, m *view.Model, queries []string) {
	t.Helper()
	var b bytes.Buffer
	imagetest.Must(t, Write(&b, p))
	var value bytes.Buffer
	imagetest.Must(t, jsontext.Write(&value, p.Value))
	e := expectation{Plain: page.Plain(hostile), Totals: map[string]int64{}}
	if m != nil {
		e.image(t, m, queries)
	}
	text, err := json.Marshal(e)
	imagetest.Must(t, err)
	for ext, content := range map[string][]byte{".html": b.Bytes(), ".json": value.Bytes(), ".expect.json": text} {
		imagetest.Must(t, os.WriteFile(filepath.Join(dir, name+ext), content, 0o644))
	}
}

// image adds what the view says of an image.
func (e *expectation) image(t *testing.T, m *view.Model, queries []string) {
	e.Totals = map[string]int64{"size": m.Total.Size(), "visible": m.Total.Visible, "wasted": m.Total.Wasted, "files": int64(m.Total.Files)}
	for _, text := range queries {
		q, err := view.ParseQuery(text)
		imagetest.Must(t, err)
		e.Queries = append(e.Queries, querySum{text, rowOf("", false, m.Select(q).Sum)})
	}
	tree := m.All().Tree()
	// The way down along the largest folders.
	for at, deep := 0, 0; at >= 0 && deep < 8; deep++ {
		f := folderSum{Path: page.Plain(m.FolderPath(at)), rowSum: rowOf("", true, tree.Folder(at))}
		next := -1
		for i, r := range tree.Children(at) {
			if i < 20 {
				f.Children = append(f.Children, rowOf(r.Name, r.Folder, r.Sum))
			}
			if r.Folder && next < 0 {
				next = r.ID
			}
		}
		e.Folders = append(e.Folders, f)
		at = next
	}
	e.Groups = map[view.Key][]rowSum{}
	for _, key := range view.Keys() {
		for _, r := range m.All().By(key) {
			e.Groups[key] = append(e.Groups[key], rowOf(whittle.Shorten(r.Name, 160), false, r.Sum))
		}
	}
	e.requirements(t, m)
}

func (e *expectation) requirements(t *testing.T, m *view.Model) {
	r := m.Requirements
	if r == nil || r.Frees == nil {
		return // there are none, or they are made up
	}
	all := reached(r)
	need := func(which ...int) needSum {
		first := r.List[which[0]]
		s := needSum{Without: m.Total.Size(), Own: first.Own, Retained: first.Retained, Unused: first.Unused}
		for _, i := range which {
			s.Names = append(s.Names, page.Plain(r.List[i].Name))
		}
		still := reached(r, which...)
		for i := range all {
			if !still[i] {
				s.Without -= r.List[i].Own
				s.Goes++
			}
		}
		if len(which) == 1 && s.Without != m.Total.Size()-first.Retained {
			t.Errorf("without %s %d bytes go, it retains %d", first.Name, m.Total.Size()-s.Without, first.Retained)
		}
		return s
	}
	var needed []int
	for i, q := range r.List {
		if q.Needed {
			e.Needs = append(e.Needs, need(i))
			needed = append(needed, i)
		}
	}
	for k := range min(len(needed)-1, 20) {
		e.Pairs = append(e.Pairs, need(needed[k], needed[k+1]))
	}
}

// reached are the requirements that are asked for and all that these need, where
// some are not there.
func reached(r *view.Requirements, missing ...int) map[int]bool {
	seen := map[int]bool{}
	var visit func(i int)
	visit = func(i int) {
		if seen[i] || slices.Contains(missing, i) {
			return
		}
		seen[i] = true
		for _, to := range r.List[i].Needs {
			visit(to)
		}
	}
	for i, q := range r.List {
		if q.Asked {
			visit(i)
		}
	}
	return seen
}

const site = "usr/local/lib/python3.13/site-packages/"

// distribution is an installed Python distribution with some files, by their sizes.
func distribution(name, requires string, files map[string]int) string {
	var b, record strings.Builder
	info := site + name + "-1.0.dist-info/"
	for _, f := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&b, "f %s%s/%s %d\n", site, name, f, files[f])
		fmt.Fprintf(&record, "%s/%s,,\n", name, f)
	}
	fmt.Fprintf(&record, "%[1]s-1.0.dist-info/METADATA,,\n%[1]s-1.0.dist-info/RECORD,,\n", name)
	fmt.Fprintf(&b, "f %sMETADATA %q\nf %sRECORD %q\n", info, "Metadata-Version: 2.1\nName: "+name+"\nVersion: 1.0\n"+requires, info, record.String())
	return b.String()
}

const knownDockerfile = `FROM python:3.13-slim
WORKDIR /app
RUN pip install shop && touch /tmp/wheel.whl
RUN rm /tmp/wheel.whl && strip heavy.so
COPY . .
CMD ["python3.13", "main.py"]
`

var knownQueries = []string{"", "heavy", "pkg:heavy size:>1MB wasted:yes", "wasted:yes", "wasted:deleted", "base:no size:>100kB", "pkg:deep,light", "-pkg:heavy path:/usr", "line:3", "line:4..5", "ext:.so", "cat:python", "layer:<2 size:1MB..3MB", `"no such file"`}

// smallImage is the same without what was wasted, and tests.
func smallImage(t testing.TB) *imagetest.Image {
	img := imagetest.New(t, imagetest.Gzip,
		"f usr/local/bin/python3.13 5000000 mode=0755\nf usr/local/lib/python3.13/os.py 40000\nf etc/passwd \"root:x:0:0::/root:/bin/sh\\n\"\nf usr/lib/libc.so.6 2000000\n",
		distribution("shop", "Requires-Dist: heavy\nRequires-Dist: light\n", map[string]int{"__init__.py": 12_000})+
			distribution("heavy", "Requires-Dist: deep\n", map[string]int{"__init__.py": 3_000, "heavy.so": 2_600_000})+
			distribution("deep", "", map[string]int{"__init__.py": 1_000, "model.bin": 1_500_000})+
			distribution("light", "", map[string]int{"__init__.py": 400_000}),
		"f app/main.py \"import shop\\n\"\nf app/data.bin 800000\n")
	img.Conf.Config = whittle.Process{WorkingDir: "/app", Cmd: []string{"/usr/local/bin/python3.13", "main.py"}}
	return img
}

// knownImage is a small image whose figures the tests of the browser name.
func knownImage(t testing.TB) *imagetest.Image {
	img := imagetest.New(t, imagetest.Gzip,
		"f usr/local/bin/python3.13 5000000 mode=0755\nf usr/local/lib/python3.13/os.py 40000\nf etc/passwd \"root:x:0:0::/root:/bin/sh\\n\"\nf usr/lib/libc.so.6 2000000\n"+
			"f var/lib/dpkg/info/libc6.list \"/.\\n/usr\\n/usr/lib\\n/usr/lib/libc.so.6\\n\"\n"+
			"f var/lib/dpkg/status \"Package: libc6\\nStatus: install ok installed\\nArchitecture: amd64\\nVersion: 2.41\\nDescription: C\\n\\n\"\n",
		distribution("shop", "Requires-Dist: heavy\nRequires-Dist: light\n", map[string]int{"__init__.py": 12_000})+
			distribution("heavy", "Requires-Dist: deep\n", map[string]int{"__init__.py": 3_000, "heavy.so": 3_000_000, "tests/test_heavy.py": 1_200_000, "tests/data.bin": 700_000})+
			distribution("deep", "", map[string]int{"__init__.py": 1_000, "model.bin": 1_500_000})+
			distribution("light", "", map[string]int{"__init__.py": 400_000})+
			distribution("unneeded", "", map[string]int{"__init__.py": 2_000, "big.so": 2_500_000})+
			"f tmp/wheel.whl 2000000\n",
		"w tmp/wheel.whl\nf "+site+"heavy/heavy.so 2600000 seed=stripped\n",
		"f app/main.py \"import shop\\n\"\nf app/data.bin 800000\n")
	img.Conf.Config = whittle.Process{WorkingDir: "/app", Cmd: []string{"/usr/local/bin/python3.13", "main.py"}}
	img.Conf.History = []whittle.History{{CreatedBy: "a base"}, {CreatedBy: "WORKDIR /app", Comment: "buildkit.dockerfile.v0", EmptyLayer: true}, {CreatedBy: "RUN /bin/sh -c pip install shop && touch /tmp/wheel.whl # buildkit", Comment: "buildkit.dockerfile.v0"},
		{CreatedBy: "RUN /bin/sh -c rm /tmp/wheel.whl && strip heavy.so # buildkit", Comment: "buildkit.dockerfile.v0"}, {CreatedBy: "COPY . . # buildkit", Comment: "buildkit.dockerfile.v0"},
		{CreatedBy: `CMD ["python3.13" "main.py"]`, Comment: "buildkit.dockerfile.v0", EmptyLayer: true}}
	return img
}

// printable is hostile as far as a text file may have it.
var printable = strings.NewReplacer("\x1b", "", "\xff", "", "\u2028", "").Replace(hostile)

// hostileImage has names of all kinds that somebody may have thought of: in files,
// folders, packages, its history and its configuration.
func hostileImage(t testing.TB) *imagetest.Image {
	var b strings.Builder
	for i, name := range []string{hostile, "</script><script>alert(1)</script>", "<svg onload=alert(1)>", "javascript:alert(1)", "\x1b]0;title\a\x1b[2J", "a\u202egnp.exe", "\u2066\u2067isolates\u2069", "\xc3\x28\xa0\xa1\xff\xfe", "new\nline\ttab\rcr",
		strings.Repeat("long", 60) + ".py", strings.Repeat("漢", 80), "__proto__", "constructor", "toString", "' onmouseover='alert(1)", `" autofocus onfocus="alert(1)`, "<!--", "]]>", "{{.}}", "${alert(1)}", "`", "\\u003cscript>", "&lt;b&gt;", "#f=x&q=y", "%3Cscript%3E", "\u200b\ufeff\u00ad", "e\u0301\u0301\u0301", "😀👨‍👩‍👧"} {
		fmt.Fprintf(&b, "f %q %d\n", "app/"+name, 1000*(i+1))
		fmt.Fprintf(&b, "f %q %d\n", "srv/"+name+"/"+name+"/__proto__/x."+name, 777*(i+1))
	}
	deep := strings.Repeat("deep<b>/", 120)
	fmt.Fprintf(&b, "f %q 5000\n", "srv/"+deep+"end")
	img := imagetest.New(t, imagetest.Gzip, "f etc/passwd \"root\"\nf usr/local/bin/python3.13 500000 mode=0755\nf usr/local/lib/python3.13/os.py 40000\n"+
		fmt.Sprintf("f var/lib/dpkg/status %q\n", "Package: "+printable+"\nStatus: install ok installed\nArchitecture: amd64\nVersion: "+printable+"\nDescription: x\n\n"),
		distribution("shop", "Requires-Dist: heavy\n", map[string]int{"__init__.py": 12_000})+distribution("heavy", "Summary: "+printable+"\nLicense: "+printable+"\n", map[string]int{"__init__.py": 90_000})+
			fmt.Sprintf("f %q %q\nf %q %q\n", site+"evil-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: "+printable+"\nVersion: "+printable+"\n", site+"evil-1.0.dist-info/RECORD", "evil-1.0.dist-info/METADATA,,\n"),
		b.String())
	img.Conf.Config = whittle.Process{WorkingDir: "/" + hostile, Cmd: []string{hostile}, Env: []string{"X=" + hostile}}
	img.Conf.History = []whittle.History{{CreatedBy: hostile, Comment: hostile}, {CreatedBy: "RUN /bin/sh -c pip install shop # buildkit", Comment: "buildkit.dockerfile.v0"}, {CreatedBy: "RUN /bin/sh -c true # buildkit", Comment: "buildkit.dockerfile.v0"}}
	return img
}

const manyDockerfile = "FROM python:3.13-slim\nRUN pip install all\nRUN rm -rf caches\n"

var manyQueries = []string{"", "wasted:yes", "pkg:dist7", "base:no", "line:2", "layer:1", "cat:python", "pkg:dist1* wasted:yes", "-base:yes -wasted:yes", "path:/usr/share/folder3"}

// manyFiles is an image of n files, or slightly more: a third the base image's, the
// rest in twenty distributions that require each other in a row of fives, of which
// some have caches that are deleted, and files that are replaced.
func manyFiles(t testing.TB, n int) *imagetest.Image {
	t.Helper()
	base, installed, deleted := newLayer(t), newLayer(t), newLayer(t)
	base.file("etc/passwd", 5)
	for i := range n / 3 {
		base.file(fmt.Sprintf("usr/share/folder%d/part%d/file%d.txt", i/4000, i/60, i), size(i))
	}
	const dists = 20
	each := (n - n/3) / dists
	for d := range dists {
		var record strings.Builder
		name := fmt.Sprintf("dist%d", d)
		for i := range each {
			f := fmt.Sprintf("%s/part%d/table%d.dat", name, i/50, i)
			if i%40 == 0 {
				f = fmt.Sprintf("%s/cache/object%d.bin", name, i)
				deleted.file(fmt.Sprintf("%s%s/cache/.wh.object%d.bin", site, name, i), 0)
			} else if i%90 == 1 {
				deleted.file(site+f, size(i)) // another content
			}
			installed.file(site+f, size(i*3+d))
			fmt.Fprintf(&record, "%s,,\n", f)
		}
		requires := ""
		if d%5 != 4 {
			requires = fmt.Sprintf("Requires-Dist: dist%d\n", d+1)
		}
		installed.text(site+name+"-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: "+name+"\nVersion: 1.0\n"+requires)
		installed.text(site+name+"-1.0.dist-info/RECORD", record.String())
	}
	codec := imagetest.Gzip
	if n > 100_000 {
		codec = imagetest.Plain // half a gigabyte, most of it padding
	}
	img := imagetest.FromTars(t, codec, base.end(), installed.end(), deleted.end())
	img.Conf.History = []whittle.History{{CreatedBy: "a base"}, {CreatedBy: "RUN /bin/sh -c pip install all # buildkit", Comment: "buildkit.dockerfile.v0"}, {CreatedBy: "RUN /bin/sh -c rm -rf caches # buildkit", Comment: "buildkit.dockerfile.v0"}}
	return img
}

// size is of few large files and many small ones, as in images.
func size(i int) int {
	if i%997 == 0 {
		return 20_000 + i%31*9_000
	}
	return i*7919%500 + 10
}

type layerWriter struct {
	testing.TB
	bytes.Buffer
	tar   *tar.Writer
	files int
}

func newLayer(t testing.TB) *layerWriter {
	l := &layerWriter{TB: t}
	l.tar = tar.NewWriter(&l.Buffer)
	return l
}

// file adds a file with a content that no other has.
func (l *layerWriter) file(name string, size int) {
	l.files++
	l.text(name, fmt.Sprintf("%-*x", size, l.files)[:size])
}

func (l *layerWriter) text(name, content string) {
	imagetest.Must(l, l.tar.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(content))}))
	_, err := l.tar.Write([]byte(content))
	imagetest.Must(l, err)
}

func (l *layerWriter) end() []byte {
	imagetest.Must(l, l.tar.Close())
	return l.Bytes()
}

// aStudy is a study of the known image and of a smaller one, with fixes that were
// made, reverted and skipped.
func aStudy(t *testing.T, known, smaller *view.Model) *whittle.Study {
	t.Helper()
	of := func(v int64) *int64 { return &v }
	slow, quick := 1.25, 0.84
	in := known.Inspection
	small := smaller.Inspection
	s := &whittle.Study{Schema: whittle.StudySchema, Project: "shop", Date: "2026-11-01T12:00:00Z", Machine: whittle.Machine{OS: "linux", Architecture: "amd64", CPU: "a processor", Cores: 2},
		Variants: []whittle.Variant{
			{Name: "original", Dockerfile: "Dockerfile", Inspect: in, Build: whittle.BuildFacts{Status: whittle.Built, Seconds: 41.26}, Download: whittle.DownloadFacts{Gzip: of(7_654_321)}, Run: whittle.RunFacts{Status: whittle.Runs, Seconds: &slow}},
			{Name: "small", Dockerfile: "Dockerfile.small", Inspect: small, Build: whittle.BuildFacts{Status: whittle.Built, Seconds: 12.34}, Change: &whittle.Change{Size: small.Sizes.Size - in.Sizes.Size, Percent: -43.2}, Download: whittle.DownloadFacts{Gzip: of(3_234_567)},
				Run: whittle.RunFacts{Status: whittle.Fails, Seconds: &quick, Commands: []whittle.CommandRun{{Name: "serve", Status: whittle.Fails, Problem: "No module named 'deep'", Tail: []string{"Traceback", "ModuleNotFoundError"}}}}},
			{Name: "broken", Dockerfile: "Dockerfile.broken", Build: whittle.BuildFacts{Status: whittle.Failed, Reason: "pip ended with 1", Tail: []string{"ERROR: no matching distribution"}}}},
		Findings: known.Advice.Findings,
		Forecasts: []whittle.Forecast{{Strategy: "single-stage", Title: "One stage", Predicted: 12_345_678, Low: 12_000_000, High: 13_000_000, Actual: of(12_400_000)},
			{Strategy: "alpine", Title: "On Alpine", Predicted: 8_900_000, Low: 8_000_000, High: 9_900_000, Skipped: []string{"deep has no musllinux wheel"}}},
		Best: &whittle.Best{Original: in.Sizes, Sizes: small.Sizes},
		Repair: &whittle.Repair{Files: []whittle.FileChange{{Path: "Dockerfile", Diff: "--- Dockerfile\n+++ Dockerfile\n@@ -3 +3 @@\n-RUN pip install shop\n+RUN pip install --no-compile shop\n"}},
			Verified: &whittle.Verification{Builds: 3, Variants: []whittle.VerifiedVariant{{Name: "original", Before: whittle.Outcome{Sizes: in.Sizes}, After: whittle.Outcome{Sizes: small.Sizes}}},
				Rounds: []whittle.VerifiedRound{{Round: 1, Variant: "original", Rules: []string{"tests"}, Predicted: whittle.Saving{Low: 1_800_000, High: 2_000_000}, Saved: 1_900_000},
					{Round: 2, Variant: "original", Rules: []string{"docs", "wheels"}, Predicted: whittle.Saving{Low: 4_000_000, High: 6_000_000}, Saved: in.Sizes.Size - small.Sizes.Size - 1_900_000}}}}}
	for i, f := range s.Findings {
		s.Repair.Steps = append(s.Repair.Steps, whittle.RepairStep{Finding: f, Status: []whittle.FixStatus{whittle.Applied, whittle.Reverted, whittle.FixSkipped}[i%3], Saved: of(1_111_111 * int64(i+1)), Reason: "as it is", Round: 1})
	}
	return s
}
