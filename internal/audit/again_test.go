package audit_test

import (
	"context"
	"io"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/index"
)

// stored is an image in a file of a version. It counts how often a layer is opened or its
// headers are read.
type stored struct {
	*imagetest.Image
	version string
	reads   atomic.Int64
}

func (s *stored) Layers() (out []whittle.Layer) {
	for _, l := range s.Image.Layers() {
		out = append(out, storedLayer{l.(*imagetest.Layer), s})
	}
	return out
}

type storedLayer struct {
	*imagetest.Layer
	of *stored
}

func (l storedLayer) Open(ctx context.Context) (io.ReadCloser, error) {
	l.of.reads.Add(1)
	return l.Layer.Open(ctx)
}

func (l storedLayer) Stat(context.Context) (whittle.Stat, error) {
	blob, _ := l.Blob()
	size := blob.Size
	if section, ok := l.Section(); ok {
		size = section.Size()
	}
	return whittle.Stat{Claim: blob, Size: size, Identity: l.of.version}, nil
}

// watched counts the steps of reading an image, and is told when that ends.
type watched struct {
	whittle.Unseen
	steps int
	end   func()
}

func (w *watched) Step(string) { w.steps++ }

func (w *watched) Begin(whittle.Work) whittle.Task { return reading{end: w.end} }

type reading struct {
	whittle.Unseen
	end func()
}

func (r reading) End(string) {
	if r.end != nil {
		r.end()
	}
}

// recalling is an outside world with a cache, for a program.
func recalling(t *testing.T, program string) *host.Env {
	t.Helper()
	cache, err := index.OpenCache(t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	env := &host.Env{Program: program}
	env.Index.Cache = cache
	return env
}

// TestInspectAgain: a second inspection is the first one, byte for byte, and is not made
// again, unless the program, the options, the limits or the file are others.
func TestInspectAgain(t *testing.T) {
	for codec, name := range map[imagetest.Codec]string{imagetest.Gzip: "gzip", imagetest.Zstd: "zstd", imagetest.Plain: "plain"} {
		t.Run(name, func(t *testing.T) {
			s := &stored{Image: imagetest.New(t, codec, "f a/b \"text\"\nf c \"other\"\n", "w c\nf d \"third\"\n"), version: "1"}
			env := recalling(t, "whittle 1")
			env.Images = oneImage{s}
			steps := &watched{}
			env.Progress = steps
			inspect := func(o audit.InspectOptions) (*whittle.Inspection, bool) {
				t.Helper()
				steps.steps = 0
				in, err := audit.Inspect(t.Context(), env, "image", o)
				if err != nil {
					t.Fatal(err)
				}
				return in, steps.steps > 0
			}
			first, read := inspect(audit.InspectOptions{})
			if !read {
				t.Fatal("the first inspection reads nothing")
			}
			reads := s.reads.Load()
			second, read := inspect(audit.InspectOptions{})
			if read || s.reads.Load() != reads {
				t.Errorf("the second inspection reads the image: %d times", s.reads.Load()-reads)
			}
			if diff := cmp.Diff(first, second); diff != "" {
				t.Error(diff)
			}
			for what, change := range map[string]func() (o audit.InspectOptions, undo func()){
				"another program": func() (audit.InspectOptions, func()) {
					env.Program = "whittle 2"
					return audit.InspectOptions{}, func() { env.Program = "whittle 1" }
				},
				"an unknown program": func() (audit.InspectOptions, func()) {
					env.Program = ""
					return audit.InspectOptions{}, func() { env.Program = "whittle 1" }
				},
				"digests are verified": func() (audit.InspectOptions, func()) {
					env.Index.Verify = true
					return audit.InspectOptions{}, func() { env.Index.Verify = false }
				},
				"another limit": func() (audit.InspectOptions, func()) {
					env.Index.Limits.Entries = 100
					return audit.InspectOptions{}, func() { env.Index.Limits.Entries = 0 }
				},
				"another configuration": func() (audit.InspectOptions, func()) {
					before := s.Conf.Architecture
					s.Conf.Architecture = "riscv64"
					return audit.InspectOptions{}, func() { s.Conf.Architecture = before }
				},
				"another version of the file": func() (audit.InspectOptions, func()) {
					s.version = "2"
					return audit.InspectOptions{}, func() { s.version = "1" }
				},
				"a file of which nothing is known": func() (audit.InspectOptions, func()) {
					s.version = ""
					return audit.InspectOptions{}, func() { s.version = "1" }
				},
				"a group": func() (audit.InspectOptions, func()) { return audit.InspectOptions{By: "directory"}, func() {} },
				"a Dockerfile": func() (audit.InspectOptions, func()) {
					return audit.InspectOptions{Dockerfile: "Dockerfile", Source: []byte("FROM a\n")}, func() {}
				},
			} {
				o, undo := change()
				if _, read := inspect(o); !read {
					t.Errorf("%s: the old inspection is given", what)
				}
				undo()
				if _, read := inspect(audit.InspectOptions{}); read {
					t.Errorf("after %s, the first inspection is forgotten", what)
				}
			}
		})
	}
}

// TestInspectWrittenMeanwhile: what was read before the file was written is not kept for the
// file that is there now.
func TestInspectWrittenMeanwhile(t *testing.T) {
	for codec, name := range map[imagetest.Codec]string{imagetest.Gzip: "gzip", imagetest.Plain: "plain"} {
		s := &stored{Image: imagetest.New(t, codec, "f a \"text\"\n"), version: "1"}
		env := recalling(t, "whittle")
		env.Images = oneImage{s}
		watched := &watched{end: func() { s.version = "2" }}
		env.Progress = watched
		for i := range 3 {
			watched.steps = 0
			if _, err := audit.Inspect(t.Context(), env, "image", audit.InspectOptions{}); err != nil {
				t.Fatal(err)
			}
			if read := watched.steps > 0; read != (i < 2) {
				t.Errorf("%s: inspection %d reads the image: %v", name, i, read)
			}
		}
	}
}
