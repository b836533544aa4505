package squeeze

import (
	"context"
	"testing"

	"whittle.dev/whittle/internal/codec"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/index"
)

// TestLinear: squeezing takes time and memory by the number of files, with a table of
// contents, too.
func TestLinear(t *testing.T) {
	var cases []imagetest.Growth
	for _, c := range []codec.Codec{"", codec.ZstdChunked} {
		cases = append(cases, imagetest.Growth{Name: "files " + string(c), Most: 16384, Make: func(n int) func() {
			img := imagetest.New(t, imagetest.Gzip, imagetest.Lines(n, "f usr/lib/d%[1]d/file%[1]d 20\n"), imagetest.Lines(n/8, "w usr/lib/d%[1]d\n"))
			indexes, err := index.All(context.Background(), img, index.Options{Hash: true})
			imagetest.Must(t, err)
			return func() {
				_, err := Run(context.Background(), img, indexes, Job{Compression: Compression{Codec: c}, Dir: t.TempDir()})
				imagetest.Must(t, err)
			}
		}})
	}
	imagetest.Linear(t, cases...)
}
