package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/imagetest"
)

// toyEngine builds for true what its two commands say: "mk PATH SIZE" and
// "rm -rf PATH", one layer for each RUN. runs says whether an image works, by
// the text of its Dockerfile.
type toyEngine struct {
	fakeEngine
	runs func(text string) bool
	// fails gives what a command prints that fails, by the text of the
	// Dockerfile; empty is that it passes. nil asks runs.
	fails func(text string, c build.Command) string
	// inert says of a path that deleting it in the RUN that made it does
	// nothing: it was somewhere else.
	inert func(path string) bool
	// seconds are how long a command takes, by the text of the Dockerfile; nil
	// is a second.
	seconds func(text string) float64
	// cpu are the seconds that processors work, as seconds; nil where that is not known.
	cpu func(text string) float64
}

func (e *toyEngine) Build(_ context.Context, d build.Definition, o build.Output) (*build.Result, error) {
	text, err := os.ReadFile(filepath.Join(d.Context, d.Dockerfile))
	if err != nil {
		return nil, err
	}
	e.note(d.Dockerfile)
	f, err := dockerfile.Parse(d.Dockerfile, text)
	if err != nil {
		return nil, err
	}
	layers := []string{"f usr/bin/works 1000 mode=0755"}
	history := []whittle.History{{CreatedBy: "a base image"}}
	for _, in := range f.Stages[0].Instructions {
		if in.Keyword != "RUN" {
			continue
		}
		layer, err := e.layer(&in)
		if err != nil {
			return nil, err
		}
		layers = append(layers, layer)
		history = append(history, whittle.History{CreatedBy: "RUN /bin/sh -c " + in.Args[0].Value + " # buildkit", Comment: "buildkit.dockerfile.v0"})
	}
	img := imagetest.New(e.t, imagetest.Plain, layers...)
	img.Config().History = history
	return &build.Result{Solve: time.Second}, whittle.WriteFile(o.Archive, imagetest.DockerArchive(e.t, img))
}

func (e *toyEngine) layer(in *dockerfile.Instruction) (string, error) {
	script, err := in.Shell()
	if err != nil {
		return "", err
	}
	made := map[string]string{}
	var order, gone []string
	for _, c := range script.Commands() {
		words, _ := c.Literals()
		switch {
		case len(words) == 3 && words[0] == "mk":
			order = append(order, words[1])
			made[words[1]] = fmt.Sprintf("f %s %s", words[1], words[2])
		case len(words) == 3 && words[0] == "rm":
			p := strings.TrimPrefix(words[2], "/")
			if _, mine := made[p]; mine && e.inert != nil && e.inert(p) {
				continue
			} else if mine {
				delete(made, p)
			} else {
				gone = append(gone, "w "+p)
			}
		default:
			return "", fmt.Errorf("%q is no toy", words)
		}
	}
	lines := gone
	for _, p := range order {
		if l, ok := made[p]; ok {
			lines = append(lines, l)
		}
	}
	return strings.Join(append(lines, "d etc"), "\n"), nil
}

func (e *toyEngine) Run(_ context.Context, d build.Definition, commands []build.Command, _ build.RunOptions) ([]build.RunResult, error) {
	var out []build.RunResult
	text := d.Content
	if text == nil {
		var err error
		if text, err = os.ReadFile(filepath.Join(d.Context, d.Dockerfile)); err != nil {
			return nil, err
		}
	}
	took, worked := 1.0, 0.0
	if e.seconds != nil {
		took = e.seconds(string(text))
		if e.cpu != nil {
			worked = e.cpu(string(text))
		}
	}
	for _, c := range commands {
		times := slices.Repeat([]time.Duration{time.Duration(took * float64(time.Second))}, max(1, c.Repeat))
		r := build.RunResult{Name: c.Name, Args: c.Args, Times: times}
		if e.cpu != nil {
			r.CPU = slices.Repeat([]time.Duration{time.Duration(worked * float64(time.Second))}, len(times))
			r.Cold = slices.Repeat([]time.Duration{2 * times[0]}, c.Cold)
		}
		if e.fails != nil {
			if out := e.fails(string(text), c); out != "" {
				r.ExitCode, r.Stderr = 1, []byte(out)
			}
		} else if !e.runs(string(text)) {
			r.ExitCode, r.Stderr = 1, []byte("it misses its file\n")
		}
		out = append(out, r)
	}
	return out, nil
}

const toyDockerfile = `FROM base
RUN mk opt/a 500000
RUN rm -rf /opt/a
RUN mk opt/b 700000
# Not needed any more.
RUN rm -rf /opt/b
RUN mk opt/c 900000
RUN rm -rf /opt/c
`

func toyProject(t *testing.T, texts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	if texts["whittle.yaml"] == "" {
		texts["whittle.yaml"] = "run: [{name: works, command: [works]}]\n"
	}
	for name, text := range texts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func toyEnv(e *toyEngine) *host.Env {
	env := fakeEnv(&e.fakeEngine)
	env.Engine = func(context.Context, bool) (host.Builder, error) { return e, nil }
	return env
}

func statuses(r *whittle.Repair) []string {
	var out []string
	for _, s := range r.Steps {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%d %s %s: %s", s.Round, s.Finding.Message[:12], s.Status, s.Reason)))
	}
	return out
}

// TestProve: of three clean-ups that could be done where they count, one
// breaks the image when it is moved. It is found, reverted and named; the
// others stay, and save what was predicted.
func TestProve(t *testing.T) {
	e := &toyEngine{fakeEngine: fakeEngine{t: t}}
	e.runs = func(text string) bool { return strings.Contains(text, "RUN mk opt/b 700000\n") }
	dir := toyProject(t, map[string]string{"Dockerfile": toyDockerfile})
	r, err := Fix(t.Context(), toyEnv(e), FixOptions{StudyOptions: StudyOptions{Dir: dir}, Verify: true})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"1 Dockerfile:8 applied:",
		"1 Dockerfile:6 reverted: Dockerfile: works does not run any more: exit code 1",
		"1 Dockerfile:3 applied:",
	}
	got := statuses(r)
	if len(got) != len(want) {
		t.Fatalf("steps %q", got)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("step %d is %q, want %q", i, got[i], want[i])
		}
	}
	v := r.Verified.Variants[0]
	if v.Saved != 1_400_000 || !v.Predicted.Exact() || v.Predicted.Low != v.Saved {
		t.Errorf("saved %d of %+v", v.Saved, v.Predicted)
	}
	if v.After.Verdict != whittle.Runs || v.After.Passed != 1 || v.Before.Sizes.Size != 2_101_000 {
		t.Errorf("before %+v, after %+v", v.Before, v.After)
	}
	if len(r.Files) != 1 || strings.Contains(r.Files[0].Diff, "-RUN rm -rf /opt/b") || !strings.Contains(r.Files[0].Diff, "-RUN rm -rf /opt/c") {
		t.Errorf("files %+v", r.Files)
	}
	if onDisk(t, dir) != toyDockerfile {
		t.Error("the project was changed without --write")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".whittle", "work", "*")); len(left) > 0 {
		t.Errorf("the workshop is left behind: %q", left)
	}
}

func onDisk(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestProveSavesNothing: a fix that does no harm and saves nothing is taken
// back, those beside it stay.
func TestProveSavesNothing(t *testing.T) {
	e := &toyEngine{fakeEngine: fakeEngine{t: t}, runs: func(string) bool { return true }, inert: func(p string) bool { return p == "opt/b" }}
	r, err := Fix(t.Context(), toyEnv(e), FixOptions{StudyOptions: StudyOptions{Dir: toyProject(t, map[string]string{"Dockerfile": toyDockerfile})}, Verify: true})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, s := range r.Steps {
		got[s.Finding.Evidence[0].Path] = string(s.Status) + " " + s.Reason
	}
	want := map[string]string{"opt/a": "applied ", "opt/c": "applied ", "opt/b": "reverted it was to save 700.0 kB, and saves nothing"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

// TestProveNothingRuns: an image that does not run before says nothing about
// fixes, so that they stay if they make it smaller.
func TestProveNothingRuns(t *testing.T) {
	e := &toyEngine{fakeEngine: fakeEngine{t: t}, runs: func(string) bool { return false }}
	r, err := Fix(t.Context(), toyEnv(e), FixOptions{StudyOptions: StudyOptions{Dir: toyProject(t, map[string]string{"Dockerfile": toyDockerfile})}, Verify: true})
	if err != nil {
		t.Fatal(err)
	}
	if v := r.Verified.Variants[0]; v.Saved != 2_100_000 || v.After.Verdict != whittle.Fails {
		t.Errorf("%+v", v)
	}
}

// TestProveVariants: each variant's own fixes are proven by itself.
func TestProveVariants(t *testing.T) {
	e := &toyEngine{fakeEngine: fakeEngine{t: t}}
	e.runs = func(text string) bool {
		return !strings.Contains(text, "# fragile") || strings.Contains(text, "RUN mk opt/b 700000\n")
	}
	dir := toyProject(t, map[string]string{"Dockerfile": toyDockerfile, "Dockerfile.b": "# fragile\n" + toyDockerfile})
	r, err := Fix(t.Context(), toyEnv(e), FixOptions{StudyOptions: StudyOptions{Dir: dir}, Verify: true, Rules: []string{"cleanup-in-later-layer"}})
	if err != nil {
		t.Fatal(err)
	}
	saved := map[string]int64{}
	for _, v := range r.Verified.Variants {
		saved[v.Name] = v.Saved
	}
	if diff := cmp.Diff(map[string]int64{"original": 2_100_000, "b": 1_400_000}, saved); diff != "" {
		t.Errorf("saved (-want +got):\n%s\n%q", diff, statuses(r))
	}
}

func TestFixWrites(t *testing.T) {
	options := func(dir string) FixOptions {
		return FixOptions{StudyOptions: StudyOptions{Dir: dir, Write: true}, Rules: []string{"cleanup-in-later-layer"}}
	}
	e := &toyEngine{fakeEngine: fakeEngine{t: t}, runs: func(string) bool { return true }}
	env := toyEnv(e)
	dir := toyProject(t, map[string]string{"Dockerfile": toyDockerfile})
	if err := os.Chmod(filepath.Join(dir, "Dockerfile"), 0o600); err != nil {
		t.Fatal(err)
	}
	env.Dirty = func(_ context.Context, _ string, files []string) ([]string, error) { return files, nil }
	if _, err := Fix(t.Context(), env, options(dir)); !errors.Is(err, whittle.ErrUsage) || !strings.Contains(whittle.Hint(err), "--force") {
		t.Errorf("a dirty file is written: %v", err)
	}
	if onDisk(t, dir) != toyDockerfile {
		t.Fatal("a dirty file was changed")
	}
	forced := options(dir)
	forced.Force = true
	r, err := Fix(t.Context(), env, forced)
	if err != nil {
		t.Fatal(err)
	}
	want := `FROM base
RUN mk opt/a 500000 && rm -rf /opt/a
RUN mk opt/b 700000 && \
    # Not needed any more.
    rm -rf /opt/b
RUN mk opt/c 900000 && rm -rf /opt/c
`
	if diff := cmp.Diff(want, onDisk(t, dir)); diff != "" || !r.Written {
		t.Errorf("written %t (-want +got):\n%s", r.Written, diff)
	}
	if info, err := os.Stat(filepath.Join(dir, "Dockerfile")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	again, err := Fix(t.Context(), env, forced)
	if err != nil {
		t.Fatal(err)
	}
	if len(again.Files) != 0 || len(again.Steps) != 0 {
		t.Errorf("a second run changes %+v", again.Files)
	}
}

// TestAsk: what the user does not want is skipped, and said.
func TestAsk(t *testing.T) {
	e := &toyEngine{fakeEngine: fakeEngine{t: t}, runs: func(string) bool { return true }}
	o := FixOptions{StudyOptions: StudyOptions{Dir: toyProject(t, map[string]string{"Dockerfile": toyDockerfile})}, Rules: []string{"cleanup-in-later-layer"}}
	o.Ask = func(_ context.Context, f whittle.Finding) (bool, error) {
		return strings.Contains(f.Message, "900.0 kB"), nil
	}
	r, err := Fix(t.Context(), toyEnv(e), o)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[whittle.FixStatus]int{}
	for _, s := range r.Steps {
		counts[s.Status]++
	}
	if diff := cmp.Diff(map[whittle.FixStatus]int{whittle.Applied: 1, whittle.FixSkipped: 2}, counts); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	o.Ask = func(context.Context, whittle.Finding) (bool, error) { return false, errors.New("the terminal is gone") }
	if _, err := Fix(t.Context(), toyEnv(e), o); err == nil {
		t.Error("a lost terminal is no error")
	}
}

// TestWorse: what repairs one variant may make another larger by a few bytes,
// and stays; what repairs nothing does not.
func TestWorse(t *testing.T) {
	made := func(size int64, commands ...string) *trial {
		v := &whittle.Variant{Build: whittle.BuildFacts{Status: whittle.Built}, Run: whittle.RunFacts{Status: whittle.Runs},
			Inspect: &whittle.Inspection{Sizes: whittle.Sizes{Size: size}}}
		for _, c := range commands {
			name, problem, _ := strings.Cut(c, ": ")
			run := whittle.CommandRun{Name: name, Command: []string{name}, Status: whittle.Runs, Problem: problem}
			if problem != "" {
				run.Status, v.Run.Status = whittle.Fails, whittle.Fails
			}
			v.Run.Commands = append(v.Run.Commands, run)
		}
		return &trial{Variant: v}
	}
	notBuilt := &trial{Variant: &whittle.Variant{Build: whittle.BuildFacts{Status: whittle.Failed}}}
	for _, c := range []struct {
		name    string
		was, is *trial
		repairs bool
		want    string
	}{
		{"smaller", made(10, "a"), made(9, "a"), false, ""},
		{"larger", made(10, "a"), made(11, "a"), false, "1 B larger"},
		{"larger, and another is repaired", made(10, "a"), made(11, "a"), true, ""},
		{"broken", made(10, "a", "b"), made(5, "a", "b: no"), true, "b does not run any more: no"},
		{"a command that cannot be run any more", made(10, "a", "tests"), made(5, "a"), false, "tests cannot be run any more"},
		{"repaired", made(10, "a: no rich"), made(12, "a"), true, ""},
		{"nearer", made(10, "a: no src"), made(12, "a: no rich"), true, ""},
		{"no nearer", made(10, "a: no rich"), made(12, "a: no rich"), false, "2 B larger"},
		{"builds, and fails", notBuilt, made(12, "a: no rich"), false, ""},
		{"does not build any more", made(10, "a"), notBuilt, true, "does not build"},
	} {
		if got := worse(c.was, c.is, c.repairs); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestStudyFix: a study with --fix ends with the best image, kept beside the
// report, and asks the rules about each image once.
func TestStudyFix(t *testing.T) {
	e := &toyEngine{fakeEngine: fakeEngine{t: t}, runs: func(string) bool { return true }}
	env := toyEnv(e)
	asked := 0
	env.Progress = stepFunc(func(line string) {
		if strings.HasPrefix(line, "asking the rules") {
			asked++
		}
	})
	dir := toyProject(t, map[string]string{"Dockerfile": toyDockerfile})
	s, err := Study(t.Context(), env, StudyOptions{Dir: dir, Quick: true, Fix: true})
	if err != nil {
		t.Fatal(err)
	}
	if s.Best == nil || s.Repair == nil || s.Best.Sizes.Size != 1000 || s.Best.Outcome.Verdict != whittle.Runs || !strings.Contains(s.Best.Diff, "+RUN mk opt/a 500000 && rm -rf /opt/a") {
		t.Fatalf("best %+v", s.Best)
	}
	if _, err := os.Stat(filepath.Join(dir, ".whittle", s.Best.Archive)); err != nil {
		t.Error(err)
	}
	if len(s.Findings) == 0 || s.Forecasts == nil || s.Repair.Verified.Variants[0].Saved != 2_100_000 {
		t.Errorf("%d findings, forecasts %v, %+v", len(s.Findings), s.Forecasts, s.Repair.Verified)
	}
	if asked != 2 {
		t.Errorf("the rules were asked %d times about two images", asked)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".whittle", "*-*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	if onDisk(t, dir) != toyDockerfile {
		t.Error("the project was changed without --write")
	}
}

// stepFunc is told of each step.
type stepFunc func(line string)

func (f stepFunc) Step(line string)              { f(line) }
func (stepFunc) Begin(whittle.Work) whittle.Task { return whittle.Unseen{} }
