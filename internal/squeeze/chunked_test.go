package squeeze

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"whittle.dev/whittle/internal/chunked"
	"whittle.dev/whittle/internal/codec"
	"whittle.dev/whittle/internal/imagetest"
)

func storedBlob(t testing.TB, l *Layer) []byte {
	t.Helper()
	r, err := l.Open(context.Background())
	imagetest.Must(t, err)
	defer r.Close()
	b, err := io.ReadAll(r)
	imagetest.Must(t, err)
	return b
}

// TestChunked: each layer that is written has a table of contents that holds, or is plain
// zstd, and the result says why.
func TestChunked(t *testing.T) {
	job := Job{Compression: Compression{Codec: codec.ZstdChunked}, AnyRuntime: true}
	tables := 0
	for _, e := range edges {
		if len(e.layers) > 100 {
			continue // each layer takes three encoders, and says nothing new
		}
		t.Run(e.name, func(t *testing.T) {
			out, _, err := squeezed(t, e.image(t, imagetest.Plain), job)
			if err != nil {
				t.Fatal(err)
			}
			again, _, err := squeezed(t, e.image(t, imagetest.Plain), job)
			imagetest.Must(t, err)
			for n, l := range out.After {
				if l == nil || !l.Changed() {
					continue
				}
				if l.Stored.MediaType != ociLayer+"+zstd" || l.Stored != again.After[n].Stored {
					t.Errorf("layer %d: %v, and made again %v", n, l.Stored, again.After[n].Stored)
				}
				if (l.Plain == "") != chunked.Is(l.Annotations) {
					t.Errorf("layer %d: %q, and the annotations %v", n, l.Plain, l.Annotations)
				}
				if strings.Contains(e.name, "not UTF-8") != strings.Contains(l.Plain, "not UTF-8") {
					t.Errorf("layer %d is plain: %q", n, l.Plain)
				}
				if l.Plain != "" {
					continue
				}
				tables++
				b := storedBlob(t, l)
				imagetest.Must(t, chunked.Check(context.Background(), bytes.NewReader(b), int64(len(b)), l.Annotations))
			}
		})
	}
	if tables < len(edges)/2 {
		t.Errorf("%d layers with a table of contents, of %d images", tables, len(edges))
	}
}

// TestChunkedStays: a zstd:chunked layer that is rewritten is zstd:chunked again, also in a
// merged layer and by a trim; what cannot be is plain.
func TestChunkedStays(t *testing.T) {
	img := imagetest.New(t, imagetest.Zstd, "f a 70000\nf b 50000\nf c 500", "w a\nf d 5000", "f e 9")
	job := Job{Chunked: []bool{true}}
	out, indexes, err := squeezed(t, img, job)
	imagetest.Must(t, err)
	if out.Actions[0] != Rewritten || !chunked.Is(out.After[0].Annotations) || out.Actions[2] != Kept || out.After[2].Annotations != nil {
		t.Errorf("%v, %v, %v", out.Actions, out.After[0].Annotations, out.After[2].Annotations)
	}
	job.Merge = true
	out, _, err = squeezed(t, img, job)
	imagetest.Must(t, err)
	if last := out.After[2]; out.Actions[2] != Merged || !chunked.Is(last.Annotations) {
		t.Errorf("merged: %v, %v", out.Actions, last)
	}
	job = Job{Chunked: []bool{true}, Dir: t.TempDir()}
	trimmed, err := NewTrimmer(img, indexes, out.Plan.Ledger, job).Trim(context.Background(), Trim{Remove: map[string]bool{"b": true}})
	imagetest.Must(t, err)
	if made := trimmed.Layers()[0].(*Layer); !chunked.Is(made.Annotations) {
		t.Errorf("trimmed: %v", made)
	}
	kept, _, err := squeezed(t, trimmed, Job{Chunked: []bool{true}, Base: 1})
	imagetest.Must(t, err)
	if !chunked.Is(kept.After[0].Annotations) {
		t.Errorf("trimmed and kept: %v", kept.After[0])
	}
	plain, _, err := squeezed(t, imagetest.New(t, imagetest.Zstd, "f a 70000\nf \"\\xff\" 50000", "w a"), Job{Chunked: []bool{true}})
	imagetest.Must(t, err)
	if plain.After[0].Annotations != nil || !strings.Contains(plain.After[0].Plain, "not UTF-8") {
		t.Errorf("%v", plain.After[0])
	}
}
