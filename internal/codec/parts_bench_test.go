//go:build unix

package codec

import (
	"archive/tar"
	"bufio"
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// layerOf writes the files of this system, up to 200 MB, as lazily pulled formats do: an
// entry's header is compressed on its own, and its content in pieces of at most chunk bytes.
func layerOf(b *testing.B, c Codec, chunk int) (stored []byte, size int64) {
	b.Helper()
	var out, entry bytes.Buffer
	w := newPieces(b, &out, c)
	t := tar.NewWriter(&entry)
	err := filepath.WalkDir("/usr", func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || size > 200e6 {
			return nil //nolint:nilerr // any files will do
		}
		content, err := os.ReadFile(p)
		if err != nil || len(content) > 30e6 {
			return nil //nolint:nilerr // any files will do
		}
		if err := t.WriteHeader(&tar.Header{Name: p[1:], Size: int64(len(content)), Mode: 0o644}); err != nil {
			return err
		}
		size += int64(entry.Len() + len(content))
		w(entry.Bytes())
		entry.Reset()
		for rest := content; len(rest) > 0; rest = rest[min(len(rest), chunk):] {
			w(rest[:min(len(rest), chunk)])
		}
		_, err = t.Write(content)
		entry.Next(len(content))
		return err
	})
	if err != nil || size < 1e6 {
		b.Skip("too few files", err)
	}
	return out.Bytes(), size
}

func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkParts decodes the same layers with one core and with several, in turn: serial/wall
// is how much less time several cores take, serial/cpu how much less processor time. gzip is
// decoded ahead as on a machine with more cores than there are.
func BenchmarkParts(b *testing.B) {
	reading.Add(-1)
	defer reading.Add(1)
	for _, bench := range []struct {
		name  string
		codec Codec
		chunk int
	}{
		{"estargz", Gzip, 4 << 20}, {"bgzip", Gzip, 64 << 10}, {"zstd-chunked", Zstd, 1 << 30}, {"zstd-podman", Zstd, 64 << 10},
	} {
		b.Run(bench.name, func(b *testing.B) {
			get := sync.OnceValues(func() ([]byte, int64) { return layerOf(b, bench.codec, bench.chunk) })
			stored, size := get()
			b.SetBytes(size)
			serial := func() (io.Reader, func(), error) {
				return serialReader(bufio.NewReaderSize(bytes.NewReader(stored), 64<<10))
			}
			parts := func() (io.Reader, func(), error) {
				return Decompress(bufio.NewReaderSize(bytes.NewReader(stored), 64<<10))
			}
			var wall, used [2]time.Duration
			for b.Loop() {
				for i, open := range []func() (io.Reader, func(), error){serial, parts} {
					start, before := time.Now(), cpu()
					r, release, err := open()
					if err != nil {
						b.Fatal(err)
					}
					n, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{r}, make([]byte, 256<<10))
					if err != nil || n < size {
						b.Fatal(n, err)
					}
					release()
					wall[i] += time.Since(start)
					used[i] += cpu() - before
				}
			}
			b.ReportMetric(float64(wall[0])/float64(wall[1]), "serial/wall")
			b.ReportMetric(float64(used[0])/float64(used[1]), "serial/cpu")
			for i, of := range []string{"serial", "parts"} {
				b.ReportMetric(wall[i].Seconds()/float64(b.N), of+"-s/op")
				b.ReportMetric(used[i].Seconds()/float64(b.N), of+"-cpu-s/op")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}
