package build

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"whittle"
)

func archiveOf(files ...string) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		_ = w.WriteHeader(&tar.Header{Name: files[i], Size: int64(len(files[i+1])), Mode: 0o644})
		_, _ = io.WriteString(w, files[i+1])
	}
	_ = w.Close()
	return b.Bytes()
}

func manifest(sizes ...int) string {
	s := `{"schemaVersion":2,"layers":[`
	for i, n := range sizes {
		if i > 0 {
			s += ","
		}
		s += fmt.Sprintf(`{"mediaType":"x","digest":"sha256:%064d","size":%d}`, i, n)
	}
	return s + "]}"
}

func TestScan(t *testing.T) {
	text := archiveOf("blobs/sha256/"+zeros, manifest(1, 2), "blobs/sha256/x", "binary", "./manifest.json", `[{"Config":"`+zeros+`.json"}]`)
	sink := newScanSink()
	for _, c := range text { // one byte at a time, as a slow engine
		if _, err := sink.Write([]byte{c}); err != nil {
			t.Fatal(err)
		}
	}
	if err := sink.Close(); err != nil || sink.err != nil {
		t.Fatal(err, sink.err)
	}
	layers, err := sink.scan.layers("sha256:" + zeros)
	if err != nil || len(layers) != 2 || layers[1].Size != 2 || sink.scan.imageID() != "sha256:"+zeros {
		t.Errorf("%+v, %v, %s", layers, err, sink.scan.imageID())
	}
	if _, err := sink.scan.layers("sha256:1"); !errors.Is(err, whittle.ErrCorrupt) {
		t.Error(err)
	}
	broken := newScanSink()
	_, _ = broken.Write(bytes.Repeat([]byte("x"), 2000))
	_, _ = broken.Write(make([]byte, 100_000)) // must not block
	if err := broken.Close(); err != nil || !errors.Is(broken.err, whittle.ErrCorrupt) {
		t.Error(err, broken.err)
	}
}

func FuzzScan(f *testing.F) {
	f.Add(archiveOf("blobs/sha256/"+zeros, manifest(1, 2), "manifest.json", `[{"Config":"blobs/sha256/`+zeros+`"}]`))
	f.Add(archiveOf("blobs/sha256/"+zeros, `{"layers":[{"size":-1}]}`))
	f.Add([]byte("x"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s := newScan()
		if err := s.read(bytes.NewReader(text)); err != nil && !errors.Is(err, whittle.ErrCorrupt) && !errors.Is(err, whittle.ErrLimit) {
			t.Error(err)
		}
		if _, err := s.layers("sha256:" + zeros); err != nil && !errors.Is(err, whittle.ErrCorrupt) {
			t.Error(err)
		}
		_ = s.imageID()
		if s.kept > maxAllJSON {
			t.Errorf("%d bytes kept", s.kept)
		}
	})
}
