package index

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

// seeds are small tars of all forms.
func seeds(f *testing.F) [][]byte {
	out := [][]byte{imagetest.Tar(f, "d usr\nf usr/a 100\ns l usr\nh usr/b usr/a\nw x\no usr\nf usr/c \"x\" x.user.k=v"), nil}
	names, err := filepath.Glob("testdata/*.tar")
	if err != nil || len(names) == 0 {
		f.Fatal("no testdata", err)
	}
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		out = append(out, raw)
	}
	return out
}

// FuzzRead reads bytes as a layer, plain, by gzip or by zstd as they say.
func FuzzRead(f *testing.F) {
	for _, raw := range seeds(f) {
		for _, codec := range codecs {
			f.Add(imagetest.Compress(f, codec, raw))
		}
	}
	opts := Options{Limits: Limits{Entries: 1000, Unpacked: 8 << 20, Memory: 1 << 20}, Hash: true}
	f.Fuzz(func(t *testing.T, stored []byte) {
		l := &imagetest.Layer{Codec: imagetest.Plain, Stored: stored} // without a diff ID it is not verified
		whole, err := Read(context.Background(), l, opts)
		if err != nil && !errors.Is(err, whittle.ErrCorrupt) && !errors.Is(err, whittle.ErrLimit) && !errors.Is(err, whittle.ErrUnsupported) {
			t.Fatalf("an error of no kind: %v", err)
		}
		if err == nil {
			checkIndex(t, whole)
			checkKept(t, l, whole, opts.Limits)
		}
		if _, ok := plainSection(l); !ok {
			return
		}
		headers, headersErr := Read(context.Background(), l, Options{Limits: opts.Limits})
		if (err == nil) != (headersErr == nil) {
			t.Fatalf("reading all: %v; reading headers: %v", err, headersErr)
		}
		if err != nil {
			return
		}
		headers.Hashed = true
		for i := range headers.Entries {
			headers.Entries[i].Content = whole.Entries[i].Content
		}
		if d := cmp.Diff(whole, headers); d != "" {
			t.Fatal(d)
		}
	})
}

// checkKept reads a layer without digests and holds the contents that are kept
// of it to the digests of the index.
func checkKept(t *testing.T, l *imagetest.Layer, whole *whittle.Index, limits Limits) {
	t.Helper()
	idx, err := Read(context.Background(), struct{ whittle.Layer }{l}, Options{Limits: limits, NoDigests: true, Keep: func(*whittle.Entry) bool { return true }, KeepName: "all"})
	if err != nil {
		t.Fatalf("with digests it can be read, without: %v", err)
	}
	if idx.Hashed || !slices.EqualFunc(idx.Entries, whole.Entries, sameEntry) {
		t.Fatalf("without digests: %+v, with: %+v", idx.Entries, whole.Entries)
	}
	for i, e := range whole.Entries {
		if b, ok := idx.Kept[i]; ok != (e.Kind == whittle.File) || ok && sha256.Sum256(b) != e.Content {
			t.Fatalf("entry %d: %d bytes are kept (%v)", i, len(b), ok)
		}
	}
}

func checkIndex(t *testing.T, idx *whittle.Index) {
	t.Helper()
	var sum int64
	for i, e := range idx.Entries {
		if p, err := whittle.CleanPath(e.Path); err != nil || p != e.Path || p == "" {
			t.Fatalf("entry %d: path %q", i, e.Path)
		}
		if e.Size < 0 || e.Kind != whittle.File && e.Size != 0 || e.Offset > idx.TarSize {
			t.Fatalf("entry %d: %+v", i, e)
		}
		sum += e.Size
	}
	if sum != idx.Size {
		t.Fatalf("the sizes add up to %d, not %d", sum, idx.Size)
	}
	cost := Cost{Entries: 1, Names: 2, Name: 3, Tar: 4, Unpacked: 5, Ratio: 6}
	got, gotCost, err := decode(encoded(t, idx, cost))
	if err != nil {
		t.Fatal(err)
	}
	got.Verified = idx.Verified // what is in a cache was verified
	if d := cmp.Diff(idx, got); d != "" || gotCost != cost {
		t.Fatal(d, gotCost)
	}
}

// FuzzHeaders holds the reader of headers to archive/tar's reading.
func FuzzHeaders(f *testing.F) {
	for _, raw := range seeds(f) {
		f.Add(raw)
	}
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, h := range []tar.Header{{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "x"}}, {Name: "a", Typeflag: tar.TypeReg, Size: 3},
		{Name: "b", Typeflag: tar.TypeReg, Size: 1, ModTime: time.Unix(1, 5), Format: tar.FormatPAX}, {Name: "c", Uid: 1 << 24, Format: tar.FormatGNU}} {
		if err := w.WriteHeader(&h); err != nil {
			f.Fatal(err)
		}
		if _, err := w.Write(make([]byte, h.Size)); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(buf.Bytes())
	f.Fuzz(func(t *testing.T, raw []byte) {
		src := newSeeker(io.NewSectionReader(bytes.NewReader(raw), 0, int64(len(raw))))
		ours, std := &headers{src: src}, tar.NewReader(bytes.NewReader(raw))
		for n := 0; ; n++ {
			want, wantErr := std.Next()
			if wantErr == nil && want.Size > 1<<20 {
				return // nothing that is compared here can be read any more
			}
			got, err := ours.Next()
			if err != wantErr {
				t.Fatalf("entry %d: %v, archive/tar says %v", n, err, wantErr)
			}
			if err != nil {
				return
			}
			if d := cmp.Diff(relevant(want), relevant(got)); d != "" {
				t.Fatalf("entry %d: %s", n, d)
			}
			if n%2 == 0 {
				continue // the content is skipped
			}
			a, errA := io.ReadAll(std)
			b, errB := io.ReadAll(onlyReader{ours})
			if errA != errB || !bytes.Equal(a, b) {
				t.Fatalf("entry %d: %d bytes and %v, archive/tar reads %d and %v", n, len(b), errB, len(a), errA)
			}
		}
	})
}

// relevant drops what an index does not hold.
func relevant(h *tar.Header) tar.Header {
	r := *h
	r.Uname, r.Gname, r.AccessTime, r.ChangeTime, r.Format = "", "", time.Time{}, time.Time{}, 0
	if !hasBody(r.Typeflag) {
		r.Size = 0
	}
	return r
}

// encoded is an index as a file of the cache has it.
func encoded(tb testing.TB, idx *whittle.Index, cost Cost) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := encode(&b, idx, cost); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// body is what the checksum of a file of the cache is of.
func body(file []byte) []byte { return file[len(cacheVersion) : len(file)-sha256.Size] }

// FuzzCache decodes the body of a cache file.
func FuzzCache(f *testing.F) {
	for _, raw := range seeds(f) {
		idx, err := Read(context.Background(), imagetest.NewLayer(f, imagetest.Plain, raw), Options{Hash: true})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body(encoded(f, idx, Cost{Entries: 300})))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		idx, cost, err := decodeBody(data)
		if err != nil {
			return
		}
		again, cost2, err := decodeBody(body(encoded(t, idx, cost)))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(idx, again); d != "" || cost != cost2 {
			t.Fatal(d, cost, cost2)
		}
		if _, _, err := decode(bytes.Repeat(data, 2)); err == nil {
			t.Fatal("without its checksum")
		}
	})
}

// FuzzZstd: a tar that is compressed by zstd, in any number of frames, is the
// same layer.
func FuzzZstd(f *testing.F) {
	for _, raw := range seeds(f) {
		f.Add(raw, 100)
	}
	opts := Options{Limits: Limits{Entries: 1000, Unpacked: 8 << 20, Memory: 1 << 20}, Hash: true}
	f.Fuzz(func(t *testing.T, raw []byte, cut int) {
		cut = min(max(cut, 0), len(raw))
		stored := append(imagetest.Compress(t, imagetest.Zstd, raw[:cut]), imagetest.Compress(t, imagetest.Zstd, raw[cut:])...)
		want, wantErr := Read(context.Background(), &imagetest.Layer{Codec: imagetest.Plain, Stored: append(raw[:len(raw):len(raw)], make([]byte, 1024)...)}, opts)
		got, err := Read(context.Background(), &imagetest.Layer{Codec: imagetest.Zstd, Stored: stored}, opts)
		if err != nil || wantErr != nil {
			return // a tar's end may be missing in one of them
		}
		if d := cmp.Diff(want.Entries, got.Entries); d != "" {
			t.Error(d)
		}
	})
}
