package build

import (
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/google/go-cmp/cmp"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tonistiigi/fsutil"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build/sent"
)

func TestPrepare(t *testing.T) {
	dir := t.TempDir()
	base, err := writeLayout(filepath.Join(dir, "layout"), []byte("layer"), []byte("blob"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"Dockerfile.x": "# syntax=docker/dockerfile:1\nFROM a\n", "Dockerfile.x.dockerignore": "*.log\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	epoch := time.Unix(1234, 5)
	d := Definition{
		Context: dir, Dockerfile: "Dockerfile.x", Target: "t", Args: map[string]string{"A": "1", "B": ""}, Platform: "linux/arm64/v8",
		Bases: map[string]Base{"python:3.13-slim": base}, NoCache: true, Offline: true, SourceDateEpoch: &epoch, Exclude: []string{".whittle"},
	}
	j, err := d.prepare(io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	oci := "oci-layout://whittle-base-0@" + string(base.Digest)
	want := map[string]string{
		"filename": "Dockerfile.x", "target": "t", "build-arg:A": "1", "build-arg:B": "", "platform": "linux/arm64/v8",
		"no-cache": "", "build-arg:SOURCE_DATE_EPOCH": "1234", "cmdline": "builtin",
		"context:python:3.13-slim": oci, "context:docker.io/library/python:3.13-slim": oci,
	}
	if diff := cmp.Diff(want, j.opt.FrontendAttrs); diff != "" {
		t.Error(diff)
	}
	if got := slices.Sorted(maps.Keys(j.opt.LocalMounts["dockerfile"].(sent.Files))); !slices.Equal(got, []string{"Dockerfile.x", "Dockerfile.x.dockerignore"}) {
		t.Errorf("files sent beside the context: %q", got)
	}
	if len(j.notes) != 1 || !strings.Contains(j.notes[0], "docker/dockerfile:1") {
		t.Errorf("notes: %q", j.notes)
	}
	filter := fsutil.FilterOpt{ExcludePatterns: []string{"*.log"}}
	if err := j.opt.LocalFilterOpt("context", &filter); err != nil || !slices.Equal(filter.ExcludePatterns, []string{"*.log", ".whittle"}) {
		t.Errorf("%q, %v", filter.ExcludePatterns, err)
	}
	if err := j.opt.LocalFilterOpt("dockerfile", &filter); err != nil || len(filter.ExcludePatterns) != 2 {
		t.Errorf("%q, %v", filter.ExcludePatterns, err)
	}
	if other, err := (Definition{Context: t.TempDir(), Content: []byte("FROM a")}).prepare(io.Discard); err != nil || other.opt.SharedKey == j.opt.SharedKey {
		t.Errorf("two folders share a copy of the context: %v", err)
	}
}

// TestDockerfileLinks: what a frontend is given beside the context is no file
// that a link in the context leads to outside of it.
func TestDockerfileLinks(t *testing.T) {
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("# geheim\nFROM a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Dockerfile.dockerignore", "Dockerfile.x"} {
		if err := os.Symlink(outside, filepath.Join(dir, name)); err != nil {
			t.Skipf("no links here: %v", err)
		}
	}
	for _, d := range []Definition{{Context: dir}, {Context: dir, Content: []byte("FROM a\n")}} {
		j, err := d.prepare(io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		for name, text := range j.opt.LocalMounts["dockerfile"].(sent.Files) {
			if strings.Contains(string(text), "geheim") {
				t.Errorf("%s is sent", name)
			}
		}
	}
	if _, err := (Definition{Context: dir, Dockerfile: "Dockerfile.x"}).prepare(io.Discard); !errors.Is(err, whittle.ErrUsage) || strings.Contains(err.Error(), "geheim") {
		t.Errorf("a link as Dockerfile: %v", err)
	}
	if _, err := (Definition{Context: dir, Dockerfile: outside}).prepare(io.Discard); err != nil {
		t.Errorf("a Dockerfile that is named outside: %v", err)
	}
}

func TestContextNames(t *testing.T) {
	for name, want := range map[string][]string{
		"python":                  {"docker.io/library/python:latest", "python"},
		"python:3.13-slim":        {"docker.io/library/python:3.13-slim", "python:3.13-slim"},
		"docker.io/library/a:1":   {"a:1", "docker.io/library/a:1"},
		"team/app:latest":         {"docker.io/team/app:latest", "team/app", "team/app:latest"},
		"registry.invalid:5000/a": {"registry.invalid:5000/a", "registry.invalid:5000/a:latest"},
		"localhost/a:1":           {"localhost/a:1"},
	} {
		got, err := contextNames(name)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
	if _, err := contextNames("UPPER case"); !errors.Is(err, whittle.ErrUsage) {
		t.Error(err)
	}
}

func TestSyntaxLine(t *testing.T) {
	for text, want := range map[string]string{
		"# syntax=docker/dockerfile:1\nFROM a":           "docker/dockerfile:1",
		"#syntax = docker/dockerfile:1 --flag\r\nFROM a": "docker/dockerfile:1",
		"\ufeff# SYNTAX=x\n":                             "x",
		"# escape=`\n# syntax=x\n":                       "x",
		"#!/usr/bin/env x\n# syntax=y\n":                 "y",
		"# a comment\n# syntax=x\n":                      "",
		"FROM a\n# syntax=x\n":                           "",
		"\n# syntax=x\n":                                 "",
		"# syntax=\n":                                    "",
		"":                                               "",
	} {
		if got := syntaxLine([]byte(text)); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestLayoutStore(t *testing.T) {
	dir := t.TempDir()
	base, err := writeLayout(dir, []byte("layer"), []byte("blob"))
	if err != nil {
		t.Fatal(err)
	}
	before := folder(t, dir)
	s := sent.Layout{Dir: dir}
	info, err := s.Info(t.Context(), digest.Digest(base.Digest))
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.ReaderAt(t.Context(), ocispecs.Descriptor{Digest: digest.FromString("blob")})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	text := make([]byte, r.Size())
	if _, err := r.ReadAt(text, 0); err != nil || string(text) != "blob" || info.Size == 0 {
		t.Errorf("%q, %v, %+v", text, err, info)
	}
	if _, err := s.Info(t.Context(), digest.FromString("nosuch")); !errdefs.IsNotFound(err) {
		t.Error(err)
	}
	if _, err := s.Info(t.Context(), "sha256:../../../etc/passwd"); !errdefs.IsInvalidArgument(err) {
		t.Error(err)
	}
	if _, err := s.Writer(t.Context()); err == nil {
		t.Error("the layout can be written to")
	}
	if diff := cmp.Diff(before, folder(t, dir)); diff != "" {
		t.Error(diff)
	}
}
