package sha256parts

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// forms are the streams with and without the processor's instructions.
func forms() map[string]func() *Stream {
	out := map[string]func() *Stream{"plain": func() *Stream { return newStream(false) }}
	if accelerated {
		out["accelerated"] = func() *Stream { return newStream(true) }
	}
	return out
}

// random are n bytes.
func random(seed uint64, n int) []byte {
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	b := make([]byte, n)
	_, _ = r.Read(b)
	return b
}

// TestLengths tries every length up to four blocks, with a part from each of its bytes on, to
// each of its bytes.
func TestLengths(t *testing.T) {
	data := random(1, 4*sha256.BlockSize+1)
	for name, newStream := range forms() {
		t.Run(name, func(t *testing.T) {
			for n := range len(data) {
				want := sha256.Sum256(data[:n])
				for from := 0; from <= n; from++ {
					s := newStream()
					_, _ = s.Write(data[:from])
					s.Begin()
					to := from + (n-from)/2 + n%3
					to = min(to, n)
					_, _ = s.Write(data[from:to])
					if s.Sum() != sha256.Sum256(data[:to]) {
						t.Fatalf("the digest of %d bytes within a part from %d on is wrong", to, from)
					}
					if s.End() != sha256.Sum256(data[from:to]) {
						t.Fatalf("the digest of bytes %d to %d is wrong", from, to)
					}
					_, _ = s.Write(data[to:n])
					if s.Sum() != want {
						t.Fatalf("the digest of %d bytes with a part of %d to %d is wrong", n, from, to)
					}
				}
			}
		})
	}
}

// TestSplits writes bytes in two and three pieces, split everywhere, all of them a part.
func TestSplits(t *testing.T) {
	data := random(2, 3*sha256.BlockSize+7)
	want := sha256.Sum256(data)
	for name, newStream := range forms() {
		t.Run(name, func(t *testing.T) {
			for i := range data {
				for j := i; j < len(data); j++ {
					s := newStream()
					s.Begin()
					for _, p := range [][]byte{data[:i], data[i:j], data[j:]} {
						if n, err := s.Write(p); n != len(p) || err != nil {
							t.Fatal(n, err)
						}
					}
					if part, whole := s.End(), s.Sum(); part != want || whole != want {
						t.Fatalf("split at %d and %d: %x, %x, not %x", i, j, part, whole, want)
					}
				}
			}
		})
	}
}

// TestGivenUp: a part that has not ended does not change the next one.
func TestGivenUp(t *testing.T) {
	for name, newStream := range forms() {
		for _, offset := range []int{0, 5, sha256.BlockSize} {
			s := newStream()
			_, _ = s.Write(make([]byte, offset))
			s.Begin()
			_, _ = s.Write([]byte("given up"))
			s.Begin()
			_, _ = s.Write([]byte("abc"))
			if s.End() != sha256.Sum256([]byte("abc")) {
				t.Errorf("%s, after %d bytes: the part has what was written before it", name, offset)
			}
		}
	}
}

// TestUnaligned: what is hashed may be anywhere in memory, and the bytes around it do not
// matter.
func TestUnaligned(t *testing.T) {
	data := random(3, 1024)
	for name, newStream := range forms() {
		for from := range 64 {
			s := newStream()
			_, _ = s.Write(data[from : from+900])
			if s.Sum() != sha256.Sum256(data[from:from+900]) {
				t.Errorf("%s: wrong at an offset of %d bytes", name, from)
			}
		}
	}
}

// FuzzParts writes data in pieces, with parts: each byte of a script is an action on the next
// bytes.
func FuzzParts(f *testing.F) {
	f.Add(random(4, 3000), []byte{0x40, 0xff, 0x80, 0x41, 0x22, 0x81, 0xc0})
	f.Add(random(5, 700), []byte{0x01, 0x40, 0x3f, 0x3f, 0x80, 0x3f, 0x40, 0x81})
	f.Add([]byte{}, []byte{0x40, 0x80})
	f.Fuzz(func(t *testing.T, data, script []byte) {
		for name, newStream := range forms() {
			s := newStream()
			at, began := 0, -1
			for _, action := range script {
				switch action >> 6 {
				case 1:
					s.Begin()
					began = at
				case 2:
					if began >= 0 && s.End() != sha256.Sum256(data[began:at]) {
						t.Fatalf("%s: the part of bytes %d to %d", name, began, at)
					}
					began = -1
				default: // 0: some bytes, 3: some blocks
					n := int(action & 0x3f)
					if action >= 0xc0 {
						n *= sha256.BlockSize
					}
					n = min(n, len(data)-at)
					_, _ = s.Write(data[at : at+n])
					at += n
				}
				if s.Sum() != sha256.Sum256(data[:at]) {
					t.Fatalf("%s: the first %d bytes", name, at)
				}
			}
		}
	})
}

// TestLong has more than 2^32 bits, so that the length has more than 32.
func TestLong(t *testing.T) {
	if testing.Short() {
		t.Skip("hashes 0.6 GB")
	}
	block := random(6, 1<<20)
	want := sha256.New()
	s := New()
	s.Begin()
	for range 600 {
		want.Write(block)
		_, _ = s.Write(block)
	}
	part, whole := s.End(), s.Sum()
	if sum := want.Sum(nil); !bytes.Equal(sum, part[:]) || !bytes.Equal(sum, whole[:]) {
		t.Fatalf("%x, %x, not %x", part, whole, sum)
	}
}

// BenchmarkParts prints how much faster a stream of files is hashed together with each file than
// by two passes of crypto/sha256.
func BenchmarkParts(b *testing.B) {
	for _, size := range []int{512, 4 << 10, 32 << 10, 1 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			file := random(7, size)
			b.SetBytes(int64(size))
			var twice time.Duration
			s, whole, part := New(), sha256.New(), sha256.New()
			for b.Loop() {
				s.Begin()
				_, _ = s.Write(file)
				sum := s.End()
				b.StopTimer()
				start := time.Now()
				part.Reset()
				part.Write(file)
				whole.Write(file)
				if !bytes.Equal(part.Sum(nil), sum[:]) {
					b.Fatal("another digest")
				}
				twice += time.Since(start)
				b.StartTimer()
			}
			b.ReportMetric(twice.Seconds()/b.Elapsed().Seconds(), "times-faster")
		})
	}
}
