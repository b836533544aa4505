package ready

import (
	"archive/tar"
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"whittle.dev/whittle/internal/imagetest"
)

// BenchmarkUnpack unpacks a layer of the Go installation's sources, up to 160 MB of small
// text files, in each compression; the one called tar is GNU tar's time for the gzip
// layer, which checks no digest.
func BenchmarkUnpack(b *testing.B) {
	text, entries := goSources(b)
	bounds := Bounds{Bytes: int64(len(text)), Entries: entries}
	for _, compression := range []imagetest.Codec{imagetest.Plain, imagetest.Gzip, imagetest.Zstd} {
		img := imagetest.FromTars(b, compression, text)
		b.Run(string(compression), func(b *testing.B) {
			dir := b.TempDir()
			b.SetBytes(int64(len(text)))
			seconds := 0.0
			for b.Loop() {
				u, err := Unpack(b.Context(), img.Layers(), dir, bounds, Known{})
				imagetest.Must(b, err)
				seconds += u.Seconds
			}
			b.ReportMetric(seconds/float64(b.N), "s/unpacked") // removing the files is not in it
			b.ReportMetric(float64(entries), "entries")
		})
	}
	b.Run("tar", func(b *testing.B) {
		file := filepath.Join(b.TempDir(), "layer.tar.gz")
		imagetest.Must(b, os.WriteFile(file, imagetest.Compress(b, imagetest.Gzip, text), 0o600))
		dir := b.TempDir()
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			imagetest.Must(b, exec.CommandContext(b.Context(), "tar", "-xzf", file, "-C", dir).Run())
			b.StopTimer()
			imagetest.Must(b, os.RemoveAll(filepath.Join(dir, "usr")))
			b.StartTimer()
		}
	})
}

// goSources is a tar of the Go installation, and the number of its entries.
func goSources(b *testing.B) ([]byte, int) {
	b.Helper()
	out, err := exec.CommandContext(b.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		b.Skip("go is not there: ", err)
	}
	root, entries := string(bytes.TrimSpace(out)), 0
	var text bytes.Buffer
	w := tar.NewWriter(&text)
	imagetest.Must(b, filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || text.Len() > 160e6 {
			return err
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		entries++
		if err := w.WriteHeader(&tar.Header{Name: "usr/local/go/" + filepath.ToSlash(rel), Size: int64(len(content)), Mode: 0o644}); err != nil {
			return err
		}
		_, err = w.Write(content)
		return err
	}))
	imagetest.Must(b, w.Close())
	return text.Bytes(), entries
}
