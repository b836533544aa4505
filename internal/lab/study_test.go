package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/bench"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/source"
)

// fakeEngine builds an image of two layers for every Dockerfile, and does what
// fail says before.
type fakeEngine struct {
	t      *testing.T
	fail   func(d build.Definition, o build.Output) error
	run    func(c build.Command) build.RunResult
	mu     sync.Mutex // variants are built side by side
	builds []string
	closed bool
}

// note notes a build.
func (e *fakeEngine) note(what string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.builds = append(e.builds, what)
}

func (e *fakeEngine) Info() build.Info {
	return build.Info{Kind: "fake", Version: "1", NamedContexts: true}
}
func (e *fakeEngine) Close() error { e.closed = true; return nil }

func (e *fakeEngine) Warm(context.Context, build.Definition, build.RunOptions) error { return nil }

func (e *fakeEngine) Build(_ context.Context, d build.Definition, o build.Output) (*build.Result, error) {
	what := d.Dockerfile
	switch {
	case d.NoCache:
		what += " cold"
	case d.Touch != "":
		what += " touch " + d.Touch
	case o.Measure:
		what += " " + o.Compression
	}
	e.note(what)
	if e.fail != nil {
		if err := e.fail(d, o); err != nil {
			return nil, err
		}
	}
	if o.Archive != "" {
		img := imagetest.New(e.t, imagetest.Plain, "f base 1000\nf bin/app 10 mode=0644", "f bin/app 10 mode=0755")
		img.Config().Config.WorkingDir = "/app"
		if err := whittle.WriteFile(o.Archive, imagetest.DockerArchive(e.t, img)); err != nil { // as an engine does: whole, by its name
			return nil, err
		}
	}
	return &build.Result{Solve: 1500 * time.Millisecond, Transfer: 640}, nil
}

func (e *fakeEngine) Run(_ context.Context, _ build.Definition, commands []build.Command, _ build.RunOptions) ([]build.RunResult, error) {
	var out []build.RunResult
	for _, c := range commands {
		if e.run != nil {
			out = append(out, e.run(c))
			continue
		}
		r := build.RunResult{Name: c.Name}
		for i := range max(c.Repeat, 1) {
			r.Times = append(r.Times, time.Duration(i+1)*time.Second)
		}
		out = append(out, r)
	}
	return out, nil
}

type images struct{}

func (images) Open(ctx context.Context, name string) (whittle.Image, error) {
	return source.Open(ctx, name, source.Options{})
}

func fakeEnv(e *fakeEngine) *host.Env {
	return &host.Env{
		Images: images{},
		Engine: func(context.Context, bool) (host.Builder, error) { return e, nil },
		Now:    func() time.Time { return time.Unix(1700000000, 0) },
	}
}

// shop is a project of three variants and a console script.
func shop(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"Dockerfile": "FROM scratch\nCOPY a /\nRUN chmod 755 /bin/app\n", "Dockerfile.b": "FROM scratch\n", "Dockerfile.c": "FROM scratch\n",
		"pyproject.toml": "[project]\nname = \"shop\"\n[project.scripts]\nshop = \"shop:main\"\n", "shop.py": "",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestStudy(t *testing.T) {
	e := &fakeEngine{t: t}
	e.fail = func(d build.Definition, _ build.Output) error {
		if d.Dockerfile == "Dockerfile.b" {
			return &build.Error{Kind: build.StepFailed, File: "Dockerfile.b", Line: 1, Message: "exit code 3", Tail: []string{"oh", "no"}}
		}
		if d.Dockerfile == "Dockerfile.c" {
			return &build.Error{Kind: build.BaseMissing, File: "Dockerfile.c", Line: 1, Image: "python:3", Message: "base image python:3 cannot be had"}
		}
		return nil
	}
	dir := shop(t)
	s, err := Study(context.Background(), fakeEnv(e), StudyOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Dockerfile cold", "Dockerfile zstd", "Dockerfile touch shop.py", "Dockerfile.b cold", "Dockerfile.c cold"}, e.builds); diff != "" {
		t.Errorf("builds (-want +got):\n%s", diff)
	}
	if !e.closed {
		t.Error("the engine was left open")
	}
	var got []string
	for _, v := range s.Variants {
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s: %s, %s %s %v", v.Name, v.Build.Status, v.Run.Status, v.Build.Reason, v.Build.Tail)))
	}
	want := []string{"original: built, unknown  []", "b: failed, unknown Dockerfile.b:1: exit code 3 [oh no]",
		"c: skipped, unknown Dockerfile.c:1: base image python:3 cannot be had []"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("variants (-want +got):\n%s", diff)
	}
	v := s.Variants[0]
	if *v.Run.Seconds != 3 || len(v.Run.Commands[0].Seconds) != bench.Startups || *v.Download.Zstd != 640 || *v.Build.RebuildSeconds != 1.5 || v.Build.Seconds != 1.5 || !v.Build.Cold {
		t.Errorf("measures: run %+v, transfer %+v, build %+v", v.Run, v.Download, v.Build)
	}
	if v.Download.Gzip != nil {
		t.Error("a gzip size was invented for an archive with raw layers")
	}
	if size := v.Inspect.Sizes; size.Size != 1020 || size.Wasted != 10 {
		t.Errorf("size %+v", size)
	}
	checkSums(t, v.Inspect)
}

// TestEngineDies: what was finished is kept, and --resume goes on from there.
func TestEngineDies(t *testing.T) {
	dir := shop(t)
	dying := &fakeEngine{t: t}
	dying.fail = func(d build.Definition, _ build.Output) error {
		if d.Dockerfile == "Dockerfile.b" {
			return fmt.Errorf("the engine went away: %w", whittle.ErrEngine)
		}
		return nil
	}
	_, err := Study(context.Background(), fakeEnv(dying), StudyOptions{Dir: dir})
	if !errors.Is(err, whittle.ErrEngine) || !strings.Contains(err.Error(), "variant b: the engine went away") {
		t.Fatalf("error %v", err)
	}
	if hint := whittle.Hint(err); !strings.Contains(hint, "1 of 3 variants are finished") || !strings.Contains(hint, "--resume") {
		t.Errorf("hint %q", hint)
	}
	if !dying.closed {
		t.Error("the engine was left open")
	}
	again := &fakeEngine{t: t}
	s, err := Study(context.Background(), fakeEnv(again), StudyOptions{Dir: dir, Resume: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Variants) != 3 || strings.Contains(strings.Join(again.builds, " "), "Dockerfile cold") {
		t.Errorf("%d variants; built again: %q", len(s.Variants), again.builds)
	}
	// Another content is another fingerprint.
	if err := os.WriteFile(filepath.Join(dir, "shop.py"), []byte("import os\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	third := &fakeEngine{t: t}
	if _, err := Study(context.Background(), fakeEnv(third), StudyOptions{Dir: dir, Resume: true}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.Join(third.builds, ","), "Dockerfile cold") {
		t.Errorf("a changed project was not built again: %q", third.builds)
	}
}

// TestInterrupted: a study that is cancelled says so, whatever the engine says.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	e := &fakeEngine{t: t}
	e.fail = func(build.Definition, build.Output) error { cancel(); return ctx.Err() }
	if _, err := Study(ctx, fakeEnv(e), StudyOptions{Dir: shop(t)}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want a cancellation", err)
	}
	if !e.closed {
		t.Error("the engine was left open")
	}
}

// TestOutsideTheContext: the study's folder is never sent to a build, and is
// no part of the fingerprint.
func TestOutsideTheContext(t *testing.T) {
	dir := shop(t)
	e := &fakeEngine{t: t}
	e.fail = func(d build.Definition, _ build.Output) error {
		if diff := cmp.Diff([]string{".whittle"}, d.Exclude); diff != "" {
			return errors.New(diff)
		}
		return nil
	}
	for range 2 {
		s, err := Study(context.Background(), fakeEnv(e), StudyOptions{Dir: dir, Quick: true, Resume: true})
		if err != nil {
			t.Fatal(err)
		}
		if s.Variants[0].Build.Status != whittle.Built {
			t.Fatal(s.Variants[0].Build.Reason)
		}
	}
	if len(e.builds) != 3 {
		t.Errorf("%d builds, want 3: a second study keeps all: %q", len(e.builds), e.builds)
	}
}
