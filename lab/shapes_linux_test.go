package lab

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"whittle"
	"whittle/internal/build"
	"whittle/internal/pypi"
)

// widest is how wide a forecast of pinned packages may be, in parts of the
// image.
const widest = 0.10

// TestInstallShapes builds one project in every way to install it, forecasts
// what its strategies and its fixes make of each, builds these too, and holds
// every forecast to its own range: the truth is in it, and it is narrow, as all
// versions are pinned.
func TestInstallShapes(t *testing.T) {
	if os.Getenv("WHITTLE_HEALTH") == "" {
		t.Skip("builds real images: set WHITTLE_HEALTH=1 (scripts/test does)")
	}
	h := newHealth(t)
	archive, err := txtar.ParseFile("testdata/shapes.txtar")
	if err != nil {
		t.Fatal(err)
	}
	project := &txtar.Archive{}
	var shapes []txtar.File
	for _, f := range archive.Files {
		if strings.HasPrefix(string(f.Data), "FROM ") {
			shapes = append(shapes, f)
		} else {
			project.Files = append(project.Files, f)
		}
	}
	for _, shape := range shapes {
		t.Run(shape.Name, func(t *testing.T) {
			dir := t.TempDir()
			writeProject(t, h, &txtar.Archive{Files: append(project.Files[:len(project.Files):len(project.Files)], txtar.File{Name: "Dockerfile", Data: shape.Data})}, dir)
			out, err := Forecast(t.Context(), savingEnv(h), ForecastOptions{StudyOptions: StudyOptions{Dir: dir, Quick: true, Offline: true}, Build: true})
			if err != nil {
				t.Fatal(err)
			}
			holdShape(t, filepath.Base(dir), out)
		})
	}
}

func holdShape(t *testing.T, name string, out *whittle.Forecasts) {
	t.Helper()
	t.Logf("%s: notes %q", name, out.Notes)
	built := 0
	for _, f := range out.Forecasts {
		if f.Actual == nil {
			t.Logf("%s: not built: %q %q", f.Strategy, f.Notes, f.Blocked)
			continue
		}
		built++
		t.Logf("%s: predicted %d (%d to %d), built %d, off by %d; %q", f.Strategy, f.Predicted, f.Low, f.High, *f.Actual, f.Predicted-*f.Actual, f.Notes)
		if *f.Actual < f.Low || *f.Actual > f.High {
			for _, p := range f.Parts {
				t.Logf("    %-28s %11d (%d to %d) %s", p.Name, p.Bytes, p.Low, p.High, p.Source)
			}
			t.Errorf("%s: predicted %d to %d, built %d\n%s", f.Strategy, f.Low, f.High, *f.Actual, f.Dockerfile)
		}
		if width := float64(f.High - f.Low); width > widest*float64(*f.Actual) {
			t.Errorf("%s: the range %d to %d is wider than %.0f %% of %d", f.Strategy, f.Low, f.High, 100*widest, *f.Actual)
		}
	}
	if built == 0 {
		t.Errorf("%d forecasts were built", built)
	}
}

// projectOfFixes lays out a project that does not run, with a fix that makes it
// run and one that makes it smaller, and gives the world with a package index.
func projectOfFixes(t *testing.T) (dir string, env *Env) {
	t.Helper()
	if os.Getenv("WHITTLE_HEALTH") == "" {
		t.Skip("builds real images: set WHITTLE_HEALTH=1 (scripts/test does)")
	}
	h := newHealth(t)
	archive, err := txtar.ParseFile("testdata/fixes.txtar")
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	writeProject(t, h, archive, dir)
	env = savingEnv(h)
	env.Packages = pypi.Open(pypi.Options{CacheDir: t.TempDir()})
	return dir, env
}

// TestForecastFixes: what is forecast of a project that does not run counts on
// the fixes that make it run: the packages that they add are in the sizes, and
// those that they remove are not.
func TestForecastFixes(t *testing.T) {
	dir, env := projectOfFixes(t)
	out, err := Forecast(t.Context(), env, ForecastOptions{StudyOptions: StudyOptions{Dir: dir, Quick: true, Offline: true, Risk: whittle.RiskMedium}, Build: true})
	if err != nil {
		t.Fatal(err)
	}
	holdShape(t, "fixes", out)
	for _, want := range []string{"declare rich", "remove jmespath"} {
		if !strings.Contains(strings.Join(out.Notes, "\n"), want) {
			t.Errorf("%q is not said to be counted on: %q", want, out.Notes)
		}
	}
}

// TestSharedFix: a fix of the project's requirements is predicted for every
// variant that installs from them, for one whose image does not run and shows
// nothing of it too.
func TestSharedFix(t *testing.T) {
	dir, env := projectOfFixes(t)
	r, err := Fix(t.Context(), env, FixOptions{StudyOptions: StudyOptions{Dir: dir, Quick: true, Offline: true, Risk: whittle.RiskMedium}, Verify: true,
		Rules: []string{"misplaced-dependency", "unused-dependency"}})
	if err != nil {
		t.Fatal(err)
	}
	rules := map[string][]string{}
	for _, round := range r.Verified.Rounds {
		t.Logf("%+v", round)
		rules[round.Variant] = append(rules[round.Variant], round.Rules...)
		const metadata = 300 // a line of the project's own for each requirement
		if round.Saved < round.Predicted.Low-metadata || round.Saved > round.Predicted.High+metadata {
			t.Errorf("%+v: the truth is outside", round)
		}
	}
	if len(rules["builder"]) == 0 || !slices.Contains(rules["builder"], "misplaced-dependency") {
		t.Errorf("nothing is predicted for the variant that does not run: %q", rules)
	}
}

// TestFullBase holds what is foreseen of a slim base, and of the strategies that
// start from it, to builds: a stand-in of the full image is the slim one with
// what people build with.
func TestFullBase(t *testing.T) {
	if os.Getenv("WHITTLE_HEALTH") == "" {
		t.Skip("builds real images: set WHITTLE_HEALTH=1 (scripts/test does)")
	}
	h := newHealth(t)
	layout := t.TempDir()
	res, err := h.engine.Build(t.Context(), build.Definition{Context: t.TempDir(), Bases: h.bases, Offline: true,
		Content: []byte("FROM python:3.13-slim\nRUN apt-get update && apt-get install -y --no-install-recommends gcc git libc6-dev libpq-dev libxml2-dev && rm -rf /var/lib/apt/lists/*\n")},
		build.Output{Layout: layout, Compression: "uncompressed"})
	if err != nil {
		t.Fatal(err)
	}
	h.bases["python:3.13"] = build.Base{Layout: layout, Digest: res.Manifest}
	dir := t.TempDir()
	writeProject(t, h, &txtar.Archive{Files: []txtar.File{
		{Name: "Dockerfile", Data: []byte("FROM python:3.13\nWORKDIR /app\nCOPY requirements.txt .\nRUN pip install --no-cache-dir --no-compile -r requirements.txt\nCOPY main.py .\nCMD [\"python\", \"main.py\"]\n")},
		{Name: "requirements.txt", Data: []byte("click==8.1.8\n")},
		{Name: "main.py", Data: []byte("import click\nclick.echo('fine')\n")},
	}}, dir)
	out, err := Forecast(t.Context(), savingEnv(h), ForecastOptions{StudyOptions: StudyOptions{Dir: dir, Quick: true, Offline: true, Risk: whittle.RiskMedium}, Build: true})
	if err != nil {
		t.Fatal(err)
	}
	advice, err := AdviseProject(t.Context(), savingEnv(h), StudyOptions{Dir: dir, Quick: true, Offline: true}, []string{"big-base"})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range advice[0].Findings {
		t.Logf("%s: %+v %+v", f.Message, f.Saving, f.Evidence)
	}
	holdShape(t, "full base", out)
	for _, f := range out.Forecasts {
		if f.Actual != nil && !strings.Contains(f.Dockerfile, "FROM python:3.13-slim\n") {
			t.Errorf("%s does not start from the slim base:\n%s", f.Strategy, f.Dockerfile)
		}
	}
}
