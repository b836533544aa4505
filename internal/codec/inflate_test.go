package codec

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"whittle.dev/whittle/internal/imagetest"
)

// inflateAll decodes at most most bytes.
func inflateAll(r io.Reader, most int) (all []byte, err error) {
	f := newInflater(r)
	f.reset()
	for out := new(Buffer); f.err == nil && len(all) < most; {
		f.moveTo(out)
		all = append(all, f.decode()...)
	}
	if len(all) < most && f.err != io.EOF {
		err = f.err
	}
	return all[:min(len(all), most)], err
}

func TestInflate(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var inputs [][]byte
	for _, alphabet := range []int{1, 2, 3, 40, 256} {
		for _, size := range []int{0, 7, 200, 70_000} {
			b := make([]byte, size)
			for i := range b {
				if i > 20 && rnd.IntN(8) == 0 { // a match
					copy(b[i:min(len(b), i+3+rnd.IntN(300))], b[i-1-rnd.IntN(min(i, 33000)):])
				} else if b[i] == 0 {
					b[i] = byte(rnd.IntN(alphabet))
				}
			}
			inputs = append(inputs, b)
		}
	}
	inputs = append(inputs, bytes.Repeat(imagetest.Content("x", 300_000), 2))
	for _, in := range inputs {
		for _, level := range []int{flate.HuffmanOnly, flate.NoCompression, flate.BestSpeed, flate.DefaultCompression, flate.BestCompression} {
			checkInflate(t, in, level)
		}
	}
}

func deflate(t testing.TB, in []byte, level int) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, err := flate.NewWriter(&buf, level)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(in); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func checkInflate(t *testing.T, in []byte, level int) {
	t.Helper()
	packed := deflate(t, in, level)
	if got, err := inflateAll(iotest.DataErrReader(bytes.NewReader(packed)), 1<<30); err != nil || !bytes.Equal(got, in) {
		t.Fatalf("%d bytes, level %d: %d bytes, %v", len(in), level, len(got), err)
	}
	if len(in) > 200 {
		return
	}
	if got, err := inflateAll(iotest.OneByteReader(bytes.NewReader(packed)), 1<<30); err != nil || !bytes.Equal(got, in) {
		t.Fatalf("%d bytes, level %d, byte by byte: %d bytes, %v", len(in), level, len(got), err)
	}
	for cut := range packed {
		if got, err := inflateAll(bytes.NewReader(packed[:cut]), 1<<30); err != io.ErrUnexpectedEOF || !bytes.HasPrefix(in, got) {
			t.Fatalf("%d bytes, level %d, cut at %d of %d: %d bytes, %v", len(in), level, cut, len(packed), len(got), err)
		}
	}
}

// FuzzInflate holds the decompressor to compress/flate's reading.
func FuzzInflate(f *testing.F) {
	text := imagetest.Content("x", 3000)
	for _, level := range []int{flate.HuffmanOnly, flate.NoCompression, flate.BestSpeed, flate.BestCompression} {
		f.Add(deflate(f, text, level))
		f.Add(deflate(f, text[:20], level))
		f.Add(deflate(f, make([]byte, 100_000), level))
	}
	f.Fuzz(func(t *testing.T, packed []byte) {
		const most = 4 << 20
		want, wantErr := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), most))
		got, err := inflateAll(bytes.NewReader(packed), most)
		if (err == nil) != (wantErr == nil) { // which error it is may differ at the end of the data
			t.Fatalf("%v, compress/flate says %v", err, wantErr)
		}
		if err == nil && !bytes.Equal(got, want) || !bytes.HasPrefix(want, got) && !bytes.HasPrefix(got, want) {
			t.Fatalf("%d bytes, compress/flate reads %d others", len(got), len(want))
		}
	})
}

// mayHaveLongText says whether a header may have a name or a comment that compress/gzip
// refuses to read. RFC 1952 bounds neither, and gzip and CPython read them.
func mayHaveLongText(packed []byte) bool {
	for text := range bytes.SplitSeq(packed, []byte{0}) {
		if len(text) >= 512 {
			return true
		}
	}
	return false
}

// TestLongName: the length of the name and of the comment in a header is not bounded.
func TestLongName(t *testing.T) {
	for _, length := range []int{0, 511, 512, 3000, 100_000} {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		w.Header = gzip.Header{Name: strings.Repeat("n", length), Comment: strings.Repeat("c", length)}
		_, err := w.Write([]byte("content"))
		if err := errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
		r, err := newGunzip(bytes.NewReader(packed.Bytes()))
		if err != nil {
			t.Fatalf("a name of %d bytes: %v", length, err)
		}
		if got, err := io.ReadAll(r); err != nil || string(got) != "content" {
			t.Errorf("a name of %d bytes: %q, %v", length, got, err)
		}
	}
}

// FuzzGunzip does the same for whole files.
func FuzzGunzip(f *testing.F) {
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	w.Header = gzip.Header{Name: "name", Comment: "comment", Extra: []byte("extra"), ModTime: time.Unix(1, 0)}
	if _, err := w.Write([]byte("content")); err != nil {
		f.Fatal(err)
	}
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	one := buf.Bytes()
	f.Add(one)
	f.Add(bytes.Repeat(one, 3))
	f.Add(append(bytes.Clone(one), "more"...))
	f.Fuzz(func(t *testing.T, packed []byte) {
		const most = 4 << 20
		if len(packed) > 3 && packed[3]&2 != 0 {
			return // compress/gzip checks the sum of the header
		}
		var want, got []byte
		std, wantErr := gzip.NewReader(bytes.NewReader(packed))
		if wantErr == nil {
			want, wantErr = io.ReadAll(io.LimitReader(std, most))
		}
		ours, err := newGunzip(bytes.NewReader(packed))
		if err == nil {
			got, err = io.ReadAll(io.LimitReader(ours, most))
		}
		if errors.Is(wantErr, gzip.ErrHeader) && mayHaveLongText(packed) {
			return // TestLongName
		}
		if (err == nil) != (wantErr == nil) || err == nil && !bytes.Equal(got, want) {
			t.Fatalf("%d bytes and %v, compress/gzip reads %d and %v", len(got), err, len(want), wantErr)
		}
		if filled, err := fillAll(t, packed, most); (err == nil) != (wantErr == nil) || err == nil && !bytes.Equal(filled, want) {
			t.Fatalf("filled, %d bytes and %v, compress/gzip reads %d and %v", len(filled), err, len(want), wantErr)
		}
	})
}

// fillAll decodes by Fill, with each buffer poisoned as soon as it may be: two calls later.
func fillAll(t *testing.T, packed []byte, most int) (all []byte, err error) {
	t.Helper()
	g, err := newGunzip(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	var bufs [2]Buffer
	var last, copied []byte
	for i := 0; err == nil && len(all) < most; i++ {
		var data []byte
		data, err = g.Fill(&bufs[i%2])
		if !bytes.Equal(last, copied) {
			t.Fatal("the data of the call before were changed")
		}
		for k := range last {
			last[k] = 0xa5
		}
		if len(data) == 0 && err == nil {
			t.Fatal("no data and no error")
		}
		all = append(all, data...)
		last, copied = data, bytes.Clone(data)
	}
	if err == io.EOF {
		err = nil
	}
	return all[:min(len(all), most)], err
}

// TestFill: filled buffers have what compress/gzip reads, with matches from one to the next
// one, and of many members.
func TestFill(t *testing.T) {
	far := imagetest.Content("far", windowSize)
	text := bytes.Repeat(far, 40)
	for name, members := range map[string][][]byte{
		"nothing":       {nil},
		"one":           {text},
		"empty between": {nil, text[:10], nil, nil, text, nil},
		"many":          slices.Repeat([][]byte{text[:70]}, 5_000),
		"zeros":         {make([]byte, 5*outSize)},
		"full buffers":  {far[:1], text[:2*outSize], far},
	} {
		var packed bytes.Buffer
		var want []byte
		w := gzip.NewWriter(&packed)
		for _, m := range members {
			w.Reset(&packed)
			_, err := w.Write(m)
			if err := errors.Join(err, w.Close()); err != nil {
				t.Fatal(err)
			}
			want = append(want, m...)
		}
		if got, err := fillAll(t, packed.Bytes(), 1<<30); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v; want %d", name, len(got), err, len(want))
		}
		cut := packed.Bytes()[:packed.Len()-1]
		if got, err := fillAll(t, cut, 1<<30); err != io.ErrUnexpectedEOF || !bytes.HasPrefix(want, got) {
			t.Errorf("%s, cut short: %d bytes, %v", name, len(got), err)
		}
	}
}
