package static

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
)

// corpus writes the Dockerfiles of the corpus of fixes into folders of their own.
func corpus(t testing.TB) (names []string, texts [][]byte) {
	t.Helper()
	ar, err := txtar.ParseFile("../rule/toolmodel/testdata/corpus.txtar")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for i, f := range ar.Files {
		name := filepath.Join(dir, fmt.Sprint(i), "Dockerfile")
		if err := os.Mkdir(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
		names, texts = append(names, name), append(texts, f.Data)
	}
	return names, texts
}

// BenchmarkAdvise says how long a Dockerfile takes, and how many times as long as parsing
// it alone.
func BenchmarkAdvise(b *testing.B) {
	names, texts := corpus(b)
	var parsing time.Duration
	for b.Loop() {
		start := time.Now()
		for i, text := range texts {
			f, err := dockerfile.Parse(names[i], text)
			if err != nil {
				b.Fatal(err)
			}
			for j := range f.Stages {
				for k := range f.Stages[j].Instructions {
					_, _ = f.Stages[j].Instructions[k].Shell()
				}
			}
		}
		parsing += time.Since(start)
		if _, err := Advise(b.Context(), Options{Names: names}); err != nil {
			b.Fatal(err)
		}
	}
	whole := b.Elapsed() - parsing
	b.ReportMetric(float64(whole.Microseconds())/1000/float64(b.N*len(names)), "ms/file")
	b.ReportMetric(float64(whole)/float64(parsing), "×parsing")
}

// TestPlaces: lines and columns are those of the file, in bytes; a finding names the
// file as the user did.
func TestPlaces(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for name, text := range map[string]string{
		"a/Dockerfile":   "# é\nFROM debian:bookworm-slim\nRUN echo é && \\\n    apt-get update\n",
		"b.Dockerfile":   "FROM debian:bookworm-slim\r\nRUN apt-get update\r\n",
		"c/Dockerfile":   "FROM debian:bookworm-slim\nRUN --mount=type=cache,target=/var/lib/apt/lists apt-get update\n",
		"d/Dockerfile.x": "FROM debian:bookworm-slim AS build\nRUN apt-get update\nFROM scratch\nCOPY --from=build /x /x\n",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Advise(t.Context(), Options{Names: []string{"a/Dockerfile", filepath.Join(dir, "b.Dockerfile"), "c/Dockerfile", "./d/Dockerfile.x"}})
	if err != nil {
		t.Fatal(err)
	}
	var places []string
	for _, f := range got.Findings {
		places = append(places, fmt.Sprintf("%s:%d:%d %s", strings.TrimPrefix(f.Path, dir), f.Line, f.Column, f.Rule))
	}
	want := []string{"a/Dockerfile:4:5 package-manager-cache", "/b.Dockerfile:2:5 package-manager-cache"}
	if !slices.Equal(places, want) {
		t.Errorf("got %q, want %q", places, want)
	}
}

// TestFixedOnce: what the fixes of the corpus make has no finding with a fix left, the
// files are Dockerfiles, and nothing is written without Write.
func TestFixedOnce(t *testing.T) {
	names, texts := corpus(t)
	for i, name := range names {
		r, err := Fix(t.Context(), FixOptions{Options: Options{Names: []string{name}}})
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, texts[i])
		}
		if now, err := os.ReadFile(name); err != nil || string(now) != string(texts[i]) {
			t.Fatalf("%s was written", name)
		}
		if len(r.Files) == 0 {
			continue
		}
		if r, err = Fix(t.Context(), FixOptions{Options: Options{Names: []string{name}}, Write: true, TempDir: t.TempDir()}); err != nil || !r.Written {
			t.Fatalf("%s: %v", name, err)
		}
		left, err := Advise(t.Context(), Options{Names: []string{name}})
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(left.Findings, func(f whittle.StaticFinding) bool { return f.Fix != nil && f.Risk.AtMost(whittle.RiskLow) }) {
			now, _ := os.ReadFile(name)
			t.Errorf("%s has a fix left:\n%s", name, now)
		}
	}
}
