package build

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
)

// run builds and runs commands on d, failing the test on an error.
func (f *fixture) run(t *testing.T, d Definition, cmds ...Command) []RunResult {
	t.Helper()
	var log bytes.Buffer
	results, err := f.engine.Run(t.Context(), d, cmds, RunOptions{Log: &log})
	if err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	return results
}

func probe(args ...string) Command {
	return Command{Name: args[0], Args: append([]string{"/probe"}, args...)}
}

func TestBuildArchive(t *testing.T) {
	f := needEngine(t)
	d := f.define(t, "FROM probe\nRUN [\"/probe\", \"write\", \"/made\", \"hello\"]\nCOPY a.txt /a.txt\n", map[string]string{"a.txt": "aaa"})
	dir := t.TempDir()
	archive := filepath.Join(dir, "image.tar")
	var log bytes.Buffer
	shown := &told{}
	res, err := f.engine.Build(t.Context(), d, Output{Archive: archive, Log: &log, Progress: Progress{To: shown, Label: "one"}})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "COPY a.txt /a.txt") || !strings.Contains(shown.String(), `end "building one"`) {
		t.Errorf("log:\n%s\nshown:\n%s", log.String(), shown.String())
	}
	if res.Solve <= 0 || res.Export <= 0 || res.Cached != 0 || len(res.Notes) != 0 {
		t.Errorf("result: %+v", res)
	}
	names := archiveNames(t, archive)
	var sum int64
	for _, l := range res.Layers {
		sum += l.Size
		if names["blobs/sha256/"+l.Digest.Hex()] != l.Size || !strings.HasSuffix(l.MediaType, "gzip") {
			t.Errorf("layer %+v is not in the archive as described", l)
		}
	}
	if len(res.Layers) != 3 || sum != res.Transfer {
		t.Errorf("layers %+v, transfer %d", res.Layers, res.Transfer)
	}
	for _, name := range []string{"manifest.json", "index.json", "blobs/sha256/" + res.Manifest.Hex(), "blobs/sha256/" + res.ImageID.Hex()} {
		if _, ok := names[name]; !ok {
			t.Errorf("archive has no %s", name)
		}
	}
	if left := folder(t, dir); !slices.Equal(left, []string{"image.tar"}) {
		t.Errorf("folder has %q", left)
	}
	again, err := f.engine.Build(t.Context(), d, Output{})
	if err != nil {
		t.Fatal(err)
	}
	if again.Cached != 2 || again.Layers != nil {
		t.Errorf("second build: %d steps cached, layers %v", again.Cached, again.Layers)
	}
	d.NoCache = true
	if again, err = f.engine.Build(t.Context(), d, Output{}); err != nil || again.Cached != 0 {
		t.Errorf("without cache: %v, %d steps cached", err, again.Cached)
	}
}

func archiveNames(t *testing.T, path string) map[string]int64 {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	names := map[string]int64{}
	for tr := tar.NewReader(f); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		names[h.Name] = h.Size
	}
}

func folder(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestBuildContext(t *testing.T) {
	f := needEngine(t)
	d := f.define(t, "FROM probe\nCOPY . /ctx/\n", map[string]string{
		"a.py": "print()\n", "b.txt": "b", ".whittle/log": "x", ".dockerignore": "b.txt\n", "sub/c": "c",
	})
	d.Exclude = []string{".whittle"}
	list := func() string { return string(f.run(t, d, probe("list", "/ctx"))[0].Stdout) }
	if diff := cmp.Diff(".dockerignore\nDockerfile\na.py\nsub\n", list()); diff != "" {
		t.Error(diff)
	}
	size := func() string { return string(f.run(t, d, probe("size", "/ctx/a.py"))[0].Stdout) }
	if got := size(); got != "8\n" {
		t.Errorf("a.py has %q bytes", got)
	}
	d.Touch = "a.py"
	for range 2 { // each build is another change
		res, err := f.engine.Build(t.Context(), d, Output{})
		if err != nil {
			t.Fatal(err)
		}
		if res.Cached != 0 {
			t.Error("touched file: COPY was cached")
		}
	}
	if got := size(); got == "8\n" {
		t.Error("touched file has its old size")
	}
	if text, err := os.ReadFile(filepath.Join(d.Context, "a.py")); err != nil || string(text) != "print()\n" {
		t.Errorf("the user's file is %q, %v", text, err)
	}
	d.Touch = ""
	if got := size(); got != "8\n" {
		t.Errorf("after a touched build a.py has %q bytes", got)
	}
}

func TestBuildNamesOfBases(t *testing.T) {
	f := needEngine(t)
	for _, c := range []struct{ key, from string }{
		{"probe", "probe"},
		{"probe", "docker.io/library/probe:latest"},
		{"docker.io/library/probe:1.2", "probe:1.2"},
		{"probe:1.2", "docker.io/library/probe:1.2"},
		{"registry.invalid/team/probe:1", "registry.invalid/team/probe:1"},
	} {
		d := f.define(t, "FROM "+c.from+"\nCOPY --from="+c.from+" /etc/group /copied\n", nil)
		d.Bases = map[string]Base{c.key: f.layout}
		if _, err := f.engine.Build(t.Context(), d, Output{}); err != nil {
			t.Errorf("bases has %s, FROM %s: %v", c.key, c.from, err)
		}
	}
}

func TestBuildExistingImage(t *testing.T) {
	f := needEngine(t)
	d := Definition{Content: []byte("FROM some/image:1"), Bases: map[string]Base{"some/image:1": f.layout}}
	if err := f.engine.Warm(t.Context(), d, RunOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := f.run(t, d, probe("where"))[0]; string(got.Stdout) != "0 0 /\n" {
		t.Errorf("%+v: %s%s", got, got.Stdout, got.Stderr)
	}
	res, err := f.engine.Build(t.Context(), d, Output{Measure: true})
	if err != nil || len(res.Layers) != 1 {
		t.Errorf("%v, %+v", err, res)
	}
}

func TestBuildArgsAndTarget(t *testing.T) {
	f := needEngine(t)
	d := f.define(t, "FROM probe AS one\nARG GREETING=none\nENV GREETING=$GREETING\nFROM one AS two\nUSER app\n", nil)
	d.Target, d.Args, d.Platform = "one", map[string]string{"GREETING": "hi"}, "linux/amd64"
	r := f.run(t, d, probe("env"), probe("where"))
	if !strings.Contains(string(r[0].Stdout), "GREETING=hi\n") || string(r[1].Stdout) != "0 0 /\n" {
		t.Errorf("%s%s", r[0].Stdout, r[1].Stdout)
	}
}

func TestBuildCompression(t *testing.T) {
	f := needEngine(t)
	d := f.define(t, "FROM probe\nRUN [\"/probe\", \"fill\", \"/zeros\", \"10000000\"]\n", nil)
	kinds := map[string]string{}
	for _, c := range []string{"gzip", "zstd", "uncompressed"} {
		res, err := f.engine.Build(t.Context(), d, Output{Measure: true, Compression: c})
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range res.Layers {
			kinds[c] = strings.TrimPrefix(l.MediaType, "application/vnd.oci.image.layer.v1.")
		}
		if (res.Transfer > 8_000_000) != (c == "uncompressed") || len(res.Layers) != 2 {
			t.Errorf("%s: %+v", c, res.Layers)
		}
	}
	if diff := cmp.Diff(map[string]string{"gzip": "tar+gzip", "zstd": "tar+zstd", "uncompressed": "tar"}, kinds); diff != "" {
		t.Error(diff)
	}
	if _, err := f.engine.Build(t.Context(), d, Output{Compression: "lz4"}); !errors.Is(err, whittle.ErrUsage) {
		t.Errorf("lz4: %v", err)
	}
}

func TestBuildDeterministic(t *testing.T) {
	f := needEngine(t)
	epoch := time.Unix(1_600_000_000, 0)
	d := f.define(t, "FROM probe\nRUN [\"/probe\", \"write\", \"/made\", \"x\"]\nCOPY a /a\n", map[string]string{"a": "a"})
	d.SourceDateEpoch, d.NoCache = &epoch, true
	var texts [2][]byte
	for i := range texts {
		path := filepath.Join(t.TempDir(), "a.tar")
		if _, err := f.engine.Build(t.Context(), d, Output{Archive: path}); err != nil {
			t.Fatal(err)
		}
		texts[i], _ = os.ReadFile(path)
		if err := os.Chtimes(filepath.Join(d.Context, "a"), time.Now(), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(texts[0], texts[1]) {
		t.Error("two builds differ")
	}
}

func TestBuildSyntaxLine(t *testing.T) {
	f := needEngine(t)
	d := f.define(t, "# syntax=registry.invalid/dockerfile:1\nFROM probe\nRUN [\"/probe\", \"exit\", \"0\"]\n", nil)
	for _, offline := range []bool{true, false} {
		d.Offline = offline
		res, err := f.engine.Build(t.Context(), d, Output{})
		if err != nil {
			t.Fatal(err)
		}
		if len(res.Notes) != 1 || !strings.Contains(res.Notes[0], "`# syntax=registry.invalid/dockerfile:1` is overridden") {
			t.Errorf("offline %t: notes %q", offline, res.Notes)
		}
	}
	if r := f.run(t, d, probe("exit", "0")); !r[0].OK() {
		t.Errorf("%+v", r)
	}
}

func TestBuildErrors(t *testing.T) {
	f := needEngine(t)
	for _, c := range []struct {
		name, dockerfile string
		want             Error
		text             string
		is               error
	}{
		{
			"failing step", "FROM probe\n\nRUN [\"/probe\", \"exit\", \\\n  \"3\"]\n",
			Error{Kind: StepFailed, Line: 3, ExitCode: 3, Tail: []string{"err", "out"}},
			`Dockerfile:3: RUN ["/probe", "exit", "3"]: exit code 3`, whittle.ErrUsage,
		},
		{
			"unknown instruction", "FROM probe\nRUNN x\n", Error{Kind: BadDockerfile, Line: 2},
			"Dockerfile:2: unknown instruction: RUNN (did you mean RUN?)", whittle.ErrUsage,
		},
		{
			"no stage", "# nothing\n", Error{Kind: BadDockerfile, Line: 1}, "Dockerfile:1: file with no instructions", whittle.ErrUsage,
		},
		{
			"missing file", "FROM probe\nCOPY nosuch /x\n", Error{Kind: BadDockerfile, Line: 2},
			`Dockerfile:2: COPY nosuch /x: "/nosuch": not found`, whittle.ErrUsage,
		},
		{
			"unreachable base", "FROM registry.invalid/nosuch:1\n",
			Error{Kind: BaseMissing, Line: 1, Image: "registry.invalid/nosuch:1"},
			"Dockerfile:1: base image registry.invalid/nosuch:1 is not available: ", whittle.ErrEngine,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			_, err := f.engine.Build(t.Context(), f.define(t, c.dockerfile, nil), Output{Archive: filepath.Join(dir, "x.tar")})
			var got *Error
			if !errors.As(err, &got) {
				t.Fatalf("error is %T: %v", err, err)
			}
			t.Log(err)
			slices.Sort(got.Tail) // the two streams race
			have := Error{Kind: got.Kind, Line: got.Line, ExitCode: got.ExitCode, Tail: got.Tail, Image: got.Image}
			if diff := cmp.Diff(c.want, have, cmp.AllowUnexported(Error{})); diff != "" {
				t.Error(diff)
			}
			if !strings.HasPrefix(err.Error(), c.text) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error is %q", err)
			}
			if !errors.Is(err, c.is) || errors.Is(err, whittle.ErrUsage) == errors.Is(err, whittle.ErrEngine) {
				t.Errorf("%v is of the wrong class", err)
			}
			if c.want.Kind == BaseMissing && !strings.Contains(whittle.Hint(err), "bases:") {
				t.Errorf("hint is %q", whittle.Hint(err))
			}
			if left := folder(t, dir); len(left) != 0 {
				t.Errorf("files left: %q", left)
			}
		})
	}
}

func TestBuildBadInput(t *testing.T) {
	f := needEngine(t)
	good := f.define(t, "FROM probe\n", map[string]string{"a": "a"})
	for name, change := range map[string]func(*Definition){
		"no Dockerfile":   func(d *Definition) { d.Dockerfile = "Dockerfile.nosuch" },
		"no context":      func(d *Definition) { d.Context += "/nosuch" },
		"nothing":         func(d *Definition) { *d = Definition{} },
		"touch outside":   func(d *Definition) { d.Touch = "../a" },
		"touch a folder":  func(d *Definition) { d.Touch = "." },
		"touch nothing":   func(d *Definition) { d.Touch = "nosuch" },
		"bad base name":   func(d *Definition) { d.Bases = map[string]Base{"A B": f.layout} },
		"bad base digest": func(d *Definition) { d.Bases = map[string]Base{"b": {f.layout.Layout, "sha256:1"}} },
		"base not there":  func(d *Definition) { d.Bases = map[string]Base{"b": {"/nosuch", f.layout.Digest}} },
		"bad platform":    func(d *Definition) { d.Platform = "amd46" },
		"bad pattern":     func(d *Definition) { d.Exclude = []string{"[a"} },
		"no such stage":   func(d *Definition) { d.Target = "nosuch" },
	} {
		d := good
		change(&d)
		_, err := f.engine.Build(t.Context(), d, Output{})
		if !errors.Is(err, whittle.ErrUsage) || errors.Is(err, whittle.ErrEngine) {
			t.Errorf("%s: %v", name, err)
		}
		t.Log(err)
	}
}

func TestBuildCancelled(t *testing.T) {
	f := needEngine(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	d := f.define(t, "FROM probe\nRUN [\"/probe\", \"sleep\", \"100\"]\n", nil)
	d.NoCache = true
	dir := t.TempDir()
	log := &watcher{wait: "sleeping", then: cancel}
	_, err := f.engine.Build(ctx, d, Output{Archive: filepath.Join(dir, "x.tar"), Log: log})
	if !errors.Is(err, context.Canceled) || errors.Is(err, whittle.ErrEngine) {
		t.Errorf("error is %v", err)
	}
	if left := folder(t, dir); len(left) != 0 {
		t.Errorf("files left: %q", left)
	}
	if _, err := f.engine.Build(t.Context(), f.define(t, "FROM probe\n", nil), Output{}); err != nil {
		t.Errorf("the engine does not build any more: %v", err)
	}
}

// watcher calls then when a text is written to it.
type watcher struct {
	text bytes.Buffer
	wait string
	then func()
}

func (w *watcher) Write(p []byte) (int, error) {
	w.text.Write(p)
	if w.then != nil && strings.Contains(w.text.String(), w.wait) {
		w.then()
		w.then = nil
	}
	return len(p), nil
}
