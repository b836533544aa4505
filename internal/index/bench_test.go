package index

import (
	"archive/tar"
	"bufio"
	"bytes"
	stdgzip "compress/gzip"
	"context"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/codec"
	"whittle.dev/whittle/internal/imagetest"
)

// goTar is a tar of the Go installation: source text, archives and programs,
// up to 160 MB.
var goTar = sync.OnceValues(func() ([]byte, error) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, err
	}
	root := strings.TrimSpace(string(out))
	err = filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || buf.Len() > 160e6 {
			return err
		}
		data, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, p)
		if err := w.WriteHeader(&tar.Header{Name: "usr/local/go/" + rel, Size: int64(len(data)), Mode: 0o644}); err != nil {
			return err
		}
		_, err = w.Write(data)
		return err
	})
	if err == nil {
		err = w.Close()
	}
	return buf.Bytes(), err
})

func benchLayer(b *testing.B, codec imagetest.Codec) (*imagetest.Layer, int64) {
	b.Helper()
	raw, err := goTar()
	if err != nil {
		b.Fatal(err)
	}
	return imagetest.NewLayer(b, codec, raw), int64(len(raw))
}

// BenchmarkRead prints the time for each codec, and for compressed layers the
// ratio to a bare decompression of the same bytes in the same run.
func BenchmarkRead(b *testing.B) {
	for _, codec := range codecs {
		for _, hash := range []bool{false, true} {
			name := string(codec)
			if hash {
				name += "-hashed"
			}
			b.Run(name, func(b *testing.B) {
				layer, size := benchLayer(b, codec)
				b.SetBytes(size)
				b.ReportAllocs()
				var floor time.Duration
				entries := 0
				for b.Loop() {
					idx, err := Read(context.Background(), layer, Options{Hash: hash})
					if err != nil {
						b.Fatal(err)
					}
					entries = len(idx.Entries)
					b.StopTimer()
					floor += bare(b, codec, layer.Stored)
					b.StartTimer()
				}
				b.ReportMetric(float64(entries), "entries")
				if codec != imagetest.Plain {
					b.ReportMetric(b.Elapsed().Seconds()/floor.Seconds(), "times-the-floor")
				}
			})
		}
	}
}

// bare is how long a decompression takes with nothing else.
func bare(b *testing.B, codec imagetest.Codec, stored []byte) time.Duration {
	start := time.Now()
	var r io.Reader
	var err error
	switch codec {
	case imagetest.Gzip:
		r, err = gzip.NewReader(bytes.NewReader(stored))
	case imagetest.Zstd:
		r, err = zstd.NewReader(bytes.NewReader(stored))
	default:
		return 0
	}
	if err == nil {
		_, err = io.Copy(io.Discard, r)
	}
	if err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}

func BenchmarkCache(b *testing.B) {
	layer, _ := benchLayer(b, imagetest.Plain)
	idx, err := Read(context.Background(), layer, Options{Hash: true})
	if err != nil {
		b.Fatal(err)
	}
	cache, err := OpenCache(b.TempDir(), 0)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("put", func(b *testing.B) {
		for b.Loop() {
			if err := cache.Put(idx, Cost{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("get", func(b *testing.B) {
		var got *whittle.Index
		for b.Loop() {
			got, _, _ = cache.Get(idx.DiffID)
		}
		if got == nil {
			b.Fatal("not there")
		}
		b.ReportMetric(float64(len(got.Entries)), "entries")
	})
}

func BenchmarkGunzip(b *testing.B) {
	raw, err := goTar()
	if err != nil {
		b.Fatal(err)
	}
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := w.Write(raw); err != nil {
		b.Fatal(err)
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	run := func(name string, open func(io.Reader) (io.Reader, error)) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				r, err := open(bytes.NewReader(buf.Bytes()))
				if err != nil {
					b.Fatal(err)
				}
				if n, err := io.Copy(io.Discard, onlyReader{r}); err != nil || n != int64(len(raw)) {
					b.Fatal(n, err)
				}
			}
		})
	}
	run("ours", func(r io.Reader) (io.Reader, error) {
		dec, release, err := codec.Decompress(bufio.NewReader(r))
		if err == nil {
			b.Cleanup(release)
		}
		return dec, err
	})
	run("klauspost", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) })
	run("std", func(r io.Reader) (io.Reader, error) { return stdgzip.NewReader(r) })
}
