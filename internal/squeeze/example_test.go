//go:build !race

package squeeze

import (
	"os"
	"path/filepath"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/index"
	"whittle.dev/whittle/internal/ledger"
	"whittle.dev/whittle/internal/source"
)

// TestExampleSqueezed plans the example's images without what is wasted: what is left is
// what a container sees, to the byte. Layers are not compressed again here: one that gets no
// smaller by that is left alone when an image is written.
func TestExampleSqueezed(t *testing.T) {
	if testing.Short() {
		t.Skip("decompresses more than a GB")
	}
	for _, name := range []string{"original", "optimized", "wheel"} {
		t.Run(name, func(t *testing.T) {
			archive := filepath.Join("../../.cache/example/images", name+".tar")
			if _, err := os.Stat(archive); err != nil {
				t.Skip("no images of the example: run make images")
			}
			img, err := source.Open(t.Context(), archive, source.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer img.Close()
			indexes, err := index.All(t.Context(), img, index.Options{Hash: true})
			if err != nil {
				t.Fatal(err)
			}
			plan, err := Find(t.Context(), indexes, Options{})
			if err != nil {
				t.Fatal(err)
			}
			kept, _ := filtered(indexes, plan.Keep)
			after, err := ledger.Build(kept, ledger.Options{})
			if err != nil {
				t.Fatal(err)
			}
			was, is := plan.Ledger.Sum(), after.Sum()
			t.Logf("%s, %s of them wasted, become %s", whittle.Bytes(was.Size), whittle.Bytes(was.Wasted), whittle.Bytes(is.Size))
			if was.Wasted == 0 || is.Wasted != 0 || is.Size != was.Visible || is.Size != was.Size-was.Wasted {
				t.Errorf("%+v became %+v", was, is)
			}
			if a, b := FromLedger(indexes, plan.Ledger).Sum(), FromLedger(kept, after).Sum(); a != b || a.Bytes != is.Size {
				t.Errorf("the tree is %+v, not %+v", b, a)
			}
		})
	}
}
