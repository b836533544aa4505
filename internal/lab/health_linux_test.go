package lab

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/build/buildkitd"
	"whittle.dev/whittle/internal/check"
	"whittle.dev/whittle/internal/host"
)

// The corpus of TestHealth: real projects in testdata/health, built by
// BuildKit with real packages. Each runs, and the check must say so; each of
// the breakages in breakages_linux_test.go keeps one of them from running, and the
// check must find it where running it shows it.

// watch is how long a server of the corpus is watched: longer than it takes to
// fail on a machine that does much else.
const watch = 30 * time.Second

// TestHealth compares the check with what running shows.
func TestHealth(t *testing.T) {
	h := gatedHealth(t)
	files, err := filepath.Glob("testdata/health/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no corpus", err)
	}
	score := score{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		// The group ends before the score is shown.
		t.Run(name, func(t *testing.T) {
			t.Run("as it is", func(t *testing.T) { h.healthy(t, &score, archive) })
			for i, b := range breakages {
				if b.project == name && (i%4 == 0 || os.Getenv("WHITTLE_HEALTH") != "few") {
					t.Run(b.name, func(t *testing.T) { h.broken(t, &score, archive, b) })
				}
			}
		})
	}
	t.Log(score.String())
}

// TestBreakages: each check that reports errors has a breakage, by which
// TestHealth compares it with a run. An image in which a dependency that nothing
// declares is installed runs.
func TestBreakages(t *testing.T) {
	want := map[string]bool{whittle.CheckUndeclared: true}
	for _, b := range breakages {
		id, _, _ := strings.Cut(b.want, " ")
		want[id] = true
	}
	for _, c := range check.All() {
		if c.Severity == whittle.SeverityError && !want[c.ID] {
			t.Errorf("breakages_linux_test.go has no breakage that %s finds", c.ID)
		}
		delete(want, c.ID)
	}
	for id := range want {
		t.Errorf("breakages_linux_test.go wants %s, which is no check", id)
	}
}

// score counts what the check said of images whose state is known.
type score struct {
	healthy, falseAlarms, broken, found, located int
}

func (s *score) String() string {
	return fmt.Sprintf("%d images that run: %d false errors; %d broken ones: %d found, %d of them by the rule and at the place that are expected",
		s.healthy, s.falseAlarms, s.broken, s.found, s.located)
}

// health is the engine and the folder that the corpus' images share.
type health struct {
	env    *host.Env
	engine *build.Engine
	bases  map[string]build.Base
}

// gatedHealth is what the tests need that build real images, which take minutes.
func gatedHealth(t *testing.T) *health {
	t.Helper()
	if os.Getenv("WHITTLE_HEALTH") == "" {
		t.Skip("builds real images: set WHITTLE_HEALTH=few (scripts/test does) or all")
	}
	return newHealth(t)
}

func newHealth(t *testing.T) *health {
	t.Helper()
	cache, err := filepath.Abs("../../.cache")
	if err != nil {
		t.Fatal(err)
	}
	h := &health{bases: map[string]build.Base{}}
	for name, dir := range map[string]string{"python:3.13-slim": "python-3.13-slim", "debian:trixie-slim": "debian-trixie-slim"} {
		layout := filepath.Join(cache, "bases", dir)
		img, err := (images{}).Open(t.Context(), "oci-layout:"+layout)
		if err != nil {
			t.Skip("no bases: run make setup")
		}
		h.bases[name] = build.Base{Layout: layout, Digest: img.Ref().Digest}
		img.Close()
	}
	h.engine, err = build.Open(t.Context(), build.Options{NoDocker: true, NamedContexts: true,
		Daemon: buildkitd.Options{SearchDirs: []string{filepath.Join(cache, "bin")}, StateDir: filepath.Join(cache, "health"), Keep: healthKeep, HostNetwork: os.Getenv("WHITTLE_ENGINE_NETWORK") == "host"}})
	if err != nil {
		t.Skipf("no engine: %v", err)
	}
	t.Cleanup(func() { h.engine.Close() })
	if h.env, err = host.System(host.SystemOptions{CacheDir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	return h
}

// healthImages is the folder of a test's images, which goes with the test unless they are to be
// kept: all of them together have tens of gigabytes.
func healthImages(t *testing.T) string {
	return cmp.Or(os.Getenv("WHITTLE_HEALTH_IMAGES"), t.TempDir())
}

// healthKeep is how much of its cache the engine of these tests keeps, in bytes.
const healthKeep = 6_000_000_000

// try builds a project and gives the check by its files and by running it.
func (h *health) try(t *testing.T, archive *txtar.Archive, b breakage) *whittle.Check {
	t.Helper()
	dir := t.TempDir()
	b.write(t, archive, dir)
	d := build.Definition{Context: dir, Bases: h.bases, Offline: true}
	var log strings.Builder
	layout := healthImages(t)
	res, err := h.engine.Build(t.Context(), d, build.Output{Layout: layout, Compression: "uncompressed", Log: &log})
	if err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	t.Log("image", res.Manifest)
	name := "oci-layout:" + layout + "@" + string(res.Manifest)
	img, err := h.env.Images.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	f, err := audit.ReadEvidence(t.Context(), h.env, img, name, false)
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Check(t.Context(), h.env, name, audit.CheckOptions{RunOptions: audit.RunOptions{Project: dir}})
	if err != nil {
		t.Fatal(err)
	}
	files := *c
	files.Problems, files.Starts = slices.Clone(c.Problems), slices.Clone(c.Starts)
	if err := audit.RunStarts(context.Background(), h.env, h.engine, d, f, &files, audit.CheckOptions{RunOptions: audit.RunOptions{Patience: watch}}); err != nil {
		t.Fatal(err)
	}
	c.Starts, c.Disagreements = files.Starts, files.Disagreements
	return c
}

// errorLines are the errors of a check in the notation of the breakages.
func errorLines(c *whittle.Check) (out []string) {
	for _, p := range c.Problems {
		if p.Severity == "error" {
			out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s:%d %s", p.Rule, p.Module, p.Path, p.Line, p.Message)))
		}
	}
	return out
}

// ran are the starts as they were run.
func ran(c *whittle.Check) (out []string) {
	for _, s := range c.Starts {
		out = append(out, fmt.Sprintf("%s: by files %s, by running %s %s %q", s.Name, s.Verdict, s.Run.Status, s.Run.Problem, s.Run.Tail))
	}
	return out
}

func (h *health) healthy(t *testing.T, score *score, archive *txtar.Archive) {
	c := h.try(t, archive, breakage{})
	score.healthy++
	if c.Verdict != whittle.Runs {
		score.falseAlarms++
		t.Errorf("verdict %s of an image that runs: %q %q", c.Verdict, errorLines(c), c.Unknown)
	}
	for _, s := range c.Starts {
		if s.Run.Status == whittle.Fails {
			t.Errorf("the project itself does not run: %q", ran(c))
		}
	}
	for _, p := range c.Problems {
		if p.Severity != "error" {
			t.Logf("%s %s: %s", p.Severity, p.Rule, p.Message)
		}
	}
}

func (h *health) broken(t *testing.T, score *score, archive *txtar.Archive, b breakage) {
	c := h.try(t, archive, b)
	fails := slices.ContainsFunc(c.Starts, func(s whittle.Start) bool { return s.Run.Status == whittle.Fails })
	if !fails {
		t.Fatalf("it is not broken: %q", ran(c))
	}
	score.broken++
	if b.missed != "" {
		if c.Verdict == whittle.Fails {
			t.Errorf("found, though it is marked as missed: %s", b.missed)
		}
		return
	}
	if c.Verdict != whittle.Fails {
		t.Fatalf("not found: verdict %s; %q %q; run: %q", c.Verdict, errorLines(c), c.Unknown, ran(c))
	}
	score.found++
	if len(c.Disagreements) > 0 {
		t.Errorf("disagreements %q, errors %q, run %q", c.Disagreements, errorLines(c), ran(c))
	}
	rule, place, _ := strings.Cut(b.want, " ")
	located := false
	for _, p := range c.Problems {
		for _, l := range append([]whittle.Location{{Path: p.Path, Line: p.Line}}, p.Places...) {
			at := fmt.Sprintf("%s:%d", l.Path, l.Line)
			located = located || p.Severity == "error" && p.Rule == rule && (place == "" || place == at || place == "traceback" && h.shown(c, p, at))
		}
	}
	if !located {
		t.Errorf("want %s; errors %q; run %q", b.want, errorLines(c), ran(c))
		return
	}
	score.located++
}

// shown says whether a run failed at a problem's place.
func (h *health) shown(c *whittle.Check, _ whittle.Problem, at string) bool {
	return slices.ContainsFunc(c.Starts, func(s whittle.Start) bool {
		return strings.Contains(s.Run.Problem, "("+at+")")
	})
}

// write writes the project with the breakage.
func (b breakage) write(t *testing.T, archive *txtar.Archive, dir string) {
	t.Helper()
	for _, f := range archive.Files {
		text := string(f.Data)
		if f.Name == "Dockerfile" {
			text += b.lines
		}
		if b.file == f.Name {
			if !strings.Contains(text, b.old) {
				t.Fatalf("%s does not have %q", f.Name, b.old)
			}
			text = strings.Replace(text, b.old, b.new, 1)
		}
		path := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestHealthProjects writes every project of the corpus, whole and broken, to a
// folder of its own, for tools that read no images: see scripts/benchmark.
func TestHealthProjects(t *testing.T) {
	out := os.Getenv("WHITTLE_HEALTH_PROJECTS")
	if out == "" {
		t.Skip("writes nothing without WHITTLE_HEALTH_PROJECTS")
	}
	files, err := filepath.Glob("testdata/health/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		breakage{}.write(t, archive, filepath.Join(out, name, "as it is"))
		for _, b := range breakages {
			if b.project == name {
				b.write(t, archive, filepath.Join(out, name, b.name))
			}
		}
	}
}
