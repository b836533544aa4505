package index

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

// unpacked is an entry as archive/tar reads it.
type unpacked struct {
	Header tar.Header
	Sum    [32]byte
}

// unpack reads all entries of a tar with archive/tar.
func unpack(raw []byte) (out []unpacked, err error) {
	r := tar.NewReader(bytes.NewReader(raw))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		sum := sha256.New()
		if _, err := io.Copy(sum, r); err != nil {
			return out, err
		}
		out = append(out, unpacked{*h, [32]byte(sum.Sum(nil))})
	}
}

// unended is a tar without its end of archive.
func unended(raw []byte) []byte {
	for len(raw) >= blockSize && bytes.Equal(raw[len(raw)-blockSize:], make([]byte, blockSize)) {
		raw = raw[:len(raw)-blockSize]
	}
	return raw
}

// drawPiece draws one entry as a tar without its end: of archive/tar's formats, or one
// of those that GNU tar wrote.
func drawPiece(t *rapid.T, ready map[string][]byte, names []string) []byte {
	if rapid.IntRange(0, 3).Draw(t, "ready") == 0 {
		return ready[rapid.SampledFrom(names).Draw(t, "form")]
	}
	h := &tar.Header{Name: rapid.StringMatching(`[a-c]{1,3}(/[a-c]{1,2}){0,2}`).Draw(t, "name"), Mode: 0o4755, Uid: 3, ModTime: time.Unix(1_700_000_000, 0)}
	h.Format = rapid.SampledFrom([]tar.Format{tar.FormatPAX, tar.FormatGNU, tar.FormatUSTAR}).Draw(t, "format")
	if h.Format != tar.FormatUSTAR {
		h.Name += strings.Repeat("/long", rapid.SampledFrom([]int{0, 20, 60, 300}).Draw(t, "long"))
	}
	if h.Format == tar.FormatPAX {
		h.PAXRecords = map[string]string{"SCHILY.xattr.user.k": strings.Repeat("v", rapid.IntRange(1, 900).Draw(t, "xattr"))}
		h.ModTime = h.ModTime.Add(5 * time.Nanosecond)
	}
	h.Typeflag = rapid.SampledFrom([]byte{tar.TypeReg, tar.TypeReg, tar.TypeDir, tar.TypeSymlink, tar.TypeLink, tar.TypeChar, tar.TypeFifo}).Draw(t, "type")
	var content []byte
	switch h.Typeflag {
	case tar.TypeReg:
		content = imagetest.Content(h.Name, rapid.SampledFrom([]int{0, 1, 511, 512, 513, 300_000}).Draw(t, "size"))
		h.Size = int64(len(content))
	case tar.TypeSymlink, tar.TypeLink:
		h.Linkname = h.Name[:min(len(h.Name), 90)] + "x"
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(h); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestCopy: archive/tar reads in a copy what it reads in the original, without what was
// to go; a copy of everything is the original.
func TestCopy(t *testing.T) {
	ready := map[string][]byte{}
	var names []string
	for _, form := range []string{"sparse-gnu", "sparse-pax-0.0", "sparse-pax-0.1", "sparse-pax-1.0", "long-gnu", "long-pax", "v7"} {
		raw, err := os.ReadFile(filepath.Join("testdata", form+".tar"))
		if err != nil {
			t.Fatal(err)
		}
		ready[form], names = unended(raw), append(names, form)
	}
	rapid.Check(t, func(rt *rapid.T) {
		var raw []byte
		for range rapid.IntRange(0, 6).Draw(rt, "pieces") {
			raw = append(raw, drawPiece(rt, ready, names)...)
		}
		raw = append(raw, make([]byte, blockSize*rapid.SampledFrom([]int{0, 2, 3, 20}).Draw(rt, "end"))...)
		codec := rapid.SampledFrom(codecs).Draw(rt, "codec")
		l := imagetest.NewLayer(t, codec, raw)
		idx, err := Read(context.Background(), l, Options{})
		if err != nil {
			rt.Fatal(err)
		}
		drop := make([]bool, len(idx.Entries))
		for i := range drop {
			drop[i] = rapid.Bool().Draw(rt, "drop")
		}
		checkCopy(rt, l, raw, idx, drop)
	})
}

type failing interface {
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func checkCopy(t failing, l whittle.Layer, raw []byte, idx *whittle.Index, drop []bool) {
	ctx := context.Background()
	var whole, part, entries bytes.Buffer
	if err := Copy(ctx, l, idx, func(int) bool { return true }, &whole); err != nil || !bytes.Equal(whole.Bytes(), raw) {
		t.Fatalf("a copy of %d bytes has %d, %v", len(raw), whole.Len(), err)
	}
	keep := func(i int) bool { return !drop[i] }
	if err := Copy(ctx, l, idx, keep, &part); err != nil {
		t.Fatal(err)
	}
	all, err := unpack(raw)
	if err != nil {
		t.Fatal(err)
	}
	want := []unpacked{}
	for i, e := range all {
		if keep(i) {
			want = append(want, e)
		}
	}
	got, err := unpack(part.Bytes())
	if diff := cmp.Diff(want, append([]unpacked{}, got...)); diff != "" || err != nil {
		t.Fatalf("%v (-want +got):\n%s", err, diff)
	}
	// The bytes of the entries, which may end within a block, begin the copy, and what
	// follows the last entry of the original ends it.
	if err := CopyEntries(ctx, l, idx, keep, &entries); err != nil {
		t.Fatal(err)
	}
	n := min(entries.Len(), part.Len())
	if !bytes.Equal(entries.Bytes()[:n], part.Bytes()[:n]) || len(bytes.Trim(entries.Bytes()[n:], "\x00")) > 0 || entries.Len()%blockSize != 0 || !bytes.HasSuffix(raw, part.Bytes()[n:]) {
		t.Fatalf("the entries alone have %d bytes, with the end %d", entries.Len(), part.Len())
	}
	if got, err = unpack(append(entries.Bytes(), EndOfArchive()...)); err != nil || !cmp.Equal(want, append([]unpacked{}, got...)) {
		t.Fatalf("the entries alone: %d of %d, %v", len(got), len(want), err)
	}
}

// TestCopyRefuses: a global header, a layer that is not that of the index, and a
// writer that fails are errors.
func TestCopyRefuses(t *testing.T) {
	ctx := context.Background()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "c"}}); err != nil {
		t.Fatal(err)
	}
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "a/"}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	all := func(int) bool { return true }
	global := imagetest.NewLayer(t, imagetest.Gzip, b.Bytes())
	idx, err := Read(ctx, global, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := Copy(ctx, global, idx, all, io.Discard); !errors.Is(err, ErrGlobalHeader) || !errors.Is(err, whittle.ErrUnsupported) {
		t.Errorf("a global header: %v", err)
	}
	l := layer(t, imagetest.Gzip, "d a\nf a/b 10")
	idx, err = Read(ctx, l, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{"d a", "d a\nf a/b 11", "d a\nf a/b 10\nf c 1"} {
		if err := Copy(ctx, layer(t, imagetest.Gzip, other), idx, all, io.Discard); !errors.Is(err, whittle.ErrCorrupt) {
			t.Errorf("%q by another index: %v", other, err)
		}
	}
	full := fmt.Errorf("the disk is full")
	if err := Copy(ctx, l, idx, all, writerFunc(func([]byte) (int, error) { return 0, full })); !errors.Is(err, full) {
		t.Errorf("a writer that fails: %v", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	if err := Copy(ctx, l, idx, all, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// FuzzCopy copies a tar without the entries whose bit is set.
func FuzzCopy(f *testing.F) {
	for _, raw := range seeds(f) {
		f.Add(raw, uint16(0))
		f.Add(raw, uint16(0b101))
	}
	limits := Limits{Entries: 1000, Unpacked: 8 << 20, Memory: 1 << 20}
	f.Fuzz(func(t *testing.T, raw []byte, drops uint16) {
		l := &imagetest.Layer{Codec: imagetest.Plain, Stored: raw}
		if _, ok := plainSection(l); !ok {
			return
		}
		idx, err := Read(context.Background(), l, Options{Limits: limits, Hash: true})
		if err != nil {
			return
		}
		if err := Copy(context.Background(), l, idx, func(int) bool { return true }, io.Discard); errors.Is(err, ErrGlobalHeader) {
			return
		}
		drop := make([]bool, len(idx.Entries))
		for i := range drop {
			drop[i] = drops>>(i%16)&1 == 1
		}
		checkCopy(t, l, raw, idx, drop)
	})
}
