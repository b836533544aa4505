// Package imagetest makes container images in memory from a compact text
// notation, for tests.
//
// One line of the notation is one tar entry, in order; blank lines and lines
// that start with # are skipped. A field that starts with a double quote is a
// Go string literal, so that any byte can be named.
//
//	d  PATH                 directory
//	f  PATH 1200            regular file of 1200 bytes that depend on its path
//	f  PATH "text\n"        regular file with this content
//	s  PATH TARGET          symlink
//	h  PATH TARGET          hard link
//	w  PATH                 whiteout of PATH, written as .wh.NAME beside it
//	o  PATH                 opaque marker in the directory PATH ("." is the root)
//	c  PATH MAJOR:MINOR     character device
//	b  PATH MAJOR:MINOR     block device
//	p  PATH                 fifo
//
// Attributes may follow: mode=0644 uid=1 gid=2 mtime=SECONDS seed=TEXT (for
// other content of the same size) x.NAME=VALUE (an extended attribute).
package imagetest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"io"
	"testing"

	"github.com/klauspost/compress/zstd"

	"whittle.dev/whittle"
)

// Codec is how layers are stored.
type Codec string

// The codecs. Plain layers have no transfer blob and can be read in sections,
// as those of a docker archive.
const (
	Plain Codec = "plain"
	Gzip  Codec = "gzip"
	Zstd  Codec = "zstd"
)

var mediaTypes = map[Codec]string{
	Gzip: "application/vnd.oci.image.layer.v1.tar+gzip",
	Zstd: "application/vnd.oci.image.layer.v1.tar+zstd",
}

// Image is an image in memory. Change its Conf before use to set what the
// notation cannot.
type Image struct {
	Name   string
	Conf   whittle.Config
	layers []whittle.Layer
}

// New makes an image of one notation per layer, lowest first. Each layer gets
// a history line "layer N".
func New(t testing.TB, codec Codec, layers ...string) *Image {
	t.Helper()
	tars := make([][]byte, len(layers))
	for i, notation := range layers {
		tars[i] = Tar(t, notation)
	}
	return FromTars(t, codec, tars...)
}

// FromTars makes an image of finished tars, lowest first.
func FromTars(t testing.TB, codec Codec, tars ...[]byte) *Image {
	t.Helper()
	img := &Image{Name: "imagetest"}
	img.Conf.OS, img.Conf.Architecture = "linux", "amd64"
	img.Conf.RootFS.Type = "layers"
	for _, raw := range tars {
		l := NewLayer(t, codec, raw)
		img.layers = append(img.layers, l)
		img.Conf.RootFS.DiffIDs = append(img.Conf.RootFS.DiffIDs, l.DiffID())
		img.Conf.History = append(img.Conf.History, whittle.History{CreatedBy: "layer " + string(rune('0'+len(img.layers)%10))})
	}
	return img
}

// Ref implements [whittle.Image].
func (i *Image) Ref() whittle.Ref {
	return whittle.Ref{Name: i.Name, Source: "imagetest", Digest: whittle.SHA256(sha256.Sum256([]byte(i.Name)))}
}

// Config implements [whittle.Image].
func (i *Image) Config() *whittle.Config { return &i.Conf }

// Layers implements [whittle.Image].
func (i *Image) Layers() []whittle.Layer { return i.layers }

// Close implements [whittle.Image].
func (i *Image) Close() error { return nil }

// Layer is a layer in memory. Its fields may be changed before use to make a
// layer that lies.
type Layer struct {
	ID     whittle.Digest
	Codec  Codec
	Stored []byte
}

// NewLayer stores a finished tar.
func NewLayer(t testing.TB, codec Codec, raw []byte) *Layer {
	t.Helper()
	return &Layer{ID: whittle.SHA256(sha256.Sum256(raw)), Codec: codec, Stored: Compress(t, codec, raw)}
}

// DiffID implements [whittle.Layer].
func (l *Layer) DiffID() whittle.Digest { return l.ID }

// Blob implements [whittle.Layer]; plain layers have none.
func (l *Layer) Blob() (whittle.Blob, bool) {
	if l.Codec == Plain {
		return whittle.Blob{}, false
	}
	sum := sha256.Sum256(l.Stored)
	return whittle.Blob{Digest: whittle.SHA256(sum), Size: int64(len(l.Stored)), MediaType: mediaTypes[l.Codec]}, true
}

// Open implements [whittle.Layer].
func (l *Layer) Open(context.Context) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(l.Stored)), nil
}

// Section implements [whittle.Sectioner] for plain layers.
func (l *Layer) Section() (*io.SectionReader, bool) {
	return io.NewSectionReader(bytes.NewReader(l.Stored), 0, int64(len(l.Stored))), l.Codec == Plain
}

// Compress stores bytes with a codec.
func Compress(t testing.TB, codec Codec, raw []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	var w io.WriteCloser
	switch codec {
	case Plain:
		return raw
	case Gzip:
		w = gzip.NewWriter(&buf)
	case Zstd:
		enc, err := zstd.NewWriter(&buf, zstd.WithEncoderConcurrency(1))
		if err != nil {
			t.Fatal(err)
		}
		w = enc
	default:
		t.Fatalf("no codec %q", codec)
	}
	if _, err := w.Write(raw); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// Unzstd decompresses zstd as far as it can be read; ok is false if it is none.
func Unzstd(text []byte) (plain []byte, ok bool) {
	z, err := zstd.NewReader(bytes.NewReader(text))
	if err != nil {
		return nil, false
	}
	defer z.Close()
	plain, _ = io.ReadAll(z)
	return plain, true
}

// Tar writes one layer's notation as a tar.
func Tar(t testing.TB, notation string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, e := range parse(t, notation) {
		if err := w.WriteHeader(&e.header); err != nil {
			t.Fatalf("%s: %v", e.line, err)
		}
		if _, err := w.Write(e.content); err != nil {
			t.Fatalf("%s: %v", e.line, err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}
