package forecast

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/restage"
)

var updateStrategies = flag.Bool("update-strategies", false, "accept the generated Dockerfiles")

// measuredFile is a file of a made-up image: the instruction that brought it, counted
// from 1 among those of the final stage that make a layer, 0 for the base.
type measuredFile struct {
	path  string
	layer int
	bytes int64
}

// projectOf makes a project of a Dockerfile and an image that nobody built.
// Distributions are folders of site with a METADATA; content gives what is
// read.
func projectOf(t testing.TB, source string, files fs.FS, image []measuredFile, content imagetest.Root) *Project {
	t.Helper()
	f, err := dockerfile.Parse("Dockerfile", []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	p := &Project{Name: "made-up", Variant: "original", Dockerfile: f, Root: content, Context: map[string]int64{}}
	p.Declared, _ = project.ReadDeclared(files)
	err = fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		p.Context[name] = info.Size()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	const requirements = "requirements.txt"
	if text, err := fs.ReadFile(files, requirements); err == nil {
		p.Texts = map[string][]byte{requirements: text}
	}
	p.Steps = append(p.Steps, whittle.Step{CreatedBy: "the base", Layer: 0})
	chain, err := f.Chain("")
	if err != nil {
		t.Fatal(err)
	}
	layers := 1
	for i := range chain {
		in := &chain[i]
		st := whittle.Step{Layer: -1, Origin: &whittle.Origin{Span: in.Span, Line: in.Line}}
		if slices.Contains([]string{"RUN", "COPY", "ADD", "WORKDIR"}, in.Keyword) {
			st.Layer = layers
			layers++
		}
		p.Steps = append(p.Steps, st)
	}
	if strings.Contains(source, "python:3") {
		image = append(image, measuredFile{"usr/local/bin/python3", 0, 0})
	}
	p.Ledger = ledgerOf(image, layers)
	dists, problems := python.Distributions(t.Context(), content)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	p.Env = pep.Environment{PythonVersion: "3.13", PythonFullVersion: "3.13.5", SysPlatform: "linux", OSName: "posix", PlatformSystem: "Linux", PlatformMachine: "x86_64"}
	p.Graph = python.NewGraph(dists, p.Env, nil)
	return p
}

// ledgerOf accounts for files that are all live.
func ledgerOf(image []measuredFile, layers int) *whittle.Ledger {
	l := &whittle.Ledger{Layers: make([]whittle.LayerSum, layers), Tree: &whittle.Tree{}}
	slices.SortFunc(image, func(a, b measuredFile) int {
		return cmp.Or(cmp.Compare(a.layer, b.layer), cmp.Compare(a.path, b.path))
	})
	for i, f := range image {
		l.Items = append(l.Items, whittle.Item{Path: f.path, Layer: f.layer, Entry: i, Bytes: f.bytes, HiddenBy: -1})
		l.Tree.Nodes = append(l.Tree.Nodes, whittle.Node{Path: f.path, Layer: f.layer, Entry: i, Item: i})
		l.Layers[f.layer].Size += f.bytes
		l.Layers[f.layer].Visible += f.bytes
	}
	slices.SortFunc(l.Tree.Nodes, func(a, b whittle.Node) int {
		return cmp.Compare(strings.ReplaceAll(a.Path, "/", "\x00"), strings.ReplaceAll(b.Path, "/", "\x00"))
	})
	return l
}

// imageOf reads the notation of a made-up image: lines of a layer, a path and a
// size; and the contents of the records that are read.
func imageOf(t testing.TB, text string) (image []measuredFile, content imagetest.Root) {
	t.Helper()
	content = imagetest.Root{}
	for line := range strings.Lines(text) {
		var f measuredFile
		if _, err := fmt.Sscanf(line, "%d %s %d", &f.layer, &f.path, &f.bytes); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		image = append(image, f)
		content[f.path] = ""
	}
	// What lies in a folder NAME beside NAME-VERSION.dist-info belongs to the distribution NAME.
	for _, f := range image {
		if !strings.HasSuffix(f.path, ".dist-info/METADATA") {
			continue
		}
		info := strings.TrimSuffix(f.path, "/METADATA")
		site := filepath.Dir(info) + "/"
		name, version, _ := strings.Cut(strings.TrimSuffix(filepath.Base(info), ".dist-info"), "-")
		content[f.path] = fmt.Sprintf("Metadata-Version: 2.1\nName: %s\nVersion: %s\n", name, version)
		tag := "py3-none-any"
		if strings.Contains(text, site+name+"/native.so ") {
			tag = "cp313-cp313-manylinux_2_28_x86_64"
		}
		content[info+"/WHEEL"] = "Wheel-Version: 1.0\nTag: " + tag + "\n"
		var record strings.Builder
		for _, g := range image {
			if strings.HasPrefix(g.path, site+name+"/") || strings.HasPrefix(g.path, info) {
				p := strings.TrimPrefix(g.path, site)
				if strings.HasSuffix(p, ".pyc") {
					fmt.Fprintf(&record, "%s,,\n", p)
				} else {
					fmt.Fprintf(&record, "%s,sha256=x,%d\n", p, g.bytes)
				}
			}
		}
		content[info+"/RECORD"] = record.String() + fmt.Sprintf("../../../share/%s/data,sha256=x,500\n", name)
	}
	return image, content
}

// TestStrategies holds the generated Dockerfiles and sizes to those under
// testdata/strategy.
func TestStrategies(t *testing.T) {
	files, err := filepath.Glob("testdata/strategy/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			tree := fstest.MapFS{}
			given := &txtar.Archive{Comment: archive.Comment}
			var source, image string
			want := map[string]string{}
			for _, f := range archive.Files {
				if name, ok := strings.CutPrefix(f.Name, "want/"); ok {
					want[name] = string(f.Data)
					continue
				}
				given.Files = append(given.Files, f)
				switch f.Name {
				case "Dockerfile":
					source = string(f.Data)
				case "image":
					image = string(f.Data)
				default:
					tree[f.Name] = &fstest.MapFile{Data: f.Data}
				}
			}
			measured, content := imageOf(t, image)
			p := projectOf(t, source, tree, measured, content)
			p.Clean = restage.Cleanup{Bytecode: true, Tests: true, KeepTests: []string{"kept"}}
			p.Distroless = &DistrolessBase{Suite: "trixie", Python: "3.13", Packages: []string{"libc6", "libstdc++6", "python3.13-minimal"}, Low: 40_000_000, Bytes: 42_000_000, High: 43_000_000, Source: "Debian's Installed-Size"}
			out, err := Strategies(p)
			if err != nil {
				t.Fatal(err)
			}
			got := goldens(t, out)
			if *updateStrategies {
				names := make([]string, 0, len(got))
				for n := range got {
					names = append(names, n)
				}
				slices.Sort(names)
				for _, n := range names {
					given.Files = append(given.Files, txtar.File{Name: "want/" + n, Data: []byte(got[n])})
				}
				if err := os.WriteFile(file, txtar.Format(given), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("forecasts (-want +got):\n%s", diff)
			}
		})
	}
}

// goldens are the forecasts as files, after a look at their sums.
func goldens(t *testing.T, out *whittle.Forecasts) map[string]string {
	t.Helper()
	got := map[string]string{}
	var b strings.Builder
	for _, n := range out.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	for _, f := range out.Forecasts {
		checkForecast(t, &f)
		fmt.Fprintf(&b, "%s: %d (%d to %d)\n", f.Strategy, f.Predicted, f.Low, f.High)
		for _, part := range f.Parts {
			fmt.Fprintf(&b, "  %s: %d (%d to %d), %s\n", part.Name, part.Bytes, part.Low, part.High, part.Source)
		}
		for _, s := range f.Skipped {
			fmt.Fprintf(&b, "  blocked: %s\n", s)
		}
		for _, s := range f.Notes {
			fmt.Fprintf(&b, "  note: %s\n", s)
		}
		if f.Dockerfile != "" {
			got[f.Strategy] = f.Dockerfile
		}
	}
	got["sizes"] = b.String()
	return got
}

// checkForecast: parts add up, bounds hold what they bound, and a Dockerfile is one.
func checkForecast(t testing.TB, f *whittle.Forecast) {
	t.Helper()
	var sum int64
	for _, p := range f.Parts {
		sum += p.Bytes
		if p.Low > p.Bytes || p.Bytes > p.High {
			t.Errorf("%s, %s: %d is not within %d to %d", f.Strategy, p.Name, p.Bytes, p.Low, p.High)
		}
	}
	if sum != f.Predicted || f.Low > f.Predicted || f.Predicted > f.High {
		t.Errorf("%s: predicted %d within %d to %d, parts add up to %d", f.Strategy, f.Predicted, f.Low, f.High, sum)
	}
	if f.Dockerfile != "" {
		if err := parses(f.Dockerfile); err != nil {
			t.Errorf("%s: %v\n%s", f.Strategy, err, f.Dockerfile)
		}
	}
}

// TestVenv: what an environment weighs depends on the tool that makes it.
func TestVenv(t *testing.T) {
	for _, c := range []struct {
		run  string
		want int64
	}{
		{"python -m venv /venv && /venv/bin/pip install flask", 14_400},
		{"uv sync --frozen", 29_900},
		{"pdm sync --prod", 40_000},
		{"python -m venv .venv && pdm sync --prod", 14_400},
	} {
		f, err := dockerfile.Parse("Dockerfile", []byte("FROM python:3.13\nRUN "+c.run+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		outline, err := restage.ReadOutline(f, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		var got whittle.Forecast
		(&account{outline: outline}).addVenv(sizes{&got})
		if got.Predicted != c.want {
			t.Errorf("%s: %d bytes, not %d", c.run, got.Predicted, c.want)
		}
	}
}

// TestForecastOriginalFixed: an image less a saving.
func TestForecastOriginalFixed(t *testing.T) {
	const source = "FROM python:3.13-slim\nCOPY main.py /\nCMD [\"python\", \"/main.py\"]\n"
	p := projectOf(t, source, fstest.MapFS{"main.py": {Data: []byte("print()\n")}}, []measuredFile{{"usr/bin/x", 0, 1000}, {"main.py", 1, 200}}, imagetest.Root{})
	p.Fixed, p.Saving = []byte(source), whittle.Saving{Low: 100, High: 300}
	out, err := Strategies(p)
	if err != nil {
		t.Fatal(err)
	}
	f := out.Forecasts[0]
	checkForecast(t, &f)
	if f.Strategy != "original-fixed" || f.Predicted != 1000 || f.Low != 900 || f.High != 1100 || f.Dockerfile != source {
		t.Errorf("%+v", f)
	}
	p.Steps = nil
	if _, err := Strategies(p); !errors.Is(err, whittle.ErrUnsupported) {
		t.Errorf("an image whose layers are not joined: %v", err)
	}
}
