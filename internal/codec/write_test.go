package codec

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"sync"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

// TestWriter: what is written is read again, by every codec and level, and is the same
// however it is written.
func TestWriter(t *testing.T) {
	in := imagetest.Content("x", 300_000)
	for _, c := range []Codec{Plain, Gzip, Zstd} {
		lowest, highest, standard, ok := Levels(c)
		if !ok || standard < lowest || standard > highest {
			t.Errorf("%s: levels %d to %d, %d", c, lowest, highest, standard)
		}
		for level := range highest + 1 {
			whole, parts := pack(t, in, len(in), c, level), pack(t, in, 777, c, level)
			if !bytes.Equal(whole, parts) || Of(whole) != c {
				t.Errorf("%s, level %d: %d bytes, in parts %d", c, level, len(whole), len(parts))
			}
			r, release, err := Decompress(bufio.NewReader(bytes.NewReader(whole)))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, in) {
				t.Errorf("%s, level %d: %d bytes are read, %v", c, level, len(got), err)
			}
			release()
		}
	}
	for c, level := range map[Codec]int{Gzip: 10, Zstd: -1, Plain: 1} {
		if _, err := NewWriter(io.Discard, c, level); !errors.Is(err, whittle.ErrUsage) {
			t.Errorf("%s, level %d: %v", c, level, err)
		}
	}
	if _, err := NewWriter(io.Discard, XZ, 0); !errors.Is(err, whittle.ErrUnsupported) {
		t.Errorf("xz: %v", err)
	}
}

// TestCompress: a whole text is read again, also by several goroutines at a time.
func TestCompress(t *testing.T) {
	var all sync.WaitGroup
	for i, n := range []int{0, 1, 5, 4000, 300_000, 5_000_000} {
		all.Go(func() {
			in := imagetest.Content(strconv.Itoa(i), n)
			out, err := Compress(in)
			if err != nil || Of(out) != Zstd {
				t.Errorf("%d bytes: %s, %v", n, Of(out), err)
				return
			}
			r, release, err := Decompress(bufio.NewReader(bytes.NewReader(out)))
			if err != nil {
				t.Error(err)
				return
			}
			defer release()
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, in) {
				t.Errorf("%d bytes: %d are read, %v", n, len(got), err)
			}
		})
	}
	all.Wait()
}

// pack compresses in pieces of n bytes.
func pack(t *testing.T, in []byte, n int, c Codec, level int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, c, level)
	if err != nil {
		t.Fatal(err)
	}
	for len(in) > 0 {
		k := min(n, len(in))
		if _, err := w.Write(in[:k]); err != nil {
			t.Fatal(err)
		}
		in = in[k:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
