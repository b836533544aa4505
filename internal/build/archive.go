package build

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"io"
	"path"
	"strings"

	"whittle.dev/whittle"
)

const (
	maxJSON     = 4 << 20  // a manifest or configuration, in bytes
	maxAllJSON  = 64 << 20 // all that are kept
	maxArchived = 100_000  // entries of an archive
)

// scan keeps the small JSON files of an image archive in one pass, as the
// manifest comes before the index that names it.
type scan struct {
	files map[string][]byte
	kept  int
}

func newScan() *scan { return &scan{files: map[string][]byte{}} }

// read reads the archive to its end.
func (s *scan) read(r io.Reader) error {
	tr := tar.NewReader(r)
	for range maxArchived {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return whittle.ErrCorrupt.Errorf("image archive: %w", err)
		}
		if h.Typeflag != tar.TypeReg || h.Size > maxJSON || s.kept+len(h.Name)+int(h.Size) > maxAllJSON {
			continue
		}
		text, err := io.ReadAll(tr)
		if err != nil {
			return whittle.ErrCorrupt.Errorf("image archive: %s: %w", h.Name, err)
		}
		if len(text) > 0 && (text[0] == '{' || text[0] == '[') {
			s.files[path.Clean(h.Name)] = text
			s.kept += len(h.Name) + len(text)
		}
	}
	return whittle.ErrLimit.Errorf("image archive has more than %d entries", maxArchived)
}

// layers are the layer blobs of a manifest.
// https://github.com/opencontainers/image-spec/blob/main/manifest.md
func (s *scan) layers(manifest whittle.Digest) ([]whittle.Blob, error) {
	text, ok := s.files["blobs/sha256/"+manifest.Hex()]
	if !ok {
		return nil, whittle.ErrCorrupt.Errorf("manifest %s is not in the archive", manifest)
	}
	var m struct {
		Layers []struct {
			MediaType string         `json:"mediaType"`
			Digest    whittle.Digest `json:"digest"`
			Size      int64          `json:"size"`
		} `json:"layers"`
	}
	if err := whittle.ParseJSON(text, &m); err != nil {
		return nil, whittle.ErrCorrupt.Errorf("manifest %s: %w", manifest, err)
	}
	var blobs []whittle.Blob
	for _, l := range m.Layers {
		blobs = append(blobs, whittle.Blob{Digest: l.Digest, Size: l.Size, MediaType: l.MediaType})
	}
	return blobs, nil
}

// imageID is the configuration's digest as docker save names its file.
func (s *scan) imageID() whittle.Digest {
	var list []struct{ Config string }
	if json.Unmarshal(s.files["manifest.json"], &list) != nil || len(list) == 0 {
		return ""
	}
	d, err := whittle.ParseDigest("sha256:" + strings.TrimSuffix(path.Base(list[0].Config), ".json"))
	if err != nil {
		return ""
	}
	return d
}

// scanSink scans an archive while it is written, and keeps nothing else.
type scanSink struct {
	scan *scan
	err  error
	pw   *io.PipeWriter
	done chan struct{}
}

func newScanSink() *scanSink {
	pr, pw := io.Pipe()
	s := &scanSink{scan: newScan(), pw: pw, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		s.err = s.scan.read(pr)
		// What follows the end marker, or an error.
		_, _ = io.Copy(io.Discard, pr)
	}()
	return s
}

func (s *scanSink) Write(p []byte) (int, error) { return s.pw.Write(p) }

func (s *scanSink) Close() error {
	err := s.pw.Close()
	<-s.done
	return err
}
