package codec

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/klauspost/compress/zstd"

	"whittle.dev/whittle/internal/imagetest"
)

// small are sizes for which a few kilobytes are many parts.
var small = sizes{part: 300, maxPart: 5000, full: 40_000, maxBytes: 200_000, ahead: 300_000}

// serialReader decodes as on one core.
func serialReader(src *bufio.Reader) (io.Reader, func(), error) {
	magic, _ := src.Peek(MagicSize)
	if Of(magic) == Gzip {
		r, err := newGunzip(src)
		return r, func() {}, Error(err)
	}
	r, err := newDecoder(src)
	if err != nil {
		return nil, nil, err
	}
	return r, r.Close, nil
}

// partsReader decodes as on several cores, in parts of these sizes.
func partsReader(src *bufio.Reader, s sizes) (io.Reader, func(), error) {
	magic, _ := src.Peek(MagicSize)
	if Of(magic) == Gzip {
		r, err := newMembers(src)
		if err != nil {
			return nil, nil, Error(err)
		}
		r.ahead.sizes = s
		return r, r.Close, nil
	}
	r, err := newZframes(src)
	if err != nil {
		return nil, nil, err
	}
	if s != usual {
		r.ahead.sizes = s
	}
	return r, r.Close, nil
}

// read is all that a decoder gives, at most most bytes, and its error.
func read(r io.Reader, release func(), err error, most int64) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	defer release()
	b, err := io.ReadAll(io.LimitReader(r, most))
	return b, Error(err)
}

// decoded is what one core decodes of a stream that is whole.
func decoded(t *testing.T, stored []byte) []byte {
	t.Helper()
	r, release, err := serialReader(bufio.NewReader(bytes.NewReader(stored)))
	b, err := read(r, release, err, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// compareParts holds the decoding of several parts at a time to that of one after another.
func compareParts(t *testing.T, stored []byte, s sizes, open func([]byte) io.Reader, most int64) {
	t.Helper()
	r, release, err := serialReader(bufio.NewReader(open(stored)))
	want, wantErr := read(r, release, err, most)
	r, release, err = partsReader(bufio.NewReader(open(stored)), s)
	got, gotErr := read(r, release, err, most)
	if _, ok := r.(Filler); ok && most > int64(len(want)) {
		again, release, err := partsReader(bufio.NewReader(open(stored)), s)
		if err != nil {
			t.Fatal(err)
		}
		compareFill(t, again.(Filler), want, gotErr)
		release()
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("%d bytes: %d bytes and %v, one after another %d and %v", len(stored), len(got), gotErr, len(want), wantErr)
	}
	if (gotErr == nil) != (wantErr == nil) || gotErr != nil && gotErr.Error() != wantErr.Error() {
		t.Fatalf("%d bytes: %v, one after another %v", len(stored), gotErr, wantErr)
	}
}

// compareFill compares what Fill gives with what Read gave.
func compareFill(t *testing.T, f Filler, want []byte, wantErr error) {
	t.Helper()
	var got []byte
	for buf, last := new(Buffer), new(Buffer); ; buf, last = last, buf {
		data, err := f.Fill(buf)
		got = append(got, data...)
		if err == io.EOF {
			err = nil
		} else if err == nil {
			continue
		}
		if err = Error(err); !bytes.Equal(got, want) || (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
			t.Fatalf("filled with %d bytes and %v, read %d and %v", len(got), err, len(want), wantErr)
		}
		return
	}
}

// severalCores makes a machine with one core as one with several.
func severalCores(t testing.TB) {
	before := runtime.GOMAXPROCS(3)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

func whole(b []byte) io.Reader { return bytes.NewReader(b) }

// member is a gzip member of a kind, of a text.
func member(t testing.TB, rnd *rand.Rand, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, []int{flate.NoCompression, flate.BestSpeed, flate.DefaultCompression, flate.HuffmanOnly}[rnd.IntN(4)])
	if err != nil {
		t.Fatal(err)
	}
	if rnd.IntN(3) == 0 {
		w.Header = gzip.Header{Name: strings.Repeat("n", rnd.IntN(30)), Comment: strings.Repeat("c", rnd.IntN(400)), ModTime: time.Unix(1, 0), OS: byte(rnd.IntN(256))}
		if rnd.IntN(2) == 0 {
			w.Extra = []byte("extra \x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03")
		}
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// frameOf is a zstd frame of a kind, of a text, or a skippable frame.
func frameOf(t testing.TB, rnd *rand.Rand, text []byte) []byte {
	t.Helper()
	if rnd.IntN(6) == 0 {
		b, err := SkippableFrame(text[:min(len(text), rnd.IntN(6000))])
		if err != nil {
			t.Fatal(err)
		}
		b[0] += byte(rnd.IntN(16))
		return b
	}
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, zstd.WithEncoderCRC(rnd.IntN(2) == 0), zstd.WithEncoderConcurrency(1), zstd.WithZeroFrames(true),
		zstd.WithWindowSize(1<<(10+rnd.IntN(10))), zstd.WithEncoderLevel(zstd.EncoderLevel(1+rnd.IntN(3))), zstd.WithSingleSegment(rnd.IntN(4) == 0))
	if err != nil {
		t.Fatal(err)
	}
	if rnd.IntN(2) == 0 {
		return w.EncodeAll(text, nil) // which says its size
	}
	for rest := text; len(rest) > 0; {
		n := min(len(rest), 1+rnd.IntN(50_000))
		if _, err := w.Write(rest[:n]); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// newPieces writes each text as a member of gzip or a frame of zstd.
func newPieces(t testing.TB, out io.Writer, c Codec) func([]byte) {
	t.Helper()
	z, err := NewFrameWriter(out, 3)
	if err != nil {
		t.Fatal(err)
	}
	var w FrameWriter = z
	if c == Gzip {
		w = gzip.NewWriter(out)
	}
	return func(text []byte) {
		w.Reset(out)
		if _, err := w.Write(text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// texts are contents that are easy and hard to decode ahead.
func texts(t testing.TB, rnd *rand.Rand) func() []byte {
	random := make([]byte, 20_000)
	for i := range random {
		random[i] = byte(rnd.Uint32())
	}
	inner := bytes.Repeat(member(t, rnd, random[:500]), 20)
	return func() []byte {
		switch rnd.IntN(9) {
		case 0:
			return nil
		case 1:
			return random[:1]
		case 2:
			return random[:rnd.IntN(len(random))]
		case 3: // what looks like members, and is one if it is stored
			return inner[:rnd.IntN(len(inner))]
		case 4:
			return make([]byte, rnd.IntN(50_000))
		case 5:
			return bytes.Repeat([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"), rnd.IntN(100))
		}
		return imagetest.Content("x", rnd.IntN(5000))
	}
}

// streams are many members or frames, and where each begins.
func streams(t testing.TB, rnd *rand.Rand, c Codec, pieces int) (stored []byte, starts []int) {
	text, write := texts(t, rnd), member
	if c == Zstd {
		write = frameOf
	}
	for range pieces {
		starts = append(starts, len(stored))
		stored = append(stored, write(t, rnd, text())...)
	}
	return stored, append(starts, len(stored))
}

// TestParts: what is decoded ahead is what is decoded one after another, for all kinds of
// members and frames, wherever they are cut short or wrong, and whatever follows them.
func TestParts(t *testing.T) {
	severalCores(t)
	rounds := 10
	if testing.Short() {
		rounds = 3
	}
	for _, c := range []Codec{Gzip, Zstd} {
		t.Run(string(c), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(7, 7))
			for range rounds {
				stored, starts := streams(t, rnd, c, 1+rnd.IntN(60))
				compareParts(t, stored, small, whole, 1<<30)
				compareParts(t, stored, usual, whole, 1<<30)
				compareParts(t, stored, small, func(b []byte) io.Reader { return iotest.HalfReader(iotest.DataErrReader(bytes.NewReader(b))) }, 1<<30)
				for _, more := range []string{"\x00", "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "more", "\x1f\x8b\x08", "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x00", "\x28\xb5\x2f\xfd\x04\x60\x01\x00\x00",
					"\x28\xb5\x2f\xfd\x00\xf8\x01\x00\x00", "\x28\xb5\x2f\xfd\x01\x00\x01\x01\x00\x00", "\x50\x2a\x4d\x18\x00\x00\x00\x01", "\x28\xb5\x2f\xfd\x08"} {
					compareParts(t, append(bytes.Clone(stored), more...), small, whole, 1<<30)
				}
				for range 15 {
					at := starts[rnd.IntN(len(starts))]
					cut := max(0, min(len(stored), at+[]int{-9, -8, -5, -4, -1, 0, 1, 3, 4, 5, 6, 9, 10, 11, 18, 200}[rnd.IntN(16)]))
					compareParts(t, stored[:cut], small, whole, 1<<30)
					flipped := bytes.Clone(stored)
					if at = min(at+rnd.IntN(300), len(stored)-1); at >= 0 {
						flipped[at] ^= 1 << rnd.IntN(8)
					}
					compareParts(t, flipped, small, whole, 1<<30)
				}
			}
		})
	}
}

// TestPartsLarge: members and frames beyond the size of a part are decoded, those that
// follow them, too, and the window of a frame stays bounded.
func TestPartsLarge(t *testing.T) {
	severalCores(t)
	rnd := rand.New(rand.NewPCG(1, 7))
	large := imagetest.Content("large", 10<<20)
	pieces, blank := 12, 20<<20
	if testing.Short() {
		pieces, blank = 4, 5<<20
	}
	for _, c := range []Codec{Gzip, Zstd} {
		write := member
		if c == Zstd {
			write = frameOf
		}
		var stored []byte
		for i := range pieces {
			text := imagetest.Content("x", 300_000*i)
			if i%5 == 2 {
				text = large
			}
			stored = append(stored, write(t, rnd, text)...)
		}
		compareParts(t, stored, usual, whole, 1<<30)
		compareParts(t, stored[:len(stored)-len(stored)/3], usual, whole, 1<<30)
		zeros := write(t, rnd, make([]byte, blank))
		compareParts(t, append(bytes.Repeat(zeros, 3), stored...), usual, whole, 1<<30)
	}
	few := frameOf(t, rnd, []byte("few"))
	for _, header := range []string{"\x28\xb5\x2f\xfd\x00\xf8", "\x28\xb5\x2f\xfd\xe0\x00\x00\x00\x00\x01\x00\x00\x00", "\x28\xb5\x2f\xfd\xe0\xff\xff\xff\xff\xff\xff\xff\xff", "\x28\xb5\x2f\xfd\xa0\x00\x00\x00\x80"} {
		compareParts(t, append(append(bytes.Repeat(few, 5), header...), "\x01\x00\x00"...), usual, whole, 1<<30)
	}
}

// TestPartsTiny: small frames that count as large, since their headers may mean more than they
// decode to, are decoded many at a time.
func TestPartsTiny(t *testing.T) {
	severalCores(t)
	blocks := strings.Repeat("\x14\x00\x00\x00\x00", 16) + "\x15\x00\x00\x00\x00" // compressed, of nothing
	for _, frame := range []string{
		"\x28\xb5\x2f\xfd\x01\x00\x00\x01\x00\x00", // dictionary 0, which is none
		"\x28\xb5\x2f\xfd\x00\x58" + blocks,
	} {
		const frames = 10_000
		stored := bytes.Repeat([]byte(frame), frames)
		compareParts(t, stored, usual, whole, 1<<30)
		compareParts(t, append(bytes.Clone(stored), frameOf(t, rand.New(rand.NewPCG(1, 7)), []byte("few"))...), usual, whole, 1<<30)
		allocated := testing.AllocsPerRun(1, func() {
			r, release, err := partsReader(bufio.NewReader(bytes.NewReader(stored)), usual)
			if got, err := read(r, release, err, 1<<30); err != nil || len(got) > 0 {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
		if allocated > frames {
			t.Errorf("%.0f allocations for %d frames of %d bytes", allocated, frames, len(frame))
		}
	}
}

// TestPartsTaken: nearly all of a stream of many members or frames is decoded ahead, nothing of
// one, and what looks like members, but is contents, is not tried for ever.
func TestPartsTaken(t *testing.T) {
	severalCores(t)
	rnd := rand.New(rand.NewPCG(2, 7))
	var stored bytes.Buffer
	w := newPieces(t, &stored, Gzip)
	for i := range 2000 {
		w(imagetest.Content("x", i))
	}
	m := readMembers(t, stored.Bytes())
	if m.gained < stored.Len()*9/10 || m.lost > 0 {
		t.Errorf("of %d bytes %d are decoded ahead, %d in vain", stored.Len(), m.gained, m.lost)
	}
	stored.Reset()
	w(imagetest.Content("x", 5_000_000))
	if m := readMembers(t, stored.Bytes()); m.gained > 0 || m.lost > 0 {
		t.Errorf("of one member %d bytes are decoded ahead, %d in vain", m.gained, m.lost)
	}
	inner := member(t, rnd, imagetest.Content("x", 1000))
	var all []byte
	for range 30 {
		var b bytes.Buffer
		w, _ := gzip.NewWriterLevel(&b, flate.NoCompression)
		_, _ = w.Write(bytes.Repeat(inner, 3_000_000/len(inner)))
		_ = w.Close()
		all = append(all, b.Bytes()...)
	}
	if m := readMembers(t, all); m.lost > 4<<20 {
		t.Errorf("of %d bytes %d are decoded in vain", len(all), m.lost)
	}
	stored.Reset()
	w = newPieces(t, &stored, Zstd)
	for i := range 2000 {
		w(imagetest.Content("x", i))
	}
	z, err := newZframes(bytes.NewReader(stored.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	if _, err := io.Copy(io.Discard, z); err != nil || z.gained != stored.Len() {
		t.Errorf("of %d bytes %d are decoded ahead, %v", stored.Len(), z.gained, err)
	}
}

func readMembers(t *testing.T, stored []byte) *members {
	t.Helper()
	m, err := newMembers(bytes.NewReader(stored))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if _, err := io.Copy(io.Discard, m); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestPartsBusy: nothing is decoded ahead while as many streams are read as there are cores, and
// the result is the same if that changes in between.
func TestPartsBusy(t *testing.T) {
	severalCores(t)
	rnd := rand.New(rand.NewPCG(4, 7))
	stored, _ := streams(t, rnd, Gzip, 300)
	want := decoded(t, stored)
	others := int32(runtime.GOMAXPROCS(0))
	reading.Add(others)
	defer func() { reading.Add(-others) }()
	m, err := newMembers(bytes.NewReader(stored))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	m.ahead.sizes = small
	var got []byte
	for buf := make([]byte, 20_000); err == nil; {
		var n int
		n, err = m.Read(buf[:1+rnd.IntN(len(buf))])
		got = append(got, buf[:n]...)
		if len(got) < len(want)/3 && (m.gained > 0 || m.current == parts{m.ahead}) {
			t.Fatal("parts are decoded though all cores are busy")
		}
		if len(got) > len(want)/3 {
			reading.Add(-others)
			if others = 0; rnd.IntN(3) == 0 {
				others = int32(runtime.GOMAXPROCS(0))
			}
			reading.Add(others)
		}
	}
	if err != io.EOF || !bytes.Equal(got, want) || m.gained == 0 {
		t.Errorf("%d of %d bytes, %v, %d ahead", len(got), len(want), err, m.gained)
	}
}

// TestPartsMemory: sizes that a stream claims, and what it decodes to, are bounded.
func TestPartsMemory(t *testing.T) {
	severalCores(t)
	zeros := make([]byte, 64<<20)
	var b bytes.Buffer
	newPieces(t, &b, Gzip)(zeros)
	one := b.Bytes()
	binary.LittleEndian.PutUint32(one[len(one)-4:], 8<<20) // a wrong size: it must not be taken
	stored := append(member(t, rand.New(rand.NewPCG(1, 1)), nil), bytes.Repeat(one, 20)...)
	r, release, err := partsReader(bufio.NewReader(bytes.NewReader(stored)), usual)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n, err := io.Copy(io.Discard, struct{ io.Reader }{r})
	runtime.ReadMemStats(&after)
	if err == nil || n != int64(len(zeros)) {
		t.Errorf("%d bytes, %v", n, err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 150<<20 {
		t.Errorf("it takes %d bytes", took)
	}
}

// TestPartsSource: an error of the source is the result, after what came before it.
func TestPartsSource(t *testing.T) {
	severalCores(t)
	broken := errors.New("the disk is broken")
	for _, c := range []Codec{Gzip, Zstd} {
		rnd := rand.New(rand.NewPCG(3, 7))
		stored, _ := streams(t, rnd, c, 50)
		all := decoded(t, stored)
		for range 50 {
			cut := 30 + rnd.IntN(len(stored)-30)
			r, release, err := partsReader(bufio.NewReader(io.MultiReader(bytes.NewReader(stored[:cut]), iotest.ErrReader(broken))), small)
			if err != nil {
				continue // it is in the first header
			}
			got, err := io.ReadAll(r)
			release()
			if !errors.Is(err, broken) && c == Gzip || err == nil || !bytes.HasPrefix(all, got) {
				t.Errorf("%s, cut at %d of %d: %v after %d bytes", c, cut, len(stored), err, len(got))
			}
		}
	}
}

// TestPartsStop: if reading stops in between, no goroutine is left.
func TestPartsStop(t *testing.T) {
	severalCores(t)
	before := runtime.NumGoroutine()
	for _, c := range []Codec{Gzip, Zstd} {
		stored, _ := streams(t, rand.New(rand.NewPCG(5, 7)), c, 200)
		for n := range 40 {
			r, release, err := partsReader(bufio.NewReader(bytes.NewReader(stored)), small)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.CopyN(io.Discard, r, int64(n*1000)); err != nil {
				t.Fatal(err)
			}
			release()
		}
	}
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

// FuzzParts holds decoding ahead to decoding one after another.
func FuzzParts(f *testing.F) {
	severalCores(f)
	rnd := rand.New(rand.NewPCG(9, 7))
	for _, c := range []Codec{Gzip, Zstd} {
		for range 8 {
			stored, _ := streams(f, rnd, c, 10)
			f.Add(stored, uint16(rnd.Uint32()))
		}
	}
	f.Fuzz(func(t *testing.T, stored []byte, part uint16) {
		if c := Of(stored[:min(len(stored), MagicSize)]); c != Gzip && c != Zstd {
			return
		}
		s := small
		s.part = 1 + int(part)
		s.maxPart = 5000 + s.part
		compareParts(t, stored, s, whole, 4<<20)
	})
}
