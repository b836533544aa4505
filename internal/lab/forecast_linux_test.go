package lab

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/distro"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/dockerfile/ignore"
	"whittle.dev/whittle/internal/forecast"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/pypi"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/resolve"
	"whittle.dev/whittle/internal/runs"
)

// TestForecast holds the forecasts of the example's strategies to true builds
// of the Dockerfiles that come with them: within 1 % where all sizes were
// measured in the original image, within 5 % where packages come from an index.
func TestForecast(t *testing.T) {
	if os.Getenv("WHITTLE_FORECAST") == "" {
		t.Skip("builds real images: set WHITTLE_FORECAST=1")
	}
	h := newHealth(t)
	dir := copyExample(t)
	source, err := os.ReadFile(filepath.Join(dir, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	p := exampleProject(t, h, dir, source)
	p.Distroless = debianPython(t)
	for _, clean := range []forecast.Cleanup{
		{Bytecode: true, Tests: true, KeepTests: []string{"matplotlib"}},
		{},
	} {
		p.Clean = clean
		out, err := forecast.Strategies(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range out.Forecasts {
			if f.Strategy == "alpine" || f.Strategy == "distroless" && !clean.Bytecode {
				continue // Alpine has no stand-in without a registry
			}
			name := f.Strategy + " as installed"
			if clean.Bytecode {
				name = f.Strategy + " cleaned up"
			}
			t.Run(name, func(t *testing.T) { h.runs(t, f, h.holdForecast(t, f, dir)) })
		}
	}
}

// TestForecastShapes holds the Dockerfiles that are generated for the corpus of
// TestHealth to true builds: they build, their sizes are those predicted, and the
// image still runs.
func TestForecastShapes(t *testing.T) {
	if os.Getenv("WHITTLE_FORECAST") == "" {
		t.Skip("builds real images: set WHITTLE_FORECAST=1")
	}
	h := newHealth(t)
	files, err := filepath.Glob("testdata/health/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no corpus", err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			dir := t.TempDir()
			breakage{}.write(t, archive, dir)
			source, err := os.ReadFile(filepath.Join(dir, "Dockerfile"))
			if err != nil {
				t.Fatal(err)
			}
			p := exampleProject(t, h, dir, source)
			p.Clean = forecast.Cleanup{Bytecode: true}
			out, err := forecast.Strategies(p)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range out.Forecasts {
				if f.Strategy == "alpine" || f.Dockerfile == "" {
					t.Logf("%s: skipped: %q", f.Strategy, f.Notes)
					continue
				}
				h.stillRuns(t, f, h.holdForecast(t, f, dir))
			}
		})
	}
}

// stillRuns checks an image that was generated as the original is checked.
func (h *health) stillRuns(t *testing.T, f whittle.Forecast, d build.Definition) {
	t.Helper()
	layout := healthImages(t)
	res, err := h.engine.Build(t.Context(), d, build.Output{Layout: layout, Compression: "uncompressed"})
	if err != nil {
		t.Fatal(err)
	}
	c, err := audit.Check(t.Context(), h.env, "oci-layout:"+layout+"@"+string(res.Manifest), audit.CheckOptions{RunOptions: audit.RunOptions{Project: d.Context}})
	if err != nil {
		t.Fatal(err)
	}
	if c.Verdict != whittle.Runs {
		t.Errorf("%s: verdict %s: %q %q", f.Strategy, c.Verdict, errorLines(c), c.Unknown)
	}
}

// holdForecast builds a strategy and compares the sizes.
func (h *health) holdForecast(t *testing.T, f whittle.Forecast, dir string) build.Definition {
	t.Helper()
	if f.Dockerfile == "" {
		t.Fatalf("no Dockerfile: %q %q", f.Notes, f.Skipped)
	}
	t.Logf("\n%s", f.Dockerfile)
	var log strings.Builder
	d := build.Definition{Context: dir, Content: []byte(f.Dockerfile), Bases: h.bases, Offline: true}
	layout := healthImages(t)
	res, err := h.engine.Build(t.Context(), d, build.Output{Layout: layout, Compression: "uncompressed", Log: &log})
	if err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	in, err := audit.Inspect(t.Context(), h.env, "oci-layout:"+layout+"@"+string(res.Manifest), audit.InspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	actual := in.Sizes.Size
	allowed, source := 0.01, "measured"
	for _, part := range f.Parts {
		t.Logf("%-28s %11d (%d to %d) %s", part.Name, part.Bytes, part.Low, part.High, part.Source)
		if strings.Contains(part.Source, "wheel") || strings.Contains(part.Source, "Installed-Size") {
			allowed, source = 0.05, "from an index"
		}
	}
	for _, l := range in.Layers {
		t.Logf("layer %d: %11d bytes, %d dead: %.90s", l.Index, l.Size, l.Wasted, l.CreatedBy)
	}
	off := float64(f.Predicted-actual) / float64(actual)
	t.Logf("%s, %s: predicted %d (%d to %d), built %d: %+.3f %%", f.Strategy, source, f.Predicted, f.Low, f.High, actual, 100*off)
	if off > allowed || off < -allowed {
		t.Errorf("predicted %s, built %s: %+.2f %%, more than %.0f %%", whittle.Bytes(f.Predicted), whittle.Bytes(actual), 100*off, 100*allowed)
	}
	return d
}

// runs starts what the strategy's image is for.
func (h *health) runs(t *testing.T, f whittle.Forecast, d build.Definition) {
	commands := []build.Command{{Name: "modules", Args: []string{"python", "-c", "import click, sqlalchemy, pandas, openpyxl; print('fine')"}, Timeout: runs.Limit}}
	if f.Strategy != "split-reports" {
		commands = append(commands, build.Command{Name: "streamlit", Args: []string{"streamlit", "--version"}, Timeout: runs.Limit},
			build.Command{Name: "pages", Args: []string{"python", "-c", "from src.dashboard import check; print(*check.pages())"}, Timeout: runs.Limit})
	}
	results, err := h.engine.Run(t.Context(), d, commands, build.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		if r.Err != nil || r.TimedOut || r.ExitCode != 0 {
			t.Errorf("%s: exit %d, %v: %s%s", commands[i].Name, r.ExitCode, r.Err, r.Stdout, r.Stderr)
		}
	}
}

// copyExample is the example as it is committed.
func copyExample(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../examples/inventory")); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, ".whittle")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestForecastIndex holds an image of packages that nobody installed to a true
// build: the measured one has another extra.
func TestForecastIndex(t *testing.T) {
	if os.Getenv("WHITTLE_FORECAST") == "" {
		t.Skip("builds real images: set WHITTLE_FORECAST=1")
	}
	h := newHealth(t)
	dir := copyExample(t)
	source, err := os.ReadFile(filepath.Join(dir, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	p := exampleProject(t, h, dir, []byte(strings.Replace(string(source), "dashboard,reports", "dashboard", 1)))
	p.Clean = forecast.Cleanup{Bytecode: true, Tests: true, KeepTests: []string{"matplotlib"}}
	p.Extras = map[string][]forecast.Weight{"reports": extraWeights(t, p, "reports")}
	out, err := forecast.Strategies(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range out.Forecasts {
		if f.Strategy == "split-reports" {
			h.runs(t, f, h.holdForecast(t, f, dir))
			return
		}
	}
	t.Error("no forecast of the extra")
}

// extraWeights are what the package index says of an extra's distributions.
func extraWeights(t *testing.T, p *forecast.Project, extra string) []forecast.Weight {
	t.Helper()
	o := resolve.Options{Env: p.Env, Target: pep.Target{Major: 3, Minor: 13, Libc: "glibc", LibcMajor: 2, LibcMinor: 41, Machine: p.Env.PlatformMachine}}
	var wants []pep.Requirement
	for _, d := range p.Declared.Dependencies {
		switch {
		case d.Kind == manifest.Constraint:
			o.Constraints = append(o.Constraints, d.Requirement)
		case d.Kind == manifest.Runtime, d.Kind == manifest.Optional && d.Extra == extra:
			wants = append(wants, d.Requirement)
		}
	}
	idx := pypi.Open(pypi.Options{CacheDir: t.TempDir()})
	res, err := resolve.Versions(t.Context(), idx, wants, o)
	if errors.Is(err, whittle.ErrEngine) {
		t.Skipf("no package index: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	in, err := resolve.Installed(t.Context(), idx, res, resolve.InstallOptions{})
	if err != nil {
		t.Fatal(err)
	}
	weights, err := forecast.CleanWeights(t.Context(), idx, res, in, p.Clean)
	if err != nil {
		t.Fatal(err)
	}
	return weights
}

// exampleProject builds the example by a Dockerfile and says all that is known
// of it.
func exampleProject(t *testing.T, h *health, dir string, source []byte) *forecast.Project {
	t.Helper()
	var log strings.Builder
	layout := healthImages(t)
	res, err := h.engine.Build(t.Context(), build.Definition{Context: dir, Content: source, Bases: h.bases, Offline: true},
		build.Output{Layout: layout, Compression: "uncompressed", Log: &log})
	if err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	s, err := audit.Open(t.Context(), h.env, "oci-layout:"+layout+"@"+string(res.Manifest), audit.InspectOptions{Dockerfile: "Dockerfile", Source: source})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	r := s.Image
	dists, problems := python.Distributions(context.Background(), r)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	p := &forecast.Project{Name: "inventory", Variant: "original", Ledger: s.Account.Ledger, Steps: s.Account.Steps, Root: r, Context: contextSizes(t, dir)}
	if p.Dockerfile, err = dockerfile.Parse("Dockerfile", source); err != nil {
		t.Fatal(err)
	}
	if p.Declared, err = manifest.ReadDeclared(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	found := python.Interpreters(r)
	if len(found) == 0 {
		t.Fatal("no interpreter in the image")
	}
	p.Env = found[0].Environment(s.Config().Platform().Machine())
	p.Graph = python.NewGraph(dists, p.Env, nil)
	return p
}

// contextSizes are the files that a build gets.
func contextSizes(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	file, err := ignore.Load(dir, filepath.Join(dir, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int64{}
	err = fs.WalkDir(os.DirFS(dir), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || file.Excludes(p) {
			return err
		}
		info, err := d.Info()
		out[p] = info.Size()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// debianPython is the closure of trixie's Python, nil where the index is not
// there. Debian's own index of that suite comes from this machine's mirror.
func debianPython(t *testing.T) *forecast.DistrolessBase {
	t.Helper()
	file := os.Getenv("WHITTLE_DEBIAN_INDEX")
	if file == "" {
		return nil
	}
	text, err := exec.Command("/usr/lib/apt/apt-helper", "cat-file", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	x, err := distro.ReadDebianIndex(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	in, err := x.Install(forecast.DistrolessPackages(), distro.InstallOptions{Installed: []string{"debconf", "awk", "mawk", "perl-base", "dpkg"}})
	if err != nil {
		t.Fatal(err)
	}
	series, _ := x.Find("python3")
	version := strings.Join(slices.DeleteFunc(strings.SplitN(series.Version, ".", 3)[:2], func(s string) bool { return s == "" }), ".")
	return &forecast.DistrolessBase{Suite: "trixie", Python: cmp.Or(version, "3.13"), Packages: in.Names(), Low: in.Low, Bytes: in.Bytes, High: in.High,
		Source: "Debian's Installed-Size"}
}
