package build

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"testing"

	bkclient "github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"

	"whittle.dev/whittle"
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

// FuzzProgress: whatever an engine reports of its steps, little of their
// output is kept, and their times are no less than nothing.
func FuzzProgress(f *testing.F) {
	f.Add([]byte(`{"vertexes":[{"digest":"sha256:1","name":"[1/2] RUN a","started":"2026-01-01T00:00:00Z","completed":"2026-01-01T00:00:01Z"}],"logs":[{"vertex":"sha256:1","data":"YQpi"}]}`), 3)
	f.Add([]byte(`{"vertexes":[{"error":"x"}],"warnings":[{"short":"YQ=="}]}`), 1)
	f.Fuzz(func(t *testing.T, b []byte, times int) {
		var status bkclient.SolveStatus
		if json.Unmarshal(b, &status) != nil {
			return
		}
		r := &recorder{steps: map[digest.Digest]*Step{}, tails: map[digest.Digest]*tail{}, least: math.MaxInt64}
		shown := newView(Progress{To: whittle.Unseen{}}, r.lastLine)
		for range min(max(times, 0), 50) {
			r.update(&status)
			shown.update(&status)
		}
		shown.end()
		for _, tl := range r.tails {
			if n := len(fmt.Sprint(*tl)); n > tailLines*(tailLine+20)+tailLine+100 {
				t.Errorf("%d bytes of a step's output are kept", n)
			}
		}
		if len(r.tails) > maxTails {
			t.Errorf("the output of %d steps is kept", len(r.tails))
		}
	})
}
