package forecast

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/pep"
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
	p.Declared, _ = manifest.ReadDeclared(files)
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
			for _, f := range out.Forecasts {
				for _, at := range versioned.FindAllString(f.Dockerfile, -1) {
					if !strings.Contains(source, at) {
						t.Errorf("%s names %s: the base may move to another version\n%s", f.Strategy, at, f.Dockerfile)
					}
				}
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

// versioned is a path of one version of Python.
var versioned = regexp.MustCompile(`/python3\.[0-9]+\b`)

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

// TestSlimKept: on a slim base, a strategy installs what the image uses of the full one,
// and one with a single stage also what its build uses. The builder is of the same
// release.
func TestSlimKept(t *testing.T) {
	const source = "FROM python:3.13\nWORKDIR /app\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\nCOPY . .\nCMD [\"python\", \"main.py\"]\n"
	const site = "usr/local/lib/python3.13/site-packages/"
	measured, content := imageOf(t, "0 usr/lib/libc.so 900000\n3 "+site+"a/a.py 1000\n3 "+site+"a-1.dist-info/METADATA 100\n4 app/main.py 10\n")
	p := projectOf(t, source, fstest.MapFS{"requirements.txt": {Data: []byte("a==1\n")}}, measured, content)
	const image, all = "RUN apt-get install -y libpq5", "RUN apt-get install -y git libpq5"
	p.Slim = &SlimBase{Name: "python:3.13-slim-trixie", Full: "python:3.13-trixie", Saving: whittle.Saving{Low: 500_000, High: 500_000}, Install: image, InstallAll: all}
	out, err := Strategies(p)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, f := range out.Forecasts {
		want := map[string]string{"single-stage": "FROM python:3.13-slim-trixie\n" + all + "\n", "two-stage": "FROM python:3.13-slim-trixie\n" + image + "\n"}[f.Strategy]
		if want == "" {
			continue
		}
		seen++
		checkForecast(t, &f)
		if !strings.Contains(f.Dockerfile, want) || f.Strategy == "two-stage" && !strings.Contains(f.Dockerfile, "FROM python:3.13-trixie AS builder\n") {
			t.Errorf("%s:\n%s", f.Strategy, f.Dockerfile)
		}
		if f.Parts[0].Bytes != 400_000 {
			t.Errorf("%s: the base has %d bytes", f.Strategy, f.Parts[0].Bytes)
		}
	}
	if seen != 2 {
		t.Errorf("%d strategies, not 2", seen)
	}
	// What is compiled is compiled on the full base: in the builder, or in the one stage.
	p.Slim.Builds = []string{"a was compiled"}
	if out, err = Strategies(p); err != nil {
		t.Fatal(err)
	}
	for _, f := range out.Forecasts {
		want, bytes := "FROM python:3.13\n", int64(900_000)
		if f.Strategy == "two-stage" {
			want, bytes = "FROM python:3.13-slim-trixie\n", 400_000
		} else if f.Strategy != "single-stage" {
			continue
		}
		if !strings.Contains(f.Dockerfile, want) || f.Parts[0].Bytes != bytes {
			t.Errorf("%s: the base has %d bytes\n%s", f.Strategy, f.Parts[0].Bytes, f.Dockerfile)
		}
	}
	if f, err := Strategy(p, NameSingleStage); err == nil && strings.Contains(f.Dockerfile, "-slim") {
		t.Errorf("asked for alone, one stage compiles on the slim base:\n%s", f.Dockerfile)
	}
}

// TestBytecodeParts: what an edit leaves of the bytecode that a clean-up is to leave out,
// what a RUN of the image writes anew, and how the paths in it change its size.
func TestBytecodeParts(t *testing.T) {
	const site, venv = "usr/local/lib/python3.13/site-packages/", "venv/lib/python3.13/site-packages/"
	dist := func(layer int, site, name string, bytecode int) string {
		text := fmt.Sprintf("%[1]d %[2]s%[3]s/a.py 1000\n%[1]d %[2]s%[3]s-1.dist-info/METADATA 100\n", layer, site, name)
		if bytecode > 0 {
			text += fmt.Sprintf("%d %s%s/__pycache__/a.cpython-313.pyc %d\n", layer, site, name, bytecode)
		}
		return text
	}
	line := func(name string) int64 { return int64(len(name + "/__pycache__/a.cpython-313.pyc,,\n")) }
	const pipenv = "FROM python:3.13-slim\nRUN pip install pipenv\nCOPY Pipfile /\nRUN pipenv install --system --deploy\nCMD [\"a\"]\n"
	const tools = "FROM python:3.13-slim AS build\nRUN python -m venv /venv\nENV PATH=/venv/bin:$PATH\nRUN pip install --upgrade pip pip-tools\nCOPY requirements.txt .\n" +
		"RUN pip install -r requirements.txt\nFROM python:3.13-slim\nCOPY --from=build /venv /venv\nENV PATH=/venv/bin:$PATH\nCMD [\"a\"]\n"
	const runs = "FROM python:3.13-slim\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\nCOPY main.py .\nRUN python main.py\nCMD [\"a\"]\n"
	const prefix = "FROM python:3.13-slim AS build\nCOPY requirements.txt .\nRUN pip install --prefix=/install -r requirements.txt\nFROM python:3.13-slim\nCOPY --from=build /install /usr/local\nCMD [\"a\"]\n"
	const one = "FROM python:3.13-slim\nRUN python -m venv /venv\nENV PATH=/venv/bin:$PATH\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\nCMD [\"a\"]\n"
	own := "1 usr/local/lib/python3.13/__pycache__/os.cpython-313.pyc 9000000\n" // of pip, which makes the edit worth it
	std := "2 usr/local/lib/python3.13/__pycache__/os.cpython-313.pyc 3000\n"
	for _, c := range []struct {
		name, source, image string
		clean               bool
		strategy, part      string
		low, bytes, high    int64
	}{
		{"installer in the image", pipenv, own + dist(1, site, "pipenv", 500) + dist(3, site, "flask", 70), true, "single-stage", "bytecode of installers", 500 + line("pipenv"), 500 + line("pipenv"), 500 + line("pipenv")},
		{"told nothing", pipenv, own + dist(1, site, "pipenv", 500) + dist(3, site, "flask", 70), true, "single-stage", "bytecode of the packages", 70 + line("flask"), 70 + line("flask"), 70 + line("flask")},
		{"not compiled", pipenv, own + dist(1, site, "pipenv", 500) + dist(3, site, "flask", 0), true, "single-stage", "bytecode of the packages", 0, 0, 0},
		{"told not to", strings.Replace(pipenv, "pip install pipenv", "pip install --no-compile pipenv", 1), own + dist(1, site, "pipenv", 500), true, "single-stage", "bytecode of installers", 0, 0, 0},
		{"the builder's, moved away from", pipenv, own + dist(1, site, "pipenv", 500) + dist(3, site, "flask", 70), true, "two-stage", "bytecode of installers", 0, 0, 0},
		{"in the environment", tools, dist(1, venv, "pip_tools", 500) + dist(1, venv, "flask", 70), true, "two-stage", "bytecode of installers", 500 + line("pip_tools"), 500 + line("pip_tools"), 500 + line("pip_tools")},
		{"in the environment, the packages", tools, dist(1, venv, "pip_tools", 500) + dist(1, venv, "flask", 70), true, "two-stage", "Python packages", 3120 - 94, 3120, 3120 + 94},
		{"a RUN that imports", runs, dist(2, site, "flask", 0) + std + "3 main.py 10\n4 " + site + "flask/__pycache__/a.cpython-313.pyc 70\n4 __pycache__/main.pyc 5\n", false, "two-stage", "bytecode of Python's own modules", 0, 1500, 3000},
		{"it is counted once", runs, dist(2, site, "flask", 0) + std + "3 main.py 10\n4 " + site + "flask/__pycache__/a.cpython-313.pyc 70\n4 __pycache__/main.pyc 5\n", false, "two-stage", "other instructions", 5, 5, 5},
		{"a RUN that imports nothing", strings.Replace(runs, "python main.py", "mkdir /x", 1), dist(2, site, "flask", 0) + std, false, "two-stage", "bytecode of Python's own modules", 0, 0, 0},
		{"its bytecode is not written", runs, dist(2, site, "flask", 0) + std, true, "two-stage", "bytecode of Python's own modules", 0, 0, 0},
		{"another folder", prefix, dist(1, site, "flask", 700), false, "single-stage", "bytecode", 700 + line("flask") - longerPath, 700 + line("flask"), 700 + line("flask") + longerPath},
		{"the same folder", one, dist(3, venv, "flask", 700), false, "two-stage", "bytecode", 700 + line("flask"), 700 + line("flask"), 700 + line("flask")},
	} {
		measured, content := imageOf(t, "0 usr/lib/libc.so 900000\n"+c.image)
		p := projectOf(t, c.source, fstest.MapFS{"requirements.txt": {Data: []byte("flask==1\n")}, "main.py": {Data: []byte("import a\n")}, "Pipfile": {Data: []byte("[packages]\nflask = \"*\"\n")}}, measured, content)
		p.Clean = Cleanup{Bytecode: c.clean}
		out, err := Strategies(p)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(out.Forecasts, func(f whittle.Forecast) bool { return f.Strategy == c.strategy })
		if i < 0 {
			t.Errorf("%s: no %s: %q", c.name, c.strategy, out.Notes)
			continue
		}
		checkForecast(t, &out.Forecasts[i])
		var got whittle.ForecastPart
		for _, part := range out.Forecasts[i].Parts {
			if part.Name == c.part {
				got = part
			}
		}
		if got.Low != c.low || got.Bytes != c.bytes || got.High != c.high {
			t.Errorf("%s, %s: %d (%d to %d), not %d (%d to %d); %+v", c.name, c.part, got.Bytes, got.Low, got.High, c.bytes, c.low, c.high, out.Forecasts[i].Parts)
		}
	}
}
