package lab

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/pypi"
	"whittle.dev/whittle/internal/relock"
)

// widest is how wide a forecast of pinned packages may be, in parts of the
// image.
const widest = 0.10

// TestInstallShapes builds projects in every way to install them, forecasts
// what their strategies and their fixes make of each, builds these too, and
// holds every forecast to its own range: the truth is in it, and it is narrow,
// as all versions are pinned. What is generated runs; what cannot be generated
// is named in the shape's first line, "# refused: single-stage". WHITTLE_ALPINE
// and WHITTLE_DISTROLESS name OCI layouts of python:3.13-alpine and of a base of
// Debian's Python alone; shapes on these are left out without.
func TestInstallShapes(t *testing.T) {
	h := gatedHealth(t)
	for name, variable := range map[string]string{"python:3.13-alpine": "WHITTLE_ALPINE", "distroless": "WHITTLE_DISTROLESS"} {
		h.addBase(t, name, os.Getenv(variable))
	}
	files, err := filepath.Glob("testdata/shapes/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no shapes", err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		project := &txtar.Archive{}
		var shapes []txtar.File
		for _, f := range archive.Files {
			if name, ok := strings.CutPrefix(f.Name, "shape/"); ok {
				shapes = append(shapes, txtar.File{Name: name, Data: f.Data})
			} else {
				project.Files = append(project.Files, f)
			}
		}
		made := sync.OnceValue(func() error { return h.makeFiles(t.Context(), project) })
		for _, shape := range shapes {
			for _, objective := range []string{ObjectiveBoth, ObjectiveSize} {
				t.Run(shape.Name+"/"+objective, func(t *testing.T) { h.holdInstall(t, project, shape, objective, made) })
			}
		}
	}
}

// addBase adds a base that not every machine has, an OCI layout.
func (h *health) addBase(t *testing.T, name, layout string) {
	t.Helper()
	if layout == "" {
		return
	}
	img, err := (images{}).Open(t.Context(), "oci-layout:"+layout)
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	h.bases[name] = build.Base{Layout: layout, Digest: img.Ref().Digest}
}

// trusting has tools that bring certificates of their own use the image's.
const trusting = "ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt\n"

// makeFiles has the files of a project made whose content is "@made COMMAND".
func (h *health) makeFiles(ctx context.Context, project *txtar.Archive) error {
	dir, err := os.MkdirTemp("", "made")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	commands := map[int]string{}
	for i, f := range project.Files {
		if command, ok := strings.CutPrefix(strings.TrimSpace(string(f.Data)), "@made "); ok {
			commands[i] = command
		} else if !strings.Contains(f.Name, "/") {
			if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o644); err != nil {
				return err
			}
		}
	}
	for _, i := range slices.Sorted(maps.Keys(commands)) {
		f := &project.Files[i]
		tool, _, _ := strings.Cut(commands[i], " ")
		text := fmt.Sprintf("FROM python:3.13-slim AS made\n%sRUN pip install --no-cache-dir %s 'hishel<2'\nWORKDIR /made\nCOPY . .\nRUN %s\nFROM scratch\nCOPY --from=made /made/%s /\n",
			trusting, tool, commands[i], f.Name)
		d := build.Definition{Context: dir, Bases: h.bases, Offline: true, Content: []byte(text)}
		archive := filepath.Join(dir, "made.tar")
		var log strings.Builder
		if _, err := h.engine.Build(ctx, d, build.Output{Archive: archive, Log: &log}); err != nil {
			return fmt.Errorf("%w\n%s", err, log.String())
		}
		if f.Data, err = relock.ReadMade(ctx, h.env, archive, f.Name); err != nil {
			return err
		}
		if err := os.Remove(archive); err != nil {
			return err
		}
	}
	return nil
}

// holdInstall holds what is forecast of one way to install a project.
func (h *health) holdInstall(t *testing.T, project *txtar.Archive, shape txtar.File, objective string, made func() error) {
	text := string(shape.Data)
	for _, m := range regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(text, -1) {
		if _, there := h.bases[m[1]]; !there && (strings.Contains(m[1], "alpine") || m[1] == "distroless") {
			t.Skip("needs an OCI layout of " + m[1])
		}
	}
	if err := made(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	writeProject(t, h, &txtar.Archive{Files: append(project.Files[:len(project.Files):len(project.Files)], txtar.File{Name: "Dockerfile", Data: shape.Data})}, dir)
	env := savingEnv(h)
	if os.Getenv("WHITTLE_INDEXES") != "" { // of PyPI, for musl, and of Debian
		env.Packages, env.Fetch = h.env.Packages, h.env.Fetch
	}
	out, err := Forecast(t.Context(), env, ForecastOptions{StudyOptions: StudyOptions{Dir: dir, Quick: true, Offline: true, Objective: objective}, Build: true})
	if err != nil {
		t.Fatal(err)
	}
	var refused []string
	for _, name := range []string{"single-stage", "two-stage"} {
		i := slices.IndexFunc(out.Forecasts, func(f whittle.Forecast) bool { return f.Strategy == name })
		if i < 0 && (name == "single-stage" || strings.Count("\n"+text, "\nFROM ") > 1) && slices.ContainsFunc(out.Notes, func(n string) bool { return strings.HasPrefix(n, name+": the Dockerfile has ") }) {
			continue // it has these stages already
		}
		if i < 0 || out.Forecasts[i].Dockerfile == "" {
			refused = append(refused, name)
		}
	}
	want := ""
	if rest, ok := strings.CutPrefix(text, "# refused: "); ok {
		want, _, _ = strings.Cut(rest, "\n")
	}
	if got := strings.Join(refused, ", "); got != want {
		t.Errorf("refused %q, want %q", got, want)
	}
	holdShape(t, shape.Name, out)
}

// holdShape holds the forecasts that were built to what came of it.
func holdShape(t *testing.T, name string, out *whittle.Forecasts) {
	t.Helper()
	t.Logf("%s: notes %q", name, out.Notes)
	for _, f := range out.Forecasts {
		if slices.ContainsFunc(f.Notes, func(n string) bool {
			return strings.HasPrefix(n, "it does not run") || strings.HasPrefix(n, "it does not build") && !strings.Contains(n, "base image")
		}) {
			t.Errorf("%s: %q\n%s", f.Strategy, f.Notes, f.Dockerfile)
		}
		if f.Actual == nil {
			t.Logf("%s: skipped: %q %q", f.Strategy, f.Notes, f.Skipped)
			continue
		}
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
}

// projectOfFixes lays out a project that does not run, with a fix that makes it
// run and one that makes it smaller, and gives the world with a package index.
func projectOfFixes(t *testing.T) (dir string, env *host.Env) {
	t.Helper()
	h := gatedHealth(t)
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

// TestFullBase holds what is predicted of a slim base, and of the strategies that
// start from it, to builds: a stand-in of the full image is the slim one with
// what people build with.
func TestFullBase(t *testing.T) {
	h := gatedHealth(t)
	layout := t.TempDir()
	res, err := h.engine.Build(t.Context(), build.Definition{Context: t.TempDir(), Bases: h.bases, Offline: true,
		Content: []byte("FROM python:3.13-slim\nRUN apt-get update && apt-get install -y --no-install-recommends gcc git libc6-dev libpq-dev libxml2-dev && rm -rf /var/lib/apt/lists/*\n")},
		build.Output{Layout: layout, Compression: "uncompressed"})
	if err != nil {
		t.Fatal(err)
	}
	h.bases["python:3.13"] = build.Base{Layout: layout, Digest: res.Manifest}
	const stays = "FROM python:3.13\n"
	for _, test := range []struct {
		name, dockerfile string
		// from is what each strategy's last FROM line says.
		from map[string]string
		note string
	}{
		{"plain", "FROM python:3.13\nWORKDIR /app\nCOPY requirements.txt .\nRUN pip install --no-cache-dir --no-compile -r requirements.txt\n",
			map[string]string{"single-stage": "FROM python:3.13-slim\n", "two-stage": "FROM python:3.13-slim\n"}, ""},
		{"by an argument", "ARG VERSION=3.13\nFROM python:${VERSION}\nWORKDIR /app\nCOPY requirements.txt .\nRUN pip install --no-cache-dir --no-compile -r requirements.txt\n",
			map[string]string{"single-stage": "FROM python:${VERSION}-slim\n", "two-stage": "FROM python:${VERSION}-slim\n"}, ""},
		{"builds", stays + "WORKDIR /app\nCOPY requirements.txt .\nRUN git --version && pip install --no-cache-dir --no-compile -r requirements.txt\n",
			map[string]string{"single-stage": stays, "two-stage": stays}, "Dockerfile:4 uses git"},
		{"compiles", stays + "WORKDIR /app\nCOPY requirements.txt .\nRUN apt-get update && apt-get install -y gcc && pip install --no-cache-dir --no-compile -r requirements.txt\n",
			map[string]string{"single-stage": stays, "two-stage": stays}, "Dockerfile:4 uses gcc"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			writeProject(t, h, &txtar.Archive{Files: []txtar.File{
				{Name: "Dockerfile", Data: []byte(test.dockerfile + "COPY main.py .\nCMD [\"python\", \"main.py\"]\n")},
				{Name: "requirements.txt", Data: []byte("click==8.1.8\n")},
				{Name: "main.py", Data: []byte("import click\nclick.echo('fine')\n")},
			}}, dir)
			out, err := Forecast(t.Context(), savingEnv(h), ForecastOptions{StudyOptions: StudyOptions{Dir: dir, Quick: true, Offline: true, Risk: whittle.RiskMedium}, Build: true})
			if err != nil {
				t.Fatal(err)
			}
			holdShape(t, "full base", out)
			if !strings.Contains(strings.Join(out.Notes, "\n"), test.note) {
				t.Errorf("%q is not said: %q", test.note, out.Notes)
			}
			for _, f := range out.Forecasts {
				want, ok := test.from[f.Strategy]
				if i := strings.LastIndex(f.Dockerfile, "FROM "); ok && (i < 0 || f.Actual == nil || !strings.HasPrefix(f.Dockerfile[i:], want)) {
					t.Errorf("%s is not built from %q:\n%s", f.Strategy, want, f.Dockerfile)
				}
			}
		})
	}
}
