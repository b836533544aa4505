package index

import (
	"archive/tar"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

// fileLayer is a plain layer in a file.
type fileLayer struct {
	whittle.Layer
	file *os.File
	size int64
}

func (l fileLayer) Blob() (whittle.Blob, bool) { return whittle.Blob{}, false }

func (l fileLayer) Section() (*io.SectionReader, bool) {
	return io.NewSectionReader(l.file, 0, l.size), true
}

type fewLayers struct {
	whittle.Image
	layers []whittle.Layer
}

func (i fewLayers) Layers() []whittle.Layer { return i.layers }

// TestPlainDigests: plain layers are verified where there is little of them,
// and it is said where they are not.
func TestPlainDigests(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "layer.tar"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := tar.NewWriter(f)
	if err := w.WriteHeader(&tar.Header{Name: "big", Size: freeHash, Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	size := int64(512 + freeHash + 1024)
	if err := f.Truncate(size); err != nil { // the content is a hole
		t.Fatal(err)
	}
	small := imagetest.New(t, imagetest.Plain, "f a 10").Layers()[0]
	large := fileLayer{small, f, size} // it has not the digest that it is said to have
	for _, c := range []struct {
		layers   []whittle.Layer
		verified bool
	}{{[]whittle.Layer{small}, true}, {[]whittle.Layer{large}, false}} {
		indexes, err := All(context.Background(), fewLayers{layers: c.layers}, Options{})
		if err != nil || indexes[0].Verified != c.verified {
			t.Errorf("%+v, %v, want verified %v", indexes, err, c.verified)
		}
	}
}
