//go:build !race

package audit_test

import (
	"os"
	"path/filepath"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/host"
)

// TestExampleSqueezed squeezes the example's images: what was wasted is gone, and what is
// left is what a container sees.
func TestExampleSqueezed(t *testing.T) {
	if testing.Short() {
		t.Skip("decompresses and compresses more than a GB")
	}
	for _, name := range []string{"original", "optimized", "wheel"} {
		t.Run(name, func(t *testing.T) {
			archive := filepath.Join("../../.cache/example/images", name+".tar")
			if _, err := os.Stat(archive); err != nil {
				t.Skip("no images of the example: run make images")
			}
			env, err := host.System(host.SystemOptions{NoIndexCache: true})
			if err != nil {
				t.Fatal(err)
			}
			in, err := audit.Inspect(t.Context(), env, archive, audit.InspectOptions{})
			if err != nil {
				t.Fatal(err)
			}
			s, err := audit.Squeeze(t.Context(), env, archive, audit.SqueezeOptions{RewriteBase: true})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			r := s.Report
			t.Logf("%s wasted; %s stored and %s of files became %s and %s", whittle.Bytes(in.Sizes.Wasted), whittle.Bytes(r.Before.Stored), whittle.Bytes(r.Before.Size), whittle.Bytes(r.After.Stored), whittle.Bytes(r.After.Size))
			if r.Before.Size-r.After.Size != in.Sizes.Wasted || r.After.Size != in.Sizes.Visible || r.After.Size != r.Tree.Bytes {
				t.Errorf("%d wasted, %d visible, %d of the tree; %d became %d", in.Sizes.Wasted, in.Sizes.Visible, r.Tree.Bytes, r.Before.Size, r.After.Size)
			}
			if in.Sizes.Wasted == 0 || r.After.Stored >= r.Before.Stored {
				t.Errorf("%d wasted, %d stored became %d", in.Sizes.Wasted, r.Before.Stored, r.After.Stored)
			}
		})
	}
}
